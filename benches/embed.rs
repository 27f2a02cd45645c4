//! How soon and how fast the two engines of the embedding model answer, and in how much memory.
//!
//! `cargo bench --bench embed [-- --save]`; `--save` writes `benches/results/embed.md`. The model has
//! to be installed (`garner model install`). Each engine is measured in a process of its own, so
//! that its memory is its own; texts come from a seed. Both use two threads at most, as `garner` does.

#![expect(
    clippy::cast_precision_loss,
    reason = "a benchmark, whose numbers are rounded to three digits anyway"
)]

#[path = "bundle/machine.rs"]
mod machine;
#[path = "embed/page.rs"]
mod page;
#[path = "embed/texts.rs"]
mod texts;

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use garner_embed::{DirectMiniLm, MiniLm, ModelFiles};
use garner_kernel::{Embedder, Vector};
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How often a process is started, and how often a text is embedded in each.
const STARTS: usize = 5;
const ROUNDS: usize = 40;
const THREADS: usize = 2;
const ENGINES: [&str; 2] = ["direct", "onnx"];

/// What one process measured; seconds and bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Numbers {
    load: f64,
    rss_after_load: u64,
    first: f64,
    short: f64,
    long: f64,
    batch: f64,
    peak: u64,
    vectors: Vec<Vec<f32>>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout().lock();
    if let [child, engine] = &arguments[..]
        && child == "--engine"
    {
        return Ok(serde_json::to_writer(out, &measure(engine)?)?);
    }
    let mut engines: [Vec<Numbers>; 2] = Default::default();
    // In turns, so that what else the machine does falls on both.
    for _ in 0..STARTS {
        for (engine, numbers) in ENGINES.iter().zip(&mut engines) {
            numbers.push(start(engine)?);
        }
    }
    let distance = distance(&engines)?;
    let text = page::to_text(&engines.map(|numbers| medians(&numbers)), distance);
    writeln!(out, "{text}")?;
    if arguments.iter().any(|argument| argument == "--save") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results/embed.md");
        std::fs::write(&path, text)?;
        writeln!(out, "saved as {}", path.display())?;
    }
    Ok(())
}

/// Measures one engine in a process of its own.
fn start(engine: &str) -> Result<Numbers> {
    let output = Command::new(std::env::current_exe()?).args(["--engine", engine]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn measure(engine: &str) -> Result<Numbers> {
    let (short, long, batch) = (texts::SHORT, texts::long(0), texts::batch());
    let files = files()?;
    let start = Instant::now();
    let model: Box<dyn Embedder> = match engine {
        "direct" => Box::new(DirectMiniLm::open(&files, THREADS)?),
        _ => Box::new(MiniLm::open(&files, THREADS)?),
    };
    let load = start.elapsed().as_secs_f64();
    let rss_after_load = memory("VmRSS:")?;
    model.embed(&[short])?;
    let first = start.elapsed().as_secs_f64();
    let short = median_of_rounds(&*model, short)?;
    let long = median_of_rounds(&*model, &long)?;
    let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
    let start = Instant::now();
    let vectors = model.embed(&batch)?;
    let batch = start.elapsed().as_secs_f64();
    let vectors = vectors.iter().map(|vector| vector.as_slice().to_vec()).collect();
    let peak = memory("VmHWM:")?;
    Ok(Numbers { load, rss_after_load, first, short, long, batch, peak, vectors })
}

fn median_of_rounds(model: &dyn Embedder, text: &str) -> Result<f64> {
    // The first round after another length is not like the others.
    model.embed(&[text])?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        model.embed(&[text])?;
        rounds.push(start.elapsed().as_secs_f64());
    }
    Ok(median(rounds))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Returns the median of each number over the processes of one engine.
fn medians(all: &[Numbers]) -> Numbers {
    let of = |number: fn(&Numbers) -> f64| median(all.iter().map(number).collect());
    let most = |number: fn(&Numbers) -> u64| all.iter().map(number).max().unwrap_or_default();
    Numbers {
        load: of(|n| n.load),
        rss_after_load: most(|n| n.rss_after_load),
        first: of(|n| n.first),
        short: of(|n| n.short),
        long: of(|n| n.long),
        batch: of(|n| n.batch),
        peak: most(|n| n.peak),
        vectors: Vec::new(),
    }
}

/// Returns the largest cosine distance between the vectors of the two engines.
fn distance([direct, onnx]: &[Vec<Numbers>; 2]) -> Result<f64> {
    let vectors = |numbers: &[Numbers]| -> Result<Vec<Vec<f32>>> {
        Ok(numbers.first().ok_or("no numbers")?.vectors.clone())
    };
    let (direct, onnx) = (vectors(direct)?, vectors(onnx)?);
    let mut largest = 0.0_f64;
    for (direct, onnx) in direct.into_iter().zip(onnx) {
        let vector = |components| Vector::normalized(components).ok_or("not a vector");
        let (direct, onnx) = (vector(direct)?, vector(onnx)?);
        let parts = direct.as_slice().iter().zip(onnx.as_slice());
        let cosine: f64 = parts.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        largest = largest.max(1.0 - cosine);
    }
    Ok(largest)
}

/// Returns a line of `/proc/self/status`, in bytes.
fn memory(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}

/// Finds the model where `garner` keeps it.
fn files() -> Result<ModelFiles> {
    let path = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = path("XDG_CACHE_HOME").or_else(|| path("HOME").map(|home| home.join(".cache")));
    let folder = path("GARNER_MODEL_DIR").or(cache.map(|cache| cache.join("garner/models")));
    let folder = folder.ok_or("no folder of the model")?;
    Ok(ModelFiles::find(&folder, path("ORT_DYLIB_PATH").as_deref())?)
}
