//! What is known of rows without their text, in memory: a column for each fact.

use std::collections::HashMap;

use garner_kernel::{Confidence, FragmentId, Kind, Moment, Scope, Tag, Trust};
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
    /// What most filters ask for, by row.
    facets: Vec<Facet>,
    scopes: Vec<Scope>,
    /// The tags of rows that have some.
    tags: HashMap<u32, Vec<Tag>>,
    /// When rows end that end.
    ends: Vec<(Moment, u32)>,
    /// The files of sessions, by their rows.
    files: HashMap<i64, u32>,
    /// The lines of each file that fragments came from, with their rows, ascending.
    lines: Vec<Vec<(i64, u32)>>,
}

/// What most filters ask for, in few bytes, so that a look at all rows reads little.
#[derive(Debug, Clone, Copy, Default)]
struct Facet {
    scope: u32,
    kind: u8,
    trust: u8,
}

impl Facet {
    fn of(column: &Column) -> Self {
        let place = |found: Option<usize>| found.and_then(|at| u8::try_from(at).ok());
        Self {
            scope: column.scope,
            kind: place(Kind::ALL.iter().position(|kind| *kind == column.kind)).unwrap_or(u8::MAX),
            trust: place(Trust::ALL.iter().position(|trust| *trust == column.trust))
                .unwrap_or(u8::MAX),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Column {
    id: FragmentId,
    created: Moment,
    valid_to: Option<Moment>,
    scope: u32,
    kind: Kind,
    trust: Trust,
    confidence: Confidence,
    /// Which file of a session it came from, and at which line.
    place: Option<(u32, u32)>,
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
        let column = Column { id, created, valid_to, scope, kind, trust, confidence, place: None };
        let place = row as usize;
        if self.rows.len() <= place {
            self.rows.resize(place + 1, None);
        }
        self.facets.resize(self.rows.len(), Facet::default());
        if let Some(facet) = self.facets.get_mut(place) {
            *facet = Facet::of(&column);
        }
        if let Some(slot) = self.rows.get_mut(place) {
            *slot = Some(column);
        }
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
            if let Some(lines) = self.lines.get_mut(file as usize) {
                let place = lines.partition_point(|known| *known < (line, row));
                lines.insert(place, (line, row));
            }
            if let Some(Some(column)) = self.rows.get_mut(row as usize) {
                column.place = u32::try_from(line).ok().map(|line| (file, line));
            }
        }
        Ok(())
    }

    /// Returns what ranking knows of a row.
    pub(super) fn merits(&self, row: u32) -> Option<Merits> {
        let Column { id, created, kind, trust, confidence, .. } =
            *self.rows.get(row as usize)?.as_ref()?;
        Some(Merits { id, kind, trust, confidence, created })
    }

    /// Returns the facts of a row.
    fn facts(&self, row: u32) -> Option<Facts> {
        let column = self.rows.get(row as usize)?.as_ref()?;
        Some(Facts {
            id: column.id,
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
        let kinds: Vec<bool> =
            Kind::ALL.iter().map(|kind| filters.kinds_asked().contains(kind)).collect();
        let trusts: Vec<bool> = Trust::ALL
            .iter()
            .map(|trust| filters.min_trust.is_none_or(|least| *trust >= least))
            .collect();
        let passes = |scope: &Scope| filters.scopes.is_empty() || filters.scopes.contains(scope);
        let scopes: Vec<bool> = self.scopes.iter().map(passes).collect();
        let more = !filters.tags.is_empty() || filters.condition.is_some();
        let mut allowed = vec![0; ground.lengths.len()];
        let lengths = ground.lengths.iter().zip(&self.facets).zip(&mut allowed);
        for (row, ((length, facet), slot)) in (0..).zip(lengths) {
            let is = |list: &[bool], at: usize| list.get(at).is_some_and(|passes| *passes);
            if *length > 0
                && is(&kinds, usize::from(facet.kind))
                && is(&scopes, facet.scope as usize)
                && is(&trusts, usize::from(facet.trust))
                && (!more || self.passes(filters, row, ground, db)?)
            {
                *slot = *length;
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
        let place = self.rows.get(row as usize).and_then(Option::as_ref).and_then(|c| c.place);
        let Some((file, line)) = place else { return Beside::default() };
        let Some(lines) = self.lines.get(file as usize) else { return Beside::default() };
        let line = i64::from(line);
        let here = lines.partition_point(|known| *known < (line, row));
        let near = |(other, _): &&(i64, u32)| (other - line).abs() <= LINES;
        let shown = |(_, row): &(i64, u32)| ground.shows(*row).then_some(*row);
        let (before, after) = lines.split_at_checked(here).unwrap_or_default();
        let before = before.iter().rev().take_while(near).find_map(shown);
        let after = after.iter().skip(1).take_while(near).find_map(shown);
        [before, after]
    }

    /// Returns about how many bytes of memory the columns take.
    pub(super) fn memory(&self) -> usize {
        let lines: usize = self.lines.iter().map(Vec::capacity).sum();
        self.rows.capacity() * (size_of::<Option<Column>>() + size_of::<Facet>())
            + lines * size_of::<(i64, u32)>()
    }
}
