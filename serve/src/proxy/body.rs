//! Bodies on their way: answers in whole lines, requests that wait to be wanted.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::proxy::aligned::Aligned;
use crate::proxy::expectation::Expectation;
use crate::proxy::socket::Sent;

/// Why a body broke off.
pub(crate) type Broken = Box<dyn std::error::Error + Send + Sync>;

/// Any body.
pub(crate) type AnyBody = UnsyncBoxBody<Bytes, Broken>;

/// Returns a body of these bytes.
pub(crate) fn of_bytes(bytes: impl Into<Bytes>) -> AnyBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Returns a body of these pieces, whose length is known.
pub(crate) fn of_pieces(pieces: Vec<Bytes>) -> AnyBody {
    Pieces { left: pieces.into_iter().collect() }.map_err(|never| match never {}).boxed_unsync()
}

/// Returns a body of what was read already and of what follows.
pub(crate) fn resumed(read: Vec<Bytes>, rest: Incoming) -> AnyBody {
    let read = read.into_iter().map(|bytes| Ok(Frame::data(bytes)));
    let read = StreamBody::new(futures_util::stream::iter(read));
    Chained { first: Some(read.boxed_unsync()), rest: rest.map_err(Into::into).boxed_unsync() }
        .boxed_unsync()
}

struct Pieces {
    left: std::collections::VecDeque<Bytes>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.left.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.iter().map(|piece| piece.len() as u64).sum())
    }
}

struct Chained {
    first: Option<AnyBody>,
    rest: AnyBody,
}

impl Body for Chained {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(first) = &mut self.first {
            if let Some(frame) = ready!(Pin::new(first).poll_frame(cx)) {
                return Poll::Ready(Some(frame));
            }
            self.first = None;
        }
        Pin::new(&mut self.rest).poll_frame(cx)
    }
}

/// An answer of the server on its way to the client.
pub(crate) struct Answer {
    incoming: Incoming,
    aligned: Option<Aligned>,
    /// An error, and how much had been sent when it came.
    failed: Option<(Broken, u64)>,
    ended: bool,
    sent: Arc<Sent>,
    last: Option<crate::proxy::last_line::LastLine>,
    /// Ends the wait of a request body that was never wanted.
    expectation: Option<Expectation>,
}

impl Answer {
    /// Prepares an answer; `by_line` asks for whole lines.
    pub(crate) fn new(incoming: Incoming, by_line: bool, sent: Arc<Sent>) -> Self {
        let aligned = by_line.then(Aligned::default);
        Self { incoming, aligned, failed: None, ended: false, sent, last: None, expectation: None }
    }

    /// Keeps a request body waiting until the answer has ended.
    pub(crate) fn unless_wanted(mut self, expectation: Option<Expectation>) -> Self {
        self.expectation = expectation;
        self
    }

    /// Tells the last line to whoever learns from it.
    pub(crate) fn watched(mut self, last: Option<crate::proxy::last_line::LastLine>) -> Self {
        self.last = last;
        self
    }

    fn aligned(&mut self, data: Bytes) -> Option<Bytes> {
        if let Some(last) = &mut self.last {
            last.push(&data);
        }
        match &mut self.aligned {
            Some(aligned) => aligned.push(&data),
            None => Some(data),
        }
    }

    fn rest(&mut self) -> Option<Result<Frame<Bytes>, Broken>> {
        let rest = self.aligned.as_mut().and_then(Aligned::rest);
        rest.map(|rest| Ok(Frame::data(rest)))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(expectation) = &self.expectation {
            expectation.refuse();
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            if let Some((_, seen)) = &self.failed {
                ready!(self.sent.poll_above(*seen, cx));
                let failed = self.failed.take().map(|(error, _)| Err(error));
                self.ended = true;
                return Poll::Ready(failed);
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        if let Some(ready) = self.aligned(data) {
                            return Poll::Ready(Some(Ok(Frame::data(ready))));
                        }
                    }
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => {
                    let rest = self.rest();
                    self.failed = Some((error.into(), self.sent.count()));
                    if rest.is_some() {
                        return Poll::Ready(rest);
                    }
                }
                None => {
                    self.ended = true;
                    if let Some(last) = self.last.take() {
                        last.tell();
                    }
                    return Poll::Ready(self.rest());
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
            || (self.aligned.is_none() && self.failed.is_none() && self.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        // What is held back counts as well, so that only the whole is known at the start.
        if self.aligned.is_none() { self.incoming.size_hint() } else { SizeHint::default() }
    }
}
