//! Signed notes (C2SP `signed-note`): a text and the signatures over its exact bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::keys::{KeyId, PublicKey, PublisherKey};
use crate::digest::Digest;
use crate::error::Error;
use crate::words::KeyName;

/// The most signature lines of a note.
const MAX_SIGNATURES: usize = 16;
/// What opens a signature line: an em dash and a space.
const MARK: &str = "\u{2014} ";

/// A text with signatures that are not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SignatureLine {
    name: KeyName,
    id: KeyId,
    signature: [u8; 64],
}

impl Note {
    /// Signs `text`, which must end in a line feed, with each key.
    pub fn sign(text: String, keys: &[&PublisherKey]) -> Self {
        let signatures = keys
            .iter()
            .map(|key| {
                let public = key.public();
                let signature = key.sign(text.as_bytes());
                SignatureLine { name: public.name().clone(), id: public.id(), signature }
            })
            .collect();
        Self { text, signatures }
    }

    /// Reads a note of at most `limit` bytes; signatures are not checked here.
    ///
    /// # Errors
    /// [`Error::Limit`] or [`Error::Note`] naming `what`.
    pub fn parse(what: &'static str, bytes: &[u8], limit: usize) -> Result<Self, Error> {
        let broken = |rule: &str| Error::Note { what, rule: rule.to_owned() };
        if bytes.len() > limit {
            return Err(Error::Limit { what, got: bytes.len() as u64, max: limit as u64 });
        }
        let note = std::str::from_utf8(bytes).map_err(|_| broken("it is not UTF-8"))?;
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(broken("it holds control characters"));
        }
        let (text, lines) =
            note.rsplit_once("\n\n").ok_or_else(|| broken("no blank line before signatures"))?;
        let lines = lines.strip_suffix('\n').ok_or_else(|| broken("the last line is cut"))?;
        let signatures = lines
            .split('\n')
            .map(signature_line)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| broken("a signature line is malformed"))?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(broken("it has more than 16 signatures"));
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// Returns the note's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.text.clone();
        bytes.push('\n');
        for line in &self.signatures {
            let mut data = line.id.0.to_vec();
            data.extend_from_slice(&line.signature);
            bytes.extend([MARK, line.name.as_str(), " ", &BASE64.encode(data), "\n"]);
        }
        bytes.into_bytes()
    }

    /// Returns the digest of the text alone, which later signatures do not change.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// Returns the signed text.
    ///
    /// Whoever reads it must have called [`Self::check`] first, or do so with what it says.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the names of `trusted` keys that signed, each once.
    ///
    /// Lines of unknown keys are ignored.
    ///
    /// # Errors
    /// [`Error::Signature`] if a line of a trusted key does not verify,
    /// [`Error::Threshold`] if fewer than `threshold` trusted keys signed.
    pub fn check(
        &self,
        what: &'static str,
        trusted: &[&PublicKey],
        threshold: usize,
    ) -> Result<Vec<KeyName>, Error> {
        let mut signers: Vec<&PublicKey> = Vec::new();
        for line in &self.signatures {
            let key = trusted.iter().find(|key| *key.name() == line.name && key.id() == line.id);
            let Some(key) = key else { continue };
            if !key.verifies(self.text.as_bytes(), &line.signature) {
                return Err(Error::Signature { what, key: line.name.to_string() });
            }
            // A key counts once, whatever name it goes by.
            if !signers.iter().any(|signer| signer.as_bytes() == key.as_bytes()) {
                signers.push(key);
            }
        }
        if signers.len() < threshold.max(1) {
            return Err(Error::Threshold {
                what,
                signed_by: self.signatures.iter().map(|s| s.name.to_string()).collect(),
                trusted: trusted.iter().map(|key| key.name().to_string()).collect(),
                want: threshold.max(1),
            });
        }
        Ok(signers.into_iter().map(|key| key.name().clone()).collect())
    }
}

