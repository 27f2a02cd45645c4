//! What is said in conversations that pass, for whoever wants to learn from it.
//!
//! A request holds its whole conversation but for the answer, so requests are enough: each says it
//! again with one turn more. It is read on a thread of its own, from the bytes of the client, in
//! which nothing of ours stands yet. A request never waits for that; what does not fit into the queue
//! is lost, and counted.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::edit::{self, Role, Route};
use crate::error::Error;
use crate::metrics::Metrics;

/// The largest request that is listened to, in bytes.
const MOST: usize = 1 << 20;
/// How many requests may wait.
const QUEUE: usize = 64;
/// How prompts begin that Open WebUI makes by itself, for titles and the like.
const OF_A_PROGRAM: &str = "### Task:";

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The person who asks.
    Person,
    /// The model.
    Model,
    /// A tool, or somebody whom only the server knows.
    Tool,
}

/// One turn of a conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct Said {
    /// Who said it.
    pub speaker: Speaker,
    /// What was said.
    pub text: String,
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({} bytes)", self.speaker, self.text.len())
    }
}

/// A conversation as far as it went, on a thread of its own; returns whether it was kept.
pub type Keep = Box<dyn FnMut(&[Said]) -> bool + Send>;

/// The thread that listens.
pub(crate) struct Listener {
    /// Requests, and nothing where it is to end.
    heard: SyncSender<Option<(Route, Bytes)>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    metrics: Arc<Metrics>,
}

impl Listener {
    /// Starts it.
    ///
    /// # Errors
    /// [`Error::Thread`] if the system has no thread left.
    pub(crate) fn start(mut keep: Keep, metrics: Arc<Metrics>) -> Result<Self, Error> {
        let (heard, waiting) = sync_channel::<Option<(Route, Bytes)>>(QUEUE);
        let counted = Arc::clone(&metrics);
        let thread = thread::Builder::new().name("garner-learn".to_owned()).spawn(move || {
            while let Ok(Some((route, body))) = waiting.recv() {
                let Some(conversation) = conversation(route, &body) else { continue };
                if keep(&conversation) {
                    counted.conversations_kept.add(1);
                } else {
                    counted.conversations_lost.add(1);
                }
            }
        });
        let thread = Mutex::new(Some(thread.map_err(Error::Thread)?));
        Ok(Self { heard, thread, metrics })
    }

    /// Hands it the body of a request.
    pub(crate) fn hear(&self, route: Route, body: &Bytes) {
        if route == Route::Generate {
            // No conversation: what completes code asks this way.
            return;
        }
        if body.len() > MOST || self.heard.try_send(Some((route, body.clone()))).is_err() {
            self.metrics.conversations_lost.add(1);
        }
    }

    /// Lets it finish what waits, and waits for it; requests that come later are lost.
    pub(crate) fn finish(&self) {
        // One that ended already has nothing left to finish, nor has one that panicked.
        let _ = self.heard.send(None);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = thread.map(JoinHandle::join);
    }
}

/// What only programs ask for: answers of a form, and tools. Agents put more into messages of a person
/// than the person says.
#[derive(Deserialize)]
struct Shape {
    #[serde(default)]
    format: Option<IgnoredAny>,
    #[serde(default)]
    response_format: Option<IgnoredAny>,
    #[serde(default)]
    tools: Option<Vec<IgnoredAny>>,
}

/// Returns what was said; `None` where no person speaks last, or a program speaks for one.
fn conversation(route: Route, body: &[u8]) -> Option<Vec<Said>> {
    let mut first = serde_json::Deserializer::from_slice(body);
    let shape = Shape::deserialize(&mut first).ok()?;
    let has_tools = shape.tools.is_some_and(|tools| !tools.is_empty());
    if shape.format.is_some() || shape.response_format.is_some() || has_tools {
        return None;
    }
    let asked = edit::read(route, body).ok()?;
    let is_person = |role: Role| role == Role::User;
    let person = asked.turns.iter().find(|turn| is_person(turn.role))?;
    let speaks_last = asked.turns.last().is_some_and(|turn| is_person(turn.role));
    if !speaks_last || person.text.trim_start().starts_with(OF_A_PROGRAM) {
        return None;
    }
    let said = |turn: edit::Turn| {
        let speaker = match turn.role {
            Role::System => return None,
            Role::User => Speaker::Person,
            Role::Assistant => Speaker::Model,
            Role::Other => Speaker::Tool,
        };
        Some(Said { speaker, text: turn.text })
    };
    Some(asked.turns.into_iter().filter_map(said).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(route: Route, body: &str) -> Option<String> {
        let said = conversation(route, body.as_bytes())?;
        let lines = said.iter().map(|said| format!("{:?}: {}", said.speaker, said.text));
        Some(lines.collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_conversation_is_what_people_and_models_said() {
        let body = r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},
            {"role":"user","content":"hi"},{"role":"assistant","content":"Hello."},
            {"role":"tool","content":"42"},{"role":"user","content":"go on"}]} trailing"#;
        let expected = "Person: hi\nModel: Hello.\nTool: 42\nPerson: go on";
        assert_eq!(heard(Route::Chat, body).as_deref(), Some(expected));
        let parts = r#"{"model":"m","tools":[],"system":"x","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#;
        assert_eq!(heard(Route::Messages, parts).as_deref(), Some("Person: hi"));
        let input = r#"{"model":"m","instructions":"x","input":"hi"}"#;
        assert_eq!(heard(Route::Responses, input).as_deref(), Some("Person: hi"));
    }

    #[test]
    fn what_programs_ask_is_not_listened_to() {
        for body in [
            r#"{"model":"m","format":"json","messages":[{"role":"user","content":"hi"}]}"#,
            r#"{"model":"m","response_format":{"type":"json_object"},"messages":[{"role":"user","content":"hi"}]}"#,
            r####"{"model":"m","messages":[{"role":"user","content":"### Task:\nGenerate a title."}]}"####,
            r#"{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"Hel"}]}"#,
            r#"{"model":"m","tools":[{}],"messages":[{"role":"user","content":"hi"}]}"#,
            r#"{"model":"m","messages":[{"role":"system","content":"hi"}]}"#,
            r#"{"model":"m","messages":[]}"#,
            "not json",
        ] {
            assert_eq!(heard(Route::Chat, body), None, "{body}");
        }
    }
}
