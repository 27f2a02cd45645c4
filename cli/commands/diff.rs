//! `garner diff`: how two kernels differ.

use clap::Args;
use garner_kernel::{Difference, FragmentId};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::kernels::{At, KernelName};
use crate::output::{self, styled};
use crate::table;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The earlier kernel: `notes@1`, or a `.kernel` file
    before: KernelName,
    /// The later kernel (default: the newest of the same channel)
    after: Option<KernelName>,
    /// Print counts only
    #[arg(long)]
    stat: bool,
    /// Exit with status 1 if they differ
    #[arg(long)]
    exit_code: bool,
}

/// How much to print.
pub(crate) enum Form {
    /// Every fragment.
    Full,
    /// Counts.
    Stat,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let (before, after) = names(arguments)?;
    let before = context.contents(&before)?;
    let after = context.contents(&after)?;
    let differences = garner_kernel::diff(&before, &after);
    let form = if arguments.stat { Form::Stat } else { Form::Full };
    print(&differences, &form, context)?;
    if arguments.exit_code && !differences.is_empty() {
        return Err(Error::Differ);
    }
    Ok(())
}

/// Returns both names; one channel alone means its last step.
fn names(arguments: &Arguments) -> Result<(KernelName, KernelName), Error> {
    Ok(match (&arguments.before, &arguments.after) {
        (before, Some(after)) => (before.clone(), after.clone()),
        (KernelName::Channel(channel, At::Latest), None) => (
            KernelName::Channel(channel.clone(), At::Previous),
            KernelName::Channel(channel.clone(), At::Latest),
        ),
        (KernelName::Channel(channel, _), None) => {
            (arguments.before.clone(), KernelName::Channel(channel.clone(), At::Latest))
        }
        (KernelName::File(path), None) => {
            let need = "a second kernel to compare it with is missing";
            return Err(Error::File { path: path.clone(), need });
        }
    })
}

/// Prints differences.
pub(crate) fn print(
    differences: &[Difference],
    form: &Form,
    context: &Context,
) -> Result<(), Error> {
    if context.global.json {
        let value = json!({ "counts": counts(differences), "differences": items(differences) });
        return context.output.print_json(value);
    }
    context.output.print(&text(differences, form))
}

/// Returns differences as people read them.
pub(crate) fn text(differences: &[Difference], form: &Form) -> String {
    if differences.is_empty() {
        return "No difference.\n".to_owned();
    }
    let mut text = String::new();
    if matches!(form, Form::Full) {
        let mut group = String::new();
        for difference in differences {
            let (heading, lines) = lines(difference);
            if heading != group {
                text.push_str(&format!("{}\n", styled(&heading, output::BOLD)));
                group = heading;
            }
            text.push_str(&lines);
        }
    }
    format!("{text}{}.\n", summary(differences))
}

/// Returns differences as JSON.
pub(crate) fn items(differences: &[Difference]) -> serde_json::Value {
    differences.iter().map(json).collect()
}

/// Returns how many differences there are of each sort, as JSON.
pub(crate) fn counts(differences: &[Difference]) -> serde_json::Value {
    let mut counts = serde_json::Map::new();
    for word in WORDS {
        let count = differences.iter().filter(|d| d.as_str() == word).count();
        counts.insert(word.to_owned(), count.into());
    }
    serde_json::Value::Object(counts)
}

/// Returns how many differences there are of each sort, in words.
pub(crate) fn summary(differences: &[Difference]) -> String {
    let count = |word: &str| {
        let count = differences.iter().filter(|d| d.as_str() == word).count();
        format!("{count} {word}")
    };
    WORDS.map(count).join(", ")
}

const WORDS: [&str; 4] = ["added", "superseded", "removed", "changed"];

/// Returns the heading that a difference stands under, and its lines.
fn lines(difference: &Difference) -> (String, String) {
    let line = |mark: &str, style, fragment: &garner_kernel::Fragment, note: String| {
        let head = format!("  {mark} {}  ", fragment.id.short());
        let text = table::beside(&head, fragment.statement.as_str(), 4);
        let heading = format!("{} ({})", fragment.kind, fragment.scope);
        (heading, format!("{}{note}", styled(text.trim_end(), style)))
    };
    let by = |by: &FragmentId| format!("\n      replaced by {}\n", by.short());
    match difference {
        Difference::Added { fragment } => line("+", output::GREEN, fragment, "\n".to_owned()),
        Difference::Superseded { fragment, by: newer } => {
            line("~", output::YELLOW, fragment, by(newer))
        }
        Difference::Removed { fragment, reason } => {
            let note = reason.map_or("\n".into(), |r| format!("\n      {}\n", r.as_str()));
            line("-", output::RED, fragment, note)
        }
        Difference::Changed { before, after } => {
            let (was, is) = (before.sources.len(), after.sources.len());
            let note = format!("\n      revision {} -> {}", before.revision, after.revision);
            let note = if was == is { note } else { format!("{note}, {was} -> {is} sources") };
            let note = format!("{note}\n");
            line("*", output::YELLOW, after, note)
        }
    }
}

fn json(difference: &Difference) -> serde_json::Value {
    use super::fragment::json as fragment_json;
    let change = difference.as_str();
    match difference {
        Difference::Added { fragment } => {
            json!({ "change": change, "fragment": fragment_json(fragment) })
        }
        Difference::Superseded { fragment, by } => {
            let by = by.to_string();
            json!({ "change": change, "fragment": fragment_json(fragment), "by": by })
        }
        Difference::Removed { fragment, reason } => {
            let reason = reason.map(garner_kernel::TombstoneReason::as_str);
            json!({ "change": change, "fragment": fragment_json(fragment), "reason": reason })
        }
        Difference::Changed { before, after } => {
            let (before, after) = (fragment_json(before), fragment_json(after));
            json!({ "change": change, "before": before, "after": after })
        }
    }
}
