//! Conversations with local models, as a proxy heard them, until they are compiled.
//!
//! One file for each, for its owner alone, in the layout of a claude.ai export: the compiler knows
//! whose words are whose there. It is written anew with each turn. Where a conversation goes on after
//! it was compiled it is there again, whole; what was learned from it is learned once.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use garner_kernel::Digest;
use garner_loader::inject::Prefix;
use garner_serve::{Keep, Said, Speaker};
use serde_json::{Value, json};

use super::file;
use crate::context::{Context, Environment};
use crate::error::Error;
use crate::setup::disk::{self, Content};

/// The folder of the conversations.
const FOLDER: &str = "conversations";
/// How many conversations may wait: nobody compiles where there are more.
const MOST: usize = 4_096;
/// How many bytes they may take together.
const BYTES: u64 = 64 << 20;
/// Only its owner reads what was said.
const MODE: u32 = 0o600;
/// Of how many turns it is known when they were said.
const TURNS: usize = 65_536;

/// Returns what keeps conversations that a proxy hears.
pub(crate) fn keep_conversations(context: &Context) -> Keep {
    let folder = super::folder(&context.places).join(FOLDER);
    let mut keeper =
        Keeper { folder, environment: context.environment.clone(), said_at: BTreeMap::new() };
    Box::new(move |said| match keeper.keep(said) {
        Ok(kept) => kept,
        Err(error) => {
            tracing::warn!(%error, "a conversation was not kept");
            false
        }
    })
}

struct Keeper {
    folder: PathBuf,
    environment: Environment,
    /// When turns were said, by their ids: a file that was compiled is gone.
    said_at: BTreeMap<String, String>,
}

impl Keeper {
    /// Writes a conversation as far as it went, and returns whether there was room for it.
    fn keep(&mut self, said: &[Said]) -> Result<bool, Error> {
        let (id, earlier) = ids(said);
        let path = self.folder.join(format!("{id}.json"));
        file::make_folder(&self.folder).map_err(|e| Error::io("create folder", &self.folder, e))?;
        if !path.exists() && !self.has_room()? {
            return Ok(false);
        }
        self.recollect(&path);
        let earlier = earlier.map(|earlier| self.folder.join(format!("{earlier}.json")));
        if let Some(earlier) = &earlier {
            self.recollect(earlier);
        }
        let text = self.text(&id, said);
        disk::write(&path, &Content { bytes: text.into_bytes(), mode: MODE })?;
        // What stood there as long as nothing else was asked is in the other file now.
        if let Some(earlier) = earlier {
            remove(&earlier)?;
        }
        Ok(true)
    }

    fn has_room(&self) -> Result<bool, Error> {
        let waiting = list(&self.folder)?;
        let bytes: u64 = waiting.iter().map(|(_, stamp)| stamp.0).sum();
        Ok(waiting.len() < MOST && bytes < BYTES)
    }

    /// Reads when the turns of a file were said; of one that cannot be read nothing is known.
    fn recollect(&mut self, path: &Path) {
        let Ok(bytes) = fs::read(path) else { return };
        let known: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let messages = known.get("chat_messages").and_then(Value::as_array);
        for message in messages.into_iter().flatten() {
            let word = |name: &str| message.get(name).and_then(Value::as_str).map(str::to_owned);
            if let (Some(id), Some(at)) = (word("uuid"), word("created_at")) {
                self.said_at.entry(id).or_insert(at);
            }
        }
    }

    fn text(&mut self, id: &str, said: &[Said]) -> String {
        if self.said_at.len() > TURNS {
            self.said_at.clear();
        }
        let now = self.environment.now().to_string();
        let mut prefix = start();
        let mut messages = Vec::new();
        for Said { speaker, text } in said {
            prefix = prefix.then(word(*speaker), text);
            let id = hex(&prefix);
            let at = self.said_at.entry(id.clone()).or_insert_with(|| now.clone()).clone();
            messages.push(match speaker {
                // What a tool brought is no word of anybody's, and taints what follows.
                Speaker::Tool => json!({
                    "uuid": id, "sender": "assistant", "created_at": at,
                    "content": [{ "type": "tool_use", "name": "tool of a local model" }],
                }),
                _ => json!({
                    "uuid": id, "sender": word(*speaker), "created_at": at, "text": text,
                }),
            });
        }
        let started = messages.first().and_then(|first| first.get("created_at"));
        let name = format!("local-{id}");
        format!("{:#}\n", json!({ "uuid": name, "created_at": started, "chat_messages": messages }))
    }
}

