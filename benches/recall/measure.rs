//! Processes that measure, each of them one system at one size.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::corpus::Corpus;
use super::garner::Garner;
use super::operations::{
    Asked, BULK, BYTES, KEPT, MEMORY, ONE_SHOT, Outcome, Run, SEALED, System as _, quality,
};
use super::question;
use super::sample::{Patience, Sample, timed};

/// Measures Garner and prints samples.
pub(crate) fn garner(size: u64, folder: &Path) -> Outcome<()> {
    let corpus = Corpus::new();
    let mut run = Run { corpus: &corpus, size, out: std::io::stdout().lock() };
    let (garner, written) = Garner::load(&corpus, size, folder)?;
    let rows = size as f64;
    run.print(Some(Sample::once(BULK, rows / written.seconds, rows)))?;
    run.print(Some(Sample::once(SEALED, rows / (written.seconds + written.before), rows)))?;
    run.print(Some(Sample::once(BYTES, garner.closed_bytes()? as f64 / rows, rows)))?;
    let mut garner = Garner::open(size, folder)?;
    run.measure(&mut garner)?;
    run.print(Some(Sample::once(KEPT, garner.kept_bytes() as f64, rows)))?;
    let found = |question: &super::corpus::Question| garner.approximate(&question.vector);
    run.print(Some(quality(&corpus, size, found)?))?;
    run.print(high_water_mark().map(|bytes| Sample::once(MEMORY, bytes, 1.0)))
}

/// Opens a store, asks one question and returns how many hits there are.
pub(crate) fn once(folder: &Path, size: u64, asked: &Path) -> Outcome<usize> {
    let (text, vector) = question::read(asked)?;
    let mut garner = Garner::open_once(size, folder)?;
    Ok(garner.search(Asked::both(&text, &vector))?.unwrap_or_default().len())
}

/// A program, and the arguments that it is called with.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
}

impl Program {
    pub(crate) fn new(path: &Path, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
        Self { path: path.to_owned(), arguments }
    }

    /// Runs it and returns what it prints.
    pub(crate) fn output(&self) -> Outcome<String> {
        let mut command = Command::new(&self.path);
        let output = command.args(&self.arguments).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("`{}` failed", self.arguments.join(" ")).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs it and returns the samples that it prints.
    pub(crate) fn samples(&self) -> Outcome<Vec<Sample>> {
        Ok(self.output()?.lines().map(str::parse).collect::<Result<_, _>>()?)
    }

    /// Times the whole process, many times.
    pub(crate) fn one_shot(&self) -> Outcome<Option<Sample>> {
        let patience = Patience { warm: 5, seconds: 4.0, least: 5, most: 50 };
        timed(ONE_SHOT, patience, |_| Ok(Some(self.output()?.trim().parse()?)))
    }
}

/// How many bytes a second are read from memory, by one thread that adds them up.
pub(crate) fn bandwidth() -> f64 {
    // 512 MiB: more than any cache holds.
    let numbers: Vec<u64> = (0..64 << 20).collect();
    let once = || {
        let start = Instant::now();
        let mut sums = [0_u64; 16];
        for chunk in numbers.as_chunks::<16>().0 {
            sums.iter_mut().zip(chunk).for_each(|(sum, number)| *sum = sum.wrapping_add(*number));
        }
        std::hint::black_box(sums);
        (numbers.len() * 8) as f64 / start.elapsed().as_secs_f64()
    };
    (0..7).map(|_| once()).fold(0.0, f64::max)
}

/// Returns the most memory that this process had at once, in bytes.
fn high_water_mark() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kibibytes| kibibytes * 1024.0)
}
