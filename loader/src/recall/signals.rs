//! What recall returns: hits, and every number that put them where they are.

use std::fmt;
use std::sync::Arc;

use garner_kernel::{ChannelName, Confidence, Fragment, Text, Trust, Version};

/// A number that ranks; higher is better. Displays with three decimals.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Score(f64);

impl Score {
    /// Wraps a number.
    pub const fn new(value: f64) -> Self {
        Self(value)
    }

    /// Returns the number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.3}", self.0))
    }
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Recall {
    /// The fragments, the best first.
    pub hits: Vec<Hit>,
    /// What the query was taken to ask.
    pub signals: TextSignals,
}

/// A fragment that answers a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The fragment, shared with what is kept in memory.
    pub fragment: Arc<Fragment>,
    /// The channel that brought it.
    pub channel: ChannelName,
    /// The version that the channel is read at.
    pub version: Version,
    /// Why it stands where it stands.
    pub signals: Signals,
}

/// Why a hit stands where it stands: `total = (relevance + support) * freshness_prior * trust_prior
/// * confidence_prior * diversity`.
#[derive(Debug, Clone, PartialEq)]
pub struct Signals {
    /// BM25 over the visible fragments; 0 when no term matches.
    pub bm25: Score,
    /// BM25 as a share of the best hit's.
    pub keywords: Score,
    /// The cosine to the query; `None` when query or fragment has no vector.
    pub cosine: Option<Score>,
    /// The share of the query's information that the matched terms carry, from 0 to 1.
    pub coverage: Score,
    /// Words and vector together, by the chosen ranking.
    pub relevance: Score,
    /// What the most relevant fragments up to two places from a short one in its session add to it.
    pub support: Score,
    /// Age in whole days.
    pub age_days: u32,
    /// Half-life decay, from 1 (new, or never fading) towards 0.
    pub freshness: Score,
    /// The factor that freshness makes, from 0.85 to 1.
    pub freshness_prior: Score,
    /// Who stood behind it.
    pub trust: Trust,
    /// The factor that trust makes, from 0.9 to 1.
    pub trust_prior: Score,
    /// How sure the compiler was.
    pub confidence: Confidence,
    /// The factor that confidence makes, from 0.95 to 1.
    pub confidence_prior: Score,
    /// The factor that likeness to better hits makes, from 0.5 to 1.
    pub diversity: Score,
    /// The product that ranks.
    pub total: Score,
    /// The terms of the query that the fragment holds.
    pub matched: Vec<Text>,
}

/// What the text of a query was taken to ask.
#[derive(Debug, Clone, PartialEq)]
pub struct TextSignals {
    /// The terms in the order of the text.
    pub terms: Vec<TermSignal>,
    /// How many fragments were visible, whether or not the filters allow them.
    pub visible: usize,
    /// How many fragments were ranked.
    pub candidates: usize,
    /// How many fragments were compared by their vectors, or by codes of them.
    pub vectors: usize,
}

/// One term of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermSignal {
    /// The term as the index knows it; a phrase has spaces.
    pub term: Text,
    /// How many visible fragments hold it; `None` for one that is too common.
    pub documents: Option<usize>,
    /// Whether it was searched for.
    pub used: TermUse,
}

/// Whether a term was searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermUse {
    /// It was.
    Searched,
    /// Too many fragments hold it, and rarer terms were there.
    TooCommon,
    /// No visible fragment holds it.
    Absent,
}

impl TermUse {
    /// Returns the word that stands for the use on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Searched => "searched",
            Self::TooCommon => "too common",
            Self::Absent => "absent",
        }
    }
}
