//! The log, the view and verification.

use garner_kernel::{ChannelName, Version};

use crate::test_support::{contents, fact, kernel, load, stamp, store};
use crate::{Action, Error, Policy, Step, Store};

fn team() -> ChannelName {
    "team".parse().unwrap()
}

fn reads(store: &Store) -> u64 {
    store.view().unwrap().reading(&team()).version.map_or(0, Version::get)
}

fn with_versions(count: u64) -> (tempfile::TempDir, Store) {
    let (dir, mut store) = store();
    for number in 1..=count {
        let texts = [fact("Kept."), fact(&format!("Text {number}."))];
        load(&mut store, &kernel("team", number, contents(&texts.iter().collect::<Vec<_>>())));
    }
    (dir, store)
}

#[test]
fn undo_walks_back_and_restore_undoes_an_undo() {
    let (_dir, mut store) = with_versions(3);
    assert_eq!(reads(&store), 3);
    let undo = store.undo(&stamp()).unwrap();
    assert_eq!((undo.number, undo.action), (4, Action::Undo { operation: 3 }));
    assert_eq!(reads(&store), 2);
    store.undo(&stamp()).unwrap();
    assert_eq!(reads(&store), 1);
    store.restore(3, &stamp()).unwrap();
    assert_eq!(reads(&store), 3);
    store.undo(&stamp()).unwrap();
    assert_eq!(reads(&store), 1, "the restore is undone");
    store.undo(&stamp()).unwrap();
    assert_eq!(reads(&store), 0);
    assert!(matches!(store.undo(&stamp()).unwrap_err(), Error::NothingToUndo));
    assert!(matches!(store.restore(99, &stamp()).unwrap_err(), Error::UnknownOperation { .. }));
    let numbers: Vec<u64> = store.operations(100).unwrap().iter().map(|o| o.number).collect();
    assert_eq!(numbers, (1..=8).rev().collect::<Vec<_>>());
    assert!(store.verify().unwrap().is_sound());
    // What was undone can be loaded again.
    let texts = [fact("Kept."), fact("Text 3.")];
    load(&mut store, &kernel("team", 3, contents(&texts.iter().collect::<Vec<_>>())));
    assert_eq!(reads(&store), 3);
}

#[test]
fn a_rollback_needs_a_loaded_version() {
    let (_dir, mut store) = with_versions(1);
    let nine = Version::new(9).unwrap();
    let error = store.rollback(&team(), nine, &stamp()).unwrap_err();
    assert!(matches!(error, Error::UnknownVersion { .. }));
    let other: ChannelName = "other".parse().unwrap();
    let error = store.rollback(&other, nine, &stamp()).unwrap_err();
    assert!(matches!(error, Error::UnknownChannel { .. }));
    assert_eq!(store.operations(9).unwrap().len(), 1);
}

#[test]
fn a_short_id_names_one_fragment_or_says_why_not() {
    let (_dir, store) = with_versions(2);
    let id = fact("Kept.").id;
    let stored = store.fragment(&id.short()).unwrap();
    assert_eq!(stored.fragment.id, id);
    assert_eq!(stored.members[0].from.get(), 1);
    assert_eq!(stored.members[0].to, None);
    assert_eq!(store.fragment(&id.to_string().to_uppercase()).unwrap().fragment.id, id);
    for missing in ["", "zz", "é", &"0".repeat(65), &"0".repeat(64)] {
        let error = store.fragment(missing).unwrap_err();
        assert!(matches!(error, Error::UnknownFragment { .. }), "{missing}");
    }
    let (_dir, mut store) = crate::test_support::store();
    let many: Vec<_> = (0..40).map(|i| fact(&format!("Text {i}."))).collect();
    load(&mut store, &kernel("team", 1, contents(&many.iter().collect::<Vec<_>>())));
    let digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"];
    let ambiguous = |digit: &&str| {
        matches!(store.fragment(digit), Err(Error::AmbiguousFragment { count, some, .. })
            if count > 1 && some.len() > 1)
    };
    assert!(digits.iter().any(ambiguous));
}

#[test]
fn status_counts_what_is_there() {
    let (_dir, store) = with_versions(3);
    let channels = store.channels().unwrap();
    assert_eq!((channels.len(), channels[0].versions, channels[0].fragments), (1, 3, 2));
    assert_eq!(channels[0].newest.map(Version::get), Some(3));
    let counts = store.counts().unwrap();
    assert_eq!((counts.fragments, counts.rows, counts.kernels, counts.operations), (4, 4, 3, 3));
    assert_eq!(counts.vectors[0].1, 4);
    assert!(counts.bytes > 0);
    assert_eq!(store.versions(&team()).unwrap().len(), 3);
}

