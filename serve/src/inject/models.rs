//! What the server says of the models that are asked, kept for a moment.
//!
//! A model is known by its digest: its settings are asked for again when the digest changes, and the
//! digest is looked at every two seconds of use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, timeout};

use crate::facts::ModelFacts;
use crate::ollama::Ollama;

/// How long an answer is believed.
const FRESH: Duration = Duration::from_secs(2);
/// How long the server may take, in the background.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most models that are kept.
const MOST: usize = 64;

/// What is known of a model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) facts: Arc<ModelFacts>,
    /// The context size with which it runs, in tokens.
    pub(crate) running: Option<u32>,
    /// How far its prompts were underestimated.
    pub(crate) scale: Scale,
}

/// By how much the tokens of prompts are estimated too low; it only grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale(f64);

/// The largest scale: what says more counts something else.
const MOST_SCALE: f64 = 4.0;

impl Default for Scale {
    fn default() -> Self {
        Self(1.0)
    }
}

impl Scale {
    /// Returns the tokens that a prompt takes which is estimated at so many.
    pub(crate) fn apply(self, tokens: usize) -> usize {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate, at most four times a length"
        )]
        let scaled = (tokens as f64 * self.0).ceil() as usize;
        scaled
    }

    /// Learns what a prompt took that was estimated.
    fn learn(&mut self, estimated: usize, counted: usize) {
        #[expect(clippy::cast_precision_loss, reason = "numbers of tokens")]
        let found = counted as f64 / estimated.max(1) as f64;
        self.0 = self.0.max(found.min(MOST_SCALE));
    }
}

/// The models that were asked.
#[derive(Debug)]
pub(crate) struct Models {
    ollama: Ollama,
    known: Mutex<HashMap<String, Entry>>,
    /// One look at a time: whoever waits finds what the other brought.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    at: Option<Instant>,
    digest: Option<String>,
    model: Model,
}

impl Models {
    pub(crate) fn new(ollama: Ollama) -> Self {
        Self { ollama, known: Mutex::default(), looking: tokio::sync::Mutex::default() }
    }

    /// Returns what is known of a model, if the server says it before `deadline`; what it says later
    /// is there for the next request.
    pub(crate) async fn model(self: &Arc<Self>, name: &str, deadline: Instant) -> Option<Model> {
        if let Some(model) = self.fresh(name) {
            return Some(model);
        }
        let (models, name) = (Arc::clone(self), name.to_owned());
        let look = tokio::spawn(async move {
            let _one = models.looking.lock().await;
            if let Some(model) = models.fresh(&name) {
                return Some(model);
            }
            timeout(PATIENCE, models.look(&name)).await.ok()?
        });
        tokio::time::timeout_at(deadline, look).await.ok()?.ok()?
    }

    /// Learns from the last line of an answer to a prompt that was estimated at so many tokens.
    pub(crate) fn learn(&self, name: &str, estimated: usize, line: &[u8]) {
        let Ok(Last { prompt_eval_count: Some(counted) }) = serde_json::from_slice(line) else {
            return;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.get_mut(name) {
            entry.model.scale.learn(estimated, counted);
        }
    }

    fn fresh(&self, name: &str) -> Option<Model> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.get(name)?;
        let fresh = entry.at.is_some_and(|at| at.elapsed() < FRESH);
        fresh.then(|| entry.model.clone())
    }

    fn entry(&self, name: &str) -> Entry {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).cloned().unwrap_or_default()
    }

    /// Asks the server.
    async fn look(&self, name: &str) -> Option<Model> {
        let before = self.entry(name);
        let (digest, running) =
            tokio::join!(self.ollama.digest(name), self.ollama.running_context(name));
        let (digest, running) = (digest.ok()?, running.ok().flatten());
        let same = digest.is_some() && digest == before.digest;
        let facts =
            if same { before.model.facts } else { Arc::new(self.ollama.show(name).await.ok()?) };
        // What was learned in the meantime counts.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = known.get(name).map(|entry| entry.model.scale).filter(|_| same);
        let model = Model { facts, running, scale: learned.unwrap_or_default() };
        if known.len() >= MOST {
            known.clear();
        }
        let entry = Entry { at: Some(Instant::now()), digest, model: model.clone() };
        known.insert(name.to_owned(), entry);
        Some(model)
    }
}

#[derive(Deserialize)]
struct Last {
    #[serde(default)]
    prompt_eval_count: Option<usize>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns the scale of a model whose prompt took `counted` tokens.
    pub(crate) fn learned(estimated: usize, counted: usize) -> Scale {
        let mut scale = Scale::default();
        scale.learn(estimated, counted);
        scale
    }

    #[test]
    fn a_scale_only_grows_and_has_an_end() {
        let mut scale = Scale::default();
        for (estimated, counted, expected) in
            [(100, 80, 1000), (100, 150, 1500), (100, 120, 1500), (1, 900, 4000), (0, 0, 4000)]
        {
            scale.learn(estimated, counted);
            assert_eq!(scale.apply(1000), expected, "{estimated} {counted}");
        }
    }
}
