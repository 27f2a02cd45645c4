//! Compaction: what is put away and what is not, and that nothing is lost.

use std::collections::BTreeSet;
use std::fs;

use garner_kernel::bundle::{Revocation, RevocationClass, Revoked};
use garner_kernel::{
    ChannelName, Contents, Digest, Fragment, FragmentId, Kind, Moment, Text, Trust, Version,
};

use super::{Compaction, Retention, Rewrite, Step};
use crate::inject::Tokens;
use crate::test_support::{DAY, NOW, contents, fact, fragment, kernel, load, now, stamp, store};
use crate::{Error, Filters, InjectionEvent, OpenOptions, Query, Residency, Store};

/// Says whether statements hold the same words, in any order; numbers are words, too.
fn same(a: &str, b: &str) -> bool {
    let words = |text: &str| text.split(' ').map(str::to_lowercase).collect::<BTreeSet<_>>();
    words(a) == words(b)
}

fn aged(mut fragment: Fragment, days: i64) -> Fragment {
    fragment.created = Moment::from_unix(NOW - days * DAY);
    fragment
}

fn plan(store: &Store) -> Compaction {
    store.plan_compaction(&Retention::default(), &same, now(), &mut |_, _| {}).unwrap()
}

/// Returns what a plan puts away, with what stands in its place.
fn away(plan: &Compaction, step: Step) -> Vec<(FragmentId, Option<FragmentId>)> {
    let steps = plan.steps.iter().filter(|found| found.step == step);
    steps.flat_map(|step| &step.archived).map(|a| (a.fragment, a.by)).collect()
}

fn compact(store: &mut Store) -> Compaction {
    let plan = plan(store);
    for step in &plan.steps {
        store.put_away(step, &stamp()).unwrap();
    }
    assert!(store.verify().unwrap().is_sound(), "{:?}", store.verify());
    plan
}

fn shown(store: &Store) -> BTreeSet<FragmentId> {
    let fragments = store.fragments(None, &Filters::default(), now()).unwrap();
    fragments.iter().map(|fragment| fragment.id).collect()
}

fn ids(fragments: &[&Fragment]) -> BTreeSet<FragmentId> {
    fragments.iter().map(|fragment| fragment.id).collect()
}

fn archive(store: &Store, version: u64) -> Contents {
    store.contents_at(&ChannelName::archive(), Version::new(version).unwrap()).unwrap()
}

fn injected(store: &mut Store, id: FragmentId, days: i64) {
    let event = InjectionEvent {
        at: Moment::from_unix(NOW - days * DAY),
        model: "llama3.2".to_owned(),
        prompt: Digest::of(b"prompt"),
        placed: vec![(id, None)],
        tokens: Tokens::new(9),
        left_out: Vec::new(),
    };
    store.record_injection(&event).unwrap();
}

#[test]
fn what_happened_long_ago_is_put_away_unless_it_was_used_or_pinned() {
    let (dir, mut store) = store();
    let old = aged(fragment(Kind::Handoff, "The import stopped halfway."), 200);
    let used = aged(fragment(Kind::Handoff, "The export stopped halfway."), 200);
    let pinned = aged(fragment(Kind::Handoff, "The upload stopped halfway."), 200);
    let young = aged(fragment(Kind::Handoff, "The download stopped halfway."), 180);
    let rule = aged(fragment(Kind::Rule, "Never squash merges."), 900);
    let known = aged(fact("The port is 80."), 900);
    let all = [&old, &used, &pinned, &young, &rule, &known];
    load(&mut store, &kernel("team", 1, contents(&all)));
    injected(&mut store, used.id, 300);
    injected(&mut store, used.id, 10);
    store.pin(pinned.id, &stamp()).unwrap();
    let memory = OpenOptions { residency: Residency::Everything, ..OpenOptions::read() };
    let memory = Store::open(dir.path(), &memory).unwrap();
    memory.warm().unwrap();

    let plan = compact(&mut store);
    assert_eq!(away(&plan, Step::Expired), [(old.id, None)]);
    assert_eq!((plan.steps.len(), plan.stay), (1, 5));
    let rest = ids(&[&used, &pinned, &young, &rule, &known]);
    assert_eq!(shown(&store), rest);
    for asked in [&store, &memory] {
        let hits = asked.recall(&Query::new("import stopped", now())).unwrap().hits;
        assert!(hits.iter().all(|hit| hit.fragment.id != old.id));
    }
    // It is in the archive, and in the past.
    let archive = archive(&store, 1);
    assert_eq!(archive.fragments().map(|held| held.id).collect::<Vec<_>>(), [old.id]);
    let before = store.operation(2).unwrap().after;
    let query = Query { at: Some(before), ..Query::new("import stopped", now()) };
    assert_eq!(store.recall(&query).unwrap().hits[0].fragment.id, old.id);
    assert!(plan_is_empty(&store));

    store.undo(&stamp()).unwrap();
    assert_eq!(shown(&store), ids(&all));
    assert!(store.verify().unwrap().is_sound());
    // Again, after it was taken back: the next version of the archive.
    compact(&mut store);
    assert_eq!(shown(&store), rest);
    assert_eq!(store.versions(&ChannelName::archive()).unwrap().len(), 2);
}

