//! How good and how fast distilling is: compiles labelled transcripts and compares with the labels,
//! then runs the corpora of poison, secrets and junk through the compiler.
//!
//! `cargo bench --bench distil [-- FOLDER] [-- --save]`; `--proposing` only shows what bounds a
//! model, `--corpora` ends after the corpora. The folder holds transcripts (`*.jsonl`)
//! and `gold.jsonl`; `--save` writes `benches/results/distil.md`.
//!
//! A *label* is one line of `gold.jsonl`: a statement that a transcript's line makes, and whether
//! it is durable (a later session should know it). A *fragment* meets a label when one of its
//! sources is that line of that file and it shares at least 30 % of the label's content words; pairs
//! are taken best first, each fragment and each label once.
//!
//! - *Precision over labels* is durable / (durable + not durable) over active fragments that meet a
//!   label. Fragments that meet none are *unlabelled*: the labels are not exhaustive, so they count
//!   neither way and are listed for a person to judge.
//! - A label with a `second` opinion that differs from `durable` is disputed: it is counted, and the
//!   fragment that meets it counts neither way.
//! - *Recall* is durable labels met / durable labels, by active fragments alone and together with
//!   candidates.

// The corpora, and the sessions that they are put into, are those of the tests.
#[allow(unused_imports, dead_code, clippy::all, clippy::pedantic, reason = "the tests use more")]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "they are tests")]
#[path = "../compiler/tests/it/junk.rs"]
mod junk;
#[allow(unused_imports, dead_code, clippy::all, clippy::pedantic, reason = "the tests use more")]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "they are tests")]
#[path = "../compiler/tests/it/log.rs"]
mod log;
#[allow(unused_imports, dead_code, clippy::all, clippy::pedantic, reason = "the tests use more")]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "they are tests")]
#[path = "../compiler/tests/it/poison.rs"]
mod poison;
#[allow(unused_imports, dead_code, clippy::all, clippy::pedantic, reason = "the tests use more")]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "they are tests")]
#[path = "../compiler/tests/it/secrets.rs"]
mod secrets;

#[path = "distil/corpora.rs"]
mod corpora;
#[path = "../compiler/tests/it/corpus.rs"]
mod corpus;
#[path = "distil/large.rs"]
mod large;
#[path = "bundle/peak.rs"]
mod peak;
#[path = "distil/proposing.rs"]
mod proposing;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use garner_compiler::{Compiler, Options, Session, provenance, read_session};
use garner_kernel::{Draft, Entry, FileName, Status};
use serde_json::Value;

/// The part of a label's content words that a fragment must share.
const OVERLAP: f64 = 0.3;
/// How many unlabelled fragments are printed per file.
const SAMPLE: usize = 12;
/// How often reading is repeated for the throughput.
const ROUNDS: u32 = 20;
/// How often the large transcript is compiled again from its start.
const LARGE_ROUNDS: u32 = 4;
/// The size of the large transcript, in bytes.
const LARGE: u64 = 1_000_000_000;

struct Label {
    file: String,
    line: u32,
    statement: String,
    durable: bool,
    /// Whether a second opinion differs.
    disputed: bool,
}

