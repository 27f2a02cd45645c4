//! Turns the weights of a plain BERT encoder into an ONNX model.
//!
//! [`encoder`] writes the graph and refers to the weights file for every tensor (ONNX calls this
//! external data), so the 90 MB of weights exist once, as published, and the engine maps them into
//! memory instead of copying them. The graph has 31 kB and is made anew each time: there is no
//! second file to install, check or keep in step. It knows one architecture and fixed tensor names:
//! no general conversion, no pooling, no quantization.

mod bert;
mod graph;
mod protobuf;
mod tensors;

pub(crate) use bert::encoder;
pub(crate) use tensors::Tensors;

/// Why weights could not become an ONNX model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum OnnxError {
    /// The header of the weights file cannot be read.
    #[error("cannot read the header of the weights file")]
    Read(#[source] std::io::Error),
    /// The header of the weights file is larger than any that is known.
    #[error("the header of the weights file has {length} bytes, at most {limit} are read")]
    HeaderTooLarge {
        /// The length that the file declares.
        length: usize,
        /// The most that is read.
        limit: usize,
    },
    /// The header of the weights file is not what the format says.
    #[error("the header of the weights file is broken")]
    Header(#[source] serde_json::Error),
    /// The weights file has no such tensor, or of another type or shape.
    #[error("the weights file has no tensor `{name}` of 32-bit floats with the shape {shape:?}")]
    Tensor {
        /// The name of the tensor.
        name: String,
        /// The shape that the encoder needs.
        shape: Vec<usize>,
    },
}
