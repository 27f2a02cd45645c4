//! From a client's request to the answer it gets.

use std::convert::Infallible;
use std::sync::Arc;

use garner_kernel::ChannelName;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderValue,
    ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::Instant;

use crate::console::{self, Console, Seen};
use crate::edit::Route;
use crate::inject::Report;
use crate::proxy::body::{self, Answer, AnyBody};
use crate::proxy::considered::{Considered, consider};
use crate::proxy::expectation::Expectation;
use crate::proxy::headers;
use crate::proxy::server::Shared;
use crate::proxy::socket::Sent;
use crate::proxy::upstream::SendError;

/// The label of requests that are never edited.
const OTHER: &str = "other";

/// Answers one request.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    sent: Arc<Sent>,
    request: Request<Incoming>,
) -> Result<Response<AnyBody>, Infallible> {
    let started = Instant::now();
    let (parts, incoming) = request.into_parts();
    if let Err(refusal) = shared.access.check(text(&parts, HOST), text(&parts, ORIGIN)) {
        tracing::debug!(reason = refusal.as_str(), "refused");
        shared.metrics.request(OTHER, StatusCode::FORBIDDEN.as_u16());
        return Ok(empty(StatusCode::FORBIDDEN));
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (channel, path) = match channel_of(&path) {
        Err(name) => {
            let message = format!("`{name}` is not the name of a channel");
            return Ok(error(StatusCode::BAD_REQUEST, &message));
        }
        Ok(found) => found,
    };
    if path == "/metrics" && parts.method == Method::GET {
        return Ok(metrics(&shared));
    }
    if let Some(console) =
        shared.console.as_ref().filter(|_| path == console::PATH && parts.method == Method::GET)
    {
        return Ok(page(console, shared.upstream.address()));
    }
    let plain = path.split('?').next().unwrap_or_default();
    let route = Route::of(plain).filter(|_| parts.method == Method::POST);
    let label = route.map_or(OTHER, Route::path);
    let way = Way { shared: &shared, started, sent, route, channel, path };
    let response = way.forward(parts, incoming).await;
    let status = response.status().as_u16();
    shared.metrics.request(label, status);
    shared.metrics.upstream.observe(started.elapsed());
    tracing::debug!(route = label, status, micros = started.elapsed().as_micros(), "answered");
    Ok(response)
}

/// Where a request goes.
struct Way<'a> {
    shared: &'a Arc<Shared>,
    started: Instant,
    sent: Arc<Sent>,
    route: Option<Route>,
    channel: Option<ChannelName>,
    path: &'a str,
}

impl Way<'_> {
    async fn forward(self, mut parts: Parts, incoming: Incoming) -> Response<AnyBody> {
        headers::remove_hops(&mut parts.headers);
        let mut considered = None;
        let mut expectation = None;
        let body = match self.route {
            Some(route) => {
                let channel = self.channel.as_ref();
                let found =
                    consider(self.shared, route, channel, &mut parts.headers, incoming).await;
                // The body is here: nothing is left to be waited for.
                parts.headers.remove(EXPECT);
                match found {
                    Err(_) => return error(StatusCode::BAD_REQUEST, "the request broke off"),
                    Ok(Considered { body, report, last }) => {
                        considered = Some((report, last));
                        body
                    }
                }
            }
            None if waits(&parts.headers) => {
                let wait = Expectation::default();
                let body = wait.hold(incoming).boxed_unsync();
                expectation = Some(wait);
                body
            }
            None => incoming.map_err(Into::into).boxed_unsync(),
        };
        if considered.is_none() {
            parts.headers.remove(headers::SWITCH);
        }
        let response = self.send(parts, body, expectation.as_ref()).await;
        let (report, last) = considered.map_or((None, None), |(report, last)| (Some(report), last));
        let mut response = match response {
            Err(failure) => self.failed(&failure),
            Ok(response) => {
                let (mut head, incoming) = response.into_parts();
                headers::remove_hops(&mut head.headers);
                let last = last.filter(|_| head.status == StatusCode::OK);
                let sent = Arc::clone(&self.sent);
                let answer = Answer::new(incoming, by_line(&head.headers), sent)
                    .unless_wanted(expectation)
                    .watched(last);
                Response::from_parts(head, answer.boxed_unsync())
            }
        };
        if let Some(report) = report {
            headers::add_report(response.headers_mut(), &report);
            count(self.shared, &report);
            self.show(report, response.status());
        }
        response
    }

    /// Puts a request on the page of requests.
    fn show(self, report: Report, status: StatusCode) {
        let Some((console, route)) = self.shared.console.as_ref().zip(self.route) else { return };
        console.see(Seen {
            at: self.started,
            route: route.path(),
            channel: self.channel,
            status: status.as_u16(),
            took: self.started.elapsed(),
            report,
        });
    }

    async fn send(
        &self,
        parts: Parts,
        body: AnyBody,
        expectation: Option<&Expectation>,
    ) -> Result<Response<Incoming>, SendError> {
        let mut request = Request::from_parts(parts, ());
        if let Some(wait) = expectation.cloned() {
            hyper::ext::on_informational(&mut request, move |response| {
                if response.status() == StatusCode::CONTINUE {
                    wait.want();
                }
            });
        }
        self.shared.upstream.send(request.into_parts().0, self.path, body).await
    }

    fn failed(&self, failure: &SendError) -> Response<AnyBody> {
        let address = self.shared.upstream.address();
        tracing::debug!(?failure, "not answered");
        let message = if failure.is_unreachable() {
            format!("no Ollama server answers at {address}")
        } else {
            format!("the connection to {address} broke before the answer")
        };
        error(StatusCode::BAD_GATEWAY, &message)
    }
}

