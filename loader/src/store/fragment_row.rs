//! Fragments and tombstones as rows, with their sources, supersessions and terms.

use std::collections::{BTreeSet, HashMap};

use garner_kernel::{
    Confidence, Contents, Digest, Fragment, FragmentId, Moment, Source, Tag, Text, Tombstone,
    TombstoneReason, Version, record,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::ahead::ahead;
use crate::analysis::{self, TermList, Terms};
use crate::error::Trouble;
use crate::store::standing::Counter;
use crate::store::vector_row;

/// The columns that [`read`] expects, from table `fragment` named `f`.
pub(crate) const COLUMNS: &str = "f.row, f.id, f.revision, f.kind, f.scope, f.trust, \
     f.confidence, f.statement, f.context, f.created, f.valid_to, f.tags";

/// Returns the digest in a column of `table`.
pub(crate) fn digest_from(table: &str, blob: &[u8]) -> Result<Digest, Trouble> {
    let bytes = blob.try_into().map_err(|_| Trouble::row(table, "a digest has 32 bytes"))?;
    Ok(Digest::from_bytes(bytes))
}

/// Returns the first 8 bytes of a digest, which find any change that chance makes.
pub(crate) fn short(digest: &Digest) -> i64 {
    i64::from_le_bytes(digest.as_bytes().first_chunk().copied().unwrap_or_default())
}

/// Returns the digest in a column of a row of `table`.
fn blob_digest(table: &str, row: &Row<'_>, column: usize) -> Result<Digest, Trouble> {
    digest_from(table, row.get_ref(column)?.as_blob().unwrap_or_default())
}

/// Returns the row of a record of a fragment, if it is here.
pub(crate) fn row_of(
    db: &Connection,
    id: FragmentId,
    record: &Digest,
) -> Result<Option<i64>, Trouble> {
    // A fragment has few records, and its id has an index.
    let sql = "SELECT row FROM fragment WHERE id = ?1 AND record = ?2";
    let values = [id.digest().as_bytes(), record.as_bytes()];
    Ok(db.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?)
}

/// Returns the row of a fragment, given the digest of its record; makes it where it is missing.
pub(crate) fn ensure(
    db: &Connection,
    fragment: &Fragment,
    record: &Digest,
) -> Result<i64, Trouble> {
    match row_of(db, fragment.id, record)? {
        Some(row) => Ok(row),
        None => insert(db, fragment, record, &Indexed::of(fragment)),
    }
}

/// Returns the rows of all fragments; makes those that are missing.
pub(crate) fn ensure_all(db: &Connection, contents: &Contents) -> Result<BTreeSet<i64>, Trouble> {
    let fragments: Vec<&Fragment> = contents.fragments().collect();
    let (mut rows, mut missing) = (BTreeSet::new(), Vec::new());
    ahead(
        &fragments,
        |fragment| record::digest(fragment),
        |fragment, record| {
            match row_of(db, fragment.id, &record)? {
                Some(row) => drop(rows.insert(row)),
                None => missing.push((*fragment, record)),
            }
            Ok::<_, Trouble>(())
        },
    )?;
    ahead(
        &missing,
        |(fragment, _)| Indexed::of(fragment),
        |(fragment, record), indexed| {
            rows.insert(insert(db, fragment, record, &indexed)?);
            Ok::<_, Trouble>(())
        },
    )?;
    Ok(rows)
}

fn insert(
    db: &Connection,
    fragment: &Fragment,
    record: &Digest,
    indexed: &Indexed,
) -> Result<i64, Trouble> {
    let tags: Vec<&str> = fragment.tags.iter().map(Tag::as_str).collect();
    db.prepare_cached(
        "INSERT INTO fragment (id, revision, record, kind, scope, trust, confidence, statement, \
         context, created, valid_to, tags, terms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
    )?
    .execute(params![
        fragment.id.digest().as_bytes(),
        fragment.revision,
        record.as_bytes(),
        fragment.kind.as_str(),
        fragment.scope.to_string(),
        fragment.trust.as_str(),
        fragment.confidence.as_percent(),
        fragment.statement.as_str(),
        fragment.context.as_ref().map(Text::as_str),
        fragment.created.unix(),
        fragment.valid_to.map(Moment::unix),
        tags.join(" "),
        indexed.count(),
    ])?;
    let row = db.last_insert_rowid();
    insert_lists(db, row, fragment)?;
    index(db, row, indexed)?;
    Ok(row)
}

fn insert_lists(db: &Connection, row: i64, fragment: &Fragment) -> Result<(), Trouble> {
    let mut source = db.prepare_cached(
        "INSERT INTO source (fragment, position, origin, record, line, digest, speaker, rule) \
         VALUES (?,?,?,?,?,?,?,?)",
    )?;
    for (position, from) in fragment.sources.iter().enumerate() {
        source.execute(params![
            row,
            position,
            origin(db, from)?,
            from.record.as_str(),
            from.line,
            from.digest.as_bytes(),
            from.speaker.as_str(),
            from.rule.as_str(),
        ])?;
    }
    let mut supersedes =
        db.prepare_cached("INSERT INTO supersedes (newer, older) VALUES (?1, ?2)")?;
    for older in &fragment.supersedes {
        supersedes.execute(params![row, older.digest().as_bytes()])?;
    }
    Ok(())
}

/// Returns the row of the session and the file that a source names; makes it where it is missing.
fn origin(db: &Connection, source: &Source) -> Result<i64, Trouble> {
    let names = [source.session.as_str(), source.file.as_str()];
    let known = db
        .prepare_cached("SELECT row FROM origin WHERE session = ?1 AND file = ?2")?
        .query_row(names, |row| row.get(0))
        .optional()?;
    if let Some(row) = known {
        return Ok(row);
    }
    db.prepare_cached("INSERT INTO origin (session, file) VALUES (?1, ?2)")?.execute(names)?;
    Ok(db.last_insert_rowid())
}

/// Returns the digest of the record in a row.
pub(crate) fn record_of(db: &Connection, row: i64) -> Result<Digest, Trouble> {
    let mut statement = db.prepare_cached("SELECT record FROM fragment WHERE row = ?1")?;
    digest_from("fragment", &statement.query_row([row], |row| row.get::<_, Vec<u8>>(0))?)
}

/// Returns the rows of a fragment with their revisions.
pub(crate) fn revisions(db: &Connection, id: &FragmentId) -> Result<Vec<(i64, u32)>, Trouble> {
    let mut statement = db.prepare_cached("SELECT row, revision FROM fragment WHERE id = ?1")?;
    let rows = statement
        .query_map([id.digest().as_bytes()], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Deletes a row that is in no version of any channel, with all that belongs to it, and returns
/// whether it did.
pub(crate) fn delete_unused(db: &Connection, row: i64) -> Result<bool, Trouble> {
    // The keys of these tables start with another column.
    let held = "SELECT 1 FROM member WHERE channel IN (SELECT row FROM channel) AND fragment = ?1";
    if db.prepare_cached(held)?.exists([row])? {
        return Ok(false);
    }
    vector_row::delete(db, row)?;
    Counter::Erasures.count(db)?;
    for sql in [
        "DELETE FROM source WHERE fragment = ?1",
        "DELETE FROM supersedes WHERE newer = ?1",
        "DELETE FROM text_index WHERE rowid = ?1",
        "DELETE FROM fragment WHERE row = ?1",
    ] {
        db.prepare_cached(sql)?.execute([row])?;
    }
    Ok(true)
}

/// The terms of a fragment by the columns of the text index.
pub(crate) struct Indexed {
    statement: Terms,
    context: Terms,
}

impl Indexed {
    /// Returns the terms of a fragment.
    pub(crate) fn of(fragment: &Fragment) -> Self {
        let context = fragment.context.as_ref().map(|c| analysis::terms(c.as_str()));
        Self {
            statement: analysis::terms(fragment.statement.as_str()),
            context: context.unwrap_or_default(),
        }
    }

    /// Returns how many terms there are.
    pub(crate) fn count(&self) -> usize {
        self.columns().iter().map(|(_, terms)| terms.len()).sum()
    }

    /// Returns the columns with their terms.
    pub(crate) const fn columns(&self) -> [(&'static str, &TermList); 3] {
        [
            ("words", &self.statement.words),
            ("names", &self.statement.names),
            ("context", &self.context.words),
        ]
    }
}

/// Writes the terms of a row into the text index.
pub(crate) fn index(db: &Connection, row: i64, indexed: &Indexed) -> Result<(), Trouble> {
    let [(_, words), (_, names), (_, context)] = indexed.columns();
    db.prepare_cached("INSERT INTO text_index (rowid, words, names, context) VALUES (?,?,?,?)")?
        .execute(params![row, words.as_str(), names.as_str(), context.as_str()])?;
    Ok(())
}

/// Reads one row of [`COLUMNS`]; takes its lists out of `lists`.
pub(crate) fn read(row: &Row<'_>, lists: &mut Lists) -> Result<Fragment, Trouble> {
    let number: i64 = row.get(0)?;
    // Columns are borrowed: every copy would be thrown away.
    let word = |column: usize| row.get_ref(column).map(|v| v.as_str().unwrap_or_default());
    Ok(Fragment {
        id: FragmentId::new(blob_digest("fragment", row, 1)?),
        revision: row.get(2)?,
        kind: word(3)?.parse()?,
        scope: word(4)?.parse()?,
        trust: word(5)?.parse()?,
        confidence: Confidence::percent(row.get(6)?),
        statement: Text::new(word(7)?),
        context: row.get::<_, Option<String>>(8)?.map(Text::new),
        created: Moment::from_unix(row.get(9)?),
        valid_to: row.get::<_, Option<i64>>(10)?.map(Moment::from_unix),
        supersedes: lists.supersedes.remove(&number).unwrap_or_default(),
        tags: word(11)?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?,
        sources: lists.sources.remove(&number).unwrap_or_default(),
    })
}

/// Returns the fragment of a row.
pub(crate) fn get(db: &Connection, row: i64) -> Result<Fragment, Trouble> {
    let [sources, supersedes] = Lists::OF_ROW;
    let mut lists = Lists::read(db, sources, supersedes, &[&row])?;
    let mut statement = db.prepare_cached(
        "SELECT row, id, revision, kind, scope, trust, confidence, statement, context, created, \
         valid_to, tags FROM fragment WHERE row = ?1",
    )?;
    let mut rows = statement.query([row])?;
    let row = rows.next()?.ok_or_else(|| Trouble::row("fragment", "a row is missing"))?;
    read(row, &mut lists)
}

/// How many rows are read together with their lists.
const TOGETHER: i64 = 1_024;

/// Reads the fragments of all rows above `after`, ascending.
pub(crate) fn each_after(
    db: &Connection,
    mut after: i64,
    mut visit: impl FnMut(i64, Fragment) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let sql = format!("SELECT {COLUMNS} FROM fragment f WHERE f.row > ?1 AND f.row <= ?2");
    let mut statement = db.prepare_cached(&sql)?;
    let last: i64 =
        db.query_row("SELECT ifnull(max(row), 0) FROM fragment", [], |row| row.get(0))?;
    while after < last {
        let end = after.saturating_add(TOGETHER);
        let [sources, supersedes] = Lists::OF_RANGE;
        let mut lists = Lists::read(db, sources, supersedes, params![after, end])?;
        let mut rows = statement.query([after, end])?;
        while let Some(row) = rows.next()? {
            visit(row.get(0)?, read(row, &mut lists)?)?;
        }
        after = end;
    }
    Ok(())
}

/// The sources and supersessions of some fragments, by row.
pub(crate) struct Lists {
    sources: HashMap<i64, Vec<Source>>,
    supersedes: HashMap<i64, Vec<FragmentId>>,
}

impl Lists {
    /// Reads the lists of every fragment in a loaded version of a channel.
    pub(crate) fn of_version(
        db: &Connection,
        channel: i64,
        version: Version,
    ) -> Result<Self, Trouble> {
        let [sources, supersedes] = Self::OF_VERSION;
        Self::read(db, sources, supersedes, params![channel, version.get()])
    }

    /// The statements that read the sources and the supersessions of one row. They sort nothing: to
    /// look whether there is something to sort costs more than all the rest.
    const OF_ROW: [&str; 2] = [
        "SELECT fragment, session, file, record, line, digest, speaker, rule, position \
         FROM source CROSS JOIN origin ON origin.row = source.origin WHERE fragment = ?1",
        "SELECT newer, older FROM supersedes WHERE newer = ?1",
    ];

    /// The same for the rows above one up to another.
    const OF_RANGE: [&str; 2] = [
        "SELECT fragment, session, file, record, line, digest, speaker, rule, position \
         FROM source CROSS JOIN origin ON origin.row = source.origin \
         WHERE fragment > ?1 AND fragment <= ?2",
        "SELECT newer, older FROM supersedes WHERE newer > ?1 AND newer <= ?2",
    ];

    /// The same for every row of a version of a channel.
    const OF_VERSION: [&str; 2] = [
        "SELECT l.fragment, o.session, o.file, l.record, l.line, l.digest, l.speaker, l.rule, \
         l.position FROM member m CROSS JOIN source l ON l.fragment = m.fragment \
         CROSS JOIN origin o ON o.row = l.origin WHERE m.channel = ?1 \
         AND m.from_version <= ?2 AND (m.to_version IS NULL OR m.to_version > ?2)",
        "SELECT l.newer, l.older FROM supersedes l JOIN member m ON m.fragment = l.newer \
         WHERE m.channel = ?1 \
         AND m.from_version <= ?2 AND (m.to_version IS NULL OR m.to_version > ?2)",
    ];

    fn read(
        db: &Connection,
        sources_sql: &str,
        supersedes_sql: &str,
        parameters: &[&dyn rusqlite::ToSql],
    ) -> Result<Self, Trouble> {
        let mut statement = db.prepare_cached(sources_sql)?;
        let mut rows = statement.query(parameters)?;
        let mut placed: HashMap<i64, Vec<(usize, Source)>> = HashMap::new();
        while let Some(row) = rows.next()? {
            placed.entry(row.get(0)?).or_default().push((row.get(8)?, source_from(row)?));
        }
        let in_order = |(row, mut list): (i64, Vec<(usize, Source)>)| {
            list.sort_unstable_by_key(|(position, _)| *position);
            (row, list.into_iter().map(|(_, source)| source).collect())
        };
        let sources = placed.into_iter().map(in_order).collect();
        let mut statement = db.prepare_cached(supersedes_sql)?;
        let mut rows = statement.query(parameters)?;
        let mut supersedes: HashMap<i64, Vec<FragmentId>> = HashMap::new();
        while let Some(row) = rows.next()? {
            let older = blob_digest("supersedes", row, 1)?;
            supersedes.entry(row.get(0)?).or_default().push(FragmentId::new(older));
        }
        for list in supersedes.values_mut() {
            list.sort_unstable();
        }
        Ok(Self { sources, supersedes })
    }
}

fn source_from(row: &Row<'_>) -> Result<Source, Trouble> {
    let word = |column: usize| row.get_ref(column).map(|v| v.as_str().unwrap_or_default());
    Ok(Source {
        session: word(1)?.parse()?,
        file: word(2)?.parse()?,
        record: word(3)?.parse()?,
        line: row.get(4)?,
        digest: blob_digest("source", row, 5)?,
        speaker: word(6)?.parse()?,
        rule: word(7)?.parse()?,
    })
}

/// Returns the row of the tombstone; makes it where it is missing.
pub(crate) fn ensure_tombstone(db: &Connection, tombstone: &Tombstone) -> Result<i64, Trouble> {
    let values = params![
        tombstone.id.digest().as_bytes(),
        tombstone.revision,
        tombstone.at.unix(),
        tombstone.reason.as_str(),
    ];
    db.prepare_cached(
        "INSERT INTO tombstone (id, revision, at, reason) VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
    )?
    .execute(values)?;
    let row = db
        .prepare_cached(
            "SELECT row FROM tombstone WHERE id = ? AND revision = ? AND at = ? AND reason = ?",
        )?
        .query_row(values, |row| row.get(0))?;
    Ok(row)
}

/// Returns the tombstone of a row.
pub(crate) fn get_tombstone(db: &Connection, row: i64) -> Result<Tombstone, Trouble> {
    let mut statement =
        db.prepare_cached("SELECT id, revision, at, reason FROM tombstone WHERE row = ?1")?;
    let mut rows = statement.query([row])?;
    let row = rows.next()?.ok_or_else(|| Trouble::row("tombstone", "a row is missing"))?;
    let reason: String = row.get(3)?;
    Ok(Tombstone {
        id: FragmentId::new(digest_from("tombstone", &row.get::<_, Vec<u8>>(0)?)?),
        revision: row.get(1)?,
        at: Moment::from_unix(row.get(2)?),
        reason: TombstoneReason::from_word(&reason)
            .ok_or_else(|| Trouble::row("tombstone", format!("unknown reason `{reason}`")))?,
    })
}
