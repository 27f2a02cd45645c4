//! What a server knows of a model: the reply to `/api/show`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

/// The most control tokens that are taken from a template, and the longest, in bytes.
const MAX_TOKENS: usize = 64;
const MAX_TOKEN: usize = 40;

/// What a server knows of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelFacts {
    /// The system prompt of its Modelfile.
    pub system: Option<String>,
    /// The context size that its Modelfile sets, in tokens.
    pub context: Option<u32>,
    /// The largest context that it was made for, in tokens.
    pub trained: Option<u32>,
    /// Whether prompts leave this machine: the model runs at a third party.
    pub remote: bool,
    /// What its template marks roles with.
    pub control: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct ShowReply {
    #[serde(default)]
    system: Option<String>,
    #[serde(default)]
    parameters: Option<String>,
    #[serde(default)]
    template: Option<String>,
    #[serde(default)]
    remote_host: Option<String>,
    #[serde(default)]
    model_info: Option<BTreeMap<String, Value>>,
}

impl ModelFacts {
    /// Reads the reply about the model that was named `model`.
    pub(crate) fn of(model: &str, show: ShowReply) -> Self {
        let remote = is_cloud(model) || show.remote_host.is_some_and(|host| !host.is_empty());
        let info = show.model_info.unwrap_or_default();
        let trained = info.iter().find(|(key, _)| key.ends_with(".context_length"));
        Self {
            system: show.system.filter(|system| !system.is_empty()),
            context: show.parameters.as_deref().and_then(context_size),
            trained: trained.and_then(|(_, size)| u32::try_from(size.as_u64()?).ok()),
            remote,
            control: show.template.as_deref().map(control_tokens).unwrap_or_default(),
        }
    }
}

/// Returns whether a name is one of those under which Ollama offers models of its own cloud.
pub(crate) fn is_cloud(model: &str) -> bool {
    model.ends_with(":cloud") || model.ends_with("-cloud")
}

/// Returns the context size out of a Modelfile's parameters (`num_ctx 8192`).
fn context_size(parameters: &str) -> Option<u32> {
    let value = |line: &str| line.trim().strip_prefix("num_ctx")?.trim().parse().ok();
    parameters.lines().find_map(value)
}

/// Returns what looks like a control token in a template: `<…>` and `[…]` without spaces, outside the
/// template's own code.
fn control_tokens(template: &str) -> Vec<String> {
    let mut tokens = BTreeSet::new();
    for text in template.split("{{").map(|part| part.rsplit("}}").next().unwrap_or(part)) {
        for (open, close) in [('<', '>'), ('[', ']')] {
            for part in text.split(open).skip(1) {
                let Some((inner, _)) = part.split_once(close) else { continue };
                let plain = !inner.contains(|c: char| c.is_whitespace() || "{}<>[]".contains(c));
                if plain && (2..=MAX_TOKEN).contains(&inner.len()) && tokens.len() < MAX_TOKENS {
                    tokens.insert(format!("{open}{inner}{close}"));
                }
            }
        }
    }
    tokens.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(model: &str, json: &str) -> ModelFacts {
        ModelFacts::of(model, serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_reply_tells_system_contexts_and_control_tokens() {
        let found = facts(
            "m",
            r#"{"system":"Be brief.","parameters":"stop \"x\"\nnum_ctx   8192","remote_host":"",
                "template":"{{ .System }}<|turn|>{{ if .P }}[ASK] <a b> [x]{{ end }}<|turn|><fim>",
                "model_info":{"general.name":"x","llama.context_length":131072}}"#,
        );
        let expected = ModelFacts {
            system: Some("Be brief.".into()),
            context: Some(8192),
            trained: Some(131_072),
            remote: false,
            control: vec!["<fim>".into(), "<|turn|>".into(), "[ASK]".into()],
        };
        assert_eq!(found, expected);
        assert_eq!(facts("m", r#"{"system":""}"#), ModelFacts::default());
    }

    #[test]
    fn a_model_of_a_third_party_is_known_by_name_or_host() {
        for (model, json, remote) in [
            ("gpt-oss:120b-cloud", "{}", true),
            ("kimi:cloud", "{}", true),
            ("mine", r#"{"remote_host":"https://ollama.example"}"#, true),
            ("cloudy", "{}", false),
        ] {
            assert_eq!(facts(model, json).remote, remote, "{model}");
        }
    }
}
