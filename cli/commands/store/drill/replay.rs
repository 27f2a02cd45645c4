//! What came after a backup: brought back from bundles as far as they are known here, and what is
//! lost all the same.

use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::{FragmentId, Moment};
use garner_loader::{Action, LoadOptions, Loss, OrderRule, Store};

use super::none;
use crate::backup::{Policy, Recovered};
use crate::context::Context;
use crate::error::Error;
use crate::kernels::{At, KernelName};

/// Which versions were loaded again, and which could not be.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    pub(super) done: Vec<String>,
    pub(super) missing: Vec<String>,
}

/// Loads into the restored store what the live one has loaded since.
pub(super) fn replay(
    restored: &mut Store,
    live: &Store,
    context: &Context,
) -> Result<Replayed, Error> {
    let mut replayed = Replayed::default();
    for channel in live.channels()?.into_iter().map(|status| status.name) {
        if channel.is_reserved() {
            continue;
        }
        let has: BTreeSet<_> = match restored.versions(&channel) {
            Err(garner_loader::Error::UnknownChannel { .. }) => BTreeSet::new(),
            versions => versions?.into_iter().map(|kernel| kernel.version).collect(),
        };
        let wanted = live.versions(&channel)?.into_iter().map(|kernel| kernel.version);
        for version in wanted.filter(|version| !has.contains(version)) {
            let name = format!("{channel}@{}", version.get());
            let kernel = KernelName::Channel(channel.clone(), At::Number(version));
            let Ok(verified) = context.open_kernel(&kernel) else {
                replayed.missing.push(name);
                continue;
            };
            let options = LoadOptions { embedder: None, order: OrderRule::AnyOrder };
            let stamp = context.stamp()?;
            if !verified.get().revoked.is_empty() {
                restored.revoke(&verified, &stamp)?;
            }
            let plan = restored.plan(&verified, &options)?;
            restored.apply(plan, None, &stamp)?;
            replayed.done.push(name);
        }
    }
    Ok(replayed)
}

/// Returns whether the live log goes on where that of the backup ends.
pub(super) fn continues(
    restored: &Store,
    live: &Store,
    recovered: &Recovered,
) -> Result<bool, Error> {
    if recovered.operations == 0 {
        return Ok(true);
    }
    let last = restored.operation(recovered.operations)?;
    match live.operation(recovered.operations) {
        Err(garner_loader::Error::UnknownOperation { .. }) => Ok(false),
        same => Ok(same?.hash == last.hash),
    }
}

/// Returns what the live store shows and the restored one does not have, class by class.
pub(super) fn losses(
    restored: &Store,
    live: &Store,
    recovered: &Recovered,
    context: &Context,
) -> Result<Vec<Loss>, Error> {
    let now = context.now();
    let written = written(live, recovered)?;
    // What was written when nothing says so is as old as the backup at most.
    let first = written.values().min().copied().unwrap_or(recovered.at);
    let has: BTreeSet<_> = restored.shown(now)?.into_iter().map(|f| (f.id, f.revision)).collect();
    let mut losses = BTreeMap::new();
    for (class, _) in Policy::default().goals() {
        losses.insert(class, none(class));
    }
    for fragment in live.shown(now)? {
        if has.contains(&(fragment.id, fragment.revision)) {
            continue;
        }
        let class = fragment.kind.class();
        let loss = losses.entry(class).or_insert(none(class));
        let at = written.get(&fragment.id).copied().unwrap_or(first);
        let age = u64::try_from(now.unix() - at.unix()).unwrap_or_default();
        loss.fragments += 1;
        loss.seconds = loss.seconds.max(age);
    }
    Ok(losses.into_values().collect())
}

/// How many operations are read at once.
const MANY: usize = 1_000_000;

/// Returns when fragments were remembered on this machine since the backup.
fn written(live: &Store, recovered: &Recovered) -> Result<BTreeMap<FragmentId, Moment>, Error> {
    let newest = live.operations(1)?.first().map_or(0, |last| last.number);
    let since = newest.saturating_sub(recovered.operations);
    let since = usize::try_from(since).unwrap_or(MANY).min(MANY);
    let mut written = BTreeMap::new();
    for operation in live.operations(since)? {
        if let Action::Remember { fragment, .. } = operation.action {
            written.insert(fragment, operation.at);
        }
    }
    Ok(written)
}
