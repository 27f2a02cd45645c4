//! A client of an Ollama server: which models there are, what they are set to, and their answers.

use std::time::Duration;

use garner_loader::inject::Message;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::facts::{ModelFacts, ShowReply};
use crate::lines::{Lines, MAX_LINE};

/// How long a connection may take to open; an answer may take as long as it likes.
const CONNECT: Duration = Duration::from_secs(3);

/// What a server said at the end of an answer; every figure may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The tokens of the prompt.
    pub prompt_tokens: Option<u32>,
    /// The tokens of the answer.
    pub answer_tokens: Option<u32>,
    /// The fragments that a proxy in between put into the prompt, as its header names them.
    pub fragments: Option<String>,
    /// How many tokens they took there.
    pub tokens: Option<u32>,
    /// Why it put none into this turn.
    pub reason: Option<String>,
}

/// A connection to one Ollama server.
#[derive(Debug, Clone)]
pub struct Ollama {
    base: reqwest::Url,
    http: reqwest::Client,
}

#[derive(Serialize)]
struct ShowRequest<'a> {
    model: &'a str,
}

#[derive(Deserialize)]
struct ModelsReply {
    #[serde(default)]
    models: Vec<ModelRow>,
}

#[derive(Deserialize)]
struct ModelRow {
    #[serde(default)]
    name: String,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    context_length: Option<u32>,
}

#[derive(Serialize)]
struct ChatRequest<'a> {
    model: &'a str,
    messages: Vec<ChatMessage<'a>>,
    stream: bool,
}

#[derive(Serialize)]
struct ChatMessage<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Deserialize)]
struct ChatLine {
    #[serde(default)]
    message: Option<ChatText>,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    prompt_eval_count: Option<u32>,
    #[serde(default)]
    eval_count: Option<u32>,
}

#[derive(Deserialize)]
struct ChatText {
    #[serde(default)]
    content: String,
}

/// A model to be made.
#[derive(Debug, Serialize)]
pub struct NewModel<'a> {
    /// Its name.
    pub model: &'a str,
    /// The model that it is made of.
    pub from: &'a str,
    /// Its system text.
    pub system: &'a str,
}

#[derive(Deserialize)]
struct StatusLine {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct ErrorReply {
    error: String,
}

impl Ollama {
    /// Prepares a client for the server at `address` (`host`, `host:port` or a URL).
    ///
    /// # Errors
    /// [`Error::Address`] if it is not an address.
    pub fn new(address: &str) -> Result<Self, Error> {
        // A Garner in between adds nothing to what this one asks.
        Self::with_headers(address, own_headers())
    }

    /// Prepares a client of the proxy at `address`, which puts into prompts what it knows.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn through(address: &str) -> Result<Self, Error> {
        Self::with_headers(address, reqwest::header::HeaderMap::new())
    }

    fn with_headers(address: &str, headers: reqwest::header::HeaderMap) -> Result<Self, Error> {
        let refused = || Error::Address { url: address.to_owned() };
        let url =
            if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let mut base = reqwest::Url::parse(&url).map_err(|_| refused())?;
        if base.port().is_none() && !address.contains("://") {
            base.set_port(Some(11434)).map_err(|()| refused())?;
        }
        // A server that listens everywhere is asked at home.
        if matches!(base.host_str(), Some("0.0.0.0" | "[::]")) {
            base.set_host(Some("127.0.0.1")).map_err(|_| refused())?;
        }
        // Paths are joined to it.
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .no_proxy()
            .default_headers(headers)
            .build()
            .map_err(|_| refused())?;
        Ok(Self { base, http })
    }

    /// Returns the server's address.
    pub fn address(&self) -> &str {
        self.base.as_str()
    }

    /// Returns whether the server's address is `address`, where that can be told without asking.
    pub(crate) fn is_at(&self, address: std::net::SocketAddr) -> bool {
        let host = self.base.host_str().unwrap_or_default();
        let host = if host == "localhost" { "127.0.0.1" } else { host.trim_matches(['[', ']']) };
        let same = host.parse() == Ok(address.ip()) || address.ip().is_unspecified();
        same && self.base.port_or_known_default() == Some(address.port())
    }

