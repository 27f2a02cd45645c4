//! What can go wrong with an Ollama server.

use garner_kernel::{Explain, Fault};

/// Why a model did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing listens at the address, or it cannot be reached.
    #[error("no Ollama server answers at {url}")]
    Unreachable {
        /// The address.
        url: String,
        /// What the network said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The address is not one.
    #[error("`{url}` is not the address of an Ollama server")]
    Address {
        /// The text.
        url: String,
    },
    /// The server does not have the model.
    #[error("the server at {url} has no model `{model}`")]
    NoModel {
        /// The address.
        url: String,
        /// The model that was asked for.
        model: String,
        /// The models that it has.
        present: Vec<String>,
    },
    /// The server answered with an error.
    #[error("the server said: {message}")]
    Refused {
        /// Its words.
        message: String,
    },
    /// The server's answer is not what its API promises.
    #[error("the server's answer cannot be read: {reason}")]
    Protocol {
        /// What is wrong with it.
        reason: String,
    },
    /// The connection broke in the middle of an answer.
    #[error("the connection to {url} broke in the middle of the answer")]
    Broken {
        /// The address.
        url: String,
        /// What the network said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer ended without the line that closes it.
    #[error("the answer ended early: the server may have stopped")]
    EndedEarly,
    /// The address to listen at cannot be had.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The server behind the proxy would be the proxy.
    #[error("the server at {address} would be this proxy itself")]
    Itself {
        /// The address.
        address: std::net::SocketAddr,
    },
    /// The certificates of this machine cannot be used.
    #[error("the certificates of this machine cannot be used: {reason}")]
    Certificates {
        /// Why.
        reason: String,
    },
    /// The system has no thread left.
    #[error("no thread can be started")]
    Thread(#[source] std::io::Error),
}

impl Explain for Error {
    fn fault(&self) -> Fault {
        match self {
            Self::Address { .. } | Self::Listen { .. } | Self::Itself { .. } => Fault::Input,
            Self::Certificates { .. } | Self::Thread(_) => Fault::Internal,
            Self::NoModel { .. } => Fault::Missing,
            _ => Fault::Offline,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreachable { .. } => {
                "start it with `ollama serve`, or name another with OLLAMA_HOST; \
                 `garner ask -n …` prints the prompt without a server"
            }
            Self::Listen { .. } => {
                "another program may listen there: name another address with `--listen`"
            }
            Self::Itself { .. } => "name the Ollama server with `--upstream 127.0.0.1:11434`",
            Self::Certificates { .. } | Self::Thread(_) => return None,
            Self::Address { .. } => "write it as `http://127.0.0.1:11434`",
            Self::NoModel { model, present, .. } if present.is_empty() => {
                return Some(format!("run `ollama pull {model}`"));
            }
            Self::NoModel { model, present, .. } => {
                let present = present.join(", ");
                return Some(format!("run `ollama pull {model}`, or ask one of: {present}"));
            }
            _ => "run the command again; the server's own log says more",
        };
        Some(hint.to_owned())
    }
}
