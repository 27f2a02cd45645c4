//! How large bundles are and how fast they are sealed and opened, beside stock tools.
//!
//! `cargo bench --bench bundle [-- --memory] [-- --save]`. `--memory` writes a bundle file of 1 GB
//! to the temporary folder, which has to hold it twice, and lets `garner verify` read it; `--save`
//! does so too and writes `benches/results/bundle.md`.
//!
//! Fragments come from a seed ([`corpus`]): statements of 12 to 25 words out of 4000, one source
//! and one tag each. Steps are timed one by one over the bytes of the same bundle ([`steps`]);
//! what they do not add up to is the rest. Times are those of the one thread that does the work,
//! on a processor, so that they hold on a machine that does other things as well.

#![expect(
    clippy::cast_possible_truncation,
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    clippy::manual_is_multiple_of,
    clippy::ignored_unit_patterns,
    clippy::needless_question_mark,
    reason = "a benchmark on machines of 64 bits, whose steps read top to bottom"
)]

#[path = "bundle/clock.rs"]
mod clock;
#[path = "bundle/corpus.rs"]
mod corpus;
#[path = "bundle/gates.rs"]
mod gates;
#[path = "bundle/large.rs"]
mod large;
#[path = "bundle/machine.rs"]
mod machine;
#[path = "bundle/numbers.rs"]
mod numbers;
#[path = "bundle/page.rs"]
mod page;
#[path = "bundle/peak.rs"]
mod peak;
#[path = "bundle/peers.rs"]
mod peers;
#[path = "bundle/publisher.rs"]
mod publisher;
#[path = "bundle/steps.rs"]
mod steps;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use garner_kernel::bundle::{self, Role};
use garner_kernel::{Contents, record};

use clock::timed;
use corpus::Corpus;
use page::{Delta, Gates, Memory, Numbers, Page, Rounds};
use peers::Peers;
use publisher::Publisher;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How many fragments there are, how often they are sealed and how often opened.
const SIZES: [(u64, usize, usize); 3] = [(1_000, 5, 50), (10_000, 3, 15), (100_000, 3, 5)];
/// Above this many bytes the kernel compresses at the level for large bases.
const LARGE: usize = 8 << 20;
/// The size of the bundle that has to be read in little memory.
const GIGABYTE: u64 = 1_000_000_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let mut out = std::io::stdout().lock();
    let publisher = Publisher::new()?;
    let mut page = Page { peers: peers::versions(), ..Page::default() };
    for (count, sealings, openings) in SIZES {
        writeln!(out, "{count} fragments")?;
        page.sizes.push(measure(count, [sealings, openings], &publisher, &page)?);
    }
    page.delta = Some(delta(&publisher)?);
    page.gates = Some(held(&publisher)?);
    if has("--memory") || has("--save") {
        writeln!(out, "a bundle file of {GIGABYTE} bytes")?;
        page.memory = Some(memory()?);
    }
    let text = page.to_text();
    writeln!(out, "{text}")?;
    if has("--save") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results/bundle.md");
        std::fs::write(&path, text)?;
        writeln!(out, "saved as {}", path.display())?;
    }
    Ok(())
}

/// Calls `work` several times and returns its last value, and how long each call took.
fn rounds<T>(count: usize, mut work: impl FnMut() -> Result<T>) -> Result<(T, Rounds)> {
    let (value, first) = timed(&mut work);
    let (mut value, mut all) = (value?, vec![first]);
    for _ in 1..count {
        // What was made before is dropped first, and is not timed.
        drop(value);
        let (next, seconds) = timed(&mut work);
        value = next?;
        all.push(seconds);
    }
    Ok((value, Rounds::of(all)))
}

/// Takes steps several times and returns the fastest of each.
fn best(
    count: usize,
    mut work: impl FnMut() -> Result<Vec<steps::Step>>,
) -> Result<Vec<steps::Step>> {
    let mut best = work()?;
    for _ in 1..count {
        for (best, (_, seconds)) in best.iter_mut().zip(work()?) {
            best.1 = if seconds.processor < best.1.processor { seconds } else { best.1 };
        }
    }
    Ok(best)
}