    /// Returns the names of the models that the server has.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if no server answers, [`Error::Protocol`] if it is not Ollama.
    pub async fn models(&self) -> Result<Vec<String>, Error> {
        let client = ollama_rs::Ollama::from(self.base.clone());
        let models = client.list_local_models().await.map_err(|e| match e {
            ollama_rs::error::OllamaError::ReqwestError(source) => Error::Unreachable {
                url: self.address().to_owned(),
                source: source.without_url().into(),
            },
            other => Error::Protocol { reason: other.to_string() },
        })?;
        Ok(models.into_iter().map(|model| model.name).collect())
    }

    /// Returns whether a proxy of Garner answers, rather than the server itself.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if nobody answers.
    pub async fn is_proxy(&self) -> Result<bool, Error> {
        let url =
            self.base.join("metrics").map_err(|_| Error::Address { url: "metrics".into() })?;
        let reply = self.http.get(url).send().await.map_err(|e| self.unreachable(e))?;
        let text = reply.text().await.map_err(|e| self.broken(e))?;
        Ok(text.contains("garner_"))
    }

    /// Returns what the server knows of a model.
    ///
    /// # Errors
    /// [`Error::NoModel`] with the names of those it has, and as by [`Self::models`].
    pub async fn show(&self, model: &str) -> Result<ModelFacts, Error> {
        let reply = self.post("api/show", &ShowRequest { model }).await?;
        if reply.status() == reqwest::StatusCode::NOT_FOUND {
            let present = self.models().await?;
            let (url, model) = (self.address().to_owned(), model.to_owned());
            return Err(Error::NoModel { url, model, present });
        }
        let reply = checked(reply).await?;
        let bytes = reply.bytes().await.map_err(|e| self.broken(e))?;
        let show: ShowReply = serde_json::from_slice(&bytes)
            .map_err(|e| Error::Protocol { reason: e.to_string() })?;
        Ok(ModelFacts::of(model, show))
    }

    /// Returns the digest of a model that the server has; another digest is another model.
    ///
    /// # Errors
    /// As by [`Self::models`].
    pub async fn digest(&self, model: &str) -> Result<Option<String>, Error> {
        Ok(self.row("api/tags", model).await?.map(|row| row.digest).filter(|d| !d.is_empty()))
    }

    /// Returns the context size with which a model runs now; `None` where it does not run.
    ///
    /// # Errors
    /// As by [`Self::models`].
    pub async fn running_context(&self, model: &str) -> Result<Option<u32>, Error> {
        Ok(self.row("api/ps", model).await?.and_then(|row| row.context_length))
    }

    /// Returns what a list of models says of one.
    async fn row(&self, path: &str, model: &str) -> Result<Option<ModelRow>, Error> {
        let url = self.base.join(path).map_err(|_| Error::Address { url: path.to_owned() })?;
        let reply = self.http.get(url).send().await.map_err(|e| self.unreachable(e))?;
        let bytes = checked(reply).await?.bytes().await.map_err(|e| self.broken(e))?;
        let reply: ModelsReply = serde_json::from_slice(&bytes)
            .map_err(|e| Error::Protocol { reason: e.to_string() })?;
        let latest = format!("{model}:latest");
        Ok(reply.models.into_iter().find(|row| row.name == model || row.name == latest))
    }

    /// Asks a model and hands each piece of its answer to `on_text` as it arrives.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's words, also in the middle of an answer;
    /// [`Error::EndedEarly`] if the answer has no end.
    pub async fn chat<'a>(
        &self,
        model: &'a str,
        messages: &'a [Message],
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Summary, Error> {
        let message =
            |m: &'a Message| ChatMessage { role: m.role.as_str(), content: m.content.as_str() };
        let messages = messages.iter().map(message).collect();
        let request = ChatRequest { model, messages, stream: true };
        let mut reply = checked(self.post("api/chat", &request).await?).await?;
        let told = |name: &str| reply.headers().get(name)?.to_str().ok().map(str::to_owned);
        let (fragments, reason) = (told("x-garner-fragments"), told("x-garner-reason"));
        let tokens = told("x-garner-tokens").and_then(|tokens| tokens.parse().ok());
        let whole = |summary| Summary { fragments, tokens, reason, ..summary };
        let mut lines = Lines::default();
        while let Some(chunk) = reply.chunk().await.map_err(|e| self.broken(e))? {
            lines.push(&chunk);
            while let Some(line) = lines.next_line() {
                if let Some(summary) = chat_line(&line, on_text)? {
                    return Ok(whole(summary));
                }
            }
            if lines.waiting() > MAX_LINE {
                return Err(Error::Protocol { reason: "a line is too long".to_owned() });
            }
        }
        // Some servers leave out the last line feed.
        let last = lines.rest().map(|line| chat_line(&line, on_text)).transpose()?.flatten();
        last.map(whole).ok_or(Error::EndedEarly)
    }

