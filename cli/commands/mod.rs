//! One file per command.

pub(crate) mod ask;
pub(crate) mod bake;
pub(crate) mod channel;
pub(crate) mod compile;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod fragment;
pub(crate) mod hook;
pub(crate) mod inject;
pub(crate) mod key;
pub(crate) mod load;
pub(crate) mod log;
pub(crate) mod mcp;
pub(crate) mod model;
pub(crate) mod operation;
pub(crate) mod publish;
pub(crate) mod pull;
pub(crate) mod recall;
pub(crate) mod review;
pub(crate) mod revoke;
pub(crate) mod rollback;
pub(crate) mod rotate;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod setup;
pub(crate) mod sign;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod undo;
pub(crate) mod verify;

use crate::args::Command;
use crate::context::Context;
use crate::error::Error;

/// Runs a command.
pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    let places = &context.places;
    tracing::debug!(
        store = %places.data.display(),
        keys = %places.keys().display(),
        models = %places.models.display(),
        "using these places"
    );
    match command {
        Command::Demo(arguments) => demo::run(arguments, context),
        Command::Setup(arguments) => setup::run(arguments, context),
        Command::Compile(arguments) => compile::run(arguments, context),
        Command::Review(arguments) => review::run(arguments, context),
        Command::Publish(arguments) => publish::run(arguments, context),
        Command::Pull(arguments) => pull::run(arguments, context),
        Command::Load(arguments) => load::run(arguments, context),
        Command::Recall(arguments) => recall::run(arguments, context),
        Command::Ask(arguments) => ask::run(arguments, context),
        Command::Inject(arguments) => inject::run(arguments, context),
        Command::Bake(arguments) => bake::run(arguments, context),
        Command::Mcp(arguments) => mcp::run(arguments, context),
        Command::Run(arguments) => run::run(arguments, context),
        Command::Serve(arguments) => serve::run(arguments, context),
        Command::Status(arguments) => status::run(arguments, context),
        Command::Doctor(arguments) => doctor::run(arguments, context),
        Command::Log(arguments) => log::run(arguments, context),
        Command::Diff(arguments) => diff::run(arguments, context),
        Command::Rollback(arguments) => rollback::run(arguments, context),
        Command::Revoke(arguments) => revoke::run(arguments, context),
        Command::Undo(arguments) => undo::run(arguments, context),
        Command::Verify(arguments) => verify::run(arguments, context),
        Command::Fragment(command) => fragment::run(command, context),
        Command::Channel(command) => channel::run(command, context),
        Command::Key(command) => key::run(command, context),
        Command::Model(command) => model::run(command, context),
        Command::Store(command) => store::run(command, context),
        Command::Hook(arguments) => {
            hook::run(arguments, context);
            Ok(())
        }
        Command::Op(command) => operation::run(command, context),
        Command::Completions(arguments) => completions::run(arguments, context),
    }
}
