//! A web server as a remote: static files over HTTP, to be read only.
//!
//! What arrives is either the whole file or an error. Whether it is the right file is decided
//! above, by digests and signatures: a page that a server sends instead of a file is refused there.

mod address;
mod download;
mod patience;
#[cfg(test)]
mod server;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use reqwest::header::{ACCEPT_ENCODING, HeaderValue, IF_NONE_MATCH, IF_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode, redirect};
use tokio::runtime::Runtime;

use crate::error::Error;
use crate::layout::Name;
use crate::metered::Meter;
use crate::remote::{Changed, Put, Remote};
pub(crate) use address::{address, shown};
use download::{Download, Fault, framing};
use patience::{Attempts, Patience, retry_after};

/// Reads files below an address; it writes nothing.
///
/// It waits for the network, so that it must not be used inside an async runtime.
#[derive(Debug)]
pub struct WebRemote {
    base: String,
    client: Client,
    runtime: Runtime,
    patience: Patience,
    meter: Arc<Meter>,
}

impl WebRemote {
    /// Prepares to read below `base`, an address as [`crate::RemoteUrl::Web`] has it.
    ///
    /// # Errors
    /// [`Error::Transport`] if the system has no runtime or no certificates for it.
    pub fn open(base: &str) -> Result<Self, Error> {
        Self::with(base, Patience::default())
    }

