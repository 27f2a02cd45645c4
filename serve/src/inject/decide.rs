//! What goes into one request: the core, the blocks of earlier turns, and one block for this turn.
//!
//! The core is cut to a size that depends on the model alone, and an earlier turn keeps its block to
//! the byte, so that what a model has read stays the same from turn to turn. Where all of it does not
//! fit beside the request and its answer, nothing is put in.

use std::collections::BTreeSet;

use garner_kernel::{FragmentId, Text};
use garner_loader::Hit;
use garner_loader::inject::{
    Block, BlockOptions, Budget, Floor, Given, Injection, Ledger, Nonce, Prefix, Section, Tokens,
    block, without_blocks,
};

use crate::edit::{Asked, Insertion, Place, Role, escaped};
use crate::inject::models::Model;
use crate::inject::report::{Reason, Report};
use crate::inject::{Known, Question, Recaller};

/// The context of a model that says nothing else, in tokens.
const DEFAULT_CONTEXT: usize = 4096;
/// What is kept for the answer when the request does not say, in tokens.
const RESERVE: usize = 1_024;
/// What joining a block to a text takes, and a message of ours its marks, in tokens.
const JOINT: usize = 8;

/// A request that waits for its decision.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) asked: Asked,
    pub(crate) model: Model,
    /// What keeps conversations apart: the channel of the address.
    pub(crate) channel: Option<garner_kernel::ChannelName>,
    /// The channels that may answer; empty for all.
    pub(crate) channels: Vec<garner_kernel::ChannelName>,
    /// Whether most of the time for an answer is over.
    pub(crate) is_urgent: bool,
}

/// What goes into a request.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) insertions: Vec<Insertion>,
    pub(crate) report: Report,
    /// What the ledger remembers once the request goes on with it.
    pub(crate) given: Option<(Prefix, Given)>,
    /// What the event log is told, and the texts that the digest is made of.
    pub(crate) placed: Option<(Injection, String)>,
}

/// Decides about a request.
///
/// # Errors
/// Why it goes on as it came.
pub(crate) fn decide(
    request: &Request,
    recaller: &mut dyn Recaller,
    ledger: &mut Ledger,
    secret: &[u8],
) -> Result<Decision, Reason> {
    let talk = Conversation::of(request, ledger);
    let text = talk.question(&request.asked);
    let question = Question { text, channels: &request.channels, is_urgent: request.is_urgent };
    let known = recaller.recall(&question).map_err(|error| Reason::from(&error))?;
    if request.channel.as_ref().is_some_and(|c| !known.kernels.iter().any(|(name, _)| name == c)) {
        return Err(Reason::Channel);
    }
    let recaller = &*recaller;
    let count = |text: &str| recaller.count(text);
    let plan = Plan { request, talk: &talk, secret, count: &count };
    let room = plan.room();
    let core = plan.core(&known);
    let kept =
        talk.earlier.iter().chain(&talk.again).map(|(_, given)| plan.cost(given.block.as_str()));
    let taken = plan.cost(core.core.text()) + kept.sum::<usize>();
    if taken > room {
        return Err(Reason::NoRoom);
    }
    let fresh = plan.recalled(&known, &core, room - taken, &talk.received(ledger));
    Ok(plan.decision(known, core, fresh))
}

/// What the ledger knows of a conversation.
struct Conversation {
    /// Everything said up to each turn.
    prefixes: Vec<Prefix>,
    /// The blocks of earlier turns, with the places where they stood.
    earlier: Vec<(usize, Given)>,
    /// The block of this turn, where it was asked before.
    again: Option<(usize, Given)>,
    /// Whether this turn was asked before.
    was_asked: bool,
}

impl Conversation {
    fn of(request: &Request, ledger: &mut Ledger) -> Self {
        let channel = request.channel.as_ref().map_or("", |channel| channel.as_str());
        let mut prefix = Prefix::start(&format!("{channel}\n{}", request.asked.model));
        let turns = &request.asked.turns;
        let mut talk =
            Self { prefixes: Vec::new(), earlier: Vec::new(), again: None, was_asked: false };
        for (number, turn) in turns.iter().enumerate() {
            prefix = prefix.then(turn.role.as_str(), &turn.text);
            talk.prefixes.push(prefix);
            if turn.role != Role::User {
                continue;
            }
            let Some(given) = ledger.given(prefix).cloned() else { continue };
            let is_last = number + 1 == turns.len();
            talk.was_asked |= is_last;
            let place = turn.at.filter(|_| !given.block.as_str().is_empty());
            match place {
                Some(at) if is_last => talk.again = Some((at, given)),
                Some(at) => talk.earlier.push((at, given)),
                None => {}
            }
        }
        talk
    }

