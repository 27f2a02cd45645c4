//! What a request asks, and where text can be put into it.

use garner_loader::inject::estimate;

use super::fields::{Object, Quoted, Value};

/// The tokens that a picture may take: more than those of common models.
const PICTURE: usize = 1_600;
/// The tokens of the marks around a message.
const MARKS: usize = 8;

/// What a request asks of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The model, as the client names it.
    pub model: String,
    /// The context that the request asks for, in tokens.
    pub num_ctx: Option<usize>,
    /// The longest answer, in tokens.
    pub num_predict: Option<usize>,
    /// Where the core goes.
    pub system: Place,
    /// What was said so far, oldest first.
    pub turns: Vec<Turn>,
    /// About how many tokens all of it takes: messages, tools, pictures.
    pub tokens: usize,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub text: String,
    /// The offset in the body at which text comes before what is said; `None` where there is none.
    pub at: Option<usize>,
}

/// Who speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The instructions.
    System,
    /// The person who asks.
    User,
    /// The model.
    Assistant,
    /// A tool, or a role that only the server knows.
    Other,
}

impl Role {
    pub(super) fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "system" => Self::System,
            "user" => Self::User,
            "assistant" => Self::Assistant,
            _ => Self::Other,
        }
    }

    /// Returns the word that stands for the role.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Other => "other",
        }
    }
}

/// Where the core goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At the end of the client's own system text.
    End {
        /// The offset of its closing quote.
        at: usize,
        /// The text; never empty where `modelfile`.
        text: String,
    },
    /// Into an empty string, for which the server takes the Modelfile's text.
    Empty {
        /// The offset between its quotes.
        at: usize,
    },
    /// Into a string that is not there, between `before` and `after`; the server takes the
    /// Modelfile's text as long as it is not.
    Absent {
        /// The offset in the body.
        at: usize,
        /// What comes before the string.
        before: &'static str,
        /// What comes after it.
        after: &'static str,
    },
    /// Nowhere: a second system message would be refused.
    Nowhere,
}

impl Place {
    /// Returns whether the server takes the system text of the Modelfile.
    pub const fn leaves_modelfile(&self) -> bool {
        matches!(self, Self::Empty { .. } | Self::Absent { .. })
    }

    /// Returns the place of a member that holds the system text of a request.
    pub(super) fn of_member(request: &Object<'_>, name: &str, before: &'static str) -> Self {
        match request.get(name).map(Value::text) {
            None => Self::Absent { at: request.start(), before, after: "," },
            Some(Some(text)) if text.text.is_empty() => Self::Empty { at: text.end },
            Some(Some(text)) => Self::End { at: text.end, text: text.text },
            Some(None) => Self::Nowhere,
        }
    }

    /// Returns the client's own system text.
    pub fn text(&self) -> &str {
        match self {
            Self::End { text, .. } => text,
            _ => "",
        }
    }
}

/// Why a request is passed on as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// The body is not what the route takes; the server says so.
    Unparsable,
    /// Nothing is asked: the model is loaded or unloaded.
    Load,
    /// The prompt goes to the model without a template.
    Raw,
    /// The model fills a gap.
    Suffix,
    /// The prompt goes on from tokens of an earlier answer.
    Context,
}

impl Unread {
    /// Returns the word that stands for the reason in headers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unparsable => "unparsable",
            Self::Load => "load",
            Self::Raw => "raw",
            Self::Suffix => "suffix",
            Self::Context => "context",
        }
    }
}

/// Returns the model that a request names.
pub(super) fn model(request: &Object<'_>) -> Result<String, Unread> {
    let model = request.text("model").map(|text| text.text).filter(|model| !model.is_empty());
    model.ok_or(Unread::Unparsable)
}

/// Returns a number above zero of the request's options.
pub(super) fn option(request: &Object<'_>, name: &str) -> Option<usize> {
    request.get("options")?.object()?.count(name)
}

/// Returns about how many tokens the tools take that a request offers.
pub(super) fn tools(request: &Object<'_>) -> usize {
    request.get("tools").map_or(0, |tools| estimate(tools.raw()))
}

/// Adds up the tokens of messages and of `more`.
pub(super) fn total(turns: &[Turn], more: usize) -> usize {
    turns.iter().map(|turn| estimate(&turn.text) + MARKS).sum::<usize>() + more
}

/// Returns the tokens of the pictures of a message.
pub(super) fn pictures(message: &Object<'_>) -> usize {
    message.get("images").and_then(Value::list).map_or(0, |list| list.len() * PICTURE)
}

/// What a message says, whether it is one string or a list of parts.
pub(super) struct Said {
    /// All texts, one after the other.
    pub(super) text: String,
    /// The first text.
    pub(super) first: Option<Quoted>,
    /// The last text.
    pub(super) last: Option<Quoted>,
    /// The tokens of what is not text.
    pub(super) more: usize,
    /// Whether it answers a tool call.
    pub(super) of_tool: bool,
}

impl Said {
    /// Reads the content of a message; `None` if it is neither string nor list.
    pub(super) fn read(content: Option<Value<'_>>) -> Option<Self> {
        let mut said =
            Self { text: String::new(), first: None, last: None, more: 0, of_tool: false };
        let Some(content) = content else { return Some(said) };
        if let Some(text) = content.text() {
            said.add(text);
            return Some(said);
        }
        for part in content.list()? {
            said.add_part(part);
        }
        Some(said)
    }

    fn add(&mut self, text: Quoted) {
        self.text.push_str(&text.text);
        self.first.get_or_insert_with(|| text.clone());
        self.last = Some(text);
    }

    fn add_part(&mut self, part: Value<'_>) {
        let Some(object) = part.object() else { return };
        let kind = object.text("type").map(|text| text.text).unwrap_or_default();
        match (kind.as_str(), object.text("text")) {
            ("text" | "input_text" | "output_text", Some(text)) => self.add(text),
            ("image" | "image_url" | "input_image", _) => self.more += PICTURE,
            (kind, _) => {
                self.of_tool |= kind == "tool_result";
                self.more += estimate(part.raw());
            }
        }
    }

    /// Returns the turn of a message that `role` says.
    pub(super) fn turn(&self, role: Role) -> Turn {
        // What answers a tool is no question.
        let role = if self.of_tool && role == Role::User { Role::Other } else { role };
        Turn { role, text: self.text.clone(), at: self.first.as_ref().map(|text| text.start) }
    }
}
