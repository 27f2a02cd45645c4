//! Building a store again from the log of another one: from kernels, and from what was remembered.
//!
//! Every operation is done again in its order, and its view and digest are compared with those that
//! the log names. What a machine remembered is in no bundle: its records are taken from the store
//! whose log it is, each by the digest that its operation names.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use garner_kernel::bundle::Revoked;
use garner_kernel::{ChannelName, Digest, FragmentId, Kernel, Verified, Version, record};
use rusqlite::Connection;

use crate::error::{Error, Trouble};
use crate::load::{self, LoadOptions, OrderRule};
use crate::stamp::Stamp;
use crate::store::operation::{self, Action, Operation};
use crate::store::view::{self, View};
use crate::store::{Store, channel, fragment_row, standing};
use crate::{compact, history, local};

/// What came of doing a log again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// How many operations were done again.
    pub operations: u64,
    /// The digest of the view after the last one.
    pub digest: Digest,
    /// What is not as the log says, a line each; empty when the stores are the same.
    pub differences: Vec<String>,
}

/// What brings the kernel of a channel at a version.
pub type Open<'o, K, E> = dyn FnMut(&ChannelName, Version) -> Result<K, E> + 'o;

/// How many operations one transaction does.
const TOGETHER: usize = 256;

impl Store {
    /// Does again, in this empty store, what the log of another one says; `open` brings the kernels,
    /// and `progress` is told how many operations are done, and how many there are.
    ///
    /// Events are not done again: they change nothing. Vectors come with
    /// [`embed_missing`](Self::embed_missing).
    ///
    /// # Errors
    /// [`Error::NotEmpty`] for a store with a log of its own, [`Error::RecordLost`] when what was
    /// remembered is not in the other store any more, [`Error::Fork`] when a kernel is another one
    /// than was loaded, and those of `open` and of writing.
    pub fn replay<E: From<Error>>(
        &mut self,
        log: &Self,
        open: &mut Open<'_, Verified<Kernel>, E>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Replayed, E> {
        let mut open = |name: &ChannelName, version| Ok(open(name, version)?.into_inner());
        self.replay_with(log, &mut open, progress)
    }

    /// The same with kernels that the caller vouches for.
    pub(crate) fn replay_with<E: From<Error>>(
        &mut self,
        log: &Self,
        open: &mut Open<'_, Kernel, E>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Replayed, E> {
        let last = |db: &Connection| Ok(operation::next_number(db)? - 1);
        if self.read(last)? != 0 {
            return Err(Error::NotEmpty { path: self.path().to_owned() }.into());
        }
        let total = log.read(last)?;
        let mut again = Again { revoked: last_revocations(log)?, ..Again::default() };
        for first in (1..=total).step_by(TOGETHER) {
            progress(first - 1, total);
            let group = (first..=total).take(TOGETHER);
            let mut done = Vec::new();
            for number in group {
                let operation = log.operation(number)?;
                let brought = match &operation.action {
                    Action::Load { channel, version, .. } => {
                        Brought::Kernel(Box::new(open(channel, *version)?))
                    }
                    Action::Remember { fragment, record, .. } => {
                        Brought::record(log, &operation, *fragment, record)?
                    }
                    _ => Brought::Nothing,
                };
                done.push((operation, brought));
            }
            self.write(|db| {
                done.iter().try_for_each(|(operation, brought)| again.step(db, operation, brought))
            })?;
        }
        progress(total, total);
        let digest = self.write(|db| {
            let view = view::current(db)?;
            standing::refresh(db, &view)?;
            view::digest(db, &view)
        })?;
        again.compare(self, log)?;
        Ok(Replayed { operations: total, digest, differences: again.differences })
    }
}

/// Returns the last operation by which something of each channel was revoked: what is erased is not
/// in kernels any more, so that digests before it cannot be those of then.
fn last_revocations(log: &Store) -> Result<BTreeMap<ChannelName, u64>, Error> {
    let mut last = BTreeMap::new();
    log.read(|db| {
        operation::find_last(db, |operation| {
            if let Action::Revoke { channel, .. } = &operation.action {
                last.entry(channel.clone()).or_insert(operation.number);
            }
            false
        })
    })?;
    Ok(last)
}

