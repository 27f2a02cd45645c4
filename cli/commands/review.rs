//! `garner review`: what waits for a person.

use clap::Args;
use garner_kernel::{ChannelName, Contents, Draft, Entry, Fragment, Status, rivals};
use serde_json::json;

use crate::conflict::{self, Conflict};
use crate::context::Context;
use crate::error::Error;
use crate::kernels::{At, KernelName};
use crate::output::{self, styled};
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
    /// Of fragments that replace the same one in different ways, let these count
    #[arg(long, value_name = "ID", num_args = 1..)]
    keep: Vec<String>,
    /// Print what would change, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let channel = super::compile::channel(arguments.channel.as_ref(), context)?;
    let _lock = files::lock(&context.draft_path(&channel))?;
    let (stored, newest) = (context.draft(&channel)?, newest(&channel, context)?);
    let none = || Error::NoDraft { channel: channel.clone() };
    // Of a channel that was pulled, there may be conflicts to settle.
    let mut draft =
        stored.or_else(|| newest.as_ref().map(|_| Draft::default())).ok_or_else(none)?;
    let after = draft.onto(&newest.unwrap_or_default())?;
    let conflicts: Vec<Conflict> =
        rivals(&after).iter().map(|rivals| Conflict::of(rivals, &after)).collect();
    if [&arguments.accept, &arguments.reject, &arguments.keep].iter().all(|ids| ids.is_empty()) {
        let waiting: Vec<&Entry> =
            draft.entries.values().filter(|entry| entry.status != Status::Active).collect();
        return show(&waiting, &conflicts, &channel, context);
    }
    // Every id is looked up before the first change.
    let find = |prefixes: &[String]| {
        prefixes.iter().map(|prefix| drafts::find(&draft, prefix)).collect::<Result<Vec<_>, _>>()
    };
    let (accept, reject) = (find(&arguments.accept)?, find(&arguments.reject)?);
    let keep = arguments.keep.iter().map(|prefix| conflict::find(&conflicts, prefix));
    let keep: Vec<(&Conflict, &Fragment)> = keep.collect::<Result<_, _>>()?;
    let accepted = accept.iter().filter(|id| draft.accept(id)).count();
    let now = context.now();
    let rejected = reject.iter().filter(|id| draft.reject(id, now)).count();
    for (conflict, winner) in &keep {
        draft.settle(winner, &conflict.ids());
    }
    if !arguments.dry_run {
        context.save_draft(&channel, &draft)?;
    }
    let settled = keep.len();
    if context.global.json {
        let value = json!({ "accepted": accepted, "rejected": rejected, "settled": settled });
        return context.output.print_json(value);
    }
    let would = if arguments.dry_run { "Would have accepted" } else { "Accepted" };
    let kept = match settled {
        0 => String::new(),
        count => format!(", and settled {}", table::count(count, "conflict")),
    };
    context.output.print(&format!("{would} {accepted} and rejected {rejected}{kept}.\n"))
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

fn show(
    waiting: &[&Entry],
    conflicts: &[Conflict],
    channel: &ChannelName,
    context: &Context,
) -> Result<(), Error> {
    if context.global.json {
        let entries: Vec<_> =
            waiting.iter().map(|entry| super::compile::entry_json(entry)).collect();
        let conflicts: Vec<_> = conflicts.iter().map(Conflict::json).collect();
        let value = json!({ "waiting": entries, "conflicts": conflicts });
        return context.output.print_json(value);
    }
    let mut text = String::new();
    for entry in waiting {
        let fragment = &entry.fragment;
        let status = styled(entry.status.as_str(), output::YELLOW);
        text.push_str(&format!("{status}\n{}", table::fragment_lines(fragment, 4)));
        if let Status::Quarantined { reason } = &entry.status {
            text.push_str(&format!("    why: {reason}\n"));
        }
        if let Some(context) = &fragment.context {
            let line = table::one_line(context.as_str(), table::WIDTH - 4);
            text.push_str(&styled(&format!("    {line}\n"), output::DIM));
        }
        for source in &fragment.sources {
            text.push_str(&styled(
                &format!(
                    "    {} said it in {} line {} (rule {})\n",
                    source.speaker, source.file, source.line, source.rule
                ),
                output::DIM,
            ));
        }
    }
    text.extend(conflicts.iter().map(Conflict::lines));
    if waiting.is_empty() && conflicts.is_empty() {
        text.push_str("Nothing waits for review.\n");
    }
    context.output.print(&text)?;
    if !waiting.is_empty() {
        context.output.say(&format!(
            "Decide with `garner review -c {channel} --accept ID…` or `--reject ID…`."
        ));
    }
    if !conflicts.is_empty() {
        context
            .output
            .say(&format!("Settle a conflict with `garner review -c {channel} --keep ID`."));
    }
    Ok(())
}
