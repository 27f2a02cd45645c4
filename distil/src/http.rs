//! Requests that are asked again where a server says that it is busy.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::error::Error;
use crate::patience::Patience;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may be silent: an answer comes when it is whole.
const SILENCE: Duration = Duration::from_mins(15);
/// The largest reply, in bytes: that of a batch of ten thousand long answers.
const MAX_REPLY: usize = 512 << 20;
/// How much is shown of what a server says, in characters.
const SAID: usize = 300;

/// A client of one server.
#[derive(Debug)]
pub(crate) struct Http {
    who: &'static str,
    client: Client,
    runtime: Runtime,
    patience: Patience,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// By its address alone.
    Direct,
    /// As this machine reaches what is outside: by a proxy, where one is set.
    Outside,
}

/// When a request is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Whatever became of it: it changes nothing, or is paid for only with its reply.
    Always,
    /// Only where it was certainly not taken.
    Refused,
}

/// A whole reply.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A reply and when to ask again, or why there is none.
type Tried = Result<(Reply, Option<Duration>), reqwest::Error>;

impl Http {
    /// Prepares a client. Redirects are not followed, so that key and text go to that server and to
    /// no other.
    pub(crate) fn new(who: &'static str, reach: Reach, patience: Patience) -> Result<Self, Error> {
        let builder = Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .redirect(Policy::none());
        let builder = if reach == Reach::Direct { builder.no_proxy() } else { builder };
        let protocol = |reason: String| Error::Protocol { who, reason };
        let client = builder.build().map_err(|e| protocol(e.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| protocol(e.to_string()))?;
        Ok(Self { who, client, runtime, patience })
    }

    /// Sends a request until it is answered with something else than "later".
    ///
    /// # Errors
    /// [`Error::Open`] if [`Repeat::Refused`] was asked for, and nobody knows whether it was taken.
    pub(crate) fn send(
        &self,
        url: &Url,
        repeat: Repeat,
        request: impl Fn(&Client) -> RequestBuilder,
    ) -> Result<Reply, Error> {
        let mut failed = 0;
        loop {
            let tried = self.runtime.block_on(once(request(&self.client)));
            failed += 1;
            let (asked, ended) = match tried {
                Ok((reply, _)) if repeat == Repeat::Refused && is_open(&reply) => {
                    return Err(Error::Open { who: self.who, reason: said(&reply) });
                }
                Err(error) if repeat == Repeat::Refused && !error.is_connect() => {
                    let reason = clipped(&error.without_url().to_string());
                    return Err(Error::Open { who: self.who, reason });
                }
                Ok((reply, asked)) if is_later(&reply, asked) => {
                    let said = said(&reply);
                    (asked, Error::Busy { who: self.who, said, tries: failed })
                }
                Ok((reply, _)) => return Ok(reply),
                Err(error) => {
                    let here = error.is_connect() && is_loopback(url);
                    let ended = self.unreachable(url, error);
                    // A server of this machine that is not there does not come up by waiting.
                    if here {
                        return Err(ended);
                    }
                    (None, ended)
                }
            };
            let Some(pause) = self.patience.pause(failed, asked) else { return Err(ended) };
            tracing::info!(who = self.who, seconds = pause.as_secs(), "asking again");
            (self.patience.wait)(pause);
        }
    }

    /// Waits.
    pub(crate) fn wait(&self, pause: Duration) {
        (self.patience.wait)(pause);
    }

    fn unreachable(&self, url: &Url, source: reqwest::Error) -> Error {
        let mut url = url.clone();
        url.set_path("");
        // Names and passwords of an address are nobody's business.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let (who, url) = (self.who, url.to_string());
        Error::Unreachable { who, url, source: source.without_url().into() }
    }
}

async fn once(request: RequestBuilder) -> Tried {
    let mut reply = request.send().await?;
    let status = reply.status().as_u16();
    let asked = reply.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_REPLY {
            body.truncate(MAX_REPLY);
            break;
        }
    }
    Ok((Reply { status, body }, asked))
}

/// Returns whether the same request may be answered later.
fn is_later(reply: &Reply, asked: Option<Duration>) -> bool {
    // The limit of what an account may spend passes with the month, not with a pause.
    let spent = || String::from_utf8_lossy(&reply.body).contains("spend_limit_reached");
    match reply.status {
        429 => asked.is_some() || !spent(),
        408 | 409 | 500 | 502 | 503 | 504 | 529 => true,
        _ => false,
    }
}

/// Returns whether a server may have taken a request although it says that something went wrong.
fn is_open(reply: &Reply) -> bool {
    // 529 is the API's own word for "too much to do", and is said before it looks at a request.
    reply.status == 408 || (reply.status >= 500 && reply.status != 529)
}

/// Returns a status in words, and the kind of error or the words that a server gives with it.
fn said(reply: &Reply) -> String {
    let status = StatusCode::from_u16(reply.status).map_or_else(
        |_| reply.status.to_string(),
        |status| match status.canonical_reason() {
            Some(reason) => format!("{} {reason}", reply.status),
            None => reply.status.to_string(),
        },
    );
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let error = body.as_ref().and_then(|body| body.get("error"));
    let words = error.and_then(|error| error.get("type").unwrap_or(error).as_str());
    match words {
        Some(words) => format!("status {status}: {}", clipped(words)),
        None => format!("status {status}"),
    }
}

/// Returns a text as it is shown: one line, not too long.
pub(crate) fn clipped(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    match line.char_indices().nth(SAID) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

/// Returns whether an address is of this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_told_from_others() {
        for (url, expected) in [
            ("http://127.0.0.1:9", true),
            ("http://localhost/", true),
            ("http://[::1]:11434", true),
            ("http://10.0.0.7:11434", false),
            ("https://localhost.example", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn what_a_server_says_is_shown_in_one_line() {
        assert_eq!(clipped("a\n  b\u{1b}[31m c"), "a b[31m c");
        assert_eq!(clipped(&"x".repeat(SAID + 1)).chars().count(), SAID + 1);
    }
}
