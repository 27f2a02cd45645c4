//! A bundle file that is larger than the memory it may take, written part by part.
//!
//! The kernel seals what is in memory. This takes the format's own steps instead (docs/format.md),
//! so that writing a file of any size needs no more than one part of it.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

use garner_kernel::bundle::{
    FileRef, Head, MAGIC, Manifest, Note, ObjectRef, Reason, Recipient, RepositoryId, Role,
};
use garner_kernel::{
    Change, Confidence, Digest, Fragment, FragmentId, Kind, Scope, Source, Text, Trust, Version,
    record,
};

use super::numbers::Numbers;
use super::publisher::{CHANNEL, Publisher};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Where a base is cut into parts, as the kernel does.
const PART: usize = 64 << 20;
/// The bytes that a fragment takes in the file: a part of its text, and what else cannot be packed.
const PER_FRAGMENT: u64 = LONGEST / 2 * 3 / 4 + 90;
/// The longest text, in bytes; the shortest is a few words.
const LONGEST: u64 = 8 << 10;
/// What texts are made of: each character is worth six bits, so that little can be packed.
const ALPHABET: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyz0123456789!#$%&'()*+,-./:;<=>?@[]^_`{|";

/// What was written.
pub(crate) struct Large {
    pub(crate) repository: RepositoryId,
    pub(crate) fragments: u64,
    /// Bytes of JSON lines.
    pub(crate) raw: u64,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// How many bases there are.
    pub(crate) parts: usize,
}

/// Writes a bundle file of `bytes` or a little more, which opens for `reader`.
///
/// The folder of the file has to hold it twice for a moment.
pub(crate) fn write(path: &Path, bytes: u64, reader: Recipient) -> Result<Large> {
    let publisher = Publisher::with_reader(reader)?;
    let count = bytes / PER_FRAGMENT * 101 / 100 + 1;
    // Records ascend by id, and an id is a digest: texts are made twice, rather than kept.
    let mut ids: Vec<(FragmentId, u64)> = (0..count).map(|n| (id_of(&text(n)), n)).collect();
    ids.sort_unstable();
    let objects = path.with_extension("objects");
    let sealed = Sealed::write(&objects, &ids, &publisher)?;
    let large = sealed.bundle(path, &objects, &publisher, count);
    std::fs::remove_file(&objects)?;
    large
}

/// Returns text `number`, which is normalised as it stands.
fn text(number: u64) -> String {
    let mut numbers = Numbers::new(number);
    let length = usize::try_from(200 + numbers.below(LONGEST - 400)).unwrap_or_default();
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        let mut bits = numbers.draw();
        for _ in 0..10 {
            let at = usize::try_from(bits & 63).unwrap_or_default();
            text.push(ALPHABET.get(at).map_or(' ', |byte| char::from(*byte)));
            bits >>= 6;
        }
    }
    text
}

fn id_of(text: &str) -> FragmentId {
    Fragment::id_of(Kind::Fact, &Scope::User, text)
}

/// Returns the record of text `number`, without its line feed.
fn line(id: FragmentId, number: u64) -> Result<String> {
    let fragment = Fragment {
        id,
        revision: 1,
        kind: Kind::Fact,
        scope: Scope::User,
        trust: Trust::Human,
        confidence: Confidence::percent(90),
        statement: Text::new(text(number)),
        context: None,
        created: Publisher::created(0),
        valid_to: None,
        supersedes: Vec::new(),
        tags: Vec::new(),
        sources: vec![Source {
            session: "6f1d2c9e".parse()?,
            file: "6f1d2c9e.jsonl".parse()?,
            record: format!("{number}").parse()?,
            line: 1,
            digest: *id.digest(),
            speaker: Trust::Human,
            rule: "l1-remember".parse()?,
        }],
    };
    Ok(record::line(&Change::Put(Box::new(fragment))))
}

/// The objects, which lie in a file one after the other.
#[derive(Default)]
struct Sealed {
    refs: Vec<ObjectRef>,
    raw_digests: Vec<(Digest, Digest)>,
    tree: String,
    raw: u64,
}

impl Sealed {
    /// Writes the bases of all records.
    fn write(path: &Path, ids: &[(FragmentId, u64)], publisher: &Publisher) -> Result<Self> {
        let mut file = File::create(path)?;
        let (mut sealed, mut raw, mut records) = (Self::default(), Vec::new(), 0);
        for (id, number) in ids {
            let line = line(*id, *number)?;
            sealed.tree.push_str(&format!("{id} 1 {}\n", Digest::of(line.as_bytes())));
            if raw.len() + line.len() >= PART {
                sealed.add(Role::Base, records, &raw, publisher, &mut file)?;
                (records, raw) = (0, Vec::with_capacity(PART));
            }
            raw.extend_from_slice(line.as_bytes());
            raw.push(b'\n');
            records += 1;
        }
        sealed.add(Role::Base, records, &raw, publisher, &mut file)?;
        let index = sealed.index(publisher, ids.len());
        sealed.add(Role::Index, 1, index.as_bytes(), publisher, &mut file)?;
        file.sync_all()?;
        Ok(sealed)
    }

    /// Packs and encrypts an object and writes it to `file`.
    fn add(
        &mut self,
        role: Role,
        records: u32,
        raw: &[u8],
        publisher: &Publisher,
        file: &mut File,
    ) -> Result<()> {
        let object = encrypt(&plaintext(role, records, raw)?, &publisher.epoch.recipient())?;
        let reference = FileRef::of(&object);
        let from = u64::from(role == Role::Index);
        let raw_size = raw.len() as u64;
        self.refs.push(ObjectRef { role, file: reference, raw_size, from, to: 1 });
        self.raw_digests.push((reference.digest, Digest::of(raw)));
        self.raw += raw_size;
        file.write_all(&object)?;
        Ok(())
    }

