//! What can go wrong with an Ollama server that embeds.

use garner_kernel::{Explain, Fault};

/// What a library below said.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a server gave no vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OllamaError {
    /// The address is not one.
    #[error("`{address}` is not the address of an Ollama server")]
    Address {
        /// The text.
        address: String,
    },
    /// Nothing listens at the address, or it cannot be reached.
    #[error("no Ollama server answers at {server}")]
    Unreachable {
        /// The address.
        server: String,
        /// What the network said.
        #[source]
        source: Cause,
    },
    /// The connection broke in the middle of an answer.
    #[error("the connection to {server} broke in the middle of the answer")]
    Broken {
        /// The address.
        server: String,
        /// What the network said.
        #[source]
        source: Cause,
    },
    /// The server does not have the model.
    #[error("the Ollama server at {server} has no model `{model}`")]
    NoModel {
        /// The address.
        server: String,
        /// The model that was asked for.
        model: String,
        /// The models that it has, where it was asked.
        present: Vec<String>,
    },
    /// The server answered with an error.
    #[error("the Ollama server said: {said}")]
    Refused {
        /// Its words.
        said: String,
    },
    /// The server's answer is not what its API promises.
    #[error("the answer of the Ollama server cannot be read: {reason}")]
    Protocol {
        /// What is wrong with it.
        reason: String,
    },
    /// The model answered with nothing: it is not one that embeds.
    #[error("the model `{model}` gives no vectors")]
    NoVectors {
        /// The model.
        model: String,
    },
    /// There is not one vector for each text.
    #[error("the model `{model}` gave {actual} vectors for {expected} texts")]
    Count {
        /// The model.
        model: String,
        /// How many texts there were.
        expected: usize,
        /// How many vectors came.
        actual: usize,
    },
    /// A vector has another size than the first one.
    #[error("the model `{model}` gave a vector of {actual} numbers after one of {expected}")]
    Size {
        /// The model.
        model: String,
        /// The size of the first vector.
        expected: usize,
        /// The size of this one.
        actual: usize,
    },
    /// This machine could not make a request.
    #[error("cannot make a request")]
    Client {
        /// Why.
        #[source]
        source: Cause,
    },
}

impl Explain for OllamaError {
    fn fault(&self) -> Fault {
        match self {
            Self::Address { .. } => Fault::Input,
            Self::NoModel { .. } | Self::NoVectors { .. } => Fault::Missing,
            Self::Client { .. } => Fault::Internal,
            _ => Fault::Offline,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Address { .. } => "write it as `http://127.0.0.1:11434` in `OLLAMA_HOST`",
            Self::Unreachable { .. } => {
                "start it with `ollama serve`, or name another with `OLLAMA_HOST`"
            }
            Self::NoModel { model, present, .. } if present.is_empty() => {
                return Some(format!("run `ollama pull {model}`"));
            }
            Self::NoModel { model, present, .. } => {
                let present = present.join(", ");
                return Some(format!("run `ollama pull {model}`; the server has {present}"));
            }
            Self::NoVectors { .. } | Self::Count { .. } | Self::Size { .. } => {
                "set `GARNER_EMBEDDER` to a model that embeds, such as `ollama:nomic-embed-text`"
            }
            _ => "run the command again; the server's own log says more",
        };
        Some(hint.to_owned())
    }
}
