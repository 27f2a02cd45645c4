//! Two publishers who contradict each other, and versions that are brought back for everybody.

use std::fs;
use std::path::Path;

use garner_kernel::{
    Confidence, Digest, Draft, Entry, Fragment, FragmentId, Kind, Scope, Source, Status, Text,
    Trust, record,
};

use crate::world::{World, example, items, pair, short, walk};

/// Returns a decision that replaces another one, said in a session.
fn said(statement: &str, session: &str, replaces: &[FragmentId]) -> Fragment {
    Fragment {
        id: Fragment::id_of(Kind::Decision, &Scope::User, statement),
        revision: 1,
        kind: Kind::Decision,
        scope: Scope::User,
        trust: Trust::Human,
        confidence: Confidence::percent(90),
        statement: Text::new(statement),
        context: None,
        created: "2026-03-01T00:00:00Z".parse().unwrap(),
        valid_to: None,
        supersedes: replaces.to_vec(),
        tags: Vec::new(),
        sources: vec![Source {
            session: session.parse().unwrap(),
            file: format!("{session}.jsonl").parse().unwrap(),
            record: "r-1".parse().unwrap(),
            line: 1,
            digest: Digest::of(session.as_bytes()),
            speaker: Trust::Human,
            rule: "d2-answer".parse().unwrap(),
        }],
    }
}

/// Gives a machine a draft that holds these fragments.
fn draft(world: &World, fragments: &[&Fragment]) {
    let mut draft = Draft::default();
    for fragment in fragments {
        draft.merge(Entry { fragment: (*fragment).clone(), status: Status::Active });
    }
    let folder = world.path("data/garner/drafts");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("notes.jsonl"), record::draft_lines(&draft)).unwrap();
}

/// Returns another machine of the same publisher.
fn colleague(world: &World) -> World {
    let other = World::new();
    let copy = |folder: &Path| {
        let mut files = Vec::new();
        walk(&world.path("config"), &mut files);
        for file in files {
            let to = folder.join(file.strip_prefix(world.path("config")).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(&file, to).unwrap();
        }
    };
    copy(&other.path("config"));
    let shown = world.json(&["channel", "show", "notes"]);
    let settings = other.path("config/garner/channels/notes.json");
    if !settings.exists() {
        other.ok(&["channel", "add", "notes", shown["invite"].as_str().unwrap()]);
    }
    other
}

#[test]
fn two_answers_to_one_question_are_kept_shown_and_settled() {
    let (ours, port) = (World::publisher(), said("The port is 80.", "s-1", &[]));
    draft(&ours, &[&port]);
    ours.ok(&["publish", "notes"]);
    let theirs = colleague(&ours);
    let one = said("The port is 81.", "s-2", &[port.id]);
    let two = said("The port is 82.", "s-3", &[port.id]);
    draft(&ours, &[&port, &one]);
    assert!(!ours.ok(&["publish", "notes"]).contains("conflict"));
    draft(&theirs, &[&port, &two]);
    // The plan and the report say it; nothing is lost.
    let plan = theirs.json(&["publish", "notes", "-n"]);
    assert_eq!(items(&plan["conflicts"]).len(), 1, "{plan}");
    let told = theirs.ok(&["publish", "notes"]);
    for fact in ["conflict: what replaces", "The port is 80.", "The port is 81.", "The port is 82."]
    {
        assert!(told.contains(fact), "no `{fact}` in\n{told}");
    }
    ours.ok(&["pull", "notes"]);
    ours.ok(&["load", "notes"]);
    let diff = ours.json(&["diff", "notes@2", "notes@3"]);
    assert_eq!(diff["conflicts"][0]["older"], port.id.to_string());
    assert_eq!(items(&ours.json(&["diff", "notes@1", "notes@2"])["conflicts"]).len(), 0);
    let found = ours.json(&["recall", "which port"]);
    let found: Vec<String> =
        items(&found["hits"]).iter().map(|hit| short(&hit["fragment"]["id"])).collect();
    assert!(found.contains(&one.id.short()) && found.contains(&two.id.short()), "{found:?}");

    // A person decides, on whichever machine.
    let review = ours.ok(&["review", "-c", "notes"]);
    assert!(review.contains("The port is 81.") && review.contains("The port is 82."), "{review}");
    let unknown = ["review", "-c", "notes", "--keep", &port.id.short()];
    ours.fails(&unknown, 1, &["matches 0 fragments of conflicts"]);
    let keep = ["review", "-c", "notes", "--keep", &two.id.short()];
    assert_eq!(ours.json(&[&keep[..], &["-n"]].concat())["settled"], 1);
    assert!(ours.ok(&keep).contains("settled 1 conflict"));
    assert_eq!(items(&ours.json(&["review", "-c", "notes"])["conflicts"]).len(), 0);
    assert!(!ours.ok(&["publish", "notes"]).contains("conflict"));
    ours.ok(&["load", "notes"]);
    let diff = ours.json(&["diff", "notes@3", "notes@4"]);
    let superseded = items(&diff["differences"]).iter().find(|d| d["change"] == "superseded");
    assert_eq!(superseded.unwrap()["fragment"]["id"], one.id.to_string());
    // The colleague's old draft brings nothing back.
    assert!(theirs.ok(&["publish", "notes"]).contains("Nothing to publish"));
}

#[test]
fn a_version_is_brought_back_for_every_reader() {
    let (publisher, reader) = pair();
    publisher.learn("day-two.jsonl");
    reader.ok(&["pull", "notes"]);
    reader.ok(&["load", "notes"]);
    let statements = |world: &World| -> Vec<String> {
        let list = world.json(&["fragment", "list"]);
        let mut all: Vec<String> =
            items(&list["fragments"]).iter().map(|f| f["statement"].to_string()).collect();
        all.sort();
        all
    };
    let latest = statements(&reader);
    reader.ok(&["rollback", "notes@1"]);
    let first = statements(&reader);
    assert_ne!(first, latest);
    reader.ok(&["load", "notes", "--release"]);

    let back = ["rollback", "notes@1", "--publish"];
    let plan = publisher.ok(&[&back[..], &["-n"]].concat());
    assert!(plan.contains("brings v1 back") && plan.contains("removed"), "{plan}");
    publisher.fails(&back, 1, &["--yes"]);
    let done = publisher.json(&[&back[..], &["--yes"]].concat());
    assert_eq!(done["published"], 3);
    reader.ok(&["pull", "notes"]);
    reader.ok(&["load", "notes"]);
    assert_eq!(statements(&reader), first);
    let log = reader.ok(&["log", "notes"]);
    assert!(log.contains("rollback to v1"), "{log}");
    // Neither again, nor from the draft that still holds what was taken back.
    assert!(publisher.ok(&[&back[..], &["--yes"]].concat()).contains("Nothing to publish"));
    publisher.ok(&["compile", &example("day-two.jsonl")]);
    assert!(publisher.ok(&["publish", "notes"]).contains("Nothing to publish"));
    // And forth again.
    publisher.ok(&["rollback", "notes@2", "--publish", "--yes"]);
    reader.ok(&["pull", "notes"]);
    reader.ok(&["load", "notes"]);
    assert_eq!(statements(&reader), latest);
    reader.fails(&[&back[..], &["--yes"]].concat(), 4, &["does not let it publish"]);
}
