//! Hostile remotes, publishers and clocks: one test for each row of docs/threat-model.md that needs
//! a remote.

use std::collections::BTreeMap;

use garner_kernel::bundle::{
    self, Holders, KeyGrant, Latest, Note, NoteRef, PublisherKey, Revocation, RevocationClass,
    Revocations, Right, Root,
};
use garner_kernel::{Moment, Version};

use crate::tests::{Setup, fragment, root_of, setup};
use crate::{Error, MemoryRemote, Name, Pulled, Remote as _, Trust, pull, survey};

/// The day after the publications of these tests.
const NOW: &str = "2026-01-03T00:00:00Z";

fn moment(text: &str) -> Moment {
    text.parse().unwrap()
}

fn at(setup: &Setup, remote: &MemoryRemote, trust: &Trust, now: &str) -> Result<Pulled, Error> {
    let mirror = MemoryRemote::default();
    assert_eq!(setup.trust.repository, trust.repository);
    pull(remote, &mirror, trust, None, moment(now))
}

/// Returns the code in the message of an error or of what caused it.
fn code(error: &Error) -> String {
    match error {
        Error::Kernel(source) | Error::Refused { source, .. } => source.code().unwrap_or_default(),
        other => other.to_string(),
    }
}

fn refused(result: Result<Pulled, Error>) -> String {
    code(&result.unwrap_err())
}

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

fn channel() -> garner_kernel::ChannelName {
    "notes".parse().unwrap()
}

/// A channel with two versions, and what a reader of both knows.
fn two_versions() -> (Setup, Trust) {
    let setup = setup();
    setup.publish(&setup.remote, "One.").unwrap();
    setup.publish(&setup.remote, "Two.").unwrap();
    let trust = at(&setup, &setup.remote, &setup.trust, NOW).unwrap().trust;
    (setup, trust)
}

fn copy(files: &BTreeMap<Name, Vec<u8>>) -> MemoryRemote {
    let remote = MemoryRemote::default();
    for (name, bytes) in files {
        remote.put_over(name, bytes).unwrap();
    }
    remote
}

/// Writes root 2: root 1 changed by `change`.
fn second_root(setup: &Setup, change: impl FnOnce(&mut Root)) {
    let mut root = root_of(&setup.key);
    root.repository = Some(setup.trust.repository.id.clone());
    root.version = 2;
    change(&mut root);
    setup.remote.put_new(&Name::root(2), &root.sign(&[&setup.key]).to_bytes()).unwrap();
}

fn next_key() -> PublisherKey {
    PublisherKey::from_seed("next".parse().unwrap(), &[5; 32])
}

/// Lets `next` publish as well.
fn add_next(root: &mut Root) {
    root.keys.push(KeyGrant::until(next_key().public(), moment("2030-01-01T00:00:00Z")));
    for right in [Right::Publish, Right::Freshness] {
        let keys = vec!["ada".parse().unwrap(), "next".parse().unwrap()];
        root.roles.insert(right, Holders { keys, threshold: 1 });
    }
}

fn revocations(setup: &Setup, number: u64, before: Option<NoteRef>, texts: &[&str]) -> NoteRef {
    let entry = |text: &&str| {
        let reason = "secret".parse().unwrap();
        let (class, since) = (RevocationClass::Yank, moment(NOW));
        (fragment(text).id, Revocation { class, reason, since })
    };
    let revocations = Revocations {
        repository: setup.trust.repository.id.clone(),
        number,
        previous: before.map(|reference| reference.digest),
        entries: texts.iter().map(entry).collect(),
    };
    let note = revocations.sign(&[&setup.key]);
    setup.remote.put_over(&Name::revocations(number), &note.to_bytes()).unwrap();
    NoteRef { number, digest: note.digest() }
}

#[test]
fn swap_all_pairs() {
    let (setup, trust) = two_versions();
    let files = setup.remote.files();
    let names: Vec<&Name> = files.keys().collect();
    let (mut tried, mut harmless) = (0, Vec::new());
    for one in &names {
        for two in names.iter().filter(|two| two > &one) {
            let remote = copy(&files);
            remote.put_over(one, &files[*two]).unwrap();
            remote.put_over(two, &files[*one]).unwrap();
            tried += 1;
            if let Ok(pulled) = at(&setup, &remote, &trust, NOW) {
                // Files of version 1 alone may be anything to a reader of version 2.
                assert_eq!(pulled.floor.version, version(2), "{one} and {two}");
                assert_eq!(setup.contents(&remote, 2).fragments().len(), 2, "{one} and {two}");
                harmless.push((one.to_string(), two.to_string()));
            }
        }
    }
    assert!(tried > 50, "{tried}");
    let of_old = |name: &str| {
        let needed = ["root/", "ch/"];
        !needed.iter().any(|prefix| name.starts_with(prefix))
    };
    for (one, two) in harmless {
        assert!(of_old(&one) && of_old(&two), "`{one}` and `{two}` were swapped unseen");
    }
}

