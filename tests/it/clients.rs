//! The clients that people use, through the proxy: each gets what it gets without one.
//!
//! Where the clients are not installed, the tests say so and pass; with `GARNER_CLIENTS` set, as in
//! `.ci/run`, they fail instead. It names the Python that has the packages of
//! tests/interop/clients.txt; `GARNER_NODE_CLIENTS` names a folder with the package `ollama` of npm.

use std::path::Path;
use std::process::Command;

use crate::ollama::ollama;
use crate::replay::{Asked, Replay};
use crate::serve::Running;
use crate::world::World;

/// Routes whose requests are edited.
const EDITED: [&str; 5] =
    ["/api/chat", "/api/generate", "/v1/chat/completions", "/v1/responses", "/v1/messages"];

fn interop(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name)
}

/// Runs clients against a server and returns the lines that they print.
fn lines(mut command: Command, url: &str, more: &[&str]) -> Vec<String> {
    let output = command.arg(url).args(more).env("NO_PROXY", "*").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.lines().map(str::to_owned).collect()
}

/// Checks that clients get the same with a proxy in between, and that their prompts got blocks.
fn check(client: &dyn Fn() -> Command, more: &[&str]) {
    let world = World::of_day_one();
    let server = Replay::start(ollama);
    let direct = lines(client(), &format!("http://{}", server.address()), more);
    assert!(direct.len() >= 8, "{direct:?}");
    let before = edited(&server.take());
    // No machine is so slow that the test depends on it.
    let proxy = Running::start(&world, &server, &["--deadline", "300000"]);
    let through = lines(client(), &format!("http://{}", proxy.address), more);
    assert_eq!(through, direct);
    let after = edited(&server.take());
    assert_eq!(after.len(), before.len(), "each request reaches the server once");
    let asks = |asked: &&Asked| String::from_utf8_lossy(&asked.body).contains("heights");
    let asking: Vec<&Asked> =
        after.iter().filter(asks).filter(|asked| !names_nothing(asked)).collect();
    assert!(asking.len() > 3);
    for asked in asking {
        let body = String::from_utf8_lossy(&asked.body);
        assert!(body.contains("<garner-memory id="), "{} {body}", asked.path);
        assert_eq!(body.matches("Heights are integers in millimetres").count(), 1, "{body}");
        // The system text is the model's own or the client's, and there is one.
        let systems = ["harbour pilot", "Be brief."].map(|text| body.matches(text).count());
        assert_eq!(systems.iter().sum::<usize>(), 1, "{body}");
    }
}

fn edited(asked: &[Asked]) -> Vec<Asked> {
    asked.iter().filter(|asked| EDITED.contains(&asked.path.as_str())).cloned().collect()
}

/// Returns whether a request is for a model that the server does not have.
fn names_nothing(asked: &Asked) -> bool {
    String::from_utf8_lossy(&asked.body).contains("nosuch")
}

#[test]
fn clients_in_python_get_what_they_get_without_a_proxy() {
    let named = std::env::var("GARNER_CLIENTS").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    let imports = "import anthropic, langchain_ollama, ollama, openai";
    let found = Command::new(&python).args(["-c", imports]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        assert!(named.is_none(), "`{python}` lacks the packages of tests/interop/clients.txt");
        eprintln!("skipped: `python3` lacks the packages of tests/interop/clients.txt");
        return;
    }
    let client = || {
        let mut command = Command::new(&python);
        command.arg("-B").arg(interop("clients.py"));
        command
    };
    check(&client, &[]);
}

#[test]
fn the_client_in_javascript_gets_what_it_gets_without_a_proxy() {
    let Ok(folder) = std::env::var("GARNER_NODE_CLIENTS") else {
        eprintln!("skipped: GARNER_NODE_CLIENTS names no folder with the package `ollama`");
        return;
    };
    let client = || {
        let mut command = Command::new("node");
        command.arg(interop("clients.cjs"));
        command
    };
    check(&client, &[&folder]);
}
