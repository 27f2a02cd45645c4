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

pub(crate) use bert::encoder;