#[test]
fn rollback_root() {
    let (setup, _) = two_versions();
    second_root(&setup, |_| ());
    let trust = at(&setup, &setup.remote, &setup.trust, NOW).unwrap().trust;
    setup.remote.remove(&Name::root(2));
    assert_eq!(refused(at(&setup, &setup.remote, &trust, NOW)), "K304");
}

#[test]
fn rollback_head() {
    let (setup, trust) = two_versions();
    setup.remote.remove(&Name::head(&channel(), version(2)));
    assert_eq!(refused(at(&setup, &setup.remote, &trust, NOW)), "K301");
}

#[test]
fn rollback_rev() {
    let (setup, _) = two_versions();
    let first = revocations(&setup, 1, None, &["One."]);
    revocations(&setup, 2, Some(first), &["One.", "Two."]);
    let trust = at(&setup, &setup.remote, &setup.trust, NOW).unwrap().trust;
    assert_eq!(trust.known.revocations.unwrap().number, 2);
    let withheld = copy(&setup.remote.files());
    withheld.remove(&Name::revocations(2));
    assert_eq!(refused(at(&setup, &withheld, &trust, NOW)), "K305");
    // Another note under the same number is a fork, and one that takes something back is broken.
    revocations(&setup, 2, Some(first), &["One.", "Three."]);
    assert_eq!(refused(at(&setup, &setup.remote, &trust, NOW)), "K302");
    revocations(&setup, 2, Some(first), &["Two."]);
    assert_eq!(refused(at(&setup, &setup.remote, &setup.trust, NOW)), "K201");
}

#[test]
fn rollback_latest() {
    let (setup, trust) = two_versions();
    // The latest note of version 1 again: the heads tell the truth, and time does not go back.
    let latest = |version: usize, issued: &str| {
        let survey = survey(&setup.remote, &trust).unwrap();
        let latest = Latest {
            repository: trust.repository.id.clone(),
            channel: channel(),
            version: survey.releases()[version - 1].version,
            head: survey.releases()[version - 1].head,
            issued: moment(issued),
            expires: moment(issued).plus_days(14),
        };
        Note::sign(latest.to_text(), &[&setup.key]).to_bytes()
    };
    let name = Name::latest(&channel());
    setup.remote.put_over(&name, &latest(1, "2025-01-01T00:00:00Z")).unwrap();
    let pulled = at(&setup, &setup.remote, &trust, NOW).unwrap();
    assert_eq!(pulled.floor.version, version(2));
    assert_eq!(pulled.trust.fresh_until, trust.fresh_until, "an old note renews nothing");
    assert_eq!(pulled.trust.seen, trust.seen);
}

#[test]
fn a_revoked_fragment_is_shown_in_no_version() {
    let (setup, trust) = two_versions();
    revocations(&setup, 1, None, &["One."]);
    for number in [1, 2] {
        let contents = setup.contents(&setup.remote, number);
        assert!(contents.fragment(&fragment("One.").id).is_none(), "version {number}");
        let gone = contents.tombstone(&fragment("One.").id).unwrap();
        assert_eq!(gone.reason.as_str(), "revoked");
    }
    assert_eq!(setup.contents(&setup.remote, 2).fragments().len(), 1);
    // The next version names the revocations.
    setup.publish_as(&setup.remote, "Two.", &setup.key, NOW).unwrap();
    let survey = survey(&setup.remote, &trust).unwrap();
    let newest = survey.history().newest().unwrap();
    assert_eq!(newest.head.version, version(3));
    assert_eq!(newest.head.revocations.unwrap().number, 1);
}

#[test]
fn freeze_is_told_after_two_weeks_and_refused_after_three() {
    let (setup, trust) = two_versions();
    let overdue = |now: &str| {
        let pulled = at(&setup, &setup.remote, &trust, now).unwrap();
        pulled.overdue.into_iter().map(|overdue| overdue.what).collect::<Vec<_>>()
    };
    assert!(overdue("2026-01-16T00:00:00Z").is_empty());
    assert_eq!(overdue("2026-01-16T00:00:01Z"), ["latest note"]);
    assert_eq!(overdue("2026-01-23T00:00:00Z"), ["latest note"]);
    assert_eq!(refused(at(&setup, &setup.remote, &trust, "2026-01-23T00:00:01Z")), "K303");
    // Without the note it is the same to a reader who saw one before.
    setup.remote.remove(&Name::latest(&channel()));
    assert_eq!(refused(at(&setup, &setup.remote, &trust, "2026-01-23T00:00:01Z")), "K303");
    // The publisher renews it without a new version.
    crate::renew(&setup.remote, &trust, &setup.key, moment("2026-01-23T00:00:00Z")).unwrap();
    assert!(overdue("2026-01-24T00:00:00Z").is_empty());
}

