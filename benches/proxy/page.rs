//! The page of results.

use super::machine::{machine, today};
use super::measure::{Row, STREAMS, Streams, Times};
use super::scene::{FRAGMENTS, LINES};

#[derive(Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    pub(crate) streams: Vec<Streams>,
    /// The proxy's memory before and at its peak, and the body, in bytes.
    pub(crate) memory: Option<(u64, u64, u64)>,
    pub(crate) left_out: Vec<&'static str>,
    /// Whether other programs used the cores when it began.
    pub(crate) was_busy: bool,
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
        if self.was_busy {
            text.push_str(
                "\nThe machine was not quiet: other programs used the cores when this began.\n",
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
        text.push_str(&self.streams());
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

    fn streams(&self) -> String {
        let mut text = format!(
            "\n## Streams\n\nEach a chat with an answer of {LINES} lines, over a connection of its own that \
             stays open; as many at once as the first column says. The target is for the first line of one stream.\n\n\
             | streams | recall by | to | direct p50 / p95 / p99 | through the proxy | added at p50 | \
             target | passed |\n|---|---|---|---|---|---|---|---|\n"
        );
        for streams in &self.streams {
            let target = STREAMS.iter().find(|(count, ..)| *count == streams.count);
            let target = target.and_then(|(.., most)| *most);
            let target = target.map_or_else(|| "-".to_owned(), |most| format!("{most} ms"));
            for (name, direct, proxied, target) in [
                ("the first line", &streams.direct.0, &streams.proxied.0, target.as_str()),
                ("the last line", &streams.direct.1, &streams.proxied.1, "-"),
            ] {
                let added = proxied.percentile(50.0) - direct.percentile(50.0);
                text.push_str(&format!(
                    "| {} | {} | {name} | {} | {} | {added:.3} ms | {target} | {} |\n",
                    streams.count,
                    streams.engine.name(),
                    three(direct),
                    three(proxied),
                    streams.failed,
                ));
            }
        }
        text
    }
}

fn three(times: &Times) -> String {
    let at = |percent| format!("{:.3}", times.percentile(percent));
    format!("{} / {} / {}", at(50.0), at(95.0), at(99.0))
}
