//! `garner op`: the log of operations.

mod replay;

use clap::Subcommand;
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::table;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the operations, the newest first
    List {
        /// Show at most this many
        #[arg(short = 'k', long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Show an operation
    Show {
        /// Its number
        number: u64,
    },
    /// Bring back what was read after an operation
    Restore {
        /// Its number
        number: u64,
    },
    /// Build a store from bundles and the log, and compare it with the one that is here
    ///
    /// What this machine remembered is in no bundle: its text is taken from the store, by its digest.
    Replay(replay::Arguments),
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    match command {
        Command::List { limit } => {
            let operations = context.store()?.operations(*limit)?;
            show(&operations, context)
        }
        Command::Replay(arguments) => replay::run(arguments, context),
        Command::Show { number } => show(&[context.store()?.operation(*number)?], context),
        Command::Restore { number } => {
            let operation = context.store_to_write()?.restore(*number, &context.stamp()?)?;
            if context.global.json {
                return context.output.print_json(json!({ "operation": operation.number }));
            }
            let reading = super::undo::reading(&operation.after);
            context.output.print(&format!("Restored operation {number}; {reading}.\n"))
        }
    }
}

fn show(operations: &[garner_loader::Operation], context: &Context) -> Result<(), Error> {
    let mut rows = Vec::new();
    let mut items = Vec::new();
    for operation in operations {
        let what = super::undo::describe(operation);
        rows.push(vec![
            format!("{:4}", operation.number),
            operation.at.to_string(),
            operation.who.to_string(),
            what.clone(),
            super::undo::reading(&operation.after),
        ]);
        items.push(json!({
            "number": operation.number,
            "at": operation.at.to_string(),
            "who": operation.who.as_str(),
            "what": what,
            "view_before_sha256": operation.digest_before.to_string(),
            "view_after_sha256": operation.digest_after.to_string(),
            "hash": operation.hash.to_string(),
        }));
    }
    if context.global.json {
        return context.output.print_json(json!({ "operations": items }));
    }
    context.output.print(&table::columns(&rows))
}
