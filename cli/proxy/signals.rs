//! Signals: what ends a proxy, and what goes on to a client that it runs.

use std::io;

/// Waits for the first signal that ends a program.
///
/// # Errors
/// Where the system takes no handler.
#[cfg(unix)]
pub(crate) fn end() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

/// Waits for the first signal that ends a program.
///
/// # Errors
/// Where the system takes no handler.
#[cfg(not(unix))]
pub(crate) fn end() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// Sends on to a client what this program is sent, for as long as it is awaited.
///
/// A terminal sends its own signals to the client as well, so those are not sent twice.
///
/// # Errors
/// Where the system takes no handler.
#[cfg(unix)]
pub(crate) async fn send_on(client: Option<u32>, by_terminal: bool) -> io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    use tokio::signal::unix::{SignalKind, signal};
    let pid = client.and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
    let send = |signal| {
        if let Some(pid) = pid {
            // A client that is gone already needs no signal.
            let _ = kill_process(pid, signal);
        }
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut first = signal(SignalKind::user_defined1())?;
    let mut second = signal(SignalKind::user_defined2())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => if !by_terminal { send(Signal::INT) },
            _ = quit.recv() => if !by_terminal { send(Signal::QUIT) },
            _ = terminate.recv() => send(Signal::TERM),
            _ = hang_up.recv() => send(Signal::HUP),
            _ = first.recv() => send(Signal::USR1),
            _ = second.recv() => send(Signal::USR2),
        }
    }
}

/// Sends on to a client what this program is sent, for as long as it is awaited.
///
/// # Errors
/// Where the system takes no handler.
#[cfg(not(unix))]
pub(crate) async fn send_on(_client: Option<u32>, _by_terminal: bool) -> io::Result<()> {
    // The console sends its own signals to the client as well.
    loop {
        tokio::signal::ctrl_c().await?;
    }
}
