//! What is asked of the store.

use garner_kernel::{ChannelName, EmbedderId, Kind, Moment, Scope, Text, Trust, Vector};

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
}

impl Filters {
    /// Returns whether a fragment of this kind, scope and trust passes.
    pub(crate) fn pass(&self, kind: Kind, scope: &Scope, trust: Trust) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && (self.scopes.is_empty() || self.scopes.contains(scope))
            && self.min_trust.is_none_or(|least| trust >= least)
    }

    /// Returns whether the channel is read at all.
    pub(crate) fn reads(&self, channel: &ChannelName) -> bool {
        self.channels.is_empty() || self.channels.contains(channel)
    }
}

/// How words and vectors are weighed against each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ranking {
    /// `0.65 * max(0, cosine) + 0.35 * bm25 / max`.
    #[default]
    Fusion,
    /// The sum of `1 / (60 + rank)` over both lists.
    Rrf,
}