#[test]
fn verification_names_what_is_broken() {
    for (sql, check) in [
        ("UPDATE operation SET who = 'x' WHERE n = 1", "operations"),
        ("DELETE FROM operation WHERE n = 2", "operations"),
        ("UPDATE channel SET active = 1", "view"),
        ("UPDATE fragment SET trust = 'operator' WHERE row = 1", "versions"),
        ("UPDATE fragment SET kind = 'nonsense' WHERE row = 1", "versions"),
        ("DELETE FROM member WHERE fragment = 1", "versions"),
        ("UPDATE fragment SET statement = 'Forged words.' WHERE row = 1", "text index"),
        ("DELETE FROM text_index WHERE rowid = 1", "text index"),
        ("INSERT INTO text_index (rowid, words) VALUES (99, 'x')", "text index"),
        ("DELETE FROM vector WHERE fragment = 1", "vectors"),
        ("UPDATE vector SET components = x'00' WHERE fragment = 1", "vectors"),
        (
            "UPDATE vector SET components = zeroblob(length(components)) WHERE fragment = 1",
            "vectors",
        ),
        (
            "UPDATE vector SET components = \
             CAST(x'0102' || substr(components, 3) AS BLOB) WHERE fragment = 1",
            "vectors",
        ),
        ("UPDATE kernel SET publisher = 'eve' WHERE version = 2", "versions"),
        ("UPDATE kernel SET created = created + 1 WHERE version = 2", "versions"),
        ("ALTER TABLE tombstone ADD COLUMN stray INTEGER", "pages"),
        ("DELETE FROM fragment WHERE row = 1", "pages"),
    ] {
        let (_dir, store) = with_versions(3);
        assert!(store.verify().unwrap().is_sound());
        let db = store.connection();
        db.pragma_update(None, "foreign_keys", false).unwrap();
        let changed = db.execute(sql, []).unwrap();
        assert!(changed > 0 || sql.starts_with("ALTER"), "{sql}");
        let report = store.verify().unwrap();
        let broken: Vec<_> =
            report.checks.iter().filter(|c| !c.problems.is_empty()).map(|c| c.name).collect();
        assert!(broken.contains(&check), "{sql}: {report:?}");
    }
}

#[test]
fn a_store_trusts_no_schema() {
    let (_dir, store) = with_versions(1);
    let db = store.connection();
    let trusted: bool = db.pragma_query_value(None, "trusted_schema", |row| row.get(0)).unwrap();
    assert!(!trusted, "functions with side effects could run from a schema");
    db.pragma_update(None, "writable_schema", true).unwrap();
    let edited = db.execute("UPDATE sqlite_schema SET sql = '' WHERE name = 'fragment'", []);
    assert!(edited.is_err(), "the schema can be edited as a table");
}

#[test]
fn the_schemas_know_every_word_of_the_logs() {
    use crate::inject::Reason;
    let schema: serde_json::Value = serde_json::from_str(garner_schemas::OPERATION_SCHEMA).unwrap();
    let kinds = schema["properties"]["kind"]["enum"].as_array().unwrap();
    let (channel, fragment) = (team(), fact("A.").id);
    let (version, head) = (Version::FIRST, *fragment.digest());
    for action in [
        Action::Load { channel: channel.clone(), version, head },
        Action::Rollback { channel: channel.clone(), version },
        Action::Release { channel },
        Action::Policy { channel: team(), policy: Policy::default() },
        Action::Revoke { channel: team(), fragments: Vec::new() },
        Action::Recover { backup: head },
        Action::Compact { version, step: Step::Expired, archived: Vec::new() },
        Action::Remember { version, fragment, record: head },
        Action::Undo { operation: 1 },
        Action::Restore { operation: 1 },
        Action::Pin { fragment },
        Action::Unpin { fragment },
        Action::Remove { fragment },
    ] {
        assert!(kinds.contains(&action.as_str().into()), "{action:?}");
    }
    let steps = &schema["$defs"]["payload"]["properties"]["step"]["enum"];
    for step in Step::ALL {
        assert!(steps.as_array().unwrap().contains(&step.as_str().into()), "{step:?}");
    }
    let schema: serde_json::Value = serde_json::from_str(garner_schemas::EVENT_SCHEMA).unwrap();
    let reasons = &schema["properties"]["left_out"]["items"]["properties"]["reason"]["enum"];
    for reason in [Reason::NoRoom, Reason::BelowFloor, Reason::InCore] {
        assert!(reasons.as_array().unwrap().contains(&reason.as_str().into()), "{reason:?}");
    }
}
