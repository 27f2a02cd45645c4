//! Heads, their chain, and revocations.

use garner_kernel::Version;
use garner_kernel::bundle::{Bundle, Floor, NoteRef};

use super::*;
use crate::forge::*;

pub(super) fn heads() -> Vec<Case> {
    vec![
        case("head_by_stranger", "K202", "A head that a stranger signed.", |f| {
            f.signers = vec![stranger()];
        }),
        case(
            "head_by_root_key",
            "K202",
            "A key of the root role signs a head (key confusion).",
            |f| {
                f.signers = vec![root_key()];
            },
        ),
        case(
            "head_same_name",
            "K202",
            "Another key under the name of the publisher (key confusion).",
            |f| {
                f.signers = vec![key("ada-publisher", 9)];
            },
        ),
        case("head_other_repository", "K213", "A head of another repository, well signed.", |f| {
            f.head = Box::new(|text| {
                let id = text.lines().nth(1).unwrap().to_owned();
                text.replace(&id, "repo 00000000000000000000000000000000")
            });
        }),
        edit_head(
            "head_other_channel",
            "K213",
            "A head of another channel.",
            "channel notes",
            "channel other",
        ),
        edit_head(
            "path_in_channel",
            "K201",
            "A channel name that is a path.",
            "channel notes",
            "channel ../notes",
        ),
        edit_head(
            "look_alike_channel",
            "K201",
            "A channel name with a Cyrillic letter.",
            "channel notes",
            "channel n\u{43E}tes",
        ),
        edit_head(
            "newer_head",
            "K105",
            "A head of version 2 of the format.",
            "garner.head.v1",
            "garner.head.v2",
        ),
        edit_head(
            "latest_as_head",
            "K201",
            "A note of another type in the place of a head (key confusion).",
            "garner.head.v1",
            "garner.latest.v1",
        ),
        edit_head("head_version_zero", "K201", "Version 0.", "seq 1", "seq 0"),
        edit_head("head_leading_zero", "K201", "A number with a leading zero.", "seq 1", "seq 01"),
        edit_head(
            "head_rollback_to_itself",
            "K201",
            "A rollback to the same version.",
            "reason publish",
            "reason rollback-to 1",
        ),
        edit_head(
            "head_unknown_reason",
            "K201",
            "A reason that nobody knows.",
            "reason publish",
            "reason merge",
        ),
        edit_head(
            "head_extra_line",
            "K201",
            "A line more.",
            "reason publish\n",
            "reason publish\nnote hello\n",
        ),
        edit_head("head_root_zero", "K201", "A head that names root 0.", "root 1", "root 0"),
        edit_head(
            "head_future_root",
            "K304",
            "A head that names a root that is not there.",
            "root 1",
            "root 2",
        ),
        edit_head(
            "fast_forward",
            "K201",
            "The first head claims version 2^52 (stolen key).",
            "seq 1",
            "seq 4503599627370496",
        ),
        case(
            "head_after_expiry",
            "K205",
            "A head made after its key expired.",
            edit_root(
                "\"not_after\":\"2028-01-01T00:00:00Z\",\"channels\":[]},\"ada-root\"",
                "\"not_after\":\"2026-01-02T00:00:00Z\",\"channels\":[]},\"ada-root\"",
            ),
        ),
        case(
            "head_after_revocation",
            "K205",
            "A head made after its key was revoked (compromised key).",
            edit_root(
                "\"channels\":[]},\"ada-root\"",
                "\"revoked_at\":\"2026-01-02T00:00:00Z\",\"channels\":[]},\"ada-root\"",
            ),
        ),
        case(
            "head_out_of_scope",
            "K205",
            "A key that may publish to other channels only.",
            edit_root("\"channels\":[]},\"ada-root\"", "\"channels\":[\"other\"]},\"ada-root\""),
        ),
        case(
            "too_many_fragments",
            "K205",
            "A key that may publish one fragment publishes two.",
            edit_root(
                "\"channels\":[]},\"ada-root\"",
                "\"channels\":[],\"max_fragments\":1},\"ada-root\"",
            ),
        ),
        case("key_dropped", "K202", "The last root no longer names the key.", |f| {
            drop_publisher(f);
        }),
        case("signatures_17", "K201", "17 signature lines.", |f| {
            f.signers = std::iter::repeat_with(stranger).take(16).chain([publisher()]).collect();
        }),
        case("head_bad_signature", "K203", "A signature of the right key over other bytes.", |f| {
            f.bundle = Box::new(|mut bundle| {
                let text = String::from_utf8(bundle.heads[0].clone()).unwrap();
                bundle.heads[0] = text.replace("2026-01-03", "2026-01-04").into_bytes();
                bundle
            });
        }),
    ]
}

