//! What the search that is approximate finds of the exact nearest, on vectors of real texts.

use std::path::Path;

use garner_kernel::Moment;
use garner_loader::Search;

use super::Result;
use super::locomo::{self, Form};
use super::model::Model;
use super::set::{Built, Set};

/// How many of the nearest are asked for.
const TEN: usize = 10;

/// Puts turns and observations of all conversations into one store, since one alone is too small for
/// anything but exact search, and asks every question in both ways.
pub(crate) fn measured(file: &Path, model: &Model) -> Result<String> {
    let mut all = Set::new(Moment::from_unix(0));
    for form in Form::ALL {
        for set in locomo::sets(file, form)? {
            all.now = all.now.max(set.now);
            all.fragments.extend(set.fragments);
            if form == Form::Turns {
                all.questions.extend(set.questions);
            }
        }
    }
    let built = Built::new(all, model)?;
    let (mut found, mut wanted, mut whole) = (0, 0, 0);
    for vector in &built.asked {
        let ask = |search| built.store.nearest(vector, TEN, search, built.set.now);
        let (exact, approximate) = (ask(Search::Exact)?, ask(Search::Approximate)?);
        let last = exact.last().ok_or("something is near")?.1;
        let right = approximate.iter().filter(|(_, score)| *score >= last).count().min(TEN);
        found += right;
        wanted += exact.len();
        whole += usize::from(right == exact.len());
    }
    Ok(format!(
        "\n## Approximate search on real vectors\n\nTurns and observations of all conversations in \
         one store, {} vectors, and {} questions: of the exact ten nearest the first look by one bit \
         a dimension finds a share of {:.4} (wanted is 0.99); {} questions miss one or more.\n",
        built.vectors.len(),
        built.asked.len(),
        f64::from(u32::try_from(found)?) / f64::from(u32::try_from(wanted)?),
        built.asked.len() - whole,
    ))
}
