//! Channels and the kernels that are loaded of them.

use garner_kernel::{ChannelName, Digest, FieldHasher, Kernel, Moment, Version};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{Error, Trouble};
use crate::stamp::Stamp;
use crate::store::fragment_row::{digest_from, short};
use crate::store::view::version_from;

/// One loaded version of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedKernel {
    /// The version.
    pub version: Version,
    /// The digest of its head note.
    pub head: Digest,
    /// The digest of the head before it; `None` for the first version.
    pub parent: Option<Digest>,
    /// The older version whose contents it brings back.
    pub restores: Option<Version>,
    /// The name of the key that signed it.
    pub publisher: String,
    /// When it was published.
    pub created: Moment,
    /// The digest of its live fragments.
    pub tree: Digest,
    /// The number of the operation that loaded it.
    pub operation: u64,
}

const COLUMNS: &str = "version, head, parent, restores, publisher, created, tree, operation";

/// Returns the row of a channel, if the store knows it.
pub(crate) fn row(db: &Connection, channel: &ChannelName) -> Result<Option<i64>, Trouble> {
    let mut statement = db.prepare_cached("SELECT row FROM channel WHERE name = ?1")?;
    Ok(statement.query_row([channel.as_str()], |row| row.get(0)).optional()?)
}

/// Returns the row of a channel.
///
/// # Errors
/// [`Error::UnknownChannel`] when the store does not know it.
pub(crate) fn known_row(db: &Connection, channel: &ChannelName) -> Result<i64, Trouble> {
    let row = row(db, channel)?;
    row.ok_or_else(|| Error::UnknownChannel { channel: channel.clone() }.into())
}

/// Returns the row of a channel; makes it where it is missing.
pub(crate) fn ensure(db: &Connection, channel: &ChannelName) -> Result<i64, Trouble> {
    db.prepare_cached("INSERT INTO channel (name) VALUES (?1) ON CONFLICT DO NOTHING")?
        .execute([channel.as_str()])?;
    known_row(db, channel)
}

/// Returns the names and rows of all channels, by name.
pub(crate) fn names(db: &Connection) -> Result<Vec<(ChannelName, i64)>, Trouble> {
    let mut statement = db.prepare_cached("SELECT name, row FROM channel ORDER BY name")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    rows.map(|row| row.map_err(Trouble::from).and_then(|(name, row)| Ok((name.parse()?, row))))
        .collect()
}

/// Returns the loaded versions of a channel, the oldest first.
pub(crate) fn kernels(db: &Connection, channel: i64) -> Result<Vec<LoadedKernel>, Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM kernel WHERE channel = ?1 ORDER BY version");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([channel])?;
    let mut kernels = Vec::new();
    while let Some(row) = rows.next()? {
        kernels.push(kernel_from(row)?);
    }
    Ok(kernels)
}

/// Returns the newest loaded version of a channel.
pub(crate) fn newest(db: &Connection, channel: i64) -> Result<Option<Version>, Trouble> {
    let sql = "SELECT version FROM kernel WHERE channel = ?1 ORDER BY version DESC LIMIT 1";
    let newest = db.prepare_cached(sql)?.query_row([channel], |row| row.get(0)).optional()?;
    newest.map(version_from).transpose()
}

/// A version that comes from no bundle: the store made it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own {
    pub(crate) version: Version,
    pub(crate) head: Digest,
    pub(crate) parent: Option<Digest>,
    pub(crate) tree: Digest,
    pub(crate) operation: u64,
}

/// Writes the row of a version that the store made.
pub(crate) fn insert_own(
    db: &Connection,
    channel: i64,
    own: Own,
    stamp: &Stamp,
) -> Result<(), Trouble> {
    let Own { version, head, parent, tree, operation } = own;
    let (publisher, created) = (stamp.who.as_str().to_owned(), stamp.at);
    let restores = None;
    let kernel =
        LoadedKernel { version, head, parent, restores, publisher, created, tree, operation };
    insert(db, channel, &kernel)
}

