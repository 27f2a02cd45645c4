//! The `garner` binary: the only place with clock, environment, terminal and exit status.

mod args;
mod backup;
mod commands;
mod conflict;
mod context;
mod distil;
mod drafts;
mod drill;
mod embedding;
mod error;
mod files;
mod inputs;
mod kernels;
mod keys;
mod markdown;
mod output;
mod past;
mod places;
mod plan;
mod proxy;
mod publication;
mod qr;
mod report;
mod section;
mod setup;
mod spool;
mod table;
mod transfer;
mod trust;
mod upkeep;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Arguments;
use crate::context::{Context, Environment};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => return report::usage(&usage, is_hook()),
    };
    let outcome = Environment::capture()
        .and_then(|environment| Context::new(environment, arguments.global.clone()))
        .and_then(|context| commands::run(&arguments.command, &context));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // A session of another program goes on, whatever is wrong here.
        Err(_) if is_hook() => ExitCode::SUCCESS,
        Err(error) => report::failure(&error, &arguments.global),
    }
}

/// Returns whether another program runs this one as a hook.
fn is_hook() -> bool {
    std::env::args_os().nth(1).is_some_and(|word| word == "hook")
}
