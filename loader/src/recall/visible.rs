//! Which fragments a view shows: members that nothing supersedes, buries or has outlived.
//!
//! Channels are merged by their policies: what a channel says holds for channels of its precedence
//! and below, so that one that is believed less can add to a higher one and never silence it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use garner_kernel::{
    ChannelName, Confidence, Digest, FragmentId, Kind, Moment, Scope, TombstoneReason, Trust,
    Version,
};
use rusqlite::{Connection, Row, params};

use crate::error::Trouble;
use crate::recall::query::Filters;
use crate::store::channel;
use crate::store::fragment_row::digest_from;
use crate::store::view::{Policy, View};

/// What ranking has to know about a visible fragment, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) row: i64,
    pub(crate) id: FragmentId,
    pub(crate) revision: u32,
    pub(crate) kind: Kind,
    pub(crate) scope: Arc<Scope>,
    pub(crate) trust: Trust,
    pub(crate) confidence: Confidence,
    pub(crate) created: Moment,
    pub(crate) valid_to: Option<Moment>,
    /// How many terms the text index holds for it.
    pub(crate) terms: u32,
    pub(crate) channel: Arc<ChannelName>,
    /// The row of the channel.
    pub(crate) channel_row: i64,
    pub(crate) version: Version,
    /// The loaded version from which on the channel holds the row without a gap.
    pub(crate) since: u64,
    /// The precedence of the channel.
    pub(crate) precedence: i32,
}

/// The members of a view before anything is hidden.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pub(crate) entries: Vec<Entry>,
    /// The fragment row that supersedes, and what it supersedes.
    pub(crate) supersessions: Vec<(i64, FragmentId)>,
    /// What a person rejected or a publisher revoked, with the highest precedence that says so.
    pub(crate) buried: BTreeMap<FragmentId, i32>,
    /// What is in the archive, with the revision that was put there.
    pub(crate) archived: BTreeMap<FragmentId, u32>,
}

/// Returns the visible fragments in the order of their ids.
pub(crate) fn visible(
    db: &Connection,
    view: &View,
    filters: &Filters,
    now: Moment,
) -> Result<Vec<Entry>, Trouble> {
    let mut entries = standing(db, view, filters)?;
    entries.retain(|entry| entry.valid_to.is_none_or(|end| end > now));
    Ok(entries)
}

/// Returns what is visible as long as it has not expired, in the order of the ids.
pub(crate) fn standing(
    db: &Connection,
    view: &View,
    filters: &Filters,
) -> Result<Vec<Entry>, Trouble> {
    let members = members(db, view, Which::Of(filters))?;
    Ok(resolve(members, &view.removed))
}

/// Returns what of these fragments is visible as long as it has not expired, in the order of the
/// ids; costs the same however many others there are.
pub(crate) fn standing_of(
    db: &Connection,
    view: &View,
    ids: &BTreeSet<FragmentId>,
) -> Result<Vec<Entry>, Trouble> {
    // What replaces one of them decides as well, and is hidden as they are.
    let mut with_newer = ids.clone();
    let mut newer = db.prepare_cached(
        "SELECT f.id FROM supersedes s CROSS JOIN fragment f ON f.row = s.newer WHERE s.older = ?1",
    )?;
    for id in ids {
        let mut rows = newer.query([id.digest().as_bytes()])?;
        while let Some(row) = rows.next()? {
            with_newer
                .insert(FragmentId::new(digest_from("fragment", &row.get::<_, Vec<u8>>(0)?)?));
        }
    }
    let mut entries = resolve(members(db, view, Which::Only(&with_newer))?, &view.removed);
    entries.retain(|entry| ids.contains(&entry.id));
    Ok(entries)
}

