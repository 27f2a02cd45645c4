//! Revoking: the signed list of fragments that no version may show any more grows by a note.

use garner_kernel::bundle::{NoteRef, PublisherKey, Revocations, Revoked, Right, limits};

use crate::commit::{TRIES, create, wait};
use crate::error::Error;
use crate::layout::Name;
use crate::publish::check_right;
use crate::pull;
use crate::remote::Remote;
use crate::repository::Trust;
use crate::survey::{Survey, survey_to_build_on};

/// Adds `entries` to what is revoked in a repository, and returns the note that says so: the newest
/// if it said so already.
///
/// Readers heed the note from their next pull on, whatever version they read; publishing the next
/// version afterwards takes the fragments out of it.
///
/// # Errors
/// [`garner_kernel::Error::KeyScope`] if the key may not revoke, or not alone,
/// [`Error::LostRace`] after ten tries; otherwise what the remote breaks or refuses. Unless the result is `Ok`, nothing is revoked.
pub fn revoke(
    remote: &impl Remote,
    trust: &Trust,
    key: &PublisherKey,
    entries: &Revoked,
) -> Result<NoteRef, Error> {
    for tries in 1..=TRIES {
        let survey = survey_to_build_on(remote, trust)?;
        pull::check_known(&survey, trust)?;
        check_may_alone(&survey, key)?;
        let newest = survey.revocations().map(|(reference, _)| reference);
        let revoked = union(&survey.revoked(), entries);
        if let Some(newest) = newest.filter(|_| revoked == *survey.revoked()) {
            return Ok(newest);
        }
        let number = newest.map_or(1, |newest| newest.number + 1);
        let note = Revocations {
            repository: trust.repository.id.clone(),
            number,
            previous: newest.map(|newest| newest.digest),
            entries: revoked,
        }
        .sign(&[key]);
        check_limits(number, note.to_bytes().len())?;
        if create(remote, &Name::revocations(number), &note.to_bytes())? {
            tracing::info!(number, "revoked");
            return Ok(NoteRef { number, digest: note.digest() });
        }
        if tries < TRIES {
            wait(tries);
        }
    }
    Err(Error::LostRace { channel: trust.repository.channel.clone(), tries: TRIES })
}

/// Returns what was revoked before and what is now; a revocation is never taken back or weakened.
fn union(before: &Revoked, entries: &Revoked) -> Revoked {
    let mut union = before.clone();
    for (id, entry) in entries {
        let known = union.entry(*id).or_insert_with(|| entry.clone());
        known.class = known.class.max(entry.class);
    }
    union
}

/// Checks that the last root lets our key revoke, and needs no other for it.
fn check_may_alone(survey: &Survey, key: &PublisherKey) -> Result<(), Error> {
    check_right(survey, key, &Right::Revoke)?;
    let (_, threshold) = survey.roots().last().holders(&Right::Revoke);
    if threshold > 1 {
        let key = key.public().name().to_string();
        let reason = format!("the root of the repository wants {threshold} keys to revoke");
        return Err(garner_kernel::Error::KeyScope { key, reason }.into());
    }
    Ok(())
}

/// Checks that readers will take a note.
fn check_limits(number: u64, size: usize) -> Result<(), Error> {
    let what = "revocations";
    for (got, max) in
        [(number, limits::REVOCATION_NOTES), (size as u64, limits::REVOCATIONS as u64)]
    {
        if got > max {
            return Err(garner_kernel::Error::Limit { what, got, max }.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use garner_kernel::FragmentId;
    use garner_kernel::bundle::{Revocation, RevocationClass};

    use super::*;
    use crate::survey::survey;
    use crate::tests::{Setup, fragment, setup};
    use crate::{Published, Put};

    fn entry(text: &str, class: RevocationClass) -> (FragmentId, Revocation) {
        let since = "2026-01-02T00:00:00Z".parse().unwrap();
        let revocation = Revocation { class, reason: "leaked".parse().unwrap(), since };
        (fragment(text).id, revocation)
    }

    fn yank(setup: &Setup, remote: &impl Remote, text: &str) -> Result<NoteRef, Error> {
        let entries = [entry(text, RevocationClass::Yank)].into();
        revoke(remote, &setup.trust, &setup.key, &entries)
    }

    fn published(setup: &Setup) -> u64 {
        match setup.publish(&setup.remote, "Two.").unwrap() {
            Published::New(sealed) => sealed.version.get(),
            Published::Unchanged(version) => panic!("{version} is the newest"),
        }
    }

    #[test]
    fn the_next_version_is_without_and_a_purge_is_encrypted_anew() {
        let setup = setup();
        // Long enough that the deltas of the others do not make a new base.
        for text in ["long ".repeat(2000).as_str(), "One.", "Two."] {
            setup.publish(&setup.remote, text).unwrap();
        }
        let objects = |number: u64| {
            let survey = survey(&setup.remote, &setup.trust).unwrap();
            let version = garner_kernel::Version::new(number).unwrap();
            let fetched = survey.fetch(&setup.remote, &setup.trust, version).unwrap();
            fetched.bundle.objects
        };
        assert_eq!(yank(&setup, &setup.remote, "One.").unwrap().number, 1);
        assert_eq!(yank(&setup, &setup.remote, "One.").unwrap().number, 1, "it says so already");
        assert_eq!(published(&setup), 4);
        assert!(setup.contents(&setup.remote, 4).tombstone(&fragment("One.").id).is_some());
        assert!(objects(4).contains(&objects(1)[0]), "the base is used again");
        // The same fragment, but no copy of it may stay.
        let entries = [entry("One.", RevocationClass::Purge)].into();
        let note = revoke(&setup.remote, &setup.trust, &setup.key, &entries).unwrap();
        assert_eq!(note.number, 2);
        assert_eq!(published(&setup), 5);
        assert!(objects(5).iter().all(|object| !objects(4).contains(object)));
        let again = setup.publish(&setup.remote, "Two.").unwrap();
        assert!(matches!(again, Published::Unchanged(_)), "nothing more has to be said");
    }

    #[test]
    fn of_two_who_revoke_at_once_neither_is_lost() {
        struct Racing<'a>(&'a Setup, std::cell::Cell<bool>);
        impl Remote for Racing<'_> {
            fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
                self.0.remote.get(name, limit)
            }
            fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
                if !self.1.replace(true) {
                    yank(self.0, &self.0.remote, "Two.").unwrap();
                }
                self.0.remote.put_new(name, bytes)
            }
            fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
                self.0.remote.put_over(name, bytes)
            }
            fn delete(&self, name: &Name) -> Result<(), Error> {
                self.0.remote.delete(name)
            }
        }
        let setup = setup();
        setup.publish(&setup.remote, "One.").unwrap();
        let racing = Racing(&setup, std::cell::Cell::new(false));
        assert_eq!(yank(&setup, &racing, "One.").unwrap().number, 2);
        let survey = survey(&setup.remote, &setup.trust).unwrap();
        let ids: Vec<_> = survey.revoked().keys().copied().collect();
        let mut both = [fragment("One.").id, fragment("Two.").id];
        both.sort();
        assert_eq!(ids, both);
    }
}
