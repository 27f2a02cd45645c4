//! `Expect: 100-continue`: a request body waits until the server wants it.
//!
//! The client is told to go on when its body is first asked for; asking for it only after the server
//! said so keeps a blob at home that the server has already.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::proxy::body::Broken;

/// How long a server may be silent before the body goes on all the same.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether a body is wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expectation(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    answer: Option<bool>,
    waker: Option<Waker>,
}

impl Expectation {
    /// Lets the body go on.
    pub(crate) fn want(&self) {
        self.settle(true);
    }

    /// Keeps the body for good, unless it went on already.
    pub(crate) fn refuse(&self) {
        self.settle(false);
    }

    /// Wraps a body so that it waits.
    pub(crate) fn hold(&self, body: Incoming) -> Held {
        Held { body, expectation: self.clone(), patience: None, goes_on: false }
    }

    fn settle(&self, answer: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.answer.get_or_insert(answer);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = state.answer {
            return Poll::Ready(answer);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// A body that waits to be wanted.
pub(crate) struct Held {
    body: Incoming,
    expectation: Expectation,
    patience: Option<Pin<Box<Sleep>>>,
    goes_on: bool,
}

impl Held {
    fn poll_wanted(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if let Poll::Ready(answer) = self.expectation.poll(cx) {
            return Poll::Ready(answer);
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        patience.as_mut().poll(cx).map(|()| true)
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if !self.goes_on {
            match self.poll_wanted(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(false) => {
                    return Poll::Ready(Some(Err("the body is not wanted".into())));
                }
                Poll::Ready(true) => self.goes_on = true,
            }
        }
        Pin::new(&mut self.body).poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