/// Which members of a view are read.
#[derive(Clone, Copy)]
enum Which<'w> {
    /// All that filters read.
    Of(&'w Filters),
    /// Those of these fragments.
    Only(&'w BTreeSet<FragmentId>),
}

impl Which<'_> {
    fn reads(self, channel: &ChannelName) -> bool {
        match self {
            Self::Of(filters) => filters.reads(channel),
            Self::Only(_) => true,
        }
    }

    /// Calls `each` with every row of a statement about members: `all` is in `[channel, version]`,
    /// `one` in an id as well.
    fn each(
        self,
        db: &Connection,
        [all, one]: [&str; 2],
        (channel, version): (i64, Version),
        mut each: impl FnMut(&Row<'_>) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let mut step = |mut rows: rusqlite::Rows<'_>| {
            while let Some(row) = rows.next()? {
                each(row)?;
            }
            Ok(())
        };
        match self {
            Self::Of(_) => step(db.prepare_cached(all)?.query(params![channel, version.get()])?),
            Self::Only(ids) => {
                let mut statement = db.prepare_cached(one)?;
                ids.iter().try_for_each(|id| {
                    let id = id.digest().as_bytes();
                    step(statement.query(params![channel, version.get(), id])?)
                })
            }
        }
    }
}

/// Hides what is removed, buried or superseded, and all but one channel's copy of the rest.
///
/// A fragment is superseded by any member of the view that names it, even by one that is itself
/// superseded or expired: what was replaced never comes back by the fall of its replacement. A
/// member of another channel has to be trusted at least as much, and its channel must not stand
/// below the one that shows the fragment. A tombstone holds for channels below its own. What is in
/// the archive still replaces what it did, and a newer revision of it is shown.
pub(crate) fn resolve(members: Members, removed: &BTreeSet<FragmentId>) -> Vec<Entry> {
    let Members { mut entries, supersessions, buried, archived } = members;
    let below = |entry: &Entry| buried.get(&entry.id).is_some_and(|by| *by > entry.precedence);
    entries.retain(|entry| !removed.contains(&entry.id) && !below(entry));
    let replaced = replaced(&entries, &supersessions);
    // The highest precedence comes first, then the highest revision, then the first name.
    entries.sort_by(|a, b| {
        (a.id, b.precedence, b.revision, &a.channel).cmp(&(
            b.id,
            a.precedence,
            a.revision,
            &b.channel,
        ))
    });
    entries.dedup_by_key(|entry| entry.id);
    let is_newer = |entry: &Entry| archived.get(&entry.id).is_none_or(|r| entry.revision > *r);
    entries.retain(|entry| is_newer(entry));
    entries.retain(|entry| {
        !replaced.get(&entry.id).into_iter().flatten().any(|by| by.silences(entry))
    });
    entries
}

/// Who replaces a fragment.
struct Replacement {
    trust: Trust,
    channel: Arc<ChannelName>,
    precedence: i32,
}

impl Replacement {
    fn silences(&self, older: &Entry) -> bool {
        self.channel == older.channel
            || (self.trust >= older.trust && self.precedence >= older.precedence)
    }
}

/// Who replaces each fragment.
type Replaced = BTreeMap<FragmentId, Vec<Replacement>>;

fn replaced(entries: &[Entry], supersessions: &[(i64, FragmentId)]) -> Replaced {
    let newer: BTreeSet<i64> = supersessions.iter().map(|(newer, _)| *newer).collect();
    let mut by_row: BTreeMap<i64, Vec<&Entry>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| newer.contains(&entry.row)) {
        by_row.entry(entry.row).or_default().push(entry);
    }
    let mut replaced = Replaced::new();
    for (newer, older) in supersessions {
        for entry in by_row.get(newer).into_iter().flatten().filter(|entry| entry.id != *older) {
            replaced.entry(*older).or_default().push(Replacement {
                trust: entry.trust,
                channel: Arc::clone(&entry.channel),
                precedence: entry.precedence,
            });
        }
    }
    replaced
}

fn members(db: &Connection, view: &View, which: Which<'_>) -> Result<Members, Trouble> {
    let mut members = Members::default();
    if let Some(version) = view.archive() {
        let (row, _) = channel::known_kernel(db, &ChannelName::archive(), version)?;
        members.archived = read_archived(db, which, (row, version))?;
    }
    for (name, version) in view.active().filter(|(name, _)| which.reads(name)) {
        let (row, _) = channel::known_kernel(db, name, version)?;
        let Policy { precedence, min_trust } = view.reading(name).policy;
        let reader = EntryReader {
            channel: Arc::new(name.clone()),
            channel_row: row,
            version,
            precedence,
            scopes: Vec::new(),
        };
        let of_it = read_entries(db, which, reader)?;
        // What the person does not trust enough is not there: it shows and silences nothing.
        let trusted = |entry: &Entry| min_trust.is_none_or(|least| entry.trust >= least);
        members.entries.extend(of_it.into_iter().filter(trusted));
        read_supersessions(db, which, (row, version), &mut members.supersessions)?;
        for id in read_buried(db, which, (row, version))? {
            let highest = members.buried.entry(id).or_insert(precedence);
            *highest = precedence.max(*highest);
        }
    }
    Ok(members)
}

const IN_VERSION: &str = "m.channel = ?1 AND m.from_version <= ?2 \
                          AND (m.to_version IS NULL OR m.to_version > ?2)";

fn read_entries(
    db: &Connection,
    which: Which<'_>,
    mut reader: EntryReader,
) -> Result<Vec<Entry>, Trouble> {
    let columns = "f.row, f.id, f.revision, f.kind, f.scope, f.trust, f.confidence, f.created, \
                   f.valid_to, f.terms, m.from_version";
    let all = format!(
        "SELECT {columns} FROM member m JOIN fragment f ON f.row = m.fragment WHERE {IN_VERSION}"
    );
    let one = format!(
        "SELECT {columns} FROM fragment f CROSS JOIN member m ON m.fragment = f.row \
         WHERE f.id = ?3 AND {IN_VERSION}"
    );
    let place = (reader.channel_row, reader.version);
    let mut entries = Vec::new();
    which.each(db, [&all, &one], place, |row| {
        entries.push(reader.entry(row)?);
        Ok(())
    })?;
    Ok(entries)
}

