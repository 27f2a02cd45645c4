//! The steps of opening and sealing, taken one at a time over the bytes of a bundle.

use std::error::Error;
use std::io::{Read as _, Write as _};

use garner_kernel::bundle::{self, Bundle, Keyring};
use garner_kernel::{Change, Contents, Digest, record};

use super::clock::{Seconds, timed};
use super::publisher::Publisher;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A step and how long it took.
pub(crate) type Step = (&'static str, Seconds);

/// The length of an object's first frame.
const SKIP: usize = 64;

/// Takes the steps of opening; one object after the other, as a reader does.
pub(crate) fn opening(file: &[u8], publisher: &Publisher) -> Result<Vec<Step>> {
    let ((bundle, checked), container) = timed_ok(|| {
        let bundle = Bundle::parse(file)?;
        let checked = bundle::check(&bundle, &publisher.anchor()?)?;
        Ok((bundle, checked))
    })?;
    let (plains, age) = timed_ok(|| {
        Keyring::open(&bundle.keyring, &[&publisher.device])?;
        bundle.objects.iter().map(|object| decrypt(object, publisher)).collect::<Result<Vec<_>>>()
    })?;
    let (mut raws, zstd) = timed_ok(|| plains.iter().map(|plain| decompress(plain)).collect())?;
    let raws: &mut Vec<Vec<u8>> = &mut raws;
    let ((), plaintext) = timed_ok(|| {
        for raw in raws.iter() {
            std::hint::black_box(Digest::of(raw));
        }
        Ok(())
    })?;
    // The last object is the index.
    raws.pop();
    let lines: Vec<&str> = raws
        .iter()
        .map(|raw| Ok(str::from_utf8(raw)?.lines()))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    let (changes, records) = timed_ok(|| {
        Ok(lines
            .iter()
            .map(|line| record::parse(line))
            .collect::<std::result::Result<Vec<_>, _>>()?)
    })?;
    let (tree, digests) = timed(|| tree(&lines, &changes));
    if tree.is_none() || checked.manifest().objects.len() != bundle.objects.len() {
        return Err("the steps do not lead to the tree".into());
    }
    Ok(vec![
        ("frames, signatures, digests of files", container),
        ("age", age),
        ("zstd", zstd),
        ("digests of plaintexts", plaintext),
        ("records: JSON, one spelling, ids", records),
        ("digests of records and tree", digests),
    ])
}

/// Takes the steps of sealing the contents that a bundle holds.
pub(crate) fn sealing(
    contents: &Contents,
    bundle: &Bundle,
    publisher: &Publisher,
    level: i32,
) -> Result<Vec<Step>> {
    let changes = contents.all();
    let (lines, writing) = timed(|| changes.iter().map(record::line).collect::<Vec<_>>());
    let ((), reading) = timed_ok(|| {
        for line in &lines {
            std::hint::black_box(record::parse(line)?);
        }
        Ok(())
    })?;
    let raw = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>().into_bytes();
    let (frame, zstd) = timed_ok(|| compress(&raw, level))?;
    let object = bundle.objects.first().ok_or("a bundle has objects")?;
    let plain = decrypt(object, publisher)?;
    // The steps are those of the kernel only if they give the same bytes.
    if plain.get(SKIP..SKIP + frame.len()) != Some(&frame) {
        return Err(format!("the kernel does not compress at level {level}").into());
    }
    let (sealed, age) = timed_ok(|| encrypt(&plain, publisher))?;
    let (_, hashing) = timed(|| {
        for bytes in [&raw, &raw, &sealed] {
            std::hint::black_box(Digest::of(bytes));
        }
    });
    let (_, tree) = timed(|| contents.tree_digest());
    Ok(vec![
        ("JSON lines", writing),
        ("reading them back", reading),
        ("zstd", zstd),
        ("age", age),
        ("digests of plaintext and file", hashing),
        ("tree digest (records are written again)", tree),
    ])
}

fn timed_ok<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Seconds)> {
    let (value, seconds) = timed(work);
    Ok((value?, seconds))
}

/// Returns how long reading lines as JSON of any form takes.
pub(crate) fn any_json(raw: &str) -> Result<Seconds> {
    let (count, seconds) = timed_ok(|| {
        let mut count = 0;
        for line in raw.lines() {
            let value: serde_json::Value = serde_json::from_str(line)?;
            count += usize::from(std::hint::black_box(value).is_object());
        }
        Ok(count)
    })?;
    if count == 0 { Err("no line".into()) } else { Ok(seconds) }
}

fn tree(lines: &[&str], changes: &[Change]) -> Option<Digest> {
    let mut text = Vec::with_capacity(lines.len() * 136);
    for (line, change) in lines.iter().zip(changes) {
        let digest = Digest::of(line.as_bytes());
        writeln!(text, "{} {} {digest}", change.id(), change.revision()).ok()?;
    }
    Some(Digest::of(&text))
}

fn decrypt(object: &[u8], publisher: &Publisher) -> Result<Vec<u8>> {
    let identity: age::x25519::Identity = publisher.epoch.to_secret_text().parse()?;
    let decryptor = age::Decryptor::new_buffered(object)?;
    let mut plain = Vec::with_capacity(object.len());
    decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))?.read_to_end(&mut plain)?;
    Ok(plain)
}

fn encrypt(plain: &[u8], publisher: &Publisher) -> Result<Vec<u8>> {
    let recipient: age::x25519::Recipient = publisher.epoch.recipient().to_string().parse()?;
    let recipients = std::iter::once(&recipient as &dyn age::Recipient);
    let mut sealed = Vec::with_capacity(plain.len() + (1 << 10));
    let mut writer = age::Encryptor::with_recipients(recipients)?.wrap_output(&mut sealed)?;
    writer.write_all(plain)?;
    writer.finish()?;
    Ok(sealed)
}

fn decompress(plain: &[u8]) -> Result<Vec<u8>> {
    let mut raw = Vec::with_capacity(plain.len() * 4);
    zstd::stream::read::Decoder::with_buffer(plain)?.read_to_end(&mut raw)?;
    Ok(raw)
}

fn compress(raw: &[u8], level: i32) -> Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(level)?;
    compressor.include_checksum(true)?;
    compressor.include_contentsize(true)?;
    compressor.window_log(if level > 12 { 22 } else { 20 })?;
    Ok(compressor.compress(raw)?)
}
