//! A question in a file, for a process that is asked only once.

use std::io;
use std::path::Path;

use super::corpus::Question;

/// Writes text and vector.
pub(crate) fn write(file: &Path, question: &Question) -> io::Result<()> {
    let mut bytes = question.text.clone().into_bytes();
    bytes.push(b'\n');
    bytes.extend(question.vector.iter().flat_map(|component| component.to_le_bytes()));
    std::fs::write(file, bytes)
}

/// Reads what [`write`] wrote.
pub(crate) fn read(file: &Path) -> io::Result<(String, Vec<f32>)> {
    let bytes = std::fs::read(file)?;
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (text, vector) = bytes.split_at(end);
    let vector = vector.get(1..).unwrap_or_default().as_chunks::<4>().0;
    let text = String::from_utf8_lossy(text).into_owned();
    Ok((text, vector.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
}
