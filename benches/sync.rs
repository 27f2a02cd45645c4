//! What publishing, pulling and loading cost over each kind of remote, and what readers who poll
//! cost whoever serves them.
//!
//! `cargo bench --bench sync [-- --short] [-- --save]`; `--short` measures the smallest channel only,
//! `--save` writes `benches/results/sync.md`. Servers run on
//! the loopback: `nginx`, a bare repository with the system's `git`, and moto in the Python that
//! `GARNER_INTEROP` names (tests/interop/requirements.txt). What is not installed is left out.
//!
//! Each measurement is a process of its own ([`measure`]), so that credentials come from the
//! environment as they do for users. Fragments are those of the bench `bundle`.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::too_many_arguments,
    clippy::manual_is_multiple_of,
    dead_code,
    reason = "a benchmark on machines of 64 bits, which shares files with another"
)]

#[path = "bundle/corpus.rs"]
mod corpus;
#[path = "bundle/machine.rs"]
mod machine;
#[path = "sync/measure.rs"]
mod measure;
#[path = "bundle/numbers.rs"]
mod numbers;
#[path = "sync/page.rs"]
mod page;
#[path = "sync/polling.rs"]
mod polling;
#[path = "bundle/publisher.rs"]
mod publisher;
#[path = "sync/servers.rs"]
mod servers;
#[path = "sync/traffic.rs"]
mod traffic;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use measure::Measured;
use page::{Page, Row};
use servers::Servers;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// How many fragments there are, and how often they are published and pulled.
const SIZES: [(u64, usize); 3] = [(1_000, 5), (10_000, 3), (100_000, 1)];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout().lock();
    if let [flag, publish, read, count] = arguments.as_slice()
        && flag == "--one"
    {
        let measured = measure::measure(publish, read, count.parse()?)?;
        writeln!(out, "{}", measured.to_json())?;
        return Ok(());
    }
    let traffic = traffic::record()?;
    let servers = Servers::start()?;
    let mut page = Page { left_out: servers.left_out.clone(), ..Page::default() };
    for (count, rounds) in SIZES {
        if arguments.iter().any(|argument| argument == "--short") && count > 1_000 {
            continue;
        }
        for remote in servers.remotes() {
            writeln!(out, "{count} fragments over {}", remote.name)?;
            let mut all: Vec<Measured> = Vec::new();
            for round in 0..rounds {
                let place = remote.place(count, round)?;
                all.push(measure::in_process(&place, count)?);
            }
            page.rows.push(Row { remote: remote.name, count, rounds: all });
        }
    }
    writeln!(out, "readers who poll")?;
    page.polls = polling::scenarios(&traffic);
    page.traffic = Some(traffic);
    let text = page.to_text();
    writeln!(out, "{text}")?;
    if arguments.iter().any(|argument| argument == "--save") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results/sync.md");
        std::fs::write(&path, text)?;
        writeln!(out, "saved as {}", path.display())?;
    }
    Ok(())
}