/// Returns the id of a conversation, and the one that it had when only its first question was known.
///
/// It is named for all up to its second question: those that begin alike part there.
fn ids(said: &[Said]) -> (String, Option<String>) {
    let mut prefix = start();
    let mut first = None;
    for said in said {
        prefix = prefix.then(word(said.speaker), &said.text);
        match (said.speaker, &first) {
            (Speaker::Person, Some(_)) => return (hex(&prefix), first),
            (Speaker::Person, None) => first = Some(hex(&prefix)),
            (Speaker::Model | Speaker::Tool, _) => {}
        }
    }
    (first.unwrap_or_else(|| hex(&prefix)), None)
}

/// Returns what stands before the first turn: a turn has the same id in every file that holds it.
fn start() -> Prefix {
    Prefix::start("garner.conversation")
}

/// Returns the word that stands for a speaker in an export.
const fn word(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Person => "human",
        Speaker::Model => "assistant",
        Speaker::Tool => "tool",
    }
}

fn hex(prefix: &Prefix) -> String {
    Digest::of(prefix.as_bytes()).to_string().chars().take(24).collect()
}

/// Size and time of a file, by which it is known not to have changed.
type Stamp = (u64, Option<SystemTime>);

/// The conversations that wait to be compiled.
#[derive(Debug, Default)]
pub(super) struct Waiting(Vec<(PathBuf, Stamp)>);

impl Waiting {
    /// Looks for them in the folder of the spool.
    pub(super) fn find(spool: &Path) -> Result<Self, Error> {
        list(&spool.join(FOLDER)).map(Self)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.0.iter().map(|(path, _)| path.clone())
    }

    /// Removes those that were compiled, and returns whether all of them could be: one that went on
    /// meanwhile stays.
    pub(super) fn remove(self) -> Result<bool, Error> {
        let mut all = true;
        for (path, stamp) in self.0 {
            match fs::metadata(&path) {
                Ok(metadata) if stamp_of(&metadata) != stamp => all = false,
                _ => remove(&path)?,
            }
        }
        Ok(all)
    }
}

fn list(folder: &Path) -> Result<Vec<(PathBuf, Stamp)>, Error> {
    let listed = |e| Error::io("list", folder, e);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(listed(e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(listed)?;
        let path = entry.path();
        // One that is just being written has another ending, and one that is gone is compiled.
        if path.extension().is_some_and(|ending| ending == "json")
            && let Ok(metadata) = entry.metadata()
        {
            found.push((path, stamp_of(&metadata)));
        }
    }
    found.sort();
    Ok(found)
}

fn stamp_of(metadata: &fs::Metadata) -> Stamp {
    (metadata.len(), metadata.modified().ok())
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[&str]) -> Vec<Said> {
        let speaker = |number: usize| match number % 2 {
            0 => Speaker::Person,
            _ => Speaker::Model,
        };
        let turn = |(number, text): (usize, &&str)| Said {
            speaker: speaker(number),
            text: (*text).to_owned(),
        };
        words.iter().enumerate().map(turn).collect()
    }

    #[test]
    fn a_conversation_keeps_its_id_from_its_second_question_on() {
        let (first, none) = ids(&said(&["hi"]));
        assert_eq!(none, None);
        let (id, earlier) = ids(&said(&["hi", "Hello.", "go on"]));
        assert_eq!(earlier, Some(first.clone()));
        assert_ne!(id, first);
        let longer = ids(&said(&["hi", "Hello.", "go on", "Well.", "and on"]));
        assert_eq!(longer, (id.clone(), Some(first.clone())));
        // The same beginning, and another question.
        let (other, earlier) = ids(&said(&["hi", "Hello.", "stop"]));
        assert!(other != id && earlier == Some(first), "{other}");
    }
}
