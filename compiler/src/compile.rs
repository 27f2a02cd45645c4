//! Sessions to draft: rules, redaction, poison lint, merge. Pure and byte-reproducible.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::{
    Confidence, Digest, Draft, Entry, FieldHasher, Fragment, FragmentId, Merged, ProjectName,
    RuleName, Scope, Status, Tag, Text, Trust, record,
};

use crate::attribution::{dated, prepared, project, sources};
use crate::distil::{MODEL, Proposals};
use crate::error::Error;
use crate::heard::Heard;
use crate::junk::{self, JunkFilter};
use crate::merge::{self, Known};
use crate::passing;
use crate::poison::PoisonLint;
use crate::recurrence;
use crate::redact::{Finding, Redactor};
use crate::report::{Logged, Report};
use crate::rules::happenings;
use crate::rules::{
    CURE, FEATURES, Feature, Happened, Label, Proposal, RULES, Reach, Rule, Strength,
};
use crate::session::{Event, Session, Turn};
use crate::standing;
use crate::supersede;

/// The longest statement, in characters.
const MAX_STATEMENT: usize = 2_000;
/// The longest context, in characters.
const MAX_CONTEXT: usize = 4_000;

/// The longest text in the log of what sessions did, in characters.
const MAX_LOGGED: usize = 300;

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

    /// Returns the digest of the rules: what was compiled with others may teach something else now.
    pub fn edition(&self) -> Digest {
        let mut hasher = FieldHasher::new("garner.compiler.v1");
        hasher.field(env!("CARGO_PKG_VERSION").as_bytes());
        for rule in RULES.iter().filter(|rule| self.runs(rule)) {
            hasher.field(rule.name.as_bytes()).field(&[rule.precision]);
        }
        hasher.finish()
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
    /// fails ([`Report::unembedded`] says so), words alone decide. A record that a known session
    /// holds does not count again, and what it read from outside taints other files of the same
    /// session.
    pub fn compile_beside(
        &self,
        sessions: &[Session],
        draft: &mut Draft,
        known: &Known<'_>,
    ) -> Report {
        self.compile_with(sessions, draft, known, &Proposals::default())
    }

    /// Adds what `sessions` teach to `draft`, and what a model proposed about them.
    ///
    /// As [`Compiler::compile_beside`], which is this without proposals. Those of a model go through
    /// the same gates as those of the rules, and its words are judged as a model's, whoever bears
    /// them out.
    pub fn compile_with(
        &self,
        sessions: &[Session],
        draft: &mut Draft,
        known: &Known<'_>,
        model: &Proposals,
    ) -> Report {
        let mut report = Report::default();
        let before: BTreeSet<FragmentId> = draft.entries.keys().copied().collect();
        let sessions = prepared(sessions, known.sessions, &mut report);
        tracing::debug!(files = report.files, repeated = report.repeated, "attributed the turns");
        let heard: Vec<Heard<'_>> = sessions.iter().map(|session| Heard::of(session)).collect();
        let rules = RULES.iter().filter(|rule| self.runs(rule));
        for rule in rules {
            for session in &heard {
                let proposals = (rule.propose)(session.session);
                *report.proposed.entry(rule.name).or_default() += length(&proposals);
                let mut sink = Sink { draft: &mut *draft, report: &mut report };
                for proposal in proposals {
                    self.take((rule.label(), session), &proposal, &mut sink);
                }
            }
        }
        for session in heard.iter().filter(|_| !model.is_empty()) {
            let proposals = model.about(session.session);
            *report.proposed.entry(MODEL.name).or_default() += length(&proposals);
            let mut sink = Sink { draft: &mut *draft, report: &mut report };
            for proposal in proposals {
                self.take((MODEL, session), &proposal, &mut sink);
            }
        }
        for session in &sessions {
            self.adopt(session, &mut Sink { draft: &mut *draft, report: &mut report });
            report.log.extend(happenings(session).iter().filter_map(|h| self.logged(session, h)));
        }
        let fresh = draft.entries.keys().filter(|id| !before.contains(id)).copied().collect();
        settle(draft, &fresh, known, &mut report);
        for session in &sessions {
            supersede::entries(draft, session);
        }
        report.recurred = recurrence::lift(draft, CURE);
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

    /// Returns what masks credentials.
    pub(crate) const fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    fn runs(&self, rule: &Rule) -> bool {
        !self.options.disabled.iter().any(|name| name.as_str() == rule.name)
    }

    /// Decides about a proposal and counts what became of it.
    fn take(&self, origin: (Label, &Heard<'_>), proposal: &Proposal, into: &mut Sink<'_>) {
        let Some(entry) = self.entry(origin, proposal, into.report) else { return };
        merge(entry, into);
    }

    /// Takes fragments of another kernel over: nothing of them is lost, and since nobody signed the
    /// file they wait for a person. What is known already gains sources, and no trust.
    fn adopt(&self, session: &Session, into: &mut Sink<'_>) {
        let imported = session.turns.iter().flat_map(|turn| &turn.events);
        for event in imported {
            let Event::Imported { fragment } = event else { continue };
            let poison = self.lint_of(fragment);
            let Some(mut fragment) = self.redacted(fragment, into.report) else {
                into.report.outcome.leaking += 1;
                continue;
            };
            if let Some(known) = into.draft.entries.get(&fragment.id) {
                fragment.trust = fragment.trust.min(known.fragment.trust);
                fragment.confidence = fragment.confidence.min(known.fragment.confidence);
            }
            let status = status(poison, Strength::Candidate, into.report);
            merge(Entry { fragment, status }, into);
        }
    }

    fn lint_of(&self, fragment: &Fragment) -> Option<&'static str> {
        let context = fragment.context.as_ref().map(Text::as_str);
        let of_statement = self.lint.reason(fragment.statement.as_str(), fragment.trust);
        of_statement.or_else(|| context.and_then(|text| self.lint.reason(text, Trust::Operator)))
    }

    /// Returns a fragment without secrets, with the id of what it then says.
    fn redacted(&self, fragment: &Fragment, report: &mut Report) -> Option<Fragment> {
        let mut redact = |text: &Text| {
            let redacted = self.redactor.redact(text.as_str())?;
            for rule in &redacted.masked {
                *report.redacted.entry(*rule).or_default() += 1;
            }
            let masked = !redacted.masked.is_empty();
            Some((redacted.text, masked))
        };
        let mut clean = fragment.clone();
        if let (text, true) = redact(&fragment.statement)? {
            clean.id = Fragment::id_of(fragment.kind, &fragment.scope, &text);
            clean.statement = Text::new(text);
        }
        if let Some(context) = &fragment.context
            && let (text, true) = redact(context)?
        {
            clean.context = Some(Text::new(text));
        }
        Some(clean)
    }

    /// Returns the entry for a proposal; counts why where there is none.
    fn entry(
        &self,
        (label, heard): (Label, &Heard<'_>),
        proposal: &Proposal,
        report: &mut Report,
    ) -> Option<Entry> {
        let judged = judged(label, proposal);
        let Some((turn, created)) = dated(heard.session, proposal.turn) else {
            report.outcome.unusable += 1;
            return None;
        };
        if let Some(reason) = self.junk(heard, &judged) {
            *report.junk.entry(reason).or_default() += 1;
            report.outcome.junk += 1;
            return None;
        }
        let scope = self.scope(proposal.reach, (heard.session, turn));
        let poison = heard.poison(&self.lint, &judged, turn);
        let waits = heard.is_dictated(&judged, turn) || waits(heard, &judged);
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
        let features = features(heard.session, proposal, &status);
        let bonus: u8 = features.iter().map(|feature| feature.precision / 2).sum();
        let id = Fragment::id_of(proposal.kind, &scope, &statement);
        let fragment = Fragment {
            id,
            revision: 1,
            kind: proposal.kind,
            trust: proposal.trust,
            confidence: Confidence::percent(label.precision.saturating_add(bonus)),
            statement: Text::new(statement),
            context: context.map(Text::new),
            created,
            valid_to: None,
            supersedes: self.replaced(proposal, &scope, id),
            tags: tags(label, &features, turn),
            sources: sources(label, heard.session, proposal),
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

    /// Returns an entry for the log; `None` where a credential stays visible.
    fn logged(&self, session: &Session, happened: &Happened<'_>) -> Option<Logged> {
        let turn = session.turns.get(happened.turn)?;
        let text = tidy(&self.redactor.redact(happened.text)?.text, MAX_LOGGED);
        Some(Logged {
            what: happened.what,
            session: turn.session.clone(),
            at: turn.at,
            text: Text::new(text),
        })
    }

    /// Returns the scope of a proposal: the project of the record's folder, or the person.
    fn scope(&self, reach: Reach, (session, turn): (&Session, &Turn)) -> Scope {
        if reach == Reach::User {
            return Scope::User;
        }
        let named = turn.cwd.as_deref().and_then(project);
        let named = named.or_else(|| session.place.project.clone());
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

/// Merges an entry into the draft and counts what became of it.
fn merge(mut entry: Entry, into: &mut Sink<'_>) {
    let outcome = &mut into.report.outcome;
    if let Some(known) = into.draft.entries.get_mut(&entry.fragment.id) {
        standing::reconcile(known, &mut entry);
    }
    let known = into.draft.entries.get(&entry.fragment.id);
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

/// Returns a proposal as whoever chose its words answers for it: a model's are a model's, also where
/// a person's words bear them out.
fn judged(label: Label, proposal: &Proposal) -> Cow<'_, Proposal> {
    if label.name != MODEL.name || proposal.trust <= Trust::Assistant {
        return Cow::Borrowed(proposal);
    }
    Cow::Owned(Proposal { trust: Trust::Assistant, ..proposal.clone() })
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

/// Returns the features that move a candidate up among its kind.
fn features(session: &Session, proposal: &Proposal, status: &Status) -> Vec<&'static Feature> {
    if *status != Status::Candidate {
        return Vec::new();
    }
    FEATURES.iter().filter(|feature| (feature.holds)(session, proposal)).collect()
}

/// Returns the labels of a proposal: its rule, its features, and those that its turn brings along.
fn tags(label: Label, features: &[&Feature], turn: &Turn) -> Vec<Tag> {
    let family = label.name.split_once('-').map_or(label.name, |(_, name)| name);
    let names = std::iter::once(family).chain(features.iter().map(|feature| feature.name));
    let mut tags: BTreeSet<Tag> = names.filter_map(|name| name.parse().ok()).collect();
    for event in &turn.events {
        if let Event::Noted { note } = event {
            tags.extend(note.tags.iter().cloned());
        }
    }
    tags.into_iter().take(record::MAX_TAGS).collect()
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
