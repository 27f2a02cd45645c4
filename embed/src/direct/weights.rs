//! Reads tensors out of a weights file, each at its place and none that is not asked for.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::tensors::{Stretch, Tensors, WeightsError};

/// An open weights file and its table of contents.
#[derive(Debug)]
pub(super) struct WeightsFile {
    path: PathBuf,
    /// One place in the file is read at a time.
    file: Mutex<File>,
    tensors: Tensors,
}

/// Why weights could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum ReadError {
    /// There is no such file.
    #[error("`{}` is missing", path.display())]
    Missing { path: PathBuf },
    /// The file is not the weights of this model.
    #[error("`{}` does not hold the weights of the model", path.display())]
    Unusable {
        path: PathBuf,
        #[source]
        source: WeightsError,
    },
    /// The file could not be read, or it changed since it was opened.
    #[error("cannot read `{}`", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The tokenizer gave a token that the weights do not know.
    #[error("`{}` has {rows} words and the tokenizer asks for number {token}", path.display())]
    Word { path: PathBuf, rows: usize, token: u32 },
}

impl WeightsFile {
    /// Opens a weights file and reads its header; the tensors that the header lists must lie inside
    /// the file.
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        let mut file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ReadError::Missing { path: path.to_path_buf() },
            _ => ReadError::Io { path: path.to_path_buf(), source },
        })?;
        let unusable = |source| ReadError::Unusable { path: path.to_path_buf(), source };
        let tensors = Tensors::read(&mut file).map_err(unusable)?;
        let io = |source| ReadError::Io { path: path.to_path_buf(), source };
        let length = file.metadata().map_err(io)?.len();
        let expected = tensors.end();
        if length < expected {
            return Err(unusable(WeightsError::Truncated { length, expected }));
        }
        Ok(Self { path: path.to_path_buf(), file: Mutex::new(file), tensors })
    }

    /// Returns where a tensor lies; an error if it is not there with this shape.
    pub(super) fn find(&self, name: &str, shape: &[usize]) -> Result<Stretch, ReadError> {
        self.tensors
            .find(name, shape)
            .map_err(|source| ReadError::Unusable { path: self.path.clone(), source })
    }

    /// Fills `values` with what lies at `place`, from its beginning.
    pub(super) fn fill(&self, place: Stretch, values: &mut [f32]) -> Result<(), ReadError> {
        let mut read = || {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(place.offset as u64))?;
            // Small enough to stay in the nearest cache on its way to the values.
            let mut buffer = [0; BUFFER];
            for part in values.chunks_mut(BUFFER / FLOAT) {
                let (bytes, _) = buffer.split_at_mut(part.len() * FLOAT);
                file.read_exact(bytes)?;
                for (value, bytes) in part.iter_mut().zip(bytes.as_chunks::<FLOAT>().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
            Ok(())
        };
        read().map_err(|source| ReadError::Io { path: self.path.clone(), source })
    }

    /// Fills `values` with one row of a table that has `rows` of them.
    pub(super) fn fill_row(
        &self,
        [table, rows]: [usize; 2],
        token: u32,
        values: &mut [f32],
    ) -> Result<(), ReadError> {
        let row = token as usize;
        if row >= rows {
            return Err(ReadError::Word { path: self.path.clone(), rows, token });
        }
        let length = values.len() * FLOAT;
        self.fill(Stretch { offset: table + row * length, length }, values)
    }
}

/// The bytes of a 32-bit float.
const FLOAT: usize = size_of::<f32>();
const BUFFER: usize = 1 << 14;