fn measure(
    count: u64,
    [sealings, openings]: [usize; 2],
    publisher: &Publisher,
    page: &Page,
) -> Result<Numbers> {
    let contents = Corpus::new(1, count).contents(count)?;
    let raw: String = contents.all().iter().map(|change| record::line(change) + "\n").collect();
    let (sealed, seal) = rounds(sealings, || publisher.seal(&contents, None))?;
    let file = sealed.bundle.to_bytes();
    let level = if raw.len() > LARGE { 9 } else { 16 };
    let sealing = best(sealings, || steps::sealing(&contents, &sealed.bundle, publisher, level))?;
    let (opened, open) = rounds(openings, || publisher.open(&file))?;
    if opened != contents {
        return Err("other contents came back".into());
    }
    let (verified, verify) = rounds(openings, || publisher.verify(&file))?;
    if verified != count {
        return Err("another count came back".into());
    }
    let opening = best(openings, || steps::opening(&file, publisher))?;
    let (_, json) = rounds(openings, || Ok(steps::any_json(&raw)?))?;
    let peers: Option<Peers> = match page.peers {
        Some(_) => Some(peers::run(raw.as_bytes(), publisher)?),
        None => None,
    };
    let (raw, file) = (raw.len() as u64, file.len() as u64);
    Ok(Numbers { count, raw, file, level, seal, sealing, open, verify, opening, json, peers })
}

/// Measures a version in which one fragment in a hundred changed and two were added.
fn delta(publisher: &Publisher) -> Result<Delta> {
    let mut corpus = Corpus::new(1, 10_000);
    let before = corpus.contents(10_000)?;
    let after = corpus.grown(&before)?;
    let first = publisher.seal(&before, None)?;
    let (parent, _) =
        bundle::open_parent(&first.bundle, &publisher.anchor()?, &[&publisher.device])?;
    let (sealed, seal) = rounds(15, || publisher.seal(&after, Some(&parent)))?;
    let file = sealed.bundle.to_bytes();
    let (opened, open) = rounds(15, || publisher.open(&file))?;
    let object = sealed.manifest.objects.iter().find(|object| object.role == Role::Delta);
    let object =
        object.filter(|_| opened == after).ok_or("the delta does not lead to what it should")?;
    let changed = before.changes_to(&after).len();
    Ok(Delta { changed, bytes: object.file.size, raw: object.raw_size, seal, open })
}

fn held(publisher: &Publisher) -> Result<Gates> {
    let mut corpus = Corpus::new(1, 10_000);
    let mut versions: Vec<Contents> = vec![corpus.contents(10_000)?];
    for _ in 1..3 {
        let newest = versions.last().ok_or("a version")?;
        let next = corpus.grown(newest)?;
        versions.push(next);
    }
    let bomb = gates::header_bombs(publisher)?;
    let pull = |tags| gates::pull_of_nothing_new(&versions, publisher, tags);
    Ok(Gates { bomb, pull: [pull(false)?, pull(true)?] })
}

/// Lets `garner verify` read a large bundle file, with the key of a machine of its own.
fn memory() -> Result<Memory> {
    let folder = tempfile::tempdir()?;
    let garner = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_garner"));
        command.args(arguments).env_clear().current_dir(folder.path());
        for (variable, name) in [
            ("HOME", "home"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            command.env(variable, folder.path().join(name));
        }
        command
    };
    let said = |arguments: &[&str]| -> Result<String> {
        let output = garner(arguments).output()?;
        let ok = output.status.success().then_some(output.stdout);
        Ok(String::from_utf8(ok.ok_or_else(|| format!("`garner {arguments:?}` failed"))?)?)
    };
    said(&["setup"])?;
    let path = folder.path().join("large.kernel");
    let recipient = said(&["key", "show", "device"])?.trim().parse()?;
    let (large, writing) = timed(|| large::write(&path, GIGABYTE, recipient));
    let large = large?;
    said(&["channel", "trust", publisher::CHANNEL, &large.repository.to_string()])?;
    let ran = peak::run(garner(&["verify", "large.kernel"]))?;
    let text = String::from_utf8_lossy(&ran.output.stdout).into_owned();
    if !ran.output.status.success() || !text.contains("records") {
        let why = String::from_utf8_lossy(&ran.output.stderr);
        return Err(format!("`garner verify` failed: {text}{why}").into());
    }
    Ok(Memory { large, writing, seconds: ran.seconds, peak: ran.peak })
}
