//! Real models, where the environment names them: `GARNER_ANTHROPIC` a key, `GARNER_OLLAMA` a
//! server, `GARNER_CLAUDE` a program; `GARNER_LLM_MODEL` which model.

use std::time::Duration;

use garner_compiler::distil::{Budget, Distiller, Nonce, Run};
use garner_compiler::{Compiler, Known, Options, read_session};
use garner_distil::{Anthropic, ClaudeCli, Connection, Key, Ollama, Patience, Program};
use garner_kernel::Draft;
use serde_json::json;

/// Returns a variable that names something real, or says what is skipped without it.
#[expect(clippy::disallowed_methods, reason = "tests that reach out are asked for by name")]
fn named(name: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        eprintln!("skipped: `{name}` names nothing to ask");
    }
    value
}

/// Distils a small session and checks what a model has to get right whatever it is: an answer of the
/// shape that was asked for, and proposals that cite what was said.
fn works(distiller: &dyn Distiller) {
    let said = [
        ("user", "From now on heights are integers in millimetres, never floats."),
        ("assistant", "Understood: heights are integers in millimetres."),
        ("user", "And we chose SQLite over Postgres because the boats have no server."),
        ("assistant", "I will write that down."),
    ];
    let lines: Vec<String> = said
        .iter()
        .enumerate()
        .map(|(n, (role, text))| {
            let content = json!([{"type": "text", "text": text}]);
            let record = json!({
                "type": role, "uuid": format!("u-{n}"), "sessionId": "s-1",
                "cwd": "/home/somebody/code/barn", "timestamp": "2026-01-01T00:00:00.000Z",
                "message": {"role": role, "content": content},
            });
            record.to_string()
        })
        .collect();
    let session = read_session(lines.join("\n").as_bytes(), "s-1.jsonl".parse().unwrap()).unwrap();
    let compiler = Compiler::new(Options::default()).unwrap();
    let sessions = [session];
    let plan = compiler.plan(&sessions, &[], distiller.room().window);
    let (budget, nonce) = (Budget { tokens: 100_000 }, Nonce::from_bytes([9; 8]));
    let run = Run { distiller, budget, nonce, progress: &mut |_| {} };
    let outcome = run.distil(&plan);
    eprintln!("{}: {:?}", distiller.model(), outcome.tally);
    assert!(outcome.stopped.is_none(), "{:?}", outcome.stopped);
    assert_eq!(outcome.answered.len(), 1);
    assert!(outcome.tally.usage.tokens() > 0);
    assert!(outcome.tally.kept > 0, "{:?}", outcome.tally);
    let mut draft = Draft::default();
    compiler.compile_with(&sessions, &mut draft, &Known::default(), &outcome.proposals);
    assert!(!draft.entries.is_empty());
}

#[test]
fn anthropic_distils_a_session() {
    let Some(key) = named("GARNER_ANTHROPIC") else { return };
    let Some(model) = named("GARNER_LLM_MODEL") else { return };
    let (base, key) = (Anthropic::BASE.to_owned(), Key::new(&key).unwrap());
    let connection = Connection { base, key, model };
    works(&Anthropic::new(connection, Patience::default()).unwrap());
}

#[test]
fn ollama_distils_a_session() {
    let Some(server) = named("GARNER_OLLAMA") else { return };
    let Some(model) = named("GARNER_LLM_MODEL") else { return };
    works(&Ollama::new(&server, &model, Patience::default()).unwrap());
}

#[test]
fn claude_distils_a_session() {
    let Some(path) = named("GARNER_CLAUDE") else { return };
    let model = named("GARNER_LLM_MODEL");
    let program = Program { path: path.into(), model, deadline: Duration::from_mins(5) };
    works(&ClaudeCli::new(program));
}
