//! Listening: one task per connection, until it is told to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use garner_kernel::ChannelName;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use crate::console::Console;
use crate::error::Error;
use crate::inject::desk::{Desk, MakeRecaller, Record};
use crate::inject::models::Models;
use crate::learn::{Keep, Listener};
use crate::metrics::Metrics;
use crate::ollama::Ollama;
use crate::proxy::access::Access;
use crate::proxy::answer::answer;
use crate::proxy::socket::{Sent, Socket};
use crate::proxy::upstream::Upstream;

/// How long answers that run may go on once the proxy is told to stop.
const GRACE: Duration = Duration::from_secs(30);
/// How long nothing is accepted where the system has no descriptor left.
const BREATH: Duration = Duration::from_millis(50);

/// How a proxy works.
pub struct Settings {
    /// The address to listen at, `host:port`; port 0 takes any that is free.
    pub listen: String,
    /// The server that answers (`host`, `host:port` or a URL).
    pub upstream: String,
    /// The name of this machine, under which it may be asked.
    pub host_name: Option<String>,
    /// Origins of pages that may ask, beside those that Ollama allows; each may hold one `*`.
    pub origins: Vec<String>,
    /// What is put into prompts; `None` passes everything on.
    pub injection: Option<Injecting>,
    /// What keeps conversations to be learned from; `None` listens to nothing.
    pub learning: Option<Keep>,
}

/// Where fragments come from.
pub struct Injecting {
    /// Makes what answers questions about the store, on a thread of its own.
    pub recaller: MakeRecaller,
    /// Writes events into the log.
    pub record: Record,
    /// The channels whose fragments may go to models of third parties.
    pub cloud: Vec<ChannelName>,
    /// How long a request waits for the store and for what the server says of its model; after that
    /// it goes on unchanged.
    pub deadline: Duration,
}

impl Injecting {
    /// How long a request waits, unless told otherwise: less than a person notices before an answer.
    pub const DEADLINE: Duration = Duration::from_millis(150);
}

/// What is put into prompts, at work.
pub(crate) struct AtWork {
    pub(crate) desk: Desk,
    pub(crate) models: Arc<Models>,
    pub(crate) deadline: Duration,
    cloud: Vec<ChannelName>,
}

impl AtWork {
    /// Returns the channels that may answer for a model of a third party; `None` if none may.
    pub(crate) fn cloud_channels(&self, asked: Option<&ChannelName>) -> Option<Vec<ChannelName>> {
        let allowed = |name: &&ChannelName| asked.is_none_or(|asked| asked == *name);
        let channels: Vec<_> = self.cloud.iter().filter(allowed).cloned().collect();
        Some(channels).filter(|channels| !channels.is_empty())
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) upstream: Upstream,
    pub(crate) access: Access,
    pub(crate) metrics: Arc<Metrics>,
    /// What is shown as a page; `None` where other machines can connect.
    pub(crate) console: Option<Console>,
    pub(crate) injecting: Option<AtWork>,
    pub(crate) learner: Option<Listener>,
}

/// A proxy that listens.
pub struct Proxy {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts to listen.
    ///
    /// # Errors
    /// [`Error::Listen`] if the address cannot be had, [`Error::Address`] if the server's is not one,
    /// [`Error::Itself`] if both are the same.
    pub async fn bind(settings: Settings) -> Result<Self, Error> {
        let listen = |source| Error::Listen { address: settings.listen.clone(), source };
        let ollama = Ollama::new(&settings.upstream)?;
        let upstream = Upstream::new(&ollama)?;
        let listener = TcpListener::bind(&settings.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        if ollama.is_at(address) {
            return Err(Error::Itself { address });
        }
        let metrics = Arc::new(Metrics::default());
        let start = |injecting: Injecting| -> Result<AtWork, Error> {
            let lost = Arc::clone(&metrics);
            let on_lost = move || lost.events_lost.add(1);
            let patience = injecting.deadline;
            let desk = Desk::start(injecting.recaller, injecting.record, on_lost, patience)?;
            let models = Arc::new(Models::new(ollama));
            let (deadline, cloud) = (injecting.deadline, injecting.cloud);
            Ok(AtWork { desk, models, deadline, cloud })
        };
        let injecting = settings.injection.map(start).transpose()?;
        let listen_to = |keep| Listener::start(keep, Arc::clone(&metrics));
        let learner = settings.learning.map(listen_to).transpose()?;
        let access = Access {
            is_loopback: address.ip().is_loopback(),
            host_name: settings.host_name,
            origins: settings.origins,
        };
        let console = access.is_loopback.then(Console::default);
        let shared = Arc::new(Shared { upstream, access, metrics, console, injecting, learner });
        Ok(Self { listener, address, shared })
    }

    /// Returns where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of the server behind it.
    pub fn upstream(&self) -> &str {
        self.shared.upstream.address()
    }

    /// Returns whether it has a page of what went into prompts: where only this machine can connect.
    pub fn has_console(&self) -> bool {
        self.shared.console.is_some()
    }

    /// Serves until `stop` is ready; then answers that run may end, and events are written.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listener, shared, .. } = self;
        let graceful = GracefulShutdown::new();
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => serve(stream, &shared, &graceful),
                    Err(error) => {
                        tracing::debug!(%error, "not accepted");
                        tokio::time::sleep(BREATH).await;
                    }
                },
            }
        }
        drop(listener);
        // What runs longer is cut off with the process.
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
        let finish = move || {
            if let Some(learner) = &shared.learner {
                learner.finish();
            }
            if let Some(AtWork { desk, .. }) =
                Arc::into_inner(shared).and_then(|shared| shared.injecting)
            {
                desk.finish();
            }
        };
        let _ = tokio::task::spawn_blocking(finish).await;
    }
}

fn serve(stream: TcpStream, shared: &Arc<Shared>, graceful: &GracefulShutdown) {
    // Small answers go out at once; where that cannot be set they go out later.
    let _ = stream.set_nodelay(true);
    shared.metrics.connections.add(1);
    let (shared, sent) = (Arc::clone(shared), Arc::new(Sent::default()));
    let socket = Socket::new(stream, Arc::clone(&sent));
    let service =
        service_fn(move |request| answer(Arc::clone(&shared), Arc::clone(&sent), request));
    let connection =
        http1::Builder::new().preserve_header_case(true).serve_connection(socket, service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        // A client that went away is no error of ours.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended");
        }
    });
}
