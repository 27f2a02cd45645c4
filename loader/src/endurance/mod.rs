//! A long life: many operations in any order, by a process that is killed now and then, against a
//! model of plain sets.
//!
//! `cargo test` lives a short one. `GARNER_DRILL=1` lives a hundred thousand operations; see
//! docs/drills.md.

mod model;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use garner_kernel::{ChannelName, Embedder, Fragment, FragmentId, Kind, Version};

use crate::recall::{Filters, Query, QueryVector, Search};
use crate::store::vector_row::EmbedderInfo;
use crate::test_support::{HashEmbedder, contents, fragment, kernel, load, now, stamp, vector};
use crate::{Archived, CompactionStep, Error, OpenOptions, Residency, Step, Store};
use model::{Came, Change, Held, Item, Model, Which};

/// How many statements there are to say.
const POOL: usize = 120;
/// Where a child finds the folder of its store and what to go on with.
const CHILD: &str = "GARNER_ENDURANCE";
/// How often everything is compared with the model.
const EVERY: u64 = 250;

fn the_fragment(item: Item, older: &BTreeSet<Item>) -> Fragment {
    let kind = Kind::ALL[item % Kind::ALL.len()];
    let mut fragment = fragment(kind, &format!("word{item} says that gate {item} opens"));
    fragment.supersedes = older.iter().map(|older| id(*older)).collect();
    fragment.supersedes.sort_unstable();
    fragment
}

fn id(item: Item) -> FragmentId {
    the_fragment(item, &BTreeSet::new()).id
}

fn channel(which: Which) -> ChannelName {
    match which {
        Which::Team => "team".parse().unwrap(),
        Which::Local => ChannelName::local(),
    }
}

/// Returns the change with this number: the same for the same seed and the same model.
fn change(seed: u64, number: u64, model: &Model) -> Change {
    // SplitMix64: every number starts a sequence of its own.
    let mut state = seed ^ number.wrapping_mul(0xD134_2543_DE82_EF95);
    let mut below = |most: usize| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((word ^ (word >> 31)) % most.max(1) as u64).unwrap()
    };
    let item = below(POOL);
    let some = |below: &mut dyn FnMut(usize) -> usize, most: usize| -> BTreeSet<Item> {
        (0..below(most)).map(|_| below(POOL)).filter(|other| *other != item).collect()
    };
    let which = if below(2) == 0 { Which::Team } else { Which::Local };
    match below(1_000) {
        0..400 => Change::Remember(item, BTreeSet::new()),
        400..520 => Change::Remember(item, some(&mut below, 4)),
        520..640 => Change::Remove(item),
        640..720 => {
            let mut held = Held::new();
            for _ in 0..below(40) {
                let (item, replaces) = (below(POOL), below(12) == 0);
                let older = if replaces { some(&mut below, 3) } else { BTreeSet::new() };
                held.insert(item, older.into_iter().filter(|older| *older != item).collect());
            }
            Change::Load(held)
        }
        720..800 => {
            let newest = model.versions[which as usize].len();
            // Mostly a recent one, now and then one that is not there.
            Change::Rollback(which, newest.saturating_sub(below(6)) + usize::from(below(20) == 0))
        }
        800..860 => Change::Release(which),
        860..890 => {
            let shown: Vec<Item> = model.shown().into_iter().collect();
            let some = (0..below(4)).filter_map(|_| shown.get(below(shown.len())).copied());
            Change::PutAway(some.collect())
        }
        890..960 => Change::Undo,
        960..980 => Change::Pin(item),
        980..998 => Change::Unpin(item),
        _ => Change::Reindex,
    }
}

/// Does a change to a store.
fn apply(store: &mut Store, change: &Change, model: &Model) -> Came {
    let done = |result: Result<bool, Error>| match result {
        Ok(true) => Came::Done,
        Ok(false) => Came::Nothing,
        Err(
            Error::Replaced { .. }
            | Error::UnknownVersion { .. }
            | Error::UnknownChannel { .. }
            | Error::UnknownFragment { .. }
            | Error::NothingToUndo,
        ) => Came::Refused,
        Err(error) => panic!("{change:?}: {error}"),
    };
    let stamp = stamp();
    done(match change {
        Change::Remember(item, older) => {
            let fragment = the_fragment(*item, older);
            let vector = vector(fragment.statement.as_str()).unwrap();
            let with = (&EmbedderInfo::of(&HashEmbedder), &vector);
            store.remember(&fragment, Some(with), &stamp).map(|remembered| remembered.is_some())
        }
        Change::Load(held) => {
            let fragments: Vec<_> =
                held.iter().map(|(item, older)| the_fragment(*item, older)).collect();
            let version = model.versions[0].len() as u64 + 1;
            let contents = contents(&fragments.iter().collect::<Vec<_>>());
            load(store, &kernel("team", version, contents));
            Ok(true)
        }
        Change::Rollback(which, version) => match Version::new(*version as u64) {
            Some(version) => store.rollback(&channel(*which), version, &stamp).map(|_| true),
            None => return Came::Refused,
        },
        // A channel that is known but has no versions has nothing to follow.
        Change::Release(which) if model.versions[*which as usize].is_empty() => {
            return Came::Refused;
        }
        Change::Release(which) => store.release(&channel(*which), &stamp).map(|_| true),
        Change::Remove(item) => store.remove(id(*item), &stamp).map(|_| true),
        Change::Pin(item) => store.pin(id(*item), &stamp).map(|_| true),
        Change::Unpin(item) => store.unpin(id(*item), &stamp).map(|_| true),
        Change::PutAway(items) if items.is_empty() => return Came::Refused,
        Change::PutAway(items) => {
            let items: BTreeSet<FragmentId> = items.iter().map(|item| id(*item)).collect();
            let shown = store.fragments(None, &Filters::default(), now()).unwrap();
            let mut archived: Vec<Archived> = shown
                .iter()
                .filter(|fragment| items.contains(&fragment.id))
                .map(|fragment| Archived {
                    fragment: fragment.id,
                    record: garner_kernel::record::digest(fragment),
                    by: None,
                })
                .collect();
            archived.sort_by_key(|archived| archived.fragment);
            let step = CompactionStep { step: Step::Expired, archived };
            store.put_away(&step, &stamp).map(|_| true)
        }
        Change::Undo => store.undo(&stamp).map(|_| true),
        Change::Reindex => store.reindex().map(|_| true),
    })
}

