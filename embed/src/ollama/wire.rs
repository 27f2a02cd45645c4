//! What goes over the wire, as much of it as is used.

use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize)]
pub(super) struct EmbedRequest<'a> {
    pub(super) model: &'a str,
    pub(super) input: &'a [&'a str],
    /// A text that is too long for the model is cut, not refused.
    pub(super) truncate: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct EmbedReply {
    pub(super) embeddings: Vec<Vec<f32>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TagsReply {
    #[serde(default)]
    pub(super) models: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    pub(super) name: String,
    #[serde(default)]
    pub(super) digest: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ErrorReply {
    pub(super) error: String,
}
