//! Reads files of commits, all through one `git cat-file`.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::program::Program;

/// The longest header of an answer, in bytes.
const HEADER: u64 = 4096;

/// What is at a path of a commit.
#[derive(Debug)]
pub(super) enum Entry {
    /// Nothing.
    None,
    /// A file, or what a symbolic link points to, which nobody follows.
    File(Vec<u8>),
    /// A file of this size, which is above the limit.
    TooLarge(u64),
    /// A folder, or what else is no file.
    NoFile,
}

/// A running `git cat-file --batch`.
#[derive(Debug)]
pub(super) struct Blobs {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Blobs {
    pub(super) fn start(program: &Program) -> io::Result<Self> {
        let mut command = program.command(&["cat-file", "--batch"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        let stdin = child.stdin.take().ok_or_else(closed)?;
        let stdout = BufReader::new(child.stdout.take().ok_or_else(closed)?);
        Ok(Self { child, stdin, stdout })
    }

    /// Returns what an object is; after anything but [`Entry::None`] and [`Entry::File`] its bytes
    /// are still on their way, and the reader is of no more use.
    pub(super) fn read(&mut self, object: &str, limit: u64) -> io::Result<Entry> {
        writeln!(self.stdin, "{object}")?;
        self.stdin.flush()?;
        let mut header = String::new();
        self.stdout.by_ref().take(HEADER).read_line(&mut header)?;
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "git answers oddly");
        let header = header.strip_suffix('\n').ok_or_else(malformed)?;
        if header.ends_with(" missing") {
            return Ok(Entry::None);
        }
        let mut words = header.split(' ').skip(1);
        let (kind, size) = (words.next(), words.next().and_then(|size| size.parse::<u64>().ok()));
        let size = size.ok_or_else(malformed)?;
        if kind != Some("blob") {
            return Ok(Entry::NoFile);
        }
        if size > limit {
            return Ok(Entry::TooLarge(size));
        }
        let mut bytes = Vec::new();
        // The bytes end with a line feed that is not theirs.
        self.stdout.by_ref().take(size + 1).read_to_end(&mut bytes)?;
        if bytes.pop() != Some(b'\n') || bytes.len() as u64 != size {
            return Err(malformed());
        }
        Ok(Entry::File(bytes))
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        // It only reads; nothing is lost when it is stopped in the middle.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
