//! What is known of rows without their text, in memory: a column for each fact.

use std::collections::HashMap;

use garner_kernel::{Confidence, Digest, FragmentId, Kind, Moment, Scope, Tag, Trust};
use pulp::NullaryFnOnce;
use rusqlite::Connection;

use crate::error::Trouble;
use crate::recall::beside::{Beside, LINES};
use crate::recall::facts::{Facts, Merits, Shown};
use crate::recall::ground::Ground;
use crate::recall::query::Filters;
use crate::store::chunk;

/// The facts of all rows, shown or not, by row.
#[derive(Debug, Default)]
pub(super) struct Columns {
    rows: Vec<Option<Column>>,
    /// How many rows there are.
    count: usize,
    ids: Vec<FragmentId>,
    links: Vec<Link>,
    facets: Facets,
    scopes: Vec<Scope>,
    /// The tags of rows that have some.
    tags: HashMap<u32, Vec<Tag>>,
    /// When rows end that end.
    ends: Vec<(Moment, u32)>,
    /// The files of sessions, by their rows.
    files: HashMap<i64, u32>,
    /// The lines of each file that fragments came from, with their rows, ascending.
    lines: Vec<Vec<(u32, u32)>>,
}

/// What most filters ask for, by row, in few bytes, so that a look at all rows reads little.
#[derive(Debug, Default)]
struct Facets {
    /// The place of the kind in [`Kind::ALL`].
    kinds: Vec<u8>,
    /// The place of the trust in [`Trust::ALL`].
    trusts: Vec<u8>,
    scopes: Vec<u32>,
}

impl Facets {
    fn set(&mut self, row: usize, column: &Column) {
        put(&mut self.kinds, row, place(Kind::ALL, &column.kind), 0);
        put(&mut self.trusts, row, place(Trust::ALL, &column.trust), 0);
        put(&mut self.scopes, row, column.scope, 0);
    }

    fn memory(&self) -> usize {
        self.kinds.capacity() + self.trusts.capacity() + self.scopes.capacity() * 4
    }
}

/// Sets the value of a row in a list that has one for each row up to its last.
fn put<T: Clone>(list: &mut Vec<T>, row: usize, value: T, none: T) {
    if list.len() <= row {
        list.resize(row + 1, none);
    }
    if let Some(slot) = list.get_mut(row) {
        *slot = value;
    }
}

/// Returns where a word is in the list of all of its sort.
fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    let found = all.iter().position(|other| other == one);
    found.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

/// Returns the words of a list that pass, a bit for each place.
fn bits<T>(all: &[T], passes: impl Fn(&T) -> bool) -> u32 {
    all.iter().enumerate().fold(0, |bits, (at, one)| bits | (u32::from(passes(one)) << at))
}

/// Copies the lengths of rows whose kind and trust are among those that pass.
struct Pass<'c> {
    lengths: &'c [u32],
    facets: &'c Facets,
    kinds: u32,
    trusts: u32,
    into: &'c mut [u32],
}

impl NullaryFnOnce for Pass<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "it uses the instructions that it was entered for")]
    #[inline(always)]
    fn call(self) {
        let facets = self.facets.kinds.iter().zip(&self.facets.trusts);
        for ((slot, length), (kind, trust)) in self.into.iter_mut().zip(self.lengths).zip(facets) {
            let passes = (self.kinds >> (kind & 31)) & (self.trusts >> (trust & 31)) & 1;
            *slot = length * passes;
        }
    }
}

/// What is known of a row beside its id.
#[derive(Debug, Clone, Copy)]
struct Column {
    created: Moment,
    valid_to: Option<Moment>,
    scope: u32,
    kind: Kind,
    trust: Trust,
    confidence: Confidence,
}

/// Where a row stands in the file of a session that it came from.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    line: u32,
    /// The rows before and after it, shown or not; 0, which is no row, where there is none.
    beside: [u32; 2],
}

impl Columns {
    /// Adds a row.
    pub(super) fn add(&mut self, row: u32, facts: Facts) {
        let Facts { id, kind, scope, trust, confidence, created, valid_to, tags } = facts;
        if !tags.is_empty() {
            self.tags.insert(row, tags);
        }
        if let Some(end) = valid_to {
            let place = self.ends.partition_point(|known| *known < (end, row));
            self.ends.insert(place, (end, row));
        }
        let scope = self.scope(scope);
        let column = Column { created, valid_to, scope, kind, trust, confidence };
        let place = row as usize;
        self.facets.set(place, &column);
        put(&mut self.rows, place, Some(column), None);
        self.count += 1;
        put(&mut self.ids, place, id, FragmentId::new(Digest::from_bytes([0; 32])));
        put(&mut self.links, place, Link::default(), Link::default());
    }

