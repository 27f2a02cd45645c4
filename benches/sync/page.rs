//! The page of results.

use super::machine::{machine, today};
use super::measure::{Cost, Measured, STEPS};
use super::polling::{EDGES, HEADERS, JITTER, MAX_AGE, POLL, Polls, STALE};
use super::traffic::{Answer, FRAGMENTS, Request, Traffic};

/// What was measured over one kind of remote.
pub(crate) struct Row {
    pub(crate) remote: &'static str,
    pub(crate) count: u64,
    pub(crate) rounds: Vec<Measured>,
}

#[derive(Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    pub(crate) polls: Vec<Polls>,
    pub(crate) traffic: Option<Traffic>,
    pub(crate) left_out: Vec<&'static str>,
}

impl Page {
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::from("# Sync, measured\n\n");
        text.push_str(&format!(
            "`cargo bench --bench sync -- --save` on {}, {}.\n",
            machine(),
            today()
        ));
        for name in &self.left_out {
            text.push_str(&format!("\nLeft out, because it is not installed: {name}.\n"));
        }
        text.push_str(
            "\nFragments are those of [bundle.md](bundle.md). Times are seconds on the wall, the \
             middle one of the rounds; servers run on the same two cores. *Requests* are what the \
             remote was asked, *bytes* the bodies of what came or went. Loading has no embedder: \
             vectors are made on the reader. In the second version one fragment of a hundred \
             changed: half of these were said again, half are replaced by another statement. The \
             publisher has no mirror here and reads the version before again; the command has one.\n",
        );
        let mut counts: Vec<u64> = self.rows.iter().map(|row| row.count).collect();
        counts.dedup();
        for count in counts {
            text.push_str(&self.table(count));
        }
        text.push_str(&self.delta());
        text.push_str(&self.polling());
        text
    }

    fn table(&self, count: u64) -> String {
        let rows: Vec<&Row> = self.rows.iter().filter(|row| row.count == count).collect();
        let rounds = rows.first().map_or(0, |row| row.rounds.len());
        let mut text = format!("\n## {} fragments, {rounds} rounds\n\n| step |", grouped(count));
        for row in &rows {
            text.push_str(&format!(" {} |", row.remote));
        }
        text.push_str(&format!("\n|---|{}\n", "---|".repeat(rows.len())));
        for (at, step) in STEPS.iter().enumerate() {
            text.push_str(&format!("| {step} |"));
            for row in &rows {
                text.push_str(&format!(" {} |", cell(&row.median(at))));
            }
            text.push('\n');
        }
        text
    }

    /// Says what one percent of change costs beside everything.
    fn delta(&self) -> String {
        let mut text = String::from(
            "\n## One percent changed\n\nWhat a reader fetches for the second version, beside what \
             it fetched for the first:\n\n| fragments | first version, bytes | second, bytes | share \
             |\n|---|---|---|---|\n",
        );
        for row in self.rows.iter().filter(|row| row.remote == "folder") {
            let (first, second) = (row.median(1).bytes, row.median(4).bytes);
            let share = second as f64 * 100.0 / first.max(1) as f64;
            text.push_str(&format!(
                "| {} | {} | {} | {share:.2} % |\n",
                grouped(row.count),
                grouped(first),
                grouped(second)
            ));
        }
        text
    }

    fn polling(&self) -> String {
        let Some(traffic) = &self.traffic else { return String::new() };
        let mut text = format!(
            "\n## Readers who poll\n\nWhat readers of a channel of {} fragments ask, recorded from \
             pulls:\n\n| reader | requests | of them absent | bytes |\n|---|---|---|---|\n",
            grouped(FRAGMENTS)
        );
        for (reader, requests) in [
            ("has nothing", &traffic.first),
            ("is one version behind", &traffic.behind),
            ("has everything", &traffic.nothing),
        ] {
            let absent = requests.iter().filter(|r| r.answer == Answer::Absent).count();
            let bytes: u64 = requests.iter().map(size).sum();
            let (count, bytes) = (requests.len(), grouped(bytes));
            text.push_str(&format!("| {reader} | {count} | {absent} | {bytes} |\n"));
        }
        text.push_str(&format!(
            "\nA simulation of every poll: each reader asks every {POLL} s, {JITTER} s earlier or \
             later, through one of {EDGES} edges of a content delivery network. An edge keeps files \
             that never change; `latest.note` and the word that a name is absent it keeps for \
             {MAX_AGE} s, and serves them {STALE} s longer while it asks the origin. Every answer \
             has {HEADERS} bytes of headers. *Reached* is how long after a version was published \
             half of the readers, 99 in 100, and all of them had it.\n\n| readers | hours | a \
             version every | requests/s (peak) | GB to readers | origin requests (peak in a second) \
             | origin MB | reached |\n|---|---|---|---|---|---|---|---|\n"
        ));
        for polls in &self.polls {
            let Some(scenario) = polls.scenario else { continue };
            let rate = polls.requests / (scenario.hours * 3600);
            let reached = match polls.reached {
                [_, _, 0] => "nothing new".to_owned(),
                [half, most, all] => format!("{half} s, {most} s, {all} s"),
            };
            text.push_str(&format!(
                "| {} | {} | {} h | {} ({}) | {:.1} | {} ({}) | {:.1} | {reached} |\n",
                grouped(scenario.readers),
                scenario.hours,
                scenario.every / 3600,
                grouped(rate),
                grouped(polls.peak),
                polls.bytes as f64 / 1e9,
                grouped(polls.origin_requests),
                grouped(polls.origin_peak),
                polls.origin_bytes as f64 / 1e6,
            ));
        }
        text
    }
}

impl Row {
    /// Returns the middle one of the rounds of a step, by time.
    fn median(&self, step: usize) -> Cost {
        let mut costs: Vec<Cost> =
            self.rounds.iter().filter_map(|round| round.0.get(step).copied()).collect();
        costs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        costs.get(costs.len() / 2).copied().unwrap_or_default()
    }
}

fn cell(cost: &Cost) -> String {
    let seconds = format!("{:.3} s", cost.seconds);
    match cost.requests {
        0 => seconds,
        requests => format!("{seconds}, {requests} requests, {} bytes", grouped(cost.bytes)),
    }
}

fn size(request: &Request) -> u64 {
    match request.answer {
        Answer::Permanent(size) | Answer::Latest(size) => size,
        Answer::Same | Answer::Absent => 0,
    }
}

/// Returns a number with a comma at each thousand.
fn grouped(number: u64) -> String {
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