/// Reads entries that share their channel and their few scopes.
struct EntryReader {
    channel: Arc<ChannelName>,
    channel_row: i64,
    version: Version,
    precedence: i32,
    scopes: Vec<(String, Arc<Scope>)>,
}

impl EntryReader {
    fn entry(&mut self, row: &Row<'_>) -> Result<Entry, Trouble> {
        let word = |column: usize| row.get_ref(column).map(|v| v.as_str().unwrap_or_default());
        Ok(Entry {
            row: row.get(0)?,
            id: FragmentId::new(Digest::from_bytes(row.get(1)?)),
            revision: row.get(2)?,
            kind: word(3)?.parse()?,
            scope: self.scope(word(4)?)?,
            trust: word(5)?.parse()?,
            confidence: Confidence::percent(row.get(6)?),
            created: Moment::from_unix(row.get(7)?),
            valid_to: row.get::<_, Option<i64>>(8)?.map(Moment::from_unix),
            terms: row.get(9)?,
            since: row.get(10)?,
            channel: Arc::clone(&self.channel),
            channel_row: self.channel_row,
            version: self.version,
            precedence: self.precedence,
        })
    }

    fn scope(&mut self, text: &str) -> Result<Arc<Scope>, Trouble> {
        if let Some((_, scope)) = self.scopes.iter().find(|(known, _)| known == text) {
            return Ok(Arc::clone(scope));
        }
        let scope: Arc<Scope> = Arc::new(text.parse()?);
        self.scopes.push((text.to_owned(), Arc::clone(&scope)));
        Ok(scope)
    }
}

fn read_supersessions(
    db: &Connection,
    which: Which<'_>,
    place: (i64, Version),
    supersessions: &mut Vec<(i64, FragmentId)>,
) -> Result<(), Trouble> {
    let all = format!(
        "SELECT s.newer, s.older FROM member m JOIN supersedes s ON s.newer = m.fragment \
         WHERE {IN_VERSION}"
    );
    let one = format!(
        "SELECT s.newer, s.older FROM supersedes s CROSS JOIN member m ON m.fragment = s.newer \
         WHERE s.older = ?3 AND {IN_VERSION}"
    );
    which.each(db, [&all, &one], place, |row| {
        let older = digest_from("supersedes", &row.get::<_, Vec<u8>>(1)?)?;
        supersessions.push((row.get(0)?, FragmentId::new(older)));
        Ok(())
    })
}

/// Reads which fragments are in the archive, at which revision.
fn read_archived(
    db: &Connection,
    which: Which<'_>,
    place: (i64, Version),
) -> Result<BTreeMap<FragmentId, u32>, Trouble> {
    let all = format!(
        "SELECT f.id, f.revision FROM member m JOIN fragment f ON f.row = m.fragment \
         WHERE {IN_VERSION}"
    );
    let one = format!(
        "SELECT f.id, f.revision FROM fragment f CROSS JOIN member m ON m.fragment = f.row \
         WHERE f.id = ?3 AND {IN_VERSION}"
    );
    let mut archived = BTreeMap::new();
    which.each(db, [&all, &one], place, |row| {
        let id = digest_from("fragment", &row.get::<_, Vec<u8>>(0)?)?;
        archived.insert(FragmentId::new(id), row.get(1)?);
        Ok(())
    })?;
    Ok(archived)
}

/// Reads what a person rejected or a publisher revoked; what a publisher removed from one channel
/// may live in another.
fn read_buried(
    db: &Connection,
    which: Which<'_>,
    place: (i64, Version),
) -> Result<Vec<FragmentId>, Trouble> {
    let all = format!(
        "SELECT t.id, t.reason FROM burial m JOIN tombstone t ON t.row = m.tombstone \
         WHERE {IN_VERSION}"
    );
    let one = format!(
        "SELECT t.id, t.reason FROM tombstone t CROSS JOIN burial m ON m.tombstone = t.row \
         WHERE t.id = ?3 AND {IN_VERSION}"
    );
    let everywhere = [TombstoneReason::Rejected, TombstoneReason::Revoked];
    let mut buried = Vec::new();
    which.each(db, [&all, &one], place, |row| {
        let reason = row.get_ref(1)?.as_str().unwrap_or_default();
        if everywhere.iter().any(|known| known.as_str() == reason) {
            let id = digest_from("tombstone", &row.get::<_, Vec<u8>>(0)?)?;
            buried.push(FragmentId::new(id));
        }
        Ok(())
    })?;
    Ok(buried)
}
