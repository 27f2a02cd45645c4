//! Collecting: the files that only old versions need are removed from a remote.
//!
//! Heads, roots and revocations stay for ever, so that the history can always be checked; what goes
//! are the manifests, keyrings and objects of versions that nobody has been reading for long. That
//! depends on signed times alone: a version whose successor is older than the grace was not the
//! newest for any reader who pulled since.

use std::collections::BTreeSet;

use garner_kernel::bundle::Manifest;
use garner_kernel::{Moment, Version};

use crate::error::Error;
use crate::layout::Name;
use crate::remote::Remote;
use crate::survey::{Survey, manifest_of};

/// How long the versions of a channel stay readable; a version stays for either reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How many of the newest versions.
    pub versions: u64,
    /// For how many days after another took its place.
    pub days: u32,
}

impl Retention {
    /// What is kept unless somebody says otherwise.
    pub const DEFAULT: Self = Self { versions: 64, days: 30 };
    /// For how many days a version that was the newest stays at least, so that whoever is still
    /// fetching it can.
    pub const GRACE_DAYS: u32 = 7;

    /// Returns the oldest version that stays; every later one does as well.
    pub fn oldest(self, survey: &Survey, now: Moment) -> Option<Version> {
        let heads = survey.history().heads();
        let newest = survey.history().newest()?.head.version;
        let days = self.days.max(Self::GRACE_DAYS);
        let recent = heads
            .iter()
            .zip(heads.iter().skip(1))
            .find(|(_, successor)| successor.head.created.plus_days(days) > now);
        let recent = recent.map_or(newest, |(version, _)| version.head.version);
        let counted = newest.get().saturating_sub(self.versions.max(1) - 1);
        let counted = Version::new(counted).unwrap_or(Version::FIRST);
        // What publishing builds on may be older than the newest, if that was signed by a stolen key.
        let good = survey.newest_good().map_or(newest, |good| good.head.version);
        Some(recent.min(counted).min(good))
    }
}

/// Which of the old versions go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Untagged,
    All,
}

/// What collecting removes from a remote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collection {
    /// The versions that cannot be read from the remote any more, ascending.
    pub versions: Vec<Version>,
    /// The files that go, in the order in which they go.
    pub names: Vec<Name>,
    /// How many bytes they have, as their manifests say.
    pub bytes: u64,
}

impl Collection {
    /// Finds out what only versions below `oldest` need that have no tag; removes nothing.
    ///
    /// # Errors
    /// What the remote breaks or refuses.
    pub fn plan(remote: &impl Remote, survey: &Survey, oldest: Version) -> Result<Self, Error> {
        Self::scan(remote, survey, oldest, Extent::Untagged)
    }

    /// Finds out like [`plan`](Self::plan) what must not stay, tagged or not.
    ///
    /// # Errors
    /// What the remote breaks or refuses.
    pub fn purge(remote: &impl Remote, survey: &Survey, oldest: Version) -> Result<Self, Error> {
        Self::scan(remote, survey, oldest, Extent::All)
    }

    fn scan(
        remote: &impl Remote,
        survey: &Survey,
        oldest: Version,
        extent: Extent,
    ) -> Result<Self, Error> {
        let mut kept = BTreeSet::new();
        let heads = survey.history().heads();
        let (old, new) = heads.split_at(heads.partition_point(|h| h.head.version < oldest));
        for signed in new {
            if let Some(manifest) = manifest_of(remote, &signed.head)? {
                kept.extend(files(&manifest).map(|(name, _)| name));
            }
        }
        let mut found = Vec::new();
        for signed in old.iter().rev() {
            let Some(manifest) = manifest_of(remote, &signed.head)? else {
                // Manifests go in the order of their versions: below one that is gone, all are,
                // but for tagged ones, and for those that a mirror never had.
                if extent == Extent::Untagged {
                    break;
                }
                continue;
            };
            let keep = Name::keep(&signed.head.channel, signed.head.version);
            if extent == Extent::Untagged && remote.size(&keep)?.is_some() {
                kept.extend(files(&manifest).map(|(name, _)| name));
            } else {
                found.push((signed, manifest));
            }
        }
        let mut collection = Self::default();
        for (signed, manifest) in found.iter().rev() {
            collection.versions.push(signed.head.version);
            for (name, size) in files(manifest) {
                if kept.insert(name.clone()) {
                    collection.names.push(name);
                    collection.bytes += size;
                }
            }
            // Last, because it tells what else there is, to whoever has to run this again.
            let manifest = &signed.head.manifest;
            if kept.insert(Name::manifest(&manifest.digest)) {
                collection.names.push(Name::manifest(&manifest.digest));
                collection.bytes += manifest.size;
            }
        }
        Ok(collection)
    }

    /// Removes the files; stopped at any point, it is finished by planning and removing again.
    ///
    /// # Errors
    /// What the remote refuses.
    pub fn remove(&self, remote: &impl Remote) -> Result<(), Error> {
        remote.delete_all(&self.names)?;
        tracing::info!(files = self.names.len(), bytes = self.bytes, "collected");
        Ok(())
    }
}

