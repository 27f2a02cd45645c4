//! `garner model`: the embedding model and its library.

use std::path::PathBuf;

use clap::Subcommand;
use garner_embed::{FileState, FileStatus, Library, ModelFiles};
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
            options.library = Library::Again;
            let files = context.install_model(&options)?;
            if context.global.json {
                let item = json!({ "folder": files.folder(), "engines": engines(&files) });
                return context.output.print_json(item);
            }
            let (folder, engines) = (files.folder().display(), engine_line(&files));
            context.output.print(&format!("The model is installed in {folder}.\n{engines}"))
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
    let found = context.model_files();
    if context.global.json {
        let file = |f: &FileStatus| json!({ "path": f.path, "state": word(&f.state) });
        let files: Vec<_> = files.iter().map(file).collect();
        let engines = found.as_ref().ok().map(engines);
        context.output.print_json(json!({ "files": files, "engines": engines }))?;
    } else {
        let line = |f: &FileStatus| format!("{}: {}\n", f.path.display(), word(&f.state));
        let engines = found.as_ref().map(engine_line).unwrap_or_default();
        context.output.print(&(files.iter().map(line).collect::<String>() + engines))?;
    }
    // A failed check fails the command: finding the files says which one is amiss, and the fix.
    found.map(|_| ())
}

/// Returns which engine serves what.
fn engines(files: &ModelFiles) -> serde_json::Value {
    let load = if files.library().is_some() { "onnx" } else { "direct" };
    json!({ "ask": "direct", "load": load })
}

fn engine_line(files: &ModelFiles) -> &'static str {
    if files.library().is_some() {
        "The direct engine embeds questions, ONNX Runtime what is loaded.\n"
    } else {
        "The direct engine embeds questions and what is loaded: there is no ONNX Runtime library.\n"
    }
}
