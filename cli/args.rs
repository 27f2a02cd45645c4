//! The command line: what can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use garner_kernel::{ChannelName, Kind, ProjectName, Scope, Tag, Trust};
use garner_loader::Condition;

use crate::commands::{
    ask, bake, channel, compile, completions, demo, diff, doctor, fragment, hook, inject, key,
    load, log, mcp, model, operation, publish, pull, recall, review, revoke, rollback, run, serve,
    setup, status, store, undo, verify,
};

/// Carries what cloud sessions learned to the models that run on your own machine.
#[derive(Debug, Parser)]
#[command(name = "garner", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Keep store and drafts in this folder
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Touch no network
    #[arg(long, global = true)]
    pub(crate) offline: bool,
    /// Use colors
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Say more (repeat for even more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// When to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// When the output is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole way in a temporary folder, from a session to a prompt
    Demo(demo::Arguments),
    /// Create keys, store and folders, and tell other programs about them
    Setup(setup::Arguments),
    /// Distil sessions into a draft kernel
    Compile(compile::Arguments),
    /// Accept or reject candidates
    Review(review::Arguments),
    /// Seal a draft and push it to its channel
    Publish(publish::Arguments),
    /// Fetch and verify new versions of channels, without loading them
    Pull(pull::Arguments),
    /// Merge a kernel into the store
    Load(load::Arguments),
    /// Search the store and print what matters most
    Recall(recall::Arguments),
    /// Ask an Ollama model, with recalled fragments in the prompt
    Ask(ask::Arguments),
    /// Print what would be placed into a prompt, for scripts and other programs
    Inject(inject::Arguments),
    /// Make a model that knows the rules of a channel, for machines where nothing of Garner runs
    Bake(bake::Arguments),
    /// Run an Ollama client with fragments in its prompts
    Run(run::Arguments),
    /// Stand between clients and an Ollama server, and put fragments into prompts
    Serve(serve::Arguments),
    /// Speak the Model Context Protocol on standard input and output
    Mcp(mcp::Arguments),
    /// Show channels, drafts, keys and the model
    Status(status::Arguments),
    /// Look for what could go wrong here, and name the command that mends it
    Doctor(doctor::Arguments),
    /// Show the versions of a channel
    Log(log::Arguments),
    /// Show how two kernels differ, fragment by fragment
    Diff(diff::Arguments),
    /// Read a channel at an older version, and hold it there
    Rollback(rollback::Arguments),
    /// Undo the last change to the store
    Undo(undo::Arguments),
    /// Take fragments back from every reader, whatever version it reads
    Revoke(revoke::Arguments),
    /// Check bundles, channels, the store, or where fragments came from
    Verify(verify::Arguments),
    /// Manage fragments
    #[command(subcommand)]
    Fragment(fragment::Command),
    /// Manage channels
    #[command(subcommand)]
    Channel(channel::Command),
    /// Manage keys
    #[command(subcommand)]
    Key(key::Command),
    /// Manage the embedding model
    #[command(subcommand)]
    Model(model::Command),
    /// Manage the store on this machine
    #[command(subcommand)]
    Store(store::Command),
    /// Manage the log of operations
    #[command(subcommand)]
    Op(operation::Command),
    /// Note that something happened in a session of another program
    #[command(hide = true)]
    Hook(hook::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
}

/// Which fragments may be found.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct FilterArguments {
    /// Look at fragments of this kind only (repeatable)
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Vec<Kind>,
    /// Look at this project only
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<ProjectName>,
    /// Look at this channel only (repeatable)
    #[arg(short, long, value_name = "NAME")]
    pub(crate) channel: Vec<ChannelName>,
    /// Look at fragments of at least this trust
    #[arg(long, value_name = "TRUST")]
    pub(crate) min_trust: Option<Trust>,
    /// Look at fragments with this tag only (repeatable)
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<Tag>,
    /// Look where this holds only: `kind=decision and created>2026-01-31`
    #[arg(long = "where", value_name = "CONDITION")]
    pub(crate) condition: Option<Condition>,
}

impl FilterArguments {
    /// Returns the filters; a project's are its own fragments and those of the user.
    pub(crate) fn filters(&self) -> garner_loader::Filters {
        let project = self.project.clone().map(|name| vec![Scope::Project(name), Scope::User]);
        garner_loader::Filters {
            kinds: self.kind.clone(),
            scopes: project.unwrap_or_default(),
            channels: self.channel.clone(),
            min_trust: self.min_trust,
            tags: self.tag.clone(),
            condition: self.condition.clone(),
        }
    }
}
