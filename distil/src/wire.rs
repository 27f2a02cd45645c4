//! The wire types of Anthropic's Messages API, as its documentation of version 2023-06-01 has them.

use garner_compiler::distil::{Answer, DistilError, Usage};
use garner_kernel::Text;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the API, in the header `anthropic-version`.
pub(crate) const VERSION: &str = "2023-06-01";

#[derive(Debug, Serialize)]
pub(crate) struct MessageRequest<'a> {
    pub(crate) model: &'a str,
    pub(crate) max_tokens: u32,
    pub(crate) system: &'a str,
    pub(crate) messages: [InputMessage<'a>; 1],
    pub(crate) output_config: OutputConfig<'a>,
}

#[derive(Debug, Serialize)]
pub(crate) struct InputMessage<'a> {
    pub(crate) role: &'static str,
    pub(crate) content: &'a str,
}

#[derive(Debug, Serialize)]
pub(crate) struct OutputConfig<'a> {
    pub(crate) format: OutputFormat<'a>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OutputFormat<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) schema: &'a Value,
}

#[derive(Debug, Serialize)]
pub(crate) struct BatchRequest<'a> {
    pub(crate) requests: Vec<BatchItem<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct BatchItem<'a> {
    pub(crate) custom_id: String,
    pub(crate) params: MessageRequest<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    #[serde(default)]
    content: Vec<ContentBlock>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: WireUsage,
}

#[derive(Debug, Deserialize)]
struct ContentBlock {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct WireUsage {
    #[serde(rename = "input_tokens", default)]
    input: Option<u64>,
    #[serde(rename = "cache_creation_input_tokens", default)]
    cache_creation: Option<u64>,
    #[serde(rename = "cache_read_input_tokens", default)]
    cache_read: Option<u64>,
    #[serde(rename = "output_tokens", default)]
    output: Option<u64>,
}

impl WireUsage {
    /// Returns the tokens; those of a cache went in as well.
    pub(crate) fn tokens(&self) -> Usage {
        let input = [self.input, self.cache_creation, self.cache_read];
        Usage {
            input: input.into_iter().flatten().fold(0, u64::saturating_add),
            output: self.output.unwrap_or_default(),
            dollars: None,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct ErrorReply {
    pub(crate) error: ErrorBody,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ErrorBody {
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) message: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct BatchReply {
    pub(crate) id: String,
    pub(crate) processing_status: String,
    #[serde(default)]
    pub(crate) request_counts: RequestCounts,
    /// Set when its results are not kept any more.
    #[serde(default)]
    pub(crate) archived_at: Option<String>,
}

/// A page of the list of batches, newest first.
#[derive(Debug, Deserialize)]
pub(crate) struct BatchPage {
    pub(crate) data: Vec<BatchReply>,
    #[serde(default)]
    pub(crate) has_more: bool,
}

impl BatchReply {
    /// Returns whether it is done.
    pub(crate) fn has_ended(&self) -> bool {
        self.processing_status == "ended"
    }
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
pub(crate) struct RequestCounts {
    #[serde(default)]
    pub(crate) processing: u64,
    #[serde(default)]
    pub(crate) succeeded: u64,
    #[serde(default)]
    pub(crate) errored: u64,
    #[serde(default)]
    pub(crate) canceled: u64,
    #[serde(default)]
    pub(crate) expired: u64,
}

impl RequestCounts {
    /// Returns how many are done, however they ended.
    pub(crate) fn done(self) -> u64 {
        let parts = [self.succeeded, self.errored, self.canceled, self.expired];
        parts.into_iter().fold(0, u64::saturating_add)
    }

    /// Returns how many there are.
    pub(crate) fn all(self) -> u64 {
        self.done().saturating_add(self.processing)
    }
}

/// A line of the results of a batch.
#[derive(Debug, Deserialize)]
pub(crate) struct ResultLine {
    pub(crate) custom_id: String,
    pub(crate) result: BatchResult,
}

impl ResultLine {
    /// Returns the window that it is about.
    pub(crate) fn window(&self) -> &str {
        self.custom_id.split_once('-').map_or(&self.custom_id, |(window, _)| window)
    }

    /// Returns the mark of its batch.
    pub(crate) fn mark(&self) -> Option<&str> {
        self.custom_id.split_once('-').map(|(_, mark)| mark)
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum BatchResult {
    Succeeded { message: Message },
    Errored { error: ErrorReply },
    Canceled,
    Expired,
}

impl Message {
    /// Returns what a message answers to a prompt.
    pub(crate) fn answer(self) -> Result<Answer, DistilError> {
        let usage = self.usage.tokens();
        match self.stop_reason.as_deref() {
            Some("end_turn" | "stop_sequence") => {
                let texts = self.content.into_iter().filter(|block| block.kind == "text");
                let text: String = texts.map(|block| block.text).collect();
                Ok(Answer { text: Text::new(text), usage })
            }
            Some("refusal") => Err(DistilError::Refused { usage }),
            Some("max_tokens" | "model_context_window_exceeded") => {
                Err(DistilError::CutOff { usage })
            }
            other => {
                let reason = format!("it stopped for `{}`", other.unwrap_or("no reason"));
                Err(DistilError::Unanswered { reason })
            }
        }
    }
}
