//! Checking the store against itself: pages, chains, versions, and what is derived from the text.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use garner_kernel::{ChannelName, FieldHasher};
use garner_schemas::STORE_MIGRATIONS;
use rusqlite::{Connection, params};

use crate::error::{Error, Trouble};
use crate::store::fragment_row::{self, Indexed};
use crate::store::{
    Store, channel, code_row, contents, event, operation, standing, vector_row, view,
};
use crate::{compact, local};

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreReport {
    /// The checks, in the order in which they ran.
    pub checks: Vec<Check>,
}

impl StoreReport {
    /// Returns whether no check found a problem.
    pub fn is_sound(&self) -> bool {
        self.checks.iter().all(|check| check.problems.is_empty())
    }
}

/// One check and the problems that it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// What is broken, one line each; empty when all is well.
    pub problems: Vec<String>,
}

/// The most problems that one check lists.
const MAX_PROBLEMS: usize = 20;

type Problems = Result<Vec<String>, Trouble>;
type Run = fn(&Connection) -> Problems;

impl Store {
    /// Checks everything that can be checked without the bundles.
    ///
    /// What is damaged is a problem in the report, never an error.
    ///
    /// # Errors
    /// Only when no transaction can be started, such as [`Error::Locked`].
    pub fn verify(&self) -> Result<StoreReport, Error> {
        let checks: [(&'static str, Run); 9] = [
            ("pages", pages),
            ("operations", operation::broken_links),
            ("events", event::broken_links),
            ("view", the_view),
            ("shown rows", shown_rows),
            ("versions", versions),
            ("archive", compact::problems),
            ("text index", text_index),
            ("vectors", vectors),
        ];
        self.read(|db| {
            let checks = checks.map(|(name, check)| {
                let mut problems = check(db)
                    .unwrap_or_else(|trouble| vec![trouble_text(&trouble.at(self.path()))]);
                problems.truncate(MAX_PROBLEMS);
                Check { name, problems }
            });
            Ok(StoreReport { checks: checks.into() })
        })
    }
}

fn trouble_text(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Asks SQLite whether its pages, indexes and references are whole.
fn pages(db: &Connection) -> Problems {
    let mut statement = db.prepare("PRAGMA integrity_check(20)")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut problems: Vec<String> = lines.collect::<Result<_, _>>()?;
    problems.retain(|line| line != "ok");
    let mut statement = db.prepare("PRAGMA foreign_key_check")?;
    let tables = statement.query_map([], |row| row.get::<_, String>(0))?;
    for table in tables {
        problems.push(format!("a row of `{}` refers to nothing", table?));
    }
    problems.extend(definitions(db)?);
    Ok(problems)
}

/// Compares how tables and indexes are defined with how a new store defines them: SQLite goes by
/// the words in the file.
fn definitions(db: &Connection) -> Problems {
    let defined = |db: &Connection| -> Result<BTreeMap<String, String>, Trouble> {
        // A text that became bytes reads the same.
        let mut statement = db.prepare(
            "SELECT name, concat_ws(' ', type, tbl_name, sql, typeof(type), typeof(name), \
             typeof(tbl_name), typeof(rootpage), typeof(sql)) FROM sqlite_schema",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let new = Connection::open_in_memory()?;
    for migration in STORE_MIGRATIONS {
        new.execute_batch(migration.sql)?;
    }
    let (is, to_be) = (defined(db)?, defined(&new)?);
    let names: BTreeSet<&String> = is.keys().chain(to_be.keys()).collect();
    let differ = names.into_iter().filter(|name| is.get(*name) != to_be.get(*name));
    Ok(differ.map(|name| format!("`{name}` is not defined as it was")).collect())
}

/// Compares the view with the one that the last operation left.
fn the_view(db: &Connection) -> Problems {
    let view = view::current(db)?;
    let digest = view::digest(db, &view)?;
    match operation::list(db, 1)?.first() {
        Some(last) if last.after != view || last.digest_after != digest => {
            Ok(vec![format!("the view is not the one that operation {} left", last.number)])
        }
        None if !view.channels.is_empty() => {
            Ok(vec!["a channel is read but no operation is in the log".to_owned()])
        }
        _ => Ok(Vec::new()),
    }
}

/// Compares the rows that are kept as shown with those that the view shows.
fn shown_rows(db: &Connection) -> Problems {
    if standing::is_sound(db, &view::current(db)?)? {
        return Ok(Vec::new());
    }
    Ok(vec!["what is kept of the view is not what it shows".to_owned()])
}

/// Rebuilds every loaded version and compares its tree digest.
fn versions(db: &Connection) -> Problems {
    let mut problems = Vec::new();
    let local = ChannelName::local();
    for (name, row) in channel::names(db)? {
        for version in channel::changed(db, row)? {
            problems.push(format!("{name}@{}: what is known of it was changed", version.get()));
        }
        if name == local {
            problems.extend(local::problems(db, row)?);
            continue;
        }
        for kernel in channel::kernels(db, row)? {
            let wrong = match contents::contents(db, row, kernel.version) {
                Ok(contents) if contents.tree_digest() == kernel.tree => continue,
                Ok(_) => "its fragments are not those that were loaded".to_owned(),
                Err(Trouble::Row(what)) => what,
                Err(trouble) => return Err(trouble),
            };
            problems.push(format!("{name}@{}: {wrong}", kernel.version.get()));
        }
    }
    let lost: usize = db.query_row(
        "SELECT count(*) FROM kernel WHERE operation NOT IN (SELECT n FROM operation)",
        [],
        |row| row.get(0),
    )?;
    if lost > 0 {
        problems.push(format!("{lost} versions were loaded by no operation"));
    }
    Ok(problems)
}

/// Compares every term of the text index with the terms of the text.
fn text_index(db: &Connection) -> Problems {
    let mut stored: HashMap<i64, Terms> = HashMap::new();
    let mut statement = db.prepare("SELECT doc, col, offset, term FROM text_term")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let word = |column| row.get_ref(column).map(|v| v.as_str().unwrap_or_default());
        stored.entry(row.get(0)?).or_default().add(word(1)?, row.get(2)?, word(3)?);
    }
    let mut problems = Vec::new();
    let mut statement = db.prepare("SELECT row, terms FROM fragment ORDER BY row")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (row, count): (i64, usize) = (row.get(0)?, row.get(1)?);
        let fragment = fragment_row::get(db, row)?;
        let indexed = Indexed::of(&fragment);
        let found = stored.remove(&row).unwrap_or_default();
        if found != Terms::of(&indexed) || count != indexed.count() {
            let id = fragment.id.short();
            problems.push(format!("fragment {id}: the text index does not match its text"));
        }
    }
    if !stored.is_empty() {
        problems.push(format!("{} rows of the text index belong to no fragment", stored.len()));
    }
    problems.extend(sizes(db)?);
    Ok(problems)
}

/// Compares what the text index says of how long each row is, and all of them together, with how many
/// terms they have.
fn sizes(db: &Connection) -> Problems {
    let sql = "SELECT f.terms, d.sz FROM fragment f JOIN text_index_docsize d ON d.id = f.row";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut wrong = 0;
    // How many rows there are, and how many terms in each column.
    let mut totals = vec![0; COLUMNS + 1];
    while let Some(row) = rows.next()? {
        let sizes = numbers(row.get_ref(1)?.as_blob().unwrap_or_default());
        wrong += usize::from(sizes.iter().sum::<u64>() != row.get::<_, u64>(0)?);
        for (total, size) in totals.iter_mut().zip([1].iter().chain(&sizes)) {
            *total += size;
        }
    }
    let mut problems = Vec::new();
    if wrong > 0 {
        problems
            .push(format!("the text index takes {wrong} rows for longer or shorter than they are"));
    }
    // The first record of the index holds the same totals.
    let sql = "SELECT block FROM text_index_data WHERE id = 1";
    let kept = db.query_row(sql, [], |row| row.get::<_, Vec<u8>>(0))?;
    if wrong == 0 && totals.first() > Some(&0) && numbers(&kept) != totals {
        problems.push("the text index takes all rows for longer or shorter than they are".into());
    }
    Ok(problems)
}

/// How many columns the text index has.
const COLUMNS: usize = 3;

/// Reads numbers of seven bits in each byte, the highest first; what is broken off at the end counts,
/// too.
fn numbers(bytes: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::new();
    for part in bytes.split_inclusive(|byte| byte & 0x80 == 0) {
        numbers.push(part.iter().fold(0, |number, byte| (number << 7) | u64::from(byte & 0x7f)));
    }
    numbers
}

/// Which terms stand where in a row, as a sum of digests: the index tells them in no order of rows, and
/// all of them together take more memory than the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Terms {
    count: usize,
    sum: u128,
}

impl Terms {
    fn of(indexed: &Indexed) -> Self {
        let mut terms = Self::default();
        for (column, list) in indexed.columns() {
            for (offset, term) in (0_u64..).zip(list.iter()) {
                terms.add(column, offset, term);
            }
        }
        terms
    }