    /// Returns the index of the bases.
    fn index(&self, publisher: &Publisher, fragments: usize) -> String {
        let mut pairs = self.raw_digests.clone();
        pairs.sort_unstable();
        let pairs: Vec<_> = pairs.iter().map(|(f, raw)| format!("\"{f}\":\"{raw}\"")).collect();
        format!(
            "{{\"repo\":\"{}\",\"channel\":\"{CHANNEL}\",\"publisher\":\"{}\",\"objects\":{{{}}},\
             \"tree_sha256\":\"{}\",\"fragments\":{fragments},\"secret_scan\":{{\"tool\":\"none\",\
             \"version\":\"1\",\"findings\":0}}}}",
            publisher.repository,
            publisher.key.public().name(),
            pairs.join(","),
            Digest::of(self.tree.as_bytes()),
        )
    }

    /// Writes the bundle file of the objects.
    fn bundle(
        &self,
        path: &Path,
        objects: &Path,
        publisher: &Publisher,
        fragments: u64,
    ) -> Result<Large> {
        let keyring = publisher.keyring.seal()?;
        let manifest = Manifest {
            repository: publisher.repository.clone(),
            channel: CHANNEL.parse()?,
            parents: Vec::new(),
            publisher: publisher.key.public().name().clone(),
            created: Publisher::created(1),
            tool: "garner bench".to_owned(),
            epoch: 1,
            keyring: FileRef::of(&keyring),
            objects: self.refs.clone(),
        };
        let manifest = Note::sign(manifest.to_text(), &[&publisher.key]).to_bytes();
        let head = Head {
            repository: publisher.repository.clone(),
            channel: CHANNEL.parse()?,
            version: Version::FIRST,
            previous: None,
            skip: None,
            manifest: FileRef::of(&manifest),
            root: 1,
            revocations: None,
            created: Publisher::created(1),
            reason: Reason::Publish,
        };
        let head = Note::sign(head.to_text(), &[&publisher.key]).to_bytes();
        let mut writer = BufWriter::new(File::create(path)?);
        writer.write_all(&MAGIC)?;
        let parts = [(1, publisher.roots.first()), (3, Some(&head)), (5, Some(&manifest))];
        for (kind, body) in parts.into_iter().chain([(6, Some(&keyring))]) {
            let body = body.ok_or("a root")?;
            frame(&mut writer, kind, body.len() as u64)?;
            writer.write_all(body)?;
        }
        let mut objects = BufReader::new(File::open(objects)?);
        for object in &self.refs {
            frame(&mut writer, 7, object.file.size)?;
            io::copy(&mut objects.by_ref().take(object.file.size), &mut writer)?;
        }
        writer.flush()?;
        let (digest, _) = Digest::of_reader(&mut File::open(path)?)?;
        frame(&mut writer, 255, 36)?;
        writer.write_all(&u32::try_from(4 + self.refs.len())?.to_le_bytes())?;
        writer.write_all(digest.as_bytes())?;
        writer.flush()?;
        Ok(Large {
            repository: publisher.repository.clone(),
            fragments,
            raw: self.raw,
            bytes: std::fs::metadata(path)?.len(),
            parts: self.refs.len() - 1,
        })
    }
}

fn frame(writer: &mut impl io::Write, kind: u8, length: u64) -> io::Result<()> {
    writer.write_all(&[kind, 0, 0, 0, 0, 0, 0, 0])?;
    writer.write_all(&length.to_le_bytes())
}

/// Returns SKIP, the zstd frame and PAD of raw bytes.
fn plaintext(role: Role, records: u32, raw: &[u8]) -> Result<Vec<u8>> {
    let (role, codec) = if role == Role::Index { (5, 3) } else { (1, 1) };
    let mut plain = vec![0x5B, 0x2A, 0x4D, 0x18, 56, 0, 0, 0];
    plain.extend_from_slice(b"GSEG1\0\0\0");
    plain.extend_from_slice(&[role, codec, 0, 0]);
    plain.extend_from_slice(&records.to_le_bytes());
    plain.extend_from_slice(&(raw.len() as u64).to_le_bytes());
    plain.extend_from_slice(Digest::of(raw).as_bytes());
    let mut compressor = zstd::bulk::Compressor::new(1)?;
    compressor.include_checksum(true)?;
    compressor.include_contentsize(true)?;
    // The widest window that a reader takes: the most memory that it may need.
    compressor.window_log(garner_kernel::bundle::limits::WINDOW_LOG)?;
    plain.extend_from_slice(&compressor.compress(raw)?);
    plain.extend_from_slice(&[0x5C, 0x2A, 0x4D, 0x18]);
    let length = plain.len() + 4;
    let exponent = length.ilog2();
    let mask = (1_usize << exponent.saturating_sub(exponent.ilog2() + 1)) - 1;
    let zeros = ((length + mask) & !mask) - length;
    plain.extend_from_slice(&u32::try_from(zeros)?.to_le_bytes());
    plain.resize(plain.len() + zeros, 0);
    Ok(plain)
}

fn encrypt(plain: &[u8], recipient: &Recipient) -> Result<Vec<u8>> {
    let recipient: age::x25519::Recipient = recipient.to_string().parse()?;
    let recipients = std::iter::once(&recipient as &dyn age::Recipient);
    let mut sealed = Vec::with_capacity(plain.len() + (1 << 10));
    let mut writer = age::Encryptor::with_recipients(recipients)?.wrap_output(&mut sealed)?;
    writer.write_all(plain)?;
    writer.finish()?;
    Ok(sealed)
}