/// Counts over active and candidate fragments.
#[derive(Default, Clone, Copy)]
struct Tally {
    active: u32,
    durable: u32,
    not_durable: u32,
    unlabelled: u32,
    candidates: u32,
    durable_candidates: u32,
    quarantined: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.iter().find(|a| !a.starts_with('-')).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/transcripts"),
        PathBuf::from,
    );
    let mut out = std::io::stdout().lock();
    let all = arguments.iter().any(|a| a == "--all");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut report, mut samples) = (head(), String::new());
    let examples = (root.join("benches/distil/examples.jsonl"), root.join("examples/sessions"));
    let real = (folder.join("gold.jsonl"), folder);
    for (name, (labels, folder)) in [("Real transcripts", real), ("Example sessions", examples)] {
        if !labels.exists() {
            writeln!(out, "skipped: `{}` does not exist", labels.display())?;
            continue;
        }
        let model = proposing::rows(&labels, &folder, all)?;
        if arguments.iter().any(|a| a == "--proposing") {
            writeln!(out, "## {name}\n{}{model}", proposing::HEAD)?;
            continue;
        }
        let (page, sample) = evaluate(&labels, &folder, all)?;
        write!(report, "\n## {name}\n\n{page}{}{model}", proposing::HEAD)?;
        writeln!(samples, "## {name}\n{sample}")?;
    }
    if arguments.iter().any(|a| a == "--proposing") {
        return Ok(());
    }
    let corpora = corpora::page();
    if arguments.iter().any(|a| a == "--corpora") {
        writeln!(out, "{corpora}")?;
        return Ok(());
    }
    report.push_str(&corpora);
    report.push_str(&large_transcript()?);
    // What people said in the transcripts is shown, and never saved into the repository.
    writeln!(out, "{report}\n## Unlabelled active fragments\n{samples}")?;
    if arguments.iter().any(|a| a == "--save") {
        let path = root.join("benches/results/distil.md");
        std::fs::write(&path, report)?;
        writeln!(out, "saved as {}", path.display())?;
    }
    Ok(())
}

/// Compiles a large transcript with the program, twice; returns what that took as Markdown.
fn large_transcript() -> Result<String, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("large.jsonl");
    let printed = folder.path().join("printed.json");
    let large = large::write(&path, LARGE)?;
    let run = || -> Result<(peak::Ran, f64), Box<dyn Error>> {
        let before = children();
        // What it prints goes to a file: nobody empties a pipe while its memory is watched.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" > \"$0\""]).arg(&printed);
        command.arg(env!("CARGO_BIN_EXE_garner")).args(["--json", "compile"]).arg(&path);
        command.env_clear().env("HOME", folder.path());
        let ran = peak::run(command)?;
        if !ran.output.status.success() {
            return Err(String::from_utf8_lossy(&ran.output.stderr).into());
        }
        let seconds = ran.seconds;
        Ok((ran, children().zip(before).map_or(seconds, |(after, before)| after - before)))
    };
    let load = load();
    // The first run warms the cache, and an empty home makes each next one start anew.
    let (mut whole, mut seconds) = run()?;
    let found: Value = serde_json::from_slice(&std::fs::read(&printed)?)?;
    for _ in 0..LARGE_ROUNDS {
        std::fs::remove_dir_all(folder.path().join(".local"))?;
        let (ran, took) = run()?;
        seconds = seconds.min(took);
        whole.peak = whole.peak.max(ran.peak);
    }
    let mut file = std::fs::OpenOptions::new().append(true).open(&path)?;
    let last = "{\"type\":\"user\",\"uuid\":\"last\",\"message\":{\"content\":\"from now on the loft stays dry\"}}\n";
    std::io::Write::write_all(&mut file, last.as_bytes())?;
    drop(file);
    let (on, again) = run()?;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = large.bytes as f64 / 1e6 / seconds;
    #[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
    let megabytes = |ran: &peak::Ran| ran.peak.map_or(f64::NAN, |bytes| bytes as f64 / 1e6);
    let memory = std::fs::metadata(folder.path().join(".local/state/garner/inputs/notes.jsonl"))?;
    Ok(format!(
        "\n## A large transcript\n\n\
         `garner compile` of one generated transcript of {size} bytes and {records} records, nearly all \
         of it what tools said, with {new} statements to find. The whole command, in seconds of one core: the best of \
         {rounds} runs and the highest of their peaks{load}:\n\n\
         | | seconds | MB/s | peak memory, MB |\n|---|---|---|---|\n\
         | from its start | {seconds:.1} | {rate:.0} | {peak:.0} |\n\
         | one line was added | {again:.2} | - | {peak_again:.0} |\n\n\
         What is remembered of it takes {memory} bytes.\n",
        size = large.bytes,
        records = large.records,
        rounds = LARGE_ROUNDS + 1,
        new = found.get("new").and_then(Value::as_array).map_or(0, Vec::len),
        peak = megabytes(&whole),
        peak_again = megabytes(&on),
        memory = memory.len(),
    ))
}

