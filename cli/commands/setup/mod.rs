//! `garner setup`: keys and store, once; and the tools that are told about them.

pub(crate) mod claude;
mod clients;
pub(crate) mod ollama;

use clap::{Args, Subcommand};
use garner_kernel::ChannelName;
use serde_json::json;

use self::clients::Client;
use crate::context::Context;
use crate::error::Error;
use crate::keys::KeyRole;
use crate::setup::{Mode, Outcome, Target, Undone};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    tool: Option<Tool>,
    /// Name the keys after this person or machine (default: the user)
    #[arg(long)]
    name: Option<String>,
    /// Print what would be made
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// A program that is told about Garner.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// Let Claude Code remember and recall: a plugin with hooks and a skill, and a rules file
    Claude(claude::Arguments),
    /// Let shells send clients of Ollama to the proxy
    Ollama(ollama::Arguments),
    /// Print what Open WebUI has to be told
    OpenWebui(clients::Arguments),
    /// Print what Continue has to be told
    Continue(clients::Arguments),
    /// Print what Zed has to be told
    Zed(clients::Arguments),
}

/// Where the proxy listens, unless it is told otherwise.
const LISTEN: &str = crate::commands::serve::LISTEN;

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let clients = |client, arguments| clients::run(client, arguments, context);
    match &arguments.tool {
        None => keys(arguments, context),
        Some(Tool::Claude(arguments)) => claude::run(arguments, context),
        Some(Tool::Ollama(arguments)) => ollama::run(arguments, context),
        Some(Tool::OpenWebui(arguments)) => clients(Client::OpenWebUi, arguments),
        Some(Tool::Continue(arguments)) => clients(Client::Continue, arguments),
        Some(Tool::Zed(arguments)) => clients(Client::Zed, arguments),
    }
}

/// Makes the keys and the store.
fn keys(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let name = key_name(arguments.name.as_deref().unwrap_or(&context.environment.user));
    let mut made = Vec::new();
    let mut kept = Vec::new();
    for role in KeyRole::ALL {
        let path = role.path(&context.places);
        if path.exists() || role.is_elsewhere(&context.places) {
            if !arguments.dry_run {
                role.complete(&context.places)?;
            }
            kept.push(path);
        } else {
            if !arguments.dry_run {
                role.generate(&context.places, &name)?;
            }
            made.push(path);
        }
    }
    let store = context.places.data.join(garner_loader::Store::FILE);
    if store.exists() {
        kept.push(store);
    } else {
        made.push(store);
    }
    if !arguments.dry_run {
        context.store_to_write()?;
    }
    if context.global.json {
        return context.output.print_json(json!({ "made": made, "kept": kept }));
    }
    let verb = if arguments.dry_run { "would make" } else { "made" };
    let mut text = String::new();
    for path in &made {
        text.push_str(&format!("{verb}  {}\n", path.display()));
    }
    for path in &kept {
        text.push_str(&format!("kept  {}\n", path.display()));
    }
    context.output.print(&text)?;
    if !arguments.dry_run && !made.is_empty() {
        context.output.say(
            "Next: `garner channel add NAME file:/FOLDER` to publish to or read from a folder.\n\
             Copy the recovery key to paper (`garner key export recovery --paper`) or to another \
             medium: it opens what you publish when this machine is lost.",
        );
    }
    Ok(())
}

/// Returns the name with what key names cannot hold replaced by dashes.
fn key_name(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let name: String = name.chars().map(keep).take(40).collect();
    if name.is_empty() { "garner".to_owned() } else { name }
}

/// Returns the URL of a proxy, with the channel that it is asked for.
fn proxy_url(listen: &str, channel: Option<&ChannelName>) -> Result<String, Error> {
    checked(listen)?;
    let base = if listen.contains("://") { listen.to_owned() } else { format!("http://{listen}") };
    let base = base.trim_end_matches('/');
    // What is no address is refused as the program that reads it would.
    garner_serve::Ollama::new(base)?;
    Ok(channel.map_or_else(|| base.to_owned(), |channel| format!("{base}/k/{channel}")))
}

/// Refuses an address that would not be one word in a file of settings.
fn checked(address: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%@".contains(c);
    if !address.is_empty() && address.chars().all(plain) {
        return Ok(());
    }
    Err(garner_serve::Error::Address { url: address.to_owned() }.into())
}

/// Says what an undoing did; `None` stands for nothing to undo.
fn told_back(
    undone: Option<Undone>,
    target: &Target,
    mode: Mode,
    context: &Context,
) -> Result<(), Error> {
    let Some(undone) = undone else {
        if context.global.json {
            return print(&Outcome::default(), target, None, mode, context);
        }
        let folder = target.folder.display();
        return context.output.print(&format!("Nothing of Garner is set up in `{folder}`.\n"));
    };
    print(&undone.outcome, target, undone.earlier.as_deref(), mode, context)?;
    if !undone.outcome.left.is_empty() {
        context.output.say("What is left was changed since, and is yours now.");
    }
    Ok(())
}

fn print(
    outcome: &Outcome,
    target: &Target,
    earlier: Option<&str>,
    mode: Mode,
    context: &Context,
) -> Result<(), Error> {
    let Outcome { made, changed, kept, removed, left } = outcome;
    if context.global.json {
        return context.output.print_json(json!({
            "target": target.folder,
            "dry_run": mode == Mode::Say,
            "made": made,
            "changed": changed,
            "kept": kept,
            "removed": removed,
            "left": left,
            "earlier": earlier,
        }));
    }
    let done = mode == Mode::Do;
    let mut text = String::new();
    for (paths, did, would) in [
        (made, "made", "would make"),
        (changed, "changed", "would change"),
        (removed, "removed", "would remove"),
        (kept, "kept", "kept"),
        (left, "left", "left"),
    ] {
        let verb = if done { did } else { would };
        let width = if done { 7 } else { 12 };
        for path in paths {
            text.push_str(&format!("{verb:width$}  {}\n", path.display()));
        }
    }
    context.output.print(&text)
}
