//! A key of an API: shown to nobody.

use std::fmt;

use zeroize::Zeroizing;

/// A key of an API; its `Debug` form shows nothing of it.
#[derive(Clone)]
pub struct Key(Zeroizing<String>);

impl Key {
    /// Wraps a key; `None` for what no header can carry.
    pub fn new(key: &str) -> Option<Self> {
        let key = key.trim();
        let usable = !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic());
        usable.then(|| Self(Zeroizing::new(key.to_owned())))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Returns a text in which the key does not occur: servers may repeat what they were sent.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        text.replace(self.expose(), "[key]")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_to_nobody() {
        let key = Key::new(" sk-test-1\n").unwrap();
        assert_eq!(format!("{key:?}"), "Key(…)");
        assert_eq!(key.hidden_in("bad key sk-test-1!"), "bad key [key]!");
        assert!(Key::new("").is_none() && Key::new("a\nb").is_none() && Key::new("ü").is_none());
    }
}