/// Returns how busy the machine was in the last minute, in words.
fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load = load.as_deref().and_then(|text| text.split_whitespace().next());
    load.map_or_else(String::new, |load| format!(", on a machine with a load of {load} before"))
}

/// Returns the processor time of programs that ended, in seconds; `None` where nobody tells.
fn children() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u32>().ok();
    // Linux counts these in hundredths of a second on every machine that Rust runs on.
    Some(f64::from(ticks(13)? + ticks(14)?) / 100.0)
}

/// What the evaluation of all files adds up to.
#[derive(Default)]
struct Totals {
    by_file: BTreeMap<String, Tally>,
    by_rule: BTreeMap<String, Tally>,
    total: Tally,
    bytes: usize,
    reading: f64,
    compiling: f64,
    /// One row of the table for each transcript.
    rows: String,
    provenance: (usize, usize),
}

/// Compiles the labelled files; returns the result as Markdown and fragments for a person to judge.
fn evaluate(path: &Path, folder: &Path, all: bool) -> Result<(String, String), Box<dyn Error>> {
    let labels = labels(path)?;
    let files: BTreeSet<&str> = labels.iter().map(|label| label.file.as_str()).collect();
    let compiler = Compiler::new(Options::default())?;
    let (mut totals, mut sample) = (Totals::default(), String::new());
    for file in files {
        let text = std::fs::read(folder.join(file))?;
        let (session, [reading, compiling]) = timed(&compiler, &text, file)?;
        totals.bytes += text.len();
        totals.reading += reading;
        totals.compiling += compiling;
        let mut draft = Draft::default();
        let report = compiler.compile(std::slice::from_ref(&session), &mut draft);
        check(&compiler, &session, &draft)?;
        let named = [(file.parse::<FileName>()?, text.as_slice())];
        let lines = provenance::Transcripts::index(&named);
        let checked = provenance::check(draft.entries.values().map(|e| &e.fragment), &lines);
        totals.provenance.0 += checked.sources - checked.faults.len();
        totals.provenance.1 += checked.sources;
        let mine: Vec<&Label> = labels.iter().filter(|label| label.file == file).collect();
        let met = meet(&draft, &mine);
        totals.add(file, &draft, &mine, &met);
        let tally = totals.by_file.get(file).copied().unwrap_or_default();
        let durable = mine.iter().filter(|label| label.counts(true)).count();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = text.len() as f64 / 1e6 / compiling;
        writeln!(
            totals.rows,
            "| {file} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1} | {rate:.0} |",
            text.len(),
            session.turns(),
            tally.candidates,
            tally.active,
            share(tally.durable, tally.durable + tally.not_durable),
            share(tally.durable, u32::try_from(durable)?),
            report.outcome.junk,
            report.redacted.values().sum::<u32>(),
            compiling * 1e3,
        )?;
        writeln!(sample, "\n### {file}\n")?;
        show(&draft, &mine, &met, all, &mut sample)?;
    }
    Ok((page(&labels, &totals), sample))
}

/// Fails where compiling again gives other fragments.
fn check(compiler: &Compiler, session: &Session, draft: &Draft) -> Result<(), Box<dyn Error>> {
    let mut again = Draft::default();
    compiler.compile(std::slice::from_ref(session), &mut again);
    let mut twice = draft.clone();
    compiler.compile(std::slice::from_ref(session), &mut twice);
    if again != *draft || twice != *draft {
        return Err("compiling again gives another draft".into());
    }
    Ok(())
}

impl Label {
    /// Returns whether both opinions are `durable`.
    fn counts(&self, durable: bool) -> bool {
        !self.disputed && self.durable == durable
    }
}

impl Totals {
    fn add(&mut self, file: &str, draft: &Draft, labels: &[&Label], met: &BTreeMap<usize, usize>) {
        for (index, entry) in draft.entries.values().enumerate() {
            let rule = entry.fragment.sources.first().map_or("", |source| source.rule.as_str());
            let label = met.get(&index).and_then(|at| labels.get(*at)).copied();
            for tally in [
                &mut self.total,
                self.by_file.entry(file.to_owned()).or_default(),
                self.by_rule.entry(rule.to_owned()).or_default(),
            ] {
                tally.add(entry, label);
            }
        }
    }
}

