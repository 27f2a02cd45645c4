//! A bit that flips on the disk: in every page of a store, and in every file of a channel.
//!
//! Either a check finds it and names it, and what the runbook says brings the machine back; or
//! nothing that anybody can read is another.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use garner_kernel::Digest;
use garner_loader::inject::Tokens;
use garner_loader::{InjectionEvent, OpenOptions, Score, Store};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::scene::Scene;
use super::{AT_ONCE, Length};
use crate::dice::Dice;
use crate::world::{NOW, World, text};

const QUESTION: &str = "which command runs before every commit?";
/// How many bits flip in each part.
const EACH: Length = Length { short: 1, faults: 16, full: 64 };
/// A page of the store, in bytes.
const PAGE: usize = 8_192;

/// What came of the flips.
#[derive(Debug, Default)]
struct Tally {
    flipped: usize,
    found: usize,
    harmless: usize,
    recovered: usize,
    unnoticed: usize,
    wrong: Vec<String>,
}

/// A machine with a store that holds something of everything, and its backup.
fn machine() -> Scene {
    let world = World::of_day_one();
    world.learn("day-two.jsonl");
    for typed in ["Read the gauge twice.", "The gauge is in the cellar."] {
        world.ok(&["fragment", "add", typed]);
    }
    let list = world.json(&["fragment", "list"]);
    let id = |at: usize| list["fragments"][at]["id"].as_str().unwrap().to_owned();
    world.ok(&["fragment", "pin", &id(0)]);
    world.ok(&["fragment", "remove", &id(1)]);
    world.ok(&["rollback", "notes@1"]);
    let mut store = Store::open(&world.path("data/garner"), &OpenOptions::write()).unwrap();
    store
        .record_injection(&InjectionEvent {
            at: NOW.parse().unwrap(),
            model: "llama3.2".to_owned(),
            prompt: Digest::of(b"a prompt"),
            placed: vec![(id(0).parse().unwrap(), Some(Score::new(0.5)))],
            tokens: Tokens::new(12),
            left_out: vec![],
        })
        .unwrap();
    drop(store);
    fs::create_dir(world.path("usb")).unwrap();
    world.ok(&["store", "backup", "--to", &format!("file:{}", text(&world.path("usb")))]);
    Scene::new(world, &["verify"])
}

/// What anybody can learn from a store.
#[derive(Debug, PartialEq, Eq)]
struct Answers(Vec<Value>);

impl Answers {
    fn of(world: &World) -> Self {
        let asked = [
            &["recall", "--explain", QUESTION][..],
            &["recall", "-k", "20", "gauge"],
            &["fragment", "list"],
            &["log", "--injections"],
        ];
        Self(asked.map(|arguments| world.json(arguments)).into())
    }
}

/// Returns every row of every table, and what the header says of how to read them.
fn rows(path: &Path) -> rusqlite::Result<Vec<String>> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let strings = |sql: &str| -> rusqlite::Result<Vec<String>> {
        let mut statement = db.prepare(sql)?;
        let columns = statement.column_count();
        let show = |row: &rusqlite::Row<'_>| -> rusqlite::Result<String> {
            let cells = (0..columns).map(|at| Ok(format!("{:?}", row.get_ref(at)?)));
            Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join(" "))
        };
        statement.query_map([], show)?.collect()
    };
    let mut rows = strings("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name")?;
    for pragma in ["user_version", "application_id", "encoding", "page_size", "auto_vacuum"] {
        rows.extend(strings(&format!("PRAGMA {pragma}"))?);
    }
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' \
                  AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name";
    let mut statement = db.prepare(tables)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    for name in names.collect::<rusqlite::Result<Vec<_>>>()? {
        let mut of_table = strings(&format!("SELECT * FROM \"{name}\""))?;
        of_table.sort();
        rows.extend(of_table.into_iter().map(|row| format!("{name}: {row}")));
    }
    Ok(rows)
}

/// Which bit of a file flips.
#[derive(Debug, Clone, Copy)]
struct Flip {
    byte: usize,
    bit: usize,
}

impl Flip {
    fn befall(self, path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        bytes[self.byte] ^= 1 << self.bit;
        fs::write(path, bytes).unwrap();
    }
}

/// Returns `each` flips of every part of a file that is `part` bytes long, half of them in its first
/// bytes, which say how to read the rest.
fn flips(path: &Path, part: usize, each: usize) -> Vec<Flip> {
    let size = fs::read(path).unwrap().len();
    let mut dice = Dice(size as u64);
    let mut flips = Vec::new();
    for start in (0..size).step_by(part) {
        let length = part.min(size - start);
        for at in 0..each {
            let among = if at % 2 == 0 { length } else { length.min(100) };
            flips.push(Flip { byte: start + dice.below(among), bit: dice.below(8) });
        }
    }
    flips
}

