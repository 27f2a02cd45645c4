//! `garner setup open-webui`, `continue` and `zed`: what to tell clients that keep their own settings.
//!
//! They are told nothing by us: their settings are in a database, in a container, or written by hand.

use clap::Args;
use garner_kernel::ChannelName;
use serde_json::json;

use super::{LISTEN, proxy_url};
use crate::context::Context;
use crate::error::Error;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the proxy listens, as the client reaches it
    #[arg(long, value_name = "HOST:PORT", default_value = LISTEN)]
    listen: String,
    /// Read this channel only
    #[arg(short, long, value_name = "NAME")]
    channel: Option<ChannelName>,
}

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    OpenWebUi,
    Continue,
    Zed,
}

/// What to write where.
struct Settings {
    name: &'static str,
    place: &'static str,
    format: &'static str,
    text: String,
    notes: &'static [&'static str],
}

pub(super) fn run(client: Client, arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let url = proxy_url(&arguments.listen, arguments.channel.as_ref())?;
    let Settings { name, place, format, text, notes } = settings(client, &url);
    if context.global.json {
        return context.output.print_json(json!({
            "client": name,
            "url": url,
            "place": place,
            "settings_format": format,
            "settings": text,
            "notes": notes,
        }));
    }
    // What is printed can be piped into a file; what is said about it cannot.
    context.output.say(&format!("{name}, {place}:"));
    context.output.print(&text)?;
    for note in notes {
        context.output.say(note);
    }
    context.output.say("The proxy has to run: `garner serve`.");
    Ok(())
}

fn settings(client: Client, url: &str) -> Settings {
    match client {
        Client::OpenWebUi => Settings {
            name: "Open WebUI",
            place: "in its environment",
            format: "env",
            text: format!("OLLAMA_BASE_URL={url}\n"),
            notes: &[
                "An installation that ran before keeps the address in its database: set it under \
                 Admin Settings, Connections, Ollama API instead.",
                "In a container, 127.0.0.1 is the container: run it with `--network=host`, or let \
                 the proxy listen where the container reaches it (`garner serve --listen \
                 HOST:PORT --expose`) and name that address here with `--listen`.",
            ],
        },
        Client::Continue => Settings {
            name: "Continue",
            place: "in ~/.continue/config.yaml",
            format: "yaml",
            text: format!(
                "models:\n  - name: Ollama with memory\n    provider: ollama\n    \
                 model: AUTODETECT\n    apiBase: {url}\n    roles:\n      - chat\n      - edit\n      \
                 - apply\n"
            ),
            notes: &[
                "Its other models stand under the same `models`; a new file also needs `name`, `version` and \
                 `schema: v1` at its top. Keep another entry with the server's own address for \
                 `autocomplete`: completions pass the proxy untouched and gain nothing from it.",
            ],
        },
        Client::Zed => Settings {
            name: "Zed",
            place: "in ~/.config/zed/settings.json",
            format: "json",
            text: format!("{:#}\n", json!({ "language_models": { "ollama": { "api_url": url } } })),
            notes: &[],
        },
    }
}
