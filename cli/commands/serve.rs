//! `garner serve`: the proxy between clients and an Ollama server.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use garner_kernel::ChannelName;
use garner_serve::{Injecting, Ollama, Proxy, Settings};
use serde_json::json;

use crate::args::FilterArguments;
use crate::context::Context;
use crate::error::Error;
use crate::proxy::{self, signals};
use crate::runtime::runtime;
use crate::spool;

/// Where clients find the proxy, unless told otherwise.
pub(crate) const LISTEN: &str = "127.0.0.1:11435";

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a command")]
pub(crate) struct Arguments {
    /// Listen at this address
    #[arg(long, value_name = "HOST:PORT", default_value = LISTEN)]
    listen: String,
    /// Ask this Ollama server (default: what GARNER_UPSTREAM or OLLAMA_HOST names)
    #[arg(long, value_name = "ADDRESS")]
    upstream: Option<String>,
    /// Listen where other machines can connect
    #[arg(long)]
    expose: bool,
    /// Let pages of this origin ask, beside those that Ollama allows (repeatable)
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// Let fragments of this channel go to models of third parties (repeatable)
    #[arg(long, value_name = "CHANNEL")]
    cloud: Vec<ChannelName>,
    /// Pass everything on, and put nothing into prompts
    #[arg(long)]
    no_inject: bool,
    /// Wait so long for the store and for what the server says of a model, then go on unchanged
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 150)]
    deadline: u64,
    /// Keep what people and models say, for `garner compile --spool` to learn from
    #[arg(long)]
    learn: bool,
    /// Print a unit for systemd that runs this command, and stop
    #[arg(long)]
    print_unit: bool,
    #[command(flatten)]
    filters: FilterArguments,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    if arguments.print_unit {
        return context.output.print(&unit()?);
    }
    let listen = listen(arguments)?;
    let injecting = || {
        let deadline = Duration::from_millis(arguments.deadline);
        Injecting { deadline, ..proxy::injecting(&arguments.filters, &arguments.cloud, context) }
    };
    let settings = Settings {
        listen,
        upstream: arguments.upstream.clone().unwrap_or_else(|| context.environment.ollama.clone()),
        host_name: proxy::host_name(),
        origins: [context.environment.origins.clone(), arguments.origin.clone()].concat(),
        injection: (!arguments.no_inject).then(injecting),
        learning: arguments.learn.then(|| spool::keep_conversations(context)),
    };
    let runtime = runtime()?;
    runtime.block_on(serve(settings, context))?;
    // Answers that outlived their grace end here.
    runtime.shutdown_background();
    Ok(())
}

async fn serve(settings: Settings, context: &Context) -> Result<(), Error> {
    let upstream = settings.upstream.clone();
    let work = Work { injects: settings.injection.is_some(), learns: settings.learning.is_some() };
    let mut signals = signals::Ends::new().map_err(Error::Runtime)?;
    let proxy = Proxy::bind(settings).await?;
    announce(&proxy, work, context)?;
    let ollama = Ollama::new(&upstream)?;
    let look = async {
        if let Err(error) = ollama.models().await {
            context.output.warn(&format!("{error}: requests are answered once it is there"));
        }
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = async { tokio::join!(proxy.run(async move { drop(stopped.await) }), look) };
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        _ = &mut serving => return Ok(()),
        () = signals.next() => drop(stop),
    }
    // Whoever cannot wait for running answers sends another signal.
    tokio::select! {
        _ = &mut serving => {}
        () = signals.next() => {}
    }
    Ok(())
}

/// What a proxy does with what passes.
#[derive(Debug, Clone, Copy)]
struct Work {
    injects: bool,
    learns: bool,
}

/// Says where clients find the proxy.
fn announce(proxy: &Proxy, work: Work, context: &Context) -> Result<(), Error> {
    let (url, upstream) = (url(proxy.address()), proxy.upstream());
    if context.global.json {
        return context.output.print_json(json!({
            "address": url,
            "upstream": upstream,
            "metrics": format!("{url}/metrics"),
            "console": proxy.has_console().then(|| format!("{url}/console")),
            "injects": work.injects,
            "learns": work.learns,
        }));
    }
    let what = if work.injects { "Fragments go into prompts" } else { "Nothing goes into prompts" };
    let learns =
        if work.learns { " What is said is kept for `garner compile --spool`." } else { "" };
    let page = if proxy.has_console() {
        format!(", a page of them at {url}/console")
    } else {
        String::new()
    };
    context.output.print(&format!(
        "Listening at {url} for {upstream}. {what}; metrics are at {url}/metrics{page}.{learns}\n\n\
         Point clients here:\n  \
         ollama, Python and JavaScript  OLLAMA_HOST={url}\n  \
         Open WebUI                     OLLAMA_BASE_URL={url}\n  \
         OpenAI clients                 OPENAI_BASE_URL={url}/v1\n  \
         Anthropic clients              ANTHROPIC_BASE_URL={url}\n  \
         one channel only               {url}/k/CHANNEL in the place of {url}\n"
    ))
}

/// Returns the URL under which this machine reaches a proxy.
pub(crate) fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// Returns the address to listen at; another machine's reach has to be asked for.
fn listen(arguments: &Arguments) -> Result<String, Error> {
    let listen = &arguments.listen;
    if proxy::is_near(listen) || arguments.expose {
        return Ok(listen.clone());
    }
    Err(Error::Exposed { address: listen.clone() })
}

/// Returns a unit for systemd that runs this command with the same arguments.
fn unit() -> Result<String, Error> {
    let program = std::env::current_exe().map_err(|e| Error::io("find", "this program", e))?;
    let arguments = std::env::args().skip(1).filter(|argument| argument != "--print-unit");
    let words = std::iter::once(program.to_string_lossy().into_owned()).chain(arguments);
    let command: Vec<String> = words.map(|word| quoted(&word)).collect();
    Ok(format!(
        "# Save as ~/.config/systemd/user/garner.service, then:\n\
         #   systemctl --user enable --now garner\n\
         [Unit]\nDescription=Garner between clients and Ollama\nAfter=network.target ollama.service\n\n\
         [Service]\nExecStart={}\nRestart=on-failure\nNoNewPrivileges=yes\nPrivateTmp=yes\n\
         ProtectSystem=strict\nReadWritePaths=%h\nRestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\n\n\
         [Install]\nWantedBy=default.target\n",
        command.join(" ")
    ))
}

/// Writes a word as systemd reads it.
fn quoted(word: &str) -> String {
    let word = word.replace('%', "%%").replace('$', "$$");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%,+$".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word;
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_unit_are_read_as_they_were() {
        for (word, expected) in [
            ("--listen", "--listen"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("100%", "100%%"),
            ("a b", "\"a b\""),
            ("a\"b\\", "\"a\\\"b\\\\\""),
            ("kind=fact and created>2026", "\"kind=fact and created>2026\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn a_proxy_that_listens_everywhere_is_reached_at_home() {
        assert_eq!(url("0.0.0.0:1".parse().unwrap()), "http://127.0.0.1:1");
        assert_eq!(url("[::1]:2".parse().unwrap()), "http://[::1]:2");
    }
}
