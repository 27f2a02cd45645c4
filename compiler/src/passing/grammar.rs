//! The little words that tell how a sentence is built: of time, of doubt, of pointing at something.
//!
//! Each list is one text, its entries apart by a comma and a space.

/// Words that place what is said at the moment when it is said.
pub(super) const MOMENT: &str = "\
    now, already, yet, today, tomorrow, tonight, soon, recently, lately, eventually, \
    someday, ago, anymore, shortly, just, presently, momentarily";
/// The same in two words; a week or a run that comes or went, or that one is in.
pub(super) const MOMENT_PAIRS: &str = "\
    any more, some day, some point, in future, the future, next time, this time, next week, \
    last week, next month, last month, next step, next steps, this run, last run, last \
    night, later on, for today, about to, going to, in progress, out of date";
/// A day without "every" is one day.
pub(super) const DAYS: &str = "monday, tuesday, wednesday, thursday, friday, saturday, sunday";

/// Words that make what is said about the moment a habit or a condition.
pub(super) const HABITS: &str = "\
    every, each, always, never, if, when, whenever, unless, until, while, without, per, any, \
    all, by default, because, since, only, no longer, once, must, as soon as";

/// Words of somebody who does not know, or proposes.
pub(super) const GUESSES: &str = "\
    maybe, perhaps, possibly, probably, presumably, apparently, supposedly, might, seems, \
    seem, unclear, unsure, guess, suspect, theory, hypothesis, assumption, suspicion, \
    plausible, alternatively, ideally, hopefully";
/// Those of them that leave nothing of an order.
pub(super) const DOUBTS: &str = "maybe, perhaps, possibly, probably, presumably, might, could be";
/// What stands before "the" at the start of a sentence and is no verb.
pub(super) const NO_VERBS: &str =
    "what, which, who, where, when, why, how, more, back, then, also, once, there, such, quite";
pub(super) const GUESS_PAIRS: &str = "\
    may be, may have, could be, could have, would be, would have, we could, we may, one \
    could, should probably, not sure, not clear, not known, remains to";

/// Words that point at a text or a change at hand.
pub(super) const AT_HAND: &str = "above, below, here, following, aforementioned";
/// What "this" points at when it is at hand.
pub(super) const HANDED: &str = "\
    change, changes, commit, diff, patch, pr, line, lines, section, chapter, document, page, \
    table, figure, answer, reply, response, message, output, result, results, approach, \
    solution, idea, question, task, step, part, conversation, attempt, version, \
    implementation, article, guide, tutorial, error, bug, problem, issue, machine, branch, pull, \
    window, example";

/// Words by which something is judged; a judgment is nobody's rule.
pub(super) const JUDGMENTS: &str = "\
    good, great, nice, better, best, excellent, perfect, elegant, clean, cleaner, solid, \
    robust, powerful, beautiful, amazing, awesome, comprehensive, helpful, useful, worth, \
    easier, simpler, easy, simple, significantly, greatly, much, hard, seamless, modern, \
    flexible, impressive, neat, bad, ugly, fun, interesting, fine, successful, successfully, \
    smoothly, well";

/// Words with which a sentence has a verb, or needs none.
pub(super) const FINITE: &str = "\
    is, are, was, were, be, been, am, isn't, aren't, has, have, had, do, does, did, don't, \
    doesn't, can, can't, cannot, could, may, might, must, shall, should, will, would, won't, \
    no, not, never, always, only, need, needs, without";
/// Words that programs leave out of what they print.
pub(super) const FUNCTION: &str = "\
    a, an, the, of, to, in, on, at, by, for, from, with, and, or, as, into, over, per, than, \
    that, which, who, it, its, they, their, we, our, before, after, under, between, through, \
    instead, every, each, all";

/// States that pass by themselves or with the work.
pub(super) const STAGES: &str = "\
    paused, open, done, finished, complete, completed, missing, pending, blocked, stuck, \
    ready, merged, ahead, behind, underway, busy, late, gone, unchanged, broken, green, red, \
    up, down, online, offline, full, running, active, tomorrow, next, left, half, nearly, \
    almost, fixed, solved, resolved, untested";
/// What a sentence is about that is about the work going on.
pub(super) const WORK: &str = "\
    plan, work, task, branch, pull, commit, step, session, conversation, chat, discussion, \
    refactoring, rename, attempt, investigation, change, changes, edit, edits, patch, diff, \
    hunk, request, question, reply, answer, response, deadline, meeting, demo, sprint, idea, \
    todo, conclusion, summary, deploy, test, approach";
/// Which one of them.
pub(super) const ORDINALS: &str = "\
    added, last, first, second, third, next, previous, latest, final, new, remaining, other, \
    open, current";
/// Words after which a part is named: "everything under `src`".
pub(super) const AMONG: &str = "in, under, below, inside, that, which, from, on, with";
/// Verbs of somebody who looks, or of what they look at.
pub(super) const OBSERVES: &str = "\
    show, shows, showed, reveal, reveals, revealed, say, says, said, confirm, confirms, \
    confirmed, indicate, indicates, suggest, suggests, suggested, report, reports, reported, \
    recalled, remembered, noticed, mentioned, complains, found";
/// Parts of a tree of files.
pub(super) const PARTS: &str = "\
    crates, packages, modules, folders, files, directories, subfolders, folder, file, \
    components, scripts";
/// Lengths of time.
pub(super) const SPANS: &str = "second, seconds, minute, minutes, hour, hours, day, days";
/// What stands for the name of a file, and for every other name.
pub(super) const NAME_OF_FILE: &str = "name-of-file";
pub(super) const NAME: &str = "name";

/// Endings of "-ing" words that are no doings.
pub(super) const NO_DOINGS: &str = "\
    string, thing, nothing, everything, something, anything, during, being, binding, bring, \
    padding, heading, setting, spelling, encoding, engineering, pricing, billing, staging, \
    logging, testing, blocking, matching, breaking, increasing, decreasing, ascending, \
    descending, trailing, leading, floating, binding";

/// Returns whether a word is one of a list.
pub(super) fn among(list: &str, word: &str) -> bool {
    list.split(", ").any(|listed| listed == word)
}
