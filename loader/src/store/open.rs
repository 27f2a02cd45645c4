//! Opening the file: modes, settings of SQLite, and migrations.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::time::Duration;

use garner_schemas::{STORE_APPLICATION_ID, STORE_MIGRATIONS, STORE_VERSION};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::{Error, Trouble};
use crate::store::{channel, derived, vector_row};

/// Opens a store that is there, to be read only.
pub(super) fn existing(path: &Path, patience: Duration) -> Result<Connection, Error> {
    match fs::metadata(path) {
        Ok(_) => {}
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Err(Error::NoStore { path: path.to_owned() });
        }
        Err(source) => return Err(Error::File { path: path.to_owned(), source }),
    }
    check_magic(path)?;
    // A journal is there where a process was stopped while it made the store; only a connection that
    // may write rolls it back.
    let access = if path.with_extension("db-journal").exists() {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    } else {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        settle(&connection, patience)?;
        check(&connection, path, Purpose::Reading)?;
        Ok(connection)
    };
    open().map_err(|trouble: Trouble| trouble.at(path))
}

/// Opens a store to be changed; makes folder and file where they are missing.
pub(super) fn made(dir: &Path, path: &Path, patience: Duration) -> Result<Connection, Error> {
    make_dir(dir).map_err(|source| Error::File { path: dir.to_owned(), source })?;
    make_file(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    check_magic(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let mut connection = Connection::open_with_flags(path, flags)?;
        settle(&connection, patience)?;
        // What belongs to another program is refused before a byte of it changes.
        check(&connection, path, Purpose::Writing)?;
        connection.pragma_update(None, "page_size", 8192)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        // What is revoked must not be left on free pages.
        connection.pragma_update(None, "secure_delete", "on")?;
        migrate(&mut connection, path)?;
        Ok(connection)
    };
    open().map_err(|trouble: Trouble| trouble.at(path))
}

/// Checks that a file with anything in it is one of SQLite, which takes a short one for an empty
/// database and would write over it.
pub(super) fn check_magic(path: &Path) -> Result<(), Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    let mut start = Vec::new();
    let reader = fs::File::open(path).map_err(file)?;
    reader.take(MAGIC.len() as u64).read_to_end(&mut start).map_err(file)?;
    if start.is_empty() || start == MAGIC {
        return Ok(());
    }
    Err(Error::NotAStore { path: path.to_owned() })
}

/// The first bytes of every SQLite file.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// How much of the file is read through a mapping, in bytes.
const MAPPED: i64 = 2 << 30;

/// Sets what holds for every connection.
fn settle(connection: &Connection, patience: Duration) -> Result<(), Trouble> {
    connection.busy_timeout(patience)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Plans do not depend on what is bound, so that a statement is prepared once.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    // Pages are read where the system keeps them, without a copy of each.
    connection.pragma_update(None, "mmap_size", MAPPED)?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Reading,
    Writing,
}

/// Checks whose file it is and which version it has.
fn check(connection: &Connection, path: &Path, purpose: Purpose) -> Result<(), Trouble> {
    let path = || path.to_owned();
    let application: u32 = connection.pragma_query_value(None, "application_id", |r| r.get(0))?;
    let found = version(connection)?;
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    let empty = application == 0 && found == 0 && tables == 0;
    if !empty && application != STORE_APPLICATION_ID {
        return Err(Error::NotAStore { path: path() }.into());
    }
    if found > STORE_VERSION {
        return Err(Error::NewerStore { path: path(), found, known: STORE_VERSION }.into());
    }
    if found < STORE_VERSION && purpose == Purpose::Reading {
        return Err(Error::OlderStore { path: path(), found, known: STORE_VERSION }.into());
    }
    Ok(())
}

/// Runs the migrations that are missing, all of them or none.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Trouble> {
    if version(connection)? == STORE_VERSION {
        return Ok(());
    }
    // Tables that others refer to are made anew: what refers to them is checked at the end.
    connection.pragma_update(None, "foreign_keys", false)?;
    let migrated = migrate_all(connection, path);
    connection.pragma_update(None, "foreign_keys", true)?;
    migrated
}

