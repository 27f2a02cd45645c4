//! Records: the JSON line that stands for one change of a kernel, and for one entry of a draft.
//!
//! A record has one spelling. Reading a line and writing it again must give the same bytes, which
//! rules out duplicate keys, unknown fields, other orders and other escapes at once. The steps are
//! those of docs/format.md, "Records".

use serde::{Deserialize, Serialize};

use crate::contents::{Change, Tombstone, TombstoneReason};
use crate::digest::{Digest, FragmentId};
use crate::draft::{Draft, Entry, Status};
use crate::error::Error;
use crate::fragment::{Confidence, Fragment, Source, Text};
use crate::words::Scope;

/// The longest line of a record, in bytes.
pub const MAX_LINE: usize = 64 << 10;
/// The longest statement or context, in bytes.
pub const MAX_TEXT: usize = 16 << 10;
/// The most tags of a fragment.
pub const MAX_TAGS: usize = 32;
/// The most sources of a fragment.
pub const MAX_SOURCES: usize = 64;
/// The most fragments that one fragment replaces.
pub const MAX_SUPERSEDES: usize = 128;

#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum WireChange {
    Put(Box<WireFragment>),
    Del(WireTombstone),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFragment {
    id: String,
    rev: u32,
    kind: String,
    scope: String,
    trust: String,
    confidence: u8,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    supersedes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    sources: Vec<WireSource>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSource {
    session: String,
    file: String,
    record: String,
    line: u32,
    digest: String,
    speaker: String,
    rule: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireTombstone {
    id: String,
    rev: u32,
    at: String,
    reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireEntry {
    status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    fragment: WireFragment,
}

/// Returns the line of a change, without its line feed.
pub fn line(change: &Change) -> String {
    encode(&match change {
        Change::Put(fragment) => WireChange::Put(Box::new(wire_fragment(fragment))),
        Change::Del(tombstone) => WireChange::Del(wire_tombstone(tombstone)),
    })
}

/// Returns the digest of a fragment's record line.
pub(crate) fn digest(fragment: &Fragment) -> Digest {
    Digest::of(encode(&WireChange::Put(Box::new(wire_fragment(fragment)))).as_bytes())
}

/// Reads the line of a change.
///
/// # Errors
/// [`Error::Record`] with the first rule that the line breaks.
pub fn parse(line: &str) -> Result<Change, Error> {
    let broken = |rule: String| Error::Record { rule };
    // 1. The length, before anything is parsed.
    if line.len() > MAX_LINE {
        return Err(broken(format!(
            "a line has at most {MAX_LINE} bytes, this one {}",
            line.len()
        )));
    }
    // 2. JSON with exactly the known fields.
    let wire: WireChange = serde_json::from_str(line).map_err(|e| broken(e.to_string()))?;
    let change = match wire {
        WireChange::Put(fragment) => Change::Put(Box::new(fragment_of(*fragment)?)),
        WireChange::Del(tombstone) => Change::Del(tombstone_of(&tombstone)?),
    };
    // 3. The one spelling.
    if self::line(&change) != line {
        return Err(broken("a record is spelled in one way only, this one differs".to_owned()));
    }
    Ok(change)
}

/// Returns a draft as JSON lines: a header, the entries by id, then the rejections by id.
pub fn draft_lines(draft: &Draft) -> String {
    let mut lines = String::from("{\"format\":\"garner.draft.v1\"}\n");
    for entry in draft.entries.values() {
        let reason = match &entry.status {
            Status::Quarantined { reason } => Some(reason.clone()),
            Status::Active | Status::Candidate => None,
        };
        let status = entry.status.as_str().to_owned();
        let fragment = wire_fragment(&entry.fragment);
        lines.push_str(&encode(&WireEntry { status, reason, fragment }));
        lines.push('\n');
    }
    for tombstone in draft.tombstones.values() {
        lines.push_str(&encode(&WireChange::Del(wire_tombstone(tombstone))));
        lines.push('\n');
    }
    lines
}

/// Reads a draft.
///
/// # Errors
/// [`Error::Draft`] with the number of the first line that is broken.
pub fn parse_draft(text: &str) -> Result<Draft, Error> {
    let mut draft = Draft::default();
    for (index, line) in text.lines().enumerate() {
        let broken = |rule: String| Error::Draft { line: index + 1, rule };
        if index == 0 {
            if line != "{\"format\":\"garner.draft.v1\"}" {
                return Err(broken("not a draft of format 1".to_owned()));
            }
        } else if line.starts_with("{\"op\":\"del\"") {
            match parse(line).map_err(|e| broken(e.to_string()))? {
                Change::Del(tombstone) => draft.tombstones.insert(tombstone.id, tombstone),
                Change::Put(_) => None,
            };
        } else {
            let wire: WireEntry = serde_json::from_str(line).map_err(|e| broken(e.to_string()))?;
            let entry = entry_of(wire).map_err(|e| broken(e.to_string()))?;
            draft.entries.insert(entry.fragment.id, entry);
        }
    }
    Ok(draft)
}

fn entry_of(wire: WireEntry) -> Result<Entry, Error> {
    let status = match (wire.status.as_str(), wire.reason) {
        ("active", None) => Status::Active,
        ("candidate", None) => Status::Candidate,
        ("quarantined", Some(reason)) => Status::Quarantined { reason },
        (other, _) => {
            return Err(Error::UnknownWord {
                what: "status",
                word: other.to_owned(),
                known: &["active", "candidate", "quarantined"],
            });
        }
    };
    Ok(Entry { fragment: fragment_of(wire.fragment)?, status })
}

fn encode(wire: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "strings, integers and lists always have a JSON form")]
    serde_json::to_string(wire).expect("wire types serialise")
}

fn wire_fragment(fragment: &Fragment) -> WireFragment {
    WireFragment {
        id: fragment.id.to_string(),
        rev: fragment.revision,
        kind: fragment.kind.to_string(),
        scope: fragment.scope.to_string(),
        trust: fragment.trust.to_string(),
        confidence: fragment.confidence.as_percent(),
        text: fragment.statement.as_str().to_owned(),
        context: fragment.context.as_ref().map(|c| c.as_str().to_owned()),
        created: fragment.created.to_string(),
        valid_to: fragment.valid_to.map(|at| at.to_string()),
        supersedes: fragment.supersedes.iter().map(FragmentId::to_string).collect(),
        tags: fragment.tags.iter().map(ToString::to_string).collect(),
        sources: fragment.sources.iter().map(wire_source).collect(),
    }
}

fn wire_source(source: &Source) -> WireSource {
    WireSource {
        session: source.session.to_string(),
        file: source.file.to_string(),
        record: source.record.to_string(),
        line: source.line,
        digest: source.digest.to_string(),
        speaker: source.speaker.to_string(),
        rule: source.rule.to_string(),
    }
}

fn wire_tombstone(tombstone: &Tombstone) -> WireTombstone {
    WireTombstone {
        id: tombstone.id.to_string(),
        rev: tombstone.revision,
        at: tombstone.at.to_string(),
        reason: tombstone.reason.as_str().to_owned(),
    }
}

fn fragment_of(wire: WireFragment) -> Result<Fragment, Error> {
    let broken = |rule: &str| Error::Record { rule: rule.to_owned() };
    let scope: Scope = wire.scope.parse()?;
    let kind = wire.kind.parse()?;
    check_text(&wire.text)?;
    wire.context.as_deref().map_or(Ok(()), check_text)?;
    let id: FragmentId = wire.id.parse()?;
    if id != Fragment::id_of(kind, &scope, &wire.text) {
        return Err(broken("the id is not the digest of kind, scope and statement"));
    }
    if wire.rev == 0 || wire.confidence > 100 {
        return Err(broken("revisions start at 1 and confidence ends at 100"));
    }
    if wire.tags.len() > MAX_TAGS || wire.supersedes.len() > MAX_SUPERSEDES {
        return Err(broken("too many tags or superseded fragments"));
    }
    if wire.sources.is_empty() || wire.sources.len() > MAX_SOURCES {
        return Err(broken("a fragment has 1 to 64 sources"));
    }
    let fragment = Fragment {
        id,
        revision: wire.rev,
        kind,
        scope,
        trust: wire.trust.parse()?,
        confidence: Confidence::percent(wire.confidence),
        statement: Text::new(wire.text),
        context: wire.context.map(Text::new),
        created: wire.created.parse()?,
        valid_to: wire.valid_to.map(|at| at.parse()).transpose()?,
        supersedes: wire.supersedes.iter().map(|id| id.parse()).collect::<Result<_, _>>()?,
        tags: wire.tags.iter().map(|tag| tag.parse()).collect::<Result<_, _>>()?,
        sources: wire.sources.iter().map(source_of).collect::<Result<_, _>>()?,
    };
    let ascending = fragment.supersedes.is_sorted_by(|a, b| a < b)
        && fragment.tags.is_sorted_by(|a, b| a < b)
        && fragment.sources.is_sorted_by(|a, b| a < b);
    if ascending { Ok(fragment) } else { Err(broken("lists are ascending and without repetition")) }
}

fn source_of(wire: &WireSource) -> Result<Source, Error> {
    if wire.line == 0 {
        return Err(Error::Record { rule: "lines start at 1".to_owned() });
    }
    Ok(Source {
        session: wire.session.parse()?,
        file: wire.file.parse()?,
        record: wire.record.parse()?,
        line: wire.line,
        digest: wire.digest.parse()?,
        speaker: wire.speaker.parse()?,
        rule: wire.rule.parse()?,
    })
}

fn tombstone_of(wire: &WireTombstone) -> Result<Tombstone, Error> {
    let reason = TombstoneReason::from_word(&wire.reason).ok_or_else(|| Error::UnknownWord {
        what: "reason",
        word: wire.reason.clone(),
        known: &["rejected", "removed", "rolled-back", "revoked"],
    })?;
    if wire.rev == 0 {
        return Err(Error::Record { rule: "revisions start at 1".to_owned() });
    }
    Ok(Tombstone { id: wire.id.parse()?, revision: wire.rev, at: wire.at.parse()?, reason })
}

/// Checks that a text has words, is not too long and holds no control characters but `\n` and `\t`.
fn check_text(text: &str) -> Result<(), Error> {
    // Marks of width and direction show nothing by themselves.
    let seen = |c: char| {
        !c.is_whitespace()
            && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    };
    let rule = if !text.chars().any(seen) {
        "a text has at least one visible character".to_owned()
    } else if text.len() > MAX_TEXT {
        format!("a text has at most {MAX_TEXT} bytes, this one {}", text.len())
    } else if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        "a text holds no control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Record { rule })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::fragment;
    use crate::words::Kind;

    #[test]
    fn a_record_reads_what_it_writes() {
        let put = Change::Put(Box::new(fragment(Kind::Decision, "Use \"SQLite\".\n\tNot é.")));
        assert_eq!(parse(&line(&put)).unwrap(), put);
        let del = Change::Del(Tombstone {
            id: put.id(),
            revision: 2,
            at: "2026-01-02T00:00:00Z".parse().unwrap(),
            reason: TombstoneReason::Rejected,
        });
        assert_eq!(parse(&line(&del)).unwrap(), del);
    }

    #[test]
    fn a_record_has_one_spelling() {
        let good = line(&Change::Put(Box::new(fragment(Kind::Rule, "Sync the folder too."))));
        let bad = [
            good.replace("\"rev\":1", "\"rev\": 1"),
            good.replace("\"rev\":1", "\"rev\":1,\"rev\":1"),
            good.replace("\"rev\":1", "\"rev\":0"),
            good.replace("\"rev\":1", "\"rev\":1,\"other\":1"),
            good.replace("\"kind\":\"rule\"", "\"kind\":\"fact\""),
            good.replace("Sync", "\\u0053ync"),
            good.replace("Sync", "Sink"),
            good.replace("Sync", "Sync\\u0000"),
            good.replace("\"tags\":[\"storage\"]", "\"tags\":[\"storage\",\"a\"]"),
            good.replace(".jsonl", "/../x.jsonl"),
            good.replace("\"line\":7", "\"line\":0"),
            format!("{good} "),
            good.replace("\"sources\":[{", "\"sources\":[{\"x\":{\"y\":1},"),
        ];
        assert!(parse(&good).is_ok());
        for line in bad {
            assert_ne!(line, good);
            assert!(parse(&line).is_err(), "accepted {line}");
        }
    }

    #[test]
    fn a_text_has_something_to_see_and_a_tombstone_a_revision() {
        let hidden = fragment(Kind::Fact, "\u{200B}\u{202E} \u{FEFF}");
        assert!(parse(&line(&Change::Put(Box::new(hidden)))).is_err());
        let id = fragment(Kind::Fact, "Gone.").id;
        let gone = |rev| {
            format!(
                "{{\"op\":\"del\",\"id\":\"{id}\",\"rev\":{rev},\
                 \"at\":\"2026-01-02T00:00:00Z\",\"reason\":\"removed\"}}"
            )
        };
        assert!(parse(&gone(1)).is_ok());
        assert!(parse(&gone(0)).is_err());
    }

    #[test]
    fn a_draft_reads_what_it_writes() {
        let mut draft = Draft::default();
        for (text, status) in [
            ("One.", Status::Active),
            ("Two.", Status::Candidate),
            ("Three.", Status::Quarantined { reason: "asks for a key".to_owned() }),
        ] {
            draft.merge(Entry { fragment: fragment(Kind::Fact, text), status });
        }
        assert_eq!(parse_draft(&draft_lines(&draft)).unwrap(), draft);
        assert!(parse_draft("{}\n").is_err());
    }
}