fn plan_is_empty(store: &Store) -> bool {
    plan(store).steps.is_empty()
}

#[test]
fn of_many_states_the_newest_stay() {
    let (_dir, mut store) = store();
    let states: Vec<_> = (0..25)
        .map(|day| aged(fragment(Kind::State, &format!("On day {day} it is {day} done.")), day))
        .collect();
    let mut elsewhere = aged(fragment(Kind::State, "Another project stands still."), 170);
    elsewhere.scope = "project:api".parse().unwrap();
    elsewhere.id = Fragment::id_of(Kind::State, &elsewhere.scope, elsewhere.statement.as_str());
    let all: Vec<&Fragment> = states.iter().chain([&elsewhere]).collect();
    load(&mut store, &kernel("team", 1, contents(&all)));
    let plan = compact(&mut store);
    let mut expected: Vec<_> =
        states[20..].iter().map(|state| (state.id, Some(states[0].id))).collect();
    expected.sort();
    assert_eq!(away(&plan, Step::States), expected);
    assert_eq!(shown(&store).len(), 21);
}

#[test]
fn of_two_that_say_the_same_the_one_stays_that_is_believed_more() {
    let (_dir, mut store) = store();
    let said = fact("the store opens in read mode at port 80");
    let mut repeated = aged(fact("at port 80 the store opens in read mode"), 1);
    repeated.trust = Trust::Assistant;
    let other_number = fact("the store opens in read mode at port 81");
    let other_kind = fragment(Kind::Rule, "in read mode the store opens at port 80");
    let mut pinned = aged(fact("in read mode at port 80 the store opens"), 2);
    pinned.trust = Trust::Tool;
    let all = [&said, &repeated, &other_number, &other_kind, &pinned];
    load(&mut store, &kernel("team", 1, contents(&all)));
    store.pin(pinned.id, &stamp()).unwrap();
    let plan = compact(&mut store);
    assert_eq!(away(&plan, Step::Duplicates), [(repeated.id, Some(said.id))]);
    assert_eq!(shown(&store), ids(&[&said, &other_number, &other_kind, &pinned]));
}

#[test]
fn what_is_believed_less_does_not_put_away_what_is_trusted_more() {
    let (_dir, mut store) = store();
    let team = "team".parse().unwrap();
    let trusted = fact("the gate opens at dawn and closes at dusk");
    let mut preferred = fact("at dawn the gate opens and closes at dusk");
    preferred.trust = Trust::Assistant;
    load(&mut store, &kernel("team", 1, contents(&[&preferred])));
    load(&mut store, &kernel("other", 1, contents(&[&trusted])));
    let policy = crate::Policy { precedence: 1, min_trust: None };
    store.set_policy(&team, policy, &stamp()).unwrap();
    assert!(plan_is_empty(&store));
    store.set_policy(&team, crate::Policy::default(), &stamp()).unwrap();
    assert_eq!(away(&plan(&store), Step::Duplicates), [(preferred.id, Some(trusted.id))]);
}

