//! `garner model`: the embedding model and its library.

use std::path::PathBuf;

use clap::Subcommand;
use garner_embed::{FileState, FileStatus};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Get the model and its library, and check every byte
    Install {
        /// Take files from these folders, packages or files first
        #[arg(long, value_name = "PATH", num_args = 1..)]
        from: Vec<PathBuf>,
    },
    /// Show which files are there and whether they are whole
    Status,
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    match command {
        Command::Install { from } => {
            let mut options = context.install_options();
            options.from.clone_from(from);
            let files = context.install_model(&options)?;
            if context.global.json {
                return context.output.print_json(json!({ "folder": files.folder() }));
            }
            let folder = files.folder().display();
            context.output.print(&format!("The model is installed in {folder}.\n"))
        }
        Command::Status => status(context),
    }
}

fn status(context: &Context) -> Result<(), Error> {
    let library = context.environment.library.as_deref();
    let files = garner_embed::status(&context.places.models, library)?;
    let word = |state: &FileState| match state {
        FileState::Present => "whole",
        FileState::Unpinned => "of the system, not checked",
        FileState::Missing => "missing",
        _ => "damaged",
    };
    if context.global.json {
        let file = |f: &FileStatus| json!({ "path": f.path, "state": word(&f.state) });
        let files: Vec<_> = files.iter().map(file).collect();
        context.output.print_json(json!({ "files": files }))?;
    } else {
        let line = |f: &FileStatus| format!("{}: {}\n", f.path.display(), word(&f.state));
        context.output.print(&files.iter().map(line).collect::<String>())?;
    }
    // A failed check fails the command: finding the files says which one is amiss, and the fix.
    context.model_files().map(|_| ())
}