fn migrate_all(connection: &mut Connection, path: &Path) -> Result<(), Trouble> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been first while this one waited for the lock.
    check(&transaction, path, Purpose::Writing)?;
    let found = version(&transaction)?;
    for migration in STORE_MIGRATIONS.iter().filter(|m| m.version > found) {
        transaction.execute_batch(migration.sql)?;
    }
    if found > 0 && transaction.prepare("PRAGMA foreign_key_check")?.exists([])? {
        return Err(Trouble::row("fragment", "rows refer to others that are not there"));
    }
    if (1..DERIVED).contains(&found) {
        // What the new tables hold is derived from the old ones.
        derived::rebuild(&transaction)?;
        channel::sum_all(&transaction)?;
        vector_row::sum_all(&transaction)?;
    }
    transaction.pragma_update(None, "application_id", STORE_APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", STORE_VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// The first version that has all that is derived as it is now.
const DERIVED: u32 = 5;

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Makes a folder that nobody else can read, and those above it that are missing; their names are on
/// the disk then.
pub(super) fn make_dir(dir: &Path) -> std::io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new("."));
    make_dir(above)?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(dir) {
        Ok(()) => sync_dir(above),
        // Another process was first.
        Err(_) if dir.is_dir() => Ok(()),
        Err(e) => Err(e),
    }
}

/// Has the names in a folder on the disk when it returns.
pub(super) fn sync_dir(dir: &Path) -> std::io::Result<()> {
    // Windows cannot open folders; there the rename itself is durable.
    if cfg!(windows) {
        return Ok(());
    }
    fs::File::open(dir)?.sync_all()
}

