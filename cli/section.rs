//! Sections: the objects of a bundle file, which stay on the disk.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use garner_kernel::bundle::{Blob, Bundle};

use crate::error::Error;

/// A range of bytes of a file.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    file: Rc<File>,
    range: Range<u64>,
}

impl Blob for Section {
    fn size(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn reader(&self) -> Box<dyn Read + '_> {
        Box::new(Reader { file: &self.file, left: self.range.clone() })
    }
}

struct Reader<'a> {
    file: &'a File,
    left: Range<u64>,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.left.end - self.left.start).unwrap_or(usize::MAX);
        let length = left.min(buffer.len());
        let read =
            read_at(self.file, buffer.get_mut(..length).unwrap_or_default(), self.left.start)?;
        self.left.start += read as u64;
        Ok(read)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, position)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, position)
}

/// Reads the frames of a bundle file; its objects are read when they are opened.
///
/// Takes little memory, however large the file is.
///
/// # Errors
/// [`Error::Io`] or [`Error::Bundle`].
pub(crate) fn scan(path: &Path) -> Result<Bundle<Section>, Error> {
    let metadata = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() {
            io::ErrorKind::IsADirectory
        } else {
            io::ErrorKind::InvalidInput
        };
        return Err(Error::io("read", path, kind.into()));
    }
    let file = Rc::new(File::open(path).map_err(|e| Error::io("read", path, e))?);
    let reader = BufReader::with_capacity(256 << 10, &*file);
    Bundle::scan(reader, |range| Section { file: Rc::clone(&file), range })
        .map_err(|source| Error::Bundle { path: path.to_owned(), source })
}
