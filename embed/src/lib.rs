//! Text to vector.
//!
//! [`MiniLm`] runs all-MiniLM-L6-v2 on fastembed and the ONNX Runtime library; [`install`] gets that
//! library and the model, checks them, and makes them ready; [`HashEmbedder`] needs no model and
//! serves tests; [`WordPiece`] counts tokens. Nothing here reads the environment or chooses a
//! folder: paths are arguments. Nothing is downloaded unless [`install`] is called.

mod error;
mod hash;
mod install;
mod minilm;
mod onnx;
mod pinned;
mod runtime;
mod word_piece;

pub use error::InstallError;
pub use hash::HashEmbedder;
pub use install::{
    DEFAULT_HUB, FileState, FileStatus, InstallOptions, ModelFiles, Network, Progress, install,
    status,
};
pub use minilm::MiniLm;
pub use word_piece::WordPiece;
