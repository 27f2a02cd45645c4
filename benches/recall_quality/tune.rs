//! The grid of weights over the half of LoCoMo that they are tuned on.

use std::fmt::Write as _;
use std::path::Path;

use garner_loader::Weights;

use super::locomo::{self, Form};
use super::measure::Tally;
use super::model::Model;
use super::own;
use super::set::Built;
use super::way::Way;
use super::{Result, TUNED_ON};

/// Asks with every weight of the grid and returns a table.
pub(crate) fn grid(file: &Path, model: &Model) -> Result<String> {
    let mut sets = Vec::new();
    for form in Form::ALL {
        let tuned = locomo::sets(file, form)?.into_iter().take(TUNED_ON);
        sets.push(tuned.map(|set| Built::new(set, model)).collect::<Result<Vec<_>>>()?);
    }
    sets.push(own::all(model)?);
    let mut text = format!(
        "\n## Weights\n\nOver conversations 0 to {} and the own sets: `vector` is the share of the \
         vectors, `beside` how far a fragment moves towards a better neighbour, `beyond` towards what stands \
         behind a neighbour, `short` up to how many terms a fragment has neighbours. Statements of the own sets have \
         none. The defaults have the best sum over both forms of LoCoMo among those with the best \
         R@5 and R@10 of the own sets. How neighbours count was tried on all \
         conversations: the second half chose no number, but it was seen.\n\n\
         | vector | beside | beyond | short | turns R@5 | R@10 | MRR | observations R@5 | R@10 | MRR \
         | own R@5 | R@10 | MRR |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        TUNED_ON - 1,
    );
    for weights in points() {
        let Weights { vector, beside, beyond, short } = weights;
        let mark = if weights == Weights::default() { "**" } else { "" };
        write!(text, "| {mark}{vector}{mark} | {beside} | {beyond} | {short} |")?;
        for built in &sets {
            let (mut tally, way) = (Tally::default(), Way::Weighed(weights));
            for built in built {
                built.ask(|asked| way.ranks(built, asked), &mut tally)?;
            }
            let [_, fifth, tenth, _] = tally.recall();
            write!(text, " {fifth:.3} | {tenth:.3} | {:.3} |", tally.mrr())?;
        }
        text.push('\n');
    }
    Ok(text)
}

/// Returns the grid: shares against each other, then how long is short.
fn points() -> Vec<Weights> {
    let default = Weights::default();
    let mut points = Vec::new();
    for vector in [0.5, 0.55, 0.6, 0.62, 0.65, 0.7] {
        for (beside, beyond) in
            [(0.0, 0.0), (0.4, 0.0), (0.6, 0.0), (0.4, 0.3), (0.5, 0.4), (0.6, 0.5), (0.7, 0.6)]
        {
            points.push(Weights { vector, beside, beyond, ..default });
        }
    }
    points.extend([30, 60, 75, 120, 200].map(|short| Weights { short, ..default }));
    points
}