#[test]
fn freeze_by_an_expired_root_is_refused() {
    let (setup, trust) = two_versions();
    crate::renew(&setup.remote, &trust, &setup.key, moment("2030-01-05T00:00:00Z")).unwrap();
    let pulled = at(&setup, &setup.remote, &trust, "2030-01-06T00:00:00Z").unwrap();
    assert_eq!(pulled.overdue.len(), 1);
    assert_eq!(pulled.overdue[0].what, "root");
    assert_eq!(refused(at(&setup, &setup.remote, &trust, "2030-01-08T00:00:01Z")), "K303");
}

#[test]
fn freeze_by_hidden_heads_is_refused() {
    let (setup, _) = two_versions();
    setup.remote.remove(&Name::head(&channel(), version(2)));
    // The latest note speaks of version 2, which is not shown.
    let error = at(&setup, &setup.remote, &setup.trust, NOW).unwrap_err();
    assert!(matches!(error, Error::MissingFile { .. }), "{error}");
}

#[test]
fn clock_matrix() {
    let (setup, trust) = two_versions();
    assert_eq!(trust.seen, Some(moment("2026-01-02T00:00:00Z")));
    // A clock that steps back makes nothing fresh again, and does not lock anybody out.
    let mut late = trust.clone();
    late.seen = Some(moment("2026-03-01T00:00:00Z"));
    assert!(late.clock_is_behind(moment(NOW)));
    assert_eq!(refused(at(&setup, &setup.remote, &late, NOW)), "K303");
    let back = at(&setup, &setup.remote, &trust, "2020-01-01T00:00:00Z").unwrap();
    assert_eq!(back.trust.seen, trust.seen, "what was seen stays");
    // A signed time from the far future is not believed: it would lock us out for good.
    crate::renew(&setup.remote, &trust, &setup.key, moment("2029-12-01T00:00:00Z")).unwrap();
    let future = at(&setup, &setup.remote, &trust, NOW).unwrap();
    assert_eq!(future.trust.seen, trust.seen);
    assert!(at(&setup, &setup.remote, &future.trust, NOW).is_ok());
}

#[test]
fn another_publisher_takes_no_reader_away() {
    let (mut setup, _) = two_versions();
    // A second machine that publishes knows of its own device only.
    let phone = bundle::DeviceKey::generate();
    let theirs = bundle::Reader { name: "phone".to_owned(), recipient: phone.recipient() };
    setup.readers.push(theirs);
    setup.publish(&setup.remote, "Three.").unwrap();
    setup.readers.remove(0);
    setup.publish(&setup.remote, "Four.").unwrap();
    assert_eq!(setup.contents(&setup.remote, 4).fragments().len(), 4, "the laptop still reads");
    setup.device = phone;
    assert_eq!(setup.contents(&setup.remote, 4).fragments().len(), 4);
}

#[test]
fn fork_detected() {
    let (setup, trust) = two_versions();
    let fork = copy(&setup.remote.files());
    for name in [Name::head(&channel(), version(2)), Name::latest(&channel())] {
        fork.remove(&name);
    }
    setup.publish(&fork, "Another two.").unwrap();
    let error = at(&setup, &fork, &trust, NOW).unwrap_err();
    let known = trust.known.floor.unwrap().head;
    assert_eq!(code(&error), "K302");
    assert!(error.to_string().contains(&known.short()), "both digests are evidence: {error}");
}

#[test]
fn scope_enforced() {
    let (setup, trust) = two_versions();
    second_root(&setup, |root| {
        add_next(root);
        root.keys.last_mut().unwrap().channels = vec!["other".parse().unwrap()];
    });
    let error = setup.publish_as(&setup.remote, "Three.", &next_key(), NOW).unwrap_err();
    assert_eq!(code(&error), "K205", "we refuse to publish what no reader accepts");
    assert_eq!(at(&setup, &setup.remote, &trust, NOW).unwrap().floor.version, version(2));
    // The same for a key that may publish few fragments.
    let (setup, _) = two_versions();
    second_root(&setup, |root| {
        add_next(root);
        root.keys.last_mut().unwrap().max_fragments = Some(2);
    });
    let error = setup.publish_as(&setup.remote, "Three.", &next_key(), NOW).unwrap_err();
    assert_eq!(code(&error), "K205");
}