fn signature_line(line: &str) -> Option<SignatureLine> {
    let (name, data) = line.strip_prefix(MARK)?.split_once(' ')?;
    let bytes = BASE64.decode(data).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    let signature = signature.try_into().ok()?;
    Some(SignatureLine { name: name.parse().ok()?, id: KeyId(*id), signature })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, seed: u8) -> PublisherKey {
        PublisherKey::from_seed(name.parse().unwrap(), &[seed; 32])
    }

    #[test]
    fn a_note_reads_what_it_writes() {
        let (ada, bob) = (key("ada", 1), key("bob", 2));
        let note = Note::sign("garner.test.v1\nbody\n".to_owned(), &[&ada, &bob]);
        let again = Note::parse("note", &note.to_bytes(), 4096).unwrap();
        assert_eq!(again, note);
        let trusted = [&ada.public(), &bob.public()];
        assert_eq!(again.check("note", &trusted, 2).unwrap().len(), 2);
        assert_eq!(again.check("note", &[&bob.public()], 1).unwrap()[0].as_str(), "bob");
    }

    #[test]
    fn one_key_under_two_names_counts_once() {
        let (ada, eve) = (key("ada", 1), key("eve", 1));
        let note = Note::sign("text\n".to_owned(), &[&ada, &eve]);
        let trusted = [&ada.public(), &eve.public()];
        assert!(matches!(note.check("note", &trusted, 2), Err(Error::Threshold { .. })));
    }

    #[test]
    fn the_published_example_of_signed_notes_is_written_and_read() {
        // The example of the Go package that signed notes come from.
        let secret =
            "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
        let public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let line = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFY\
                    C2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let key: PublisherKey = secret.parse().unwrap();
        assert_eq!(key.to_secret_text().as_str(), secret);
        assert_eq!(key.public().to_string(), public);
        let key: PublicKey = public.parse().unwrap();
        let published = format!("{text}\n{line}");
        let note = Note::parse("note", published.as_bytes(), 4096).unwrap();
        assert_eq!(note.text(), text);
        assert_eq!(note.check("note", &[&key], 1).unwrap()[0].as_str(), "PeterNeumann");
        let signed = Note::sign(text.to_owned(), &[&secret.parse().unwrap()]);
        assert_eq!(String::from_utf8(signed.to_bytes()).unwrap(), published);
        // No part of a public key is a key, nor is one with a byte changed.
        for (one, other) in (1..public.len()).map(|at| public.split_at(at)) {
            assert!(one.parse::<PublicKey>().is_err(), "{one}");
            assert!(other.parse::<PublicKey>().is_err(), "{other}");
        }
        for at in 0..public.len() {
            let mut other = public.as_bytes().to_vec();
            other[at] += 1;
            assert!(String::from_utf8(other).unwrap().parse::<PublicKey>().is_err(), "byte {at}");
        }
        // A key of the wrong length and an algorithm that nobody knows, each with the id it has.
        for other in [
            "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
            "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert!(other.parse::<PublicKey>().is_err(), "{other}");
        }
        // What the same page calls malformed.
        for broken in [
            text.to_owned(),
            line.to_owned(),
            format!("{text}{line}"),
            format!("{text}\n"),
            format!("\t{published}"),
            format!("{published}\n"),
            format!("{published}\u{1}"),
            published.trim_end().to_owned(),
            published.replace("x08g", "x08"),
            published.replace("PeterNeumann ", "Peter Neumann "),
            published.replace("PeterNeumann ", "Peter+Neumann "),
            published.replace("PeterNeumann ", "PeterNeumann"),
            published.replace("\u{2014} ", "\u{2014}"),
            published.replace("\u{2014} ", "- "),
        ] {
            assert!(Note::parse("note", broken.as_bytes(), 4096).is_err(), "{broken}");
        }
    }

    #[test]
    fn every_flipped_bit_of_a_note_is_refused() {
        let ada = key("ada", 1);
        let bytes = Note::sign("garner.test.v1\nbody\n".to_owned(), &[&ada]).to_bytes();
        for index in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[index / 8] ^= 1 << (index % 8);
            let accepted = Note::parse("note", &flipped, 4096)
                .and_then(|note| note.check("note", &[&ada.public()], 1));
            assert!(accepted.is_err(), "bit {index} was accepted");
        }
    }
}
