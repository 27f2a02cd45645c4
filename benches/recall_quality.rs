//! How good recall is: by the public LoCoMo conversations, and by sets of questions of our own.
//!
//! `cargo bench --bench recall_quality [-- --own] [-- --tune] [-- --locomo FILE] [-- --save]`.
//! `--own` leaves LoCoMo out; `--tune` prints nothing but the grid of weights ([`tune`]);
//! `--save` writes `benches/results/recall_quality.md`. The embedding model has to be installed
//! (`garner model install`). Vectors are kept in the target folder between runs.
//!
//! Each LoCoMo conversation is a store of its own, once with a fragment for each turn and once with
//! a fragment for each observation ([`locomo`]). Own sets are files beside this one ([`own`]).
//! LoCoMo is under CC BY-NC 4.0: it is read where it lies, and none of its text is kept here.

#[path = "recall_quality/locomo.rs"]
mod locomo;
#[path = "bundle/machine.rs"]
mod machine;
#[path = "recall_quality/measure.rs"]
mod measure;
#[path = "recall_quality/model.rs"]
mod model;
#[path = "recall_quality/nearest.rs"]
mod nearest;
#[path = "recall_quality/own.rs"]
mod own;
#[path = "recall_quality/page.rs"]
mod page;
#[path = "bundle/publisher.rs"]
#[expect(dead_code, reason = "shared with the benchmark of bundles, which does more")]
mod publisher;
#[path = "recall_quality/set.rs"]
mod set;
#[path = "recall_quality/tune.rs"]
mod tune;
#[path = "recall_quality/way.rs"]
mod way;

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use locomo::Form;
use measure::Tally;
use model::Model;
use set::Built;
use way::Way;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Weights are chosen by this many conversations and reported by the others.
const TUNED_ON: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let after = arguments.iter().skip_while(|argument| *argument != "--locomo").nth(1);
    let file = after.map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/bench/locomo10.json"),
        PathBuf::from,
    );
    let mut out = std::io::stdout().lock();
    let model = Model::open()?;
    if has("--tune") {
        return Ok(writeln!(out, "{}", tune::grid(&file, &model)?)?);
    }
    let mut text = page::head();
    let public = !has("--own") && file.exists();
    if public {
        for form in Form::ALL {
            text.push_str(&conversations(&file, form, &model)?);
        }
    } else {
        writeln!(out, "LoCoMo is left out")?;
    }
    if public {
        text.push_str(&nearest::measured(&file, &model)?);
    }
    text.push_str(&own::measured(&model)?);
    if public {
        text.push_str(&tune::grid(&file, &model)?);
    }
    writeln!(out, "{text}")?;
    if has("--save") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results/recall_quality.md");
        std::fs::write(&path, text)?;
        writeln!(out, "saved as {}", path.display())?;
    }
    Ok(())
}

/// Asks all conversations in every way and returns the tables.
fn conversations(file: &Path, form: Form, model: &Model) -> Result<String> {
    let sets = locomo::sets(file, form)?;
    let built: Vec<Built> =
        sets.into_iter().map(|set| Built::new(set, model)).collect::<Result<_>>()?;
    let mut halves: Vec<(Way, [Tally; 2])> = Vec::new();
    for way in Way::ALL {
        let mut tallies = <[Tally; 2]>::default();
        for (number, built) in built.iter().enumerate() {
            if let Some(tally) = tallies.get_mut(usize::from(number >= TUNED_ON)) {
                built.ask(|asked| way.ranks(built, asked), tally)?;
            }
        }
        halves.push((way, tallies));
    }
    Ok(page::locomo(form, &built, &halves))
}
