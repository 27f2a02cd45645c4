//! Store and recall beside the crate `memori-ai-core`, over the same texts, vectors and questions.
//!
//! `cargo bench --bench recall [-- --sizes 1000,10000] [--garner-most 100000] [--save]`; `--save`
//! writes `benches/results/recall.md` and `recall.svg`. The peer is the package `benches/peer/`,
//! which this builds. Each system is measured in a process of its own, since the two cannot be one
//! binary: both bring SQLite.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::manual_is_multiple_of,
    dead_code,
    reason = "a benchmark on machines of 64 bits, which shares files with another"
)]

#[path = "recall/comparison.rs"]
mod comparison;
#[path = "recall/corpus.rs"]
mod corpus;
#[path = "recall/garner.rs"]
mod garner;
#[path = "bundle/machine.rs"]
mod machine;
#[path = "recall/measure.rs"]
mod measure;
#[path = "bundle/numbers.rs"]
mod numbers;
#[path = "recall/operations.rs"]
mod operations;
#[path = "recall/page.rs"]
mod page;
#[path = "recall/plot.rs"]
mod plot;
#[path = "bundle/publisher.rs"]
mod publisher;
#[path = "recall/question.rs"]
mod question;
#[path = "recall/sample.rs"]
mod sample;
#[path = "recall/vectors.rs"]
mod vectors;
#[path = "recall/words.rs"]
mod words;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use comparison::{Comparison, SETUPS};
use corpus::Corpus;
use measure::Program;
use operations::Outcome;
use page::Page;

const SIZES: &str = "1000,10000,100000,500000";
/// How many fragments the peer is given at most, unless `--peer-most` says otherwise: each of its
/// questions takes seconds after that.
const PEER_MOST: &str = "100000";

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--one", size, folder] => measure::garner(size.parse()?, Path::new(folder)),
        ["--once", folder, size, question] => {
            let hits = measure::once(Path::new(folder), size.parse()?, Path::new(question))?;
            Ok(writeln!(std::io::stdout(), "{hits}")?)
        }
        words => compare(words),
    }
}

fn compare(words: &[&str]) -> Outcome<()> {
    let after = |flag: &str| {
        let at = words.iter().position(|word| *word == flag)?;
        words.get(at + 1).copied()
    };
    let sizes = after("--sizes").unwrap_or(SIZES).split(',').map(str::parse);
    let sizes: Vec<u64> = sizes.collect::<Result<_, _>>()?;
    let most: u64 = after("--peer-most").unwrap_or(PEER_MOST).parse()?;
    let mut out = std::io::stdout().lock();
    let peer = build_peer()?;
    let fingerprint = same_corpus(&peer)?;
    let bandwidth = measure::bandwidth();
    writeln!(out, "one thread reads {:.1} GB/s", bandwidth / 1e9)?;
    let mut comparisons = Vec::new();
    for size in sizes {
        let folder = tempfile::tempdir()?;
        let mut comparison = Comparison { size, ..Comparison::default() };
        let corpus = Corpus::new();
        let asked = corpus.questions(1, size);
        let question = folder.path().join("question");
        question::write(&question, asked.first().ok_or("there is a question")?)?;
        for setup in SETUPS.into_iter().filter(|_| size <= most) {
            writeln!(out, "{size} fragments: the peer, {setup}")?;
            comparison.peer.push((setup, of_peer(&peer, setup, size, folder.path())?));
        }
        writeln!(out, "{size} fragments: Garner")?;
        comparison.garner = of_garner(size, folder.path())?;
        comparisons.push(comparison);
    }
    let nearness = Program::new(&peer, &["nearness", "100000"]).output()?.trim().to_owned();
    let arguments: Vec<&str> = words.iter().copied().filter(|word| *word != "--bench").collect();
    let page =
        Page { arguments: arguments.join(" "), comparisons, bandwidth, nearness, fingerprint };
    let text = page.to_text();
    writeln!(out, "{text}")?;
    if words.contains(&"--save") {
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results");
        std::fs::write(results.join("recall.md"), text)?;
        std::fs::write(results.join("recall.svg"), plot::plot(&page.comparisons, bandwidth))?;
        writeln!(out, "saved in {}", results.display())?;
    }
    Ok(())
}

/// Builds the peer beside what cargo builds, and returns its program.
fn build_peer() -> Outcome<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peer");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer/Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .status()?;
    if !status.success() {
        return Err("the peer cannot be built".into());
    }
    Ok(target.join("release").join(format!("peer{}", std::env::consts::EXE_SUFFIX)))
}

/// Checks that both programs make the same texts and vectors.
fn same_corpus(peer: &Path) -> Outcome<u64> {
    let size = 1_000;
    let ours = corpus::fingerprint(&Corpus::new(), size);
    let theirs = Program::new(peer, &["fingerprint", &size.to_string()]).output()?;
    if theirs.trim() == ours.to_string() {
        return Ok(ours);
    }
    Err("the two programs make different texts or vectors".into())
}

fn of_peer(peer: &Path, setup: &str, size: u64, folder: &Path) -> Outcome<Vec<sample::Sample>> {
    let place = folder.join(setup);
    std::fs::create_dir(&place)?;
    let named = path(&place)?;
    let mut samples =
        Program::new(peer, &["measure", setup, &size.to_string(), named]).samples()?;
    if setup == "file" {
        let (file, question) = (place.join("file.db"), folder.join("question"));
        let program = Program::new(peer, &["once", path(&file)?, path(&question)?]);
        samples.extend(program.one_shot()?);
    }
    // Half a million take gigabytes.
    std::fs::remove_dir_all(&place)?;
    Ok(samples)
}

fn of_garner(size: u64, folder: &Path) -> Outcome<Vec<sample::Sample>> {
    let (place, question) = (folder.join("garner"), folder.join("question"));
    let this = std::env::current_exe()?;
    let (place, size) = (path(&place)?, size.to_string());
    let mut samples = Program::new(&this, &["--one", &size, place]).samples()?;
    let program = Program::new(&this, &["--once", place, &size, path(&question)?]);
    samples.extend(program.one_shot()?);
    Ok(samples)
}

fn path(path: &Path) -> Outcome<&str> {
    path.to_str().ok_or_else(|| "a path is not text".into())
}
