//! Sessions to draft: rules, redaction, poison lint, merge. Pure and byte-reproducible.

use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::{
    Confidence, Draft, Entry, Fragment, FragmentId, Merged, ProjectName, RuleName, Scope, Status,
    Tag, Text, Trust, record,
};

use crate::attribution::{dated, prepared, project, sources};
use crate::error::Error;
use crate::heard::Heard;
use crate::junk::{self, JunkFilter};
use crate::merge::{self, Known};
use crate::passing;
use crate::poison::PoisonLint;
use crate::redact::{Finding, Redactor};
use crate::report::Report;
use crate::rules::{Proposal, RULES, Reach, Rule, Strength};
use crate::session::{Session, Turn};
use crate::supersede;

/// The longest statement, in characters.
const MAX_STATEMENT: usize = 2_000;
/// The longest context, in characters.
const MAX_CONTEXT: usize = 4_000;

/// How to compile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Rules that do not run, by name.
    pub disabled: BTreeSet<RuleName>,
    /// The project of sessions whose records name no folder.
    pub project: Option<ProjectName>,
}

/// Turns sessions into a draft.
#[derive(Debug)]
pub struct Compiler {
    options: Options,
    redactor: Redactor,
    lint: PoisonLint,
    junk: JunkFilter,
}

/// Where proposals go.
struct Sink<'a> {
    draft: &'a mut Draft,
    report: &'a mut Report,
}

impl Compiler {
    /// Prepares a compiler.
    ///
    /// # Errors
    /// [`Error::Pattern`] where a pattern does not compile.
    pub fn new(options: Options) -> Result<Self, Error> {
        let (redactor, lint, junk) = (Redactor::new()?, PoisonLint::new()?, JunkFilter::new()?);
        Ok(Self { options, redactor, lint, junk })
    }

    /// Adds what `sessions` teach to `draft`.
    ///
    /// The order of `sessions` does not matter, and compiling the same sessions again changes
    /// nothing. A record that stands in several files counts once.
    pub fn compile(&self, sessions: &[Session], draft: &mut Draft) -> Report {
        self.compile_beside(sessions, draft, &Known::default())
    }

    /// Adds what `sessions` teach to `draft`, beside what is `known` elsewhere.
    ///
    /// As [`Compiler::compile`]; what the channel rejected stays gone, and what it or the draft says
    /// in other words gains a source instead of a second entry. Without an embedder, and where it
    /// fails ([`Report::unembedded`] says so), words alone decide.
    pub fn compile_beside(
        &self,
        sessions: &[Session],
        draft: &mut Draft,
        known: &Known<'_>,
    ) -> Report {
        let mut report = Report::default();
        let before: BTreeSet<FragmentId> = draft.entries.keys().copied().collect();
        let sessions = prepared(sessions, &mut report);
        tracing::debug!(files = report.files, repeated = report.repeated, "attributed the turns");
        let heard: Vec<Heard<'_>> = sessions.iter().map(Heard::of).collect();
        let rules = RULES.iter().filter(|rule| self.runs(rule));
        for rule in rules {
            for session in &heard {
                let proposals = (rule.propose)(session.session);
                *report.proposed.entry(rule.name).or_default() += length(&proposals);
                let mut sink = Sink { draft: &mut *draft, report: &mut report };
                for proposal in proposals {
                    self.take((rule, session), &proposal, &mut sink);
                }
            }
        }
        let fresh = draft.entries.keys().filter(|id| !before.contains(id)).copied().collect();
        settle(draft, &fresh, known, &mut report);
        tracing::debug!(proposed = report.proposed.values().sum::<u32>(), "ran the rules");
        tracing::debug!(masked = report.redacted.values().sum::<u32>(), "redacted");
        tracing::debug!(quarantined = report.outcome.quarantined, "looked for poison");
        tracing::debug!(
            active = report.outcome.active,
            candidate = report.outcome.candidate,
            sourced = report.outcome.sourced,
            "merged into the draft"
        );
        report
    }

    /// Returns what redaction would mask in the bytes of a file, without any value.
    pub fn audit(&self, bytes: &[u8]) -> Vec<Finding> {
        self.redactor.audit(bytes)
    }

