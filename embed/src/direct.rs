//! The same model without an inference library: the forward pass, written out.
//!
//! [`DirectMiniLm`] reads the layers out of the weights file as it needs them, so it is ready as soon
//! as the tokenizer is, and one question costs the memory of one layer. It knows one architecture
//! and 32-bit floats: no other model, no quantization, no graphics processor.

mod attention;
mod encoder;
mod layer;
mod numbers;
mod weights;

use std::fmt;

use garner_kernel::{EmbedError, Embedder, EmbedderId, Vector};
use tokenizers::Tokenizer;

use crate::beginning::beginning;
use crate::install::ModelFiles;
use crate::minilm::MiniLm;
use crate::pinned::MODEL;
use crate::shape::{MAX_TOKENS, MINI_LM};
use crate::tokenizer;
use encoder::Encoder;
use weights::{ReadError, WeightsFile};

/// all-MiniLM-L6-v2 from its weights alone, with the vectors and the id of [`MiniLm`].
///
/// The first call reads the weights layer by layer and keeps none of them; from the second call on
/// they stay in memory. Calls from several threads work beside each other.
pub struct DirectMiniLm {
    tokenizer: Tokenizer,
    marks: Marks,
    encoder: Encoder,
    id: EmbedderId,
}

/// The tokens at the start and the end of every text.
#[derive(Debug, Clone, Copy)]
struct Marks {
    start: u32,
    end: u32,
}

impl DirectMiniLm {
    /// Reads the tokenizer and looks where the weights are; at most `threads` threads work on one
    /// call. Needs no inference library.
    ///
    /// # Errors
    /// [`EmbedError::NotInstalled`] if a file is not there, [`EmbedError::Engine`] with the file and
    /// what is wrong with it if it is not the tokenizer or not the weights of this model.
    pub fn open(files: &ModelFiles, threads: usize) -> Result<Self, EmbedError> {
        let tokenizer = tokenizer::read(files.tokenizer())?;
        let mark = |name: &'static str| {
            tokenizer.token_to_id(name).ok_or_else(|| {
                let path = files.tokenizer().display();
                engine(format!("`{path}` has no token `{name}`"))
            })
        };
        let marks = Marks { start: mark("[CLS]")?, end: mark("[SEP]")? };
        let weights = WeightsFile::open(files.weights()).map_err(explain)?;
        let encoder = Encoder::open(weights, MINI_LM, threads.max(1)).map_err(explain)?;
        Ok(Self { tokenizer, marks, encoder, id: MiniLm::id_of_model() })
    }

    /// Returns the ids of a text's tokens, at most as many as the model reads.
    fn tokens(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        let encoding = self.tokenizer.encode_fast(beginning(text), false).map_err(engine)?;
        let inner = encoding.get_ids().iter().copied().take(MAX_TOKENS.saturating_sub(2));
        Ok([self.marks.start].into_iter().chain(inner).chain([self.marks.end]).collect())
    }
}

impl Embedder for DirectMiniLm {
    fn id(&self) -> EmbedderId {
        self.id
    }

    fn name(&self) -> &'static str {
        MODEL
    }

    fn dimensions(&self) -> usize {
        MINI_LM.width
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let texts: Result<Vec<_>, _> = texts.iter().map(|text| self.tokens(text)).collect();
        let raw = self.encoder.run(&texts?).map_err(explain)?;
        let vector = |(index, components)| {
            Vector::normalized(components)
                .ok_or_else(|| EmbedError::UnusableVector { model: MODEL.to_owned(), index })
        };
        raw.into_iter().enumerate().map(vector).collect()
    }
}

impl fmt::Debug for DirectMiniLm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectMiniLm").field("id", &self.id).finish_non_exhaustive()
    }
}

fn engine(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EmbedError {
    EmbedError::Engine { model: MODEL.to_owned(), source: source.into() }
}

fn explain(error: ReadError) -> EmbedError {
    match error {
        ReadError::Missing { path } => {
            EmbedError::NotInstalled { missing: path.display().to_string() }
        }
        other => engine(other),
    }
}
