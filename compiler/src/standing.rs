//! What a new entry changes in one that is known: where it stands, and who answers for it.

use garner_kernel::{Entry, Source, Status, Trust};

use crate::rules::{EDIT, INSTRUCTIONS};

/// Reconciles an entry with the known one of the same statement; both may change.
pub(crate) fn reconcile(known: &mut Entry, entry: &mut Entry) {
    answer_for(known, entry);
    follow(known, entry);
}

/// Who keeps a file answers for its lines, but not for those that an assistant wrote into it: what
/// came from a web page is not vouched for by way of CLAUDE.md.
fn answer_for(known: &mut Entry, entry: &mut Entry) {
    let all = |entry: &Entry, rule: &str| {
        entry.fragment.sources.iter().all(|source| source.rule.as_str() == rule)
    };
    let written =
        |source: &Source| source.rule.as_str() == EDIT && source.speaker <= Trust::Assistant;
    if all(entry, INSTRUCTIONS) && known.fragment.sources.iter().any(written) {
        entry.fragment.trust = entry.fragment.trust.min(known.fragment.trust);
        entry.status = known.status.clone();
    }
    if all(known, INSTRUCTIONS) && entry.fragment.sources.iter().any(written) {
        known.fragment.trust = known.fragment.trust.min(entry.fragment.trust);
        if known.status == Status::Active && entry.status == Status::Candidate {
            known.status = Status::Candidate;
        }
    }
}

/// A record stays the same source when its file is renamed, when other lines are written above it,
/// and when its line is written anew: that is not a second source.
fn follow(known: &mut Entry, entry: &mut Entry) {
    entry.fragment.sources.retain(|source| {
        let same = |other: &&mut Source| {
            let record = (&other.session, &other.record, other.speaker, &other.rule)
                == (&source.session, &source.record, source.speaker, &source.rule);
            record && (other.file == source.file || other.digest == source.digest)
        };
        let Some(before) = known.fragment.sources.iter_mut().find(same) else { return true };
        // Lines that only moved are found by their digest; every move would be a new revision.
        if before.digest != source.digest || before.file != source.file {
            *before = source.clone();
        }
        false
    });
    known.fragment.sources.sort();
    known.fragment.sources.dedup();
}
