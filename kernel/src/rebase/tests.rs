//! The laws of the three-way merge, on random histories.

use proptest::prelude::*;

use super::*;
use crate::test_support::fragment;
use crate::words::Kind;

/// How many fragments the histories speak of.
const POOL: usize = 6;

fn moment(day: u32) -> Moment {
    "2026-02-01T00:00:00Z".parse::<Moment>().unwrap().plus_days(day)
}

/// What one step does to one fragment.
#[derive(Debug, Clone, Copy)]
enum Step {
    Keep,
    Put { line: u32, ends: Option<u32> },
    Del { reason: usize, day: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Keep),
        3 => (1u32..4, proptest::option::of(0u32..3)).prop_map(|(line, ends)| Step::Put { line, ends }),
        2 => (0usize..4, 0u32..2).prop_map(|(reason, day)| Step::Del { reason, day }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), POOL)
}

fn id(at: usize) -> FragmentId {
    fragment(Kind::Fact, &format!("Fragment {at}.")).id
}

/// Returns what a publisher makes of `before`.
fn publish(before: &Contents, steps: &[Step]) -> Contents {
    let reasons = [
        TombstoneReason::Rejected,
        TombstoneReason::Removed,
        TombstoneReason::RolledBack,
        TombstoneReason::Revoked,
    ];
    let mut after = before.clone();
    for (at, step) in steps.iter().enumerate() {
        let revision = State::of(before, &id(at)).revision() + 1;
        let change = match *step {
            Step::Keep => continue,
            Step::Put { line, ends } => {
                let mut put = fragment(Kind::Fact, &format!("Fragment {at}."));
                put.sources[0].line = line;
                (put.revision, put.valid_to) = (revision, ends.map(moment));
                Change::Put(Box::new(put))
            }
            Step::Del { reason, day } => {
                let (reason, at, id) = (reasons[reason], moment(day), id(at));
                Change::Del(Tombstone { id, revision, at, reason })
            }
        };
        after.apply(change).unwrap();
    }
    after
}

/// Returns whether two contents say the same of every fragment, whatever the revisions.
fn say_the_same(one: &Contents, two: &Contents) -> bool {
    (0..POOL).all(|at| State::of(one, &id(at)).says(&State::of(two, &id(at))))
}

proptest! {
    #[test]
    fn a_merge_keeps_what_each_of_two_publishers_did(
        first in steps(), ours in steps(), theirs in steps(),
    ) {
        let base = publish(&Contents::default(), &first);
        let (ours, theirs) = (publish(&base, &ours), publish(&base, &theirs));
        // Where only one changed something, it is a fast forward.
        prop_assert_eq!(rebase(&base, &base, &theirs).unwrap().contents, theirs.clone());
        prop_assert!(say_the_same(&rebase(&base, &ours, &base).unwrap().contents, &ours));
        prop_assert_eq!(rebase(&base, &ours, &ours).unwrap().contents, ours.clone());

        let merged = rebase(&base, &ours, &theirs).unwrap();
        let conflicts: Vec<FragmentId> = merged.conflicts.iter().map(|c| c.id).collect();
        for at in 0..POOL {
            let of = |contents| State::of(contents, &id(at));
            let (was, our, their, now) = (
                State::of(&base, &id(at)),
                State::of(&ours, &id(at)),
                State::of(&theirs, &id(at)),
                of(&merged.contents),
            );
            prop_assert!(now.revision() >= their.revision(), "a reader of theirs takes it");
            if our.says(&was) {
                prop_assert!(now.says(&their));
            } else if their.says(&was) {
                prop_assert!(now.says(&our));
            }
            let changed = |state: &State<'_>| !state.says(&was);
            let live = |state: &State<'_>| matches!(state, State::Live(_)) && changed(state);
            let last = |state: &State<'_>| state.is_final() && changed(state);
            if last(&our) || last(&their) {
                prop_assert!(now.is_final(), "what a person rejected stays gone");
            } else if live(&our) || live(&their) {
                prop_assert!(matches!(now, State::Live(_)), "no change is lost to a removal");
            }
            // Both orders come to the same, unless a conflict says that they differ.
            // Two removals stay the first, whichever that is.
            let both_gone = matches!((&our, &their), (State::Gone(_), State::Gone(_)));
            if !(both_gone || conflicts.contains(&id(at))) {
                let other = rebase(&base, &theirs, &ours).unwrap();
                prop_assert!(of(&other.contents).says(&now));
            }
        }
        // Whoever applies it again changes nothing.
        let again = rebase(&base, &ours, &merged.contents).unwrap();
        prop_assert!(say_the_same(&again.contents, &merged.contents));
    }

    #[test]
    fn a_rollback_says_what_the_older_version_said_but_for_what_is_gone_for_good(
        first in steps(), later in steps(),
    ) {
        let older = publish(&Contents::default(), &first);
        let newer = publish(&older, &later);
        let back = newer.rolled_back(&older, moment(9)).unwrap();
        for at in 0..POOL {
            let (now, then) = (State::of(&back, &id(at)), State::of(&older, &id(at)));
            match (&then, State::of(&newer, &id(at)).is_final()) {
                (State::Live(_), false) => prop_assert!(now.says(&then)),
                (_, _) => prop_assert!(!matches!(now, State::Live(_))),
            }
        }
        // Nothing is left to roll back.
        prop_assert_eq!(back.rolled_back(&older, moment(10)).unwrap(), back);
    }
}
