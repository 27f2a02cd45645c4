//! `garner key sign`: the signature of one more root key, for roots that need several.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::keys;
use crate::plan::{Consent, Plan};
use crate::trust::{self, RootNote};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The root, as `garner key rotate --out FILE` wrote it
    file: PathBuf,
    #[command(flatten)]
    consent: Consent,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let mut note = RootNote::read(&arguments.file)?;
    let repository = note.root.repository.as_ref().map(ToString::to_string);
    let signed = note.signed(context)?;
    let mut plan = Plan::new(
        format!("sign root {} with the root key of this machine", note.root.version),
        json!({
            "file": arguments.file,
            "repository": repository,
            "root": trust::json(&note.root),
            "signed": trust::signature_json(&signed),
        }),
    );
    plan.row("repository", repository.clone().unwrap_or_else(|| "a new one".to_owned()));
    plan.rows(trust::rows(&note.root));
    plan.rows(trust::signature_rows(&signed));
    plan.note("Whoever has these keys decides what every reader of the repository believes.");
    if !plan.agreed(arguments.consent, context)? {
        return Ok(());
    }
    note.add(&keys::root(context)?)?;
    tell(&note, &arguments.file, context)
}

/// Says who signed a root, and what comes next.
pub(crate) fn tell(
    note: &RootNote,
    file: &std::path::Path,
    context: &Context,
) -> Result<(), Error> {
    let signed = note.signed(context)?;
    if context.global.json {
        return context.output.print_json(json!({
            "file": file,
            "root": note.root.version,
            "signed": trust::signature_json(&signed),
        }));
    }
    context.output.print(&crate::table::columns(&trust::signature_rows(&signed)))?;
    let file = file.display();
    if signed.iter().all(trust::Signed::is_enough) {
        context.output.say(&format!("`garner channel root NAME {file}` adds it to the remote."));
    } else {
        context
            .output
            .say(&format!("The next holder of a root key runs `garner key sign {file}`."));
    }
    Ok(())
}