    /// Returns how many rows there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    fn scope(&mut self, scope: Scope) -> u32 {
        let known = self.scopes.iter().position(|known| *known == scope);
        let place = known.unwrap_or_else(|| {
            self.scopes.push(scope);
            self.scopes.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// Reads where the rows above `after` came from.
    pub(super) fn read_places(&mut self, db: &Connection, after: u32) -> Result<(), Trouble> {
        // The plus keeps SQLite from the index by place, all of which it would read for a few rows.
        let mut statement = db.prepare_cached(
            "SELECT fragment, origin, line FROM source \
             WHERE +position = 0 AND fragment > ?1 ORDER BY fragment",
        )?;
        let mut rows = statement.query([after])?;
        while let Some(found) = rows.next()? {
            let (row, line) = (chunk::number(found.get(0)?)?, found.get::<_, i64>(2)?);
            let next = self.lines.len();
            let file =
                *self.files.entry(found.get(1)?).or_insert(u32::try_from(next).unwrap_or(u32::MAX));
            if file as usize == next {
                self.lines.push(Vec::new());
            }
            // Lines that no number here holds stand beside nothing.
            if let Ok(line) = u32::try_from(line)
                && let Some(lines) = self.lines.get_mut(file as usize)
            {
                let place = lines.partition_point(|known| *known < (line, row));
                let row_at = |place: Option<usize>| lines.get(place?).map(|(_, row)| *row);
                let beside = [row_at(place.checked_sub(1)), row_at(Some(place))];
                lines.insert(place, (line, row));
                self.link(row, line, beside.map(Option::unwrap_or_default));
            }
        }
        Ok(())
    }

    /// Puts a row between two others of its file.
    fn link(&mut self, row: u32, line: u32, [before, after]: [u32; 2]) {
        let mut set = |row: u32, set: &dyn Fn(&mut Link)| {
            self.links.get_mut(row as usize).filter(|_| row > 0).map(set);
        };
        set(row, &|link| *link = Link { line, beside: [before, after] });
        set(before, &|link| link.beside[1] = row);
        set(after, &|link| link.beside[0] = row);
    }

    /// Returns what ranking knows of a row.
    pub(super) fn merits(&self, row: u32) -> Option<Merits> {
        let Column { created, kind, trust, confidence, .. } =
            *self.rows.get(row as usize)?.as_ref()?;
        let id = *self.ids.get(row as usize)?;
        Some(Merits { id, kind, trust, confidence, created })
    }

    /// Returns the facts of a row.
    fn facts(&self, row: u32) -> Option<Facts> {
        let column = self.rows.get(row as usize)?.as_ref()?;
        Some(Facts {
            id: *self.ids.get(row as usize)?,
            kind: column.kind,
            scope: self.scopes.get(column.scope as usize)?.clone(),
            trust: column.trust,
            confidence: column.confidence,
            created: column.created,
            valid_to: column.valid_to,
            tags: self.tags.get(&row).cloned().unwrap_or_default(),
        })
    }

    /// Returns the rows that have ended at `now`.
    pub(super) fn expired(&self, now: Moment) -> impl Iterator<Item = u32> {
        self.ends.iter().take_while(move |(end, _)| *end <= now).map(|(_, row)| *row)
    }

    /// Returns the lengths of shown rows, with 0 for those that the filters keep out.
    pub(super) fn allowed(
        &self,
        filters: &Filters,
        ground: &Ground,
        db: &Connection,
    ) -> Result<Vec<u32>, Trouble> {
        let asked = filters.kinds_asked();
        let passing = |scope: &Scope| filters.scopes.is_empty() || filters.scopes.contains(scope);
        let scopes: Vec<bool> = self.scopes.iter().map(passing).collect();
        let mut allowed = vec![0; ground.lengths.len()];
        pulp::Arch::new().dispatch(Pass {
            lengths: &ground.lengths,
            facets: &self.facets,
            kinds: bits(Kind::ALL, |kind| asked.contains(kind)),
            trusts: bits(Trust::ALL, |trust| filters.min_trust.is_none_or(|least| *trust >= least)),
            into: &mut allowed,
        });
        let more = !filters.tags.is_empty() || filters.condition.is_some();
        if !filters.scopes.is_empty() || more {
            let rows = (0..).zip(allowed.iter_mut()).zip(&self.facets.scopes);
            for ((row, slot), scope) in rows.filter(|((_, length), _)| **length > 0) {
                let inside = scopes.get(*scope as usize).is_some_and(|passes| *passes);
                if !inside || (more && !self.passes(filters, row, ground, db)?) {
                    *slot = 0;
                }
            }
        }
        Ok(allowed)
    }

    fn passes(
        &self,
        filters: &Filters,
        row: u32,
        ground: &Ground,
        db: &Connection,
    ) -> Result<bool, Trouble> {
        let Some(facts) = self.facts(row) else { return Ok(false) };
        let place = if filters.ask_place() { Some(ground.place(db, row)?) } else { None };
        Ok(filters.pass(Shown { facts: &facts, place }))
    }

    /// Returns the shown rows before and after a row in its session.
    pub(super) fn beside(&self, row: u32, ground: &Ground) -> Beside {
        let link = |row: u32| self.links.get(row as usize).filter(|_| row > 0);
        let Some(here) = link(row) else { return Beside::default() };
        [0, 1].map(|side| {
            let next = |link: &Link| link.beside.get(side).copied();
            let mut other = next(here)?;
            loop {
                let there = link(other)?;
                if i64::from(there.line.abs_diff(here.line)) > LINES {
                    return None;
                }
                if ground.shows(other) {
                    return Some(other);
                }
                other = next(there)?;
            }
        })
    }

    /// Returns about how many bytes of memory the columns take.
    pub(super) fn memory(&self) -> usize {
        let lines: usize = self.lines.iter().map(Vec::capacity).sum();
        self.rows.capacity() * size_of::<Option<Column>>()
            + self.ids.capacity() * size_of::<FragmentId>()
            + self.links.capacity() * size_of::<Link>()
            + self.facets.memory()
            + lines * size_of::<(u32, u32)>()
    }
}
