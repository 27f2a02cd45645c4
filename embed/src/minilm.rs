//! The default embedder: all-MiniLM-L6-v2 on fastembed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::{fmt, io};

use fastembed::{
    InitOptionsUserDefined, Pooling, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel,
};
use garner_kernel::{EmbedError, Embedder, EmbedderId, FieldHasher, Vector};

use crate::beginning::beginning;
use crate::install::ModelFiles;
use crate::onnx;
use crate::pinned::{MODEL, TOKENIZER, WEIGHTS};
use crate::runtime::{self, Failure};
use crate::shape::{MAX_TOKENS, MINI_LM};
use crate::tensors::Tensors;

/// all-MiniLM-L6-v2: 384 dimensions, mean of the tokens, at most 256 tokens of a text.
///
/// Calls from several threads take turns.
pub struct MiniLm {
    engine: Mutex<TextEmbedding>,
    id: EmbedderId,
}

impl MiniLm {
    /// Loads library, weights and tokenizer; at most `threads` threads work on one call.
    ///
    /// The first call of a process decides which inference library is loaded. Files without a library
    /// are [`EmbedError::NotInstalled`]: [`crate::DirectMiniLm`] needs none.
    pub fn open(files: &ModelFiles, threads: usize) -> Result<Self, EmbedError> {
        let engine = load(files, threads.max(1)).map_err(|failure| explain(failure, files))?;
        Ok(Self { engine: Mutex::new(engine), id: Self::id_of_model() })
    }

    /// Returns the id of every [`MiniLm`], whatever the machine: a digest of weights, tokenizer,
    /// pooling and limit.
    pub fn id_of_model() -> EmbedderId {
        let mut hasher = FieldHasher::new("garner embedder 1");
        hasher
            .field(WEIGHTS.digest().as_bytes())
            .field(TOKENIZER.digest().as_bytes())
            .field(b"mean")
            .field(&(MAX_TOKENS as u64).to_le_bytes());
        EmbedderId::new(hasher.finish())
    }

    fn run(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        runtime::guarded(|| Ok(engine.embed(texts, Some(BATCH))?))
            .map_err(|source| EmbedError::Engine { model: MODEL.to_owned(), source })
    }
}

impl Embedder for MiniLm {
    fn id(&self) -> EmbedderId {
        self.id
    }

    fn name(&self) -> &'static str {
        MODEL
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        // A batch is padded to its longest text, so texts of like length go together.
        let mut order: Vec<(usize, &str)> =
            texts.iter().map(|text| beginning(text)).enumerate().collect();
        order.sort_by_key(|(_, text)| text.len());
        let sorted: Vec<&str> = order.iter().map(|(_, text)| *text).collect();
        let raw = self.run(&sorted)?;

        let mut vectors = Vec::with_capacity(texts.len());
        for ((index, _), components) in order.into_iter().zip(raw) {
            let vector = Some(components)
                .filter(|components| components.len() == DIMENSIONS)
                .and_then(Vector::normalized)
                .ok_or_else(|| EmbedError::UnusableVector { model: MODEL.to_owned(), index })?;
            vectors.push((index, vector));
        }
        vectors.sort_by_key(|(index, _)| *index);
        Ok(vectors.into_iter().map(|(_, vector)| vector).collect())
    }
}

impl fmt::Debug for MiniLm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MiniLm").field("id", &self.id).finish_non_exhaustive()
    }
}

fn load(files: &ModelFiles, threads: usize) -> Result<TextEmbedding, Failure> {
    let tokenizer = fs::read(files.tokenizer())?;
    let (folder, weights) = split(&files.weights().canonicalize()?)?;
    let tensors = Tensors::read(File::open(files.weights())?)?;
    let graph = onnx::encoder(&tensors, &weights)?;
    let library = files.library().ok_or_else(|| Failure::from(NoLibrary))?;
    let environment = runtime::environment(library)?;
    // Tokenizing on all cores would break the promise about threads and gains little.
    tokenizers::parallelism::set_parallelism(false);

    let model = UserDefinedEmbeddingModel::new(graph, tokenizer_files(tokenizer))
        .with_pooling(Pooling::Mean);
    let options = InitOptionsUserDefined::new()
        .with_environment(environment)
        .with_max_length(MAX_TOKENS)
        .with_intra_threads(threads)
        .with_session_config(WEIGHTS_FOLDER, folder)
        // A memory must not keep a core busy between two queries.
        .with_session_config(SPINNING, "0");
    runtime::guarded(|| Ok(TextEmbedding::try_new_from_user_defined(model, options)?))
}

/// Splits the path of the weights into folder and name. The path is free of links, because the engine
/// refuses weights that lie in another folder than it was told.
fn split(weights: &Path) -> Result<(String, String), Failure> {
    let text = |part: Option<&OsStr>| part.and_then(OsStr::to_str).map(str::to_owned);
    text(weights.parent().map(Path::as_os_str))
        .zip(text(weights.file_name()))
        .ok_or_else(|| format!("the path `{}` is not Unicode", weights.display()).into())
}

/// The engine wants four files; of three it reads only these facts.
fn tokenizer_files(tokenizer_file: Vec<u8>) -> TokenizerFiles {
    TokenizerFiles {
        tokenizer_file,
        config_file: br#"{"pad_token_id":0}"#.to_vec(),
        special_tokens_map_file: b"{}".to_vec(),
        tokenizer_config_file: br#"{"model_max_length":512,"pad_token":"[PAD]"}"#.to_vec(),
    }
}

fn explain(failure: Failure, files: &ModelFiles) -> EmbedError {
    let missing = failure
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
    if missing {
        let path = files.all().find(|path| !path.exists()).unwrap_or(files.folder());
        return EmbedError::NotInstalled { missing: path.display().to_string() };
    }
    if failure.is::<NoLibrary>() {
        return EmbedError::NotInstalled { missing: NoLibrary.to_string() };
    }
    EmbedError::Engine { model: MODEL.to_owned(), source: failure }
}

/// The model was installed without a library.
#[derive(Debug, thiserror::Error)]
#[error("there is no ONNX Runtime library")]
struct NoLibrary;

/// The engine looks here for the weights that the graph refers to, and maps them.
const WEIGHTS_FOLDER: &str = "session.model_external_initializers_file_folder_path";
const SPINNING: &str = "session.intra_op.allow_spinning";

const DIMENSIONS: usize = MINI_LM.width;
/// Texts per pass: the attention scores of a full batch stay at 50 MB.
const BATCH: usize = 16;