fn edit_head(
    name: &'static str,
    code: &'static str,
    about: &'static str,
    from: &'static str,
    to: &'static str,
) -> Case {
    case(name, code, about, move |f| f.head = replace(from, to))
}

pub(super) fn chains() -> Vec<Case> {
    let floor = |version, head| Some(Floor { version: Version::new(version).unwrap(), head });
    vec![
        case(
            "rollback_below_floor",
            "K301",
            "An older version than the reader knows (replay).",
            move |f| {
                f.known.floor = floor(2, digest("head"));
            },
        ),
        case(
            "fork_at_floor",
            "K302",
            "Another head of the version that the reader knows.",
            move |f| {
                f.known.floor = floor(1, digest("head"));
            },
        ),
        case(
            "fork_behind_floor",
            "K302",
            "A history in which the known version is another.",
            move |f| {
                f.before = 2;
                f.known.floor = floor(2, digest("head"));
            },
        ),
        case(
            "fork_before_first",
            "K302",
            "The first head of the file does not follow on the known one.",
            move |f| {
                (f.before, f.first) = (2, 3);
                f.known.floor = floor(2, digest("head"));
            },
        ),
        case("head_chain_gap", "K306", "A head is left out between two others.", |f| {
            f.before = 2;
            f.bundle = Box::new(|mut bundle| {
                bundle.heads.remove(1);
                bundle
            });
        }),
        case("head_chain_previous", "K306", "`prev` names no head of the file.", |f| {
            f.before = 1;
            let first = Forge { before: 1, ..Forge::default() }.build().heads[0];
            f.head = Box::new(move |text| {
                text.replacen(&first.to_string(), &digest("x").to_string(), 1)
            });
        }),
        case("head_time_falls", "K306", "A head that is older than the one before it.", |f| {
            f.before = 1;
            f.head = replace("created 2026-01-04", "created 2026-01-02");
        }),
        case(
            "head_root_falls",
            "K306",
            "A head that names an older root than the one before it.",
            |f| {
                f.before = 1;
                f.roots.push(root(2));
                f.older_head = replace("root 1", "root 2");
                f.head = replace("root 2", "root 1");
            },
        ),
        case("head_skip", "K306", "`skip` names another head than it should.", |f| {
            f.before = 2;
            f.head = Box::new(|text| {
                let skip = text.lines().nth(5).unwrap().to_owned();
                text.replace(&skip, &format!("skip {}", digest("x")))
            });
        }),
    ]
}

pub(super) fn revocations() -> Vec<Case> {
    let with = |text: fn(String) -> String| {
        move |f: &mut Forge| {
            f.revocations = Some((text(revocations_text()), vec![publisher()]));
        }
    };
    vec![
        case(
            "revocations_missing",
            "K305",
            "The head names revocations that are not there.",
            |f| {
                f.revocations = Some((revocations_text(), vec![publisher()]));
                f.bundle = Box::new(|bundle| Bundle { revocations: None, ..bundle });
            },
        ),
        case(
            "revocations_withheld",
            "K305",
            "The reader knows revocations that are not there (rollback).",
            |f| {
                f.known.revocations = Some(NoteRef { number: 1, digest: digest("rev") });
            },
        ),
        case("revocations_old", "K305", "Older revocations than the reader knows.", |f| {
            f.revocations = Some((revocations_text(), vec![publisher()]));
            f.known.revocations = Some(NoteRef { number: 2, digest: digest("rev") });
        }),
        case(
            "revocations_fork",
            "K302",
            "Other revocations under the number that the reader knows.",
            |f| {
                f.revocations = Some((revocations_text(), vec![publisher()]));
                f.known.revocations = Some(NoteRef { number: 1, digest: digest("rev") });
            },
        ),
        case("revocations_by_stranger", "K202", "Revocations that a stranger signed.", |f| {
            f.revocations = Some((revocations_text(), vec![stranger()]));
        }),
        case(
            "revocations_other_repository",
            "K213",
            "Revocations of another repository.",
            with(|text| text.replace("{repo}", "00000000000000000000000000000000")),
        ),
        case(
            "revocations_class",
            "K201",
            "A class that nobody knows.",
            with(|text| text.replace("purge", "hide")),
        ),
        case(
            "revocations_order",
            "K201",
            "The same fragment twice.",
            with(|text| {
                let entry =
                    text[text.find("[{").unwrap() + 1..text.find("}]").unwrap() + 1].to_owned();
                text.replace(&entry, &format!("{entry},{entry}"))
            }),
        ),
    ]
}