/// Runs a command whose status somebody looks at; it may not break down.
fn say(world: &World, arguments: &[&str]) -> Result<(i32, String), String> {
    let output = world.run(arguments);
    let told = format!("{}{}", output.stdout, output.stderr);
    if told.contains("panicked") || !(0..70).contains(&output.status) {
        return Err(format!("garner {arguments:?} broke down, {}: {told}", output.status));
    }
    Ok((output.status, told))
}

/// Runs a command that must succeed.
fn works(world: &World, arguments: &[&str]) -> Result<(), String> {
    match say(world, arguments)? {
        (0, _) => Ok(()),
        (status, told) => Err(format!("garner {arguments:?}: {status}: {told}")),
    }
}

/// Where no check finds every flip: which part of the text index a row came with.
const UNTOLD: [&str; 1] = ["text_index_docsize: "];

/// Counts what came of a flip: found or not, and what came of that.
impl Tally {
    fn count(&mut self, what: &str, came: Result<Found, String>) {
        self.flipped += 1;
        match came {
            Ok(Found::Recovered) => {
                self.found += 1;
                self.recovered += 1;
            }
            Ok(Found::Harmless) => self.harmless += 1,
            Ok(Found::Unnoticed) => self.unnoticed += 1,
            Err(wrong) => self.wrong.push(format!("{what}: {wrong}")),
        }
    }
}

/// What came of a flip that nothing is wrong with.
enum Found {
    Recovered,
    Harmless,
    Unnoticed,
}

#[test]
fn a_bit_that_flips_in_the_store_is_found_and_mended_or_changes_nothing() {
    let tally = on_machines(&|scene, share| {
        let path = scene.world.store();
        let (known, answers) = (rows(&path).unwrap(), Answers::of(&scene.world));
        let mut tally = Tally::default();
        for flip in share.of(flips(&path, PAGE, EACH.get())) {
            scene.restore("before");
            flip.befall(&path);
            let came = in_store(&scene.world, &known, &answers);
            tally.count(&format!("page {}, {flip:?}", flip.byte / PAGE + 1), came);
        }
        tally
    });
    report("bits of the store", &tally);
}

fn in_store(world: &World, known: &[String], answers: &Answers) -> Result<Found, String> {
    let (status, told) = say(world, &["verify"])?;
    if status == 0 {
        let now = rows(&world.store()).map_err(|e| format!("not found, and {e}"))?;
        let differ: Vec<_> = now.iter().zip(known).filter(|(now, known)| now != known).collect();
        let told =
            |(now, _): &&(&String, &String)| UNTOLD.iter().any(|table| now.starts_with(table));
        if now.len() == known.len() && !differ.is_empty() && differ.iter().all(|pair| told(&pair)) {
            return Ok(Found::Unnoticed);
        }
        if let Some((now, known)) = differ.first() {
            return Err(format!("not found: {now} instead of {known}"));
        }
        if now.len() != known.len() || Answers::of(world) != *answers {
            return Err("not found: it answers something else".to_owned());
        }
        return Ok(Found::Harmless);
    }
    if !told.contains("store restore latest") {
        return Err(format!("nobody says what to do: {told}"));
    }
    works(world, &["store", "restore", "latest", "--yes"])?;
    works(world, &["verify"])?;
    if Answers::of(world) != *answers {
        return Err("it was brought back and answers something else".to_owned());
    }
    Ok(Found::Recovered)
}

/// Which flips one of several machines takes.
#[derive(Clone, Copy)]
struct Share {
    number: usize,
    machines: usize,
}

impl Share {
    fn of<T>(self, all: Vec<T>) -> impl Iterator<Item = T> {
        all.into_iter().skip(self.number).step_by(self.machines)
    }
}

/// Runs a test on several machines at once, each of which takes its share.
fn on_machines(run: &(dyn Fn(&Scene, Share) -> Tally + Sync)) -> Tally {
    let all = Mutex::new(Tally::default());
    let machines = AT_ONCE.get();
    thread::scope(|scope| {
        for number in 0..machines {
            let all = &all;
            scope.spawn(move || {
                let tally = run(&machine(), Share { number, machines });
                let mut all = all.lock().unwrap();
                all.flipped += tally.flipped;
                all.found += tally.found;
                all.harmless += tally.harmless;
                all.recovered += tally.recovered;
                all.unnoticed += tally.unnoticed;
                all.wrong.extend(tally.wrong);
            });
        }
    });
    all.into_inner().unwrap()
}

fn report(title: &str, tally: &Tally) {
    let Tally { flipped, found, harmless, recovered, unnoticed, wrong } = tally;
    eprintln!(
        "{title}: {flipped} flipped, {found} found, {recovered} recovered, {harmless} harmless, \
         {unnoticed} unnoticed"
    );
    let shown: Vec<String> = wrong.iter().take(40).map(|wrong| format!("{wrong}\n")).collect();
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), shown.concat());
}
