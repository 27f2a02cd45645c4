//! `garner review`: what waits for a person.
//!
//! On a terminal a person is walked through it; scripts get lists and name ids.

mod card;
mod walk;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use clap::Args;
use garner_kernel::{ChannelName, Contents, Draft, Entry, Fragment, FragmentId, Status, rivals};
use serde_json::json;

use crate::conflict::{self, Conflict};
use crate::context::Context;
use crate::error::Error;
use crate::kernels::{At, KernelName};
use crate::{drafts, files, table};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Look at the draft of this channel
    #[arg(short, long, value_name = "NAME")]
    channel: Option<ChannelName>,
    /// Make these part of the next kernel
    #[arg(long, value_name = "ID", num_args = 1..)]
    accept: Vec<String>,
    /// Remove these for ever; they do not come back
    #[arg(long, value_name = "ID", num_args = 1..)]
    reject: Vec<String>,
    /// Remove these until they are said again
    #[arg(long, value_name = "ID", num_args = 1..)]
    drop: Vec<String>,
    /// Of fragments that replace the same one in different ways, let these count
    #[arg(long, value_name = "ID", num_args = 1..)]
    keep: Vec<String>,
    /// Print what waits, and ask nothing
    #[arg(short, long, conflicts_with_all = ["accept", "reject", "drop", "keep"])]
    list: bool,
    /// Print what would change, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let channel = super::compile::channel(arguments.channel.as_ref(), context)?;
    let named = [&arguments.accept, &arguments.reject, &arguments.drop, &arguments.keep];
    if named.iter().all(|ids| ids.is_empty()) {
        let waits = Waits::find(&channel, context)?;
        if arguments.list || arguments.dry_run || context.global.json || !is_terminal() {
            return show(&waits, &channel, context);
        }
        return walk::walk(&waits, &channel, context);
    }
    decide(arguments, &channel, context)
}

fn is_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// What waits for a person in one channel.
struct Waits {
    draft: Draft,
    conflicts: Vec<Conflict>,
    /// Every statement that something may replace.
    known: BTreeMap<FragmentId, Fragment>,
}

impl Waits {
    fn find(channel: &ChannelName, context: &Context) -> Result<Self, Error> {
        let (stored, newest) = (context.draft(channel)?, newest(channel, context)?);
        let none = || Error::NoDraft { channel: channel.clone() };
        // Of a channel that was pulled, there may be conflicts to settle.
        let draft =
            stored.or_else(|| newest.as_ref().map(|_| Draft::default())).ok_or_else(none)?;
        let after = draft.onto(&newest.unwrap_or_default())?;
        let conflicts = rivals(&after).iter().map(|rivals| Conflict::of(rivals, &after)).collect();
        let of_draft = draft.entries.values().map(|entry| &entry.fragment);
        let known = after.fragments().chain(of_draft);
        let known = known.map(|fragment| (fragment.id, fragment.clone())).collect();
        Ok(Self { draft, conflicts, known })
    }

    /// Returns the entries that wait, in the order of their ids.
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.draft.entries.values().filter(|entry| entry.status != Status::Active)
    }
}

/// Decides what the arguments name.
fn decide(arguments: &Arguments, channel: &ChannelName, context: &Context) -> Result<(), Error> {
    let _lock = files::lock(&context.draft_path(channel))?;
    let Waits { mut draft, conflicts, .. } = Waits::find(channel, context)?;
    // Every id is looked up before the first change.
    let find = |prefixes: &[String]| {
        prefixes.iter().map(|prefix| drafts::find(&draft, prefix)).collect::<Result<Vec<_>, _>>()
    };
    let (accept, reject) = (find(&arguments.accept)?, find(&arguments.reject)?);
    let drop = find(&arguments.drop)?;
    let keep = arguments.keep.iter().map(|prefix| conflict::find(&conflicts, prefix));
    let keep: Vec<(&Conflict, &Fragment)> = keep.collect::<Result<_, _>>()?;
    let accepted = accept.iter().filter(|id| draft.accept(id)).count();
    let now = context.now();
    let rejected = reject.iter().filter(|id| draft.reject(id, now)).count();
    let dropped = drop.iter().filter(|id| draft.drop_entry(id)).count();
    for (conflict, winner) in &keep {
        draft.settle(winner, &conflict.ids());
    }
    if !arguments.dry_run {
        context.save_draft(channel, &draft)?;
    }
    let settled = keep.len();
    if context.global.json {
        return context.output.print_json(json!({
            "accepted": accepted,
            "rejected": rejected,
            "dropped": dropped,
            "settled": settled,
        }));
    }
    let would = if arguments.dry_run { "Would have accepted" } else { "Accepted" };
    let also = match (dropped, settled) {
        (0, 0) => String::new(),
        (dropped, 0) => format!(", and dropped {dropped}"),
        (0, count) => format!(", and settled {}", table::count(count, "conflict")),
        (dropped, count) => {
            format!(", dropped {dropped}, and settled {}", table::count(count, "conflict"))
        }
    };
    context.output.print(&format!("{would} {accepted} and rejected {rejected}{also}.\n"))
}

/// Returns what the newest version that was pulled holds; `None` where nothing was.
pub(crate) fn newest(channel: &ChannelName, context: &Context) -> Result<Option<Contents>, Error> {
    let settings = match context.settings(channel) {
        Err(Error::UnknownChannel { .. }) => return Ok(None),
        settings => settings?,
    };
    let Some(release) = context.releases(&settings)?.pop() else { return Ok(None) };
    let name = KernelName::Channel(channel.clone(), At::Number(release.version));
    context.contents(&name).map(Some)
}

fn show(waits: &Waits, channel: &ChannelName, context: &Context) -> Result<(), Error> {
    let conflicts = &waits.conflicts;
    if context.global.json {
        let entries: Vec<_> = waits.entries().map(super::compile::entry_json).collect();
        let conflicts: Vec<_> = conflicts.iter().map(Conflict::json).collect();
        let value = json!({ "waiting": entries, "conflicts": conflicts });
        return context.output.print_json(value);
    }
    let mut text: String = waits.entries().map(|entry| card::short(entry, &waits.known)).collect();
    text.extend(conflicts.iter().map(Conflict::lines));
    if text.is_empty() {
        text.push_str("Nothing waits for review.\n");
    }
    context.output.print(&text)?;
    if waits.entries().next().is_some() {
        context.output.say(&format!(
            "Decide with `garner review -c {channel} --accept ID…` or `--reject ID…`, or on a \
             terminal one by one."
        ));
    }
    settle(conflicts, channel, context);
    Ok(())
}

/// Says how to settle conflicts, if there are any.
fn settle(conflicts: &[Conflict], channel: &ChannelName, context: &Context) {
    if !conflicts.is_empty() {
        context
            .output
            .say(&format!("Settle a conflict with `garner review -c {channel} --keep ID`."));
    }
}
