//! The files that are made, byte by byte.
//!
//! The formats are those of <https://code.claude.com/docs/en/plugins-reference>, `/hooks`, `/skills`
//! and `/memory`: docs/setup.md says which facts they rest on.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::splice::{self, Hook, MARK};

/// The events that are listened to where every version knows them.
const EVENTS: [&str; 3] = ["SessionStart", "Stop", "SessionEnd"];
/// An event that older versions refuse to read settings for.
const COMPACTION: &str = "PostCompact";

/// How hooks start Garner.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The path of the program, or its name.
    name: String,
    /// The options that every call of it gets.
    options: String,
}

impl Program {
    /// Returns the program of this path, or of this name.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: quoted(name), options: String::new() }
    }

    /// Returns the program with an option and its value.
    pub(crate) fn with(mut self, option: &str, value: &str) -> Self {
        self.options.push_str(&format!(" {option} {}", quoted(value)));
        self
    }

    /// A command that does nothing and succeeds where the program is not there.
    fn hook(&self, event: &'static str) -> Hook {
        let Self { name, options } = self;
        let command = format!(
            "command -v {name} >/dev/null 2>&1 && exec {name} hook {event}{options}; exit 0{MARK}"
        );
        Hook { event, command }
    }

    /// A command that becomes the server of tools.
    fn server(&self) -> String {
        let Self { name, options } = self;
        format!("exec {name} mcp{options}")
    }
}

/// Returns the programs that hooks of ours start, by the text of the file that they stand in.
pub(super) fn programs(text: &str) -> Vec<PathBuf> {
    let starts = text.split("command -v ").skip(1);
    let words = starts.filter_map(|rest| rest.split_once(" >/dev/null").map(|(word, _)| word));
    // In JSON the backslash before a quote in quotes stands twice.
    let unquoted = |word: &str| {
        let parts = word.split("'\\\\''").map(|part| part.replace('\'', ""));
        PathBuf::from(parts.collect::<Vec<_>>().join("'"))
    };
    words.map(unquoted).collect()
}

/// Returns what tells Claude Code that a folder is a plugin.
pub(super) fn plugin() -> String {
    text(&json!({
        "name": "garner",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Remembers across sessions what was decided, corrected and learned",
        "license": env!("CARGO_PKG_LICENSE"),
        "keywords": ["memory", "recall"],
    }))
}

/// Returns the hooks of the plugin.
pub(super) fn plugin_hooks(program: &Program) -> String {
    let mut events = serde_json::Map::new();
    for event in EVENTS.into_iter().chain([COMPACTION]) {
        events.insert(event.to_owned(), json!([splice::group(&program.hook(event))]));
    }
    text(&json!({ "hooks": events }))
}

/// Returns the servers of tools of the plugin; a shell reads the command, as it reads those of hooks.
pub(super) fn plugin_servers(program: &Program) -> String {
    let server = json!({ "command": "sh", "args": ["-c", program.server()] });
    text(&json!({ "mcpServers": { "garner": server } }))
}

/// Returns the hooks that are put into settings.
///
/// The text of a compaction is in the transcript as well, so that event is left out: versions that
/// do not know it would pass over the whole file.
pub(super) fn settings_hooks(program: &Program) -> Vec<Hook> {
    EVENTS.into_iter().map(|event| program.hook(event)).collect()
}

/// Returns the hooks of a repository.
///
/// A machine in a cloud knows nothing yet that a session could be told; on others the person's own
/// hooks tell it, and twice would be too much.
pub(super) fn repository_hooks() -> Vec<Hook> {
    let mut hooks = settings_hooks(&Program::new("garner"));
    hooks.retain(|hook| hook.event != "SessionStart");
    hooks
}

/// Returns the skill that recalls.
pub(super) fn skill(name: &str) -> String {
    format!(
        "---\nname: {name}\ndescription: Recalls what earlier sessions decided, corrected and \
         learned. Use it before a decision that may have been made already, when the person refers \
         to earlier work, or when it is asked how something is done here.\nallowed-tools: \
         Bash(garner recall:*), Bash(garner fragment show:*)\n---\n\n{}",
        include_str!("texts/recall.md")
    )
}

/// Returns what a session is told about Garner in every prompt.
///
/// It stands in a block of ours, so that it is never learned as if a person had said it.
pub(super) fn rules(more: &str) -> String {
    let id = "setup";
    let text = include_str!("texts/rules.md");
    format!("<garner-memory id=\"{id}\">\n\n{text}{more}\n</garner-memory id=\"{id}\">\n")
}

/// Returns what a session in a repository for cloud sessions is told.
pub(super) fn cloud_rules() -> String {
    rules(include_str!("texts/cloud.md"))
}

/// Returns the file of those who can open a proposal.
pub(super) fn recipients(readers: &[(String, String)]) -> String {
    let lines = readers.iter().map(|(key, name)| format!("{key} {name}\n"));
    format!("{}{}", include_str!("texts/recipients.txt"), lines.collect::<String>())
}

/// Returns a word as a shell takes it, whatever is in it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_a_program_as_they_are() {
        for (word, expected) in [
            ("/usr/bin/garner", "/usr/bin/garner"),
            ("/home/a b/garner", "'/home/a b/garner'"),
            ("it's", "'it'\\''s'"),
            ("$(rm)", "'$(rm)'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn a_hook_looks_for_the_program_before_it_runs_it() {
        let program = Program::new("/opt/garner").with("--store", "/my store");
        assert_eq!(
            program.hook("Stop").command,
            "command -v /opt/garner >/dev/null 2>&1 && exec /opt/garner hook Stop --store '/my \
             store'; exit 0 # garner"
        );
    }

    #[test]
    fn the_program_of_a_hook_is_found_in_its_file() {
        for name in ["/opt/garner", "/home/a b/garner", "/it's/garner", "garner"] {
            let text = plugin_hooks(&Program::new(name));
            assert_eq!(programs(&text), vec![PathBuf::from(name); 4], "{text}");
        }
        assert_eq!(programs("nothing of ours"), Vec::<PathBuf>::new());
    }

    #[test]
    fn settings_leave_out_what_old_versions_refuse() {
        let events = settings_hooks(&Program::new("garner")).into_iter().map(|hook| hook.event);
        assert!(!events.collect::<Vec<_>>().contains(&COMPACTION));
        assert!(plugin_hooks(&Program::new("garner")).contains(COMPACTION));
    }
}