/// Writes the unlabelled active fragments of a file; with `all`, every fragment and missed label.
fn show(
    draft: &Draft,
    labels: &[&Label],
    met: &BTreeMap<usize, usize>,
    all: bool,
    out: &mut String,
) -> Result<(), std::fmt::Error> {
    let mut listed = 0;
    for (index, entry) in draft.entries.values().enumerate() {
        let label = met.get(&index).and_then(|at| labels.get(*at));
        let judged = label.is_none() && entry.status == Status::Active;
        if all || (judged && listed < SAMPLE) {
            listed += usize::from(judged);
            let rule = entry.fragment.sources.first().map_or("", |source| source.rule.as_str());
            let met =
                label.map_or(String::new(), |l| format!(" [{} = {}]", l.statement, l.durable));
            writeln!(out, "- {} `{rule}` {}{met}", entry.status.as_str(), one_line(entry))?;
        }
    }
    let found: BTreeSet<usize> = met.values().copied().collect();
    for (_, label) in labels.iter().enumerate().filter(|(at, _)| all && !found.contains(at)) {
        writeln!(out, "- missed [{} = {}]", label.statement, label.durable)?;
    }
    Ok(())
}

/// Reads and compiles a session several times; returns it with the best time of each.
fn timed(
    compiler: &Compiler,
    bytes: &[u8],
    file: &str,
) -> Result<(Session, [f64; 2]), Box<dyn Error>> {
    let name: FileName = file.parse()?;
    let (mut reading, mut compiling) = (f64::INFINITY, f64::INFINITY);
    let mut session = read_session(bytes, name.clone())?;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        session = read_session(bytes, name.clone())?;
        reading = reading.min(start.elapsed().as_secs_f64());
        compiler.compile(std::slice::from_ref(&session), &mut Draft::default());
        compiling = compiling.min(start.elapsed().as_secs_f64());
    }
    Ok((session, [reading, compiling]))
}

/// Pairs fragments (by their place in the draft) with labels, best first, each once.
fn meet(draft: &Draft, labels: &[&Label]) -> BTreeMap<usize, usize> {
    let mut pairs = Vec::new();
    for (index, entry) in draft.entries.values().enumerate() {
        let words = words(entry.fragment.statement.as_str());
        for (at, label) in labels.iter().enumerate() {
            let same_line = entry.fragment.sources.iter().any(|s| s.line == label.line);
            let wanted = self::words(&label.statement);
            let shared = wanted.intersection(&words).count();
            #[expect(clippy::cast_precision_loss, reason = "counts of words")]
            let overlap = shared as f64 / wanted.len().max(1) as f64;
            if same_line && overlap >= OVERLAP {
                // An active fragment is preferred over a candidate that says the same.
                pairs.push((overlap, entry.status == Status::Active, index, at));
            }
        }
    }
    pairs.sort_by(|a, b| {
        b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2)).then(a.3.cmp(&b.3))
    });
    let (mut met, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for (_, _, index, at) in pairs {
        if !met.contains_key(&index) && taken.insert(at) {
            met.insert(index, at);
        }
    }
    met
}

impl Tally {
    fn add(&mut self, entry: &Entry, label: Option<&Label>) {
        let durable = label.filter(|label| !label.disputed).map(|label| label.durable);
        match (&entry.status, durable) {
            (Status::Active, durable) => {
                self.active += 1;
                match durable {
                    Some(true) => self.durable += 1,
                    Some(false) => self.not_durable += 1,
                    None => self.unlabelled += 1,
                }
            }
            (Status::Candidate, durable) => {
                self.candidates += 1;
                self.durable_candidates += u32::from(durable == Some(true));
            }
            (Status::Quarantined { .. }, _) => self.quarantined += 1,
        }
    }

    fn row(&self, name: &str) -> String {
        format!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            self.active,
            self.durable,
            self.not_durable,
            self.unlabelled,
            share(self.durable, self.durable + self.not_durable),
            self.candidates,
            self.durable_candidates,
            self.quarantined
        )
    }
}

