//! What can be computed again from the text: vectors and the text index.

use garner_kernel::{Embedder, EmbedderId, Vector};
use rusqlite::Connection;

use crate::error::{Error, Trouble};
use crate::store::fragment_row::{self, Indexed};
use crate::store::vector_row::{self, EmbedderInfo};
use crate::store::{Store, derived};

/// Called with how many texts are done and how many there are.
pub type Progress<'p> = dyn FnMut(usize, usize) + 'p;

/// How many texts are embedded at a time.
const BATCH: usize = 32;

impl Store {
    /// Embeds every text that has no vector of `embedder` yet and returns how many there were.
    ///
    /// Each batch is its own transaction, so that an interruption loses at most one batch. Vectors
    /// are computed from the text and change no operation and no view.
    ///
    /// # Errors
    /// [`Error::Embed`] and [`Error::VectorMismatch`] from the embedder, and those of writing.
    pub fn embed_missing(
        &mut self,
        embedder: &dyn Embedder,
        progress: &mut Progress<'_>,
    ) -> Result<usize, Error> {
        let info = EmbedderInfo::of(embedder);
        let row = self.write(|db| {
            let row = vector_row::ensure_embedder(db, &info)?;
            vector_row::reuse(db, row)?;
            Ok(row)
        })?;
        let total =
            self.read(|db| Ok(vector_row::missing(db, Some(row), usize::MAX >> 1)?.len()))?;
        let mut done = 0;
        while done < total {
            let batch = self.read(|db| vector_row::missing(db, Some(row), BATCH))?;
            if batch.is_empty() {
                break;
            }
            let texts: Vec<&str> = batch.iter().map(|(_, text)| text.as_str()).collect();
            let vectors = embed_batch(&texts, embedder)?;
            self.write(|db| {
                let rows = batch.iter().map(|(fragment, _)| *fragment);
                vector_row::insert(db, row, &rows.zip(&vectors).collect::<Vec<_>>())
            })?;
            done += batch.len();
            progress(done, total);
        }
        Ok(done)
    }

    /// Deletes the vectors of every embedder but `kept` and returns how many there were.
    ///
    /// # Errors
    /// [`Error::VectorsMissing`] while `kept` has not embedded every text, and those of writing.
    pub fn drop_other_vectors(&mut self, kept: EmbedderId) -> Result<u64, Error> {
        self.write(|db| {
            let row = vector_row::embedder_row(db, kept)?;
            let missing = vector_row::missing(db, row, usize::MAX >> 1)?.len();
            if missing > 0 {
                return Err(Error::VectorsMissing { missing }.into());
            }
            let mut dropped = 0;
            for (other, info) in vector_row::embedders(db)? {
                if info.id != kept {
                    dropped += vector_row::drop_embedder(db, other)?;
                }
            }
            Ok(dropped)
        })
    }

    /// Builds what is derived from the rows again, in one transaction, and returns how many rows
    /// there are: the text index, what the view shows, and the codes of vectors.
    ///
    /// # Errors
    /// Those of writing, such as [`Error::Locked`] and [`Error::DiskFull`].
    pub fn reindex(&mut self) -> Result<usize, Error> {
        self.write(|db| {
            db.execute("INSERT INTO text_index (text_index) VALUES ('delete-all')", [])?;
            let rows = fragment_rows(db)?;
            let mut count = db.prepare_cached("UPDATE fragment SET terms = ?2 WHERE row = ?1")?;
            for row in &rows {
                let indexed = Indexed::of(&fragment_row::get(db, *row)?);
                fragment_row::index(db, *row, &indexed)?;
                count.execute((row, indexed.count()))?;
            }
            derived::rebuild(db)?;
            Ok(rows.len())
        })
    }
}

fn fragment_rows(db: &Connection) -> Result<Vec<i64>, Trouble> {
    let mut statement = db.prepare_cached("SELECT row FROM fragment ORDER BY row")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Embeds texts a batch at a time.
pub(super) fn embed_in_batches(
    texts: &[&str],
    embedder: &dyn Embedder,
    progress: &mut Progress<'_>,
) -> Result<Vec<Vector>, Error> {
    let mut vectors = Vec::with_capacity(texts.len());
    for batch in texts.chunks(BATCH) {
        vectors.extend(embed_batch(batch, embedder)?);
        progress(vectors.len(), texts.len());
    }
    Ok(vectors)
}

fn embed_batch(texts: &[&str], embedder: &dyn Embedder) -> Result<Vec<Vector>, Error> {
    let vectors = embedder.embed(texts)?;
    let dimensions = embedder.dimensions();
    let fits = vectors.iter().all(|v| v.as_slice().len() == dimensions);
    if vectors.len() == texts.len() && fits {
        Ok(vectors)
    } else {
        Err(Error::VectorMismatch { texts: texts.len(), dimensions })
    }
}
