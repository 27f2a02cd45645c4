//! Embeds with a model of an Ollama server.
//!
//! Speaks `GET /api/tags` and `POST /api/embed` itself: the client library knows neither the digest
//! of a model nor the status of a refusal. The address is an argument, and redirects are not followed,
//! so that texts go to that server and to no other.

mod error;
mod wire;

use std::thread;
use std::time::Duration;

use garner_kernel::{EmbedError, Embedder, EmbedderId, Explain as _, FieldHasher, Vector};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};

pub use error::OllamaError;
use wire::{EmbedReply, EmbedRequest, ErrorReply, TagsReply};

/// An embedding model of an Ollama server.
///
/// Its id is a digest of the model's name and of the digest that the server reports for it: the same
/// model on another server has the same id, and a model that was pulled anew has another one.
#[derive(Debug, Clone)]
pub struct OllamaEmbedder {
    server: Url,
    /// With its tag, as the server writes it.
    model: String,
    id: EmbedderId,
    dimensions: usize,
}

impl OllamaEmbedder {
    /// Asks the server at `address` (`host`, `host:port` or a URL) for the model, and embeds one word
    /// to learn its dimensions. Blocks; may be called from inside an async runtime.
    ///
    /// # Errors
    /// [`OllamaError::Unreachable`] if no server answers, [`OllamaError::NoModel`] if it has not
    /// pulled the model, and others if it does not do as its API promises.
    pub fn open(address: &str, model: &str) -> Result<Self, OllamaError> {
        let server = server(address)?;
        let (name, digest) = blocking(find(&server, model))?;
        let vectors = blocking(ask(&server, &name, &["dimensions"]))?;
        let dimensions = vectors.first().map(Vec::len).unwrap_or_default();
        if dimensions == 0 {
            return Err(OllamaError::NoVectors { model: name });
        }
        let mut hasher = FieldHasher::new("garner ollama embedder 1");
        hasher.field(name.as_bytes()).field(digest.as_bytes());
        Ok(Self { server, model: name, id: EmbedderId::new(hasher.finish()), dimensions })
    }

    fn vectors(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, OllamaError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            for vector in blocking(ask(&self.server, &self.model, batch))? {
                let (expected, actual) = (self.dimensions, vector.len());
                if actual != expected {
                    let model = self.model.clone();
                    return Err(OllamaError::Size { model, expected, actual });
                }
                vectors.push(vector);
            }
        }
        Ok(vectors)
    }
}

impl Embedder for OllamaEmbedder {
    fn id(&self) -> EmbedderId {
        self.id
    }

    fn name(&self) -> &str {
        &self.model
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let model = || self.model.clone();
        let raw = self.vectors(texts).map_err(|error| EmbedError::Server {
            model: model(),
            hint: error.hint().unwrap_or_default(),
            source: Box::new(error),
        })?;
        let vector = |(index, components)| {
            let unusable = || EmbedError::UnusableVector { model: model(), index };
            Vector::normalized(components).ok_or_else(unusable)
        };
        raw.into_iter().enumerate().map(vector).collect()
    }
}

/// Reads an address as Ollama's own programs do.
fn server(address: &str) -> Result<Url, OllamaError> {
    let refused = || OllamaError::Address { address: address.to_owned() };
    let whole = address.contains("://");
    let url = if whole { address.to_owned() } else { format!("http://{address}") };
    let mut url = Url::parse(&url).map_err(|_| refused())?;
    if url.port().is_none() && !whole {
        url.set_port(Some(11434)).map_err(|()| refused())?;
    }
    // A server that listens everywhere is asked at home.
    if matches!(url.host_str(), Some("0.0.0.0" | "[::]")) {
        url.set_host(Some("127.0.0.1")).map_err(|_| refused())?;
    }
    Ok(url)
}