/// Returns how to read the page.
fn head() -> String {
    format!(
        "# Distilling, measured\n\n\
         `cargo bench --bench distil -- --save` on {}.\n\n\
         A fragment meets a label when it comes from the label's line and shares at least {:.0} % of \
         its content words, best pairs first, each once. Precision is durable / (durable + not \
         durable) over active fragments that meet an undisputed label; the labels of the real \
         transcripts are not exhaustive, so unlabelled fragments count neither way; the run prints \
         them for a person to judge (`--all` prints every fragment). The example sessions were \
         labelled twice by one person, and each label keeps both opinions.\n\n\
         These transcripts were at hand while the rules were written, and few of their labels are \
         not durable: the numbers show that nothing is broken, and forecast little about other \
         sessions.\n",
        machine(),
        OVERLAP * 100.0,
    )
}

fn page(labels: &[Label], totals: &Totals) -> String {
    let total = totals.total;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = |seconds: f64| totals.bytes as f64 / 1e6 / seconds;
    let durable =
        u32::try_from(labels.iter().filter(|l| l.counts(true)).count()).unwrap_or(u32::MAX);
    let head = "| | active | durable | not durable | unlabelled | precision | candidates | durable | quarantined |\n|---|---|---|---|---|---|---|---|---|\n";
    let table = |rows: &BTreeMap<String, Tally>| {
        rows.iter().map(|(name, tally)| tally.row(name)).collect::<String>()
    };
    let disputed = labels.iter().filter(|label| label.disputed).count();
    format!(
        "{count} labels, {durable} of them durable, {disputed} disputed.\n\n\
         | | bytes | turns | candidates | active | precision | durable recall | junk | redactions | ms | MB/s |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n{rows}\n\
         {head}{files}{total_row}\n{head}{rules}\n\
         Durable labels found: {recall} by active fragments, {wide} with candidates. Sources that \
         hold: {held} of {sources}. Compiling again, onto nothing and onto the same draft, gives \
         the same bytes. One core, best of {ROUNDS} rounds per file, warm cache: reading \
         {reading:.0} MB/s, reading and compiling {compiling:.0} MB/s.\n",
        rows = totals.rows,
        held = totals.provenance.0,
        sources = totals.provenance.1,
        reading = rate(totals.reading),
        compiling = rate(totals.compiling),
        count = labels.len(),
        files = table(&totals.by_file),
        total_row = total.row("**total**"),
        rules = table(&totals.by_rule),
        recall = share(total.durable, durable),
        wide = share(total.durable + total.durable_candidates, durable),
    )
}

fn share(part: u32, whole: u32) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    format!("{:.2} ({part}/{whole})", f64::from(part) / f64::from(whole))
}

/// Returns the processor and how many of its cores there are.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(':')).map_or("an unknown processor", |m| m.1);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{} ({cores} cores)", model.trim())
}

fn labels(path: &Path) -> Result<Vec<Label>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let label = |line: &str| -> Result<Label, Box<dyn Error>> {
        let value: Value = serde_json::from_str(line)?;
        let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Label {
            file: field("file").ok_or("a label names its file")?,
            line: value.get("line").and_then(Value::as_u64).unwrap_or_default().try_into()?,
            statement: field("statement").ok_or("a label has a statement")?,
            durable: value.get("durable").and_then(Value::as_bool).unwrap_or_default(),
            disputed: value
                .get("second")
                .is_some_and(|second| Some(second) != value.get("durable")),
        })
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(label).collect()
}

/// Returns the content words of a text: lower case, without short words and plural endings.
fn words(text: &str) -> BTreeSet<String> {
    const STOP: &[&str] = &[
        "the", "and", "for", "are", "not", "that", "this", "with", "when", "from", "its", "they",
        "there", "should", "must", "into", "than", "then", "but", "can", "was", "has", "have",
    ];
    text.split(|c: char| !c.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| word.len() > 2 && !STOP.contains(&word.as_str()))
        .map(|word| word.trim_end_matches('s').to_owned())
        .collect()
}

fn one_line(entry: &Entry) -> String {
    let text = entry.fragment.statement.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(240).collect()
}
