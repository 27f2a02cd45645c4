//! The ground of a query: which rows are shown at its time, and how long they are.
//!
//! Scores depend on nothing else of the store, so that they are the same for the same view whatever
//! else is loaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use garner_kernel::{ChannelName, Moment, Version};
use rusqlite::Connection;

use crate::error::Trouble;
use crate::recall::query::Filters;
use crate::store::standing::{self, ROWS, Standing};
use crate::store::view::{self, View, version_from};
use crate::store::{channel, chunk};

/// Which rows are shown.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    /// The terms of each row in the text index plus one, by row; 0 where it is not shown.
    pub(super) lengths: Arc<Vec<u32>>,
    /// How many rows are shown.
    pub(super) documents: usize,
    /// How many terms they have together.
    pub(super) terms: u64,
    /// Which channels show them; `None` is what the store keeps of its present view.
    standing: Option<Arc<Standing>>,
    /// The channels that are read: by row, the name and the version.
    channels: Arc<BTreeMap<u32, (ChannelName, Version)>>,
}

impl Ground {
    /// Returns what `at`, or else the present view, shows at `now`.
    pub(super) fn read(
        db: &Connection,
        at: Option<&View>,
        filters: &Filters,
        now: Moment,
    ) -> Result<Self, Trouble> {
        let view = at.cloned().map_or_else(|| view::current(db), Ok)?;
        let kept = at.is_none() && filters.channels.is_empty();
        let standing = match (kept, filters.ask_place()) {
            (true, false) => None,
            (true, true) => Some(Standing::read(db)?),
            (false, _) => Some(Standing::of_view(db, &view, filters)?),
        };
        let mut ground = Self::nothing();
        match standing {
            None => ground.lengths = Arc::new(standing::lengths(db)?),
            Some(standing) => ground.stand_on(standing),
        }
        ground.channels = Arc::new(channels(db, &view)?);
        ground.count();
        Ok(ground.without(&expired(db, now)?))
    }

    /// Returns what the present view shows, whatever the time.
    pub(super) fn kept(db: &Connection, standing: Standing) -> Result<Self, Trouble> {
        let mut ground = Self::nothing();
        ground.stand_on(standing);
        ground.channels = Arc::new(channels(db, &view::current(db)?)?);
        ground.count();
        Ok(ground)
    }

    /// Makes this what the present view shows, where it was that when `known` changes of what is shown
    /// were counted.
    pub(super) fn follow(&mut self, db: &Connection, known: i64) -> Result<(), Trouble> {
        let lengths = Arc::make_mut(&mut self.lengths);
        let standing = Arc::make_mut(self.standing.get_or_insert_default());
        standing::each_changed(db, known, lengths.len() / ROWS, |first, [new, by, since]| {
            put(lengths, first, &new, u32::from_le_bytes);
            put(&mut standing.channels, first, &by, u32::from_le_bytes);
            put(&mut standing.since, first, &since, u64::from_le_bytes);
        })?;
        self.channels = Arc::new(channels(db, &view::current(db)?)?);
        self.count();
        Ok(())
    }

    /// Returns a ground that shows nothing.
    pub(super) fn nothing() -> Self {
        Self {
            lengths: Arc::default(),
            documents: 0,
            terms: 0,
            standing: None,
            channels: Arc::default(),
        }
    }

    fn stand_on(&mut self, mut standing: Standing) {
        self.lengths = Arc::new(std::mem::take(&mut standing.lengths));
        self.standing = Some(Arc::new(standing));
    }

    /// Takes rows out.
    pub(super) fn without(mut self, rows: &[u32]) -> Self {
        if rows.iter().any(|row| self.shows(*row)) {
            let lengths = Arc::make_mut(&mut self.lengths);
            for row in rows {
                if let Some(length) = lengths.get_mut(*row as usize) {
                    *length = 0;
                }
            }
            self.count();
        }
        self
    }

    fn count(&mut self) {
        self.documents = self.lengths.iter().filter(|length| **length > 0).count();
        let total: u64 = self.lengths.iter().map(|length| u64::from(*length)).sum();
        self.terms = total - self.documents as u64;
    }

    /// Returns whether a row is shown.
    #[inline]
    pub(super) fn shows(&self, row: u32) -> bool {
        self.lengths.get(row as usize).is_some_and(|length| *length > 0)
    }

    /// Returns how many terms the text index holds of a row; `None` where it is not shown.
    pub(super) fn length(&self, row: u32) -> Option<u32> {
        self.lengths.get(row as usize)?.checked_sub(1)
    }

    /// Returns the channel that shows a row, and since which version it does.
    pub(super) fn place(
        &self,
        db: &Connection,
        row: u32,
    ) -> Result<(&ChannelName, Version), Trouble> {
        let (name, _, since) = self.shown_by(db, row)?;
        Ok((name, since))
    }

    /// Returns the channel that shows a row, which version of it is read, and since which version it
    /// holds the row.
    pub(super) fn shown_by(
        &self,
        db: &Connection,
        row: u32,
    ) -> Result<(&ChannelName, Version, Version), Trouble> {
        let found = match &self.standing {
            None => standing::shown_by(db, row)?,
            Some(standing) => {
                let place = row as usize;
                standing.channels.get(place).copied().zip(standing.since.get(place).copied())
            }
        };
        let place = found.and_then(|(channel, since)| Some((self.channels.get(&channel)?, since)));
        let ((name, version), since) =
            place.ok_or_else(|| Trouble::row("standing", format!("row {row} is not shown")))?;
        Ok((name, *version, version_from(since)?))
    }

    /// Returns about how many bytes of memory it takes.
    pub(super) fn memory(&self) -> usize {
        self.lengths.capacity() * 16
    }
}

/// Puts the numbers of a chunk into a list, from the row `first` on.
fn put<T: Copy + Default, const N: usize>(
    list: &mut Vec<T>,
    first: usize,
    bytes: &[u8],
    read: impl Fn([u8; N]) -> T,
) {
    if list.len() < first + ROWS {
        list.resize(first + ROWS, T::default());
    }
    for (slot, bytes) in list.iter_mut().skip(first).zip(bytes.as_chunks::<N>().0) {
        *slot = read(*bytes);
    }
}

/// Returns the channels that a view reads, by their rows.
fn channels(
    db: &Connection,
    view: &View,
) -> Result<BTreeMap<u32, (ChannelName, Version)>, Trouble> {
    let mut channels = BTreeMap::new();
    for (name, row) in channel::names(db)? {
        if let Some(version) = view.reading(&name).version {
            channels.insert(chunk::number(row)?, (name, version));
        }
    }
    Ok(channels)
}

/// Returns the rows that have expired at `now`, whether or not they are shown.
fn expired(db: &Connection, now: Moment) -> Result<Vec<u32>, Trouble> {
    let mut statement = db.prepare_cached("SELECT row FROM fragment WHERE valid_to <= ?1")?;
    let mut rows = statement.query([now.unix()])?;
    let mut expired = Vec::new();
    while let Some(row) = rows.next()? {
        expired.push(chunk::number(row.get(0)?)?);
    }
    Ok(expired)
}
