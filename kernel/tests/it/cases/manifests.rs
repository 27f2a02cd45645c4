//! Manifests, and the files that they name; keyrings.

use super::*;
use crate::forge::*;

pub(super) fn manifests() -> Vec<Case> {
    vec![
        case("manifest_size", "K211", "A manifest of another size than the head says.", |f| {
            f.bundle = Box::new(|mut bundle| {
                bundle.manifest.push(b'\n');
                bundle
            });
        }),
        case("manifest_digest", "K212", "A manifest with other bytes than the head says.", |f| {
            f.bundle = Box::new(|mut bundle| {
                bundle.manifest[100] ^= 1;
                bundle
            });
        }),
        case("manifest_by_stranger", "K202", "A manifest that a stranger signed.", |f| {
            f.manifest_signers = vec![stranger()];
        }),
        case(
            "manifest_by_other_publisher",
            "K202",
            "A manifest by a publisher who did not sign the head (mix-and-match).",
            |f| {
                with_key(f, &abe(), BOUNDS);
                f.manifest_signers = vec![abe()];
                f.manifest = replace("\"publisher\":\"ada-publisher\"", "\"publisher\":\"abe\"");
            },
        ),
        edit_manifest(
            "manifest_publisher",
            "K213",
            "A manifest that names another publisher.",
            "\"publisher\":\"ada-publisher\"",
            "\"publisher\":\"ada-root\"",
        ),
        edit_manifest(
            "manifest_channel",
            "K213",
            "A manifest of another channel (cross-channel substitution).",
            "\"channel\":\"notes\"",
            "\"channel\":\"other\"",
        ),
        edit_manifest(
            "manifest_time",
            "K213",
            "A manifest of another time than the head.",
            "\"created\":\"2026-01-03",
            "\"created\":\"2026-01-04",
        ),
        edit_manifest(
            "manifest_epoch",
            "K201",
            "An epoch that the keyring lacks.",
            "\"epoch\":1",
            "\"epoch\":2",
        ),
        edit_manifest(
            "manifest_parents",
            "K213",
            "A parent that the head does not name.",
            "\"parents\":[]",
            "\"parents\":[\"e072f87b85740aafb53a15a2dac4ab85964dd40b81c56d544f7abfb19edea494\"]",
        ),
        edit_manifest(
            "manifest_newer",
            "K105",
            "A manifest of version 2 of the format.",
            "garner.manifest.v1",
            "garner.manifest.v2",
        ),
        edit_manifest(
            "manifest_role",
            "K201",
            "A role of objects that nobody knows.",
            "\"role\":\"base\"",
            "\"role\":\"vec\"",
        ),
        edit_manifest(
            "manifest_base_from",
            "K201",
            "A base that starts from a version.",
            "\"from_seq\":0",
            "\"from_seq\":1",
        ),
        edit_manifest(
            "manifest_base_ahead",
            "K201",
            "A base of a later version.",
            "\"from_seq\":0,\"to_seq\":1",
            "\"from_seq\":0,\"to_seq\":2",
        ),
        edit_manifest(
            "manifest_index_from",
            "K201",
            "An index of another version.",
            "\"from_seq\":1,\"to_seq\":1",
            "\"from_seq\":0,\"to_seq\":1",
        ),
        edit_manifest(
            "manifest_upper_case",
            "K201",
            "A digest in upper case.",
            "\"sha256\":\"",
            "\"sha256\":\"A",
        ),
        case(
            "manifest_raw_size",
            "K104",
            "An object that promises 2^40 bytes (decompression bomb).",
            |f| {
                f.manifest = Box::new(|text| {
                    let at = text.find("\"raw_size\":").unwrap() + 11;
                    let end = at + text[at..].find(',').unwrap();
                    format!("{}1099511627776{}", &text[..at], &text[end..])
                });
            },
        ),
        case("manifest_delta_gap", "K201", "A delta that does not follow on.", |f| {
            f.before = 2;
            f.segments.push(segment("delta", 2, 3, lines(vec![put(rule("New."))])));
        }),
        case("manifest_no_base", "K201", "A delta without a base.", |f| {
            f.segments[0].role = "delta";
            f.segments.push(segment("delta", 1, 2, lines(vec![put(rule("New."))])));
            f.before = 1;
        }),
        case("seventeen_deltas", "K104", "One delta more than there may be.", |f| {
            f.before = 17;
            for n in 1..=17 {
                let raw = lines(vec![put(fragment(Kind::Fact, &format!("Fact number {n}.")))]);
                f.segments.push(segment("delta", n, n + 1, raw));
            }
        }),
        case("swapped_objects", "K211", "Base and index change places (mix-and-match).", |f| {
            f.bundle = Box::new(|mut bundle| {
                bundle.objects.swap(0, 1);
                bundle
            });
        }),
        case("object_digest", "K212", "One bit of an object differs.", |f| {
            f.bundle = Box::new(|mut bundle| {
                let last = bundle.objects[0].len() - 1;
                bundle.objects[0][last] ^= 1;
                bundle
            });
        }),
    ]
}

