//! Counts tokens the way the model does, for the prompt budget.

use std::path::Path;

use garner_kernel::EmbedError;
use tokenizers::Tokenizer;

use crate::tokenizer;

/// The WordPiece tokenizer of the model, without its limit on length.
///
/// Other models cut text in other places: the count is an estimate for them, usually within a
/// quarter for English.
#[derive(Debug, Clone)]
pub struct WordPiece {
    tokenizer: Tokenizer,
}

impl WordPiece {
    /// Reads a `tokenizer.json`; an error if it is not there or not a tokenizer.
    pub fn open(tokenizer_file: &Path) -> Result<Self, EmbedError> {
        Ok(Self { tokenizer: tokenizer::read(tokenizer_file)? })
    }

    /// Returns how many tokens `text` has, without the two that mark its start and end: as many as
    /// its lines have, since no token goes over the end of a line.
    ///
    /// A text that the tokenizer refuses counts as one token per byte, which is never too few.
    pub fn count(&self, text: &str) -> usize {
        self.tokenizer.encode_fast(text, false).map_or(text.len(), |encoding| encoding.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_broken_tokenizer_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        assert!(matches!(WordPiece::open(&path), Err(EmbedError::NotInstalled { .. })));
        std::fs::write(&path, b"{}").unwrap();
        assert!(matches!(WordPiece::open(&path), Err(EmbedError::Engine { .. })));
    }
}