    /// Makes a model out of another one, with a system text of its own, and hands each step that the
    /// server tells to `on_status`. No weights are copied; a model of that name is replaced.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's words, [`Error::EndedEarly`] if it does not say that the
    /// model is made.
    pub async fn create(
        &self,
        model: &NewModel<'_>,
        on_status: &mut dyn FnMut(&str),
    ) -> Result<(), Error> {
        let mut reply = checked(self.post("api/create", model).await?).await?;
        let (mut lines, mut made) = (Lines::default(), false);
        let mut read = |line: Vec<u8>| -> Result<(), Error> {
            let line: StatusLine = serde_json::from_slice(&line)
                .map_err(|e| Error::Protocol { reason: e.to_string() })?;
            if let Some(message) = line.error {
                return Err(Error::Refused { message });
            }
            made |= line.status == "success";
            on_status(&line.status);
            Ok(())
        };
        while let Some(chunk) = reply.chunk().await.map_err(|e| self.broken(e))? {
            lines.push(&chunk);
            while let Some(line) = lines.next_line() {
                read(line)?;
            }
            if lines.waiting() > MAX_LINE {
                return Err(Error::Protocol { reason: "a line is too long".to_owned() });
            }
        }
        lines.rest().map(&mut read).transpose()?;
        if made { Ok(()) } else { Err(Error::EndedEarly) }
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> Result<reqwest::Response, Error> {
        let url = self.base.join(path).map_err(|_| Error::Address { url: path.to_owned() })?;
        self.http.post(url).json(body).send().await.map_err(|e| self.unreachable(e))
    }

    fn unreachable(&self, source: reqwest::Error) -> Error {
        Error::Unreachable { url: self.address().to_owned(), source: source.without_url().into() }
    }

    fn broken(&self, source: reqwest::Error) -> Error {
        Error::Broken { url: self.address().to_owned(), source: source.without_url().into() }
    }
}

/// Returns the headers of every request of ours.
fn own_headers() -> reqwest::header::HeaderMap {
    let off = reqwest::header::HeaderValue::from_static(crate::SWITCH_OFF);
    std::iter::once((reqwest::header::HeaderName::from_static(crate::SWITCH), off)).collect()
}

/// Turns an error status into the server's own words.
async fn checked(reply: reqwest::Response) -> Result<reqwest::Response, Error> {
    let status = reply.status();
    if status.is_success() {
        return Ok(reply);
    }
    let body = reply.bytes().await.unwrap_or_default();
    let message = serde_json::from_slice::<ErrorReply>(&body)
        .map_or_else(|_| format!("status {status}"), |reply| reply.error);
    Err(Error::Refused { message })
}

/// Reads one line of an answer; returns the summary if it was the last.
fn chat_line(line: &[u8], on_text: &mut dyn FnMut(&str)) -> Result<Option<Summary>, Error> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let line: ChatLine =
        serde_json::from_slice(line).map_err(|e| Error::Protocol { reason: e.to_string() })?;
    if let Some(message) = line.error {
        return Err(Error::Refused { message });
    }
    if let Some(text) = line.message.filter(|text| !text.content.is_empty()) {
        on_text(&text.content);
    }
    Ok(line.done.then_some(Summary {
        prompt_tokens: line.prompt_eval_count,
        answer_tokens: line.eval_count,
        ..Summary::default()
    }))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use garner_loader::inject::Role;

    use super::*;

