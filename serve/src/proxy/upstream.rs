//! The way to the server.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Request, Response, Uri, Version};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::error::Error;
use crate::ollama::Ollama;
use crate::proxy::body::AnyBody;

/// How long a connection may take to open; an answer may take as long as it likes.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a connection that is not used stays open.
const IDLE: Duration = Duration::from_mins(1);

/// The server behind the proxy.
#[derive(Debug)]
pub(crate) struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, AnyBody>,
    address: String,
    scheme: Scheme,
    authority: Authority,
    /// What comes before every path; empty at most addresses.
    base: String,
    /// Whether the server sees which host the client asked, for checks of its own.
    keeps_host: bool,
}

impl Upstream {
    /// Prepares the way to a server.
    ///
    /// # Errors
    /// [`Error::Address`] if it is not an address.
    pub(crate) fn new(ollama: &Ollama) -> Result<Self, Error> {
        let address = ollama.address().trim_end_matches('/').to_owned();
        let refused = || Error::Address { url: address.clone() };
        let uri: Uri = address.parse().map_err(|_| refused())?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(refused());
        };
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::as_str);
        let base = path.trim_end_matches('/').to_owned();
        let keeps_host = ["127.0.0.1", "localhost", "[::1]"].contains(&authority.host());
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_preserve_header_case(true)
            .set_host(true)
            .build(connector()?);
        Ok(Self { client, address, scheme, authority, base, keeps_host })
    }

    /// Returns the address, for people.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sends a request to `path`, which starts with a slash and may have a query.
    pub(crate) async fn send(
        &self,
        mut parts: Parts,
        path: &str,
        body: AnyBody,
    ) -> Result<Response<Incoming>, SendError> {
        let path = format!("{}{path}", self.base);
        let path: PathAndQuery = path.parse().map_err(|_| SendError::Path)?;
        parts.uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|_| SendError::Path)?;
        parts.version = Version::HTTP_11;
        if !self.keeps_host || !parts.headers.contains_key(HOST) {
            let host =
                HeaderValue::try_from(self.authority.as_str()).map_err(|_| SendError::Path)?;
            parts.headers.insert(HOST, host);
        }
        self.client.request(Request::from_parts(parts, body)).await.map_err(SendError::Client)
    }
}

/// Why a request was not answered.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The path is not one.
    Path,
    /// The connection failed or broke.
    Client(ClientError),
}

impl SendError {
    /// Returns whether the server is not there.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_connect())
    }
}

fn connector() -> Result<HttpsConnector<HttpConnector>, Error> {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(CONNECT));
    http.set_nodelay(true);
    http.enforce_http(false);
    let https = hyper_rustls::HttpsConnectorBuilder::new()
        .try_with_platform_verifier()
        .map_err(|error| Error::Certificates { reason: error.to_string() })?;
    Ok(https.https_or_http().enable_http1().wrap_connector(http))
}