fn edit_manifest(
    name: &'static str,
    code: &'static str,
    about: &'static str,
    from: &'static str,
    to: &'static str,
) -> Case {
    case(name, code, about, move |f| f.manifest = replace(from, to))
}

pub(super) fn keyrings() -> Vec<Case> {
    vec![
        case("keyring_digest", "K212", "One bit of the keyring differs.", |f| {
            f.bundle = Box::new(|mut bundle| {
                bundle.keyring[200] ^= 1;
                bundle
            });
        }),
        case("keyring_for_others", "K221", "A keyring for another device.", |f| {
            f.keyring_file = Box::new(|_| encrypt(&[other()], b"{}"));
        }),
        case("keyring_other_repository", "K213", "A keyring of another repository.", |f| {
            f.keyring = Box::new(|text| {
                format!("{{\"repo\":\"00000000000000000000000000000000\"{}", &text[42..])
            });
        }),
        case("keyring_white_space", "K201", "A keyring that is not in its one spelling.", |f| {
            f.keyring = replace("\"epochs\":", "\"epochs\": ");
        }),
        case("keyring_epoch_order", "K201", "Two epochs of one number.", |f| {
            f.keyring = Box::new(|text| {
                let at = text.find("{\"n\":1").unwrap();
                let epoch = &text[at..text.len() - 2];
                format!("{}{epoch},{epoch}]}}", &text[..at])
            });
        }),
        case("keyring_epoch_later", "K201", "An epoch that starts after this version.", |f| {
            f.keyring = replace("\"from_seq\":1", "\"from_seq\":2");
        }),
        case(
            "keyring_other_epoch_key",
            "K221",
            "The key of the epoch does not open the objects.",
            |f| {
                f.keyring = Box::new(|text| {
                    let at = text.find("AGE-SECRET-KEY").unwrap();
                    let end = at + text[at..].find('"').unwrap();
                    format!("{}{DEVICE}{}", &text[..at], &text[end..])
                });
            },
        ),
        case(
            "thousands_of_recipients",
            "K104",
            "A keyring with more stanzas than there may be.",
            |f| {
                f.keyring_file = Box::new(|_| encrypt(&vec![other(); 100], b"{}"));
            },
        ),
        case("age_header_bomb", "K104", "An age header of 60 KiB.", |f| {
            f.keyring_file = Box::new(|_| {
                let mut bomb = b"age-encryption.org/v1\n-> X25519 ".to_vec();
                bomb.extend_from_slice(&b"A".repeat(60_000));
                bomb
            });
        }),
        case(
            "keyring_damaged",
            "K222",
            "A keyring whose payload is damaged, and signed so.",
            |f| {
                f.keyring_file = Box::new(|mut file| {
                    let last = file.len() - 1;
                    file[last] ^= 1;
                    file
                });
            },
        ),
    ]
}
