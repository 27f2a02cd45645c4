//! `garner revoke`: take fragments back from every reader.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use garner_kernel::bundle::{Revocation, RevocationClass, Revoked};
use garner_kernel::{ChannelName, Draft, Fragment, FragmentId, Kernel, RevocationReason, Version};
use garner_loader::StoredFragment;
use garner_sync::{ChannelSettings, Collection, Published, RemoteUrl};
use serde_json::{Value, json};

use super::channel::gc;
use crate::context::Context;
use crate::error::Error;
use crate::kernels::{At, KernelName};
use crate::plan::{Consent, Plan};
use crate::{files, keys, table};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The fragments: ids, or their first characters
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// The channel that holds them (default: the only one)
    #[arg(short, long, value_name = "NAME")]
    channel: Option<ChannelName>,
    /// Erase every copy as well, for what should never have been published
    #[arg(long)]
    purge: bool,
    /// Why, in one word that everybody can read
    #[arg(long, value_name = "WORD", default_value = "withdrawn")]
    reason: RevocationReason,
    #[command(flatten)]
    consent: Consent,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let channel = context.the_channel(arguments.channel.as_ref())?;
    let settings = context.settings(&channel)?;
    // Whoever may not sign hears it before anything else.
    let key = keys::publisher(context)?;
    let remote = context.remote(&settings)?;
    let found = find(&arguments.ids, &channel, context)?;
    let class = if arguments.purge { RevocationClass::Purge } else { RevocationClass::Yank };
    if !plan(&found, class, &settings, context)?.agreed(arguments.consent, context)? {
        return Ok(());
    }
    let (since, reason) = (context.now(), &arguments.reason);
    let entry = |id: &FragmentId| (*id, Revocation { class, reason: reason.clone(), since });
    let entries: Revoked = found.keys().map(entry).collect();
    let note = garner_sync::revoke(&remote, &settings.trust, &key, &entries)?;
    let mut published = BTreeMap::new();
    for settings in context.channels_of(&settings)? {
        let name = settings.trust.repository.channel.clone();
        bury_in_draft(&name, found.keys(), context)?;
        published.insert(name.clone(), publish(&settings, arguments.purge, context)?);
    }
    report(&found, note.number, &published, context)
}

impl Context {
    /// Returns every channel of this machine that was published to the same repository.
    fn channels_of(&self, settings: &ChannelSettings) -> Result<Vec<ChannelSettings>, Error> {
        let mut channels = Vec::new();
        for name in self.known_channels()? {
            let other = self.settings(&name)?;
            let same = other.trust.repository.id == settings.trust.repository.id;
            if same && other.url.is_some() && other.trust.known.floor.is_some() {
                channels.push(other);
            }
        }
        Ok(channels)
    }
}

/// Finds the fragments that ids or their beginnings name.
fn find(
    names: &[String],
    channel: &ChannelName,
    context: &Context,
) -> Result<BTreeMap<FragmentId, Option<Fragment>>, Error> {
    let newest = match context.pull(channel, None) {
        Ok(pulled) => {
            let name = KernelName::Channel(channel.clone(), At::Number(pulled.floor.version));
            Some(context.open_kernel(&name)?.into_inner())
        }
        Err(Error::Sync(garner_sync::Error::Empty { .. })) => None,
        Err(other) => return Err(other),
    };
    names.iter().map(|name| find_one(name, newest.as_ref(), context)).collect()
}

/// Finds a fragment in the newest version, in the store, or nowhere, where the id is whole.
fn find_one(
    name: &str,
    newest: Option<&Kernel>,
    context: &Context,
) -> Result<(FragmentId, Option<Fragment>), Error> {
    let contents = newest.map(|newest| &newest.contents);
    let live = contents.into_iter().flat_map(|c| c.fragments().map(|f| f.id));
    // What was taken out already may be named again, to finish what was stopped.
    let gone = contents.into_iter().flat_map(|c| c.tombstones().map(|t| t.id));
    let revoked = newest.into_iter().flat_map(|newest| newest.revoked.keys().copied());
    let ids = live.chain(gone).chain(revoked).filter(|id| id.to_string().starts_with(name));
    let ids: BTreeSet<FragmentId> = ids.collect();
    let store = match context.store() {
        Err(Error::Loader(garner_loader::Error::NoStore { .. })) => None,
        store => Some(store?),
    };
    let stored = |id: &str| Ok(store.as_ref().map(|store| store.fragment(id)).transpose()?);
    let mut all = ids.iter();
    match (all.next(), all.next(), name.parse::<FragmentId>()) {
        (Some(id), None, _) => Ok((*id, contents.and_then(|c| c.fragment(id)).cloned())),
        (Some(_), Some(_), _) => {
            let some = ids.iter().take(3).map(ToString::to_string).collect();
            let (prefix, count) = (name.to_owned(), ids.len());
            Err(garner_loader::Error::AmbiguousFragment { prefix, count, some }.into())
        }
        // Older versions held what is in the store.
        (None, _, Err(_)) => {
            let found: Option<StoredFragment> = stored(name)?;
            let unknown = || garner_loader::Error::UnknownFragment { prefix: name.to_owned() };
            let fragment = found.ok_or_else(unknown)?.fragment;
            Ok((fragment.id, Some(fragment)))
        }
        (None, _, Ok(id)) => {
            let found: Result<_, Error> = stored(name);
            Ok((id, found.ok().flatten().map(|stored: StoredFragment| stored.fragment)))
        }
    }
}

