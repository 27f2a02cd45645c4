//! The body of `payload`: what lies inside the encryption.

use garner_kernel::bundle::{Role, limits};
use garner_kernel::{Change, Contents, Digest, probe, record};

/// The most raw bytes that one input may unfold to.
const MOST: u64 = 1 << 20;
/// The most layers and parts of an input; each takes a buffer.
const PARTS: usize = 8;
/// Ends a layer in an input; no byte of UTF-8.
const LAYER: u8 = 0xFF;
/// Ends a part of a base in an input; no byte of UTF-8.
const PART: u8 = 0xFE;

/// Reads what the first byte picks: a plaintext of an object; the raw bytes of layers; a zstd
/// frame and its padding; an index; a keyring.
///
/// Whatever is accepted is what a slow and simple reader makes of it.
///
/// # Panics
/// If it is not.
pub fn payload(input: &[u8]) {
    let Some((mode, bytes)) = input.split_first() else { return };
    match mode {
        0 => plaintext(bytes),
        1 => layers(bytes),
        2 => frame(bytes),
        3 => same(probe::index(bytes), bytes, "an index"),
        4 => same(probe::keyring(bytes), bytes, "a keyring"),
        _ => {}
    }
}

fn same<E>(written: Result<String, E>, bytes: &[u8], what: &str) {
    if let Ok(written) = written {
        assert!(written.as_bytes() == bytes, "{what} has two spellings");
    }
}

/// Reads a plaintext as it is, and merges it.
fn plaintext(bytes: &[u8]) {
    let Some((role, raw_size)) = probe::stated(bytes) else { return };
    if raw_size <= MOST
        && let Ok(raw) = probe::unseal(bytes, role, raw_size)
    {
        check_raw(bytes, &raw, raw_size);
        if role == Role::Index {
            same(probe::index(&raw), &raw, "an index");
        }
    }
    if let Ok((changes, ..)) = probe::merge(&[vec![bytes.to_vec()]]) {
        let lines: String = changes.iter().map(|change| record::line(change) + "\n").collect();
        assert_eq!(lines.len() as u64, raw_size);
        let raw = probe::unseal(bytes, role, raw_size);
        assert!(raw.is_ok_and(|raw| raw == lines.as_bytes()), "records are spelled otherwise");
    }
}

/// Checks what was unsealed against the plain words of the format.
fn check_raw(plain: &[u8], raw: &[u8], raw_size: u64) {
    assert_eq!(raw.len() as u64, raw_size);
    assert_eq!(plain.get(32..64), Some(Digest::of(raw).as_bytes().as_slice()));
    let stock = zstd::stream::decode_all(plain);
    assert!(stock.is_ok_and(|stock| stock == raw), "stock zstd reads something else");
}

/// Seals a frame and padding that were made up, and unseals them.
fn frame(rest: &[u8]) {
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    let decoded = zstd::bulk::Decompressor::new().and_then(|mut zstd| {
        let length = zstd::zstd_safe::find_frame_compressed_size(rest).unwrap_or(rest.len());
        zstd.decompress(rest.get(..length).unwrap_or_default(), most)
    });
    let Ok(raw) = decoded else { return };
    let Ok(model) = probe::plaintext(Role::Delta, 1, &raw) else { return };
    let Some(skip) = model.get(..64) else { return };
    let plain = [skip, rest].concat();
    if let Ok(found) = probe::unseal(&plain, Role::Delta, raw.len() as u64) {
        assert!(found == raw, "zstd reads something else");
        check_raw(&plain, &raw, raw.len() as u64);
    }
}

/// Seals raw bytes as they must be, so that only their records decide, and merges them.
fn layers(bytes: &[u8]) {
    let layers: Vec<Vec<&[u8]>> = bytes
        .split(|byte| *byte == LAYER)
        .map(|layer| layer.split(|byte| *byte == PART).collect())
        .collect();
    if layers.iter().map(Vec::len).sum::<usize>() > PARTS {
        return;
    }
    let seal = |(raw, role): (&&[u8], Role)| {
        let lines = raw.split(|byte| *byte == b'\n').count() - 1;
        let records = u32::try_from(lines).unwrap_or(limits::RECORDS);
        probe::plaintext(role, records, raw).unwrap_or_default()
    };
    let sealed: Vec<Vec<Vec<u8>>> = layers
        .iter()
        .enumerate()
        .map(|(number, parts)| {
            let role = if number == 0 { Role::Base } else { Role::Delta };
            parts.iter().map(|raw| seal((raw, role))).collect()
        })
        .collect();
    let merged = probe::merge(&sealed);
    let applied = applied(&layers);
    assert_eq!(merged.is_ok(), applied.is_some(), "{:?}", merged.err());
    if let (Ok((changes, digest, fragments)), Some(contents)) = (merged, applied) {
        assert!(changes == contents.all(), "merging and applying differ");
        assert_eq!(digest, contents.tree_digest());
        assert_eq!(fragments, contents.fragments().len() as u64);
    }
}

/// Applies layer after layer, record after record; `None` where a rule is broken.
fn applied(layers: &[Vec<&[u8]>]) -> Option<Contents> {
    let mut contents = Contents::default();
    for parts in layers {
        let mut last = None;
        for raw in parts {
            let text = std::str::from_utf8(raw).ok()?;
            if !text.is_empty() && !text.ends_with('\n') {
                return None;
            }
            for line in text.split_terminator('\n') {
                let change: Change = record::parse(line).ok()?;
                if last.is_some_and(|last| last >= change.id()) {
                    return None;
                }
                last = Some(change.id());
                contents.apply(change).ok()?;
            }
        }
    }
    Some(contents)
}
