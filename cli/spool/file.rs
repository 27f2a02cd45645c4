//! The file of the spool: many append, one takes away, and nobody waits.
//!
//! A line starts with a line feed as well as ending in one, so that one which was cut (by a kill,
//! by a full disk) spoils no other. What is taken away gets another name first; it is removed only
//! when nothing was added since it was read, and nobody is about to add something.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::notice::{self, Notice};
use crate::error::Error;

/// Where hooks write.
const WAITING: &str = "hooks.jsonl";
/// How the names start of what is being compiled.
const TAKEN: &str = "taken-";
/// From this size on nothing is added: nobody compiles.
const LIMIT: u64 = 64 << 20;
/// How often a hook tries again when the file is just being taken away.
const TRIES: u32 = 20;

/// Adds a notice.
///
/// # Errors
/// Whatever the disk says; a hook passes over it.
pub(crate) fn append(folder: &Path, notice: &Notice) -> io::Result<()> {
    make_folder(folder)?;
    let line = format!("\n{}\n", notice.to_line());
    let path = folder.join(WAITING);
    for _ in 0..TRIES {
        let mut file = private(OpenOptions::new().append(true).create(true)).open(&path)?;
        if file.metadata()?.len() > LIMIT {
            return Ok(());
        }
        // The lock says that a line is about to come; whoever takes the file away holds it alone,
        // for a moment.
        match file.try_lock_shared() {
            Ok(()) if is_named(&file) => return file.write_all(line.as_bytes()),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            // A file system without locks.
            Err(TryLockError::Error(_)) => return file.write_all(line.as_bytes()),
        }
    }
    Err(io::ErrorKind::WouldBlock.into())
}

/// What was taken to be compiled.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) notices: Vec<Notice>,
    /// Lines that are no notice.
    pub(super) junk: usize,
    files: Vec<(PathBuf, u64)>,
}

impl Taken {
    pub(super) const fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Removes what was compiled, and returns whether all of it could be: what was added meanwhile
    /// stays for the next time.
    pub(super) fn remove(self) -> Result<bool, Error> {
        let mut all = true;
        for (path, read) in self.files {
            let file = File::open(&path).map_err(|e| Error::io("open", &path, e))?;
            let free = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            let size = file.metadata().map_err(|e| Error::io("read", &path, e))?.len();
            if free && size == read {
                fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
            } else {
                all = false;
            }
        }
        Ok(all)
    }
}

/// Takes everything that waits.
pub(super) fn take(folder: &Path) -> Result<Taken, Error> {
    let waiting = folder.join(WAITING);
    if waiting.exists() {
        let number = 1 + taken_files(folder)?.last().map_or(0, |(number, _)| *number);
        let taken = folder.join(format!("{TAKEN}{number:06}.jsonl"));
        fs::rename(&waiting, &taken).map_err(|e| Error::io("rename", &waiting, e))?;
    }
    let mut taken = Taken::default();
    for (_, path) in taken_files(folder)? {
        let bytes = crate::files::read(&path)?;
        let (notices, junk) = notice::read(&bytes);
        taken.notices.extend(notices);
        taken.junk += junk;
        taken.files.push((path, bytes.len() as u64));
    }
    Ok(taken)
}

/// Returns everything that waits, and leaves it there.
pub(super) fn peek(folder: &Path) -> Result<(Vec<Notice>, usize), Error> {
    let mut paths: Vec<PathBuf> = taken_files(folder)?.into_iter().map(|(_, path)| path).collect();
    paths.push(folder.join(WAITING));
    let (mut notices, mut junk) = (Vec::new(), 0);
    for path in paths.iter().filter(|path| path.exists()) {
        let (found, passed) = notice::read(&crate::files::read(path)?);
        notices.extend(found);
        junk += passed;
    }
    Ok((notices, junk))
}

/// Returns whether anything waits, without reading it.
pub(crate) fn is_waiting(folder: &Path) -> bool {
    folder.join(WAITING).exists() || taken_files(folder).is_ok_and(|files| !files.is_empty())
}

