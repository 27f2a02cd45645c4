//! Bytes as a program that meddles with a bundle.
//!
//! A program is read from its start: one byte for the instruction, then what that needs; what is
//! not there is 0. Every program has a meaning, so that a fuzzer wastes none.

use garner_kernel::bundle::{Bundle, FileRef, Head, Manifest, Note, PublisherKey, Reason, Role};
use garner_kernel::{ChannelName, Digest, Moment, Version, probe};

use crate::example::{strangers, trusted};

/// How many instructions there are.
pub const INSTRUCTIONS: u8 = 18;
/// The most instructions of a program.
const MOST: usize = 24;

/// What a program made.
#[derive(Debug)]
pub struct Mutated {
    /// The bundle.
    pub bundle: Bundle,
    /// A place in the file and what to flip there, after its digest was computed.
    pub end: Option<(usize, u8)>,
    /// Whether a trusted key signed something on the way.
    pub by_trusted_key: bool,
}

/// Runs a program on the last of `bundles`; parts are taken from all of them.
pub fn mutate(bundles: &[Bundle; 3], program: &[u8]) -> Mutated {
    let [.., last] = bundles;
    let mutated = Mutated { bundle: last.clone(), end: None, by_trusted_key: false };
    let mut machine = Machine { program, mutated, donors: bundles };
    for _ in 0..MOST {
        if machine.program.is_empty() {
            break;
        }
        machine.step();
    }
    machine.mutated
}

struct Machine<'a> {
    program: &'a [u8],
    mutated: Mutated,
    donors: &'a [Bundle; 3],
}

/// Returns every part of a bundle.
fn parts(bundle: &mut Bundle) -> Vec<&mut Vec<u8>> {
    let Bundle { roots, revocations, heads, manifest, keyring, objects } = bundle;
    let notes = roots.iter_mut().chain(revocations).chain(heads);
    notes.chain([manifest, keyring]).chain(objects).collect()
}

