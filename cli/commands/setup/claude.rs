//! `garner setup claude`: Claude Code learns of Garner, and forgets it again.

use std::path::{Path, PathBuf};

use clap::Args;
use garner_kernel::ChannelName;

use super::{print, told_back};
use crate::context::Context;
use crate::error::Error;
use crate::keys::KeyRole;
use crate::setup::{self, Mode, Program, Shape, Standing, Target};
use crate::spool::Backlog;
use crate::table;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a command")]
pub(crate) struct Arguments {
    /// Put hooks into `settings.json`, for versions that look for no plugins among skills
    #[arg(long, conflicts_with = "repo")]
    settings: bool,
    /// Prepare this repository for sessions in a cloud (default: the working folder)
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".")]
    repo: Option<PathBuf>,
    /// Let hooks compile for this channel (default: the only one, or `notes`)
    #[arg(short, long, value_name = "NAME", conflicts_with = "repo")]
    channel: Option<ChannelName>,
    /// Let hooks keep STATE.md, DECISIONS.md, CORRECTIONS.md and HANDOFF.md in this folder in step
    #[arg(long, value_name = "DIR", conflicts_with = "repo")]
    markdown: Option<PathBuf>,
    /// Take back what the last setup changed
    #[arg(long)]
    undo: bool,
    /// Take back everything, also what earlier versions of Garner set up
    #[arg(long, requires = "undo", conflicts_with = "dry_run")]
    all: bool,
    /// Print what would be changed
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let mode = if arguments.dry_run { Mode::Say } else { Mode::Do };
    let target = target(arguments.repo.as_deref(), context)?;
    if arguments.undo {
        return undo(arguments, &target, mode, context);
    }
    let (shape, program) = match &arguments.repo {
        Some(_) => (Shape::Repository { readers: readers(context)? }, Program::new("garner")),
        None if arguments.settings => (Shape::Settings, own_program(arguments, context)?),
        None => (Shape::Plugin, own_program(arguments, context)?),
    };
    let outcome = setup::set_up(&target, &shape, &program, mode)?;
    print(&outcome, &target, None, mode, context)?;
    if mode == Mode::Do && !(outcome.made.is_empty() && outcome.changed.is_empty()) {
        context.output.say(match shape {
            Shape::Repository { .. } => {
                "Commit these files. Sessions in a cloud need `garner` on their path; without it \
                 the hooks do nothing."
            }
            _ => {
                "Sessions that start from now on are remembered. `garner status` tells what waits, \
                 `garner setup claude --undo` takes this back."
            }
        });
    }
    Ok(())
}

fn undo(
    arguments: &Arguments,
    target: &Target,
    mode: Mode,
    context: &Context,
) -> Result<(), Error> {
    let mut undone = setup::undo(target, mode)?;
    // Each takes one record away, so this ends.
    while arguments.all
        && let Some(last) = undone.take_if(|last| last.earlier.is_some())
    {
        undone = setup::undo(target, mode)?.map(|next| next.after(last));
    }
    let earlier = undone.as_ref().and_then(|undone| undone.earlier.clone());
    let was_set_up = undone.is_some();
    told_back(undone, target, mode, context)?;
    if !was_set_up {
        return Ok(());
    }
    let waiting = Backlog::find(context)?.sessions;
    if waiting > 0 && mode == Mode::Do {
        let sessions = table::count(waiting, "session");
        context.output.say(&format!(
            "{sessions} noticed before can still be compiled: `garner compile --spool`."
        ));
    }
    if let Some(version) = earlier {
        context.output.say(&format!(
            "What Garner {version} had set up is there again; `garner setup claude --undo` takes \
             that back as well."
        ));
    }
    Ok(())
}

/// What is set up for Claude Code on this machine.
pub(crate) struct SetUp {
    /// When.
    pub(crate) since: std::time::SystemTime,
    pub(crate) standing: Standing,
}

/// Returns what is set up for Claude Code; `None` where nothing is.
pub(crate) fn find(context: &Context) -> Result<Option<SetUp>, Error> {
    let target = target(None, context)?;
    let Some(standing) = setup::standing(&target)? else { return Ok(None) };
    let journal = target.journal();
    let since = std::fs::metadata(&journal).and_then(|metadata| metadata.modified());
    Ok(Some(SetUp { since: since.map_err(|e| Error::io("read", &journal, e))?, standing }))
}

/// Returns the folder that is set up: the repository, or that of Claude Code.
fn target(repository: Option<&Path>, context: &Context) -> Result<Target, Error> {
    let places = &context.places;
    let folder = match repository {
        Some(folder) => std::fs::canonicalize(folder).map_err(|e| Error::io("find", folder, e))?,
        None => {
            std::path::absolute(&places.claude).map_err(|e| Error::io("find", &places.claude, e))?
        }
    };
    Ok(Target { folder, journals: places.setups(), home: places.home.clone() })
}

/// Returns this program as hooks start it: by the path that people type, since what it leads to may
/// change with the next version.
fn own_program(arguments: &Arguments, context: &Context) -> Result<Program, Error> {
    let own = std::env::current_exe().map_err(|e| Error::io("find", "the program", e))?;
    let on_path = context.environment.search.iter().flat_map(std::env::split_paths);
    let typed = on_path
        .map(|folder| folder.join("garner"))
        .find(|path| path.is_absolute() && path.canonicalize().is_ok_and(|real| real == own));
    let mut program = Program::new(&typed.unwrap_or(own).to_string_lossy());
    if let Some(channel) = &arguments.channel {
        program = program.with("--channel", channel.as_str());
    }
    for (option, path) in [("--markdown", &arguments.markdown), ("--store", &context.global.store)]
    {
        if let Some(path) = path {
            let path = std::path::absolute(path).map_err(|e| Error::io("find", path, e))?;
            program = program.with(option, &path.to_string_lossy());
        }
    }
    Ok(program)
}

/// Returns who reads what sessions in a repository propose: the readers of the channel, or whoever
/// holds the keys of this machine.
fn readers(context: &Context) -> Result<Vec<(String, String)>, Error> {
    match context.the_channel(None) {
        Ok(channel) => {
            let readers = context.settings(&channel)?.readers;
            let reader = |reader: &garner_kernel::bundle::Reader| {
                (reader.recipient.to_string(), reader.name.clone())
            };
            if !readers.is_empty() {
                return Ok(readers.iter().map(reader).collect());
            }
        }
        Err(Error::NoChannels) => {}
        Err(error) => return Err(error),
    }
    [KeyRole::Device, KeyRole::Recovery]
        .into_iter()
        .map(|role| Ok((role.public(&context.places)?, role.as_str().to_owned())))
        .collect()
}
