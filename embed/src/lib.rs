//! Text to vector.
//!
//! Two engines run all-MiniLM-L6-v2 and give the same vectors under the same id: [`MiniLm`] on
//! fastembed and the ONNX Runtime library, fastest for many texts, and [`DirectMiniLm`] on the weights
//! alone, ready soonest. [`install`] gets library and model, checks them, and makes them ready;
//! [`OllamaEmbedder`] asks a server; [`HashEmbedder`] needs no model and serves tests; [`WordPiece`] counts tokens. Nothing here reads the environment or chooses a
//! folder: paths are arguments. Nothing is downloaded unless [`install`] is called.

mod beginning;
mod direct;
mod error;
mod hash;
mod install;
mod minilm;
mod ollama;
mod onnx;
mod pinned;
mod runtime;
mod shape;
mod tensors;
mod tokenizer;
mod word_piece;

pub use direct::DirectMiniLm;
pub use error::InstallError;
pub use hash::HashEmbedder;
pub use install::{
    DEFAULT_HUB, FileState, FileStatus, InstallOptions, Library, ModelFiles, Network, Progress,
    install, status,
};
pub use minilm::MiniLm;
pub use ollama::{OllamaEmbedder, OllamaError};
pub use word_piece::WordPiece;
