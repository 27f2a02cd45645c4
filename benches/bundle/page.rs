//! The page of results.

use super::clock::Seconds;
use super::large::Large;
use super::machine::{machine, today};
use super::peers::Peers;
use super::steps::Step;

/// The fastest round and the middle one, in seconds on a processor, and the fastest on the wall.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rounds {
    min: f64,
    median: f64,
    wall: f64,
    count: usize,
}

impl Rounds {
    pub(crate) fn of(all: Vec<Seconds>) -> Self {
        let mut processor: Vec<f64> = all.iter().map(|seconds| seconds.processor).collect();
        processor.sort_by(f64::total_cmp);
        let at = |place: usize| processor.get(place).copied().unwrap_or_default();
        let wall = all.iter().map(|seconds| seconds.wall).fold(f64::INFINITY, f64::min);
        Self { min: at(0), median: at(processor.len() / 2), wall, count: processor.len() }
    }
}

/// What was measured over so many fragments.
pub(crate) struct Numbers {
    pub(crate) count: u64,
    /// Bytes of JSON lines, and of the bundle file.
    pub(crate) raw: u64,
    pub(crate) file: u64,
    /// The level of zstd.
    pub(crate) level: i32,
    pub(crate) seal: Rounds,
    pub(crate) sealing: Vec<Step>,
    pub(crate) open: Rounds,
    pub(crate) verify: Rounds,
    pub(crate) opening: Vec<Step>,
    /// `serde_json` over the lines.
    pub(crate) json: Rounds,
    pub(crate) peers: Option<Peers>,
}

pub(crate) struct Delta {
    pub(crate) changed: usize,
    pub(crate) bytes: u64,
    pub(crate) raw: u64,
    pub(crate) seal: Rounds,
    pub(crate) open: Rounds,
}

pub(crate) struct Gates {
    pub(crate) bomb: Seconds,
    /// Requests and bytes.
    /// Requests and bytes of a pull that finds nothing new, without tags and with them.
    pub(crate) pull: [(u64, u64); 2],
}

pub(crate) struct Memory {
    pub(crate) large: Large,
    pub(crate) writing: Seconds,
    pub(crate) seconds: f64,
    pub(crate) peak: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Page {
    /// The versions of the stock tools; `None` where one is missing.
    pub(crate) peers: Option<String>,
    pub(crate) sizes: Vec<Numbers>,
    pub(crate) delta: Option<Delta>,
    pub(crate) gates: Option<Gates>,
    pub(crate) memory: Option<Memory>,
}

impl Page {
    /// Returns the page as Markdown.
    pub(crate) fn to_text(&self) -> String {
        [
            self.introduction(),
            self.totals(),
            self.shares("Where sealing spends its time", |n| (&n.sealing, n.seal)),
            self.shares("Where opening spends its time", |n| (&n.opening, n.open)),
            self.deltas(),
            self.beside(),
            self.constant_memory(),
            self.held(),
        ]
        .concat()
    }

    fn introduction(&self) -> String {
        let means: Vec<String> =
            self.sizes.iter().map(|n| format!("{:.0}", per(n.raw, n.count))).collect();
        format!(
            "# Bundles, measured\n\n\
             `cargo bench --bench bundle -- --save` on {}, {}.\n\n\
             Fragments come from a seed: statements of 12 to 25 words out of 4000 made-up ones, one \
             source and one tag each; a record has {} bytes on average. Their ids, digests and names \
             of records are random, which is about 70 bytes of each that nothing can compress. Times \
             are seconds of one thread on a processor, the fastest round and the median; nothing here \
             uses a second thread.\n\n",
            machine(),
            today(),
            means.join(", "),
        )
    }

