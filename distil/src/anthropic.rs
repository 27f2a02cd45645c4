//! Anthropic's Messages API: one request for each window.

use garner_compiler::distil::{Answer, DistilError, Distiller, Prompt, Room, SchemaStyle, schema};
use reqwest::header::HeaderValue;
use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;

use crate::error::Error;
use crate::http::{Http, Reach, Repeat, Reply, clipped, is_loopback};
use crate::key::Key;
use crate::patience::Patience;
use crate::wire::{
    BatchItem, ErrorReply, InputMessage, Message, MessageRequest, OutputConfig, OutputFormat,
    VERSION,
};

/// Who is asked, in messages.
pub(crate) const WHO: &str = "Anthropic's API";
/// How much fits into one prompt and its answer: well within the context of every model that keeps
/// to a schema, and as much as one reads with care.
pub(crate) const ROOM: Room = Room { window: 40_000, answer: 8_192 };

/// Where a server is, how it is asked, and about which model.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The address, without `/v1`.
    pub base: String,
    /// The key.
    pub key: Key,
    /// The name of the model.
    pub model: String,
}

/// A model of Anthropic's Messages API.
#[derive(Debug)]
pub struct Anthropic {
    http: Http,
    base: Url,
    key: Key,
    model: String,
    schema: Value,
}

impl Anthropic {
    /// Where the API is unless somebody says otherwise.
    pub const BASE: &str = "https://api.anthropic.com";

    /// Prepares a client; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Address`] if the base is no address, [`Error::Clear`] if it is neither encrypted nor
    /// of this machine.
    pub fn new(connection: Connection, patience: Patience) -> Result<Self, Error> {
        let Connection { base: text, key, model } = connection;
        let refused = || Error::Address { url: clipped(&text) };
        let mut base = Url::parse(text.trim()).map_err(|_| refused())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(refused());
        }
        if base.scheme() == "http" && !is_loopback(&base) {
            return Err(Error::Clear { url: text });
        }
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        let reach = if is_loopback(&base) { Reach::Direct } else { Reach::Outside };
        let http = Http::new(WHO, reach, patience)?;
        Ok(Self { http, base, key, model, schema: schema(SchemaStyle::Plain) })
    }

    /// Returns the address of the server.
    pub fn server(&self) -> &str {
        self.base.as_str()
    }

    /// Returns the request about a prompt.
    pub(crate) fn request<'a>(&'a self, prompt: &'a Prompt) -> MessageRequest<'a> {
        MessageRequest {
            model: &self.model,
            max_tokens: ROOM.answer,
            system: prompt.instructions,
            messages: [InputMessage { role: "user", content: prompt.text.as_str() }],
            output_config: OutputConfig {
                format: OutputFormat { kind: "json_schema", schema: &self.schema },
            },
        }
    }

    /// Returns the request about a prompt as part of the batch with a mark.
    pub(crate) fn item<'a>(&'a self, prompt: &'a Prompt, mark: &str) -> BatchItem<'a> {
        let custom_id = format!("{}-{mark}", window(prompt));
        BatchItem { custom_id, params: self.request(prompt) }
    }

    /// Asks for a path of the API.
    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, Error> {
        self.call(path, Repeat::Always, Client::get)
    }

    /// Sends a body to a path of the API.
    pub(crate) fn post(&self, path: &str, repeat: Repeat, body: &[u8]) -> Result<Vec<u8>, Error> {
        self.call(path, repeat, |client, url| {
            client.post(url).header("content-type", "application/json").body(body.to_vec())
        })
    }

    /// Waits between two looks at a batch.
    pub(crate) fn wait(&self, pause: std::time::Duration) {
        self.http.wait(pause);
    }

    fn call(
        &self,
        path: &str,
        repeat: Repeat,
        request: impl Fn(&Client, Url) -> RequestBuilder,
    ) -> Result<Vec<u8>, Error> {
        let url = self.base.join(path).map_err(|_| Error::Address { url: path.to_owned() })?;
        let mut key = HeaderValue::from_str(self.key.expose())
            .map_err(|_| Error::Protocol { who: WHO, reason: "the key is no text".to_owned() })?;
        key.set_sensitive(true);
        let reply = self.http.send(&url, repeat, |client| {
            request(client, url.clone())
                .header("x-api-key", key.clone())
                .header("anthropic-version", VERSION)
        })?;
        if reply.status == 200 { Ok(reply.body) } else { Err(self.refusal(&reply)) }
    }

    fn refusal(&self, reply: &Reply) -> Error {
        let status = reply.status;
        let (kind, said) = match serde_json::from_slice::<ErrorReply>(&reply.body) {
            Ok(ErrorReply { error }) => {
                let said = clipped(&self.key.hidden_in(&error.message));
                (error.kind.clone(), format!("{said} ({})", clipped(&error.kind)))
            }
            Err(_) => (String::new(), format!("status {status}")),
        };
        Error::Said { who: WHO, status, kind, said }
    }
}

/// Returns by which name the window of a prompt is found again in the results of a batch.
pub(crate) fn window(prompt: &Prompt) -> String {
    prompt.window.to_string().chars().take(40).collect()
}

/// Returns what an error means for one prompt: that it is too long, or that none will be answered.
fn meaning(error: Error) -> DistilError {
    match &error {
        Error::Said { status: 413, .. } => DistilError::TooLong,
        Error::Said { status: 400, said, .. } if said.contains("prompt is too long") => {
            DistilError::TooLong
        }
        _ => error.stopped(),
    }
}

/// Reads JSON of a reply.
pub(crate) fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body)
        .map_err(|e| Error::Protocol { who: WHO, reason: clipped(&e.to_string()) })
}

impl Distiller for Anthropic {
    fn model(&self) -> &str {
        &self.model
    }

    fn room(&self) -> Room {
        ROOM
    }

    fn ask(&self, prompt: &Prompt) -> Result<Answer, DistilError> {
        let body = serde_json::to_vec(&self.request(prompt))
            .map_err(|e| DistilError::Unanswered { reason: e.to_string() })?;
        let reply = self.post("v1/messages", Repeat::Always, &body).map_err(meaning)?;
        read::<Message>(&reply).map_err(Error::stopped)?.answer()
    }
}
