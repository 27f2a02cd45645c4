//! Published age files pass through the sealed box, and come out as their authors say.
//!
//! The files and where they are from: tests/vectors/cctv-age/README.md.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use age::DecryptError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::ZlibDecoder;

use super::identity::Identity;
use super::keys::DeviceKey;
use super::sealed_box::{self, Purpose};
use crate::digest::Digest;
use crate::error::Error;

/// How many files have each outcome: one that goes missing is noticed.
const COUNTS: [(Outcome, usize); 5] = [
    (Outcome::Success, 15),
    (Outcome::NoMatch, 7),
    (Outcome::MacFailure, 1),
    (Outcome::HeaderFailure, 51),
    (Outcome::PayloadFailure, 18),
];

/// Files that the age crate takes and its specification does not: a stanza of theirs lacks the
/// last line of its body. The sealed box refuses them before the age crate sees them.
const OLD_STANZAS: [&str; 2] = ["stanza_missing_body", "stanza_missing_final_line"];

/// The size of a full chunk of a payload, with its tag.
const CHUNK: usize = (64 << 10) + 16;
/// The size of the nonce before the first chunk.
const NONCE: usize = 16;

/// What comes of an age file, in the words of its authors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Success,
    NoMatch,
    MacFailure,
    HeaderFailure,
    PayloadFailure,
}

impl Outcome {
    fn from_words(words: &str) -> Self {
        match words {
            "success" => Self::Success,
            "no match" => Self::NoMatch,
            "HMAC failure" => Self::MacFailure,
            "header failure" => Self::HeaderFailure,
            "payload failure" => Self::PayloadFailure,
            other => panic!("unknown outcome `{other}`"),
        }
    }
}

/// A passphrase, with the limit of work that key files have.
struct Passphrase(age::scrypt::Identity);

impl Passphrase {
    fn new(text: &str) -> Self {
        let mut identity = age::scrypt::Identity::new(text.to_owned().into());
        identity.set_max_work_factor(20);
        Self(identity)
    }
}

impl Identity for Passphrase {
    fn name(&self) -> String {
        "passphrase".to_owned()
    }

    fn age(&self) -> &dyn age::Identity {
        &self.0
    }
}

/// A published file: what opens it, and what must come of it.
struct Vector {
    name: String,
    expect: Outcome,
    /// The digest of all that may be read, also before a failure.
    payload: Option<Digest>,
    keys: Vec<Box<dyn Identity>>,
    file: Vec<u8>,
}

impl Vector {
    fn parse(name: String, bytes: &[u8]) -> Self {
        let at = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
        let (mut expect, mut payload, mut keys) = (None, None, Vec::<Box<dyn Identity>>::new());
        let mut file = bytes[at + 2..].to_vec();
        for line in std::str::from_utf8(&bytes[..at]).unwrap().lines() {
            let (key, value) = line.split_once(": ").unwrap();
            match key {
                "expect" => expect = Some(Outcome::from_words(value)),
                "payload" => payload = Some(value.parse().unwrap()),
                "identity" => keys.push(Box::new(value.parse::<DeviceKey>().unwrap())),
                "passphrase" => keys.push(Box::new(Passphrase::new(value))),
                "compressed" => {
                    let mut whole = Vec::new();
                    ZlibDecoder::new(Cursor::new(file)).read_to_end(&mut whole).unwrap();
                    file = whole;
                }
                "file key" | "comment" => {}
                other => panic!("{name}: unknown key `{other}`"),
            }
        }
        Self { name, expect: expect.unwrap(), payload, keys, file }
    }

    fn keys(&self) -> Vec<&dyn Identity> {
        self.keys.iter().map(|key| &**key).collect()
    }

    /// Opens the first `length` bytes of the file as a stream; returns what came and all that was
    /// read.
    fn stream(&self, length: usize) -> (Outcome, Vec<u8>) {
        let mut plain = Vec::new();
        let opened = sealed_box::reader(Purpose::Keyring, &self.file[..length], &self.keys());
        let outcome = match opened {
            Ok(mut reader) => match reader.read_to_end(&mut plain) {
                Ok(_) => Outcome::Success,
                Err(_) => Outcome::PayloadFailure,
            },
            Err(error) => outcome_of(&error),
        };
        (outcome, plain)
    }
}

