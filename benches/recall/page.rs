//! The page of results.

use super::comparison::{Comparison, SETUPS, Unit, WANTED, WANTED_QUALITY};
use super::machine::{machine, today};
use super::operations as op;
use super::sample::Sample;

/// Everything that the page says.
pub(crate) struct Page {
    /// The words behind the command.
    pub(crate) arguments: String,
    pub(crate) comparisons: Vec<Comparison>,
    /// Bytes a second that one thread reads from memory.
    pub(crate) bandwidth: f64,
    /// How near vectors lie.
    pub(crate) nearness: String,
    /// The number that both sides make of the texts and vectors.
    pub(crate) fingerprint: u64,
}

impl Page {
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "# Recall, measured\n\n`cargo bench --bench recall -- {}` on {}, {}: 2 vCPU of an AMD \
             EPYC, AVX2, 23 GB, Linux x86-64. One thread reads {:.1} GB/s from memory.\n\n",
            self.arguments,
            machine(),
            today(),
            self.bandwidth / 1e9
        );
        text.push_str(
            "The peer is the crate `memori-ai-core` 0.7.1 without its embedder: both systems get \
             the same vectors. It is measured as it opens a *file*; *tuned*, with 64 MiB for pages, \
             2 GiB mapped and sorting in memory; and without a file, in *memory*. Each system runs \
             in a process of its own, one after the other, sizes in turn. Times are the middle one \
             of the rounds on the wall, after rounds that do not count; what is written is written \
             with `synchronous=FULL`. *Ratio* is how many times faster Garner is than the best \
             setup of the peer, that in memory among them where nothing is written; of bytes the \
             share that Garner takes. *Wanted* is the bound that was set beforehand.\n\n![cost \
             against size](recall.svg)\n\n",
        );
        text.push_str(&format!(
            "Texts are 50 to 150 words by Zipf's law, with names as programs have them; vectors of \
             384 components lie as those of a sentence embedder do ({}). Both sides make them from \
             one seed (fingerprint {:016x}). Queries are 3 to 8 words of a text, with a vector near \
             its own (cosine about 0.7); two frequent words of a text; and the five queries of the \
             peer's own benchmark. Ten hits are asked for.\n",
            self.nearness, self.fingerprint
        ));
        for comparison in &self.comparisons {
            text.push_str(&table(comparison));
        }
        text.push_str(
            "\n## How to read this\n\n- The peer joins the words of a query by AND, so that of 3 to \
             8 words of one text it finds that text and hardly another; Garner takes any of them \
             and ranks the best hundred. *Matches* says how many texts a query matches on average, \
             and how many of the queries match anything.\n- *write all* of the peer is one transaction around its public \
             functions; its interface itself has none, which is the row *a transaction each*, \
             compared with the one transaction of Garner. Making texts and vectors is left out on \
             both sides. The first 5,000 rows are written for that row.\n- *one process* is from \
             starting a program to its end, files in the cache of the system.\n- Bytes are those \
             of the file once its journal is written back.\n- *insert one* of Garner is a version of the channel `local` with an operation in the \
             log, the text's index, its vector and what recall reads, in one transaction of about 20 \
             pages; of the peer it is a row and what its triggers write.\n- A dash is what was not measured, or what \
             a system does not offer yet.\n",
        );
        text
    }
}

fn table(comparison: &Comparison) -> String {
    let mut text = format!(
        "\n## {} fragments\n\n| operation | peer, file | tuned | memory | Garner | ratio | wanted \
         |\n|---|---|---|---|---|---|---|\n",
        grouped(comparison.size)
    );
    for (operation, unit, wanted) in WANTED {
        let wanted = comparison.column().and_then(|column| *wanted.get(column)?);
        text.push_str(&format!("| {operation} |"));
        for setup in SETUPS {
            text.push_str(&format!(" {} |", cell(comparison.of_peer(setup, operation), unit)));
        }
        let garner = cell(comparison.of_garner(operation), unit);
        let ratio = comparison.ratio(operation, unit).map_or("-".to_owned(), times);
        let wanted = match (wanted, unit) {
            (None, _) => "-".to_owned(),
            (Some(wanted), Unit::Bytes) => format!("<= {}", times(wanted)),
            (Some(wanted), _) => format!(">= {}", times(wanted)),
        };
        text.push_str(&format!(" {garner} | {ratio} | {wanted} |\n"));
    }
    text.push_str(&notes(comparison));
    text
}

/// Says what was found, what it took, and what is left out.
fn notes(comparison: &Comparison) -> String {
    let mut text = String::from("\n");
    for operation in [op::WORDS_MATCHED, op::PAIR_MATCHED, op::PEER_MATCHED] {
        let say = |sample: Option<&Sample>| {
            sample.map_or("not asked".to_owned(), |s| {
                format!("{:.1} ({:.0} % of queries)", s.value, s.found * 100.0)
            })
        };
        let peer = say(comparison.of_peer("file", operation));
        let garner = say(comparison.of_garner(operation));
        text.push_str(&format!("- {operation}: peer {peer}, Garner ranks {garner}\n"));
    }
    let memory = |sample: Option<&Sample>| {
        sample.map_or("not measured".to_owned(), |s| format!("{:.0} MB", s.value / 1e6))
    };
    let peer: Vec<String> = SETUPS
        .into_iter()
        .map(|setup| format!("{} ({setup})", memory(comparison.of_peer(setup, op::MEMORY))))
        .collect();
    let garner = memory(comparison.of_garner(op::MEMORY));
    let peer = peer.join(", ");
    text.push_str(&format!("- most memory, with loading: peer {peer}, Garner {garner}\n"));
    if let Some(sample) = comparison.of_peer("file", op::COMPACT_BYTES) {
        let bytes = grouped(sample.value as u64);
        text.push_str(&format!("- the peer's file takes {bytes} bytes a fragment once vacuumed\n"));
    }
    let kept = memory(comparison.of_garner(op::KEPT));
    text.push_str(&format!("- what Garner keeps in memory for its answers: {kept}\n"));
    if let Some(sample) = comparison.of_garner(op::QUALITY) {
        text.push_str(&format!(
            "- of the exact ten nearest the first look of Garner finds a share of {:.4}; wanted is \
             {WANTED_QUALITY}\n",
            sample.value
        ));
    }
    text
}

fn cell(sample: Option<&Sample>, unit: Unit) -> String {
    let Some(sample) = sample else { return "-".to_owned() };
    match unit {
        Unit::Seconds(_) => duration(sample.value),
        Unit::Rate | Unit::Bytes => grouped(sample.value.round() as u64),
    }
}

/// Returns a time in the unit that suits it.
pub(crate) fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    let digits = usize::from(value < 100.0) + usize::from(value < 10.0);
    format!("{value:.digits$} {unit}")
}

fn times(ratio: f64) -> String {
    let digits = usize::from(ratio < 100.0) + usize::from(ratio < 10.0);
    format!("{ratio:.digits$}x")
}

/// Returns a number with a comma at each thousand.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