#[test]
fn revoked_key_signs_nothing_that_counts() {
    let (setup, trust) = two_versions();
    // The next key publishes version 3, and is then found to be in wrong hands since before that.
    second_root(&setup, add_next);
    setup.publish_as(&setup.remote, "Three.", &next_key(), "2026-01-05T00:00:00Z").unwrap();
    let third = copy(&setup.remote.files());
    assert_eq!(at(&setup, &third, &trust, "2026-01-06T00:00:00Z").unwrap().new, 3);
    let mut root = root_of(&setup.key);
    root.repository = Some(setup.trust.repository.id.clone());
    root.version = 3;
    add_next(&mut root);
    root.keys.last_mut().unwrap().revoked_at = Some(moment("2026-01-04T00:00:00Z"));
    setup.remote.put_new(&Name::root(3), &root.sign(&[&setup.key]).to_bytes()).unwrap();
    let refused = refused(at(&setup, &setup.remote, &trust, "2026-01-06T00:00:00Z"));
    assert_eq!(refused, "K205");
}

#[test]
fn revoked_key_keeps_its_older_versions_and_the_line_goes_on() {
    let (setup, trust) = two_versions();
    // Ada retires after version 2; the next key goes on under the new root.
    second_root(&setup, |root| {
        add_next(root);
        root.keys[0].revoked_at = Some(moment("2026-01-02T12:00:00Z"));
    });
    setup.publish_as(&setup.remote, "Three.", &next_key(), NOW).unwrap();
    let pulled = at(&setup, &setup.remote, &trust, NOW).unwrap();
    assert_eq!(pulled.floor.version, version(3));
    assert!(pulled.releases.iter().all(|release| release.revoked.is_none()));
    for number in 1..=3 {
        let fragments = setup.contents(&setup.remote, number).fragments().len() as u64;
        assert_eq!(fragments, number);
    }
    // What she signs from now on counts nowhere: no version, and no word on freshness.
    let error = setup.publish_as(&setup.remote, "Four.", &setup.key, NOW);
    assert!(error.is_err(), "a retired key published");
    crate::renew(&setup.remote, &trust, &setup.key, moment("2026-01-20T00:00:00Z")).unwrap();
    assert_eq!(refused(at(&setup, &setup.remote, &trust, "2026-01-21T00:00:00Z")), "K205");
}

#[test]
fn a_dropped_key_is_no_use_and_its_versions_stay_linked() {
    let (setup, trust) = two_versions();
    second_root(&setup, |root| {
        add_next(root);
        let next = || Holders { keys: vec!["next".parse().unwrap()], threshold: 1 };
        root.roles.insert(Right::Publish, next());
        root.roles.insert(Right::Freshness, next());
    });
    // Until somebody signs under the new root, the newest head has no authority.
    let refused = refused(at(&setup, &setup.remote, &trust, NOW));
    assert_eq!(refused, "K202");
    survey(&setup.remote, &trust).unwrap_err();
    let opened = setup.publish_as(&setup.remote, "Three.", &next_key(), NOW);
    assert!(opened.is_err(), "nobody builds on a head without authority unseen");
}

#[test]
fn root_threshold_distinct_keys() {
    let (setup, trust) = two_versions();
    let names = ["ada".parse().unwrap(), "ada-again".parse().unwrap()];
    // One key under two names cannot be two signatures, whatever the root says.
    second_root(&setup, |root| {
        let again = PublisherKey::from_seed("ada-again".parse().unwrap(), &[1; 32]);
        root.keys.push(KeyGrant::until(again.public(), moment("2030-01-01T00:00:00Z")));
        let holders = Holders { keys: names.to_vec(), threshold: 2 };
        root.roles.insert(Right::Root, holders);
    });
    assert_eq!(refused(at(&setup, &setup.remote, &trust, NOW)), "K202");
}

