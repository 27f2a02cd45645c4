//! The peer of `benches/recall.rs`: the crate `memori-ai-core` over the same texts, vectors and
//! questions.
//!
//! `peer measure SETUP SIZE FOLDER` prints samples, `peer once FILE QUESTION` opens a file, asks one
//! question and prints how many texts were found, `peer fingerprint SIZE` what both sides must have in
//! common, `peer nearness SIZE` how near vectors lie.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    dead_code,
    reason = "a benchmark on machines of 64 bits, which shares files with another"
)]

#[path = "../../recall/corpus.rs"]
mod corpus;
mod memori;
#[path = "../../bundle/numbers.rs"]
mod numbers;
#[path = "../../recall/operations.rs"]
mod operations;
#[path = "../../recall/question.rs"]
mod question;
#[path = "../../recall/sample.rs"]
mod sample;
#[path = "../../recall/vectors.rs"]
mod vectors;
#[path = "../../recall/words.rs"]
mod words;

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;

use corpus::Corpus;
use memori::{Memori, Setup};
use operations::{
    Asked, BULK, BULK_SINGLY, BYTES, COMPACT_BYTES, MEMORY, Outcome, Run, System as _, quality,
};
use sample::Sample;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = std::io::stdout().lock();
    match words.as_slice() {
        ["measure", setup, size, folder] => {
            measure(setup.parse()?, size.parse()?, Path::new(folder))
        }
        ["once", file, asked] => {
            let (text, vector) = question::read(Path::new(asked))?;
            let mut memori = Memori::open(Setup::File, Path::new(file))?;
            let hits = memori.search(Asked::both(&text, &vector))?.unwrap_or_default();
            Ok(writeln!(out, "{}", hits.len())?)
        }
        ["fingerprint", size] => {
            Ok(writeln!(out, "{}", corpus::fingerprint(&Corpus::new(), size.parse()?))?)
        }
        ["nearness", size] => {
            let (any, nearest) = corpus::nearness(&Corpus::new(), 50, size.parse()?);
            Ok(writeln!(out, "any two {any:.3}, nearest {nearest:.3}")?)
        }
        _ => Err("measure SETUP SIZE FOLDER | once FILE QUESTION | fingerprint SIZE".into()),
    }
}

/// How many rows are written in a transaction each, to learn how many a second.
const SINGLY: u64 = 5_000;

fn measure(setup: Setup, size: u64, folder: &Path) -> Outcome<()> {
    let corpus = Corpus::new();
    let mut run = Run { corpus: &corpus, size, out: std::io::stdout().lock() };
    if setup == Setup::File {
        let mut memori = Memori::open(setup, &folder.join("singly.db"))?;
        let rows = size.min(SINGLY);
        let seconds = memori.write_singly(&corpus, rows)?;
        run.print(Some(Sample::once(BULK_SINGLY, rows as f64 / seconds, rows as f64)))?;
    }
    let file = folder.join(format!("{}.db", setup.as_str()));
    let mut memori = Memori::open(setup, &file)?;
    let seconds = memori.write_at_once(&corpus, size)?;
    run.print(Some(Sample::once(BULK, size as f64 / seconds, size as f64)))?;
    if setup != Setup::Memory {
        let bytes = memori.settled_bytes(&file)?;
        run.print(Some(Sample::once(BYTES, bytes as f64 / size as f64, size as f64)))?;
    }
    // Its search is exact: anything below 1 would be a mistake of the measure.
    if setup == Setup::Memory && size <= 10_000 {
        let names: HashMap<String, u64> =
            (0..size).map(|at| Ok((memori.id(&corpus, at)?, at))).collect::<Outcome<_>>()?;
        let sample = quality(&corpus, size, |question| {
            let hits = memori.search(Asked::vector(&question.vector))?.unwrap_or_default();
            Ok(hits.iter().filter_map(|id| names.get(id).copied()).collect())
        })?;
        run.print(Some(sample))?;
    }
    run.measure(&mut memori)?;
    if let Some(bytes) = most_memory() {
        run.print(Some(Sample::once(MEMORY, bytes, 1.0)))?;
    }
    // Half a million take minutes, and give the same figure.
    if setup == Setup::File && size <= 100_000 {
        let rows = memori.count()? as f64;
        memori.vacuum()?;
        let bytes = memori.settled_bytes(&file)?;
        run.print(Some(Sample::once(COMPACT_BYTES, bytes as f64 / rows, rows)))?;
    }
    Ok(())
}

/// Returns the most memory that this process had at once, in bytes.
fn most_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kibibytes| kibibytes * 1024.0)
}
