//! The words that tell what passes from what lasts.

/// Reasons make an event worth knowing.
pub(super) const REASONS: &[&str] =
    &["because", "since", "caused", "due", "instead", "favor", "favour", "avoid", "otherwise"];

/// Past forms that do not end in "ed".
pub(super) const PAST: &[&str] = &[
    "began", "broke", "built", "came", "chose", "did", "felt", "found", "gave", "got", "had",
    "kept", "knew", "left", "lost", "made", "met", "ran", "read", "said", "saw", "sent", "spent",
    "stood", "thought", "told", "took", "tried", "went", "wrote",
];

/// Words of a moment.
pub(super) const MOMENTS: &[&str] = &[
    "yesterday",
    "yesterday's",
    "at this point",
    "tonight",
    "currently",
    "meanwhile",
    "afterwards",
    "so far",
    "right now",
    "for now",
    "at the moment",
    "this morning",
    "this afternoon",
    "this evening",
    "this week",
    "this session",
    "in progress",
    "at the start",
    "at the end of the day",
    "is done",
    "are done",
    "is complete",
    "are green",
    "is green",
    "half done",
    "still open",
    "later",
];

/// Words of the assistant's own world: its prompts, its tools, its memory.
pub(super) const OWN_WORLD: &[&str] = &[
    "the assistant",
    "previous agent",
    "another agent",
    "the harness",
    "system prompt",
    "each prompt",
    "every prompt",
    "to the agent",
    "default tools",
    "active file",
    "web access",
    "replies under",
    "for the shell",
    "the prompt",
    "initial prompt",
    "permission mode",
    "output style",
    "slash command",
    "slash commands",
    "mcp server",
    "mcp servers",
    "tool call",
    "tool calls",
    "available tools",
    "context window",
    "autocompact",
    "compaction",
    "todo list",
    "task list",
    "checklist",
    "the plan was",
    "the reminder",
    "this reminder",
    "knowledge was",
    "date and time are given",
    "the environment you",
    "the diff looks",
    "web search",
    "this user",
    "session start",
];

/// What recalls instead of knowing.
pub(super) const RECALLS: &[&str] = &[
    "memory",
    "memories",
    "recalled",
    "retrieved",
    "remembered",
    "previously",
    "previous run",
    "previous runs",
    "earlier runs",
    "prior knowledge",
    "stored preference",
    "saved preference",
    "known from before",
    "earlier session",
    "earlier sessions",
    "past session",
    "past sessions",
    "prior session",
    "prior sessions",
    "last session",
    "already stored",
    "already noted",
    "already recorded",
];

/// What memory is besides what a session remembers.
pub(super) const MACHINE_MEMORY: &[&str] = &[
    "mb",
    "gb",
    "kb",
    "memory-mapped",
    "leak",
    "leaked",
    "leaks",
    "limit",
    "limited",
    "heap",
    "ram",
    "worker",
    "cache",
];

/// How talk begins.
pub(super) const TALK: &[&str] = &[
    "hmm",
    "we can see",
    "you can see",
    "just to be sure",
    "ok",
    "okay",
    "oh",
    "ah",
    "well",
    "great",
    "nice",
    "good catch",
    "good point",
    "right",
    "as expected",
    "it looks like",
    "it seems",
    "it appears",
    "looks like",
    "looks good",
    "that did",
    "that didn't",
    "that works",
    "that was",
    "that should",
    "this means",
    "this should",
    "this works",
    "here is",
    "here are",
    "there we go",
    "interesting",
    "unfortunately",
    "fortunately",
    "finally",
    "so the",
    "and now",
    "next i",
    "next we",
];

/// What talk aims at: "… to see where".
pub(super) const AIMS: &[&str] = &[
    "to see",
    "to get",
    "to reproduce",
    "to find",
    "to check",
    "to verify",
    "to understand",
    "to confirm",
    "to look",
    "to figure out",
    "to inspect",
    "to make sure that it",
];

/// What people are said to be like.
pub(super) const TRAITS: &[&str] = &[
    "interested",
    "experienced",
    "frustrated",
    "skilled",
    "seasoned",
    "motivated",
    "excited",
    "concerned",
    "focused",
    "organized",
    "annoyed",
    "pleased",
    "worried",
    "inclined",
    "used",
];

/// Words that tell of a problem.
pub(super) const PROBLEMS: &[&str] = &[
    "fail",
    "error",
    "broke",
    "break",
    "missing",
    "wrong",
    "slow",
    "hang",
    "hung",
    "crash",
    "panic",
    "bug",
    "lost",
    "leak",
    "deadlock",
    "blank",
    "off by",
    "timed out",
    "timeout",
    "refused",
    "denied",
    "conflict",
    "not found",
    "not work",
    "didn't",
    "could not",
    "couldn't",
    "cannot",
    "can't",
    "dropped",
    "stale",
    "complain",
    "red",
    "invalid",
    "unresolved",
    "mismatch",
    "duplicate",
    "locked",
    "overflow",
    "closed too",
    "issue",
    "problem",
    "warn",
    "reject",
    "undefined",
    "null",
    "flak",
    "corrupt",
    "incorrect",
    "too early",
    "too late",
];

/// Forms by which a sentence is in the present.
pub(super) const PRESENT: &[&str] = &[
    "is", "are", "must", "may", "can", "should", "needs", "need", "go", "goes", "stay", "stays",
    "lag", "lags", "follow", "follows", "live", "lives",
];

/// Who tells what they did.
pub(super) const NARRATORS: &[&str] = &["we", "i", "they", "claude"];

/// What happens to a user of the work, without an ending in "ed".
pub(super) const PARTICIPLES: &[&str] =
    &["shown", "sent", "given", "kept", "told", "taken", "not", "known", "put"];

/// Verbs that make the word before them a noun.
pub(super) const VERBS: &[&str] =
    &["is", "are", "was", "were", "must", "live", "has", "have", "can", "should"];

/// What follows a person who is described.
pub(super) const MANNERS: &[&str] = &[
    "has",
    "may",
    "might",
    "seems",
    "went",
    "said",
    "often",
    "usually",
    "probably",
    "likely",
    "persona",
    "profile",
    "expertise",
    "background",
    "preference",
    "preferences",
];
