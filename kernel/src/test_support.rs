//! Values for the tests of this crate.

use crate::contents::{Change, Contents};
use crate::digest::Digest;
use crate::fragment::{Confidence, Fragment, Source, Text};
use crate::words::{Kind, Scope, Trust};

pub(crate) fn fragment(kind: Kind, statement: &str) -> Fragment {
    Fragment {
        id: Fragment::id_of(kind, &Scope::User, statement),
        revision: 1,
        kind,
        scope: Scope::User,
        trust: Trust::Human,
        confidence: Confidence::percent(90),
        statement: Text::new(statement),
        context: None,
        created: "2026-01-01T00:00:00Z".parse().unwrap(),
        valid_to: None,
        supersedes: Vec::new(),
        tags: vec!["storage".parse().unwrap()],
        sources: vec![Source {
            session: "s-1".parse().unwrap(),
            file: "s-1.jsonl".parse().unwrap(),
            record: "r-1".parse().unwrap(),
            line: 7,
            digest: Digest::of(b"line"),
            speaker: Trust::Human,
            rule: "d2-answer".parse().unwrap(),
        }],
    }
}

pub(crate) fn contents(fragments: &[&Fragment]) -> Contents {
    let mut contents = Contents::default();
    for fragment in fragments {
        contents.apply(Change::Put(Box::new((*fragment).clone()))).unwrap();
    }
    contents
}