impl Machine<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.program.split_first().unwrap_or((&0, &[]));
        self.program = rest;
        *first
    }

    /// Reads two bytes as a place below `length`, or 0.
    fn place(&mut self, length: usize) -> usize {
        let place = u16::from_le_bytes([self.byte(), self.byte()]);
        usize::from(place).checked_rem(length).unwrap_or(0)
    }

    fn index(&mut self, length: usize) -> usize {
        usize::from(self.byte()).checked_rem(length).unwrap_or(0)
    }

    /// Picks a part and takes its bytes out.
    fn take(&mut self) -> (usize, Vec<u8>) {
        let number = self.byte();
        let mut parts = parts(&mut self.mutated.bundle);
        let number = usize::from(number) % parts.len().max(1);
        (number, parts.get_mut(number).map(|part| std::mem::take(*part)).unwrap_or_default())
    }

    fn put_back(&mut self, number: usize, bytes: Vec<u8>) {
        if let Some(part) = parts(&mut self.mutated.bundle).into_iter().nth(number) {
            *part = bytes;
        }
    }

    fn step(&mut self) {
        match self.byte() % INSTRUCTIONS {
            0 => self.flip(),
            1 => self.insert(),
            2 => self.delete(),
            3 => self.repeat(),
            4 => self.swap_ranges(),
            5 => self.swap_parts(),
            6 => self.drop_part(),
            7 => self.double_part(),
            8 => self.take_part(),
            9 => {
                let at = self.place(usize::MAX);
                self.mutated.end = Some((at, self.byte()));
            }
            10 => self.edit_manifest(),
            11 => self.edit_head(),
            12 => self.edit_objects(),
            13 => self.describe(),
            14 => self.sign(true),
            15 => self.sign(false),
            16 => self.digit(),
            _ => self.sign_line(),
        }
    }

    fn flip(&mut self) {
        let (number, mut bytes) = self.take();
        let at = self.place(bytes.len());
        let byte = self.byte();
        bytes.iter_mut().skip(at).take(1).for_each(|here| *here ^= byte);
        self.put_back(number, bytes);
    }

    fn insert(&mut self) {
        let (number, mut bytes) = self.take();
        let at = self.place(bytes.len());
        let length = self.index(9);
        let new: Vec<u8> = (0..length).map(|_| self.byte()).collect();
        bytes.splice(at..at, new);
        self.put_back(number, bytes);
    }

    fn delete(&mut self) {
        let (number, mut bytes) = self.take();
        let range = self.range(bytes.len());
        bytes.drain(range);
        self.put_back(number, bytes);
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.place(length);
        let end = (start + usize::from(self.byte())).min(length);
        start..end
    }

    fn repeat(&mut self) {
        let (number, mut bytes) = self.take();
        let range = self.range(bytes.len());
        let copy: Vec<u8> = bytes.get(range.clone()).unwrap_or_default().to_vec();
        bytes.splice(range.end..range.end, copy);
        self.put_back(number, bytes);
    }

    fn swap_ranges(&mut self) {
        let (number, mut bytes) = self.take();
        let (one, other, length) =
            (self.place(bytes.len()), self.place(bytes.len()), self.index(80));
        for step in 0..length {
            if one.max(other) + step < bytes.len() {
                bytes.swap(one + step, other + step);
            }
        }
        self.put_back(number, bytes);
    }

    fn swap_parts(&mut self) {
        let (number, bytes) = self.take();
        let (other, others) = self.take();
        // The same part twice leaves nothing to swap.
        if number == other {
            self.put_back(number, bytes);
        } else {
            self.put_back(number, others);
            self.put_back(other, bytes);
        }
    }

    /// Picks the list of the roots, the heads or the objects.
    fn list(&mut self) -> u8 {
        self.byte() % 3
    }

    fn list_mut(&mut self, list: u8) -> &mut Vec<Vec<u8>> {
        let bundle = &mut self.mutated.bundle;
        match list {
            0 => &mut bundle.roots,
            1 => &mut bundle.heads,
            _ => &mut bundle.objects,
        }
    }

    fn drop_part(&mut self) {
        if self.program.first() == Some(&3) {
            self.program = self.program.get(1..).unwrap_or_default();
            self.mutated.bundle.revocations = None;
            return;
        }
        let list = self.list();
        let length = self.list_mut(list).len();
        let at = self.index(length);
        if at < length {
            self.list_mut(list).remove(at);
        }
    }

    fn double_part(&mut self) {
        let list = self.list();
        let length = self.list_mut(list).len();
        let (from, to) = (self.index(length), self.index(length + 1));
        let parts = self.list_mut(list);
        if let Some(part) = parts.get(from).cloned() {
            parts.insert(to, part);
        }
    }

    /// Replaces a part by one of any of the bundles.
    fn take_part(&mut self) {
        let number = self.index(self.donors.len());
        let Some(mut donor) = self.donors.get(number).cloned() else { return };
        let donated = parts(&mut donor);
        let number = self.index(donated.len());
        let new = donated.into_iter().nth(number).map(|part| part.clone()).unwrap_or_default();
        let (number, _) = self.take();
        self.put_back(number, new);
    }

    /// Changes a digit of a part that has some.
    fn digit(&mut self) {
        let (number, mut bytes) = self.take();
        let digits: Vec<usize> =
            (0..bytes.len()).filter(|at| bytes.get(*at).is_some_and(u8::is_ascii_digit)).collect();
        let at = self.place(digits.len());
        let digit = b'0' + self.byte() % 10;
        if let Some(here) = digits.get(at).and_then(|at| bytes.get_mut(*at)) {
            *here = digit;
        }
        self.put_back(number, bytes);
    }

    fn manifest(&self) -> Option<Manifest> {
        let note = Note::parse("manifest", &self.mutated.bundle.manifest, usize::MAX).ok()?;
        Manifest::of(&note).ok()
    }

    fn head(&self) -> Option<Head> {
        let note = Note::parse("head", self.mutated.bundle.heads.last()?, usize::MAX).ok()?;
        Head::parse(probe::text(&note)).ok()
    }

    /// Changes a value of the manifest; nobody has signed it then.
    fn edit_manifest(&mut self) {
        let Some(mut manifest) = self.manifest() else { return };
        let (field, value) = (self.byte() % 6, self.byte());
        match field {
            0 => manifest.created = moment(value),
            1 => manifest.parents = self.digests(value),
            2 => manifest.publisher = Self::signer(value).public().name().clone(),
            3 => manifest.tool = String::from_utf8_lossy(&[value]).into_owned(),
            4 => manifest.epoch = u64::from(value),
            _ => manifest.channel = if value > 0 { channel() } else { manifest.channel },
        }
        self.mutated.bundle.manifest = Note::sign(manifest.to_text(), &[]).to_bytes();
        let by = self.byte();
        self.sign_manifest(by);
    }

    /// Changes a value of the last head; nobody has signed it then.
    fn edit_head(&mut self) {
        let Some(mut head) = self.head() else { return };
        let (field, value) = (self.byte() % 8, self.byte());
        let number = u64::from(value);
        match field {
            0 => head.created = moment(value),
            1 => head.previous = self.digests(value).pop(),
            2 => head.skip = self.digests(value).pop(),
            3 => head.root = number,
            4 => head.revocations = head.revocations.filter(|_| value > 0),
            5 => head.version = Version::new(number).unwrap_or(Version::FIRST),
            6 => {
                head.reason = Version::new(number).map_or(Reason::Publish, Reason::RollbackTo);
            }
            _ => head.channel = if value > 0 { channel() } else { head.channel },
        }
        let by = self.byte();
        self.sign_head(&head, by);
    }

    /// Changes what the manifest says of an object; nobody has signed it then.
    fn edit_objects(&mut self) {
        let Some(mut manifest) = self.manifest() else { return };
        let (at, field) = (self.index(manifest.objects.len()), self.byte() % 6);
        let value = u64::from(self.byte());
        if let Some(object) = manifest.objects.get_mut(at) {
            match field {
                0 => object.from = value,
                1 => object.to = value,
                2 => object.raw_size = object.raw_size.wrapping_add(value) & 0xFFFF_FFFF,
                3 => object.file.size = value << 24,
                4 => object.role = if value.is_multiple_of(2) { Role::Delta } else { Role::Base },
                _ => object.role = Role::Index,
            }
        }
        self.mutated.bundle.manifest = Note::sign(manifest.to_text(), &[]).to_bytes();
        let by = self.byte();
        self.sign_manifest(by);
    }

    /// Makes the manifest describe the files that are there, and the head the manifest.
    fn describe(&mut self) {
        let by = self.byte();
        if let Some(mut manifest) = self.manifest() {
            let bundle = &self.mutated.bundle;
            manifest.keyring = FileRef::of(&bundle.keyring);
            let pairs = manifest.objects.iter_mut().zip(&bundle.objects);
            pairs.for_each(|(object, file)| object.file = FileRef::of(file));
            self.mutated.bundle.manifest = Note::sign(manifest.to_text(), &[]).to_bytes();
            self.sign_manifest(by);
        }
        if let Some(mut head) = self.head() {
            head.manifest = FileRef::of(&self.mutated.bundle.manifest);
            self.sign_head(&head, by);
        }
    }

    fn sign_manifest(&mut self, by: u8) {
        let signed = self.signed(&self.mutated.bundle.manifest.clone(), by);
        self.mutated.bundle.manifest = signed;
    }

    fn sign_head(&mut self, head: &Head, by: u8) {
        let signed = self.signed(&Note::sign(head.to_text(), &[]).to_bytes(), by);
        self.mutated.bundle.heads.pop();
        self.mutated.bundle.heads.push(signed);
    }

    /// Signs any part anew, with a trusted key or a strange one.
    fn sign(&mut self, with_trusted: bool) {
        let (number, bytes) = self.take();
        let by = if with_trusted { self.byte() | 1 } else { self.byte() & !1 };
        let signed = self.signed(&bytes, by);
        self.put_back(number, signed);
    }

    /// Adds the signature line of a part once more, or that of another part.
    fn sign_line(&mut self) {
        let line = |bytes: &[u8]| {
            let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
            lines.next_back().unwrap_or_default().to_vec()
        };
        let (number, bytes) = self.take();
        let last = line(&bytes);
        self.put_back(number, bytes);
        let (number, mut bytes) = self.take();
        bytes.extend_from_slice(&last);
        self.put_back(number, bytes);
    }

    /// Returns what is above the last empty line, signed by a key of whom odd ones are trusted.
    fn signed(&mut self, bytes: &[u8], by: u8) -> Vec<u8> {
        let Ok(note) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
        let text = match note.rsplit_once("\n\n") {
            Some((text, _)) => format!("{text}\n"),
            // A note that nobody signed yet ends in its empty line.
            None => note.to_owned(),
        };
        let keys = if by % 2 == 1 { trusted().into_iter().collect() } else { Vec::new() };
        self.mutated.by_trusted_key |= !keys.is_empty();
        let chosen = match keys.get(usize::from(by / 2) % 4) {
            // Roots take two signatures.
            Some(_) if by & 0x80 != 0 => keys.iter().skip(1).take(2).collect(),
            Some(key) => vec![key],
            None => Vec::new(),
        };
        if !chosen.is_empty() {
            return Note::sign(text, &chosen).to_bytes();
        }
        let [namesake, stranger] = strangers();
        let key = if by.is_multiple_of(4) { namesake } else { stranger };
        Note::sign(text, &[&key]).to_bytes()
    }

    fn signer(value: u8) -> PublisherKey {
        let [ada, one, ..] = trusted();
        if value.is_multiple_of(2) { ada } else { one }
    }

    /// Returns the digest of one of the heads as a list, or none.
    fn digests(&self, value: u8) -> Vec<Digest> {
        let heads = &self.mutated.bundle.heads;
        let head = heads.get(usize::from(value) % (heads.len() + 1));
        let note = head.and_then(|head| Note::parse("head", head, usize::MAX).ok());
        note.map(|note| note.digest()).into_iter().collect()
    }
}

fn moment(value: u8) -> Moment {
    Moment::from_unix(1_767_225_600).plus_days(u32::from(value) * 8)
}

#[expect(clippy::expect_used, reason = "the name is a channel's")]
fn channel() -> ChannelName {
    "other".parse().expect("a channel")
}