/// Returns one loaded version.
///
/// # Errors
/// [`Error::UnknownChannel`] or [`Error::UnknownVersion`].
pub(crate) fn known_kernel(
    db: &Connection,
    channel: &ChannelName,
    version: Version,
) -> Result<(i64, LoadedKernel), Trouble> {
    let row = known_row(db, channel)?;
    let sql = format!("SELECT {COLUMNS} FROM kernel WHERE channel = ?1 AND version = ?2");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params![row, version.get()])?;
    match rows.next()? {
        Some(found) => Ok((row, kernel_from(found)?)),
        None => Err(Error::UnknownVersion { channel: channel.clone(), version }.into()),
    }
}

/// Writes the row of a kernel that operation `operation` loads.
pub(crate) fn insert_kernel(
    db: &Connection,
    channel: i64,
    kernel: &Kernel,
    operation: u64,
) -> Result<(), Trouble> {
    let kernel = LoadedKernel {
        version: kernel.lineage.version,
        head: kernel.head,
        parent: kernel.lineage.parent,
        restores: kernel.lineage.restores,
        publisher: kernel.publisher.clone(),
        created: kernel.created,
        tree: kernel.contents.tree_digest(),
        operation,
    };
    insert(db, channel, &kernel)
}

fn insert(db: &Connection, channel: i64, kernel: &LoadedKernel) -> Result<(), Trouble> {
    let sql = format!("INSERT INTO kernel (channel, {COLUMNS}, sum) VALUES (?,?,?,?,?,?,?,?,?,?)");
    db.prepare_cached(&sql)?.execute(params![
        channel,
        kernel.version.get(),
        kernel.head.as_bytes(),
        kernel.parent.as_ref().map(Digest::as_bytes),
        kernel.restores.map(Version::get),
        kernel.publisher,
        kernel.created.unix(),
        kernel.tree.as_bytes(),
        kernel.operation,
        sum(kernel),
    ])?;
    Ok(())
}

/// Returns what tells whether a row is the one that was written, but for its tree, which follows
/// revocations and which the fragments bear out.
fn sum(kernel: &LoadedKernel) -> i64 {
    let mut hasher = FieldHasher::new("garner.kernel-row.v1");
    hasher
        .field(&kernel.version.get().to_le_bytes())
        .field(kernel.head.as_bytes())
        .field(kernel.parent.as_ref().map_or(&[], |parent| parent.as_bytes().as_slice()))
        .field(&kernel.restores.map_or(0, Version::get).to_le_bytes())
        .field(kernel.publisher.as_bytes())
        .field(&kernel.created.unix().to_le_bytes())
        .field(&kernel.operation.to_le_bytes());
    short(&hasher.finish())
}

/// Writes the sums of all kernels.
pub(crate) fn sum_all(db: &Connection) -> Result<(), Trouble> {
    let mut update =
        db.prepare("UPDATE kernel SET sum = ?3 WHERE channel = ?1 AND version = ?2")?;
    for (_, channel) in names(db)? {
        for kernel in kernels(db, channel)? {
            update.execute(params![channel, kernel.version.get(), sum(&kernel)])?;
        }
    }
    Ok(())
}

/// Returns the versions of a channel whose rows are not those that were written.
pub(crate) fn changed(db: &Connection, channel: i64) -> Result<Vec<Version>, Trouble> {
    let sql = format!("SELECT {COLUMNS}, sum FROM kernel WHERE channel = ?1 ORDER BY version");
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([channel])?;
    let mut changed = Vec::new();
    while let Some(row) = rows.next()? {
        let kernel = kernel_from(row)?;
        if sum(&kernel) != row.get::<_, i64>(8)? {
            changed.push(kernel.version);
        }
    }
    Ok(changed)
}

fn kernel_from(row: &Row<'_>) -> Result<LoadedKernel, Trouble> {
    let digest = |column: usize| digest_from("kernel", &row.get::<_, Vec<u8>>(column)?);
    let parent = row.get::<_, Option<Vec<u8>>>(2)?;
    Ok(LoadedKernel {
        version: version_from(row.get(0)?)?,
        head: digest(1)?,
        parent: parent.map(|blob| digest_from("kernel", &blob)).transpose()?,
        restores: row.get::<_, Option<u64>>(3)?.map(version_from).transpose()?,
        publisher: row.get(4)?,
        created: Moment::from_unix(row.get(5)?),
        tree: digest(6)?,
        operation: row.get(7)?,
    })
}
