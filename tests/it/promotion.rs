//! Countersigning: a machine without secrets proposes, a publisher looks and signs.

use std::fs;
use std::path::Path;

use garner_kernel::bundle::{
    self, Bundle, Holders, KeyGrant, Keyring, PublisherKey, Reader, Reason, Right, Root, Seal,
    SecretScan,
};
use garner_kernel::{Change, Contents, Fragment, Kind, Scope, Text};

use crate::world::{NOW, World, example, items, planted, text};

/// Compiles a session on a machine that has nothing, and proposes it to these recipients.
fn propose(to: &[&str], session: &str) -> (World, String) {
    let cloud = World::new();
    cloud.ok(&["compile", &example(session)]);
    let file = text(&cloud.path("proposal.kernel"));
    let mut arguments = vec!["publish", "--ephemeral", "--out", &file];
    arguments.extend(to.iter().flat_map(|to| ["--to", *to]));
    let said = cloud.ok(&arguments);
    assert!(said.contains("signed once by ephemeral+"), "{said}");
    (cloud, file)
}

fn device(world: &World) -> String {
    world.ok(&["key", "show", "device"]).trim().to_owned()
}

fn promote(file: &str) -> [&str; 3] {
    ["publish", "--promote", file]
}

#[test]
fn a_proposal_is_countersigned_and_reaches_the_readers() {
    let (publisher, reader) = (World::of_day_one(), World::new());
    reader.ok(&["setup"]);
    publisher.ok(&["channel", "grant", "notes", &device(&reader), "--as", "laptop"]);
    let (cloud, file) = propose(&[&device(&publisher)], "day-two.jsonl");
    // The machine that proposed keeps no key and knows no channel.
    assert!(!cloud.path("config").exists());
    let sealed = Bundle::parse(&fs::read(&file).unwrap()).unwrap();
    assert_eq!((sealed.roots.len(), sealed.heads.len()), (1, 1));

    let before = publisher.json(&["log", "notes"]);
    let plan = publisher.ok(&[&promote(&file)[..], &["-n"]].concat());
    for told in [
        "Plan: publish what `",
        "signed by",
        "ephemeral+",
        "at 2026-03-20T12:00:00Z",
        "which nobody here trusts",
        "added",
        "Your key signs that you looked at it",
    ] {
        assert!(plan.contains(told), "no `{told}` in\n{plan}");
    }
    publisher.fails(&promote(&file), 1, &["nobody confirmed", "--yes"]);
    assert_eq!(publisher.json(&["log", "notes"]), before);

    let said = publisher.ok(&[&promote(&file)[..], &["-y"]].concat());
    assert!(said.contains("Published v3 of `notes`"), "{said}");
    let versions = publisher.json(&["log", "notes"]);
    let newest = &items(&versions["versions"])[0];
    let reason = newest["reason"].as_str().unwrap();
    assert!(reason.starts_with("promote ") && reason.len() > 15, "{reason}");
    assert_eq!(newest["signers"][0], "tester-publisher");
    assert!(publisher.ok(&["log", "notes"]).contains(reason));

    // What the reader gets is what the session said, with its sources.
    let invite = publisher.json(&["channel", "show", "notes"])["invite"].clone();
    reader.ok(&["channel", "add", "notes", invite.as_str().unwrap()]);
    reader.ok(&["load", "notes"]);
    publisher.ok(&["load", "notes"]);
    let proposed = cloud.draft().unwrap();
    assert!(proposed.active().count() > 3);
    for fragment in proposed.active() {
        let shown = reader.json(&["fragment", "show", &fragment.id.to_string()]);
        let lines: Vec<u64> =
            items(&shown["sources"]).iter().map(|s| s["line"].as_u64().unwrap()).collect();
        let expected =
            fragment.sources.iter().map(|source| u64::from(source.line)).collect::<Vec<_>>();
        assert_eq!(lines, expected, "{shown}");
        assert_eq!(shown["statement"], fragment.statement.as_str());
    }
    let ids = |world: &World| world.ok(&["--json", "fragment", "list"]);
    assert_eq!(ids(&reader), ids(&publisher));
    let again = publisher.ok(&promote(&file));
    assert!(again.contains("Nothing to promote: `notes` says all that"), "{again}");
}

#[test]
fn a_proposal_is_trusted_by_nobody() {
    let publisher = World::of_day_one();
    let (_cloud, file) = propose(&[&device(&publisher)], "day-two.jsonl");
    let operations = publisher.json(&["status"])["operations"].clone();
    publisher.fails(&["load", &file], 4, &["proposal.kernel", "does not trust"]);
    publisher.fails(&["channel", "trust", "notes", "--tofu", &file], 1, &["another repository"]);
    assert_eq!(publisher.json(&["status"])["operations"], operations);
}

#[test]
fn a_proposal_for_others_is_not_opened() {
    let (publisher, other) = (World::of_day_one(), World::new());
    other.ok(&["setup"]);
    let (_cloud, file) = propose(&[&device(&other)], "day-two.jsonl");
    let facts = ["proposal.kernel", "none of our 2 keys", "1 recipient", "K221"];
    publisher.fails(&[&promote(&file)[..], &["-y"]].concat(), 4, &facts);
    assert_eq!(items(&publisher.json(&["log", "notes"])["versions"]).len(), 1);
}

