//! The seam between text and vectors: the trait that every embedder implements.

use std::fmt;

use crate::digest::Digest;
use crate::explain::{Explain, Fault};

/// Names the model, tokenizer and pooling that made a vector; vectors of different ids never mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmbedderId(Digest);

impl EmbedderId {
    /// Wraps the digest of model, tokenizer and pooling.
    pub const fn new(digest: Digest) -> Self {
        Self(digest)
    }

    /// Returns the digest.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for EmbedderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A vector of length 1 (Euclidean), one component per dimension of its embedder.
#[derive(Clone, PartialEq)]
pub struct Vector(Vec<f32>);

impl Vector {
    /// Scales `components` to length 1; `None` if they are empty, all zero or not finite.
    pub fn normalized(mut components: Vec<f32>) -> Option<Self> {
        let length = components.iter().map(|c| f64::from(*c) * f64::from(*c)).sum::<f64>().sqrt();
        if !length.is_finite() || length <= f64::EPSILON {
            return None;
        }
        for component in &mut components {
            #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
            let scaled = (f64::from(*component) / length) as f32;
            *component = scaled;
        }
        Some(Self(components))
    }

    /// Returns the components.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Returns the cosine of the angle to `other`, which must have as many dimensions.
    pub fn cosine(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }
}

impl fmt::Debug for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vector({} dimensions)", self.0.len())
    }
}

/// Turns texts into vectors.
pub trait Embedder: Send + Sync {
    /// Returns the id that is stored with each vector.
    fn id(&self) -> EmbedderId;

    /// Returns a name for people, such as `all-MiniLM-L6-v2`.
    fn name(&self) -> &str;

    /// Returns how many components each vector has.
    fn dimensions(&self) -> usize;

    /// Returns one vector per text, in order.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError>;
}

/// Why texts could not be turned into vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// A file of the model or the inference library is not there.
    #[error("the embedding model is not installed: {missing}")]
    NotInstalled {
        /// What is missing, with its path.
        missing: String,
    },
    /// The inference library or the model refused to work.
    #[error("the embedding model `{model}` failed")]
    Engine {
        /// The name of the embedder.
        model: String,
        /// What the engine said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A server that embeds could not be reached, or did not do as it should.
    #[error("the embedding server of `{model}` failed")]
    Server {
        /// The name of the embedder.
        model: String,
        /// What to do about it.
        hint: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The model gave a vector that is not finite, is all zeros or has the wrong size.
    #[error("the embedding model `{model}` gave an unusable vector for text {index}")]
    UnusableVector {
        /// The name of the embedder.
        model: String,
        /// The position of the text in the batch.
        index: usize,
    },
}

impl Explain for EmbedError {
    fn fault(&self) -> Fault {
        match self {
            Self::NotInstalled { .. } => Fault::Missing,
            Self::Server { .. } => Fault::Offline,
            Self::Engine { .. } | Self::UnusableVector { .. } => Fault::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Server { hint, .. } => Some(hint.clone()),
            _ => Some("run `garner model install` to fetch and check the model again".to_owned()),
        }
    }
}
