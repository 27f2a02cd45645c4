//! `garner key`: look at keys, make them, protect them, and keep copies.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{drill, rotate, sign};
use crate::context::Context;
use crate::error::Error;
use crate::keys::{self, Form, KeyError, KeyRole, Protection};
use crate::output::{self, styled};
use crate::{qr, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the keys of this machine by their public halves
    List,
    /// Show the public half of a key
    Show {
        /// Which key
        role: KeyRole,
        /// Print it as a QR code as well
        #[arg(long)]
        qr: bool,
    },
    /// Make one key; an existing one is never replaced
    Generate {
        /// Which key
        role: KeyRole,
        /// Name it after this person or machine (default: the user)
        #[arg(long)]
        name: Option<String>,
        /// Protect it with a passphrase
        #[arg(long)]
        passphrase: bool,
    },
    /// Put a key file under a passphrase
    Protect {
        /// Which key
        role: KeyRole,
    },
    /// Take the passphrase off a key file
    Unprotect {
        /// Which key
        role: KeyRole,
    },
    /// Write a copy of a key, under a passphrase of its own
    Export(Export),
    /// Take in a copy of a key; an existing key is never replaced
    Import {
        /// The copy: a key file or an export; `-` is standard input
        file: PathBuf,
        /// What the key is for, where the copy does not say
        #[arg(long)]
        role: Option<KeyRole>,
    },
    /// Put a new key in the place of one that signs, in every repository that it serves
    Rotate(rotate::Arguments),
    /// Add the signature of this machine's root key to a root that needs several
    Sign(sign::Arguments),
    /// Prove that the recovery key opens what was published
    Drill(drill::Arguments),
}

/// Where a copy goes, and how.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Which key
    role: KeyRole,
    /// Write the copy to this file
    #[arg(long, value_name = "FILE", required_unless_present = "paper")]
    out: Option<PathBuf>,
    /// Do not encrypt the copy
    #[arg(long, conflicts_with = "paper")]
    plain: bool,
    /// Print a page with the secret itself, to be kept on paper
    #[arg(long, conflicts_with = "out")]
    paper: bool,
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    match command {
        Command::List => list(context),
        Command::Show { role, qr } => show(*role, *qr, context),
        Command::Generate { role, name, passphrase } => {
            let name = name.as_deref().unwrap_or(&context.environment.user);
            let public = if *passphrase {
                role.generate_protected(name, context)?
            } else {
                role.generate(&context.places, name)?
            };
            print(*role, &public, context)
        }
        Command::Protect { role } => {
            role.protect(context)?;
            report(*role, context)
        }
        Command::Unprotect { role } => {
            role.unprotect(context)?;
            report(*role, context)
        }
        Command::Export(arguments) => export(arguments, context),
        Command::Import { file, role } => {
            let (role, public) = keys::import(file, *role, context)?;
            context
                .output
                .say(&format!("`{}` is there now.", role.path(&context.places).display()));
            print(role, &public, context)
        }
        Command::Rotate(arguments) => rotate::run(arguments, context),
        Command::Sign(arguments) => sign::run(arguments, context),
        Command::Drill(arguments) => drill::run(arguments, context),
    }
}

fn print(role: KeyRole, public: &str, context: &Context) -> Result<(), Error> {
    if context.global.json {
        return context.output.print_json(json!({ "role": role.as_str(), "public": public }));
    }
    context.output.print(&format!("{public}\n"))
}

fn show(role: KeyRole, qr: bool, context: &Context) -> Result<(), Error> {
    let public = role.public(&context.places)?;
    print(role, &public, context)?;
    if qr && !context.global.json {
        context.output.print(&qr::render(&public)?)?;
    }
    Ok(())
}

/// Says how a key file is kept now.
fn report(role: KeyRole, context: &Context) -> Result<(), Error> {
    let protection = role.protection(&context.places)?.unwrap_or(Protection::None);
    let path = role.path(&context.places);
    if context.global.json {
        return context.output.print_json(json!({
            "role": role.as_str(),
            "protected": protection.as_str(),
            "file": path,
        }));
    }
    let how = match protection {
        Protection::None | Protection::Plugin => "is no longer protected",
        Protection::Passphrase => "is protected by a passphrase now",
    };
    context.output.print(&format!("`{}` {how}.\n", path.display()))
}

fn export(arguments: &Export, context: &Context) -> Result<(), Error> {
    let role = arguments.role;
    let Some(out) = &arguments.out else { return paper(role, context) };
    let form = if arguments.plain { Form::Plain } else { Form::Sealed };
    let public = keys::export(role, out, form, context)?;
    if context.global.json {
        return context.output.print_json(json!({
            "role": role.as_str(),
            "public": public,
            "file": out,
            "protected": if arguments.plain { "none" } else { "passphrase" },
        }));
    }
    if arguments.plain {
        let text = "the copy is not encrypted: whoever reads the file has the key";
        context.output.say(&format!("{} {text}", styled("warning:", output::YELLOW)));
    }
    context.output.print(&format!("Copied the {} to `{}`.\n", role.what(), out.display()))
}

/// Prints a page that brings the key back, by hand or by camera.
fn paper(role: KeyRole, context: &Context) -> Result<(), Error> {
    if context.global.json {
        return Err(KeyError::PaperOnly.into());
    }
    let pair = role.pair(context)?;
    let text = keys::copy_text(role, &pair, context);
    let secret = text.lines().last().unwrap_or_default();
    let how = match role {
        KeyRole::Recovery => {
            "# To try it: type the last line into a file, then `garner key drill --from FILE`.\n\
             # To use it on a new machine: `garner key import FILE --role recovery`, then\n\
             # `garner channel add NAME INVITE` and `garner load NAME`.\n"
                .to_owned()
        }
        other => format!(
            "# To use it: type the last line into a file, then\n\
             # `garner key import FILE --role {}`.\n",
            other.as_str()
        ),
    };
    context.output.print_unrecorded(&format!("{how}{}\n", qr::render(secret)?))?;
    context.output.print_unrecorded(&text)
}

fn list(context: &Context) -> Result<(), Error> {
    let mut items = Vec::new();
    let mut rows = Vec::new();
    for role in KeyRole::ALL {
        let public = match role.public(&context.places) {
            Err(Error::NoKey { .. }) => continue,
            found => found?,
        };
        let protection = role.protection(&context.places)?;
        let kept = protection.map_or("elsewhere", Protection::as_str);
        let name = if role.signs() { public.split('+').next() } else { None };
        let path = protection.map(|_| role.path(&context.places));
        rows.push(vec![
            role.as_str().to_owned(),
            name.unwrap_or("-").to_owned(),
            kept.to_owned(),
            public.clone(),
            path.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string()),
        ]);
        items.push(json!({
            "role": role.as_str(),
            "name": name,
            "public": public,
            "protected": kept,
            "file": path,
        }));
    }
    if context.global.json {
        return context.output.print_json(json!({ "keys": items }));
    }
    if rows.is_empty() {
        context.output.say("No keys yet; `garner setup` makes them.");
        return Ok(());
    }
    let heads = ["role", "name", "protected", "public half", "file"];
    rows.insert(0, heads.map(str::to_owned).to_vec());
    context.output.print(&table::columns(&rows))
}
