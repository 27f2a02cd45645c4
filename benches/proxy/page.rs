//! The page of results.

use super::machine::{machine, today};
use super::measure::{Row, Streams, Times};
use super::scene::{FRAGMENTS, LINES};

#[derive(Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    pub(crate) streams: Option<Streams>,
    /// The proxy's memory before and at its peak, and the body, in bytes.
    pub(crate) memory: Option<(u64, u64, u64)>,
    pub(crate) left_out: Vec<&'static str>,
}

impl Page {
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "# The proxy, measured\n\n`cargo bench --bench proxy -- --save` on {}, {}.\n",
            machine(),
            today()
        );
        if cfg!(debug_assertions) {
            text.push_str(
                "\nA build without optimization, on a machine that did much else: a first look, which \
                 says little about the targets.\n",
            );
        }
        for name in &self.left_out {
            text.push_str(&format!("\nLeft out, because it is not installed: {name}.\n"));
        }
        text.push_str(&format!(
            "\nClient, proxy and server share the cores. The server follows a script and answers at \
             once, so that what the proxy adds is not hidden behind a model; requests with and \
             without the proxy take turns. Each is a conversation of its own, over a store of \
             {FRAGMENTS} fragments. Times are milliseconds from the first byte of a request to the \
             last of its answer. *Passed* are requests that went on unchanged because something took \
             longer than 150 ms.\n\n\
             | request | count | direct p50 / p95 / p99 | through the proxy | added at p50 | target | passed |\n\
             |---|---|---|---|---|---|---|\n"
        ));
        for row in &self.rows {
            let added = row.proxied.percentile(50.0) - row.direct.percentile(50.0);
            let target = row.target.map_or_else(|| "-".to_owned(), |most| format!("{most} ms"));
            text.push_str(&format!(
                "| {} | {} | {} | {} | {added:.3} ms | {target} | {} |\n",
                row.name,
                row.direct.0.len(),
                three(&row.direct),
                three(&row.proxied),
                row.failed,
            ));
        }
        if let Some(streams) = &self.streams {
            text.push_str(&self.streams(streams));
        }
        if let Some((before, peak, body)) = self.memory {
            text.push_str(&format!(
                "\n## Memory\n\nThe proxy had {} MB, and at most {} MB while it edited a body of {} MB.\n",
                before >> 20,
                peak >> 20,
                body >> 20
            ));
        }
        text
    }

    fn streams(&self, streams: &Streams) -> String {
        let count = streams.count;
        let mut text = format!(
            "\n## {count} streams at once\n\nEach a chat with recall by words and an answer of {LINES} \
             lines; the target for the first line is 20 ms more at p50, on an idle machine and for one \
             stream.\n\n| | direct p50 / p95 / p99 | through the proxy |\n|---|---|---|\n"
        );
        for (name, direct, proxied) in [
            ("to the first line", &streams.direct.0, &streams.proxied.0),
            ("to the last line", &streams.direct.1, &streams.proxied.1),
        ] {
            text.push_str(&format!("| {name} | {} | {} |\n", three(direct), three(proxied)));
        }
        text
    }
}

fn three(times: &Times) -> String {
    let at = |percent| format!("{:.3}", times.percentile(percent));
    format!("{} / {} / {}", at(50.0), at(95.0), at(99.0))
}
