//! What is inside the encryption: SKIP, ZSTD, PAD, and the index.

use super::*;
use crate::forge::*;

pub(super) fn objects() -> Vec<Case> {
    let plain = |name, code, about, change: fn(Vec<u8>) -> Vec<u8>| {
        case(name, code, about, move |f| f.segments[0].plain = Box::new(change))
    };
    vec![
        case("object_two_recipients", "K222", "An object that others can open, too.", |f| {
            f.segments[0].recipients = 2;
        }),
        case("object_not_age", "K222", "An object that is no age file.", |f| {
            f.segments[0].sealed = Box::new(|_| b"plain text".to_vec());
        }),
        case("object_damaged", "K222", "An object whose payload is damaged, and signed so.", |f| {
            f.segments[0].sealed = Box::new(|mut file| {
                let last = file.len() - 1;
                file[last] ^= 1;
                file
            });
        }),
        case("object_cut", "K222", "An object that is cut, and signed so.", |f| {
            f.segments[0].sealed = Box::new(|mut file| {
                file.pop();
                file
            });
        }),
        plain("skip_role", "K232", "SKIP states another role.", |mut plain| {
            plain[16] = 2;
            plain
        }),
        plain("skip_codec", "K232", "SKIP states another codec.", |mut plain| {
            plain[17] = 3;
            plain
        }),
        plain("skip_reserved", "K232", "A reserved byte of SKIP is not 0.", |mut plain| {
            plain[18] = 1;
            plain
        }),
        plain("skip_newer", "K105", "An object of version 2 of the format.", |mut plain| {
            plain[12] = b'2';
            plain
        }),
        plain("skip_size", "K232", "SKIP states another size than the manifest.", |mut plain| {
            plain[24] ^= 1;
            plain
        }),
        plain("skip_digest", "K232", "SKIP states another digest than the index.", |mut plain| {
            plain[40] ^= 1;
            plain
        }),
        plain("skip_count", "K232", "SKIP counts more records than there are.", |mut plain| {
            plain[20] += 1;
            plain
        }),
        plain(
            "skip_count_limit",
            "K104",
            "SKIP counts more records than there may be.",
            |mut plain| {
                plain[20..24].copy_from_slice(&1_000_001_u32.to_le_bytes());
                plain
            },
        ),
        plain("pad_missing", "K232", "No PAD.", |plain| {
            let end = pad_start(&plain);
            plain[..end].to_vec()
        }),
        plain("pad_length", "K232", "A PAD that is one byte too long.", |mut plain| {
            let at = pad_start(&plain) + 4;
            let zeros = u32::from_le_bytes(plain[at..at + 4].try_into().unwrap()) + 1;
            plain[at..at + 4].copy_from_slice(&zeros.to_le_bytes());
            plain.push(0);
            plain
        }),
        plain("pad_not_zero", "K232", "A hidden byte in PAD.", |mut plain| {
            let last = plain.len() - 1;
            plain[last] = 1;
            plain
        }),
        plain("pad_extended", "K232", "A byte follows PAD.", |mut plain| {
            plain.push(0);
            plain
        }),
        plain("object_empty", "K232", "An empty plaintext.", |_| Vec::new()),
    ]
}

/// Returns where PAD starts.
fn pad_start(plain: &[u8]) -> usize {
    64 + zstd::zstd_safe::find_frame_compressed_size(&plain[64..]).unwrap()
}