/// Takes a channel off the start of a path: `/k/NAME/…`.
///
/// # Errors
/// What stands there where it is not the name of a channel.
fn channel_of(path: &str) -> Result<(Option<ChannelName>, &str), String> {
    let Some(rest) = path.strip_prefix("/k/") else { return Ok((None, path)) };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let channel = name.parse().map_err(|_| name.to_owned())?;
    let rest = if rest.starts_with('/') { rest } else { "/" };
    Ok((Some(channel), rest))
}

fn text(parts: &Parts, name: hyper::header::HeaderName) -> &str {
    // A header that is not text is no host and no origin of ours.
    parts.headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"))
}

fn waits(headers: &HeaderMap) -> bool {
    let value = headers.get(EXPECT).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
}

/// Returns whether an answer consists of lines that arrive one by one.
fn by_line(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ["application/x-ndjson", "text/event-stream"].iter().any(|lines| kind.starts_with(lines))
}

fn count(shared: &Shared, report: &Report) {
    if let Some(reason) = report.reason.filter(|_| report.fragments.is_empty()) {
        shared.metrics.untouched(reason.as_str(), reason.is_failure());
    }
    if !report.fragments.is_empty() {
        shared.metrics.injections.add(1);
        shared.metrics.fragments.add(report.fragments.len());
        shared.metrics.tokens.add(report.tokens);
    }
}

fn metrics(shared: &Shared) -> Response<AnyBody> {
    let mut response = Response::new(body::of_bytes(shared.metrics.text()));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn page(console: &Console, upstream: &str) -> Response<AnyBody> {
    let mut response = Response::new(body::of_bytes(console.page(upstream, Instant::now())));
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, console::POLICY),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn empty(status: StatusCode) -> Response<AnyBody> {
    let mut response = Response::new(body::of_bytes(""));
    *response.status_mut() = status;
    response
}

/// Returns an error as Ollama words it.
fn error(status: StatusCode, message: &str) -> Response<AnyBody> {
    let text = serde_json::json!({ "error": message }).to_string();
    let mut response = Response::new(body::of_bytes(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_taken_off_the_start_of_a_path() {
        for (path, channel, rest) in [
            ("/api/chat", None, "/api/chat"),
            ("/k/team/api/chat?x=1", Some("team"), "/api/chat?x=1"),
            ("/k/team", Some("team"), "/"),
            ("/k/team/", Some("team"), "/"),
            ("/kind", None, "/kind"),
        ] {
            let (found, left) = channel_of(path).unwrap();
            assert_eq!((found.as_ref().map(ChannelName::as_str), left), (channel, rest), "{path}");
        }
        assert_eq!(channel_of("/k/No Channel/x"), Err("No Channel".to_owned()));
        assert!(channel_of("/k//api/chat").is_err());
    }
}
