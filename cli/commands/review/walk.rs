//! Walking a person through what waits, one entry after the other.
//!
//! Every decision is written at once, so that stopping anywhere loses none; the draft is locked for
//! that moment only, since a person may think for long.

use std::io::{BufRead as _, Write as _};
use std::process::Command;

use garner_compiler::{PoisonLint, Redactor};
use garner_kernel::{ChannelName, Draft, Entry, FragmentId, Status, Text, Trust};

use super::{Waits, card};
use crate::conflict::Conflict;
use crate::context::Context;
use crate::error::Error;
use crate::output::{self, styled};
use crate::{files, table};

/// The longest statement, in characters.
const MAX_STATEMENT: usize = 2_000;

/// What a person may answer.
const HELP: &str = "  a  accept it: it is part of the next version
  e  accept it in other words
  d  drop it: it comes back when it is said again
  r  reject it for ever: it never comes back
  s  skip it: it goes on waiting (also an empty line)
  q  quit; what was decided is kept
";

/// What a person decided.
enum Decision {
    Accept,
    Reword(String),
    Drop,
    Reject,
}

/// How often what was decided.
#[derive(Default)]
struct Tally {
    accepted: usize,
    reworded: usize,
    dropped: usize,
    rejected: usize,
}

/// Asks about each entry that waits, and writes what was decided.
pub(super) fn walk(waits: &Waits, channel: &ChannelName, context: &Context) -> Result<(), Error> {
    let mut entries: Vec<&Entry> = waits.entries().collect();
    // What looks like an attack comes last; the rest in the order in which it was said.
    entries.sort_by_key(|entry| {
        let fragment = &entry.fragment;
        (entry.status != Status::Candidate, fragment.created, fragment.id)
    });
    let mut tally = Tally::default();
    for (number, entry) in (1..).zip(&entries) {
        let place = format!("  {number} of {}", entries.len());
        let width = context.output.look().width.unwrap_or(table::WIDTH).min(table::WIDTH);
        let card = card::long(entry, &place, &waits.known, width);
        context.output.print(&format!("\n{card}\n"))?;
        match ask(entry, context)? {
            Answer::Skip => {}
            Answer::Quit => break,
            Answer::Decided(decision) => {
                apply(&decision, entry.fragment.id, &mut tally, channel, context)?;
            }
        }
    }
    finish(&tally, waits, channel, context)
}

enum Answer {
    Decided(Decision),
    Skip,
    Quit,
}

/// Asks until there is an answer.
fn ask(entry: &Entry, context: &Context) -> Result<Answer, Error> {
    loop {
        let question = "accept, edit, drop, reject for ever, skip, quit? [a/e/d/r/s/q/?] ";
        let Some(line) = line(&styled(question, output::BOLD), context)? else {
            context.output.print("\n")?;
            return Ok(Answer::Quit);
        };
        return Ok(Answer::Decided(match line.trim().to_lowercase().as_str() {
            "a" | "accept" => Decision::Accept,
            "d" | "drop" => Decision::Drop,
            "r" | "reject" => Decision::Reject,
            "s" | "skip" | "" => return Ok(Answer::Skip),
            "q" | "quit" => return Ok(Answer::Quit),
            "e" | "edit" => match reword(entry, context)? {
                Some(words) => Decision::Reword(words),
                None => continue,
            },
            _ => {
                context.output.print(HELP)?;
                continue;
            }
        }));
    }
}

/// Prints a question and returns the line that was typed; `None` at the end of the input.
fn line(question: &str, context: &Context) -> Result<Option<String>, Error> {
    context.output.print(question)?;
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    let read = read.map_err(|e| Error::io("read", "standard input", e))?;
    Ok((read > 0).then_some(line))
}