pub(super) fn frames() -> Vec<Case> {
    let frame = |name, code, about, change: fn(&[u8]) -> Vec<u8>| {
        case(name, code, about, move |f| {
            let raw = f.segments[0].raw.clone();
            f.segments[0].plain = Box::new(move |plain| framed(&plain[..64], &change(&raw)));
        })
    };
    vec![
        frame("zstd_no_checksum", "K231", "A frame without checksum.", |raw| {
            frame_of(raw, |c| c.include_checksum(false).unwrap())
        }),
        frame("zstd_no_size", "K231", "A frame that does not state its size.", |raw| {
            frame_of(raw, |c| c.include_contentsize(false).unwrap())
        }),
        frame(
            "zstd_longer",
            "K231",
            "A frame that holds more than the manifest says (decompression bomb).",
            |raw| frame_of(&[raw, b"more"].concat(), |_| ()),
        ),
        frame(
            "zstd_bomb",
            "K231",
            "64 MiB of zeros in a frame of a few KiB (decompression bomb).",
            |raw| {
                let mut bomb = frame_of(&vec![0; 64 << 20], |c| c.window_log(20).unwrap());
                // The header promises the size of the manifest: 4 bytes of it, little-endian.
                let size = (raw.len() as u32).to_le_bytes();
                bomb[6..10].copy_from_slice(&size);
                bomb
            },
        ),
        frame("zstd_window", "K104", "A frame that needs a window of 2^24 bytes.", |raw| {
            let mut frame = frame_of(raw, |_| ());
            // Not a single segment: a window descriptor instead, and the size in 4 bytes.
            let body = frame.split_off(if raw.len() < 256 { 6 } else { 7 });
            let mut wide = vec![0x28, 0xB5, 0x2F, 0xFD, 0b1000_0100, 14 << 3];
            wide.extend_from_slice(&(raw.len() as u32).to_le_bytes());
            wide.extend_from_slice(&body);
            wide
        }),
        frame("zstd_two_frames", "K231", "The bytes in two frames.", |raw| {
            let (one, two) = raw.split_at(100);
            [frame_of(one, |_| ()), frame_of(two, |_| ())].concat()
        }),
        frame("zstd_second_frame", "K232", "An empty frame behind the first.", |raw| {
            [frame_of(raw, |_| ()), frame_of(b"", |_| ())].concat()
        }),
        frame("zstd_magic", "K231", "No zstd frame.", <[u8]>::to_vec),
        frame("zstd_damaged", "K231", "A damaged frame.", |raw| {
            let mut frame = frame_of(raw, |_| ());
            let middle = frame.len() / 2;
            frame[middle] ^= 0xFF;
            frame
        }),
        frame("zstd_dictionary", "K231", "A frame that asks for a dictionary.", |raw| {
            let mut frame = frame_of(raw, |_| ());
            frame[4] |= 1;
            frame
        }),
    ]
}

fn frame_of(raw: &[u8], set: fn(&mut zstd::bulk::Compressor<'_>)) -> Vec<u8> {
    frame(raw, set)
}

pub(super) fn indexes() -> Vec<Case> {
    let edit =
        |name, code, about, from, to| case(name, code, about, move |f| f.index = replace(from, to));
    vec![
        edit(
            "index_findings",
            "K232",
            "A scan that found secrets.",
            "\"findings\":0",
            "\"findings\":1",
        ),
        edit(
            "index_channel",
            "K213",
            "Objects that were sealed for another channel.",
            "\"channel\":\"notes\"",
            "\"channel\":\"other\"",
        ),
        edit(
            "index_publisher",
            "K213",
            "Somebody signs what another publisher sealed (surreptitious forwarding).",
            "\"publisher\":\"ada-publisher\"",
            "\"publisher\":\"bob-publisher\"",
        ),
        edit(
            "index_fragments",
            "K212",
            "Another number of fragments.",
            "\"fragments\":2",
            "\"fragments\":3",
        ),
        case("index_tree", "K212", "Another tree digest.", |f| {
            f.index = Box::new(|text| {
                let at = text.find("\"tree_sha256\":\"").unwrap() + 15;
                format!("{}{}{}", &text[..at], digest("tree"), &text[at + 64..])
            });
        }),
        edit(
            "index_white_space",
            "K232",
            "An index that is not in its one spelling.",
            "\"findings\":0",
            "\"findings\": 0",
        ),
        edit(
            "index_duplicate_key",
            "K232",
            "A JSON key that comes twice.",
            "\"fragments\":2",
            "\"fragments\":2,\"fragments\":2",
        ),
        edit(
            "index_no_objects",
            "K232",
            "An index that names other objects.",
            "\"objects\":{\"",
            "\"objects\":{\"0",
        ),
        case("index_oversized", "K104", "An index of more than 1 MiB.", |f| {
            f.index = Box::new(|text| {
                text.replace(
                    "\"version\":\"0.1.0\"",
                    &format!("\"version\":\"{}\"", "x".repeat(1 << 20)),
                )
            });
        }),
        case("index_count", "K232", "An index that counts two records.", |f| {
            f.index_plain = Box::new(|mut plain| {
                plain[20] = 2;
                plain
            });
        }),
    ]
}
