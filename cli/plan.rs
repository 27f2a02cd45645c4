//! Plans: what a command is about to do, told before it is done.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::Error;
use crate::table;

/// What a person says to a plan.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Consent {
    /// Print what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Do it without being asked
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,
}

impl Consent {
    /// Returns whether nothing shall be done.
    pub(crate) const fn is_dry_run(self) -> bool {
        self.dry_run
    }

    /// Returns whether somebody agreed before seeing the plan.
    pub(crate) const fn is_given(self) -> bool {
        self.yes
    }
}

/// What is about to be done: facts in rows, and what to know of it.
#[derive(Debug)]
pub(crate) struct Plan {
    title: String,
    rows: Vec<Vec<String>>,
    body: String,
    notes: Vec<String>,
    facts: Map<String, Value>,
}

impl Plan {
    /// Makes a plan that does what `title` says, with `facts` for those who read JSON.
    pub(crate) fn new(title: impl Into<String>, facts: Value) -> Self {
        let facts = if let Value::Object(facts) = facts { facts } else { Map::new() };
        Self {
            title: title.into(),
            rows: Vec::new(),
            body: String::new(),
            notes: Vec::new(),
            facts,
        }
    }

    /// Adds a fact.
    pub(crate) fn row(&mut self, name: &str, fact: impl Into<String>) {
        self.rows.push(vec![name.to_owned(), fact.into()]);
    }

    /// Adds facts that are rows already.
    pub(crate) fn rows(&mut self, rows: Vec<Vec<String>>) {
        self.rows.extend(rows);
    }

    /// Adds text below the facts, for people.
    pub(crate) fn body(&mut self, text: String) {
        self.body = text;
    }

    /// Adds a fact for those who read JSON.
    pub(crate) fn fact(&mut self, name: &str, fact: Value) {
        self.facts.insert(name.to_owned(), fact);
    }

    /// Adds a sentence that a person should read before agreeing.
    pub(crate) fn note(&mut self, sentence: impl Into<String>) {
        self.notes.push(sentence.into());
    }

    /// Prints the plan.
    pub(crate) fn print(&self, context: &Context) -> Result<(), Error> {
        if context.global.json {
            let mut plan = Map::new();
            plan.insert("does".to_owned(), self.title.clone().into());
            plan.extend(self.facts.clone());
            plan.insert("notes".to_owned(), self.notes.clone().into());
            return context.output.print_json(json!({ "plan": plan }));
        }
        let rows = table::columns(&self.rows);
        let mut text = format!("Plan: {}.\n{rows}{}", self.title, self.body);
        for note in &self.notes {
            text.push_str(&format!("{note}\n"));
        }
        context.output.print(&text)
    }

    /// Returns whether to go ahead; prints the plan unless somebody agreed to it before.
    ///
    /// # Errors
    /// [`Error::Unconfirmed`] if nobody said anything.
    pub(crate) fn agreed(&self, consent: Consent, context: &Context) -> Result<bool, Error> {
        if consent.yes {
            return Ok(true);
        }
        self.print(context)?;
        if consent.dry_run { Ok(false) } else { Err(Error::Unconfirmed) }
    }
}
