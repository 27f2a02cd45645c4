//! Reads the WordPiece tokenizer of the model, in about half the time that its library takes.
//!
//! The library parses the file into a tree before it looks at any of it, and its padding and limit
//! are not wanted here. This reads the four parts that decide about tokens; the rules stay the
//! library's. A test holds the result to the library's own.

use std::fs;
use std::path::{Path, PathBuf};

use ahash::AHashMap;
use garner_kernel::EmbedError;
use serde::Deserialize;
use tokenizers::models::wordpiece;
use tokenizers::{AddedToken, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

use crate::pinned::MODEL;

/// Returns the tokenizer of a `tokenizer.json`, without padding, without limit on length, and
/// without the tokens that mark start and end.
pub(crate) fn read(path: &Path) -> Result<Tokenizer, EmbedError> {
    let missing = |_| EmbedError::NotInstalled { missing: path.display().to_string() };
    let bytes = fs::read(path).map_err(missing)?;
    build(&bytes).map_err(|source| {
        let source = Box::new(TokenizerError { path: path.to_path_buf(), source });
        EmbedError::Engine { model: MODEL.to_owned(), source }
    })
}

/// Why a file is not the tokenizer.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is not a WordPiece tokenizer", path.display())]
struct TokenizerError {
    path: PathBuf,
    #[source]
    source: tokenizers::Error,
}

fn build(bytes: &[u8]) -> tokenizers::Result<Tokenizer> {
    let File { added_tokens, normalizer, pre_tokenizer, model } = serde_json::from_slice(bytes)?;
    let model = wordpiece::WordPiece::builder()
        .vocab(model.vocab)
        .unk_token(model.unk_token)
        .continuing_subword_prefix(model.continuing_subword_prefix)
        .max_input_chars_per_word(model.max_input_chars_per_word)
        .build()?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(normalizer))?;
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer));
    tokenizer.add_special_tokens(added_tokens)?;
    Ok(tokenizer)
}

#[derive(Deserialize)]
struct File {
    added_tokens: Vec<AddedToken>,
    normalizer: NormalizerWrapper,
    pre_tokenizer: PreTokenizerWrapper,
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    vocab: AHashMap<String, u32>,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::beginning::beginning;
    use crate::shape::MAX_TOKENS;

    const SMALL: &[u8] = include_bytes!("../tests/data/tokenizer.json");

    #[test]
    fn the_tokens_are_those_of_the_library() {
        let mut whole = Tokenizer::from_bytes(SMALL).unwrap();
        whole.with_truncation(None).unwrap();
        whole.with_padding(None);
        let fast = build(SMALL).unwrap();
        let texts = [
            "",
            "The cache is WARM.",
            "thecache",
            "[SEP] the[MASK]cache [CLS]",
            "Café ça\u{300} 東京 \u{0} \u{200b}\t the",
            "🦀the_cache::is",
        ];
        for text in texts {
            let tokens = |tokenizer: &Tokenizer| {
                tokenizer.encode_fast(text, false).unwrap().get_ids().to_vec()
            };
            assert_eq!(tokens(&fast), tokens(&whole), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_no_tokenizer_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        fs::write(&path, b"{\"model\":{}}").unwrap();
        let EmbedError::Engine { source, .. } = read(&path).unwrap_err() else { panic!() };
        assert!(source.to_string().contains(&path.display().to_string()), "{source}");
    }

    proptest! {
        #[test]
        fn no_token_goes_over_the_end_of_a_line(
            text in "(\\PC|\n|\r|\u{301}|the|cache|ing|\\[SEP\\]| ){0,60}"
        ) {
            let tokenizer = build(SMALL).unwrap();
            let count = |text: &str| tokenizer.encode_fast(text, false).unwrap().len();
            let lines: usize = text.split_inclusive('\n').map(count).sum();
            prop_assert_eq!(count(&text), lines, "{:?}", text);
        }

        #[test]
        fn what_is_read_of_a_text_lies_in_its_beginning(
            text in "((\\PC|\u{0}|\u{c}|\u{301}|the|cache|ing|\\[SEP\\]|\\[){1,3}( |\n|\t)){0,400}"
        ) {
            let tokenizer = build(SMALL).unwrap();
            let read = |text: &str| {
                let tokens = tokenizer.encode_fast(text, false).unwrap();
                tokens.get_ids().iter().copied().take(MAX_TOKENS).collect::<Vec<_>>()
            };
            prop_assert_eq!(read(beginning(&text)), read(&text), "{:?}", text);
        }
    }
}