    fn add(&mut self, column: &str, offset: u64, term: &str) {
        let mut hasher = FieldHasher::new("garner.term.v1");
        hasher.field(column.as_bytes()).field(&offset.to_le_bytes()).field(term.as_bytes());
        let digest = hasher.finish();
        // Digests have 32 bytes.
        let first = digest.as_bytes().first_chunk().copied().unwrap_or_default();
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(first));
        self.count += 1;
    }
}

/// Counts fragments without a vector, and vectors of the wrong size.
fn vectors(db: &Connection) -> Problems {
    let mut problems = Vec::new();
    let lost: usize = db.query_row(
        "SELECT count(*) FROM vector v WHERE NOT EXISTS (SELECT 1 FROM fragment f \
         WHERE f.row = v.fragment) OR NOT EXISTS (SELECT 1 FROM embedder e WHERE e.row = v.embedder)",
        [],
        |r| r.get(0),
    )?;
    if lost > 0 {
        problems.push(format!("{lost} vectors belong to no fragment or no embedder"));
    }
    for (row, info) in vector_row::embedders(db)? {
        let missing = vector_row::missing(db, Some(row), usize::MAX >> 1)?.len();
        if missing > 0 {
            problems.push(format!("{missing} rows have no vector of `{}`", info.name));
        }
        let wrong: usize = db.query_row(
            "SELECT count(*) FROM vector WHERE place >= ?1 << 32 AND place < (?1 + 1) << 32 \
             AND length(components) <> ?2",
            params![row, info.dimensions * 2],
            |r| r.get(0),
        )?;
        if wrong > 0 {
            problems.push(format!("{wrong} vectors of `{}` have the wrong size", info.name));
        }
        let changed = vector_row::changed(db, row)?;
        if changed > 0 {
            let name = &info.name;
            problems.push(format!("{changed} vectors of `{name}` are not those that were written"));
        }
        let codes = code_row::problems(db, row)?;
        problems.extend(codes.into_iter().map(|says| format!("`{}`: {says}", info.name)));
    }
    Ok(problems)
}
