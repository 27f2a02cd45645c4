//! `garner review`: what waits for a person.

use clap::Args;
use garner_kernel::{ChannelName, Entry, Status};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
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
    /// Print what would change, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let channel = super::compile::channel(arguments.channel.as_ref(), context)?;
    let _lock = files::lock(&context.draft_path(&channel))?;
    let mut draft =
        context.draft(&channel)?.ok_or_else(|| Error::NoDraft { channel: channel.clone() })?;
    if arguments.accept.is_empty() && arguments.reject.is_empty() {
        let waiting: Vec<&Entry> =
            draft.entries.values().filter(|entry| entry.status != Status::Active).collect();
        return show(&waiting, &channel, context);
    }
    // Every id is looked up before the first change.
    let find = |prefixes: &[String]| {
        prefixes.iter().map(|prefix| drafts::find(&draft, prefix)).collect::<Result<Vec<_>, _>>()
    };
    let (accept, reject) = (find(&arguments.accept)?, find(&arguments.reject)?);
    let accepted = accept.iter().filter(|id| draft.accept(id)).count();
    let now = context.now();
    let rejected = reject.iter().filter(|id| draft.reject(id, now)).count();
    if !arguments.dry_run {
        context.save_draft(&channel, &draft)?;
    }
    if context.global.json {
        let value = json!({ "accepted": accepted, "rejected": rejected });
        return context.output.print_json(value);
    }
    let would = if arguments.dry_run { "Would have accepted" } else { "Accepted" };
    context.output.print(&format!("{would} {accepted} and rejected {rejected}.\n"))
}

fn show(waiting: &[&Entry], channel: &ChannelName, context: &Context) -> Result<(), Error> {
    if context.global.json {
        let entries: Vec<_> =
            waiting.iter().map(|entry| super::compile::entry_json(entry)).collect();
        return context.output.print_json(json!({ "waiting": entries }));
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
    if waiting.is_empty() {
        text.push_str("Nothing waits for review.\n");
    }
    context.output.print(&text)?;
    if !waiting.is_empty() {
        context.output.say(&format!(
            "Decide with `garner review -c {channel} --accept ID…` or `--reject ID…`."
        ));
    }
    Ok(())
}
