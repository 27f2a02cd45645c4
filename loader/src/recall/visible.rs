//! Which fragments a view shows: members that nothing supersedes, buries or has outlived.

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
use crate::store::view::View;

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
    pub(crate) version: Version,
}

/// The members of a view before anything is hidden.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pub(crate) entries: Vec<Entry>,
    /// The fragment row that supersedes, and what it supersedes.
    pub(crate) supersessions: Vec<(i64, FragmentId)>,
    /// What must not come back, whichever channel says so.
    pub(crate) rejected: BTreeSet<FragmentId>,
}

/// Returns the visible fragments in the order of their ids.
pub(crate) fn visible(
    db: &Connection,
    view: &View,
    filters: &Filters,
    now: Moment,
) -> Result<Vec<Entry>, Trouble> {
    let members = members(db, view, filters)?;
    Ok(resolve(members, &view.removed, now))
}

/// Hides what is removed, rejected, expired or superseded, and the older revisions of the rest.
///
/// A fragment is superseded by any member of the view that names it, even by one that is itself
/// superseded or expired: what was replaced never comes back by the fall of its replacement. A
/// member of another channel has to be trusted at least as much.
pub(crate) fn resolve(members: Members, removed: &BTreeSet<FragmentId>, now: Moment) -> Vec<Entry> {
    let Members { mut entries, supersessions, rejected } = members;
    entries.retain(|entry| !removed.contains(&entry.id) && !rejected.contains(&entry.id));
    let replaced = replaced(&entries, &supersessions);
    // The highest revision comes first; between channels of the same one, the first by name.
    entries.sort_by(|a, b| (a.id, b.revision, &a.channel).cmp(&(b.id, a.revision, &b.channel)));
    entries.dedup_by_key(|entry| entry.id);
    entries.retain(|entry| {
        let by = replaced.get(&entry.id).into_iter().flatten();
        entry.valid_to.is_none_or(|end| end > now)
            && !by.into_iter().any(|(t, c)| *c == entry.channel || *t >= entry.trust)
    });
    entries
}

/// Who replaces each fragment: trust and channel.
type Replaced = BTreeMap<FragmentId, Vec<(Trust, Arc<ChannelName>)>>;

fn replaced(entries: &[Entry], supersessions: &[(i64, FragmentId)]) -> Replaced {
    let newer: BTreeSet<i64> = supersessions.iter().map(|(newer, _)| *newer).collect();
    let mut by_row: BTreeMap<i64, Vec<&Entry>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| newer.contains(&entry.row)) {
        by_row.entry(entry.row).or_default().push(entry);
    }
    let mut replaced = Replaced::new();
    for (newer, older) in supersessions {
        for entry in by_row.get(newer).into_iter().flatten().filter(|entry| entry.id != *older) {
            let by = (entry.trust, Arc::clone(&entry.channel));
            replaced.entry(*older).or_default().push(by);
        }
    }
    replaced
}

fn members(db: &Connection, view: &View, filters: &Filters) -> Result<Members, Trouble> {
    let mut members = Members::default();
    for (name, version) in view.active().filter(|(name, _)| filters.reads(name)) {
        let (row, _) = channel::known_kernel(db, name, version)?;
        read_entries(db, row, (name, version), &mut members.entries)?;
        read_supersessions(db, row, version, &mut members.supersessions)?;
        read_rejected(db, row, version, &mut members.rejected)?;
    }
    Ok(members)
}

const IN_VERSION: &str = "m.channel = ?1 AND m.from_version <= ?2 \
                          AND (m.to_version IS NULL OR m.to_version > ?2)";

fn read_entries(
    db: &Connection,
    channel: i64,
    (name, version): (&ChannelName, Version),
    entries: &mut Vec<Entry>,
) -> Result<(), Trouble> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT f.row, f.id, f.revision, f.kind, f.scope, f.trust, f.confidence, f.created, \
         f.valid_to, f.terms FROM member m JOIN fragment f ON f.row = m.fragment \
         WHERE {IN_VERSION}"
    ))?;
    let mut rows = statement.query(params![channel, version.get()])?;
    let mut reader = EntryReader { channel: Arc::new(name.clone()), version, scopes: Vec::new() };
    while let Some(row) = rows.next()? {
        entries.push(reader.entry(row)?);
    }
    Ok(())
}

/// Reads entries that share their channel and their few scopes.
struct EntryReader {
    channel: Arc<ChannelName>,
    version: Version,
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
            channel: Arc::clone(&self.channel),
            version: self.version,
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
    channel: i64,
    version: Version,
    supersessions: &mut Vec<(i64, FragmentId)>,
) -> Result<(), Trouble> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT s.newer, s.older FROM member m JOIN supersedes s ON s.newer = m.fragment \
         WHERE {IN_VERSION}"
    ))?;
    let mut rows = statement.query(params![channel, version.get()])?;
    while let Some(row) = rows.next()? {
        let older = digest_from("supersedes", &row.get::<_, Vec<u8>>(1)?)?;
        supersessions.push((row.get(0)?, FragmentId::new(older)));
    }
    Ok(())
}

/// Reads what a person rejected; what a publisher took out of one channel may live in another.
fn read_rejected(
    db: &Connection,
    channel: i64,
    version: Version,
    rejected: &mut BTreeSet<FragmentId>,
) -> Result<(), Trouble> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT t.id FROM burial m JOIN tombstone t ON t.row = m.tombstone \
         WHERE {IN_VERSION} AND t.reason = ?3"
    ))?;
    let reason = TombstoneReason::Rejected.as_str();
    let mut rows = statement.query(params![channel, version.get(), reason])?;
    while let Some(row) = rows.next()? {
        let id = digest_from("tombstone", &row.get::<_, Vec<u8>>(0)?)?;
        rejected.insert(FragmentId::new(id));
    }
    Ok(())
}
