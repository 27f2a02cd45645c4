//! The shape of the encoder, which both engines follow.

/// How large the parts of a BERT encoder are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    /// The components of a token between layers, and of a vector.
    pub(crate) width: usize,
    /// The components inside a feed-forward part.
    pub(crate) inner: usize,
    pub(crate) vocabulary: usize,
    pub(crate) positions: usize,
}

/// all-MiniLM-L6-v2.
pub(crate) const MINI_LM: Shape =
    Shape { layers: 6, heads: 12, width: 384, inner: 1536, vocabulary: 30522, positions: 512 };

/// What layer normalization adds to the variance.
pub(crate) const EPSILON: f32 = 1e-12;

/// The model was trained on texts of this length, in tokens; what follows is not read.
pub(crate) const MAX_TOKENS: usize = 256;
