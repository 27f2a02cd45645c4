//! What a proxy counts, in the text format of Prometheus.
//!
//! Labels are routes and reasons from closed lists; no model, path or text of a user is among them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The upper bounds of the buckets, in microseconds.
const BOUNDS: [u64; 12] = [
    250, 500, 1_000, 2_500, 5_000, 15_000, 50_000, 150_000, 500_000, 2_000_000, 10_000_000,
    60_000_000,
];

/// The counters of one proxy.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    untouched: Mutex<BTreeMap<&'static str, u64>>,
    failures: Mutex<BTreeMap<&'static str, u64>>,
    pub(crate) injections: Counter,
    pub(crate) fragments: Counter,
    pub(crate) tokens: Counter,
    pub(crate) events_lost: Counter,
    pub(crate) conversations_kept: Counter,
    pub(crate) conversations_lost: Counter,
    pub(crate) connections: Counter,
    pub(crate) recall: Histogram,
    pub(crate) upstream: Histogram,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long something took, in buckets.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [Counter; BOUNDS.len()],
    count: Counter,
    micros: Counter,
}

impl Histogram {
    pub(crate) fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some((_, bucket)) =
            BOUNDS.iter().zip(&self.buckets).find(|(most, _)| micros <= **most)
        {
            bucket.add(1);
        }
        self.count.add(1);
        self.micros.0.fetch_add(micros, Ordering::Relaxed);
    }

    fn write(&self, text: &mut String, name: &str, help: &str) {
        head(text, name, help, "histogram");
        let mut sum = 0;
        for (bound, bucket) in BOUNDS.iter().zip(&self.buckets) {
            sum += bucket.get();
            let _ = writeln!(text, "{name}_bucket{{le=\"{}\"}} {sum}", seconds(*bound));
        }
        let count = self.count.get();
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(text, "{name}_sum {}", seconds(self.micros.get()));
        let _ = writeln!(text, "{name}_count {count}");
    }
}

impl Metrics {
    /// Counts a request by its route, or `other`, and the status of its answer.
    pub(crate) fn request(&self, route: &'static str, status: u16) {
        *lock(&self.requests).entry((route, status)).or_default() += 1;
    }

    /// Counts a request that was given nothing.
    pub(crate) fn untouched(&self, reason: &'static str, is_failure: bool) {
        *lock(&self.untouched).entry(reason).or_default() += 1;
        if is_failure {
            *lock(&self.failures).entry(reason).or_default() += 1;
        }
    }

    /// Returns everything as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let name = "garner_requests_total";
        head(&mut text, name, "Requests, by route and status.", "counter");
        for ((route, status), count) in &*lock(&self.requests) {
            let _ = writeln!(text, "{name}{{route=\"{route}\",status=\"{status}\"}} {count}");
        }
        let of_reasons = [
            (
                "garner_untouched_total",
                "Requests that were given nothing, by reason.",
                &self.untouched,
            ),
            ("garner_fail_open_total", "Those of them where something failed.", &self.failures),
        ];
        for (name, help, counts) in of_reasons {
            head(&mut text, name, help, "counter");
            for (reason, count) in &*lock(counts) {
                let _ = writeln!(text, "{name}{{reason=\"{reason}\"}} {count}");
            }
        }
        for (name, help, counter) in [
            ("garner_injections_total", "Requests that were given fragments.", &self.injections),
            ("garner_injected_fragments_total", "Fragments in prompts.", &self.fragments),
            ("garner_injected_tokens_total", "Tokens of blocks in prompts.", &self.tokens),
            (
                "garner_events_lost_total",
                "Injections that are not in the event log.",
                &self.events_lost,
            ),
            (
                "garner_conversations_kept_total",
                "Turns of conversations that are kept to be learned from.",
                &self.conversations_kept,
            ),
            (
                "garner_conversations_lost_total",
                "Turns of conversations that could not be kept.",
                &self.conversations_lost,
            ),
            ("garner_connections_total", "Connections of clients.", &self.connections),
        ] {
            head(&mut text, name, help, "counter");
            let _ = writeln!(text, "{name} {}", counter.get());
        }
        self.recall.write(
            &mut text,
            "garner_recall_seconds",
            "From a request to what goes into it.",
        );
        let help = "From a request to the head of the server's answer.";
        self.upstream.write(&mut text, "garner_upstream_seconds", help);
        text
    }
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_buckets_are_written_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        metrics.request("/api/chat", 200);
        metrics.request("/api/chat", 200);
        metrics.untouched("off", false);
        metrics.untouched("deadline", true);
        metrics.tokens.add(40);
        for micros in [100, 1_000, 1_200, 99_000_000] {
            metrics.recall.observe(Duration::from_micros(micros));
        }
        let text = metrics.text();
        for line in [
            "garner_requests_total{route=\"/api/chat\",status=\"200\"} 2",
            "garner_untouched_total{reason=\"off\"} 1",
            "garner_fail_open_total{reason=\"deadline\"} 1",
            "garner_injected_tokens_total 40",
            "garner_recall_seconds_bucket{le=\"0.00025\"} 1",
            "garner_recall_seconds_bucket{le=\"0.001\"} 2",
            "garner_recall_seconds_bucket{le=\"0.0025\"} 3",
            "garner_recall_seconds_bucket{le=\"60\"} 3",
            "garner_recall_seconds_bucket{le=\"+Inf\"} 4",
            "garner_recall_seconds_sum 99.0023",
            "garner_recall_seconds_count 4",
            "garner_upstream_seconds_count 0",
        ] {
            assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
        }
        assert!(!text.contains("fail_open_total{reason=\"off\"}"));
    }
}
