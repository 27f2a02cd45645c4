//! The frames of the file.

use garner_kernel::bundle::Bundle;

use super::*;
use crate::forge::*;

pub(super) fn container() -> Vec<Case> {
    let file = |name, code, about, change: fn(Vec<u8>) -> Vec<u8>| {
        case(name, code, about, move |f| f.file = Box::new(change))
    };
    vec![
        file("magic", "K101", "Text instead of a bundle.", |_| b"garner".to_vec()),
        file("newer_bundle", "K105", "A bundle of version 2 of the format.", |mut file| {
            file[4] = b'2';
            file
        }),
        file("truncated", "K102", "The last byte is missing.", |mut file| {
            file.pop();
            file
        }),
        file("extended", "K102", "One byte follows the end.", |mut file| {
            file.push(0);
            file
        }),
        file("reserved_byte", "K102", "A reserved byte of a frame is not 0.", |mut file| {
            file[9] = 1;
            file
        }),
        file("unknown_frame", "K102", "A frame of type 4.", |mut file| {
            let at = file
                .windows(20)
                .position(|w| w.ends_with(b"garner.head.v1\nrepo ".get(..4).unwrap()) && w[0] == 3)
                .unwrap();
            file[at] = 4;
            refreshed(file, 6)
        }),
        file("oversized_frame", "K104", "A frame that promises 2^62 bytes.", |mut file| {
            file[16 + 7] = 0x40;
            file
        }),
        file("end_digest", "K102", "The digest at the end is that of other bytes.", |mut file| {
            let last = file.len() - 1;
            file[last] ^= 1;
            file
        }),
        file("end_count", "K102", "The end counts another number of frames.", |file| {
            refreshed(file, 7)
        }),
        case("no_root", "K102", "No root at all.", |f| {
            f.bundle = Box::new(|bundle| Bundle { roots: Vec::new(), ..bundle });
        }),
        case("no_head", "K102", "No head at all.", |f| {
            f.bundle = Box::new(|bundle| Bundle { heads: Vec::new(), ..bundle });
        }),
        case("one_object", "K102", "Only the index, and no base.", |f| {
            f.bundle = Box::new(|mut bundle| {
                bundle.objects.remove(0);
                bundle
            });
        }),
        case("too_many_heads", "K102", "257 heads.", |f| {
            f.before = 256;
        }),
        case("spare_object", "K102", "An object more than the manifest lists.", |f| {
            f.bundle = Box::new(|mut bundle| {
                bundle.objects.push(bundle.objects[0].clone());
                bundle
            });
        }),
    ]
}