#[test]
fn recipients_are_named_one_by_one_or_in_a_file() {
    let (publisher, other) = (World::of_day_one(), World::new());
    other.ok(&["setup"]);
    let cloud = World::new();
    cloud.ok(&["compile", &example("day-two.jsonl")]);
    let (file, list) = (text(&cloud.path("p.kernel")), cloud.path("readers.txt"));
    let propose = ["publish", "--ephemeral", "--out", &file];
    cloud.fails(&propose, 3, &["nobody is named", "`--to`", "`garner key show device`"]);
    fs::write(&list, format!("# ours\n\n{} ada at home\nage1nonsense\n", device(&publisher)))
        .unwrap();
    let (list_text, theirs) = (text(&list), device(&other));
    let propose = [&propose[..], &["--recipients", &list_text, "--to", &theirs]].concat();
    cloud.fails(&propose, 1, &["line 4 of", "readers.txt", "`age1… LABEL`"]);
    fs::write(&list, format!("# ours\n\n{} ada at home\n", device(&publisher))).unwrap();
    let plan = cloud.ok(&[&propose[..], &["-n"]].concat());
    assert!(plan.contains("ada at home") && plan.contains("reader 1"), "{plan}");
    assert!(!Path::new(&file).exists());
    let proposed = cloud.json(&propose);
    assert_eq!(proposed["channel"], "notes");
    publisher.ok(&[&promote(&file)[..], &["-n"]].concat());
    other.fails(&promote(&file), 3, &["`notes`", "garner channel add"]);
}

#[test]
fn what_a_person_rejected_stays_out() {
    let publisher = World::of_day_one();
    let (cloud, file) = propose(&[&device(&publisher)], "day-two.jsonl");
    let draft = cloud.draft().unwrap();
    let mut active = draft.active();
    let (first, second) = (active.next().unwrap().clone(), active.next().unwrap().clone());
    // One was rejected and published as such, one is rejected in the draft that waits here.
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    publisher.ok(&["review", "--reject", &first.id.to_string()]);
    publisher.ok(&["publish", "notes"]);
    publisher.ok(&["review", "--reject", &second.id.to_string()]);
    let shown = publisher.json(&[&promote(&file)[..], &["-n"]].concat());
    // All that is new was published already; what was rejected is not proposed again.
    assert_eq!(shown["published"], serde_json::Value::Null);
    let said = publisher.ok(&promote(&file));
    assert!(said.contains("but for 2 fragments rejected before"), "{said}");
    // Where there is more, the plan names what stays out.
    let fresh = World::publisher();
    fresh.ok(&["compile", &example("day-two.jsonl")]);
    fresh.ok(&["review", "--reject", &first.id.to_string()]);
    let (_cloud, file) = propose(&[&device(&fresh)], "day-two.jsonl");
    let plan = fresh.ok(&[&promote(&file)[..], &["-n"]].concat());
    assert!(
        plan.contains(&format!("stays out   {}  rejected before: ", first.id.short())),
        "{plan}"
    );
    fresh.ok(&[&promote(&file)[..], &["-y"]].concat());
    fresh.ok(&["load", "notes"]);
    let ids = fresh.ok(&["--json", "fragment", "list"]);
    assert!(!ids.contains(&first.id.to_string()) && ids.contains(&second.id.to_string()));
}

#[test]
fn a_proposal_with_a_secret_is_refused_before_anybody_is_asked() {
    let publisher = World::of_day_one();
    let (cloud, _) = propose(&[&device(&publisher)], "day-two.jsonl");
    let mut fragment = cloud.draft().unwrap().active().next().unwrap().clone();
    let statement = format!("The key is {}.", planted("secrets")[2]);
    fragment.id = Fragment::id_of(Kind::Fact, &Scope::User, &statement);
    (fragment.kind, fragment.scope) = (Kind::Fact, Scope::User);
    (fragment.statement, fragment.context) = (Text::new(statement), None);
    fragment.supersedes.clear();
    let file = cloud.path("liar.kernel");
    fs::write(&file, seal_unscanned(fragment, &device(&publisher))).unwrap();
    let file = text(&file);
    let facts = ["liar.kernel", "1 secret was found", "masked where"];
    for consent in ["-n", "-y"] {
        publisher.fails(&[&promote(&file)[..], &[consent]].concat(), 4, &facts);
    }
    assert_eq!(items(&publisher.json(&["log", "notes"])["versions"]).len(), 1);
}

/// Seals a fragment in a repository of its own by a program that says it found no secrets.
fn seal_unscanned(fragment: Fragment, recipient: &str) -> Vec<u8> {
    let key = PublisherKey::generate("liar".parse().unwrap()).unwrap();
    let holders = Holders { keys: vec![key.public().name().clone()], threshold: 1 };
    let now = NOW.parse().unwrap();
    let root = Root {
        repository: None,
        version: 1,
        expires: now,
        keys: vec![KeyGrant::until(key.public(), now)],
        roles: [(Right::Root, holders.clone()), (Right::Publish, holders)].into(),
    };
    let note = root.sign(&[&key]).to_bytes();
    let repository = bundle::repository_of(&note).unwrap();
    let reader = Reader { name: "them".to_owned(), recipient: recipient.parse().unwrap() };
    let keyring = Keyring::new(repository.clone(), vec![reader]);
    let file = keyring.seal().unwrap();
    let mut contents = Contents::default();
    contents.apply(Change::Put(Box::new(fragment))).unwrap();
    let seal = Seal {
        repository,
        roots: vec![note],
        root: 1,
        revocations: None,
        reason: Reason::Publish,
        channel: "notes".parse().unwrap(),
        parent: None,
        afresh: false,
        keyring: (&keyring, file),
        publisher: &key,
        now,
        tool: "liar".to_owned(),
        scan: SecretScan { tool: "liar".into(), version: "1".into(), findings: 0 },
    };
    bundle::seal(&contents, &seal).unwrap().bundle.to_bytes()
}
