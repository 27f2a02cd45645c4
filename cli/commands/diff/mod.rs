//! `garner diff`: how two kernels differ.

mod listing;
mod words;

use clap::Args;
use garner_kernel::{Contents, Difference, rivals};
use serde_json::json;

use crate::conflict::Conflict;
use crate::context::Context;
use crate::error::Error;
use crate::kernels::{At, KernelName};
use crate::output::Look;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The earlier kernel: `notes@1`, or a `.kernel` file
    before: KernelName,
    /// The later kernel (default: the newest of the same channel)
    after: Option<KernelName>,
    /// Print counts only, by kind and scope
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
    /// Counts by kind and scope.
    Stat,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let (before, after) = names(arguments)?;
    let (before, after) = (context.dated(&before)?, context.dated(&after)?);
    // What readers have now counts until now, unless it is compared with itself.
    let until = if after.is_newest && before.contents != after.contents {
        context.now().max(after.created)
    } else {
        after.created
    };
    let differences =
        garner_kernel::diff_over_time((&before.contents, before.created), (&after.contents, until));
    let form = if arguments.stat { Form::Stat } else { Form::Full };
    let conflicts = conflicts(&before.contents, &after.contents);
    print(&differences, &conflicts, &form, context)?;
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

/// Returns the conflicts that only the later contents have.
pub(crate) fn conflicts(before: &Contents, after: &Contents) -> Vec<Conflict> {
    let known = rivals(before);
    let new = rivals(after).into_iter().filter(|rivals| !known.contains(rivals));
    new.map(|rivals| Conflict::of(&rivals, after)).collect()
}

/// Prints differences, and the conflicts that come with them.
pub(crate) fn print(
    differences: &[Difference],
    conflicts: &[Conflict],
    form: &Form,
    context: &Context,
) -> Result<(), Error> {
    if context.global.json {
        return context.output.print_json(json!({
            "counts": counts(differences),
            "groups": listing::statistics_json(differences),
            "differences": items(differences),
            "conflicts": conflicts.iter().map(Conflict::json).collect::<Vec<_>>(),
        }));
    }
    let mut text = text(differences, form, context.output.look());
    text.extend(conflicts.iter().map(Conflict::lines));
    context.output.print(&text)
}

/// Returns differences as people read them.
pub(crate) fn text(differences: &[Difference], form: &Form, look: Look) -> String {
    if differences.is_empty() {
        return "No difference.\n".to_owned();
    }
    let text = match form {
        Form::Full => listing::full(differences, look),
        Form::Stat => listing::statistics(differences),
    };
    format!("{text}{}.\n", summary(differences))
}

/// Returns differences as JSON.
pub(crate) fn items(differences: &[Difference]) -> serde_json::Value {
    differences.iter().map(json).collect()
}

/// Returns how many differences there are of each sort, as JSON.
pub(crate) fn counts(differences: &[Difference]) -> serde_json::Value {
    let count = |word: &str| differences.iter().filter(|d| d.as_str() == word).count();
    let counts = Difference::WORDS.map(|word| (word.to_owned(), count(word).into()));
    serde_json::Value::Object(counts.into_iter().collect())
}

/// Returns how many differences there are of each sort, in words.
pub(crate) fn summary(differences: &[Difference]) -> String {
    let count = |word: &str| differences.iter().filter(|d| d.as_str() == word).count();
    let rare = |word: &str| ["revoked", "expired"].contains(&word);
    let counts = Difference::WORDS.map(|word| (count(word), word)).into_iter();
    let told = counts.filter(|(count, word)| *count > 0 || !rare(word));
    told.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

fn json(difference: &Difference) -> serde_json::Value {
    use super::fragment::json as fragment_json;
    let change = difference.as_str();
    match difference {
        Difference::Added { fragment } | Difference::Revoked { fragment } => {
            json!({ "change": change, "fragment": fragment_json(fragment) })
        }
        Difference::Expired { fragment } => {
            let at = fragment.valid_to.map(|end| end.to_string());
            json!({ "change": change, "fragment": fragment_json(fragment), "at": at })
        }
        Difference::Superseded { fragment, by } => json!({
            "change": change,
            "fragment": fragment_json(fragment),
            "by": by.id.to_string(),
            "successor": fragment_json(by),
        }),
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
