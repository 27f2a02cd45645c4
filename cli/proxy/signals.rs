//! Signals: what ends a proxy, and what goes on to a client that it runs.

use std::convert::Infallible;
use std::io;

/// The signals that end a program.
#[cfg(unix)]
pub(crate) struct Ends(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Ends {
    /// Takes them over: from here on they end nothing by themselves.
    ///
    /// # Errors
    /// Where the system takes no handler.
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        kinds.into_iter().map(signal).collect::<io::Result<_>>().map(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        std::future::poll_fn(|cx| {
            let came = self.0.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
            if came { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}

/// The signals that end a program.
#[cfg(not(unix))]
pub(crate) struct Ends;

#[cfg(not(unix))]
impl Ends {
    /// Takes them over, from the first that is waited for on.
    ///
    /// # Errors
    /// Where the system takes no handler.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// What a person sends who interrupts something.
#[cfg(unix)]
pub(crate) struct Interrupts(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Interrupts {
    /// Takes interrupts over: from here on they end nothing by themselves.
    ///
    /// # Errors
    /// Where the system takes no handler.
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::interrupt()).map(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        // There is always a next one.
        let _ = self.0.recv().await;
    }
}

/// What a person sends who interrupts something.
#[cfg(not(unix))]
pub(crate) struct Interrupts;

#[cfg(not(unix))]
impl Interrupts {
    /// Takes interrupts over, from the first that is waited for on.
    ///
    /// # Errors
    /// Where the system takes no handler.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// What this program is sent while a client of its own runs; it ends when the client does.
#[cfg(unix)]
pub(crate) struct Relay(Vec<(tokio::signal::unix::Signal, rustix::process::Signal)>);

#[cfg(unix)]
impl Relay {
    /// Takes over the signals that end or tell a program something.
    ///
    /// # Errors
    /// Where the system takes no handler.
    pub(crate) fn new() -> io::Result<Self> {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        let pairs = [
            (SignalKind::interrupt(), Signal::INT),
            (SignalKind::quit(), Signal::QUIT),
            (SignalKind::terminate(), Signal::TERM),
            (SignalKind::hangup(), Signal::HUP),
            (SignalKind::user_defined1(), Signal::USR1),
            (SignalKind::user_defined2(), Signal::USR2),
        ];
        let taken = pairs.into_iter().map(|(kind, sent)| Ok((signal(kind)?, sent)));
        taken.collect::<io::Result<_>>().map(Self)
    }

    /// Sends them on to a client, for as long as it is awaited. A terminal sends its own signals to
    /// the client as well, so those are not sent twice.
    pub(crate) async fn send_on(mut self, client: Option<u32>, by_terminal: bool) -> Infallible {
        use rustix::process::{Pid, Signal, kill_process};
        let pid = client.and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        loop {
            let sent = std::future::poll_fn(|cx| {
                let arrived = self
                    .0
                    .iter_mut()
                    .find_map(|(signal, sent)| signal.poll_recv(cx).is_ready().then_some(*sent));
                arrived.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
            });
            let sent = sent.await;
            let by_keys = [Signal::INT, Signal::QUIT].contains(&sent);
            if let Some(pid) = pid.filter(|_| !(by_terminal && by_keys)) {
                // A client that is gone already needs no signal.
                let _ = kill_process(pid, sent);
            }
        }
    }
}

/// What this program is sent while a client of its own runs; it ends when the client does.
#[cfg(not(unix))]
pub(crate) struct Relay;

#[cfg(not(unix))]
impl Relay {
    /// Takes over the signals that end or tell a program something.
    ///
    /// # Errors
    /// Where the system takes no handler.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Outlives what the console sends to the client as well.
    pub(crate) async fn send_on(self, _client: Option<u32>, _by_terminal: bool) -> Infallible {
        while tokio::signal::ctrl_c().await.is_ok() {}
        std::future::pending().await
    }
}
