//! What tells our opener and closer from forged ones.

use std::fmt;

use garner_kernel::FieldHasher;

/// The id of a block; a fragment that was written before cannot know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// Derives the nonce of a conversation from a secret of the process and the conversation's
    /// prefix; the same conversation has the same nonce, so that its prompt stays cacheable.
    pub fn derive(secret: &[u8], prefix: &[u8]) -> Self {
        let mut hasher = FieldHasher::new("garner.nonce.v1");
        hasher.field(secret).field(prefix);
        Self(hasher.finish().short())
    }

    /// Returns the twelve hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