/// Returns whether a store reads what the model says, by its view and its log.
fn reads_as(store: &Store, model: &Model) -> bool {
    let view = store.view().unwrap();
    let ids = |items: &BTreeSet<Item>| items.iter().map(|item| id(*item)).collect::<BTreeSet<_>>();
    let same = |which: Which| {
        let (reading, read) = (view.reading(&channel(which)), model.view.read[which as usize]);
        (reading.version.map_or(0, Version::get), reading.held) == (read.version as u64, read.held)
    };
    let last = store.operations(1).unwrap().first().map_or(0, |operation| operation.number);
    last == model.operations
        && same(Which::Team)
        && same(Which::Local)
        && view.removed == ids(&model.view.removed)
        && view.pinned == ids(&model.view.pinned)
}

/// Compares a store with itself: every version, every term, every vector, every link of the logs.
fn check(store: &Store) {
    let report = store.verify().unwrap();
    assert!(report.is_sound(), "{report:?}");
}

/// Compares what two ways to read a store say with the model.
fn compare(store: &Store, memory: &Store, model: &Model) {
    assert!(reads_as(store, model), "another view: {:?}", store.view());
    let shown = model.shown();
    let expected: BTreeSet<FragmentId> = shown.iter().map(|item| id(*item)).collect();
    let listed = store.fragments(None, &Filters::default(), now()).unwrap();
    assert_eq!(listed.iter().map(|fragment| fragment.id).collect::<BTreeSet<_>>(), expected);
    for item in 0..POOL {
        let text = format!("word{item}");
        let query = Query::new(&text, now());
        for asked in [store, memory] {
            let mut found = asked.recall(&query).unwrap().hits;
            // What stands beside a hit comes with it.
            found.retain(|hit| hit.signals.bm25.get() > 0.0);
            let found: Vec<FragmentId> = found.iter().map(|hit| hit.fragment.id).collect();
            let wanted: Vec<FragmentId> =
                shown.get(&item).map(|item| id(*item)).into_iter().collect();
            assert_eq!(found, wanted, "by the word of statement {item}");
        }
        let vector = vector(the_fragment(item, &BTreeSet::new()).statement.as_str()).unwrap();
        let vector = QueryVector { embedder: HashEmbedder.id(), vector };
        let near = |asked: &Store| asked.nearest(&vector, POOL, Search::Exact, now()).unwrap();
        let (stored, kept) = (near(store), near(memory));
        assert_eq!(stored, kept);
        assert_eq!(stored.iter().map(|(id, _)| *id).collect::<BTreeSet<_>>(), expected);
        if let Some(item) = shown.get(&item) {
            assert_eq!(stored[0].0, id(*item), "the nearest to itself");
        }
    }
}

fn open(folder: &Path, residency: Residency) -> Store {
    Store::open(folder, &OpenOptions { residency, ..OpenOptions::write() }).unwrap()
}

/// Where a life is told to a child, and where it starts: seed, and the number of the next change.
#[derive(Clone, Copy)]
struct Life {
    seed: u64,
    next: u64,
}

