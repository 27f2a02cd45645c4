//! Questions that go with a backup, and what the store answered: a restored one must say the same.

use garner_kernel::{FragmentId, Moment};
use garner_loader::{Query, Store};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Canary {
    /// What is asked, by words alone: no model is needed to ask again.
    pub(crate) question: String,
    /// The ids of the fragments, the best first.
    pub(crate) answer: Vec<String>,
}

/// How many questions there are.
const QUESTIONS: usize = 8;
/// How many hits make an answer.
const HITS: usize = 5;
/// The longest question, in characters.
const LENGTH: usize = 160;

/// Makes questions of what a store says, and asks them.
pub(crate) fn made(store: &Store, at: Moment) -> Result<Vec<Canary>, Error> {
    // Recall itself chooses: the newest statements, which nobody drilled before.
    let newest = store.newest(QUESTIONS, at)?;
    let questions = newest.iter().map(|f| f.statement.as_str().chars().take(LENGTH).collect());
    questions
        .map(|question: String| {
            let answer = ask(store, &question, at)?;
            Ok(Canary { question, answer })
        })
        .collect()
}

/// Returns how many questions a store does not answer as it is written.
pub(crate) fn differing(store: &Store, canaries: &[Canary], at: Moment) -> Result<usize, Error> {
    let mut differing = 0;
    for canary in canaries {
        differing += usize::from(ask(store, &canary.question, at)? != canary.answer);
    }
    Ok(differing)
}

/// Returns the same questions with the answers that a store gives now.
pub(crate) fn asked_again(
    store: &Store,
    canaries: &[Canary],
    now: Moment,
) -> Result<Vec<Canary>, Error> {
    let again = |canary: &Canary| {
        let answer = ask(store, &canary.question, now)?;
        Ok(Canary { question: canary.question.clone(), answer })
    };
    canaries.iter().map(again).collect()
}

fn ask(store: &Store, question: &str, at: Moment) -> Result<Vec<String>, Error> {
    let query = Query { limit: HITS, ..Query::new(question, at) };
    let recall = store.recall(&query)?;
    Ok(recall.hits.iter().map(|hit| hit.fragment.id).map(text).collect())
}

fn text(id: FragmentId) -> String {
    id.to_string()
}
