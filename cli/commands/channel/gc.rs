//! `garner channel gc`: remove from a remote what only old versions need.

use clap::Args;
use garner_kernel::ChannelName;
use garner_sync::{AnyRemote, Cached, ChannelSettings, Collection, Retention, Survey};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::plan::{Consent, Plan};
use crate::table;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The channel
    name: ChannelName,
    /// Keep at least this many of the newest versions
    #[arg(long, value_name = "N", default_value_t = Retention::DEFAULT.versions,
          value_parser = clap::value_parser!(u64).range(1..))]
    keep: u64,
    /// Keep every version for this many days after another took its place (at least 7)
    #[arg(long, value_name = "DAYS", default_value_t = Retention::DEFAULT.days,
          value_parser = clap::value_parser!(u32).range(i64::from(Retention::GRACE_DAYS)..=36500))]
    days: u32,
    #[command(flatten)]
    consent: Consent,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let name = &arguments.name;
    let retention = Retention { versions: arguments.keep, days: arguments.days };
    let settings = context.settings(name)?;
    let remote = context.remote(&settings)?;
    let now = settings.trust.time(context.now());
    let collection =
        context.collection(&settings, &remote, |survey| match retention.oldest(survey, now) {
            Some(oldest) => Collection::plan(&remote, survey, oldest),
            None => Ok(Collection::default()),
        })?;
    let facts = json!({ "channel": name.as_str(), "collection": json_of(&collection) });
    if collection.names.is_empty() {
        if context.global.json {
            return context.output.print_json(facts);
        }
        return context.output.print(&format!("Nothing of `{name}` is old enough to go.\n"));
    }
    let mut plan =
        Plan::new(format!("remove what only old versions of `{name}` need"), facts.clone());
    plan.rows(rows(&collection));
    plan.note(
        "Their heads stay, so that the history can be checked; what is loaded stays as well.",
    );
    if !plan.agreed(arguments.consent, context)? {
        return Ok(());
    }
    collection.remove(&remote)?;
    if context.global.json {
        return context.output.print_json(facts);
    }
    context.output.print(&format!("Removed {}.\n", summary(&collection)))
}

impl Context {
    /// Finds out what is to be removed from a remote, by what it says of a channel.
    ///
    /// The plan asks the remote itself for manifests: the mirror may have some that are gone there.
    pub(crate) fn collection(
        &self,
        settings: &ChannelSettings,
        remote: &AnyRemote,
        plan: impl FnOnce(&Survey) -> Result<Collection, garner_sync::Error>,
    ) -> Result<Collection, Error> {
        let mirror = self.mirror(settings)?;
        let near = Cached::new(remote, &mirror, &settings.trust);
        Ok(plan(&garner_sync::survey(&near, &settings.trust)?)?)
    }
}

/// Returns what goes, in words.
pub(crate) fn summary(collection: &Collection) -> String {
    format!(
        "{} of {} ({} bytes)",
        table::count(collection.names.len(), "file"),
        table::count(collection.versions.len(), "version"),
        collection.bytes
    )
}

/// Returns what goes, as rows.
pub(crate) fn rows(collection: &Collection) -> Vec<Vec<String>> {
    let (first, last) = (collection.versions.first(), collection.versions.last());
    let versions = match (first, last) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(only), _) => only.to_string(),
        (None, _) => "none".to_owned(),
    };
    let files = table::count(collection.names.len(), "file");
    vec![
        vec!["versions".to_owned(), versions],
        vec!["files".to_owned(), format!("{files}, {} bytes", collection.bytes)],
    ]
}

/// Returns what goes, as JSON.
pub(crate) fn json_of(collection: &Collection) -> serde_json::Value {
    json!({
        "versions": collection.versions.iter().map(|version| version.get()).collect::<Vec<_>>(),
        "files": collection.names.len(),
        "bytes": collection.bytes,
    })
}
