//! What the words of a query find.

use garner_kernel::Text;

use crate::error::Trouble;
use crate::recall::bm25::{self, Corpus, KEPT, Postings, Scores};
use crate::recall::ground::Ground;
use crate::recall::index::Index;
use crate::recall::question::{self, Term};
use crate::recall::signals::{TermSignal, TermUse};

/// The terms of a query with the rows that hold them.
#[derive(Debug)]
pub(super) struct Words<'i> {
    terms: Vec<Searched<'i>>,
    /// The information that the terms of the query carry, but for those that are too common.
    information: f64,
    /// BM25 by row.
    scores: Scores,
}

#[derive(Debug)]
struct Searched<'i> {
    term: Term,
    /// The shown rows that hold it; `None` when it is too common to be searched for.
    postings: Option<Postings<'i>>,
    weight: f64,
}

impl<'i> Words<'i> {
    /// Plans which terms are searched for, searches for them, and scores what holds them.
    ///
    /// Very common terms are left out where there are enough rarer ones.
    pub(super) fn search(
        index: &'i dyn Index,
        ground: &Ground,
        text: &str,
    ) -> Result<Self, Trouble> {
        let common = bm25::common(ground.documents);
        let mut terms: Vec<(Term, Option<Postings<'i>>)> = Vec::new();
        for term in question::terms(text) {
            if is_surely_common(index, ground, common, &term)? {
                terms.push((term, None));
                continue;
            }
            let postings = index.postings(&term, ground)?;
            terms.push((term, Some(postings).filter(|list| list.len() <= common)));
        }
        let rare = |(_, postings): &&(Term, Option<Postings<'_>>)| {
            postings.as_ref().is_some_and(|postings| postings.len() > 0)
        };
        let kept = KEPT.saturating_sub(terms.iter().filter(rare).count());
        for place in rarest(index, ground, &terms, kept)? {
            if let Some((term, postings)) = terms.get_mut(place) {
                *postings = Some(index.postings(term, ground)?);
            }
        }
        let corpus =
            Corpus { lengths: &ground.lengths, documents: ground.documents, terms: ground.terms };
        let weigh = |(term, postings): (Term, Option<Postings<'i>>)| {
            // A term that nothing holds carries as much as one that a single fragment holds.
            let frequency = postings.as_ref().map(|list| list.len().max(1));
            let weight = frequency.map_or(0.0, |frequency| corpus.weight(frequency));
            Searched { term, postings, weight }
        };
        let terms: Vec<Searched<'i>> = terms.into_iter().map(weigh).collect();
        let information = terms.iter().map(|term| term.weight).sum();
        let searched = terms.iter().filter_map(|term| Some((term.postings.as_ref()?, term.weight)));
        let scores = corpus.score(searched);
        Ok(Self { terms, information, scores })
    }

    /// Returns the score of a row.
    pub(super) fn score(&self, row: u32) -> f64 {
        self.scores.of(row)
    }

    /// Returns the rows with a score.
    pub(super) fn found(&self) -> &[u32] {
        &self.scores.found
    }

    /// Returns the share of the query's information that the terms of a row carry, and those terms.
    pub(super) fn matched(&self, row: u32) -> (f64, Vec<Text>) {
        let holds = |term: &&Searched<'_>| {
            term.postings.as_ref().is_some_and(|postings| postings.hold(row))
        };
        let (mut coverage, mut labels) = (0.0, Vec::new());
        for term in self.terms.iter().filter(holds) {
            coverage += term.weight / self.information;
            labels.push(Text::new(term.term.label()));
        }
        (coverage, labels)
    }

    /// Returns what became of each term.
    pub(super) fn signals(&self) -> Vec<TermSignal> {
        let signal = |term: &Searched<'_>| TermSignal {
            term: Text::new(term.term.label()),
            documents: term.postings.as_ref().map(Postings::len),
            used: match &term.postings {
                Some(postings) if postings.len() == 0 => TermUse::Absent,
                Some(_) => TermUse::Searched,
                None => TermUse::TooCommon,
            },
        };
        self.terms.iter().map(signal).collect()
    }
}

/// Returns whether a term is too common, as far as that is seen without reading where it is: however
/// many of the rows that hold it are not shown.
fn is_surely_common(
    index: &dyn Index,
    ground: &Ground,
    common: usize,
    term: &Term,
) -> Result<bool, Trouble> {
    let hidden = ground.lengths.len() - ground.documents;
    // Where all rows together are not too many, nothing has to be looked up.
    Ok(ground.lengths.len() > common && index.at_least(term)? > common + hidden)
}

/// Returns the places of the `most` rarest terms among those that are too common.
fn rarest(
    index: &dyn Index,
    ground: &Ground,
    terms: &[(Term, Option<Postings<'_>>)],
    most: usize,
) -> Result<Vec<usize>, Trouble> {
    let mut order = Vec::new();
    if most > 0 {
        for (place, (term, _)) in terms.iter().enumerate().filter(|(_, (_, list))| list.is_none()) {
            order.push((index.frequency(term, ground)?, place));
        }
    }
    order.sort_unstable();
    Ok(order.into_iter().take(most).map(|(_, place)| place).collect())
}

#[cfg(test)]
mod tests {
    use garner_kernel::Moment;

    use super::*;
    use crate::recall::Filters;
    use crate::recall::stored::Stored;
    use crate::test_support::{contents, fact, kernel, load, store};

    #[test]
    fn common_terms_count_only_where_too_few_rarer_ones_are() {
        let (_dir, mut store) = store();
        let text = |i: usize| {
            fact(&format!("alpha {} n{i}", if i.is_multiple_of(20) { "gamma" } else { "beta" }))
        };
        let texts: Vec<_> = (0..2_400).map(text).collect();
        load(&mut store, &kernel("team", 1, contents(&texts.iter().collect::<Vec<_>>())));
        let used = |text: &str| {
            let signals = store.read(|db| {
                let ground = Ground::read(db, None, &Filters::default(), Moment::from_unix(0))?;
                Ok(Words::search(&Stored { db }, &ground, text)?.signals())
            });
            let signals = signals.unwrap();
            signals.iter().map(|term| term.used.as_str()).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(used("alpha"), "searched");
        assert_eq!(used("alpha beta"), "searched, searched");
        assert_eq!(used("alpha beta gamma"), "too common, searched, searched");
        assert_eq!(used("alpha gamma n7"), "too common, searched, searched");
        assert_eq!(used("alpha gamma absent"), "searched, searched, absent");
        assert_eq!(used("alpha beta n7 n8"), "too common, too common, searched, searched");
    }
}
