//! The optional model of `garner compile`: which one, for how much, and what it was asked already.
//!
//! Flags go before the environment (`GARNER_LLM`, `GARNER_LLM_MODEL`, `GARNER_LLM_BUDGET`,
//! `GARNER_LLM_PRICE`). Without either no model is asked.

mod answered;
mod consult;
mod error;
mod model;
mod price;
mod words;

use clap::{Args, ValueEnum};

pub(crate) use consult::{Consult, Consulted, Extent};
pub(crate) use error::ModelError;
pub(crate) use price::Price;

/// How many tokens one run may take, unless somebody says otherwise.
pub(crate) const BUDGET: u64 = 200_000;

/// Which model proposes, and for how much.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelArguments {
    /// Let a model propose what to remember (docs/distillers.md)
    #[arg(long, value_name = "WHOM")]
    pub(crate) llm: Option<Llm>,
    /// Name the model as its server does
    #[arg(long, value_name = "NAME")]
    pub(crate) llm_model: Option<String>,
    /// Spend at most so many tokens, in and out together [default: 200000]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) llm_budget: Option<u64>,
    /// Say what a million tokens cost, in and out: `3,15`
    #[arg(long, value_name = "IN,OUT")]
    pub(crate) llm_price: Option<Price>,
    /// Send everything as one batch, which takes up to a day (Anthropic only)
    #[arg(long)]
    pub(crate) llm_batch: bool,
}

/// Whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Llm {
    /// Nobody
    None,
    /// Anthropic's Messages API, with the key in `ANTHROPIC_API_KEY`
    Anthropic,
    /// Claude Code, as the program `claude -p`
    ClaudeCli,
    /// The Ollama server
    Ollama,
}

impl Llm {
    /// Returns the word that stands for it on the command line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Anthropic => "anthropic",
            Self::ClaudeCli => "claude-cli",
            Self::Ollama => "ollama",
        }
    }
}

impl std::str::FromStr for Llm {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        <Self as ValueEnum>::from_str(text, false).map_err(|_| ())
    }
}
