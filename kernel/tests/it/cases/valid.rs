//! What must open.

use garner_kernel::bundle::Floor;
use garner_kernel::{Kind, Version};

use super::*;
use crate::forge::*;

pub(super) fn valid() -> Vec<Case> {
    vec![
        case("first", None, "Two fragments, one base, the first version.", |_| {}),
        case("empty", None, "A version that holds nothing.", |f| f.segments[0].raw.clear()),
        case("delta", None, "A delta adds, changes and deletes.", |f| {
            f.before = 1;
            let mut changed = rule("Sync the folder after a rename.");
            changed.revision = 2;
            changed.tags = vec!["storage".parse().unwrap()];
            let port = fragment(Kind::Fact, "The port is 8081.");
            let delta = vec![put(changed), del(&port, 2), put(rule("Never squash merges."))];
            f.segments.push(segment("delta", 1, 2, lines(delta)));
        }),
        case("two_bases", None, "A base in two parts, each the ids after those before.", |f| {
            let all = String::from_utf8(f.segments[0].raw.clone()).unwrap();
            let (one, two) = all.split_at(all.find('\n').unwrap() + 1);
            f.segments = vec![
                segment("base", 0, 1, one.as_bytes().to_vec()),
                segment("base", 0, 1, two.as_bytes().to_vec()),
            ];
        }),
        case("kept_base", None, "Version 2 with the objects of version 1.", |f| f.before = 1),
        case("sixteen_deltas", None, "As many deltas as there may be.", |f| {
            f.before = 16;
            for n in 1..=16 {
                let text = format!("Fact number {n}.");
                let raw = lines(vec![put(fragment(Kind::Fact, &text))]);
                f.segments.push(segment("delta", n, n + 1, raw));
            }
        }),
        case("some_heads", None, "A file that starts at version 4 of 6.", |f| {
            (f.before, f.first) = (5, 4);
        }),
        case("floor", None, "The reader knows version 2 of 3.", |f| {
            f.before = 2;
            let head = f.build().heads[1];
            f.known.floor = Some(Floor { version: Version::new(2).unwrap(), head });
        }),
        case("rollback", None, "The contents of version 1 came back.", |f| {
            f.before = 2;
            f.head = replace("reason publish", "reason rollback-to 1");
        }),
        case("promote", None, "What somebody else proposed, countersigned.", |f| {
            f.head = Box::new(|text| {
                text.replace("reason publish", &format!("reason promote {}", digest("head")))
            });
        }),
        case("retired_key", None, "A key that retired after it signed.", |f| {
            let bounds = "\"not_after\":\"2028-01-01T00:00:00Z\",\"revoked_at\":\
                \"2026-06-01T00:00:00Z\",\"channels\":[]";
            with_key(f, &abe(), bounds);
            f.signers.push(abe());
        }),
        case("second_root", None, "Root 2 renews root 1.", |f| f.roots.push(root(2))),
        case("vouched", None, "The last root dropped the key, and a newer head vouches.", |f| {
            drop_publisher(f);
            f.vouched = true;
        }),
        case("threshold", None, "Two keys must sign, and two do.", |f| {
            with_key(f, &abe(), BOUNDS);
            edit_root(
                "\"ada-publisher\"],\"threshold\":1},\"revoke\"",
                "\"ada-publisher\"],\"threshold\":2},\"revoke\"",
            )(f);
            f.signers.push(abe());
            f.manifest_signers.push(abe());
        }),
        case("strangers_signature", None, "A line of an unknown key beside a good one.", |f| {
            f.signers.push(stranger());
        }),
        case("unknown_role", None, "A role that means nothing to this version.", |f| {
            edit_root(
                "\"roles\":{\"freshness\"",
                "\"roles\":{\"audit\":{\"keys\":[\"ada-root\"],\"threshold\":1},\"freshness\"",
            )(f);
        }),
        case("channels", None, "A key for some channels, this one included.", |f| {
            edit_root(
                "\"channels\":[]},\"ada-root\"",
                "\"channels\":[\"api\",\"notes\"],\"max_fragments\":2},\"ada-root\"",
            )(f);
        }),
        case(
            "revoked_fragment",
            None,
            "One fragment is revoked: it is in the tree and not shown.",
            |f| {
                f.revocations = Some((revocations_text(), vec![publisher()]));
            },
        ),
        case(
            "every_field",
            None,
            "A record with every optional key, and text of many kinds.",
            |f| {
                let mut whole =
                    fragment(Kind::Decision, "Zeitzone: „UTC“ überall \u{1F33E}\n\t\"e\\e\"");
                whole.context = Some(garner_kernel::Text::new("Which zone? \u{200B}Local or UTC?"));
                whole.valid_to = Some("2027-01-01T00:00:00Z".parse().unwrap());
                whole.supersedes = vec![rule("Old.").id];
                whole.tags = vec!["a.b".parse().unwrap(), "c-d".parse().unwrap()];
                f.segments[0].raw = lines(vec![put(whole), del(&rule("Gone."), 7)]);
            },
        ),
    ]
}