/// Asks for other words; `None` where they stay, or cannot be taken.
fn reword(entry: &Entry, context: &Context) -> Result<Option<String>, Error> {
    let old = entry.fragment.statement.as_str();
    let words = match &context.environment.editor {
        Some(editor) => edited(editor, old)?,
        None => line("in other words (an empty line keeps these): ", context)?,
    };
    let words = words.unwrap_or_default();
    let words = words.trim();
    if words.is_empty() || words == old {
        context.output.print("The words stay as they are.\n")?;
        return Ok(None);
    }
    if words.chars().count() > MAX_STATEMENT {
        context.output.print(&format!("That is more than {MAX_STATEMENT} characters.\n"))?;
        return Ok(None);
    }
    // A person may paste what must not leave the machine, without seeing it.
    let Some(redacted) = Redactor::new()?.redact(words) else {
        context.output.print("That holds a secret, and is not taken.\n")?;
        return Ok(None);
    };
    if let Some(reason) = PoisonLint::new()?.reason(&redacted.text, Trust::Operator) {
        context.output.print(&format!("That is not taken: it {reason}.\n"))?;
        return Ok(None);
    }
    if !redacted.masked.is_empty() {
        context.output.print(&format!("Masked: {}.\n", redacted.masked.join(", ")))?;
    }
    Ok(Some(redacted.text))
}

/// Opens an editor on a text that only its owner can read, and returns what was saved.
fn edited(editor: &str, text: &str) -> Result<Option<String>, Error> {
    let io = |e| Error::io("edit", "a temporary file", e);
    let mut file =
        tempfile::Builder::new().prefix("garner-").suffix(".txt").tempfile().map_err(io)?;
    writeln!(file, "{text}").map_err(io)?;
    // The editor may be a command with arguments, as other programs take it.
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{editor} \"$1\""), "sh"]).arg(file.path());
    let status = command.status().map_err(|e| Error::io("run", editor, e))?;
    if !status.success() {
        return Ok(None);
    }
    std::fs::read_to_string(file.path()).map(Some).map_err(io)
}

/// Writes a decision; somebody else may have changed the draft meanwhile.
fn apply(
    decision: &Decision,
    id: FragmentId,
    tally: &mut Tally,
    channel: &ChannelName,
    context: &Context,
) -> Result<(), Error> {
    let _lock = files::lock(&context.draft_path(channel))?;
    let mut draft: Draft = context.draft(channel)?.unwrap_or_default();
    let (done, count, told) = match decision {
        Decision::Accept => (draft.accept(&id), &mut tally.accepted, "Accepted.\n"),
        Decision::Drop => (draft.drop_entry(&id), &mut tally.dropped, "Dropped.\n"),
        Decision::Reject => {
            (draft.reject(&id, context.now()), &mut tally.rejected, "Rejected for ever.\n")
        }
        Decision::Reword(words) => {
            let new = draft.reword(&id, Text::new(words), context.now());
            (new.is_some(), &mut tally.reworded, "Accepted in these words.\n")
        }
    };
    if !done {
        return context.output.print("It was decided meanwhile, or these words were rejected.\n");
    }
    context.save_draft(channel, &draft)?;
    *count += 1;
    context.output.print(told)
}

fn finish(
    tally: &Tally,
    waits: &Waits,
    channel: &ChannelName,
    context: &Context,
) -> Result<(), Error> {
    let Tally { accepted, reworded, dropped, rejected } = tally;
    let left = context.draft(channel)?.unwrap_or_default();
    let left = left.entries.values().filter(|entry| entry.status != Status::Active).count();
    if waits.entries().next().is_none() {
        context.output.print("Nothing waits for review.\n")?;
    } else {
        context.output.print(&format!(
            "\nAccepted {accepted}, edited {reworded}, dropped {dropped} and rejected {rejected}; \
             {left} still {}.\n",
            if left == 1 { "waits" } else { "wait" }
        ))?;
    }
    if *accepted + *reworded + *rejected > 0 {
        context.output.say(&format!("`garner publish {channel}` seals what is active."));
    }
    let conflicts = &waits.conflicts;
    context.output.print(&conflicts.iter().map(Conflict::lines).collect::<String>())?;
    super::settle(conflicts, channel, context);
    Ok(())
}
