//! The page of results.

use super::texts::BATCH;
use super::{Numbers, ROUNDS, STARTS};
use crate::machine::{machine, today};

/// Returns the page.
pub(crate) fn to_text(engines: &[Numbers; 2], distance: f64) -> String {
    let [direct, onnx] = engines;
    let row = |name: &str, number: fn(&Numbers) -> String| {
        format!("| {name} | {} | {} |\n", number(direct), number(onnx))
    };
    let rows = [
        row("load: weights, tokenizer, library", |n| milliseconds(n.load)),
        row("load and the first short text: what one command waits for", |n| milliseconds(n.first)),
        row("a text of 8 words, afterwards", |n| milliseconds(n.short)),
        row("a text of about 100 words, afterwards", |n| milliseconds(n.long)),
        row("texts of about 100 words per second, in a batch", |n| {
            format!("{:.1}", BATCH as f64 / n.batch)
        }),
        row("memory after the load", |n| megabytes(n.rss_after_load)),
        row("memory at the most", |n| megabytes(n.peak)),
    ];
    format!(
        "# Embedding, measured\n\n\
         `cargo bench --bench embed -- --save` on {}, {}; 2 vCPU of an AMD EPYC, AVX2, 23 GB, Linux \
         x86-64.\n\n\
         all-MiniLM-L6-v2, 32-bit floats, two threads at most; files in the cache of the system. Each \
         engine ran {STARTS} times in a process of its own, in turns; times are medians over the \
         processes, of {ROUNDS} rounds each where a text is embedded again; memory is the most of any. \
         The batch has {BATCH} texts.\n\n\
         | | direct engine | fastembed, ONNX Runtime |\n|---|---|---|\n{}\n\
         The largest cosine distance between the vectors of the two engines over the batch is \
         {distance:.1e}.\n\n\
         The direct engine reads the layers one by one for its first call and keeps none; from the \
         second call on they stay in memory. Its library of matrix products was chosen by a trial of \
         one thread on the same machine, in GFLOP/s for 10 and 130 tokens by 384 by 384: `ndarray` 31 \
         and 77, `faer` 51 and 92, dot products on `pulp` 44 and 50; `faer` costs 29 more packages.\n",
        machine(),
        today(),
        rows.concat(),
    )
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1e3)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}
