//! What filters and ranking know of a row, without its text.

use garner_kernel::{
    ChannelName, Confidence, Fragment, FragmentId, Kind, Moment, Scope, Tag, Trust, Version,
};
use rusqlite::Row;

use crate::error::Trouble;
use crate::store::fragment_row::digest_from;

/// What is known of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) id: FragmentId,
    pub(crate) kind: Kind,
    pub(crate) scope: Scope,
    pub(crate) trust: Trust,
    pub(crate) confidence: Confidence,
    pub(crate) created: Moment,
    pub(crate) valid_to: Option<Moment>,
    pub(crate) tags: Vec<Tag>,
}

/// What ranking knows of a row beside its words and its vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Merits {
    pub(crate) id: FragmentId,
    pub(crate) kind: Kind,
    pub(crate) trust: Trust,
    pub(crate) confidence: Confidence,
    pub(crate) created: Moment,
}

/// What is known of a row where it is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'f> {
    pub(crate) facts: &'f Facts,
    /// Which channel shows it and since which version; `None` where nobody asks.
    pub(crate) place: Option<(&'f ChannelName, Version)>,
}

impl Facts {
    /// The columns that [`Self::read`] expects.
    pub(crate) const COLUMNS: &'static str =
        "row, id, kind, scope, trust, confidence, created, valid_to, tags";

    /// The same without an id and without tags, which an index has.
    pub(crate) const INDEXED_COLUMNS: &'static str =
        "row, zeroblob(32), kind, scope, trust, confidence, created, valid_to, ''";

    /// Returns what is known of a fragment.
    pub(crate) fn of(fragment: &Fragment) -> Self {
        Self {
            id: fragment.id,
            kind: fragment.kind,
            scope: fragment.scope.clone(),
            trust: fragment.trust,
            confidence: fragment.confidence,
            created: fragment.created,
            valid_to: fragment.valid_to,
            tags: fragment.tags.clone(),
        }
    }

    /// Reads one row of [`Self::COLUMNS`] or of [`Self::INDEXED_COLUMNS`].
    pub(crate) fn read(row: &Row<'_>) -> Result<Self, Trouble> {
        let word = |column: usize| row.get_ref(column).map(|v| v.as_str().unwrap_or_default());
        let tags = word(8)?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self {
            id: FragmentId::new(digest_from("fragment", &row.get::<_, Vec<u8>>(1)?)?),
            kind: word(2)?.parse()?,
            scope: word(3)?.parse()?,
            trust: word(4)?.parse()?,
            confidence: Confidence::percent(row.get(5)?),
            created: Moment::from_unix(row.get(6)?),
            valid_to: row.get::<_, Option<i64>>(7)?.map(Moment::from_unix),
            tags,
        })
    }
}