/// Returns what an error before the first byte of the payload means.
fn outcome_of(error: &Error) -> Outcome {
    match error {
        Error::CannotDecrypt { .. } => Outcome::NoMatch,
        Error::Age { reason, .. } if is(reason, &DecryptError::InvalidMac) => Outcome::MacFailure,
        // What the age crate says of a wrong passphrase, where its other keys do not match.
        Error::Age { reason, .. } if is(reason, &DecryptError::DecryptionFailed) => {
            Outcome::NoMatch
        }
        Error::Age { .. } | Error::Limit { .. } => Outcome::HeaderFailure,
        other => panic!("{other}"),
    }
}

fn is(reason: &str, error: &DecryptError) -> bool {
    reason == error.to_string()
}

fn vectors() -> Vec<Vector> {
    let packed = include_str!("../../../tests/vectors/cctv-age/vectors.json");
    let packed: BTreeMap<String, String> = serde_json::from_str(packed).unwrap();
    let parse = |(name, file)| Vector::parse(name, &BASE64.decode::<String>(file).unwrap());
    packed.into_iter().map(parse).collect()
}

#[test]
fn every_published_file_comes_out_as_its_authors_say() {
    let mut counts = BTreeMap::new();
    for vector in vectors() {
        let (outcome, plain) = vector.stream(vector.file.len());
        assert_eq!(outcome, vector.expect, "{}", vector.name);
        // Also what is read before a failure is what the authors say.
        let payload = vector.payload.unwrap_or_else(|| Digest::of(b""));
        assert_eq!(Digest::of(&plain), payload, "{}", vector.name);
        let whole = sealed_box::decrypt(Purpose::Keyring, &vector.file, &vector.keys());
        match outcome {
            Outcome::Success => assert!(*whole.unwrap() == plain, "{}", vector.name),
            _ => assert!(whole.is_err(), "{}", vector.name),
        }
        *counts.entry(outcome).or_insert(0) += 1;
    }
    assert_eq!(counts, COUNTS.into());
}

#[test]
fn stanzas_of_early_versions_are_refused_before_the_age_crate_takes_them() {
    let mut vectors = vectors();
    vectors.retain(|vector| OLD_STANZAS.contains(&vector.name.as_str()));
    assert_eq!(vectors.len(), OLD_STANZAS.len());
    for vector in vectors {
        let refused = sealed_box::decrypt(Purpose::Keyring, &vector.file, &vector.keys());
        let Err(Error::Age { reason, .. }) = refused else { panic!("{}", vector.name) };
        assert!(reason.contains("lacks the last line"), "{}: {reason}", vector.name);
        let keys = vector.keys();
        let decryptor = age::Decryptor::new_buffered(vector.file.as_slice()).unwrap();
        assert!(decryptor.decrypt(keys.iter().map(|key| key.age())).is_ok(), "{}", vector.name);
    }
}

#[test]
fn a_file_that_is_cut_never_reads_to_its_end() {
    for vector in vectors().iter().filter(|vector| vector.expect == Outcome::Success) {
        let (_, whole) = vector.stream(vector.file.len());
        for length in cuts(&vector.file) {
            let (outcome, plain) = vector.stream(length);
            assert_ne!(outcome, Outcome::Success, "{} cut to {length}", vector.name);
            assert!(whole.starts_with(&plain), "{} cut to {length}", vector.name);
        }
    }
}

/// Returns where a file is cut: everywhere if it is small, else around the ends of its last chunks.
fn cuts(file: &[u8]) -> Vec<usize> {
    if file.len() <= CHUNK {
        return (0..file.len()).collect();
    }
    let last_line = file.windows(4).position(|bytes| bytes == b"--- ").unwrap();
    let end = file[last_line..].iter().position(|byte| *byte == b'\n').unwrap();
    let payload = last_line + end + 1 + NONCE;
    let chunks = (file.len() - payload) / CHUNK;
    let ends = (chunks.saturating_sub(2)..=chunks).map(|number| payload + number * CHUNK);
    let around = ends.flat_map(|end| [end - 1, end, end + 1, end + 16]);
    around.chain([file.len() - 17, file.len() - 1]).filter(|cut| *cut < file.len()).collect()
}
