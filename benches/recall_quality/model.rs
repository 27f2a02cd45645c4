//! The embedding model, with the vectors of earlier runs.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use garner_embed::{MiniLm, ModelFiles};
use garner_kernel::{Digest, EmbedError, Embedder, EmbedderId, Vector};

use super::Result;

const THREADS: usize = 2;
/// The bytes of a digest.
const DIGEST: usize = 32;

/// all-MiniLM-L6-v2; a text that was embedded once is read from a file.
pub(crate) struct Model {
    inner: MiniLm,
    file: PathBuf,
    known: Mutex<HashMap<Digest, Vector>>,
}

impl Model {
    /// Opens the model where `garner` keeps it, and the vectors of earlier runs.
    pub(crate) fn open() -> Result<Self> {
        let path = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let cache = path("XDG_CACHE_HOME").or_else(|| path("HOME").map(|home| home.join(".cache")));
        let folder = path("GARNER_MODEL_DIR").or(cache.map(|cache| cache.join("garner/models")));
        let folder = folder.ok_or("no folder of the model")?;
        let files = ModelFiles::find(&folder, path("ORT_DYLIB_PATH").as_deref())?;
        let inner = MiniLm::open(&files, THREADS)?;
        let name = format!("recall-quality-{}.vectors", inner.id());
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let known = read(&fs::read(&file).unwrap_or_default(), inner.dimensions());
        Ok(Self { inner, file, known: Mutex::new(known) })
    }

    fn known(&self, text: &str) -> Option<Vector> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&Digest::of(text.as_bytes())).cloned()
    }

    /// Embeds texts and keeps their vectors; what cannot be written is embedded again next time.
    fn learn(&self, texts: &[&str]) -> std::result::Result<(), EmbedError> {
        let vectors = self.inner.embed(texts)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        for (text, vector) in texts.iter().zip(vectors) {
            let digest = Digest::of(text.as_bytes());
            bytes.extend_from_slice(digest.as_bytes());
            bytes.extend(vector.as_slice().iter().flat_map(|component| component.to_le_bytes()));
            known.insert(digest, vector);
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.file);
        let _ = file.and_then(|mut file| file.write_all(&bytes));
        Ok(())
    }
}

impl Embedder for Model {
    fn id(&self) -> EmbedderId {
        self.inner.id()
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn dimensions(&self) -> usize {
        self.inner.dimensions()
    }

    fn embed(&self, texts: &[&str]) -> std::result::Result<Vec<Vector>, EmbedError> {
        let unknown: Vec<&str> =
            texts.iter().copied().filter(|text| self.known(text).is_none()).collect();
        if !unknown.is_empty() {
            self.learn(&unknown)?;
        }
        Ok(texts.iter().filter_map(|text| self.known(text)).collect())
    }
}

fn read(bytes: &[u8], dimensions: usize) -> HashMap<Digest, Vector> {
    let record = |record: &[u8]| {
        let (digest, components) = record.split_first_chunk::<DIGEST>()?;
        let components = components.as_chunks::<4>().0.iter().map(|c| f32::from_le_bytes(*c));
        Some((Digest::from_bytes(*digest), Vector::normalized(components.collect())?))
    };
    bytes.chunks_exact(DIGEST + 4 * dimensions).filter_map(record).collect()
}