/// What an operation brought into the store.
enum Brought {
    Nothing,
    Kernel(Box<Kernel>),
    Fragment(Box<garner_kernel::Fragment>),
}

impl Brought {
    /// Takes what was remembered from the store whose log it is.
    fn record(
        log: &Store,
        operation: &Operation,
        fragment: FragmentId,
        record: &Digest,
    ) -> Result<Self, Error> {
        let found = log.read(|db| {
            let row = fragment_row::row_of(db, fragment, record)?;
            row.map(|row| fragment_row::get(db, row)).transpose()
        })?;
        let found = found.filter(|found| record::digest(found) == *record);
        let lost = Error::RecordLost { operation: operation.number, record: *record };
        Ok(Self::Fragment(Box::new(found.ok_or(lost)?)))
    }
}

/// Doing operations again.
#[derive(Default)]
struct Again {
    view: View,
    /// The last operation that revoked something of a channel.
    revoked: BTreeMap<ChannelName, u64>,
    /// What is known of revocations, by channel.
    revocations: BTreeMap<ChannelName, Revoked>,
    differences: Vec<String>,
}

impl Again {
    fn step(
        &mut self,
        db: &Connection,
        operation: &Operation,
        brought: &Brought,
    ) -> Result<(), Trouble> {
        let number = operation.number;
        let stamp = Stamp { at: operation.at, who: operation.who.clone() };
        let after = match (&operation.action, brought) {
            (Action::Load { version, head, channel }, Brought::Kernel(kernel)) => {
                if kernel.head != *head {
                    let (channel, version) = (channel.clone(), *version);
                    let (loaded, given) = (*head, kernel.head);
                    return Err(Error::Fork { channel, version, loaded, given }.into());
                }
                if !kernel.revoked.is_empty() {
                    self.revocations.insert(channel.clone(), kernel.revoked.clone());
                }
                let options = LoadOptions { embedder: None, order: OrderRule::AnyOrder };
                let decision = load::decide(db, kernel, &options)?;
                load::put(db, kernel, &decision, (&self.view, number))?
            }
            (Action::Remember { .. }, Brought::Fragment(fragment)) => {
                local::put(db, (**fragment).clone(), &self.view, (number, &stamp))?.after
            }
            (Action::Compact { archived, .. }, _) => {
                compact::put(db, archived, &self.view, (number, &stamp))?.1
            }
            (Action::Revoke { channel, .. }, _) => {
                if let Some(revoked) = self.revocations.get(channel) {
                    load::bury_revoked(db, channel, revoked)?;
                }
                self.view.clone()
            }
            (action, _) => history::after(db, self.view.clone(), action)?,
        };
        self.judge(db, operation, &after)?;
        view::store(db, &self.view, &after)?;
        operation::copy(db, operation)?;
        self.view = after;
        Ok(())
    }

    /// Compares what came of an operation with what its log says.
    fn judge(
        &mut self,
        db: &Connection,
        operation: &Operation,
        after: &View,
    ) -> Result<(), Trouble> {
        let number = operation.number;
        if *after != operation.after {
            self.differences.push(format!("operation {number} reads something else than then"));
        }
        let erased = |channel: &ChannelName| self.revoked.get(channel) > Some(&number);
        let reproducible = !after.channels.keys().any(erased);
        if reproducible && view::digest(db, after)? != operation.digest_after {
            self.differences.push(format!("operation {number} has another digest than then"));
        }
        Ok(())
    }

    /// Compares every version of every channel.
    fn compare(&mut self, new: &Store, log: &Store) -> Result<(), Error> {
        let versions = |store: &Store| {
            store.read(|db| {
                let mut versions = Vec::new();
                for (name, row) in channel::names(db)? {
                    let kernels = channel::kernels(db, row)?.into_iter();
                    versions.extend(kernels.map(|kernel| (name.clone(), kernel)));
                }
                Ok(versions)
            })
        };
        let (new, old) = (versions(new)?, versions(log)?);
        let differ = old.iter().filter(|version| !new.contains(version));
        let lines = differ
            .map(|(name, kernel)| format!("{name}@{} is not what it was", kernel.version.get()));
        self.differences.extend(lines);
        if new.len() != old.len() {
            let (new, old) = (new.len(), old.len());
            self.differences.push(format!("there are {new} versions instead of {old}"));
        }
        Ok(())
    }
}
