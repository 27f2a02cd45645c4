//! The body of `answer`: what a model says about a session, whatever it is.

use std::sync::LazyLock;

use garner_compiler::distil::{
    Answer, Budget, DistilError, Distilled, Distiller, Nonce, Plan, Prompt, Room, Run, Usage,
};
use garner_compiler::provenance::{Transcripts, check};
use garner_compiler::{Compiler, Known, Limits, Options, Session, TranscriptReader};
use garner_kernel::{Draft, Entry, FileName, Kind, Status, Text, Trust, record};

/// Compiles a session with these bytes as the answer of a model about each part of it.
///
/// Of what a model proposes only a person's words become active, what a tool or a page said is never
/// more than a fact or a fix, what an assistant said is nobody's wish, every source holds, and the
/// draft reads as it is written.
///
/// # Panics
/// If one of that does not hold.
pub fn answer(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let distilled = distil(text);
    assert!(distilled.stopped.is_none(), "an answer stopped the run");
    let mut draft = Draft::default();
    let known = Known::default();
    SCENE.compiler.compile_with(&SCENE.sessions, &mut draft, &known, &distilled.proposals);
    let lines = record::draft_lines(&draft);
    assert_eq!(
        record::parse_draft(&lines).ok().as_ref(),
        Some(&draft),
        "a draft is read as another"
    );
    let files: [(FileName, &[u8]); 1] = [(name(), SESSION)];
    let all = draft.entries.values().map(|entry| &entry.fragment);
    assert_eq!(check(all, &Transcripts::index(&files)).faults, [], "a source does not hold");
    draft.entries.values().filter(|entry| is_of_a_model_alone(entry)).for_each(judge);
}

fn distil(text: &str) -> Distilled {
    let parrot = Parrot(text);
    let (budget, progress) = (Budget { tokens: u64::MAX }, &mut |_| {});
    let run = Run { distiller: &parrot, budget, nonce: Nonce::from_bytes([7; 8]), progress };
    run.distil(&SCENE.plan)
}

/// Returns whether no rule proposed it as well.
fn is_of_a_model_alone(entry: &Entry) -> bool {
    entry.fragment.sources.iter().all(|source| source.rule.as_str() == "m-model")
}

fn judge(entry: &Entry) {
    let (kind, trust) = (entry.fragment.kind, entry.fragment.trust);
    let allowed = match trust {
        Trust::Operator => false,
        Trust::Human => true,
        Trust::Assistant | Trust::Digest => {
            // A person's words that do not carry the statement are taken for the model's.
            entry.status != Status::Active
        }
        Trust::Tool => entry.status != Status::Active && matches!(kind, Kind::Fact | Kind::Fix),
    };
    assert!(allowed, "a {kind} of trust {trust} is {:?}", entry.status);
}

/// A model that says one thing.
struct Parrot<'a>(&'a str);

impl Distiller for Parrot<'_> {
    fn model(&self) -> &'static str {
        "parrot"
    }

    fn room(&self) -> Room {
        Room { window: 20_000, answer: 100 }
    }

    fn ask(&self, _: &Prompt) -> Result<Answer, DistilError> {
        let usage = Usage { input: 1, output: 1, dollars: None };
        Ok(Answer { text: Text::new(self.0), usage })
    }
}

/// A session in which a person decides and corrects, a tool answers, and an assistant reads a page.
const SESSION: &[u8] = include_bytes!("../example/session.jsonl");

struct Scene {
    compiler: Compiler,
    sessions: Vec<Session>,
    plan: Plan,
}

static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the tests of the compiler build it as well")]
    let compiler = Compiler::new(Options::default()).expect("patterns that compile");
    let mut reader = TranscriptReader::new(name(), Limits::default());
    reader.feed(SESSION);
    #[expect(clippy::expect_used, reason = "it is an example that compiles")]
    let (session, _) = reader.finish().expect("a session");
    let sessions = vec![session];
    let plan = compiler.plan(&sessions, &[], 20_000);
    Scene { compiler, sessions, plan }
});

fn name() -> FileName {
    #[expect(clippy::expect_used, reason = "the word fits the rules of a file name")]
    "session.jsonl".parse().expect("a valid name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_quotes_the_session_is_heard() {
        let kept = |text| distil(text).proposals.len();
        assert_eq!(kept(include_str!("../corpus/answer/empty")), 0);
        assert!(kept(include_str!("../corpus/answer/many")) >= 2);
    }
}
