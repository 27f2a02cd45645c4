//! One file on its way: what is here, and which replies go on with it.

use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, TRANSFER_ENCODING};
use reqwest::{Response, StatusCode, Version};

use crate::remote::Changed;

/// Why a try did not bring the file.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another try may bring it, after a time that the server may have named.
    Passing { reason: String, after: Option<Duration> },
    /// No try will bring it.
    Lasting(String),
    /// The server wants to know who we are, or does not want us.
    Denied(String),
    /// The file is larger than it may be.
    TooLarge { got: u64, max: u64 },
}

impl Fault {
    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self::Passing { reason: reason.into(), after: None }
    }
}

/// The bytes of a file that arrived so far, and what its server said of it.
#[derive(Debug)]
pub(super) struct Download {
    limit: u64,
    bytes: Vec<u8>,
    tag: Option<String>,
    /// The size of the whole file, if the server said it.
    total: Option<u64>,
    /// Where the reply that is being read ends, if the server said it.
    end: Option<u64>,
}

impl Download {
    /// Waits for a file of at most `limit` bytes.
    pub(super) const fn new(limit: u64) -> Self {
        Self { limit, bytes: Vec::new(), tag: None, total: None, end: None }
    }

    pub(super) const fn received(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Returns from where to go on and the tag of the file that must still be there.
    ///
    /// `None` means to start again: only a strong tag promises that the bytes are the same.
    pub(super) fn resume(&self) -> Option<(u64, &str)> {
        let tag = self.tag.as_deref().filter(|tag| tag.starts_with('"'))?;
        (!self.bytes.is_empty()).then_some((self.received(), tag))
    }

    /// Starts with a reply that holds the whole file.
    pub(super) fn begin(&mut self, headers: &HeaderMap, length: Option<u64>) -> Result<(), Fault> {
        self.bytes.clear();
        (self.tag, self.total, self.end) = (tag(headers), length, length);
        plain(headers)?;
        self.check_total()
    }

    /// Goes on with a reply that must hold the rest of the same file; else starts again next time.
    pub(super) fn go_on(&mut self, headers: &HeaderMap, length: Option<u64>) -> Result<(), Fault> {
        plain(headers)?;
        let part = headers.get(CONTENT_RANGE).and_then(|value| Part::parse(value.to_str().ok()?));
        let fits = |part: &Part| {
            part.first == self.received()
                && self.total.is_none_or(|total| total == part.total)
                && length.is_none_or(|length| length == part.end - part.first)
                && tag(headers) == self.tag
        };
        let Some(part) = part.filter(fits) else {
            self.bytes.clear();
            return Err(Fault::passing("a part came that does not go on with the file"));
        };
        (self.total, self.end) = (Some(part.total), Some(part.end));
        self.check_total()
    }

    /// Starts again next time if the server says that the file ends before what is here.
    pub(super) fn forget_if_out_of_range(&mut self, status: StatusCode) {
        if status == StatusCode::RANGE_NOT_SATISFIABLE {
            self.bytes.clear();
        }
    }

    /// Takes bytes of the body.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        let got = self.received().saturating_add(chunk.len() as u64);
        if self.end.is_some_and(|end| got > end) {
            self.bytes.clear();
            return Err(Fault::passing("the body is longer than the server said"));
        }
        if got > self.limit {
            return Err(Fault::TooLarge { got, max: self.limit });
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// Returns the file if it is whole.
    pub(super) fn finish(&mut self) -> Result<Changed, Fault> {
        let received = self.received();
        match self.total.filter(|total| *total != received) {
            Some(total) => Err(Fault::passing(format!("{received} of {total} bytes came"))),
            None => Ok(Changed::New(std::mem::take(&mut self.bytes), self.tag.take())),
        }
    }

    fn check_total(&self) -> Result<(), Fault> {
        match self.total {
            Some(got) if got > self.limit => Err(Fault::TooLarge { got, max: self.limit }),
            _ => Ok(()),
        }
    }
}

/// Which bytes of a file a reply holds: from `first` to before `end`.
struct Part {
    first: u64,
    end: u64,
    total: u64,
}

impl Part {
    /// Parses `bytes 5-9/10`; a part of a file of unknown size is none.
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last, total) = (number(first)?, number(last)?, number(total)?);
        (first <= last && last < total).then(|| Self { first, end: last + 1, total })
    }
}

/// Parses digits alone: the parser of the language takes a sign as well.
pub(super) fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Returns the tag of a reply; one that is longer than any real one is none.
fn tag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    (tag.len() <= MAX_TAG).then(|| tag.to_owned())
}

const MAX_TAG: usize = 256;

/// Checks that the body is the file itself: nobody asked for another form.
fn plain(headers: &HeaderMap) -> Result<(), Fault> {
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            let encoding = String::from_utf8_lossy(encoding.as_bytes());
            Err(Fault::Lasting(format!("the server sends the file encoded as `{encoding}`")))
        }
        _ => Ok(()),
    }
}

/// Checks that the end of the body can be told from a cut.
pub(super) fn framing(reply: &Response) -> Result<(), Fault> {
    let told = reply.content_length().is_some()
        || reply.headers().contains_key(TRANSFER_ENCODING)
        || reply.version() > Version::HTTP_11;
    if told { Ok(()) } else { Err(Fault::Lasting("the server names no length".to_owned())) }
}
