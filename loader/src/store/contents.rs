//! What a loaded version held, rebuilt from its rows.

use garner_kernel::{
    Change, ChannelName, Contents, Digest, FragmentId, Moment, TreeHasher, Version,
};
use rusqlite::{Connection, params};

use crate::error::{Error, Trouble};
use crate::store::Store;
use crate::store::channel;
use crate::store::fragment_row::{self, COLUMNS, Lists, digest_from};
use crate::store::membership::{self, Table};

impl Store {
    /// Returns exactly what the kernel of this version held.
    ///
    /// # Errors
    /// [`Error::UnknownChannel`] or [`Error::UnknownVersion`] when it is not loaded.
    pub fn contents_at(&self, name: &ChannelName, version: Version) -> Result<Contents, Error> {
        self.read(|db| {
            let (row, _) = channel::known_kernel(db, name, version)?;
            contents(db, row, version)
        })
    }

    /// Returns when the kernel of this version was published.
    ///
    /// # Errors
    /// As [`Self::contents_at`].
    pub fn published_at(&self, name: &ChannelName, version: Version) -> Result<Moment, Error> {
        self.read(|db| {
            let (row, kernel) = channel::known_kernel(db, name, version)?;
            let sql = "SELECT created FROM kernel WHERE channel = ?1 AND version = ?2";
            let mut statement = db.prepare_cached(sql)?;
            let values = params![row, kernel.version.get()];
            let seconds: i64 = statement.query_row(values, |found| found.get(0))?;
            Ok(Moment::from_unix(seconds))
        })
    }
}

/// Rebuilds the contents of a loaded version of the channel in row `channel`.
pub(crate) fn contents(
    db: &Connection,
    channel: i64,
    version: Version,
) -> Result<Contents, Trouble> {
    let mut contents = Contents::default();
    let mut lists = Lists::of_version(db, channel, version)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM member m JOIN fragment f ON f.row = m.fragment \
         WHERE m.channel = ?1 AND m.from_version <= ?2 \
         AND (m.to_version IS NULL OR m.to_version > ?2)"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params![channel, version.get()])?;
    while let Some(row) = rows.next()? {
        contents.apply(Change::Put(Box::new(fragment_row::read(row, &mut lists)?)))?;
    }
    for row in membership::rows(db, Table::Burial, channel, version.get())? {
        contents.apply(Change::Del(fragment_row::get_tombstone(db, row)?))?;
    }
    Ok(contents)
}

/// Returns what the fragments of a loaded version add up to.
pub(crate) fn tree(db: &Connection, channel: i64, version: Version) -> Result<Digest, Trouble> {
    let mut tree = TreeHasher::default();
    let mut statement = db.prepare_cached(
        "SELECT f.id, f.revision, f.record FROM member m JOIN fragment f ON f.row = m.fragment \
         WHERE m.channel = ?1 AND m.from_version <= ?2 \
         AND (m.to_version IS NULL OR m.to_version > ?2) ORDER BY f.id",
    )?;
    let mut rows = statement.query(params![channel, version.get()])?;
    while let Some(row) = rows.next()? {
        let digest = |column| digest_from("fragment", &row.get::<_, Vec<u8>>(column)?);
        tree.add(FragmentId::new(digest(0)?), row.get(1)?, &digest(2)?);
    }
    Ok(tree.finish())
}