/// Makes the file before SQLite does, so that nobody else can read it at any moment.
pub(super) fn make_file(path: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use garner_kernel::Version;

    use super::*;
    use crate::Query;
    use crate::store::{OpenOptions, Store};
    use crate::test_support::{contents, fact, kernel, load, now, stamp, store};

    fn fault(dir: &Path, options: &OpenOptions) -> String {
        format!("{:?}", Store::open(dir, options).unwrap_err())
    }

    #[test]
    fn a_store_is_private_and_opens_again() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/store");
        assert!(fault(&inner, &OpenOptions::read()).contains("NoStore"));
        drop(Store::open(&inner, &OpenOptions::write()).unwrap());
        let store = Store::open(&inner, &OpenOptions::write()).unwrap();
        let journal: String =
            store.connection().pragma_query_value(None, "journal_mode", |r| r.get(0)).unwrap();
        assert_eq!(journal, "wal");
        Store::open(&inner, &OpenOptions::read()).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&inner), mode(store.path())), (0o700, 0o600));
        }
    }

    #[test]
    fn a_newer_store_is_refused_with_both_versions() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &OpenOptions::write()).unwrap();
        store.connection().pragma_update(None, "user_version", STORE_VERSION + 1).unwrap();
        drop(store);
        for options in [OpenOptions::read(), OpenOptions::write()] {
            let error = Store::open(dir.path(), &options).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("store.db"), "{text}");
            assert!(text.contains(&format!("version {}", STORE_VERSION + 1)), "{text}");
            assert!(garner_kernel::Explain::hint(&error).unwrap().contains("install"));
        }
    }

    /// Writes what `store` holds as a program did that knew the schemas up to `last` only.
    fn as_version(last: u32, store: Store, path: &Path) {
        let newer = store.path().to_owned();
        drop(store);
        let db = Connection::open(path).unwrap();
        db.pragma_update(None, "foreign_keys", false).unwrap();
        for migration in STORE_MIGRATIONS.iter().filter(|migration| migration.version <= last) {
            db.execute_batch(migration.sql).unwrap();
        }
        db.execute("ATTACH ?1 AS newer", [newer.to_str().unwrap()]).unwrap();
        // The tables behind `text_index` are among them: its words cannot be read back.
        let tables = "SELECT name FROM main.sqlite_schema WHERE type = 'table' \
                      AND sql NOT LIKE 'CREATE VIRTUAL%'";
        let names = |sql: &str| -> Vec<String> {
            let mut statement = db.prepare(sql).unwrap();
            let names = statement.query_map([], |row| row.get(0)).unwrap();
            names.collect::<Result<_, _>>().unwrap()
        };
        for table in names(tables) {
            let columns =
                names(&format!("SELECT name FROM pragma_table_info('{table}', 'main')")).join(", ");
            let from = match table.as_str() {
                "source" if last < 4 => {
                    "newer.source JOIN newer.origin o ON o.row = origin".to_owned()
                }
                other => format!("newer.{other}"),
            };
            let copy = format!("INSERT INTO main.{table} SELECT {columns} FROM {from}");
            db.execute_batch(&format!("DELETE FROM main.{table}; {copy}")).unwrap();
        }
        if (3..6).contains(&last) {
            // Its chunks were four times as long; the rows of these tests are in the first one.
            let sql = "SELECT lengths, channels, since FROM standing WHERE chunk = 0";
            let read = |row: &rusqlite::Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?]);
            let columns: [Vec<u8>; 3] = db.query_row(sql, [], read).unwrap();
            let [lengths, channels, since] = columns.map(|mut column| {
                column.resize(4 * column.len(), 0);
                column
            });
            let sql = "UPDATE standing SET lengths = ?1, channels = ?2, since = ?3";
            assert_eq!(db.execute(sql, (lengths, channels, since)).unwrap(), 1);
        }
        db.pragma_update(None, "application_id", STORE_APPLICATION_ID).unwrap();
        db.pragma_update(None, "user_version", last).unwrap();
    }

    #[test]
    fn a_store_of_any_version_is_upgraded_with_all_it_holds() {
        for last in 1..STORE_VERSION {
            an_older_store_is_upgraded(last);
        }
    }

    fn an_older_store_is_upgraded(last: u32) {
        let (_dir, mut store) = store();
        let texts = [fact("Port 80."), fact("Port 81.")];
        load(&mut store, &kernel("team", 1, contents(&[&texts[0]])));
        load(&mut store, &kernel("team", 2, contents(&[&texts[0], &texts[1]])));
        store.rollback(&"team".parse().unwrap(), Version::FIRST, &stamp()).unwrap();
        store.pin(texts[0].id, &stamp()).unwrap();
        let state = |store: &Store| {
            assert!(store.verify().unwrap().is_sound(), "{:?}", store.verify());
            let recall = store.recall(&Query::new("port", now())).unwrap();
            let mut counts = store.counts().unwrap();
            counts.bytes = 0;
            (store.operations(99).unwrap(), store.view().unwrap(), recall, counts)
        };
        let before = state(&store);
        let older = tempfile::tempdir().unwrap();
        as_version(last, store, &older.path().join(Store::FILE));
        assert!(fault(older.path(), &OpenOptions::read()).contains("OlderStore"));
        let upgraded = Store::open(older.path(), &OpenOptions::write()).unwrap();
        assert_eq!(version(upgraded.connection()).unwrap(), STORE_VERSION);
        assert_eq!(state(&upgraded), before);
        drop(upgraded);
        assert_eq!(state(&Store::open(older.path(), &OpenOptions::read()).unwrap()), before);
    }

    #[test]
    fn what_is_not_a_store_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(Store::FILE);
        fs::write(&path, "a".repeat(10_000)).unwrap();
        assert!(fault(dir.path(), &OpenOptions::write()).contains("NotAStore"));
        assert_eq!(fs::read(&path).unwrap(), "a".repeat(10_000).as_bytes());
        fs::remove_file(&path).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE diary (day TEXT)").unwrap();
        drop(other);
        assert!(fault(dir.path(), &OpenOptions::write()).contains("NotAStore"));
    }

    #[test]
    fn a_damaged_page_is_a_typed_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(Store::FILE);
        drop(Store::open(dir.path(), &OpenOptions::write()).unwrap());
        let mut bytes = fs::read(&path).unwrap();
        bytes.iter_mut().skip(100).take(8000).for_each(|b| *b = 0xAB);
        fs::write(&path, bytes).unwrap();
        assert!(fault(dir.path(), &OpenOptions::write()).contains("Corrupt"));
    }

    #[test]
    fn a_lock_held_by_another_is_a_typed_error() {
        let dir = tempfile::tempdir().unwrap();
        let holder = Store::open(dir.path(), &OpenOptions::write()).unwrap();
        holder.connection().execute_batch("BEGIN IMMEDIATE").unwrap();
        let options = OpenOptions { patience: Duration::from_millis(1), ..OpenOptions::write() };
        let mut other = Store::open(dir.path(), &options).unwrap();
        let error = other.write(|_| Ok(())).unwrap_err();
        assert!(matches!(error, Error::Locked { .. }), "{error:?}");
    }
}
