//! `garner run`: a client with a proxy of its own, for as long as it runs.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitStatus;

use clap::Args;
use garner_kernel::ChannelName;
use garner_serve::{Proxy, Settings};
use tokio::process::Command;

use crate::args::FilterArguments;
use crate::commands::serve::url;
use crate::context::Context;
use crate::error::Error;
use crate::proxy::{self, signals};
use crate::runtime::runtime;
use crate::spool;

/// The client that is run for a model.
const CLIENT: &str = "ollama";

#[derive(Debug, Args)]
#[command(
    override_usage = "garner run [OPTIONS] MODEL [ARGS]...\n       garner run [OPTIONS] -- CLIENT [ARGS]..."
)]
pub(crate) struct Arguments {
    /// Ask this Ollama server (default: what GARNER_UPSTREAM or OLLAMA_HOST names)
    #[arg(long, value_name = "ADDRESS")]
    upstream: Option<String>,
    /// Let fragments of this channel go to models of third parties (repeatable)
    #[arg(long, value_name = "CHANNEL")]
    cloud: Vec<ChannelName>,
    /// Keep what is said, for `garner compile --spool` to learn from
    #[arg(long)]
    learn: bool,
    #[command(flatten)]
    filters: FilterArguments,
    /// The model and what else `ollama run` is given, or `--` and another client with its arguments
    #[arg(
        value_name = "MODEL",
        required = true,
        num_args = 1..,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let settings = Settings {
        listen: "127.0.0.1:0".to_owned(),
        upstream: arguments.upstream.clone().unwrap_or_else(|| context.environment.ollama.clone()),
        host_name: proxy::host_name(),
        origins: context.environment.origins.clone(),
        injection: Some(proxy::injecting(&arguments.filters, &arguments.cloud, context)),
        learning: arguments.learn.then(|| spool::keep_conversations(context)),
    };
    let runtime = runtime()?;
    let status = runtime
        .block_on(with_proxy(settings, &client_of(&arguments.words, std::env::args_os())))?;
    runtime.shutdown_background();
    let status = code(status);
    if status == 0 { Ok(()) } else { Err(Error::Ended { status }) }
}

/// Returns the client and its arguments: `words` as they are where `--` comes before them on the
/// command line, which the parser takes away.
fn client_of(words: &[OsString], line: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let line: Vec<OsString> = line.collect();
    let before = line.len().checked_sub(words.len() + 1).and_then(|at| line.get(at));
    let ours = if before.is_some_and(|word| word == "--") { &[][..] } else { &[CLIENT, "run"] };
    ours.iter().map(OsString::from).chain(words.iter().cloned()).collect()
}

async fn with_proxy(settings: Settings, words: &[OsString]) -> Result<ExitStatus, Error> {
    let proxy = Proxy::bind(settings).await?;
    let url = url(proxy.address());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let proxy = tokio::spawn(proxy.run(async move { drop(stopped.await) }));
    let status = client(words, &url).await;
    drop(stop);
    // What was injected is in the log before the program ends.
    let _ = proxy.await;
    status
}

/// Runs a client that talks to the proxy at `url`, and waits for it.
async fn client(words: &[OsString], url: &str) -> Result<ExitStatus, Error> {
    let Some((program, rest)) = words.split_first() else {
        return Err(Error::NoClient {
            program: String::new(),
            source: std::io::ErrorKind::NotFound.into(),
        });
    };
    let name = || program.to_string_lossy().into_owned();
    let by_terminal = std::io::stdin().is_terminal();
    // From here on a signal is the client's.
    let relay = signals::Relay::new().map_err(Error::Runtime)?;
    let mut child = Command::new(program)
        .args(rest)
        .env("OLLAMA_HOST", url)
        .env("OPENAI_BASE_URL", format!("{url}/v1"))
        .env("ANTHROPIC_BASE_URL", url)
        .spawn()
        .map_err(|source| Error::NoClient { program: name(), source })?;
    let signals = relay.send_on(child.id(), by_terminal);
    tokio::select! {
        status = child.wait() => status.map_err(|e| Error::io("wait for", name(), e)),
        never = signals => match never {},
    }
}

/// Returns the exit status that stands for how a client ended, as shells have it.
#[cfg(unix)]
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let signal = status.signal().map(|signal| 128 + signal);
    status.code().or(signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Returns the exit status that stands for how a client ended.
#[cfg(not(unix))]
fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_dashes_say_that_a_client_follows() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (line, given, expected) in [
            ("garner run m", "m", "ollama run m"),
            ("garner run --cloud x m --verbose", "m --verbose", "ollama run m --verbose"),
            ("garner run m -- hi", "m -- hi", "ollama run m -- hi"),
            ("garner run -- python -c x", "python -c x", "python -c x"),
            ("garner --store d run --cloud x -- run run", "run run", "run run"),
        ] {
            assert_eq!(
                client_of(&words(given), words(line).into_iter()),
                words(expected),
                "{line}"
            );
        }
    }
}
