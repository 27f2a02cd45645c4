//! JSON to values: every rule of docs/format.md but the one spelling.

use super::wire::{WireChange, WireFragment, WireSource, WireTombstone};
use super::{MAX_SOURCES, MAX_SUPERSEDES, MAX_TAGS, MAX_TEXT};
use crate::contents::{Change, Tombstone, TombstoneReason};
use crate::digest::FragmentId;
use crate::error::Error;
use crate::fragment::{Confidence, Fragment, Source, Text};
use crate::words::Scope;

pub(super) fn change(wire: WireChange<'_>) -> Result<Change, Error> {
    match wire {
        WireChange::Put(put) => Ok(Change::Put(Box::new(fragment(put)?))),
        WireChange::Del(del) => tombstone(&del).map(Change::Del),
    }
}

pub(super) fn fragment(wire: WireFragment<'_>) -> Result<Fragment, Error> {
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
        statement: Text::new(wire.text.0),
        context: wire.context.map(|context| Text::new(context.0)),
        created: wire.created.parse()?,
        valid_to: wire.valid_to.map(|at| at.parse()).transpose()?,
        supersedes: wire.supersedes.iter().map(|id| id.parse()).collect::<Result<_, _>>()?,
        tags: wire.tags.iter().map(|tag| tag.parse()).collect::<Result<_, _>>()?,
        sources: wire.sources.iter().map(source).collect::<Result<_, _>>()?,
    };
    let ascending = fragment.supersedes.is_sorted_by(|a, b| a < b)
        && fragment.tags.is_sorted_by(|a, b| a < b)
        && fragment.sources.is_sorted_by(|a, b| a < b);
    if ascending { Ok(fragment) } else { Err(broken("lists are ascending and without repetition")) }
}

fn source(wire: &WireSource<'_>) -> Result<Source, Error> {
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

fn tombstone(wire: &WireTombstone<'_>) -> Result<Tombstone, Error> {
    let reason = TombstoneReason::from_word(&wire.reason).ok_or_else(|| Error::UnknownWord {
        what: "reason",
        word: wire.reason.to_string(),
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
    } else if has_control(text) {
        "a text holds no control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Record { rule })
}

/// Returns whether a text holds a control character other than `\n` and `\t`.
fn has_control(text: &str) -> bool {
    // All bytes are judged, many at a time; stopping at the first would look at each by itself.
    let ascii = |b: &u8| u8::from(b.is_ascii_control() && !matches!(b, b'\n' | b'\t'));
    text.as_bytes().iter().fold(0, |any, b| any | ascii(b)) != 0
        || !text.is_ascii() && text.chars().any(|c| c.is_control() && !c.is_ascii())
}
