//! Roots: who may say who may publish.

use super::*;
use crate::forge::*;

pub(super) fn roots() -> Vec<Case> {
    vec![
        case(
            "other_repository",
            "K213",
            "A bundle of another repository (cross-channel substitution).",
            |f| {
                f.pin = Some("00000000000000000000000000000000".parse().unwrap());
            },
        ),
        case("root_by_stranger", "K202", "A root that a stranger signed.", |f| {
            f.roots[0].signers = vec![stranger()];
        }),
        case("root_bad_signature", "K203", "A signature over other bytes.", |f| {
            f.roots.push(root(2));
            f.roots[1].note = Box::new(|note| {
                let text = String::from_utf8(note).unwrap();
                text.replace("2028-01-01", "2029-01-01").into_bytes()
            });
        }),
        case("root_gap", "K304", "Root 3 follows root 1.", |f| f.roots.push(root(3))),
        case("root_takeover", "K202", "Root 2 is signed by its own new key only.", |f| {
            f.roots.push(root(2));
            f.roots[1].json = f.roots[1]
                .json
                .replace(&grant(&root_key(), BOUNDS), &grant(&key("ada-root", 9), BOUNDS));
            f.roots[1].signers = vec![key("ada-root", 9)];
        }),
        case("root_threshold", "K202", "One signature where two are needed.", |f| {
            let keys = format!("{},{}", grant(&publisher(), BOUNDS), grant(&root_key(), BOUNDS));
            let more = format!("{keys},{}", grant(&key("bea-root", 5), BOUNDS));
            f.roots[0].json = f.roots[0].json.replace(&keys, &more).replace(
                "[\"ada-root\"],\"threshold\":1",
                "[\"ada-root\",\"bea-root\"],\"threshold\":2",
            );
        }),
        case(
            "root_threshold_one_key_two_names",
            "K202",
            "One key under two names is one signature.",
            |f| {
                let keys =
                    format!("{},{}", grant(&publisher(), BOUNDS), grant(&root_key(), BOUNDS));
                let more = format!("{keys},{}", grant(&key("bea-root", 1), BOUNDS));
                f.roots[0].json = f.roots[0].json.replace(&keys, &more).replace(
                    "[\"ada-root\"],\"threshold\":1",
                    "[\"ada-root\",\"bea-root\"],\"threshold\":2",
                );
                f.roots[0].signers = vec![root_key(), key("bea-root", 1)];
            },
        ),
        case(
            "root_known_before",
            "K304",
            "Fewer roots than the reader knows (rollback of the root).",
            |f| {
                f.known.roots = 2;
            },
        ),
        case(
            "root_white_space",
            "K201",
            "A space between tokens.",
            edit_root("\"version\":1", "\"version\": 1"),
        ),
        case(
            "root_duplicate_key",
            "K201",
            "A JSON key that comes twice.",
            edit_root("\"version\":1", "\"version\":1,\"version\":1"),
        ),
        case(
            "root_unknown_key",
            "K201",
            "A JSON key that nobody knows.",
            edit_root("\"version\":1", "\"version\":1,\"ext\":{}"),
        ),
        case(
            "root_key_order",
            "K201",
            "Two JSON keys change places.",
            edit_root(
                "\"alg\":\"ed25519\",\"pub\":\"gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=\"",
                "\"pub\":\"gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=\",\"alg\":\"ed25519\"",
            ),
        ),
        case(
            "root_escape",
            "K201",
            "A letter written as an escape.",
            edit_root("\"ada-root\"", "\"\\u0061da-root\""),
        ),
        case(
            "root_number",
            "K201",
            "A number with an exponent.",
            edit_root("\"version\":1", "\"version\":1e0"),
        ),
        case(
            "root_large_number",
            "K201",
            "A number above 2^53 - 1.",
            edit_root(
                "\"channels\":[]},\"ada-root\"",
                "\"channels\":[],\"max_fragments\":9007199254740992},\"ada-root\"",
            ),
        ),
        case(
            "root_time",
            "K201",
            "A time with an offset.",
            edit_root(
                "\"expires\":\"2028-01-01T00:00:00Z\"",
                "\"expires\":\"2028-01-01T00:00:00+00:00\"",
            ),
        ),
        case(
            "root_algorithm",
            "K201",
            "A key of another algorithm (downgrade).",
            edit_root("\"ed25519\"", "\"rsa\""),
        ),
        case(
            "root_threshold_zero",
            "K201",
            "A role that needs no signature.",
            edit_root("[\"ada-root\"],\"threshold\":1", "[\"ada-root\"],\"threshold\":0"),
        ),
        case(
            "root_threshold_high",
            "K201",
            "A role that needs more signatures than keys.",
            edit_root("[\"ada-root\"],\"threshold\":1", "[\"ada-root\"],\"threshold\":2"),
        ),
        case(
            "root_role_unknown_key",
            "K201",
            "A role of a key that is not listed.",
            edit_root("[\"ada-root\"],\"threshold\":1", "[\"bea-root\"],\"threshold\":1"),
        ),
        case(
            "root_role_twice",
            "K201",
            "A role that names a key twice.",
            edit_root(
                "[\"ada-root\"],\"threshold\":1",
                "[\"ada-root\",\"ada-root\"],\"threshold\":2",
            ),
        ),
        case("root_newer", "K105", "A root of version 2 of the format (downgrade).", |f| {
            f.roots.push(root(2));
            f.roots[1].note = Box::new(|note| {
                let text = String::from_utf8(note).unwrap();
                let text = text.split("\n\n").next().unwrap().to_owned() + "\n";
                let text = text.replace("garner.root.v1", "garner.root.v2");
                garner_kernel::bundle::Note::sign(text, &[&root_key()]).to_bytes()
            });
        }),
        case("nesting_bomb", "K201", "100,000 nested lists in a key that nobody knows.", |f| {
            // Small enough for the note, deep enough for a stack.
            let bomb =
                format!("\"ext\":{}{},\"version\":1", "[".repeat(30_000), "]".repeat(30_000));
            f.roots[0].json = f.roots[0].json.replace("\"version\":1", &bomb);
        }),
        case("root_oversized", "K104", "A root of more than 64 KiB.", |f| {
            let long = format!("\"ext\":\"{}\",\"version\":1", "x".repeat(70_000));
            f.roots[0].json = f.roots[0].json.replace("\"version\":1", &long);
        }),
        case("control_character", "K201", "A carriage return in a note.", |f| {
            f.head = replace("reason publish\n", "reason publish\r\n");
        }),
    ]
}
