//! A deterministic embedder without a model, for tests and for machines that can have no model.

use garner_kernel::{Digest, EmbedError, Embedder, EmbedderId, FieldHasher, Vector};
use unicode_segmentation::UnicodeSegmentation;

/// Hashes each word of a text onto one dimension with a sign.
///
/// Texts that share words are near, all others are about at a right angle; it knows no synonyms.
/// The same text gives the same vector on every machine.
#[derive(Debug, Clone)]
pub struct HashEmbedder {
    dimensions: usize,
    id: EmbedderId,
}

impl HashEmbedder {
    /// Returns an embedder with vectors of `dimensions` components, at least 1.
    pub fn new(dimensions: usize) -> Self {
        let dimensions = dimensions.max(1);
        let mut hasher = FieldHasher::new("garner hash embedder 1");
        hasher.field(&(dimensions as u64).to_le_bytes());
        Self { dimensions, id: EmbedderId::new(hasher.finish()) }
    }

    fn vector(&self, text: &str) -> Option<Vector> {
        let mut components = vec![0.0; self.dimensions];
        let words = text.unicode_words().map(str::to_lowercase);
        // A text without words still has a direction of its own.
        let whole = text.unicode_words().next().is_none().then(|| text.to_owned());
        for word in words.chain(whole) {
            let (slot, sign) = self.place(&word);
            if let Some(component) = components.get_mut(slot) {
                *component += sign;
            }
        }
        Vector::normalized(components)
    }

    fn place(&self, word: &str) -> (usize, f32) {
        let [first, second, third, fourth, sign, ..] = *Digest::of(word.as_bytes()).as_bytes();
        let number = u32::from_le_bytes([first, second, third, fourth]) as usize;
        (number % self.dimensions, if sign & 1 == 0 { 1.0 } else { -1.0 })
    }

    /// Words whose signs cancel leave nothing; the first dimension stands for such a text.
    fn fallback(&self) -> Option<Vector> {
        let mut components = vec![0.0; self.dimensions];
        components.first_mut().map(|component| *component = 1.0)?;
        Vector::normalized(components)
    }
}

impl Embedder for HashEmbedder {
    fn id(&self) -> EmbedderId {
        self.id
    }

    fn name(&self) -> &'static str {
        "hash"
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let vector = |(index, text): (usize, &&str)| {
            self.vector(text)
                .or_else(|| self.fallback())
                .ok_or_else(|| EmbedError::UnusableVector { model: self.name().to_owned(), index })
        };
        texts.iter().enumerate().map(vector).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn embed(text: &str) -> Vector {
        HashEmbedder::new(64).embed(&[text]).unwrap().remove(0)
    }

    #[test]
    fn texts_that_share_words_are_nearer() {
        let query = embed("where is the staging database");
        let near = embed("The staging database is on the second host.");
        let far = embed("Bananas ripen quickly in summer.");
        assert!(query.cosine(&near) > query.cosine(&far) + 0.3);
    }

    #[test]
    fn the_vector_of_a_text_never_changes() {
        let place = HashEmbedder::new(384).place("database");
        assert_eq!(place, (181, -1.0));
        assert_eq!(embed("Database, DATABASE!"), embed("database"));
    }

    #[test]
    fn embedders_of_other_sizes_have_other_ids() {
        assert_ne!(HashEmbedder::new(8).id(), HashEmbedder::new(9).id());
        assert_eq!(HashEmbedder::new(0).dimensions(), 1);
    }

    proptest! {
        #[test]
        fn every_text_has_a_vector_of_length_one(text in ".*", dimensions in 1_usize..100) {
            let embedder = HashEmbedder::new(dimensions);
            let [vector, again] = &embedder.embed(&[&text, &text]).unwrap()[..] else { panic!() };
            prop_assert_eq!(vector, again);
            prop_assert_eq!(vector.as_slice().len(), dimensions);
            prop_assert!((vector.cosine(vector) - 1.0).abs() < 1e-4);
        }
    }
}