#[test]
fn names_prop() {
    // Names come from digests, numbers and checked words only: none leaves its folder.
    let digest = garner_kernel::Digest::of(b"x");
    for hostile in ["..", "../x", "a/b", "a\\b", "", ".", "A", "x\u{0}", &"x".repeat(33)] {
        assert!(hostile.parse::<garner_kernel::ChannelName>().is_err(), "{hostile:?}");
    }
    let names = [
        Name::root(u64::MAX),
        Name::revocations(0),
        Name::object(&digest),
        Name::manifest(&digest),
        Name::keyring(&digest),
        Name::head(&channel(), version(garner_kernel::MAX_INTEGER)),
        Name::latest(&channel()),
        Name::tag(&"a-1".parse().unwrap()),
    ];
    for name in names {
        let safe = |part: &str| {
            let allowed =
                |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
            !part.is_empty() && !part.starts_with('.') && part.bytes().all(allowed)
        };
        assert!(name.as_str().split('/').all(safe), "{name}");
    }
}

#[test]
fn cross_use_matrix() {
    let (setup, trust) = two_versions();
    revocations(&setup, 1, None, &["One."]);
    let files = setup.remote.files();
    let slots = ["root/", "rev/", "man/", "ch/notes/0", "ch/notes/latest", "keyring/", "obj/"];
    let of = |slot: &str| files.iter().rfind(|(name, _)| name.as_str().starts_with(slot)).unwrap();
    let mut tried = 0;
    for slot in slots {
        for other in slots.iter().filter(|other| **other != slot) {
            let remote = copy(&files);
            let ((name, _), (_, bytes)) = (of(slot), of(other));
            remote.put_over(name, bytes).unwrap();
            // The last object and keyring by name may be those of version 1.
            let needed = !slot.starts_with("obj/") && !slot.starts_with("keyring/");
            let needed = needed && !slot.starts_with("man/");
            let outcome = at(&setup, &remote, &trust, NOW);
            assert!(!needed || outcome.is_err(), "`{other}` passed for `{slot}`");
            tried += 1;
        }
    }
    assert_eq!(tried, 42);
    // No other note passes for a tag.
    let mirror = MemoryRemote::default();
    pull(&setup.remote, &mirror, &trust, None, moment(NOW)).unwrap();
    let name = "good".parse().unwrap();
    for slot in slots {
        let remote = copy(&files);
        remote.put_over(&Name::tag(&name), of(slot).1).unwrap();
        let refused = crate::fetch_tag(&remote, &mirror, &trust, &name).unwrap_err();
        let refused = code(&refused);
        assert!(
            ["K201", "K104"].contains(&refused.as_str()) || slot == "rev/",
            "{slot}: {refused}"
        );
    }
}

#[test]
fn trust_store_edit() {
    // Settings are re-verified against the pin: an edited floor or pin never widens what is
    // accepted.
    let (setup, trust) = two_versions();
    let mut edited = trust.clone();
    edited.repository.id = "00000000000000000000000000000000".parse().unwrap();
    let mirror = MemoryRemote::default();
    let refused = pull(&setup.remote, &mirror, &edited, None, moment(NOW)).unwrap_err();
    assert_eq!(code(&refused), "K213");
    let mut forgotten = trust.clone();
    forgotten.known.roots = 0;
    second_root(&setup, |_| ());
    let mirror = MemoryRemote::default();
    pull(&setup.remote, &mirror, &trust, None, moment(NOW)).unwrap();
    setup.remote.remove(&Name::root(2));
    // The mirror still knows root 2.
    let refused = pull(&setup.remote, &mirror, &forgotten, None, moment(NOW)).unwrap_err();
    assert_eq!(code(&refused), "K304");
}

#[test]
fn fast_forward_recovery() {
    let (setup, trust) = two_versions();
    // A stolen key cannot jump ahead: heads are walked one by one, so a far head hangs in the air.
    let newest = survey(&setup.remote, &trust).unwrap();
    let mut head = newest.history().newest().unwrap().head.clone();
    head.version = version(1 << 52);
    head.previous = Some(newest.history().newest().unwrap().digest);
    head.skip = None;
    let note = Note::sign(head.to_text(), &[&setup.key]).to_bytes();
    setup.remote.put_new(&Name::head(&channel(), head.version), &note).unwrap();
    assert_eq!(at(&setup, &setup.remote, &trust, NOW).unwrap().floor.version, version(2));
    // Under the next number it is not what it claims.
    setup.remote.put_new(&Name::head(&channel(), version(3)), &note).unwrap();
    assert!(["K201", "K213"].contains(&refused(at(&setup, &setup.remote, &trust, NOW)).as_str()));
}

#[test]
fn a_signature_by_anyone_else_changes_no_digest() {
    let (setup, trust) = two_versions();
    let survey = survey(&setup.remote, &trust).unwrap();
    let newest = survey.history().newest().unwrap();
    let note = Note::sign(newest.head.to_text(), &[&setup.key, &next_key()]);
    assert_eq!(note.digest(), newest.digest);
}
