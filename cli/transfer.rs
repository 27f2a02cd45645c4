//! Files on their way to and from remotes: how fast they may move, and how far they are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use garner_sync::{AnyRemote, Meter, Moved, Rate, RemoteUrl};
use indicatif::{ProgressBar, ProgressStyle};

use crate::context::Context;
use crate::error::Error;
use crate::table;

/// How long a transfer takes before it is worth a bar.
const LONG: Duration = Duration::from_millis(300);

/// How fast files may move.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Pace {
    /// Move at most so many bytes a second (`800`, `200K`, `1M`)
    #[arg(long, value_name = "RATE")]
    limit_rate: Option<Rate>,
}

impl Context {
    /// Holds every remote of this command to a pace.
    pub(crate) fn keep_to(&self, pace: Pace) {
        self.meter.limit(pace.limit_rate);
    }

    /// Opens the remote at an address.
    ///
    /// # Errors
    /// [`Error::OnNetwork`] if `--offline` forbids it.
    pub(crate) fn open_remote(&self, url: &RemoteUrl) -> Result<AnyRemote, Error> {
        self.check_reachable(url)?;
        Ok(url.open_metered(&self.places.cache.join("remotes"), &self.meter)?)
    }

    /// Checks that nobody said not to go where this address leads.
    pub(crate) fn check_reachable(&self, url: &RemoteUrl) -> Result<(), Error> {
        if self.global.offline && url.is_on_network() {
            return Err(Error::OnNetwork { remote: url.to_string() });
        }
        Ok(())
    }

    /// Shows what remotes move from now on, until the result is dropped.
    pub(crate) fn show_transfer(&self, doing: String) -> Shown {
        let bar = self.output.transfer_bar();
        let (drawn, since, before) = (bar.clone(), Instant::now(), self.meter.moved());
        self.meter.watch(Some(Box::new(move |moved| {
            if since.elapsed() >= LONG {
                draw(&drawn, &doing, before, moved);
            }
        })));
        Shown { meter: Arc::clone(&self.meter), bar }
    }
}

/// A transfer that is shown while it goes on.
pub(crate) struct Shown {
    meter: Arc<Meter>,
    bar: ProgressBar,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.meter.watch(None);
        self.bar.finish_and_clear();
        let Moved { requests, bytes, .. } = self.meter.moved();
        tracing::info!(requests, bytes, "moved by this command so far");
    }
}

/// Draws how far a transfer is; one that is through what was announced leaves the line to others,
/// who may ask for a passphrase there.
fn draw(bar: &ProgressBar, doing: &str, before: Moved, moved: Moved) {
    let bytes = moved.bytes - before.bytes;
    let expected = moved.expected.map(|expected| expected.saturating_sub(before.bytes));
    if expected == Some(bytes) {
        bar.finish_and_clear();
        return;
    }
    if bar.is_finished() {
        bar.reset();
    }
    let requests = table::count(moved.requests - before.requests, "request");
    bar.set_message(format!("{doing}: {requests}"));
    let template = match expected.filter(|expected| *expected > bytes) {
        Some(expected) => {
            bar.set_length(expected);
            "{msg} {wide_bar} {binary_bytes} of {binary_total_bytes}, {eta} left"
        }
        // How much there is in all is known once the newest manifest is here.
        None => "{msg}, {binary_bytes}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_position(bytes);
}