    fn totals(&self) -> String {
        let mut text = "## Sealing, opening, verifying\n\n\
            *Open* is `Bundle::parse` and `bundle::open`, from the bytes of a file to contents in \
            memory, every rule of the format checked. *Verify* checks the same and keeps nothing.\n\n\
            | fragments | bundle, bytes | per fragment | zstd level | seal, s | seal, fragments/s | open, ms | open, fragments/s | verify, ms | verify, fragments/s | rounds |\n\
            |---|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
        for n in &self.sizes {
            text.push_str(&format!(
                "| {} | {} | {:.0} | {} | {:.2} / {:.2} | {} | {:.1} / {:.1} | {} | {:.1} / {:.1} | {} | {}, {} |\n",
                grouped(n.count),
                grouped(n.file),
                per(n.file, n.count),
                n.level,
                n.seal.min,
                n.seal.median,
                rate(n.count, n.seal.min),
                n.open.min * 1e3,
                n.open.median * 1e3,
                rate(n.count, n.open.min),
                n.verify.min * 1e3,
                n.verify.median * 1e3,
                rate(n.count, n.verify.min),
                n.seal.count,
                n.open.count,
            ));
        }
        text + "\n\
            Levels and windows are those that paid when 100,000 fragments were compressed at each \
            (bytes per fragment; seconds there; seconds back): level 9 with a window of 8 MiB 163.9, \
            3.2, 0.24; with 1 MiB 163.5, 2.1, 0.075; level 12 with 1 MiB 159.8, 4.3, 0.075; level 16 \
            with 1 MiB 146.2, 22, 0.057; with 4 MiB 142.3, 33, 0.071. Over 10,000, level 19 gives \
            142.1 in 6.5 s where level 16 gives 140.5 in 2.7 s.\n\n"
    }

    fn shares(&self, title: &str, of: impl Fn(&Numbers) -> (&Vec<Step>, Rounds)) -> String {
        let mut text = format!(
            "## {title}\n\n\
             Each step is timed by itself over the bytes of the same bundle in the same run, fastest \
             round; *rest* is what they leave of the total, and what moving values costs there.\n\n"
        );
        let counts: Vec<String> = self.sizes.iter().map(|n| grouped(n.count)).collect();
        text.push_str(&format!("| step | {} |\n|---|", counts.join(" | ")));
        text.push_str(&format!("{}\n", "---|".repeat(counts.len())));
        let names = self.sizes.first().map(|n| of(n).0.as_slice()).unwrap_or_default();
        let cell = |seconds: f64, total: f64| {
            format!(" {:.1} ms, {:.0} % |", seconds * 1e3, seconds / total * 100.0)
        };
        for (at, (name, _)) in names.iter().enumerate() {
            text.push_str(&format!("| {name} |"));
            for n in &self.sizes {
                let (steps, total) = of(n);
                let seconds = steps.get(at).map_or(0.0, |(_, seconds)| seconds.processor);
                text.push_str(&cell(seconds, total.min));
            }
            text.push('\n');
        }
        text.push_str("| rest |");
        for n in &self.sizes {
            let (steps, total) = of(n);
            let sum: f64 = steps.iter().map(|(_, seconds)| seconds.processor).sum();
            text.push_str(&cell(total.min - sum, total.min));
        }
        text + "\n\n"
    }

    fn deltas(&self) -> String {
        let Some(delta) = &self.delta else { return String::new() };
        format!(
            "## A delta\n\n\
             10,000 fragments, of which 1 % change (another source) while 2 % are added: {} changes of \
             {} bytes of JSON lines become an object of **{} bytes**. Sealing the version takes \
             {:.1} / {:.1} ms, opening base and delta {:.1} / {:.1} ms.\n\n",
            delta.changed,
            grouped(delta.raw),
            grouped(delta.bytes),
            delta.seal.min * 1e3,
            delta.seal.median * 1e3,
            delta.open.min * 1e3,
            delta.open.median * 1e3,
        )
    }

