//! What the proxy adds to a request: beside a direct connection to the same server, in one run.
//!
//! `cargo bench --bench proxy [-- --short] [-- --save]`; `--short` measures a tenth of the requests,
//! `--save` writes `benches/results/proxy.md`. The proxy is the program itself in a process of its
//! own, the server follows a script ([`replay`]) and answers at once, and requests with and without
//! the proxy take turns. The embedding model is used where it is installed, and left out elsewhere.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "a benchmark on machines of 64 bits, which shares files with tests"
)]

#[path = "bundle/machine.rs"]
mod machine;
#[path = "proxy/measure.rs"]
mod measure;
#[path = "../serve/tests/it/ollama.rs"]
mod ollama;
#[path = "proxy/page.rs"]
mod page;
#[path = "../serve/tests/it/replay.rs"]
mod replay;
#[path = "proxy/scene.rs"]
mod scene;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use page::Page;
use scene::{Engine, Scene};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let share = if has("--short") { 10 } else { 1 };
    let mut out = std::io::stdout().lock();
    let mut page = Page { was_busy: is_busy(), ..Page::default() };
    for engine in [Engine::Words, Engine::Model] {
        let Some(scene) = Scene::start(engine)? else {
            page.left_out.push(engine.name());
            continue;
        };
        for case in measure::CASES.iter().filter(|case| case.engine == engine) {
            writeln!(out, "{}", case.name)?;
            page.rows.push(measure::compare(case, &scene, share)?);
        }
        for (count, rounds, _) in measure::STREAMS {
            writeln!(out, "{count} streams at once")?;
            page.streams.push(measure::streams(&scene, count, rounds / share)?);
        }
        if engine == Engine::Words {
            page.memory = scene.memory_of_large_bodies();
        }
    }
    let text = page.to_text();
    writeln!(out, "{text}")?;
    if has("--save") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results/proxy.md");
        std::fs::write(&path, text)?;
        writeln!(out, "saved as {}", path.display())?;
    }
    Ok(())
}

/// Returns whether more than half a core was in use in the last minute.
fn is_busy() -> bool {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().and_then(|load| load.parse::<f64>().ok());
    load.is_some_and(|load| load > 0.5)
}
