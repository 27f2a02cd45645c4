//! The vectors of one embedder, in memory.

use rusqlite::Connection;

use crate::error::Trouble;
use crate::recall::nearest::{Near, Nearest};
use crate::store::{chunk, code_row, vector_row};
use crate::vectors::best::{self, Scored};
use crate::vectors::bytes::{AHEAD, ByteQuery, Bytes, Rough};
use crate::vectors::half;
use crate::vectors::signs::{self, Distances, Word};

/// Up to how many vectors are kept as they are stored as well: 100 MB at 384 dimensions.
const KEPT: u64 = 1 << 17;

/// Vectors as bytes; while there are few as they are stored as well, and else with codes.
#[derive(Debug)]
pub(super) struct Vectors {
    /// The row of the embedder.
    embedder: i64,
    /// How often vectors had changed when these were read.
    counted: i64,
    dimensions: usize,
    /// How many vectors were read, and the highest row among them.
    known: u64,
    last: i64,
    bytes: Bytes,
    /// What is stored, by row; empty where there are many.
    stored: Vec<[u8; 2]>,
    codes: Option<Codes>,
}

#[derive(Debug)]
struct Codes {
    mean: Vec<f32>,
    words: Vec<Word>,
}

impl Vectors {
    /// Returns about how many bytes of memory the vectors of an embedder take.
    pub(super) fn estimate(db: &Connection, embedder: i64) -> Result<usize, Trouble> {
        let sql = "SELECT vectors, dimensions FROM embedder WHERE row = ?1";
        let (vectors, dimensions) = db
            .prepare_cached(sql)?
            .query_row([embedder], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, usize>(1)?)))?;
        let bytes = if vectors <= KEPT { 3 * dimensions } else { dimensions };
        let each = bytes + dimensions / 8 + 8;
        Ok(usize::try_from(vectors).unwrap_or(usize::MAX).saturating_mul(each))
    }

    /// Reads the vectors of the embedder in row `embedder`.
    pub(super) fn read(db: &Connection, embedder: i64, counted: i64) -> Result<Self, Trouble> {
        let dimensions: usize = db
            .prepare_cached("SELECT dimensions FROM embedder WHERE row = ?1")?
            .query_row([embedder], |row| row.get(0))?;
        let mut vectors = Self {
            embedder,
            counted,
            dimensions,
            known: 0,
            last: 0,
            bytes: Bytes::new(dimensions),
            stored: Vec::new(),
            codes: None,
        };
        vectors.follow(db, counted)?;
        Ok(vectors)
    }

    /// Reads what is new since the vectors had changed `counted` times.
    ///
    /// A vector never changes, and none is taken out without all of memory being read again.
    pub(super) fn follow(&mut self, db: &Connection, counted: i64) -> Result<(), Trouble> {
        self.counted = counted;
        let codes = code_row::codes(db, self.embedder)?;
        let few = codes.vectors <= KEPT;
        if !few {
            self.stored = Vec::new();
        }
        // New vectors mostly are of new rows; where some are missing after that, all are gone over.
        let mut first = self.last + 1;
        self.read_from(db, first, few)?;
        if self.known != codes.vectors {
            first = 0;
            self.read_from(db, first, few)?;
        }
        let same = |known: &Codes| Some(&known.mean) == codes.mean.as_ref();
        match self.codes.take().filter(same) {
            Some(known) => self.codes = Some(self.read_codes(db, known, first)?),
            None => {
                let none = |mean| Codes { mean, words: Vec::new() };
                let read = |mean| self.read_codes(db, none(mean), 0);
                self.codes = codes.mean.map(read).transpose()?;
            }
        }
        Ok(())
    }

    /// Reads the vectors of the rows from `first` on that were not read yet.
    fn read_from(&mut self, db: &Connection, first: i64, few: bool) -> Result<(), Trouble> {
        let sql = "SELECT fragment, components FROM vector \
                   WHERE place >= (?1 << 32) + ?2 AND place < (?1 + 1) << 32";
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query([self.embedder, first])?;
        while let Some(found) = rows.next()? {
            let number = found.get(0)?;
            let row = chunk::number(number)? as usize;
            if self.bytes.has(row) {
                continue;
            }
            let blob = found.get_ref(1)?.as_blob().unwrap_or_default();
            self.bytes.set(row, &half::decode(blob));
            if few {
                self.keep(row, blob.as_chunks::<2>().0);
            }
            self.known += 1;
            self.last = self.last.max(number);
        }
        Ok(())
    }

    fn keep(&mut self, row: usize, components: &[[u8; 2]]) {
        let (from, to) = (row * self.dimensions, (row + 1) * self.dimensions);
        if self.stored.len() < to {
            self.stored.resize(to, [0; 2]);
        }
        if let Some(slots) = self.stored.get_mut(from..to)
            && slots.len() == components.len()
        {
            slots.copy_from_slice(components);
        }
    }

    /// Reads the codes of the chunks from that of the row `first` on.
    fn read_codes(&self, db: &Connection, mut known: Codes, first: i64) -> Result<Codes, Trouble> {
        let size = signs::words(known.mean.len());
        code_row::each_chunk(db, self.embedder, first, |first, bits| {
            known.words.resize(first as usize * size, [0; 8]);
            known.words.extend_from_slice(bits);
        })?;
        Ok(known)
    }

    /// Returns how often vectors had changed when these were read.
    pub(super) const fn counted(&self) -> i64 {
        self.counted
    }

    /// Returns about how many bytes of memory the vectors take.
    pub(super) fn memory(&self) -> usize {
        let codes = self.codes.as_ref().map_or(0, |codes| codes.words.capacity() * 8);
        self.bytes.memory() + self.stored.capacity() * 2 + codes
    }

    /// Returns what `read` makes of the stored vector of a row; `None` where it has none.
    pub(super) fn with<T>(
        &self,
        db: &Connection,
        row: u32,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, Trouble> {
        let place = row as usize;
        if !self.bytes.has(place) {
            return Ok(None);
        }
        let from = place * self.dimensions;
        match self.stored.get(from..from + self.dimensions) {
            Some(stored) => Ok(Some(read(stored.as_flattened()))),
            None => vector_row::with(db, self.embedder, row, read),
        }
    }

    /// Reads one byte of each line of the cache of a kept vector, so that those of many rows are on
    /// their way at once.
    fn touch(&self, row: u32) -> u8 {
        let from = row as usize * self.dimensions;
        let stored = self.stored.get(from..from + self.dimensions).unwrap_or_default();
        stored.as_flattened().iter().step_by(64).fold(0, |all, byte| all ^ byte)
    }

    /// Returns the rows nearest to a query.
    pub(super) fn nearest(&self, db: &Connection, near: &Near<'_>) -> Result<Nearest, Trouble> {
        let query = near.vector.vector.as_slice();
        let (rough, compared, least) = match (near.looks(), &self.codes) {
            (Some(looks), Some(codes)) => {
                let code = signs::encode(query, &codes.mean);
                let mut distances = Distances::default();
                distances.add(0, &codes.words, &code, near.allowed);
                let (rows, looked_at) = distances.nearest(looks);
                let (rough, least) = self.rough(query, near.want, rows.into_iter());
                (rough, looked_at, least)
            }
            _ => {
                let rows = (0..).zip(near.allowed).filter(|(_, length)| **length > 0);
                let (rough, least) = self.rough(query, near.want, rows.map(|(row, _)| row));
                let compared = rough.len();
                (rough, compared, least)
            }
        };
        // What cannot be among the best even at the edge of its bound is not looked at again.
        let near_enough = |rough: &Rough| rough.product + rough.bound >= least;
        let rows: Vec<u32> = rough.into_iter().filter(near_enough).map(|rough| rough.row).collect();
        let mut list = Vec::with_capacity(rows.len());
        for few in rows.chunks(AHEAD) {
            std::hint::black_box(few.iter().map(|row| self.touch(*row)).fold(0, |all, b| all ^ b));
            for row in few {
                let score = self.with(db, *row, |stored| half::dot(stored, query))?.flatten();
                list.extend(score.map(|score| Scored { row: *row, score }));
            }
        }
        Ok(Nearest { rows: best::best(list, near.want), compared })
    }

    /// Returns rough products of rows, and what the last of the `want` best surely reaches.
    fn rough(
        &self,
        query: &[f32],
        want: usize,
        rows: impl Iterator<Item = u32>,
    ) -> (Vec<Rough>, f32) {
        let mut list = Vec::with_capacity(rows.size_hint().0);
        self.bytes.products(&ByteQuery::new(query), rows, |rough| list.push(rough));
        let surely = list.iter().map(|rough| rough.product - rough.bound).collect();
        let least = best::last_of_highest(surely, want);
        (list, least)
    }
}