    fn beside(&self) -> String {
        let versions = self.peers.as_deref().unwrap_or("`age` or `zstd` is missing here");
        let mut text = format!(
            "## Beside stock tools\n\n\
             The same lines through `zstd -19 | age -r` and `age -d | zstd -d` ({versions}), in files, \
             and through `serde_json` into values of any form. These sign nothing, have no history and \
             no index, accept every spelling, compute no ids and no digests, and give lines or values \
             rather than fragments. Seconds on processors; the tools run in two processes and use more \
             than one thread. One round, but for `serde_json`.\n\n\
             | fragments | `zstd -19 \\| age -r`, bytes | bundle, bytes | `zstd -19 \\| age -r`, s | seal, s | `age -d \\| zstd -d`, s | `serde_json`, s | open, s |\n\
             |---|---|---|---|---|---|---|---|\n"
        );
        for n in &self.sizes {
            let seconds = |of: fn(&Peers) -> f64| {
                n.peers.as_ref().map_or("missing".to_owned(), |peers| format!("{:.2}", of(peers)))
            };
            text.push_str(&format!(
                "| {} | {} | {} | {} | {:.2} | {} | {:.4} | {:.4} |\n",
                grouped(n.count),
                n.peers.as_ref().map_or("missing".to_owned(), |peers| grouped(peers.bytes)),
                grouped(n.file),
                seconds(|peers| peers.there.processor),
                n.seal.min,
                seconds(|peers| peers.back.processor),
                n.json.min,
                n.open.min,
            ));
        }
        text + "\n"
    }

    fn constant_memory(&self) -> String {
        let Some(memory) = &self.memory else { return String::new() };
        let large = &memory.large;
        let peak = memory.peak.map_or("unknown".to_owned(), |peak| format!("{:.1} MB", mega(peak)));
        format!(
            "## Memory\n\n\
             `garner verify` of a bundle file of {} bytes ({} fragments of up to 8 KB of random text, \
             {} bytes of JSON lines in {} bases, windows of 8 MiB): **{peak}** at most, {:.1} s on the \
             wall. The file was written in {:.0} s. The bound is 100 MB.\n\n",
            grouped(large.bytes),
            grouped(large.fragments),
            grouped(large.raw),
            large.parts,
            memory.seconds,
            memory.writing.wall,
        )
    }

    fn held(&self) -> String {
        let Some(gates) = &self.gates else { return String::new() };
        let ten = self.sizes.iter().find(|n| n.count == 10_000);
        let open = ten.map_or(f64::NAN, |n| n.open.min * 1e3);
        let wall = ten.map_or(f64::NAN, |n| n.open.wall * 1e3);
        let bomb = gates.bomb.processor * 1e3;
        let met = |holds: bool| if holds { "met" } else { "**not met**" };
        let mut text = "## Bounds\n\n| what | bound | measured | |\n|---|---|---|---|\n".to_owned();
        text.push_str(&format!(
            "| verify and decode 10,000 fragments | 100 ms | {open:.1} ms, {wall:.1} ms on the wall | {} |\n",
            met(open <= 100.0)
        ));
        text.push_str(&format!(
            "| keyring with a hostile age header of 64 KiB, the worst of five | 50 ms | {bomb:.2} ms | {} |\n",
            met(bomb <= 50.0)
        ));
        for (place, (requests, bytes)) in
            ["a folder", "a web server or bucket"].iter().zip(gates.pull)
        {
            let met =
                if requests <= 2 { met(bytes <= 2048) } else { "a folder costs no round trips" };
            text.push_str(&format!(
                "| pull from {place} that finds nothing new, 3 versions | 2 requests, 2 KB | {requests} requests, {} bytes | {met} |\n",
                grouped(bytes),
            ));
        }
        text.push_str(
            "\nWhere a remote has tags, the tag of `latest.note` stands for the rest for a day; \
             otherwise the newest root, revocations and head that are known are asked for, and the \
             next of each.\n",
        );
        text
    }
}

#[expect(clippy::cast_precision_loss, reason = "means for people")]
fn per(bytes: u64, count: u64) -> f64 {
    bytes as f64 / count as f64
}

#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people"
)]
fn rate(count: u64, seconds: f64) -> String {
    let rate = count as f64 / seconds;
    // Three digits that count.
    let unit = 10_f64.powf(rate.log10().floor() - 2.0).max(1.0);
    grouped(((rate / unit).round() * unit) as u64)
}

/// Returns a number with a comma after each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
