//! `garner channel policy`: what a channel may say beside others, on this machine.

use std::str::FromStr;

use clap::Args;
use garner_kernel::{ChannelName, Trust};
use garner_loader::{Policy, View};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::Error;
use crate::plan::Plan;
use crate::table;

/// The policy to set; without one, it is shown.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The channel
    name: ChannelName,
    /// Hide its fragments below this trust; `none` shows all
    #[arg(long, value_name = "TRUST")]
    min_trust: Option<LeastTrust>,
    /// Where channels disagree, believe the one with the highest number
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    precedence: Option<i32>,
    /// Print what would change, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// The least trust, or none.
#[derive(Debug, Clone, Copy)]
struct LeastTrust(Option<Trust>);

impl FromStr for LeastTrust {
    type Err = garner_kernel::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(|trust| Self(Some(trust))) }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let name = &arguments.name;
    let before = of(name, context)?;
    let after = Policy {
        precedence: arguments.precedence.unwrap_or(before.precedence),
        min_trust: arguments.min_trust.map_or(before.min_trust, |least| least.0),
    };
    if arguments.min_trust.is_none() && arguments.precedence.is_none() {
        return show(name, before, context);
    }
    if arguments.dry_run {
        let facts = json!({ "channel": name.as_str(), "policy": json_of(after) });
        let mut plan = Plan::new(format!("read `{name}` by another policy"), facts);
        plan.row("before", before.to_string());
        plan.row("after", after.to_string());
        return plan.print(context);
    }
    let operation = if after == before {
        None
    } else {
        let mut store = context.store_to_write()?;
        Some(store.set_policy(name, after, &context.stamp()?)?.number)
    };
    if context.global.json {
        let value = json!({
            "channel": name.as_str(),
            "policy": json_of(after),
            "operation": operation,
        });
        return context.output.print_json(value);
    }
    let done = operation.map_or_else(
        || "as before".to_owned(),
        |number| format!("operation {number}; `garner undo` takes it back"),
    );
    context.output.print(&format!("`{name}` is read with {after} ({done}).\n"))
}

fn show(name: &ChannelName, policy: Policy, context: &Context) -> Result<(), Error> {
    if context.global.json {
        let value = json!({ "channel": name.as_str(), "policy": json_of(policy) });
        return context.output.print_json(value);
    }
    let trust = policy.min_trust.map_or("none", Trust::as_str);
    context.output.print(&table::columns(&[
        vec!["channel".to_owned(), name.to_string()],
        vec!["precedence".to_owned(), policy.precedence.to_string()],
        vec!["least trust".to_owned(), trust.to_owned()],
    ]))
}

/// Returns the policy of a channel that this machine knows or has loaded.
fn of(name: &ChannelName, context: &Context) -> Result<Policy, Error> {
    let view = view(context)?;
    if !view.channels.contains_key(name) {
        context.settings(name)?;
    }
    Ok(view.reading(name).policy)
}

/// Returns what recall reads; nothing where there is no store yet.
pub(crate) fn view(context: &Context) -> Result<View, Error> {
    match context.store() {
        Err(Error::Loader(garner_loader::Error::NoStore { .. })) => Ok(View::default()),
        store => Ok(store?.view()?),
    }
}

pub(crate) fn json_of(policy: Policy) -> Value {
    json!({
        "precedence": policy.precedence,
        "min_trust": policy.min_trust.map(Trust::as_str),
    })
}