    fn with(base: &str, patience: Patience) -> Result<Self, Error> {
        let failed = |reason: String| Error::Transport {
            remote: base.to_owned(),
            name: "TLS".to_owned(),
            action: "set up",
            reason,
            tries: 1,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let mut client = Client::builder()
            .user_agent(concat!("garner/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(patience.connect)
            .read_timeout(patience.silence)
            .redirect(redirect::Policy::custom(follow))
            .referer(false);
        // A proxy does not lead back to this machine.
        if address::is_local(base) {
            client = client.no_proxy();
        }
        Ok(Self {
            base: base.to_owned(),
            client: client.build().map_err(|e| failed(chain(&e)))?,
            runtime: runtime.map_err(|e| failed(e.to_string()))?,
            patience,
            meter: Arc::default(),
        })
    }

    /// Counts what arrives on `meter` while it arrives, and keeps to its rate.
    pub(crate) fn counting(mut self, meter: &Arc<Meter>) -> Self {
        self.meter = Arc::clone(meter);
        self
    }

    /// Asks for a file until it is here, the server says that it will not come, or patience ends.
    fn fetch(&self, name: &Name, limit: u64, tag: Option<&str>) -> Result<Changed, Error> {
        let mut download = Download::new(limit);
        let mut attempts = Attempts::new(&self.patience);
        loop {
            let before = download.received();
            let (reason, after) =
                match self.runtime.block_on(self.attempt(name, &mut download, tag)) {
                    Ok(found) => return Ok(found),
                    Err(Fault::Passing { reason, after }) => (reason, after),
                    Err(fault) => return Err(self.error(name, attempts.made() + 1, fault)),
                };
            tracing::debug!(remote = %self.base, %name, %reason, "asking again");
            if download.received() > before {
                attempts.saw_progress();
            }
            match attempts.pause(after) {
                Some(pause) => std::thread::sleep(pause),
                None => {
                    return Err(self.error(name, attempts.made(), Fault::Lasting(reason)));
                }
            }
        }
    }

    /// Asks once, for the rest of the file where its start is here.
    async fn attempt(
        &self,
        name: &Name,
        download: &mut Download,
        tag: Option<&str>,
    ) -> Result<Changed, Fault> {
        let mut request = self.client.get(format!("{}/{name}", self.base));
        request = request.header(ACCEPT_ENCODING, "identity");
        let mut condition = None;
        let resumed = if let Some((from, tag)) = download.resume() {
            request = request.header(RANGE, format!("bytes={from}-")).header(IF_RANGE, tag);
            true
        } else {
            condition = tag.and_then(|tag| HeaderValue::from_str(tag).ok());
            false
        };
        let conditional = condition.is_some();
        if let Some(tag) = condition {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let mut reply = request.send().await.map_err(|e| failed(&e))?;
        match reply.status() {
            StatusCode::OK => {
                framing(&reply)?;
                download.begin(reply.headers(), reply.content_length())?;
            }
            StatusCode::PARTIAL_CONTENT if resumed => {
                download.go_on(reply.headers(), reply.content_length())?;
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(Changed::Gone),
            StatusCode::NOT_MODIFIED if conditional => return Ok(Changed::Same),
            _ => {
                download.forget_if_out_of_range(reply.status());
                return Err(refusal(&reply, resumed));
            }
        }
        while let Some(chunk) = reply.chunk().await.map_err(|e| failed(&e))? {
            download.push(&chunk)?;
            self.meter.take(chunk.len() as u64).await;
        }
        download.finish()
    }

    fn error(&self, name: &Name, tries: u32, fault: Fault) -> Error {
        let (remote, name, action) = (self.base.clone(), name.to_string(), "fetch");
        match fault {
            Fault::Passing { reason, .. } | Fault::Lasting(reason) => {
                Error::Transport { remote, name, action, reason, tries }
            }
            Fault::Denied(reason) => Error::Denied { remote, name, action, reason },
            Fault::TooLarge { got, max } => Error::TooLarge { name, got, max },
        }
    }

    fn read_only(&self) -> Error {
        Error::ReadOnly { remote: self.base.clone() }
    }
}

impl Remote for WebRemote {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        match self.fetch(name, limit, None)? {
            Changed::New(bytes, _) => Ok(Some(bytes)),
            // Nothing was asked that "the same" could answer.
            Changed::Gone | Changed::Same => Ok(None),
        }
    }

    fn get_changed(&self, name: &Name, limit: u64, tag: Option<&str>) -> Result<Changed, Error> {
        self.fetch(name, limit, tag)
    }

    fn put_new(&self, _name: &Name, _bytes: &[u8]) -> Result<Put, Error> {
        Err(self.read_only())
    }

    fn put_over(&self, _name: &Name, _bytes: &[u8]) -> Result<(), Error> {
        Err(self.read_only())
    }

    fn delete(&self, _name: &Name) -> Result<(), Error> {
        Err(self.read_only())
    }
}

/// How many times a reply may send us elsewhere.
const REDIRECTS: usize = 5;

/// Follows a redirect, but not for ever, and not from a protected connection to an open one.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    if attempt.previous().len() > REDIRECTS {
        return attempt.error("more than 5 redirects");
    }
    let protected = attempt.previous().iter().any(|url| url.scheme() == "https");
    if keeps_protection(protected, attempt.url().scheme()) {
        return attempt.follow();
    }
    attempt.error("a redirect from https to http")
}

/// Returns whether a connection of `scheme` is as well protected as the one before.
fn keeps_protection(protected: bool, scheme: &str) -> bool {
    !protected || scheme == "https"
}

/// Judges a request that brought no reply, or a body that broke off.
fn failed(error: &reqwest::Error) -> Fault {
    if error.is_builder() || error.is_redirect() {
        return Fault::Lasting(chain(error));
    }
    Fault::passing(chain(error))
}

/// Judges a reply without a file.
fn refusal(reply: &Response, resumed: bool) -> Fault {
    let status = reply.status();
    let reason = status.to_string();
    let passes = match status {
        // The last two answer what was not asked.
        StatusCode::REQUEST_TIMEOUT | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED => {
            true
        }
        StatusCode::RANGE_NOT_SATISFIABLE => resumed,
        _ => status.is_server_error(),
    };
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Fault::Denied(reason),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let after = retry_after(reply.headers());
            let asked = after.map(|after| format!(", to be asked again in {} s", after.as_secs()));
            Fault::Passing { reason: reason + &asked.unwrap_or_default(), after }
        }
        _ if passes => Fault::passing(reason),
        _ => Fault::Lasting(reason),
    }
}

/// Joins an error with its causes and leaves the address out, which the message names already.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut said: Vec<String> = Vec::new();
    for cause in causes.map(ToString::to_string) {
        let cause = cause.split(" for url (").next().unwrap_or_default().to_owned();
        if said.last() != Some(&cause) {
            said.push(cause);
        }
    }
    said.join(": ")
}
