//! Which questions are about the next step of this session and not about the work itself.

use super::wording;

/// Answers that decide nothing.
const EMPTY_ANSWERS: &[&str] = &[
    "you decide",
    "up to you",
    "your call",
    "whatever you think",
    "i don't know",
    "not sure",
    "no preference",
    "either",
    "done",
    "next",
    "skip",
    "continue",
    "proceed",
    "go ahead",
    "looks good",
    "lgtm",
    "sounds good",
    "ok",
    "okay",
    "yes proceed",
    "yes continue",
    "none",
    "n/a",
    "other",
    "let's discuss",
    "discuss more",
    "write the plan",
    "approve",
    "approved",
    "stop",
    "wait",
    "cancel",
    "later",
    "not now",
    "start",
    "start now",
    "do it",
    "unanswered",
    "no option selected",
    "no answer provided",
];

/// Answers that start so decide nothing either.
const EMPTY_STARTS: &[&str] = &[
    "you decide",
    "you choose",
    "up to you",
    "your call",
    "looks good",
    "looks complete",
    "need to discuss",
    "more discussion",
    "yes proceed",
    "whatever",
    "i don't know",
    "skip for now",
    "not now",
    "not yet",
    "cancel",
    "never mind",
    "nevermind",
    "keep going",
    "stop here",
    "yes go ahead",
    "go ahead",
    "start implementation",
    "start implementing",
    "commit and",
    "commit now",
    "commit it",
    "commit as is",
    "i'll do it",
    "i'll check",
    "i'll test",
    "let me check",
    "let me think",
    "let me test",
    "let me know",
    "no changes needed",
    "continue with",
];

/// What a question about the assistant's next action holds.
const NEXT_ACTION: &[&str] = &[
    "what next",
    "what's next",
    "next step",
    "next steps",
    "anything else",
    "any other",
    "are there other",
    "what would you like",
    "would you like me",
    "do you want me",
    "want me to",
    "how should i proceed",
    "how would you like to proceed",
    "how do you want to proceed",
    "should i proceed",
    "should i continue",
    "should i start",
    "should i commit",
    "should i push",
    "should i create",
    "should i write",
    "should i run",
    "should i fix",
    "should i update",
    "should i go",
    "should i implement",
    "should i also",
    "should i open",
    "should i merge",
    "should i begin",
    "should i stop",
    "should i wait",
    "should i do",
    "where should i",
    "shall i",
    "shall we proceed",
    "ready to",
    "ready for",
    "before i",
    "does this look",
    "does this design",
    "does this approach",
    "does this plan",
    "does this section",
    "does this capture",
    "does that look",
    "do these",
    "is this correct",
    "look good",
    "looks good",
    "look right",
    "look correct",
    "make sense",
    "to work on",
    "work on next",
    "do first",
    "start with",
    "tackle first",
    "in this session",
    "right now",
    "in the plan",
    "sequence the",
    "split the work",
    "commit message",
    "branch name",
    "would you like to proceed",
    "would you like to continue",
    "would you like to start",
    "would you like to review",
    "would you like to see",
    "focus on",
    "prioritize",
    "which task",
    "which issue should",
    "did it work",
    "does it work now",
    "is it working",
    "do you see",
    "are you seeing",
    "what do you see",
    "did you",
    "have you",
    "can you",
    "what happens when you",
    "uncommitted changes",
    "merge conflict",
    "how detailed",
    "how thorough",
    "how much detail",
    "execution approach",
    "execute the plan",
    "execute this plan",
    "set up a worktree",
    "create a worktree",
    "isolated worktree",
    "build next",
    "do next",
    "tackle next",
    "implement next",
    "add next",
    "next for",
    "should i take",
    "should we do next",
];

/// Headers that the assistant gives to such questions.
const PROCESS_HEADERS: &[&str] = &[
    "next",
    "next step",
    "next steps",
    "proceed",
    "continue",
    "confirm",
    "confirmation",
    "ready",
    "ready?",
    "approval",
    "approve",
    "commit",
    "push",
    "branch",
    "branch name",
    "plan review",
    "design check",
    "next action",
    "start",
    "plan location",
    "remaining concerns",
    "next task",
    "priority",
    "priorities",
    "focus",
    "task",
    "tasks",
    "execution",
    "execute",
    "verify",
    "debug",
    "troubleshooting",
    "status",
];

/// Returns whether an answer leaves the choice to the assistant or only moves the session on.
pub(crate) fn is_empty_answer(answer: &str) -> bool {
    let words = wording::words(answer).join(" ");
    EMPTY_ANSWERS.contains(&words.as_str())
        || EMPTY_STARTS.iter().any(|start| words.starts_with(start))
        || words.is_empty()
}

/// Returns whether a question asks how this session goes on.
pub(crate) fn is_process_question(question: &str, header: &str) -> bool {
    let joined = wording::words(question).join(" ");
    let header = header.trim().to_lowercase();
    PROCESS_HEADERS.contains(&header.as_str())
        || NEXT_ACTION.iter().any(|phrase| joined.contains(phrase))
        || asks_for_approval(&joined)
}

/// Returns whether a question is about how much of the work is delivered, and in which parts.
///
/// Such an answer seldom outlives the session, but it may.
pub(crate) fn is_delivery_question(question: &str, header: &str) -> bool {
    let words = wording::words(question);
    let joined = words.join(" ");
    let mut all = words.into_iter().chain(wording::words(header));
    header.trim().eq_ignore_ascii_case("scope")
        || all.any(|word| matches!(word.as_str(), "pr" | "prs" | "milestone" | "sprint"))
        || ["what scope", "which scope", "this fix cover", "out of scope", "pull request"]
            .iter()
            .any(|phrase| joined.contains(phrase))
}

/// "Does this … capture / work / match what you had in mind?"
fn asks_for_approval(question: &str) -> bool {
    let about_this = ["does this ", "does the ", "is this ", "are these ", "do you approve"]
        .iter()
        .any(|start| question.starts_with(start));
    let approves = ["capture", "had in mind", "you'd change", "would you prefer", "well enough"]
        .iter()
        .any(|phrase| question.contains(phrase));
    about_this && approves
}