/// Returns the files that a manifest names, with their sizes.
fn files(manifest: &Manifest) -> impl Iterator<Item = (Name, u64)> {
    let objects = manifest.objects.iter();
    let objects = objects.map(|object| (Name::object(&object.file.digest), object.file.size));
    let keyring = &manifest.keyring;
    objects.chain([(Name::keyring(&keyring.digest), keyring.size)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::survey;
    use crate::tests::{Setup, setup};
    use crate::{MemoryRemote, Published};

    fn version(number: u64) -> Version {
        Version::new(number).unwrap()
    }

    /// Publishes a version a day, from the second of January on.
    fn days(count: u64) -> Setup {
        let setup = setup();
        for day in 0..count {
            let now = format!("2026-01-{:02}T00:00:00Z", day + 2);
            let text = format!("Day {day}.");
            let published = setup.publish_as(&setup.remote, &text, &setup.key, &now).unwrap();
            assert!(matches!(published, Published::New(_)));
        }
        setup
    }

    fn copy(setup: &Setup) -> MemoryRemote {
        let remote = MemoryRemote::default();
        for (name, bytes) in setup.remote.files() {
            remote.put_over(&name, &bytes).unwrap();
        }
        remote
    }

    #[test]
    fn a_version_stays_by_count_and_by_time_and_a_week_at_least() {
        let setup = days(20);
        let survey = survey(&setup.remote, &setup.trust).unwrap();
        let oldest = |versions, days, now: &str| {
            let retention = Retention { versions, days };
            retention.oldest(&survey, now.parse().unwrap()).unwrap().get()
        };
        // Version 20 is of the 21st; version n was followed by the next on day n + 2.
        let late = "2027-01-01T00:00:00Z";
        assert_eq!(oldest(3, 7, late), 18);
        assert_eq!(oldest(1, 7, late), 20);
        assert_eq!(oldest(64, 7, late), 1);
        assert_eq!(oldest(1, 0, "2026-01-21T00:00:00Z"), 13, "a week is kept in any case");
        assert_eq!(oldest(1, 10, "2026-01-21T00:00:00Z"), 10);
        assert_eq!(oldest(1, 30, "2026-01-21T00:00:00Z"), 1);
        // A clock that is behind keeps everything.
        assert_eq!(oldest(1, 7, "2020-01-01T00:00:00Z"), 1);
    }

    #[test]
    fn a_tagged_version_stays_until_it_must_not() {
        let setup = days(8);
        let (remote, mirror) = (copy(&setup), MemoryRemote::default());
        let now = "2026-02-01T00:00:00Z".parse().unwrap();
        let name = "release-1".parse().unwrap();
        let places = (&remote, &mirror);
        crate::tag(places, &setup.trust, &setup.key, (&name, version(3)), now).unwrap();
        let survey = survey(&remote, &setup.trust).unwrap();
        let plan = || Collection::plan(&remote, &survey, version(7)).unwrap();
        assert_eq!(plan().versions, [1, 2, 4, 5, 6].map(version));
        plan().remove(&remote).unwrap();
        assert_eq!(plan(), Collection::default());
        assert!(survey.fetch(&remote, &setup.trust, version(3)).is_ok());
        // A name for what is gone would promise too much.
        let late = crate::tag(
            places,
            &setup.trust,
            &setup.key,
            (&"late".parse().unwrap(), version(2)),
            now,
        );
        assert!(matches!(late, Err(Error::NotKept { .. })), "{late:?}");
        let purge = Collection::purge(&remote, &survey, version(7)).unwrap();
        assert_eq!(purge.versions, [version(3)]);
        purge.remove(&remote).unwrap();
        assert!(survey.fetch(&remote, &setup.trust, version(3)).is_err());
    }

    #[test]
    fn collecting_may_stop_anywhere_and_readers_of_what_stays_never_notice() {
        let setup = days(12);
        let survey = survey(&setup.remote, &setup.trust).unwrap();
        let whole = Collection::plan(&setup.remote, &survey, version(9)).unwrap();
        assert_eq!(whole.versions, (1..9).map(version).collect::<Vec<_>>());
        let readable = |remote: &MemoryRemote, number: u64| {
            let fetched = survey.fetch(remote, &setup.trust, version(number));
            fetched.is_ok()
        };
        for stop in 0..=whole.names.len() {
            let remote = copy(&setup);
            remote.delete_all(&whole.names[..stop]).unwrap();
            assert!((9..=12).all(|number| readable(&remote, number)), "stopped at {stop}");
            let rest = Collection::plan(&remote, &survey, version(9)).unwrap();
            rest.remove(&remote).unwrap();
            assert_eq!(Collection::plan(&remote, &survey, version(9)).unwrap().names, []);
            assert!((1..9).all(|number| !readable(&remote, number)), "stopped at {stop}");
            // What is left is what an undisturbed run leaves.
            let undisturbed = copy(&setup);
            whole.remove(&undisturbed).unwrap();
            assert_eq!(remote.files(), undisturbed.files(), "stopped at {stop}");
        }
        // The line goes on.
        let remote = copy(&setup);
        whole.remove(&remote).unwrap();
        let later = "2026-02-01T00:00:00Z";
        setup.publish_as(&remote, "Later.", &setup.key, later).unwrap();
        assert_eq!(setup.contents(&remote, 13).fragments().len(), 13);
    }
}
