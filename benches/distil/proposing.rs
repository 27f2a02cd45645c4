//! Models that are no models: what the checks make of the best and of the worst that one may propose.
//!
//! No model is at hand where this runs. These bound what one could do: the *ideal* one proposes what
//! is labelled durable and quotes the sentence that says it, the *careless* one proposes everything
//! that is labelled, the *parrot* proposes every sentence that anybody says, as something that lasts.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use garner_compiler::distil::{
    Answer, Budget, DistilError, Distiller, Nonce, Prompt, Room, Run, Usage,
};
use garner_compiler::{Compiler, Known, Options, read_session};
use garner_kernel::{Draft, FileName, Text};
use serde_json::{Value, json};

use crate::{Label, Totals, labels, meet, share, words};

/// Which proposals are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Nobody,
    Ideal,
    Careless,
    Parrot,
}

/// Answers by rote.
struct Rote<'a> {
    manner: Manner,
    labels: &'a [&'a Label],
}

/// A sentence of a prompt: its record, who says it, its words.
type Sentence = (u32, String, String);

impl Distiller for Rote<'_> {
    fn model(&self) -> &'static str {
        "rote"
    }

    fn room(&self) -> Room {
        // Small enough that nobody has more to say than is looked at.
        Room { window: if self.manner == Manner::Parrot { 1_000 } else { 4_000 }, answer: 1 }
    }

    fn ask(&self, prompt: &Prompt) -> Result<Answer, DistilError> {
        let said = sentences(prompt.text.as_str());
        let proposals: Vec<Value> = match self.manner {
            Manner::Nobody => Vec::new(),
            Manner::Parrot => said.iter().map(|sentence| proposal(sentence, None)).collect(),
            Manner::Ideal | Manner::Careless => {
                let wanted = |label: &&&Label| label.durable || self.manner == Manner::Careless;
                let labels = self.labels.iter().filter(wanted);
                labels
                    .filter_map(|label| Some(proposal(says(label, &said)?, Some(label))))
                    .collect()
            }
        };
        let text = Text::new(json!({ "proposals": proposals }).to_string());
        Ok(Answer { text, usage: Usage::default() })
    }
}

fn proposal((record, role, words): &Sentence, label: Option<&Label>) -> Value {
    let person = matches!(role.as_str(), "human" | "answer" | "refusal");
    let quote: String = words.chars().take(500).collect();
    let statement = label.map_or(quote.as_str(), |label| &label.statement);
    json!({
        "evidence_quote": quote,
        "evidence_record": record,
        "kind": if person { "decision" } else { "fact" },
        "lasts": "long",
        "statement": statement.chars().take(390).collect::<String>(),
    })
}

/// Returns the sentence of a label's line that shares most of its words.
fn says<'s>(label: &Label, said: &'s [Sentence]) -> Option<&'s Sentence> {
    let wanted = words(&label.statement);
    let shared = |text: &str| wanted.intersection(&words(text)).count();
    let here = said.iter().filter(|(line, role, _)| *line == label.line && role != "paste");
    here.max_by_key(|(_, _, text)| shared(text)).filter(|(_, _, text)| shared(text) > 0)
}

/// Returns the sentences of a prompt.
fn sentences(prompt: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    for line in prompt.lines() {
        let Some((mark, text)) = line.strip_prefix('[').and_then(|line| line.split_once("] "))
        else {
            continue;
        };
        let Some((number, role)) = mark.split_once(' ') else { continue };
        let Ok(number) = number.parse() else { continue };
        for sentence in text.split_inclusive(['.', '!', '?']) {
            let sentence = sentence.trim().replace("&lt;", "<");
            if sentence.split_whitespace().count() >= 3 {
                sentences.push((number, role.to_owned(), sentence));
            }
        }
    }
    sentences
}

/// Returns what the checks make of each manner, as rows of a table.
pub(crate) fn rows(path: &Path, folder: &Path, all: bool) -> Result<String, Box<dyn Error>> {
    let labels = labels(path)?;
    let durable = labels.iter().filter(|label| label.counts(true)).count();
    let mut rows = String::new();
    for (name, manner) in [
        ("none", Manner::Nobody),
        ("ideal", Manner::Ideal),
        ("careless", Manner::Careless),
        ("parrot", Manner::Parrot),
    ] {
        let (mut totals, mut proposed, mut kept) = (Totals::default(), 0, 0);
        let files: BTreeSet<&str> = labels.iter().map(|label| label.file.as_str()).collect();
        for file in files {
            let mine: Vec<&Label> = labels.iter().filter(|label| label.file == file).collect();
            let bytes = std::fs::read(folder.join(file))?;
            let session = [read_session(&bytes, file.parse::<FileName>()?)?];
            let compiler = Compiler::new(Options::default())?;
            let rote = Rote { manner, labels: &mine };
            let plan = compiler.plan(&session, &[], rote.room().window);
            let run = Run {
                distiller: &rote,
                budget: Budget { tokens: u64::MAX },
                nonce: Nonce::from_bytes([0; 8]),
                progress: &mut |_| {},
            };
            let outcome = run.distil(&plan);
            proposed += outcome.tally.proposed;
            kept += outcome.tally.kept;
            let mut draft = Draft::default();
            let known = Known::default();
            let report = compiler.compile_with(&session, &mut draft, &known, &outcome.proposals);
            let met = meet(&draft, &mine);
            totals.add(file, &draft, &mine, &met);
            if all {
                crate::show(&draft, &mine, &met, true, &mut rows)?;
                writeln!(rows, "{:?} {:?}", outcome.tally.dropped, report.junk)?;
            }
        }
        let (total, durable) = (totals.total, u32::try_from(durable)?);
        rows.push_str(&format!(
            "| {name} | {proposed} | {kept} | {} | {} | {} | {} | {} |\n",
            total.active,
            total.unlabelled,
            share(total.durable, total.durable + total.not_durable),
            share(total.durable, durable),
            share(total.durable + total.durable_candidates, durable),
        ));
    }
    Ok(rows)
}

/// The head of the section.
pub(crate) const HEAD: &str = "\n### With a model\n\n\
    No model was asked for these figures: they bound what one can do behind the checks. The ideal \
    one proposes what is labelled durable, in the words of the label, and quotes the sentence that \
    says it; the careless one proposes all that is labelled, as if it lasted; the parrot proposes \
    every sentence that anybody says. What is active and meets no label counts neither way, and \
    most of what the parrot makes active meets none.\n\n\
    | model | proposed | with evidence | active | of these unlabelled | precision | durable recall | with candidates |\n\
    |---|---|---|---|---|---|---|---|\n";
