//! Ollama: `POST /api/chat` with the schema as its format, and in the prompt as well, since the
//! server does not show it to the model.

use garner_compiler::distil::{
    Answer, DistilError, Distiller, Prompt, Room, SchemaStyle, Usage, schema,
};
use garner_kernel::Text;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::http::{Http, Reach, Repeat, Reply, clipped, is_loopback};
use crate::patience::Patience;

const WHO: &str = "the Ollama server";
/// How much fits into one prompt and its answer: small models lose track of longer texts, and a
/// context of sixteen thousand tokens fits into the memory of small machines.
const ROOM: Room = Room { window: 16_000, answer: 3_072 };
/// The context that is asked for, in tokens: a window, instructions and schema at two bytes a
/// token, and the answer.
const CONTEXT: u32 = 16_384;

/// A model of an Ollama server.
#[derive(Debug)]
pub struct Ollama {
    http: Http,
    server: Url,
    model: String,
    schema: Value,
}

#[derive(Serialize)]
struct ChatRequest<'a> {
    model: &'a str,
    messages: [ChatMessage<'a>; 2],
    stream: bool,
    think: bool,
    format: &'a Value,
    options: Options,
}

#[derive(Serialize)]
struct ChatMessage<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct Options {
    temperature: u8,
    num_ctx: u32,
    num_predict: u32,
}

#[derive(Deserialize)]
struct ChatReply {
    #[serde(default)]
    message: Option<ChatText>,
    #[serde(default)]
    done_reason: Option<String>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
    #[serde(default)]
    eval_count: Option<u64>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct ChatText {
    #[serde(default)]
    content: String,
}

impl Ollama {
    /// Prepares a client for the server at `address` (`host`, `host:port` or a URL).
    ///
    /// # Errors
    /// [`Error::Address`] if it is not an address.
    pub fn new(address: &str, model: &str, patience: Patience) -> Result<Self, Error> {
        let refused = || Error::Address { url: clipped(address) };
        let whole = address.contains("://");
        let url = if whole { address.to_owned() } else { format!("http://{address}") };
        let mut server = Url::parse(&url).map_err(|_| refused())?;
        if server.port().is_none() && !whole {
            server.set_port(Some(11434)).map_err(|()| refused())?;
        }
        // A server that listens everywhere is asked at home.
        if matches!(server.host_str(), Some("0.0.0.0" | "[::]")) {
            server.set_host(Some("127.0.0.1")).map_err(|_| refused())?;
        }
        let http = Http::new(WHO, Reach::Direct, patience)?;
        let (model, schema) = (model.to_owned(), schema(SchemaStyle::Bounded));
        Ok(Self { http, server, model, schema })
    }

    /// Returns whether what it is sent stays on this machine, as far as its address tells.
    pub fn is_local(&self) -> bool {
        is_loopback(&self.server)
    }

    /// Returns the address of the server.
    pub fn server(&self) -> &str {
        self.server.as_str()
    }

    fn refusal(reply: &Reply) -> Error {
        let status = reply.status;
        let said = serde_json::from_slice::<ChatReply>(&reply.body).ok().and_then(|r| r.error);
        let said = said.map_or_else(|| format!("status {status}"), |said| clipped(&said));
        Error::Said { who: WHO, status, kind: String::new(), said }
    }

    fn send(&self, prompt: &Prompt) -> Result<ChatReply, Error> {
        let system = format!(
            "{}\n\nThe answer is one JSON object of this schema:\n{}",
            prompt.instructions, self.schema
        );
        let request = ChatRequest {
            model: &self.model,
            messages: [
                ChatMessage { role: "system", content: &system },
                ChatMessage { role: "user", content: prompt.text.as_str() },
            ],
            stream: false,
            think: false,
            format: &self.schema,
            options: Options { temperature: 0, num_ctx: CONTEXT, num_predict: ROOM.answer },
        };
        let refused = |_| Error::Address { url: self.server.to_string() };
        let url = self.server.join("api/chat").map_err(refused)?;
        let post = |client: &reqwest::Client| client.post(url.clone()).json(&request);
        let reply = self.http.send(&url, Repeat::Always, post)?;
        if reply.status != 200 {
            return Err(Self::refusal(&reply));
        }
        let reply: ChatReply = serde_json::from_slice(&reply.body)
            .map_err(|e| Error::Protocol { who: WHO, reason: clipped(&e.to_string()) })?;
        match &reply.error {
            Some(said) => {
                let (status, said) = (200, clipped(said));
                Err(Error::Said { who: WHO, status, kind: String::new(), said })
            }
            None => Ok(reply),
        }
    }
}

impl Distiller for Ollama {
    fn model(&self) -> &str {
        &self.model
    }

    fn room(&self) -> Room {
        ROOM
    }

    fn ask(&self, prompt: &Prompt) -> Result<Answer, DistilError> {
        let reply = self.send(prompt).map_err(Error::stopped)?;
        let usage = Usage {
            input: reply.prompt_eval_count.unwrap_or_default(),
            output: reply.eval_count.unwrap_or_default(),
            dollars: None,
        };
        if reply.done_reason.as_deref() == Some("length") {
            return Err(DistilError::CutOff { usage });
        }
        let text = reply.message.map(|message| message.content).unwrap_or_default();
        Ok(Answer { text: Text::new(text), usage })
    }
}
