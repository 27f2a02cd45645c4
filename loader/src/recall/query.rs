//! What is asked of the store.

use garner_kernel::{ChannelName, EmbedderId, Kind, Moment, Scope, Tag, Text, Trust, Vector};

use crate::recall::condition::Condition;
use crate::recall::facts::{Facts, Shown};
use crate::store::view::View;

/// A question to the store.
#[derive(Debug, Clone)]
pub struct Query {
    /// What is asked, in any words; nothing in it has a special meaning but double quotes.
    pub text: Text,
    /// The text as a vector; `None` ranks by words only.
    pub vector: Option<QueryVector>,
    /// How many hits to return at most.
    pub limit: usize,
    /// Which fragments may be hits.
    pub filters: Filters,
    /// The present, which decides what has expired and how old a fragment is.
    pub now: Moment,
    /// Which view to read; `None` is the store's present one.
    pub at: Option<View>,
    /// How words and vectors are weighed against each other.
    pub ranking: Ranking,
    /// How much each part of a score counts.
    pub weights: Weights,
    /// Whether every vector is compared.
    pub search: Search,
}

impl Query {
    /// Returns a query for ten hits by words in the present view.
    pub fn new(text: impl Into<String>, now: Moment) -> Self {
        Self {
            text: Text::new(text),
            vector: None,
            limit: 10,
            filters: Filters::default(),
            now,
            at: None,
            ranking: Ranking::default(),
            weights: Weights::default(),
            search: Search::default(),
        }
    }
}

/// A query as a vector, and who made it.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryVector {
    /// The embedder: only vectors of the same one are compared.
    pub embedder: EmbedderId,
    /// The vector.
    pub vector: Vector,
}

/// Which fragments may be hits; an empty list allows everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// The kinds.
    pub kinds: Vec<Kind>,
    /// The scopes.
    pub scopes: Vec<Scope>,
    /// The channels; others are treated as if they were not loaded.
    pub channels: Vec<ChannelName>,
    /// The least trust.
    pub min_trust: Option<Trust>,
    /// The tags, of which a fragment needs one.
    pub tags: Vec<Tag>,
    /// What else has to hold.
    pub condition: Option<Condition>,
}

impl Filters {
    /// Returns whether a row passes.
    pub(crate) fn pass(&self, shown: Shown<'_>) -> bool {
        let facts = shown.facts;
        (self.kinds.is_empty() || self.kinds.contains(&facts.kind))
            && (self.scopes.is_empty() || self.scopes.contains(&facts.scope))
            && self.min_trust.is_none_or(|least| facts.trust >= least)
            && (self.tags.is_empty() || facts.tags.iter().any(|tag| self.tags.contains(tag)))
            && self.condition.as_ref().is_none_or(|condition| condition.holds(shown))
    }

    /// Returns whether every fragment passes; channels are another matter.
    pub(crate) fn pass_everything(&self) -> bool {
        let Self { kinds, scopes, channels: _, min_trust, tags, condition } = self;
        kinds.is_empty()
            && scopes.is_empty()
            && min_trust.is_none()
            && tags.is_empty()
            && condition.is_none()
    }

    /// Returns whether anybody asks which channel shows a fragment.
    pub(crate) fn ask_place(&self) -> bool {
        self.condition.as_ref().is_some_and(Condition::asks_place)
    }

    /// Returns the columns of a fragment that have to be read: those of an index where it has them.
    pub(crate) fn columns(&self) -> &'static str {
        let tags =
            !self.tags.is_empty() || self.condition.as_ref().is_some_and(Condition::asks_tags);
        if tags { Facts::COLUMNS } else { Facts::INDEXED_COLUMNS }
    }

    /// Returns the kinds that may pass.
    pub(crate) fn kinds_asked(&self) -> &[Kind] {
        if self.kinds.is_empty() { Kind::ALL } else { &self.kinds }
    }

    /// Returns whether the channel is read at all.
    pub(crate) fn reads(&self, channel: &ChannelName) -> bool {
        self.channels.is_empty() || self.channels.contains(channel)
    }
}

/// Whether every vector is compared with the query's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Search {
    /// Every one of few; of many, those that a first look chooses.
    #[default]
    Auto,
    /// Every one.
    Exact,
    /// Those that a first look chooses, where there are codes for one.
    Approximate,
}

/// How words and vectors are weighed against each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ranking {
    /// `v * max(0, cosine) + (1 - v) * bm25 / max`, where `v` is [`Weights::vector`].
    #[default]
    Fusion,
    /// The sum of `1 / (60 + rank)` over both lists.
    Rrf,
}

/// How much each part of a score counts; `benches/results/recall_quality.md` says what the defaults
/// were chosen by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// The share of the vectors in the relevance, from 0 to 1; words have the rest.
    pub vector: f64,
    /// How far the relevance of a short fragment moves towards that of a more relevant one beside it,
    /// from 0 to 1; at 0 nothing near it counts.
    pub beside: f64,
    /// How far it moves towards that of a more relevant one on the other side of a short neighbour.
    pub beyond: f64,
    /// Fragments of at most so many terms are short: neighbours help those, and hurt longer ones.
    pub short: u32,
}

impl Default for Weights {
    fn default() -> Self {
        Self { vector: 0.62, beside: 0.6, beyond: 0.5, short: 90 }
    }
}