/// Returns what a variable of the environment says.
#[expect(clippy::disallowed_methods, reason = "a test has nobody who gives it an argument")]
pub(crate) fn told(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// Lives in a child until it is killed: does one change after the other and tells each.
#[test]
fn a_child_lives_until_it_is_killed() {
    let Some(told) = told(CHILD) else { return };
    let mut words = told.split(' ');
    let mut number = || words.next().unwrap().parse::<u64>().unwrap();
    let (life, until) = (Life { seed: number(), next: number() }, number());
    let folder = words.next().unwrap();
    let mut model = Model::default();
    for number in 0..life.next {
        model.apply(&change(life.seed, number, &model));
    }
    let mut store = open(Path::new(folder), Residency::Nothing);
    assert!(reads_as(&store, &model));
    let mut out = std::io::stdout().lock();
    for number in life.next..until {
        let change = change(life.seed, number, &model);
        let came = apply(&mut store, &change, &model);
        assert_eq!(came, model.apply(&change), "change {number}: {change:?}");
        writeln!(out, "did {number}").unwrap();
    }
    writeln!(out, "did all").unwrap();
}

/// Lets a child live for some changes, kills it, and returns how many changes it told.
fn live(folder: &Path, life: Life, until: u64, patience: Duration) -> u64 {
    let told = format!("{} {} {until} {}", life.seed, life.next, folder.display());
    let name = "endurance::a_child_lives_until_it_is_killed";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, told)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let began = lines.find(|line| line.contains("did "));
    std::thread::sleep(patience);
    // One that ended by itself is past killing.
    let _ = child.kill();
    let told: Vec<String> = began.into_iter().chain(lines).collect();
    let status = child.wait().unwrap();
    let did = |line: &String| line.rsplit_once("did ").and_then(|(_, n)| n.parse::<u64>().ok());
    let all = told.iter().any(|line| line.ends_with("did all"));
    assert!(all || !status.success(), "it was killed, or said that it did all");
    assert!(status.code().is_none_or(|code| code == 0), "{}", told.join("\n"));
    told.iter().filter_map(did).next_back().map_or(life.next, |last| last + 1)
}

/// Builds a store from the log of another one, which must become the same.
fn live_again(store: &Store, model: &Model) {
    let folder = tempfile::tempdir().unwrap();
    let mut again = open(folder.path(), Residency::Nothing);
    let mut kernel = |_: &ChannelName, version: Version| {
        let held = &model.versions[0][usize::try_from(version.get()).unwrap() - 1];
        let fragments: Vec<_> =
            held.iter().map(|(item, older)| the_fragment(*item, older)).collect();
        let contents = contents(&fragments.iter().collect::<Vec<_>>());
        Ok::<_, Error>(kernel("team", version.get(), contents))
    };
    let replayed = again.replay_with(store, &mut kernel, &mut |_, _| {}).unwrap();
    assert_eq!(replayed.differences, Vec::<String>::new());
    assert_eq!(replayed.operations, model.operations);
    assert_eq!(again.operations(1).unwrap(), store.operations(1).unwrap());
    assert_eq!(Some(replayed.digest), store.operations(1).unwrap().first().map(|o| o.digest_after));
    again.embed_missing(&HashEmbedder, &mut |_, _| {}).unwrap();
    check(&again);
    compare(&again, &again, model);
    let refused = again.replay_with(store, &mut kernel, &mut |_, _| {});
    assert!(matches!(refused, Err(Error::NotEmpty { .. })), "{refused:?}");
}

#[test]
fn a_long_life_leaves_what_the_model_says() {
    let drill = told("GARNER_DRILL").is_some();
    let (most, lives): (u64, u64) = if drill { (100_000, 400) } else { (900, 6) };
    let seed: u64 = told("GARNER_SEED").map_or(7, |seed| seed.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let mut next = 0;
    let (mut kills, mut unsaid, mut compared, mut checked) = (0, 0, 0, Vec::new());
    while next < most {
        let (until, kill) =
            (most.min(next + most / lives), (next / (most / lives)).is_multiple_of(2));
        let told = if kill {
            let patience = Duration::from_micros((seed + next).wrapping_mul(7_919) % 400_000);
            live(folder.path(), Life { seed, next }, until, patience)
        } else {
            next
        };
        for number in next..told {
            model.apply(&change(seed, number, &model));
        }
        next = told;
        let mut store = open(folder.path(), Residency::Nothing);
        if kill && !reads_as(&store, &model) {
            // It was killed between the commit and its word.
            model.apply(&change(seed, next, &model));
            (next, unsaid) = (next + 1, unsaid + 1);
        }
        kills += u64::from(kill && next < until);
        let memory = open(folder.path(), Residency::Everything);
        memory.warm().unwrap();
        compare(&store, &memory, &model);
        // To check takes as long as the store lived: it is done ever less often.
        if checked.last().is_none_or(|last| next >= last * 6 / 5) {
            check(&store);
            checked.push(next);
        }
        while next < until {
            let change = change(seed, next, &model);
            let came = apply(&mut store, &change, &model);
            assert_eq!(came, model.apply(&change), "{next}: {change:?}");
            next += 1;
            if next % EVERY == 0 {
                compare(&store, &memory, &model);
                compared += 1;
            }
        }
        compare(&store, &memory, &model);
        compared += 2;
    }
    let store = open(folder.path(), Residency::Nothing);
    check(&store);
    live_again(&store, &model);
    let line = format!(
        "{next} changes, {} operations, {kills} kills, {unsaid} between commit and word, compared \
         {compared} times, checked {} times",
        model.operations,
        checked.len() + 1
    );
    writeln!(std::io::stderr(), "{line}").unwrap();
    assert!(next == most && model.operations > most / 2 && kills > 0, "{line}");
}