/// Says what would be taken back, and what that costs.
fn plan(
    found: &BTreeMap<FragmentId, Option<Fragment>>,
    class: RevocationClass,
    settings: &ChannelSettings,
    context: &Context,
) -> Result<Plan, Error> {
    let channel = &settings.trust.repository.channel;
    let ids: Vec<String> = found.keys().map(ToString::to_string).collect();
    let count = table::count(found.len(), "fragment");
    let facts = json!({ "channel": channel.as_str(), "class": class.as_str(), "fragments": ids });
    let mut plan = Plan::new(format!("take {count} of `{channel}` back for ever"), facts);
    let line = |(id, fragment): (&FragmentId, &Option<Fragment>)| match fragment {
        Some(fragment) => table::fragment_lines(fragment, 2),
        None => format!("{}  no version that is here holds it\n", id.short()),
    };
    plan.body(found.iter().map(line).collect());
    plan.note("Every reader drops it at its next load, also one that holds an older version.");
    if class == RevocationClass::Purge {
        // Everything that is there now becomes old.
        let now_old = older_than(settings, Version::next, context)?;
        plan.rows(gc::rows(&now_old));
        plan.fact("collection", gc::json_of(&now_old));
        plan.note("The next version is encrypted anew; the files of all others are removed.");
        if let Some(RemoteUrl::Git(_)) = settings.url {
            plan.note(
                "A git repository keeps what was removed in its commits: rewrite or replace it.",
            );
        }
        plan.note("Rotate a secret all the same: whoever copied the old files may keep them.");
    }
    plan.note("This cannot be undone: no version can bring the same statement back.");
    Ok(plan)
}

/// Takes the fragments out of the channel's draft, where they would wait to be published again.
fn bury_in_draft<'a>(
    channel: &ChannelName,
    ids: impl Iterator<Item = &'a FragmentId>,
    context: &Context,
) -> Result<(), Error> {
    let _lock = files::lock(&context.draft_path(channel))?;
    let Some(before) = context.draft(channel)? else { return Ok(()) };
    let (mut draft, now) = (before.clone(), context.now());
    for id in ids.filter(|id| before.entries.contains_key(*id)) {
        draft.bury(*id, now);
    }
    if draft == before { Ok(()) } else { context.save_draft(channel, &draft) }
}

/// What was done to one channel.
struct Done {
    /// The new version; `None` if the newest was without the fragments.
    version: Option<Version>,
    /// What was removed from the remote.
    removed: Option<Collection>,
}

/// Publishes a version without what is revoked, and removes the others where copies must go.
fn publish(settings: &ChannelSettings, purge: bool, context: &Context) -> Result<Done, Error> {
    let channel = &settings.trust.repository.channel;
    let version = match context.publish(channel, &Draft::default())? {
        Published::New(sealed) => Some(sealed.version),
        Published::Unchanged(_) => None,
    };
    if !purge {
        return Ok(Done { version, removed: None });
    }
    let settings = context.settings(channel)?;
    let collection = older_than(&settings, |newest| newest, context)?;
    collection.remove(&context.remote(&settings)?)?;
    Ok(Done { version, removed: Some(collection) })
}

/// Finds the files of all versions before one that is told by the newest.
fn older_than(
    settings: &ChannelSettings,
    oldest: impl FnOnce(Version) -> Version,
    context: &Context,
) -> Result<Collection, Error> {
    let remote = context.remote(settings)?;
    context.collection(settings, &remote, |survey| match survey.history().newest() {
        Some(newest) => Collection::purge(&remote, survey, oldest(newest.head.version)),
        None => Ok(Collection::default()),
    })
}

fn report(
    found: &BTreeMap<FragmentId, Option<Fragment>>,
    note: u64,
    done: &BTreeMap<ChannelName, Done>,
    context: &Context,
) -> Result<(), Error> {
    if context.global.json {
        let channel = |(name, done): (&ChannelName, &Done)| {
            json!({
                "channel": name.as_str(),
                "published": done.version.map(Version::get),
                "removed": done.removed.as_ref().map(gc::json_of),
            })
        };
        return context.output.print_json(json!({
            "revoked": found.keys().map(ToString::to_string).collect::<Vec<_>>(),
            "note": note,
            "channels": done.iter().map(channel).collect::<Vec<Value>>(),
        }));
    }
    let count = table::count(found.len(), "fragment");
    let mut text = format!("Revoked {count} with note {note}.\n");
    for (name, done) in done {
        let what = match done.version {
            Some(version) => format!("{version} is without"),
            None => "the newest version was without already".to_owned(),
        };
        let removed = done.removed.as_ref().filter(|removed| !removed.names.is_empty());
        let removed = removed.map_or_else(String::new, |r| format!("; removed {}", gc::summary(r)));
        text.push_str(&format!("`{name}`: {what}{removed}.\n"));
    }
    context.output.print(&text)?;
    context.output.say("Readers drop it at their next `garner load`; so does this machine.");
    Ok(())
}
