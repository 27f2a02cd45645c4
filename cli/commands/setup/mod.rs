//! `garner setup`: keys and store, once; and the tools that are told about them.

pub(crate) mod claude;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::keys::KeyRole;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    tool: Option<Tool>,
    /// Name the keys after this person or machine (default: the user)
    #[arg(long)]
    name: Option<String>,
    /// Print what would be made
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// A program that is told about Garner.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// Let Claude Code remember and recall: a plugin with hooks and a skill, and a rules file
    Claude(claude::Arguments),
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    if let Some(Tool::Claude(arguments)) = &arguments.tool {
        return claude::run(arguments, context);
    }
    let name = key_name(arguments.name.as_deref().unwrap_or(&context.environment.user));
    let mut made = Vec::new();
    let mut kept = Vec::new();
    for role in KeyRole::ALL {
        let path = role.path(&context.places);
        if path.exists() || role.is_elsewhere(&context.places) {
            if !arguments.dry_run {
                role.complete(&context.places)?;
            }
            kept.push(path);
        } else {
            if !arguments.dry_run {
                role.generate(&context.places, &name)?;
            }
            made.push(path);
        }
    }
    let store = context.places.data.join(garner_loader::Store::FILE);
    if store.exists() {
        kept.push(store);
    } else {
        made.push(store);
    }
    if !arguments.dry_run {
        context.store_to_write()?;
    }
    if context.global.json {
        return context.output.print_json(json!({ "made": made, "kept": kept }));
    }
    let verb = if arguments.dry_run { "would make" } else { "made" };
    let mut text = String::new();
    for path in &made {
        text.push_str(&format!("{verb}  {}\n", path.display()));
    }
    for path in &kept {
        text.push_str(&format!("kept  {}\n", path.display()));
    }
    context.output.print(&text)?;
    if !arguments.dry_run && !made.is_empty() {
        context.output.say(
            "Next: `garner channel add NAME file:/FOLDER` to publish to or read from a folder.\n\
             Copy the recovery key to paper (`garner key export recovery --paper`) or to another \
             medium: it opens what you publish when this machine is lost.",
        );
    }
    Ok(())
}

/// Returns the name with what key names cannot hold replaced by dashes.
fn key_name(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let name: String = name.chars().map(keep).take(40).collect();
    if name.is_empty() { "garner".to_owned() } else { name }
}
