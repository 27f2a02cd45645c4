//! A request on an edited route: its body, with what is put into it.

use std::sync::Arc;

use bytes::Bytes;
use garner_kernel::ChannelName;
use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use tokio::time::Instant;

use crate::edit::{self, Asked, Route};
use crate::inject::decide::Request;
use crate::inject::{Reason, Report};
use crate::proxy::body::{self, AnyBody, Broken};
use crate::proxy::headers;
use crate::proxy::last_line::LastLine;
use crate::proxy::server::Shared;

/// The largest body that is edited, in bytes.
const MOST: usize = 64 << 20;
/// From here on a body is read beside the connections, in bytes.
const LARGE: usize = 256 << 10;

/// A request on its way.
pub(crate) struct Considered {
    pub(crate) body: AnyBody,
    pub(crate) report: Report,
    /// Whoever learns from the answer.
    pub(crate) last: Option<LastLine>,
}

/// Puts into a request what belongs there, and sets the length of its body.
///
/// # Errors
/// What broke the client's body.
pub(crate) async fn consider(
    shared: &Arc<Shared>,
    route: Route,
    channel: Option<&ChannelName>,
    headers: &mut HeaderMap,
    incoming: Incoming,
) -> Result<Considered, Broken> {
    let as_it_is = |body, reason| Considered { body, report: Report::nothing(reason), last: None };
    let streamed = |incoming: Incoming| incoming.map_err(Into::into).boxed_unsync();
    if headers::is_off(headers) {
        return Ok(as_it_is(streamed(incoming), Reason::Off));
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Ok(as_it_is(streamed(incoming), Reason::Encoded));
    }
    if incoming.size_hint().lower() > MOST as u64 {
        return Ok(as_it_is(streamed(incoming), Reason::TooLarge));
    }
    let whole = match collect(incoming).await? {
        Collected::Whole(whole) => whole,
        Collected::TooLarge(read, rest) => {
            return Ok(as_it_is(body::resumed(vec![read], rest), Reason::TooLarge));
        }
    };
    if let Some(learner) = &shared.learner {
        learner.hear(route, &whole);
    }
    let started = Instant::now();
    let decided = decide(shared, route, channel, &whole).await;
    shared.metrics.recall.observe(started.elapsed());
    let Decided { insertions, report, learning } = match decided {
        Err(reason) => return Ok(as_it_is(body::of_pieces(vec![whole]), reason)),
        Ok(decided) => decided,
    };
    let last = learning.map(|(name, estimated)| {
        let shared = Arc::clone(shared);
        LastLine::new(move |line| {
            if let Some(injecting) = &shared.injecting {
                injecting.models.learn(&name, estimated, line);
            }
        })
    });
    let pieces = edit::splice(&whole, insertions);
    let length: usize = pieces.iter().map(Bytes::len).sum();
    if headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    // A second Garner on the way adds nothing.
    headers.insert(headers::SWITCH, HeaderValue::from_static(headers::SWITCH_OFF));
    Ok(Considered { body: body::of_pieces(pieces), report, last })
}

struct Decided {
    insertions: Vec<edit::Insertion>,
    report: Report,
    /// The model, and at how many tokens its prompt is estimated.
    learning: Option<(String, usize)>,
}

async fn decide(
    shared: &Shared,
    route: Route,
    channel: Option<&ChannelName>,
    whole: &Bytes,
) -> Result<Decided, Reason> {
    let Some(injecting) = &shared.injecting else { return Err(Reason::Off) };
    let deadline = Instant::now() + injecting.deadline;
    let asked = read(route, whole).await?;
    let model = injecting.models.model(&asked.model, deadline).await.ok_or(Reason::Model)?;
    let channels = if model.facts.remote {
        injecting.cloud_channels(channel).ok_or(Reason::Cloud)?
    } else {
        channel.into_iter().cloned().collect()
    };
    let own = if asked.system.leaves_modelfile() { model.facts.system.as_deref() } else { None };
    let estimated = asked.tokens + own.map_or(0, garner_loader::inject::estimate);
    let name = asked.model.clone();
    let channel = channel.cloned();
    let request = Request { asked, model, channel, channels, is_urgent: false };
    let (insertions, report) = injecting.desk.ask(request, deadline).await?;
    let native = matches!(route, Route::Chat | Route::Generate);
    let learning = native.then_some((name, estimated + report.tokens));
    Ok(Decided { insertions, report, learning })
}

/// Reads a body; a large one beside the connections, so that none of them waits.
async fn read(route: Route, whole: &Bytes) -> Result<Asked, Reason> {
    let found = if whole.len() < LARGE {
        edit::read(route, whole)
    } else {
        let whole = whole.clone();
        let read = tokio::task::spawn_blocking(move || edit::read(route, &whole));
        read.await.unwrap_or(Err(edit::Unread::Unparsable))
    };
    found.map_err(Reason::Unread)
}

enum Collected {
    Whole(Bytes),
    TooLarge(Bytes, Incoming),
}

async fn collect(mut incoming: Incoming) -> Result<Collected, Broken> {
    let length = usize::try_from(incoming.size_hint().lower()).unwrap_or(0).min(MOST);
    let mut read = Vec::with_capacity(length);
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        read.extend_from_slice(&data);
        if read.len() > MOST {
            return Ok(Collected::TooLarge(read.into(), incoming));
        }
    }
    Ok(Collected::Whole(read.into()))
}
