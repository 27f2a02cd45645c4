//! How good and how fast distilling is: compiles labelled transcripts and compares with the labels.
//!
//! `cargo bench --bench distil [-- FOLDER] [-- --save]`. The folder holds transcripts (`*.jsonl`)
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
//! - *Recall* is durable labels met / durable labels, by active fragments alone and together with
//!   candidates.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use garner_compiler::{Compiler, Options, Session, read_session};
use garner_kernel::{Draft, Entry, FileName, Status};
use serde_json::Value;

/// The part of a label's content words that a fragment must share.
const OVERLAP: f64 = 0.3;
/// How many unlabelled fragments are printed per file.
const SAMPLE: usize = 12;
/// How often reading is repeated for the throughput.
const ROUNDS: u32 = 20;

struct Label {
    file: String,
    line: u32,
    statement: String,
    durable: bool,
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
    if !folder.join("gold.jsonl").exists() {
        writeln!(out, "skipped: `{}` holds no labels", folder.display())?;
        return Ok(());
    }
    let (report, sample) = evaluate(&folder, arguments.iter().any(|a| a == "--all"))?;
    // What people said in the transcripts is shown, and never saved into the repository.
    writeln!(out, "{report}\n## Unlabelled active fragments\n{sample}")?;
    if arguments.iter().any(|a| a == "--save") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results/distil.md");
        std::fs::write(&path, report)?;
        writeln!(out, "saved as {}", path.display())?;
    }
    Ok(())
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
}

/// Compiles the labelled files; returns the result as Markdown and fragments for a person to judge.
fn evaluate(folder: &Path, all: bool) -> Result<(String, String), Box<dyn Error>> {
    let labels = labels(&folder.join("gold.jsonl"))?;
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
        compiler.compile(&[session], &mut draft);
        let mine: Vec<&Label> = labels.iter().filter(|label| label.file == file).collect();
        let met = meet(&draft, &mine);
        totals.add(file, &draft, &mine, &met);
        writeln!(sample, "\n### {file}\n")?;
        show(&draft, &mine, &met, all, &mut sample)?;
    }
    Ok((page(&labels, &totals), sample))
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
        let durable = label.map(|label| label.durable);
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

fn page(labels: &[Label], totals: &Totals) -> String {
    let total = totals.total;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = |seconds: f64| totals.bytes as f64 / 1e6 / seconds;
    let durable = u32::try_from(labels.iter().filter(|l| l.durable).count()).unwrap_or(u32::MAX);
    let head = "| | active | durable | not durable | unlabelled | precision | candidates | durable | quarantined |\n|---|---|---|---|---|---|---|---|---|\n";
    let table = |rows: &BTreeMap<String, Tally>| {
        rows.iter().map(|(name, tally)| tally.row(name)).collect::<String>()
    };
    format!(
        "# Distilling, measured\n\n\
         `cargo bench --bench distil -- --save` on {machine}.\n\n\
         {count} labels, {durable} of them durable. A fragment meets a label when it comes from the \
         label's line and shares at least {percent:.0} % of its content words, best pairs first, each \
         once. Precision is durable / (durable + not durable) over active fragments that meet a \
         label; the labels are not exhaustive, so unlabelled fragments count neither way; the \
         run prints them for a person to judge (`--all` prints every fragment).\n\n\
         ## By file\n\n{head}{files}{total_row}\n## By rule\n\n{head}{rules}\n\
         Durable labels found: {recall} by active fragments, {wide} with candidates.\n\n\
         One core, best of {ROUNDS} rounds per file, warm cache: reading {reading:.0} MB/s, reading and \
         compiling {compiling:.0} MB/s.\n\n\
         These transcripts were at hand while the rules were written, and few of their labels are not \
         durable: the numbers show that nothing is broken, and forecast little about other sessions.\n",
        machine = machine(),
        reading = rate(totals.reading),
        compiling = rate(totals.compiling),
        count = labels.len(),
        percent = OVERLAP * 100.0,
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
