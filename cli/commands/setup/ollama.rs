//! `garner setup ollama`: clients of Ollama that are started from a shell talk to the proxy.

use std::path::Path;

use clap::Args;
use garner_kernel::ChannelName;
use garner_serve::Ollama;

use super::{LISTEN, print, proxy_url, told_back};
use crate::context::Context;
use crate::error::Error;
use crate::setup::{self, Addresses, Mode, Profiles, Program, Shape, Shell, Standing, Target};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The shell whose profile is told (repeatable; default: those that are used here)
    #[arg(long, value_name = "SHELL")]
    shell: Vec<Shell>,
    /// Where the proxy listens
    #[arg(long, value_name = "HOST:PORT", default_value = LISTEN)]
    listen: String,
    /// Where the Ollama server listens (default: what OLLAMA_HOST names)
    #[arg(long, value_name = "ADDRESS")]
    upstream: Option<String>,
    /// Read this channel only
    #[arg(short, long, value_name = "NAME")]
    channel: Option<ChannelName>,
    /// Take back what the last setup changed
    #[arg(long)]
    undo: bool,
    /// Print what would be changed
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Where the Ollama server listens unless it is told otherwise.
const SERVER: &str = "127.0.0.1:11434";

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let mode = if arguments.dry_run { Mode::Say } else { Mode::Do };
    let target = target(context);
    if arguments.undo {
        let undone = setup::undo(&target, mode)?;
        if undone.is_none() && !context.global.json {
            return context
                .output
                .print("Nothing of Garner is set up in the profiles of shells.\n");
        }
        return told_back(undone, &target, mode, context);
    }
    let addresses = addresses(arguments, context)?;
    let profiles = profiles(context);
    let login = context.environment.shell.as_deref();
    let shells = match &*arguments.shell {
        [] => Shell::ALL.into_iter().filter(|shell| shell.is_used(&profiles, login)).collect(),
        named => named.to_vec(),
    };
    // A person without any profile gets that of the most common shell.
    let shells = if shells.is_empty() { vec![Shell::Bash] } else { shells };
    let shape = Shape::Shells { shells, profiles, addresses: addresses.clone() };
    let outcome = setup::set_up(&target, &shape, &Program::new("garner"), mode)?;
    print(&outcome, &target, None, mode, context)?;
    if mode == Mode::Say {
        return Ok(());
    }
    let Addresses { server, .. } = addresses;
    let listen = match &*arguments.listen {
        LISTEN => String::new(),
        other => format!(" --listen {other}"),
    };
    let serve = format!("garner serve --upstream {server}{listen}");
    context.output.say(&format!(
        "Shells that start from now on send clients of Ollama to the proxy, which has to run: \
         `{serve}`, or at each login:\n  mkdir -p ~/.config/systemd/user\n  {serve} --print-unit > ~/.config/systemd/user/garner.service\n  \
         systemctl --user enable --now garner\n\
         `garner setup ollama --undo` takes this back."
    ));
    Ok(())
}

/// What is set up for clients of Ollama on this machine.
pub(crate) struct SetUp {
    pub(crate) standing: Standing,
    /// The address of the proxy that a profile names, without a channel.
    pub(crate) proxy: Option<String>,
}

/// Returns what is set up for clients of Ollama; `None` where nothing is.
pub(crate) fn find(context: &Context) -> Result<Option<SetUp>, Error> {
    let Some(standing) = setup::standing(&target(context))? else { return Ok(None) };
    let profiles = profiles(context);
    let read = |shell: Shell| std::fs::read_to_string(shell.profile(&profiles)).ok();
    let named = Shell::ALL.into_iter().filter_map(read).find_map(|text| setup::named_proxy(&text));
    let proxy = named.map(|url| url.split("/k/").next().unwrap_or_default().to_owned());
    Ok(Some(SetUp { standing, proxy }))
}

/// Returns the folder whose setup this is: nothing lies in it but its name.
fn target(context: &Context) -> Target {
    let home = context.places.home.clone();
    Target { folder: home.join(".ollama"), journals: context.places.setups(), home }
}

fn profiles(context: &Context) -> Profiles {
    let config = context.places.config.parent().unwrap_or(Path::new("/")).to_owned();
    Profiles { home: context.places.home.clone(), zsh: context.environment.zsh.clone(), config }
}

/// Returns whom clients ask and who answers, checked: both are written into profiles.
fn addresses(arguments: &Arguments, context: &Context) -> Result<Addresses, Error> {
    let proxy = proxy_url(&arguments.listen, arguments.channel.as_ref())?;
    let at_proxy = |address: &str| bare(address) == bare(&arguments.listen);
    let known = Some(context.environment.ollama.clone()).filter(|address| !at_proxy(address));
    let server = arguments.upstream.clone().or(known).unwrap_or_else(|| SERVER.to_owned());
    super::checked(&server)?;
    Ollama::new(&server)?;
    if at_proxy(&server) {
        return Err(garner_serve::Error::Address { url: server }.into());
    }
    Ok(Addresses { proxy, server })
}

/// Returns host and port of an address.
fn bare(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}