/// Returns the name of a model with its tag, and its digest.
async fn find(server: &Url, model: &str) -> Result<(String, String), OllamaError> {
    let (request, url) = (client()?, join(server, "api/tags")?);
    let reply = request.get(url).send().await.map_err(|e| unreachable(server, e))?;
    let tags: TagsReply = read(server, reply).await?;
    // A name without a tag stands for the tag `latest`.
    let named = |name: &str| name == model || name.strip_suffix(":latest") == Some(model);
    match tags.models.iter().find(|known| named(&known.name)) {
        Some(known) if known.digest.is_empty() => {
            Err(OllamaError::Protocol { reason: format!("`{model}` has no digest") })
        }
        Some(known) => Ok((known.name.clone(), known.digest.clone())),
        None => Err(OllamaError::NoModel {
            server: server.to_string(),
            model: model.to_owned(),
            present: tags.models.into_iter().map(|known| known.name).collect(),
        }),
    }
}

/// Returns one list of numbers per text.
async fn ask(server: &Url, model: &str, texts: &[&str]) -> Result<Vec<Vec<f32>>, OllamaError> {
    let request = EmbedRequest { model, input: texts, truncate: true };
    let post = client()?.post(join(server, "api/embed")?).json(&request);
    let reply = post.send().await.map_err(|e| unreachable(server, e))?;
    if reply.status() == StatusCode::NOT_FOUND {
        let (server, model) = (server.to_string(), model.to_owned());
        return Err(OllamaError::NoModel { server, model, present: Vec::new() });
    }
    let reply: EmbedReply = read(server, reply).await?;
    let (expected, actual) = (texts.len(), reply.embeddings.len());
    if expected != actual {
        return Err(OllamaError::Count { model: model.to_owned(), expected, actual });
    }
    Ok(reply.embeddings)
}

/// Reads a whole reply of bounded length; a refusal is an error in the server's words.
async fn read<T: serde::de::DeserializeOwned>(
    server: &Url,
    mut reply: Response,
) -> Result<T, OllamaError> {
    let status = reply.status();
    let broken = |source: reqwest::Error| OllamaError::Broken {
        server: server.to_string(),
        source: source.without_url().into(),
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_REPLY {
            let reason = format!("the answer has more than {MAX_REPLY} bytes");
            return Err(OllamaError::Protocol { reason });
        }
    }
    if !status.is_success() {
        let said = serde_json::from_slice::<ErrorReply>(&bytes).map(|reply| reply.error);
        return Err(OllamaError::Refused { said: said.unwrap_or(format!("status {status}")) });
    }
    serde_json::from_slice(&bytes).map_err(|e| OllamaError::Protocol { reason: e.to_string() })
}

fn client() -> Result<Client, OllamaError> {
    let builder = Client::builder().connect_timeout(CONNECT).no_proxy().redirect(Policy::none());
    builder.build().map_err(|e| OllamaError::Client { source: e.into() })
}

fn join(server: &Url, path: &str) -> Result<Url, OllamaError> {
    server.join(path).map_err(|_| OllamaError::Address { address: server.to_string() })
}

fn unreachable(server: &Url, source: reqwest::Error) -> OllamaError {
    OllamaError::Unreachable { server: server.to_string(), source: source.without_url().into() }
}

/// Waits for the network on a thread of its own: the caller may be inside an async runtime, which
/// must not be entered again.
fn blocking<T: Send>(
    work: impl Future<Output = Result<T, OllamaError>> + Send,
) -> Result<T, OllamaError> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|e| OllamaError::Client { source: e.into() })?.block_on(work)
    };
    let stopped = || OllamaError::Client { source: "the thread of the request stopped".into() };
    thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|_| Err(stopped()))
}

/// How long a connection may take to open; a model may take its time to load.
const CONNECT: Duration = Duration::from_secs(3);
/// The texts of one request.
const BATCH: usize = 64;
/// A full batch of the widest models has 4 MB.
const MAX_REPLY: usize = 64 << 20;

#[cfg(test)]
mod tests;