#[test]
fn what_is_put_away_still_replaces_and_comes_back_by_a_newer_revision() {
    let (_dir, mut store) = store();
    let older = fact("The port is 80.");
    let mut newer = aged(fragment(Kind::State, "The port is being moved to 81."), 200);
    newer.supersedes = vec![older.id];
    load(&mut store, &kernel("team", 1, contents(&[&older, &newer])));
    compact(&mut store);
    assert_eq!(shown(&store), BTreeSet::new(), "what was replaced does not come back");
    let mut again = newer.clone();
    again.revision = 2;
    load(&mut store, &kernel("team", 2, contents(&[&older, &again])));
    assert_eq!(shown(&store), ids(&[&again]));
    // It is put away once more, in the place of the older revision.
    compact(&mut store);
    assert_eq!(shown(&store), BTreeSet::new());
    let archive = archive(&store, 2);
    assert_eq!(archive.fragment(&again.id).map(|fragment| fragment.revision), Some(2));
    // Whoever says it anew is heard.
    assert!(store.remember(&newer, None, &stamp()).unwrap().is_some());
    assert_eq!(shown(&store), ids(&[&newer]));
}

#[test]
fn a_plan_that_is_not_true_any_more_is_refused() {
    let (_dir, mut store) = store();
    let old = aged(fragment(Kind::Handoff, "The import stopped halfway."), 200);
    load(&mut store, &kernel("team", 1, contents(&[&old])));
    let plan = plan(&store);
    store.remove(old.id, &stamp()).unwrap();
    let error = store.put_away(&plan.steps[0], &stamp()).unwrap_err();
    assert!(matches!(error, Error::StaleCompaction { .. }), "{error:?}");
    assert_eq!(store.operations(9).unwrap().len(), 2);
    assert!(store.versions(&ChannelName::archive()).is_err());
}

#[test]
fn nothing_is_left_of_what_was_revoked_while_it_was_in_the_archive() {
    let (dir, mut store) = store();
    let mut secret = aged(fragment(Kind::State, "The xylophonequark opens the door."), 200);
    secret.context = Some(Text::new("Which quizzicalkey?"));
    let kept = aged(fragment(Kind::State, "The other door is closed."), 200);
    load(&mut store, &kernel("team", 1, contents(&[&secret, &kept])));
    compact(&mut store);
    let revocation = Revocation {
        class: RevocationClass::Purge,
        reason: "leaked".parse().unwrap(),
        since: now(),
    };
    let revoked = Revoked::from([(secret.id, revocation)]);
    store.erase(&"team".parse().unwrap(), &revoked, &stamp()).unwrap().unwrap();
    assert!(store.verify().unwrap().is_sound(), "{:?}", store.verify());
    let tidied = store.tidy(Rewrite::Always).unwrap();
    assert!(tidied.rewritten && tidied.journal_cleared && tidied.after <= tidied.before);
    let files = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let bytes: Vec<u8> = files.flat_map(|path| fs::read(path).unwrap()).collect();
    let there = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    assert!(there(b"other door"), "the scan sees what is there");
    assert!(!there(b"xylophonequark") && !there(b"quizzicalkey") && !there(b"quizzicalk"));
    let archive = archive(&store, 1);
    assert_eq!(archive.fragments().map(|held| held.id).collect::<Vec<_>>(), [kept.id]);
}

#[test]
fn a_file_with_much_room_is_written_anew_and_another_is_not() {
    let (_dir, mut store) = store();
    let texts: Vec<_> = (0..300).map(|n| fact(&format!("{n} {}", "word ".repeat(90)))).collect();
    load(&mut store, &kernel("team", 1, contents(&texts.iter().collect::<Vec<_>>())));
    assert!(!store.tidy(Rewrite::IfWorth).unwrap().rewritten);
    let revocation = Revocation {
        class: RevocationClass::Purge,
        reason: "leaked".parse().unwrap(),
        since: now(),
    };
    let revoked = texts.iter().skip(1).map(|text| (text.id, revocation.clone())).collect();
    store.erase(&"team".parse().unwrap(), &revoked, &stamp()).unwrap().unwrap();
    let tidied = store.tidy(Rewrite::IfWorth).unwrap();
    assert!(tidied.rewritten && tidied.after < tidied.before, "{tidied:?}");
    assert_eq!(store.free_bytes().unwrap(), 0);
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn whoever_reads_the_store_keeps_its_journal() {
    let (dir, mut store) = store();
    load(&mut store, &kernel("team", 1, contents(&[&fact("The port is 80.")])));
    let reader = Store::open(dir.path(), &OpenOptions::read()).unwrap();
    reader.connection().execute_batch("BEGIN; SELECT count(*) FROM fragment").unwrap();
    let held = store.tidy(Rewrite::Always).unwrap();
    assert!(held.rewritten && !held.journal_cleared, "{held:?}");
    drop(reader);
    assert!(store.tidy(Rewrite::Always).unwrap().journal_cleared);
}
