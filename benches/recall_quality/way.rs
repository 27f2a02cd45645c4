//! The ways to recall that are compared.

use std::collections::{BTreeSet, HashMap};

use garner_kernel::FragmentId;
use garner_loader::{Query, Ranking, Weights};

use super::Result;
use super::measure::LIMIT;
use super::set::{Asked, Built};

/// The constant of reciprocal rank fusion.
const RRF_K: f64 = 60.0;
/// How long the lists are that rank fusion takes.
const LIST: usize = 100;

/// A way to recall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Way {
    /// FTS5 with stems: any of the words that are no stop words, by its bm25.
    Fts5,
    /// The cosine to every vector.
    Vectors,
    /// The sum of `1 / (60 + rank)` over the first 100 of the two above.
    RankFusion,
    /// What memori-ai-core 0.7.1 does: all words in FTS5, all vectors, rank fusion of three times
    /// as many as are asked for, where what one list lacks counts as its first place below.
    Peer,
    /// Garner by words alone, without neighbours.
    Words,
    /// Garner with rank fusion instead of scores.
    Rrf,
    /// Garner without neighbours.
    Alone,
    /// Garner as it is by default.
    Default,
    /// Garner with other weights.
    Weighed(Weights),
}

impl Way {
    pub(crate) const ALL: [Self; 8] = [
        Self::Fts5,
        Self::Vectors,
        Self::RankFusion,
        Self::Peer,
        Self::Words,
        Self::Rrf,
        Self::Alone,
        Self::Default,
    ];

    /// Returns how a table calls it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Fts5 => "FTS5 alone",
            Self::Vectors => "vectors alone",
            Self::RankFusion => "rank fusion k=60 of both",
            Self::Peer => "memori-ai-core's recipe",
            Self::Words => "Garner, words alone",
            Self::Rrf => "Garner, `--ranking rrf`",
            Self::Alone => "Garner without neighbours",
            Self::Default | Self::Weighed(_) => "**Garner**",
        }
    }

    /// Returns what it finds, the best first.
    pub(crate) fn ranks(&self, built: &Built, asked: &Asked<'_>) -> Result<Vec<FragmentId>> {
        let text = asked.question.text.as_str();
        let alone = Weights { beside: 0.0, ..Weights::default() };
        let query = Query { limit: LIMIT, ..Query::new(text, built.set.now) };
        let both = Query { vector: Some(asked.vector.clone()), ..query.clone() };
        let query = match self {
            Self::Fts5 => return fts5(built, text, LIMIT),
            Self::Vectors => return Ok(vectors(built, asked, LIMIT)),
            Self::RankFusion => {
                let lists = [fts5(built, text, LIST)?, vectors(built, asked, LIST)];
                return Ok(fused(&lists, None));
            }
            Self::Peer => {
                let lists = [every_word(built, text)?, vectors(built, asked, 3 * LIMIT)];
                return Ok(fused(&lists, Some(3 * LIMIT + 1)));
            }
            Self::Words => Query { weights: alone, ..query },
            Self::Rrf => Query { ranking: Ranking::Rrf, ..both },
            Self::Alone => Query { weights: alone, ..both },
            Self::Default => both,
            Self::Weighed(weights) => Query { weights: *weights, ..both },
        };
        let hits = built.store.recall(&query)?.hits;
        Ok(hits.into_iter().map(|hit| hit.fragment.id).collect())
    }
}

/// Asks the table with stems for any of the words.
fn fts5(built: &Built, text: &str, most: usize) -> Result<Vec<FragmentId>> {
    let words: BTreeSet<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty() && !STOP_WORDS.contains(&word.as_str()))
        .map(|word| format!("\"{word}\""))
        .collect();
    let words: Vec<String> = words.into_iter().collect();
    matching(built, "stems", &words.join(" OR "), most)
}

/// Asks the table without stems for all words between spaces.
fn every_word(built: &Built, text: &str) -> Result<Vec<FragmentId>> {
    let words: Vec<String> =
        text.split_whitespace().map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
    matching(built, "words", &words.join(" "), 3 * LIMIT)
}

fn matching(built: &Built, table: &str, question: &str, most: usize) -> Result<Vec<FragmentId>> {
    if question.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT rowid FROM {table} WHERE {table} MATCH ?1 ORDER BY rank LIMIT ?2");
    let mut statement = built.plain.prepare_cached(&sql)?;
    let rows = statement.query_map((question, i64::try_from(most)?), |row| row.get::<_, i64>(0))?;
    let mut found = Vec::new();
    for row in rows {
        let place = usize::try_from(row?)?;
        found.extend(built.vectors.get(place).map(|(id, _)| *id));
    }
    Ok(found)
}

/// Compares the question with every vector.
fn vectors(built: &Built, asked: &Asked<'_>, most: usize) -> Vec<FragmentId> {
    let cosine = |id: &FragmentId, vector| (asked.vector.vector.cosine(vector), *id);
    let mut all: Vec<_> = built.vectors.iter().map(|(id, vector)| cosine(id, vector)).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    all.into_iter().take(most).map(|(_, id)| id).collect()
}

/// Adds up reciprocal ranks; `absent` is the rank of what a list lacks.
fn fused(lists: &[Vec<FragmentId>], absent: Option<usize>) -> Vec<FragmentId> {
    let one = |rank: usize| 1.0 / (RRF_K + u32::try_from(rank).map_or(f64::INFINITY, f64::from));
    let all: BTreeSet<FragmentId> = lists.iter().flatten().copied().collect();
    let ranks: Vec<HashMap<FragmentId, usize>> =
        lists.iter().map(|list| list.iter().copied().zip(1..).collect()).collect();
    let sum = |id: &FragmentId| -> f64 {
        ranks.iter().filter_map(|list| list.get(id).copied().or(absent)).map(one).sum()
    };
    let mut scored: Vec<(f64, FragmentId)> = all.iter().map(|id| (sum(id), *id)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.into_iter().take(LIMIT).map(|(_, id)| id).collect()
}

/// Words of questions that say nothing about what is asked.
#[rustfmt::skip]
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "an", "and", "any", "are", "as", "at", "be", "because", "been",
    "before", "but", "by", "can", "could", "d", "did", "do", "does", "during", "for", "from", "had",
    "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its", "ll", "m",
    "me", "my", "no", "not", "of", "on", "or", "our", "re", "s", "she", "should", "so", "t", "than",
    "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "up",
    "ve", "was", "we", "were", "what", "when", "where", "which", "who", "whom", "whose", "why",
    "will", "with", "would", "you", "your",
];
