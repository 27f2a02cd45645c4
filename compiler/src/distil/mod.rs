//! The optional model: what it is shown, what it may propose, and how much of that is believed.
//!
//! [`Compiler::plan`](crate::Compiler::plan) cuts sessions into [`Window`]s of masked text,
//! [`Run::distil`] asks a [`Distiller`] about them within a [`Budget`], and
//! [`Compiler::compile_with`](crate::Compiler::compile_with) takes what was checked through the same
//! gates as the proposals of the rules. Nothing here reaches a network: distillers are arguments.
//! Nothing here deletes, and nothing here runs where no distiller is given.

mod answer;
mod budget;
mod claim;
mod error;
mod evidence;
mod plan;
mod prompt;
mod propose;
mod run;
mod segment;
mod window;

pub use budget::{Budget, Forecast};
pub use error::DistilError;
pub use plan::Plan;
pub use prompt::{Nonce, Prompt, SchemaStyle, prompt_edition, schema};
pub use propose::{Proposals, Proposed};
pub use run::{Distilled, Run, Tally};
pub use window::{Window, WindowId};

pub(crate) use propose::MODEL;

/// A model that proposes what to remember.
///
/// It gets text and gives text: what it says is compared with the transcript by the compiler.
pub trait Distiller {
    /// Returns the name of the model, as the person gave it.
    fn model(&self) -> &str;

    /// Returns how much fits into one prompt and its answer.
    fn room(&self) -> Room;

    /// Returns how prompts are sent.
    fn pace(&self) -> Pace {
        Pace::OneByOne
    }

    /// Takes all prompts that will be asked; only called for [`Pace::AllAtOnce`].
    ///
    /// # Errors
    /// [`DistilError::Stopped`] if they cannot be sent or waited for.
    fn announce(&self, _prompts: &[Prompt]) -> Result<(), DistilError> {
        Ok(())
    }

    /// Returns the answer to a prompt.
    ///
    /// # Errors
    /// What became of this prompt, or [`DistilError::Stopped`] if no other would fare better.
    fn ask(&self, prompt: &Prompt) -> Result<Answer, DistilError>;
}

/// How much fits into one prompt and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The longest text of a window, in bytes.
    pub window: usize,
    /// The longest answer, in tokens.
    pub answer: u32,
}

/// How prompts are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Each when the one before is answered.
    OneByOne,
    /// All before the first is answered.
    AllAtOnce,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its words: JSON, if it kept to what it was asked.
    pub text: garner_kernel::Text,
    /// What the reply says that it took.
    pub usage: Usage,
}

/// What replies say that they took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Tokens that went in, those from a cache included.
    pub input: u64,
    /// Tokens that came out.
    pub output: u64,
    /// The price in US dollars, where a reply names one.
    pub dollars: Option<f64>,
}

impl Usage {
    /// Adds what another reply took.
    pub fn add(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.dollars = match (self.dollars, other.dollars) {
            (None, None) => None,
            (one, two) => Some(one.unwrap_or_default() + two.unwrap_or_default()),
        };
    }

    /// Returns all tokens.
    pub const fn tokens(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}