    /// Serves each reply to one request, in chunks of `size` bytes, and returns the address.
    async fn server(replies: Vec<(u16, String)>, size: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            for (status, body) in replies {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 1 << 16];
                let _ = stream.read(&mut request).await.unwrap();
                let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                for chunk in body.as_bytes().chunks(size) {
                    stream.write_all(chunk).await.unwrap();
                    stream.flush().await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        });
        address
    }

    async fn ask(status: u16, body: &str, size: usize) -> (String, Result<Summary, Error>) {
        let ollama = Ollama::new(&server(vec![(status, body.to_owned())], size).await).unwrap();
        let mut answer = String::new();
        let messages = [Message { role: Role::User, content: garner_kernel::Text::new("hi") }];
        let result = ollama.chat("m", &messages, &mut |text| answer.push_str(text)).await;
        (answer, result)
    }

    const ANSWER: &str = "{\"message\":{\"role\":\"assistant\",\"content\":\"Grüß \"},\"done\":false}\n\
        {\"message\":{\"role\":\"assistant\",\"content\":\"Gott\"},\"done\":false}\n\
        {\"message\":{\"content\":\"\"},\"done\":true,\"prompt_eval_count\":7,\"eval_count\":2}";

    #[tokio::test]
    async fn an_answer_arrives_whole_however_it_is_cut() {
        for size in [1, 7, 4096] {
            for end in ["", "\n", "\n\n"] {
                let (answer, result) = ask(200, &format!("{ANSWER}{end}"), size).await;
                assert_eq!(answer, "Grüß Gott");
                let (prompt_tokens, answer_tokens) = (Some(7), Some(2));
                let summary = Summary { prompt_tokens, answer_tokens, ..Summary::default() };
                assert_eq!(result.unwrap(), summary);
            }
        }
    }

    #[tokio::test]
    async fn errors_are_told_in_the_servers_words() {
        let rows = [
            (500, "{\"error\":\"out of memory\"}", "the server said: out of memory"),
            (503, "<html>", "the server said: status 503 Service Unavailable"),
            (
                200,
                "{\"message\":{\"content\":\"A\"}}\n{\"error\":\"gone\"}\n",
                "the server said: gone",
            ),
            (
                200,
                "{\"message\":{\"content\":\"A\"}}\n",
                "the answer ended early: the server may have stopped",
            ),
        ];
        for (status, body, expected) in rows {
            assert_eq!(ask(status, body, 4096).await.1.unwrap_err().to_string(), expected);
        }
    }

    #[tokio::test]
    async fn a_missing_model_names_those_that_are_there() {
        let tags = "{\"models\":[{\"name\":\"llama3.2:latest\",\"modified_at\":\"\",\"size\":1}]}";
        let replies = vec![(404, "{}".to_owned()), (200, tags.to_owned())];
        let ollama = Ollama::new(&server(replies, 4096).await).unwrap();
        let error = ollama.show("nope").await.unwrap_err();
        assert!(
            matches!(error, Error::NoModel { ref present, .. } if present == &["llama3.2:latest"])
        );
        assert!(garner_kernel::Explain::hint(&error).unwrap().contains("ollama pull nope"));
    }

    #[tokio::test]
    async fn a_model_tells_its_system_prompt_and_context() {
        let show = "{\"system\":\"Be brief.\",\"parameters\":\"stop \\\"x\\\"\\nnum_ctx   8192\"}";
        let ollama = Ollama::new(&server(vec![(200, show.to_owned())], 3).await).unwrap();
        let facts = ollama.show("m").await.unwrap();
        let expected = ModelFacts {
            system: Some("Be brief.".into()),
            context: Some(8192),
            ..ModelFacts::default()
        };
        assert_eq!(facts, expected);
    }

    #[tokio::test]
    async fn nobody_home_is_said_with_the_address() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let error = Ollama::new(&address).unwrap().show("m").await.unwrap_err();
        assert_eq!(error.to_string(), format!("no Ollama server answers at http://{address}/"));
    }

    #[test]
    fn addresses_are_read_as_ollama_reads_them() {
        for (text, address) in [
            ("127.0.0.1", "http://127.0.0.1:11434/"),
            ("0.0.0.0:1234", "http://127.0.0.1:1234/"),
            ("https://box.example", "https://box.example/"),
        ] {
            assert_eq!(Ollama::new(text).unwrap().address(), address);
        }
        assert!(Ollama::new("http://").is_err());
    }
}
