//! Roots that need two signatures: a file goes from one holder to the other.

use std::fs;

use garner_kernel::bundle::{Holders, KeyGrant, PublisherKey, Right, Root};
use garner_sync::FolderRemote;

use crate::world::{NOW, World, items, text};

/// Returns the key in a file.
fn key(world: &World, role: &str) -> PublisherKey {
    fs::read_to_string(world.key(role)).unwrap().trim().parse().unwrap()
}

/// Returns two machines and a repository whose roots need both of their signatures; the first one
/// publishes.
fn two_holders() -> (World, World) {
    let (ada, bob) = (World::new(), World::new());
    ada.ok(&["setup", "--name", "ada"]);
    bob.ok(&["setup", "--name", "bob"]);
    let (ours, theirs, publisher) = (key(&ada, "root"), key(&bob, "root"), key(&ada, "publisher"));
    let until = NOW.parse::<garner_kernel::Moment>().unwrap().plus_days(730);
    let holders = |keys: &[&PublisherKey]| Holders {
        keys: keys.iter().map(|key| key.public().name().clone()).collect(),
        threshold: keys.len(),
    };
    let publishers = holders(&[&publisher]);
    let root = Root {
        repository: None,
        version: 1,
        expires: until,
        keys: [&publisher, &ours, &theirs].map(|key| KeyGrant::until(key.public(), until)).into(),
        roles: [
            (Right::Root, holders(&[&ours, &theirs])),
            (Right::Publish, publishers.clone()),
            (Right::Freshness, publishers),
        ]
        .into(),
    };
    fs::create_dir(ada.remote()).unwrap();
    let remote = FolderRemote::open(&ada.remote()).unwrap();
    let id = garner_sync::create_repository(&remote, &root, &[&ours, &theirs]).unwrap();
    let invite = format!("file:{}#{id}", text(&ada.remote()));
    for world in [&ada, &bob] {
        world.ok(&["channel", "add", "notes", &invite]);
    }
    ada.learn("day-one.jsonl");
    (ada, bob)
}

#[test]
fn a_root_goes_from_holder_to_holder_until_enough_have_signed() {
    for role in ["publisher", "root"] {
        let (ada, bob) = two_holders();
        let file = text(&ada.path("root-2.note"));
        let rotate = ["key", "rotate", role];
        let facts = ["needs 2 signatures", "`garner key rotate --out FILE`"];
        ada.fails(&rotate, 4, &facts);
        let written = ada.run(&[&rotate[..], &["--out", &file]].concat());
        assert!(written.stderr.contains("garner key sign"), "{}", written.stderr);
        assert!(written.succeeds().contains("ada-root (1 of 2 that root 1 asks for)"));
        ada.fails(&[&rotate[..], &["--out", &file]].concat(), 1, &["root-2.note", "already"]);
        // One signature is not enough, and changes nothing.
        ada.fails(&["channel", "root", "notes", &file], 4, &["root/00000002.note", "K202"]);
        assert!(!ada.remote().join("root/00000002.note").exists());

        bob.fails(&["key", "sign", &file], 1, &["nobody confirmed"]);
        let plan = bob.ok(&["key", "sign", &file, "-n"]);
        assert!(plan.contains("ada-2-") && plan.contains("(1 of 2 that root 1"), "{plan}");
        let signed = bob.json(&["key", "sign", &file, "-y"]);
        assert!(items(&signed["signed"]).iter().all(|judge| judge["needed"] == 2), "{signed}");
        let before = fs::read(&file).unwrap();
        assert!(bob.ok(&["key", "sign", &file, "-y"]).contains("(2 of 2 that root 1 asks for)"));
        assert_eq!(fs::read(&file).unwrap(), before, "a second signature of the same key");

        // Whoever has the file may add it; the machine with the new key finishes.
        bob.ok(&["channel", "root", "notes", &file, "-n"]);
        bob.ok(&["channel", "root", "notes", &file]);
        ada.ok(&["channel", "root", "notes", &file]);
        assert!(ada.ok(&rotate).contains(&format!("ada-2-{role}+")));
        ada.ok(&["verify", "notes"]);
        assert_eq!(items(&ada.json(&["log", "notes"])["versions"]).len(), 2);
        assert!(!ada.remote().join("root/00000003.note").exists());
    }
}

#[test]
fn what_is_no_root_is_not_signed() {
    let (ada, _bob) = two_holders();
    let file = ada.path("note");
    fs::write(&file, "garner.root.v1\n{}\n\nnothing\n").unwrap();
    ada.fails(&["key", "sign", &text(&file), "-y"], 4, &["note", "is refused"]);
    let head = ada.remote().join("ch/notes/00000000000000000001.note");
    ada.fails(&["key", "sign", &text(&head), "-y"], 4, &["is refused"]);
}
