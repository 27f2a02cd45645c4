//! Compares what the installed model says with vectors that were computed independently.

use garner_kernel::{EmbedError, Vector};
use serde::Deserialize;

use crate::error::InstallError;

/// Embeds the first reference texts and requires the stored vectors.
pub(super) fn check(
    embed: impl Fn(&str) -> Result<Vec<Vector>, EmbedError>,
) -> Result<(), InstallError> {
    let broken = |rule: String| InstallError::Reference { rule };
    let stored: Stored = serde_json::from_str(STORED).map_err(|error| broken(error.to_string()))?;
    for reference in stored.texts.into_iter().take(TEXTS) {
        let expected = Vector::normalized(reference.vector)
            .ok_or_else(|| broken(format!("`{}` is not a vector", reference.name)))?;
        let vectors = embed(&reference.text).map_err(InstallError::Engine)?;
        let cosine = vectors.first().map_or(0.0, |vector| vector.cosine(&expected));
        // A cosine that is not a number fails too.
        if cosine.is_nan() || cosine < NEAR {
            return Err(InstallError::SelfCheck { text: reference.name, cosine });
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Stored {
    texts: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    name: String,
    text: String,
    vector: Vec<f32>,
}

/// The file says how it was made.
const STORED: &str = include_str!("../../tests/data/reference.json");
/// Short texts come first in the file.
const TEXTS: usize = 3;
/// Other processors round differently; another model or pooling is far below this.
const NEAR: f32 = 0.9999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_model_fails_the_check() {
        let other = |_: &str| Ok(vec![Vector::normalized(vec![1.0; 384]).unwrap()]);
        let error = check(other).unwrap_err();
        assert!(matches!(error, InstallError::SelfCheck { .. }), "{error}");
    }

    #[test]
    fn no_vector_fails_the_check() {
        assert!(check(|_| Ok(Vec::new())).is_err());
    }
}
