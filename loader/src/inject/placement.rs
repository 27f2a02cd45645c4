//! Where the blocks stand in the messages of a chat.

use garner_kernel::Text;

use crate::inject::block::Injection;

/// Who speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The instructions of the operator.
    System,
    /// The person who asks.
    User,
    /// The model, in what it answered before.
    Assistant,
}

impl Role {
    /// Returns the word that stands for the role in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: Text,
}

/// Returns the messages that ask `question` with an injection.
///
/// A system message of ours replaces the Modelfile's, so `system` has to carry that text; the core
/// follows it and is the same for every question. What was recalled stands before the question.
/// Without system text and core there is no system message, and an empty injection changes nothing.
pub fn place(system: Option<&str>, injection: &Injection, question: &str) -> Vec<Message> {
    let system = join([system.unwrap_or_default(), injection.core.text()]);
    let user = join([injection.recalled.text(), question]);
    let mut messages = Vec::new();
    if !system.is_empty() {
        messages.push(Message { role: Role::System, content: Text::new(system) });
    }
    messages.push(Message { role: Role::User, content: Text::new(user) });
    messages
}

/// Joins the parts that are not empty by an empty line.
fn join(parts: [&str; 2]) -> String {
    let there: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    there.join("\n\n")
}