/// Returns the files that were taken and not removed, by their numbers.
fn taken_files(folder: &Path) -> Result<Vec<(u32, PathBuf)>, Error> {
    let names: Vec<String> = crate::drafts::names_in(folder, ".jsonl")?;
    let mut files = Vec::new();
    for name in names {
        let number = name.strip_prefix(TAKEN).and_then(|number| number.parse().ok());
        files.extend(number.map(|number| (number, folder.join(format!("{name}.jsonl")))));
    }
    files.sort();
    Ok(files)
}

/// Makes the folder, for its owner alone.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes files that are created readable by their owner alone.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Returns whether the file still has a name: one that was removed takes lines nowhere.
#[cfg(unix)]
fn is_named(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| std::os::unix::fs::MetadataExt::nlink(&metadata) > 0)
}

#[cfg(not(unix))]
fn is_named(_: &File) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spool::Event;

    fn notice(session: &str) -> Notice {
        let at = "2026-03-20T12:00:00Z".parse().unwrap();
        Notice::of_input(Event::Stop, &json!({ "session_id": session }), at)
    }

    fn sessions(notices: &[Notice]) -> Vec<&str> {
        notices.iter().filter_map(|notice| notice.session.as_deref()).collect()
    }

    #[test]
    fn what_was_not_removed_is_taken_again_with_what_came_since() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("not/there/yet");
        assert!(take(&folder).unwrap().is_empty() && !is_waiting(&folder));
        append(&folder, &notice("a")).unwrap();
        assert_eq!(sessions(&take(&folder).unwrap().notices), ["a"]);
        append(&folder, &notice("b")).unwrap();
        assert_eq!(sessions(&peek(&folder).unwrap().0), ["a", "b"]);
        let taken = take(&folder).unwrap();
        assert_eq!(sessions(&taken.notices), ["a", "b"]);
        assert!(taken.remove().unwrap() && !is_waiting(&folder));
    }

    #[test]
    fn a_line_that_was_cut_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        append(folder.path(), &notice("a")).unwrap();
        let path = folder.path().join(WAITING);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"\n{\"format\":1,\"at\":\"20").unwrap();
        append(folder.path(), &notice("b")).unwrap();
        let taken = take(folder.path()).unwrap();
        assert_eq!((sessions(&taken.notices), taken.junk), (vec!["a", "b"], 1));
    }

    #[test]
    fn a_line_that_comes_while_the_rest_is_compiled_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        append(folder.path(), &notice("a")).unwrap();
        let path = folder.path().join(WAITING);
        // A hook that opened the file before it was taken, and writes after it was read.
        let mut slow = OpenOptions::new().append(true).open(&path).unwrap();
        slow.lock_shared().unwrap();
        let taken = take(folder.path()).unwrap();
        assert!(!taken.remove().unwrap(), "somebody is about to write");
        slow.write_all(format!("\n{}\n", notice("b").to_line()).as_bytes()).unwrap();
        drop(slow);
        let taken = take(folder.path()).unwrap();
        assert_eq!(sessions(&taken.notices), ["a", "b"]);
        assert!(taken.remove().unwrap());
    }

    #[test]
    fn of_many_that_append_while_one_takes_away_no_line_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (writers, each) = (4, 200);
        let mut seen = Vec::new();
        std::thread::scope(|scope| {
            let write = |writer: usize| {
                for line in 0..each {
                    append(folder.path(), &notice(&format!("{writer}-{line}"))).unwrap();
                }
            };
            let running: Vec<_> =
                (0..writers).map(|writer| scope.spawn(move || write(writer))).collect();
            while running.iter().any(|thread| !thread.is_finished()) || is_waiting(folder.path()) {
                let taken = take(folder.path()).unwrap();
                seen.extend(taken.notices.iter().filter_map(|notice| notice.session.clone()));
                assert_eq!(taken.junk, 0);
                taken.remove().unwrap();
            }
        });
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), writers * each);
    }
}
