//! `garner hook`: what Claude Code runs when something happens. It has milliseconds, opens no store,
//! and never fails a session.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use clap::Args;
use garner_kernel::ChannelName;
use serde_json::{Value, json};

use crate::context::Context;
use crate::spool::{self, Event, Notice, briefing};

/// The most that is read of what a hook is handed, in bytes.
const LIMIT: u64 = 8 << 20;
/// How long a hook waits for what it is handed.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The event, as Claude Code names it
    event: String,
    /// Compile for this channel
    #[arg(short, long, value_name = "NAME")]
    channel: Option<ChannelName>,
    /// Keep Markdown files in this folder in step
    #[arg(long, value_name = "DIR")]
    markdown: Option<PathBuf>,
}

/// Runs a hook. Whatever goes wrong, a session goes on as if there were none.
pub(crate) fn run(arguments: &Arguments, context: &Context) {
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| serve(arguments, context)));
}

fn serve(arguments: &Arguments, context: &Context) {
    let Ok(event) = arguments.event.parse::<Event>() else { return };
    if !context.environment.hooks {
        return;
    }
    let input = input();
    if event == Event::SessionStart {
        begin(arguments, &input, context);
        return;
    }
    let notice = Notice::of_input(event, &input, context.now());
    // A full disk, a folder that cannot be written: the next hook tries again.
    let _ = spool::append(&spool::folder(&context.places), &notice);
}

/// Reads what the hook is handed; nothing where it is no JSON, or does not come.
fn input() -> Value {
    if std::io::stdin().is_terminal() {
        return Value::Null;
    }
    let (send, receive) = mpsc::channel();
    // A pipe that nobody closes may keep the thread; the process ends without it.
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(LIMIT).read_to_end(&mut bytes);
        let _ = send.send(read.map(|_| bytes).unwrap_or_default());
    });
    let bytes = receive.recv_timeout(PATIENCE).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Tells a session what is known, and starts to compile what waits.
fn begin(arguments: &Arguments, input: &Value, context: &Context) {
    // A session that goes on has been told.
    let resumed = input.get("source").and_then(Value::as_str) == Some("resume");
    let cwd = input.get("cwd").and_then(Value::as_str);
    if let Some(text) = briefing::read(&context.places, cwd).filter(|_| !resumed) {
        let output = json!({
            "hookSpecificOutput": { "hookEventName": "SessionStart", "additionalContext": text },
        });
        let _ = context.output.print(&format!("{output}\n"));
    }
    if spool::is_waiting(&spool::folder(&context.places)) {
        let _ = detach(arguments, context);
    }
}

/// Starts `garner compile --spool` in a process of its own, which outlives the session.
fn detach(arguments: &Arguments, context: &Context) -> std::io::Result<()> {
    let folder = spool::folder(&context.places);
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["compile", "--spool", "--quiet"]);
    if let Some(channel) = &arguments.channel {
        command.args(["--channel", channel.as_str()]);
    }
    if let Some(folder) = &arguments.markdown {
        command.arg("--markdown").arg(folder);
    }
    if let Some(store) = &context.global.store {
        command.arg("--store").arg(store);
    }
    let log = File::create(folder.join(spool::LOG))?;
    // What compiles may start sessions of its own, and those are nobody's.
    command.env("GARNER_HOOKS", "none").current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map(drop)
}
