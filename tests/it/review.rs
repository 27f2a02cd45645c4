//! What a person accepts comes into the next version; what one rejects never comes back.

use garner_kernel::Status;

use crate::world::{World, example, items};

/// Returns the short ids of the draft's entries with this status, and their statements.
fn entries(world: &World, active: bool) -> Vec<(String, String)> {
    let draft = world.draft().unwrap();
    let wanted = draft.entries.values().filter(|e| (e.status == Status::Active) == active);
    wanted.map(|e| (e.fragment.id.short(), e.fragment.statement.as_str().to_owned())).collect()
}

/// Returns what recall can see.
fn loaded(world: &World) -> String {
    world.ok(&["--json", "fragment", "list"])
}

#[test]
fn what_is_accepted_is_published_and_what_waits_is_not() {
    let world = World::of_day_one();
    let waiting = entries(&world, false);
    assert!(waiting.len() > 2);
    assert!(waiting.iter().all(|(id, _)| !loaded(&world).contains(id)));
    let review = world.ok(&["review"]);
    let (id, _) = &waiting[0];
    assert!(review.contains(id.as_str()) && review.contains("day-one.jsonl line"), "{review}");
    assert_eq!(world.ok(&["review", "--accept", id]), "Accepted 1 and rejected 0.\n");
    assert!(!world.ok(&["review"]).contains(id.as_str()));
    let published = world.json(&["publish", "notes"]);
    assert_eq!((&published["published"], &published["changes"]["added"]), (&2.into(), &1.into()));
    world.ok(&["load", "notes"]);
    assert!(loaded(&world).contains(id.as_str()));
}

#[test]
fn what_is_rejected_never_comes_back() {
    let world = World::of_day_one();
    let (active, waiting) = (entries(&world, true), entries(&world, false));
    let ((published, statement), (candidate, _)) = (&active[0], &waiting[0]);
    let rejected = world.ok(&["review", "--reject", published, candidate]);
    assert_eq!(rejected, "Accepted 0 and rejected 2.\n");
    let draft = world.draft_text();
    let again = world.ok(&["compile", "--again", &example("day-one.jsonl")]);
    assert!(again.contains("Nothing new.") && again.contains("2 rejected before"), "{again}");
    assert!(world.draft_text() == draft, "the draft changed");
    let changes = &world.json(&["publish", "notes"])["changes"];
    assert_eq!((&changes["removed"], &changes["added"]), (&1.into(), &0.into()));
    let diff = world.json(&["diff", "notes@1", "notes@2"]);
    let removed = &items(&diff["differences"])[0];
    assert_eq!(removed["change"], "removed");
    assert_eq!(removed["fragment"]["statement"], statement.as_str());
    assert!(loaded(&world).contains(published.as_str()), "not before it is loaded");
    world.ok(&["load", "notes"]);
    assert!(!loaded(&world).contains(published.as_str()));
    // The machine forgot its draft; the channel has not forgotten the rejection.
    std::fs::remove_dir_all(world.path("data/garner/drafts")).unwrap();
    world.ok(&["compile", &example("day-one.jsonl")]);
    let changes = world.json(&["publish", "notes"])["changes"].clone();
    assert!(changes.is_null() || changes["added"] == 0, "{changes}");
}

#[test]
fn a_version_that_says_nothing_new_is_not_published() {
    let world = World::of_day_one();
    let before = world.files();
    let text = world.ok(&["publish", "notes"]);
    assert_eq!(text, "Nothing to publish: v1 of `notes` says all of it.\n");
    assert_eq!(world.json(&["publish", "notes"])["published"], serde_json::Value::Null);
    let copy = world.path("copy.kernel");
    let text = world.ok(&["publish", "notes", "--out", copy.to_str().unwrap()]);
    assert!(text.ends_with(&format!("`{}` holds v1.\n", copy.display())), "{text}");
    std::fs::remove_file(copy).unwrap();
    let mut after = world.files();
    after.retain(|(path, _)| path.exists());
    assert!(after == before, "a file changed");
}

#[test]
fn one_unknown_id_among_good_ones_changes_nothing() {
    let world = World::of_day_one();
    let (id, _) = &entries(&world, false)[0];
    let draft = world.draft_text();
    for (arguments, fact) in [
        (vec!["review", "--accept", id, "0000000000zz"], "`0000000000zz` matches 0 fragments"),
        (vec!["review", "--reject", id, ""], "not one"),
        (vec!["review", "--accept", "000000000000", "--reject", id], "`000000000000` matches 0"),
    ] {
        world.fails(&arguments, 1, &[fact, "`garner review`"]);
        assert!(world.draft_text() == draft, "{arguments:?}");
    }
    world.ok(&["review", "--dry-run", "--reject", id]);
    assert!(world.draft_text() == draft, "the draft changed");
}

#[test]
fn a_bundle_file_is_written_also_where_there_is_nothing_new() {
    let world = World::of_day_one();
    let file = world.path("stick/again.kernel");
    world.ok(&["publish", "notes", "--out", file.to_str().unwrap()]);
    world.ok(&["verify", file.to_str().unwrap()]);
}

#[test]
fn a_bundle_file_that_cannot_be_written_is_no_reason_to_call_it_a_defect() {
    let world = World::of_day_one();
    world.ok(&["compile", &example("day-two.jsonl")]);
    let folder = world.path("tmp");
    let facts = [folder.to_str().unwrap(), "hint: "];
    world.fails(&["publish", "notes", "--out", folder.to_str().unwrap()], 1, &facts);
    let published = world.json(&["log", "notes"])["versions"].as_array().unwrap().len();
    assert_eq!(published, 1, "a version was published by a command that failed");
}