    /// Returns what is to be recalled for; `None` where no block is due.
    fn question<'a>(&self, asked: &'a Asked) -> Option<&'a str> {
        let last = asked.turns.last().filter(|turn| turn.role == Role::User && !self.was_asked)?;
        Some(last.text.as_str()).filter(|text| !text.trim().is_empty() && last.at.is_some())
    }

    fn received(&self, ledger: &Ledger) -> BTreeSet<FragmentId> {
        ledger.received(&self.prefixes)
    }

    /// Returns what a conversation is known by from its first question on.
    fn start(&self, asked: &Asked) -> Option<Prefix> {
        let first = asked.turns.iter().position(|turn| turn.role == Role::User);
        self.prefixes.get(first.unwrap_or_default()).copied()
    }
}

/// What is needed to build blocks.
struct Plan<'a> {
    request: &'a Request,
    talk: &'a Conversation,
    secret: &'a [u8],
    count: &'a dyn Fn(&str) -> usize,
}

impl Plan<'_> {
    /// Returns the context of the model, in tokens.
    fn context(&self) -> usize {
        let (asked, model) = (&self.request.asked, &self.request.model);
        let set = asked.num_ctx.or(model.facts.context.map(|c| c as usize));
        let size = set.or(model.running.map(|c| c as usize)).unwrap_or(DEFAULT_CONTEXT);
        model.facts.trained.map_or(size, |most| size.min(most as usize))
    }

    /// Returns the tokens that are free beside the request and its answer.
    fn room(&self) -> usize {
        let (asked, model) = (&self.request.asked, &self.request.model);
        let own =
            if asked.system.leaves_modelfile() { model.facts.system.as_deref() } else { None };
        let request = asked.tokens + own.map_or(0, garner_loader::inject::estimate);
        let request = model.scale.apply(request);
        let reserve = asked.num_predict.unwrap_or(RESERVE);
        self.context().saturating_sub(request).saturating_sub(reserve)
    }

    /// Returns the most tokens of one turn's blocks: the budget as if nothing else were there.
    fn most(&self) -> Budget {
        Budget::for_context(Tokens::new(self.context()), Tokens::new(0), Some(Tokens::new(0)))
    }

    fn cost(&self, block: &str) -> usize {
        if block.is_empty() { 0 } else { (self.count)(block) + JOINT }
    }

    fn options(&self, budget: Budget) -> BlockOptions {
        let start = self.talk.start(&self.request.asked);
        let prefix = start.map(|prefix| prefix.as_bytes().to_vec()).unwrap_or_default();
        BlockOptions {
            budget,
            nonce: Nonce::derive(self.secret, &prefix),
            floor: Floor::default(),
            control: self.request.model.facts.control.clone(),
        }
    }

    /// Returns the core; empty where it has no place.
    fn core(&self, known: &Known) -> Injection {
        let nowhere = self.request.asked.system == Place::Nowhere;
        let core = if nowhere { &[] } else { known.core.as_slice() };
        block(core, &[], &self.options(self.most()), self.count)
    }

    /// Returns the block of this turn: what the conversation was not told, in what is left.
    fn recalled(
        &self,
        known: &Known,
        core: &Injection,
        room: usize,
        received: &BTreeSet<FragmentId>,
    ) -> Injection {
        let in_core: BTreeSet<FragmentId> = core.placed.iter().map(|placed| placed.id).collect();
        let is_new = |hit: &&Hit| {
            !received.contains(&hit.fragment.id) && !in_core.contains(&hit.fragment.id)
        };
        let hits: Vec<Hit> = known.hits.iter().filter(is_new).cloned().collect();
        let left = self.most().total().get().saturating_sub(core.tokens().get());
        let budget = Budget::of(Tokens::new(left.min(room.saturating_sub(JOINT))));
        block(&[], &hits, &self.options(budget), self.count)
    }

    fn decision(&self, known: Known, core: Injection, fresh: Injection) -> Decision {
        let asked = &self.request.asked;
        let mut insertions = Vec::new();
        insertions.extend(self.core_insertion(&core.core));
        for (at, given) in self.talk.earlier.iter().chain(&self.talk.again) {
            insertions.push(before(*at, given.block.as_str()));
        }
        let last = asked.turns.last().filter(|turn| turn.role == Role::User);
        let recalled = fresh.recalled.text();
        if let Some(at) = last.and_then(|turn| turn.at).filter(|_| !recalled.is_empty()) {
            insertions.push(before(at, recalled));
        }
        let reason = self.reason(&known, &fresh);
        if insertions.is_empty() {
            // A turn that was given nothing is given nothing when it is asked again.
            let report = Report {
                kernels: known.kernels,
                ..Report::nothing(reason.unwrap_or(Reason::Place))
            };
            return Decision { insertions, report, given: self.given(&fresh), placed: None };
        }
        let report = self.report(known, &core, &fresh, reason);
        let given = self.given(&fresh);
        let texts = format!("{}{}{}", asked.system.text(), core.core.text(), recalled);
        let question = last.map_or("", |turn| turn.text.as_str());
        let placed = (together(core, fresh), format!("{texts}{question}"));
        Decision { insertions, report, given, placed: Some(placed) }
    }

    /// Returns where the core goes and with what around it.
    fn core_insertion(&self, core: &Block) -> Option<Insertion> {
        let core = core.text();
        if core.is_empty() {
            return None;
        }
        // A model that was baked brings a core of its own, which is older.
        let own = self.request.model.facts.system.as_deref().map(without_blocks);
        let own = own.filter(|system| !system.is_empty());
        let with_own =
            || own.as_ref().map_or_else(|| core.to_owned(), |own| format!("{own}\n\n{core}"));
        let (at, bytes) = match &self.request.asked.system {
            Place::Nowhere => return None,
            Place::End { at, text } if text.is_empty() => (*at, escaped(core)),
            Place::End { at, .. } => (*at, escaped(&format!("\n\n{core}"))),
            Place::Empty { at } => (*at, escaped(&with_own())),
            Place::Absent { at, before, after } => {
                (*at, format!("{before}\"{}\"{after}", escaped(&with_own())))
            }
        };
        Some(Insertion { at, bytes: bytes.into_bytes() })
    }

    /// Returns what the ledger is to remember of this turn.
    fn given(&self, fresh: &Injection) -> Option<(Prefix, Given)> {
        self.talk.question(&self.request.asked)?;
        let prefix = *self.talk.prefixes.last()?;
        let fragments = fresh.placed.iter().map(|placed| placed.id).collect();
        Some((prefix, Given { block: Text::new(fresh.recalled.text()), fragments }))
    }

    /// Returns why this turn was given nothing.
    fn reason(&self, known: &Known, fresh: &Injection) -> Option<Reason> {
        if !fresh.placed.is_empty() || self.talk.again.is_some() {
            return None;
        }
        let is_question =
            self.request.asked.turns.last().is_some_and(|turn| turn.role == Role::User);
        if !is_question {
            return Some(Reason::Role);
        }
        let no_room = |left: &garner_loader::inject::LeftOut| {
            left.reason == garner_loader::inject::Reason::NoRoom
        };
        let crowded = !known.hits.is_empty() && fresh.left_out.iter().any(no_room);
        Some(if crowded { Reason::NoRoom } else { Reason::Nothing })
    }

    fn report(
        &self,
        known: Known,
        core: &Injection,
        fresh: &Injection,
        reason: Option<Reason>,
    ) -> Report {
        let kept: Vec<&Given> =
            self.talk.earlier.iter().chain(&self.talk.again).map(|(_, given)| given).collect();
        let mut fragments: Vec<FragmentId> = core.placed.iter().map(|placed| placed.id).collect();
        fragments.extend(kept.iter().flat_map(|given| given.fragments.iter().copied()));
        fragments.extend(fresh.placed.iter().map(|placed| placed.id));
        let mut seen = BTreeSet::new();
        fragments.retain(|id| seen.insert(*id));
        let kept: usize = kept.iter().map(|given| (self.count)(given.block.as_str())).sum();
        let tokens = core.tokens().get() + fresh.tokens().get() + kept;
        Report { kernels: known.kernels, fragments, tokens, reason }
    }
}

/// Returns the insertion of a block before a message.
fn before(at: usize, block: &str) -> Insertion {
    Insertion { at, bytes: escaped(&format!("{block}\n\n")).into_bytes() }
}

/// Returns both injections as one, as the event log takes it.
fn together(core: Injection, fresh: Injection) -> Injection {
    let is_core = |placed: &garner_loader::inject::Placed| placed.section == Section::Core;
    let mut placed: Vec<_> = core.placed.into_iter().filter(is_core).collect();
    placed.extend(fresh.placed);
    let left_out = core.left_out.into_iter().chain(fresh.left_out).collect();
    Injection { core: core.core, recalled: fresh.recalled, placed, left_out }
}
