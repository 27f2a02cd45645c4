//! `garner key`: look at keys and make them.

use clap::Subcommand;
use serde_json::json;

use super::drill;
use crate::context::Context;
use crate::error::Error;
use crate::keys::{KeyRole, Protection};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the keys of this machine by their public halves
    List,
    /// Show the public half of a key
    Show {
        /// Which key
        role: KeyRole,
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
    /// Prove that the recovery key opens what was published
    Drill(drill::Arguments),
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Error> {
    match command {
        Command::List => list(context),
        Command::Show { role } => print(*role, &role.public(&context.places)?, context),
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
        Command::Drill(arguments) => drill::run(arguments, context),
        Command::Unprotect { role } => {
            role.unprotect(context)?;
            report(*role, context)
        }
    }
}

fn print(role: KeyRole, public: &str, context: &Context) -> Result<(), Error> {
    if context.global.json {
        return context.output.print_json(json!({ "role": role.as_str(), "public": public }));
    }
    context.output.print(&format!("{public}\n"))
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
        Protection::None => "is no longer protected",
        Protection::Passphrase => "is protected by a passphrase now",
    };
    context.output.print(&format!("`{}` {how}.\n", path.display()))
}

fn list(context: &Context) -> Result<(), Error> {
    let mut items = Vec::new();
    let mut text = String::new();
    for role in KeyRole::ALL {
        match role.public(&context.places) {
            Ok(public) => {
                text.push_str(&format!("{:10} {public}\n", role.as_str()));
                items.push(json!({ "role": role.as_str(), "public": public }));
            }
            Err(Error::NoKey { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    if context.global.json {
        return context.output.print_json(json!({ "keys": items }));
    }
    if items.is_empty() {
        context.output.say("No keys yet; `garner setup` makes them.");
    }
    context.output.print(&text)
}