    fn runs(&self, rule: &Rule) -> bool {
        !self.options.disabled.iter().any(|name| name.as_str() == rule.name)
    }

    /// Decides about a proposal and counts what became of it.
    fn take(&self, origin: (&Rule, &Heard<'_>), proposal: &Proposal, into: &mut Sink<'_>) {
        let Some(entry) = self.entry(origin, proposal, into.report) else { return };
        let known = into.draft.entries.get(&entry.fragment.id);
        let outcome = &mut into.report.outcome;
        if known.is_some_and(|known| known.fragment.sources.len() >= record::MAX_SOURCES) {
            outcome.unusable += 1;
            return;
        }
        let (status, id) = (entry.status.clone(), entry.fragment.id);
        let supersedes = entry.fragment.supersedes.clone();
        match (into.draft.merge(entry), status) {
            (Merged::New, Status::Active) => outcome.active += 1,
            (Merged::New, Status::Candidate) => outcome.candidate += 1,
            (Merged::New, Status::Quarantined { .. }) => outcome.quarantined += 1,
            (Merged::Sourced, _) => {
                outcome.sourced += 1;
                replace_too(into.draft, id, &supersedes);
            }
            (Merged::Known, _) => outcome.known += 1,
            (Merged::Buried, _) => outcome.buried += 1,
        }
    }

    /// Returns the entry for a proposal; counts why where there is none.
    fn entry(
        &self,
        (rule, heard): (&Rule, &Heard<'_>),
        proposal: &Proposal,
        report: &mut Report,
    ) -> Option<Entry> {
        let Some((turn, created)) = dated(heard.session, proposal.turn) else {
            report.outcome.unusable += 1;
            return None;
        };
        if let Some(reason) = self.junk(heard, proposal) {
            *report.junk.entry(reason).or_default() += 1;
            report.outcome.junk += 1;
            return None;
        }
        let scope = self.scope(proposal.reach, turn);
        let poison = heard.poison(&self.lint, proposal, turn);
        let waits = heard.is_dictated(proposal, turn) || waits(heard, proposal);
        let strength = if waits { Strength::Candidate } else { proposal.strength };
        let Some((statement, context)) = self.clean(proposal, report) else {
            report.outcome.leaking += 1;
            return None;
        };
        if statement.is_empty() {
            report.outcome.unusable += 1;
            return None;
        }
        let status = status(poison, strength, report);
        let id = Fragment::id_of(proposal.kind, &scope, &statement);
        let fragment = Fragment {
            id,
            revision: 1,
            kind: proposal.kind,
            trust: proposal.trust,
            confidence: Confidence::percent(rule.precision),
            statement: Text::new(statement),
            context: context.map(Text::new),
            created,
            valid_to: None,
            supersedes: self.replaced(proposal, &scope, id),
            tags: tags(rule),
            sources: sources(rule, heard.session, proposal),
            scope,
        };
        Some(Entry { fragment, status })
    }

    /// Returns why a proposal is junk; what people said about themselves is not made up.
    fn junk(&self, heard: &Heard<'_>, proposal: &Proposal) -> Option<&'static str> {
        let statement = &proposal.statement;
        let reason = self.junk.reason(statement, proposal.kind, proposal.trust)?;
        (reason != junk::PROFILE || !heard.vouches(statement)).then_some(reason)
    }

    /// Returns statement and context, redacted and tidy; `None` where a credential stays visible.
    fn clean(&self, proposal: &Proposal, report: &mut Report) -> Option<(String, Option<String>)> {
        let mut redact = |text: &str, limit| {
            let redacted = self.redactor.redact(text)?;
            for rule in &redacted.masked {
                *report.redacted.entry(*rule).or_default() += 1;
            }
            // Cutting comes after masking: half a credential has no pattern.
            Some(tidy(&redacted.text, limit))
        };
        let statement = redact(&proposal.statement, MAX_STATEMENT)?;
        let context = match &proposal.context {
            Some(context) => Some(redact(context, MAX_CONTEXT)?).filter(|text| !text.is_empty()),
            None => None,
        };
        Some((statement, context))
    }

    fn replaced(&self, proposal: &Proposal, scope: &Scope, id: FragmentId) -> Vec<FragmentId> {
        let ids: BTreeSet<FragmentId> = proposal
            .replaces
            .iter()
            .filter_map(|(kind, statement)| {
                let clean = tidy(&self.redactor.redact(statement)?.text, MAX_STATEMENT);
                Some(Fragment::id_of(*kind, scope, &clean))
            })
            .filter(|old| *old != id)
            .collect();
        ids.into_iter().take(record::MAX_SUPERSEDES).collect()
    }

    /// Returns the scope of a proposal: the project of the record's folder, or the person.
    fn scope(&self, reach: Reach, turn: &Turn) -> Scope {
        if reach == Reach::User {
            return Scope::User;
        }
        let named = turn.cwd.as_deref().and_then(project);
        named.or_else(|| self.options.project.clone()).map_or(Scope::User, Scope::Project)
    }
}

/// Settles what is new with what is known: what was rejected, said already, replaced, withdrawn.
fn settle(draft: &mut Draft, fresh: &BTreeSet<FragmentId>, known: &Known<'_>, report: &mut Report) {
    let status = |draft: &Draft, id: &FragmentId| draft.entries.get(id).map(|e| e.status.clone());
    let were: BTreeMap<FragmentId, Status> =
        fresh.iter().filter_map(|id| Some((*id, status(draft, id)?))).collect();
    for id in merge::bury(draft, fresh, known) {
        report.outcome.moved(were.get(&id), Merged::Buried);
    }
    supersede::answers(draft);
    for recognized in merge::recognize(draft, fresh, known) {
        report.outcome.moved(were.get(&recognized.id), recognized.merged);
    }
    let folded = merge::fold(draft, fresh, known).or_else(|error| {
        report.unembedded = Some(error.to_string());
        merge::fold(draft, fresh, &Known { embedder: None, ..*known })
    });
    for folded in folded.unwrap_or_default() {
        report.outcome.moved(were.get(&folded.id), folded.merged);
    }
    supersede::withdrawals(draft, fresh);
}

fn status(poison: Option<&'static str>, strength: Strength, report: &mut Report) -> Status {
    match (poison, strength) {
        (Some(reason), _) => {
            *report.quarantined.entry(reason).or_default() += 1;
            Status::Quarantined { reason: reason.to_owned() }
        }
        (None, Strength::Active) => Status::Active,
        (None, Strength::Candidate) => Status::Candidate,
    }
}

/// Returns whether an assistant's or a digest's statement tells what passes, or what a person is
/// like who did not say so.
fn waits(heard: &Heard<'_>, proposal: &Proposal) -> bool {
    let statement = &proposal.statement;
    let invented = proposal.trust <= Trust::Assistant
        && passing::is_about_person(statement)
        && !heard.vouches(statement);
    invented || passing::passes(statement, proposal.kind, proposal.trust)
}

/// A known fragment that is said again may replace more than it did, and is no longer replaced by
/// what it replaces now: the last word counts.
fn replace_too(draft: &mut Draft, id: FragmentId, supersedes: &[FragmentId]) {
    for older in supersedes {
        if let Some(entry) = draft.entries.get_mut(older) {
            entry.fragment.supersedes.retain(|replaced| *replaced != id);
        }
    }
    if let Some(entry) = draft.entries.get_mut(&id) {
        let mut all: BTreeSet<FragmentId> = entry.fragment.supersedes.iter().copied().collect();
        all.extend(supersedes);
        entry.fragment.supersedes = all.into_iter().take(record::MAX_SUPERSEDES).collect();
    }
}

fn tags(rule: &Rule) -> Vec<Tag> {
    let family = rule.name.split_once('-').map_or(rule.name, |(_, name)| name);
    family.parse().into_iter().collect()
}

/// Returns `text` without control characters and cut to `limit` characters.
fn tidy(text: &str, limit: usize) -> String {
    let kept: String = text
        .replace("\r\n", "\n")
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    let kept = kept.trim();
    if kept.chars().count() <= limit {
        return kept.to_owned();
    }
    let cut: String = kept.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

fn length<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}
