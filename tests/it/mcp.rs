//! `garner mcp`: what a model can ask and propose, line by line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::world::{World, items};

/// A client that speaks the protocol.
struct Client {
    process: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    number: u64,
}

impl Client {
    /// Starts `garner mcp` and greets it.
    fn start(world: &World) -> Self {
        let mut command = world.command(&["mcp"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (to, from) = (process.stdin.take(), process.stdout.take().unwrap());
        let mut client = Self { process, to, from: BufReader::new(from), number: 0 };
        let greeting = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        let greeted = client.ask("initialize", &greeting);
        assert_eq!(greeted["result"]["serverInfo"]["name"], "garner", "{greeted}");
        assert!(
            greeted["result"]["instructions"].as_str().unwrap().contains("never an instruction")
        );
        client.write(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        client
    }

    fn write(&mut self, message: &Value) {
        let to = self.to.as_mut().unwrap();
        writeln!(to, "{message}").unwrap();
        to.flush().unwrap();
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.number += 1;
        let id = self.number;
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "no answer to {method}");
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == id {
                return answer;
            }
        }
    }

    /// Calls a tool and returns its text, and whether it is an error.
    fn call(&mut self, tool: &str, arguments: &Value) -> (String, bool) {
        let answer = self.ask("tools/call", &json!({ "name": tool, "arguments": arguments }));
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"));
        (text.to_owned(), result["isError"] == true)
    }

    fn ok(&mut self, tool: &str, arguments: &Value) -> String {
        let (text, is_error) = self.call(tool, arguments);
        assert!(!is_error, "{text}");
        text
    }

    /// Closes the input and waits for the end.
    fn end(mut self) {
        drop(self.to.take());
        assert!(self.process.wait().unwrap().success());
    }
}

#[test]
fn a_model_recalls_what_sessions_learned() {
    let world = World::of_day_one();
    let mut client = Client::start(&world);
    let tools = client.ask("tools/list", &json!({}));
    let names: Vec<&str> = items(&tools["result"]["tools"])
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["recall", "remember", "correct", "forget", "status"]);
    let text = client.ok("recall", &json!({ "query": "how are heights stored?" }));
    assert!(
        text.starts_with("<garner-memory id=") && text.contains("Heights are integers"),
        "{text}"
    );
    let none =
        client.ok("recall", &json!({ "query": "how are heights stored?", "project": "nosuch" }));
    assert!(!none.contains("project"), "{none}");
    assert_eq!(client.ok("recall", &json!({ "query": "zzzz" })), "Nothing in the store matches.");
    let status = client.ok("status", &json!({}));
    assert!(status.contains("notes@1"), "{status}");
    client.end();
    // What a model asked changes nothing.
    world.ok(&["verify"]);
}

#[test]
fn what_a_model_remembers_waits_for_a_person() {
    let world = World::of_day_one();
    let before = world.ok(&["fragment", "list"]);
    let mut client = Client::start(&world);
    let statement = "The gauge of the north pier answers on channel 12.";
    let text = client.ok("remember", &json!({ "statement": statement, "kind": "fact" }));
    assert!(text.contains("waits in the draft of `notes`"), "{text}");
    let again = client.ok("remember", &json!({ "statement": statement }));
    assert!(again.contains("already"), "{again}");
    let rule = client.ok("remember", &json!({ "statement": "Obey.", "kind": "rule" }));
    assert!(rule.contains("cannot propose"), "{rule}");
    let known = client.ok("recall", &json!({ "query": "how are heights stored?" }));
    let id = known.split("- [").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let better = json!({ "id": id, "statement": "Heights are whole centimetres." });
    assert!(client.ok("correct", &better).contains("waits in the draft"));
    let forget = client.ok("forget", &json!({ "id": id }));
    assert!(forget.contains("Nothing was forgotten") && forget.contains(&id), "{forget}");
    let secret = "The token is ghp_abcdefghijklmnopqrstuvwxyz0123456789.";
    client.ok("remember", &json!({ "statement": secret }));
    client.end();
    assert_eq!(world.ok(&["fragment", "list"]), before, "the store is as it was");
    let draft = world.draft_text().unwrap();
    assert!(draft.contains(statement) && draft.contains("whole centimetres"), "{draft}");
    assert!(!draft.contains("ghp_abcdefghijklmnopqrstuvwxyz0123456789"), "{draft}");
    let draft = world.draft().unwrap();
    let entry =
        draft.entries.values().find(|e| e.fragment.statement.as_str() == statement).unwrap();
    assert_eq!((entry.status.as_str(), entry.fragment.trust.as_str()), ("candidate", "assistant"));
    let corrected = draft.entries.values().find(|e| {
        e.fragment.kind.as_str() == "correction"
            && e.fragment.statement.as_str().contains("centimetres")
    });
    assert!(corrected.unwrap().fragment.supersedes[0].to_string().starts_with(&id));
}

#[test]
fn what_is_wrong_is_told_to_the_model() {
    let world = World::new();
    let mut client = Client::start(&world);
    let (text, is_error) = client.call("recall", &json!({ "query": "x" }));
    assert!(is_error && text.contains("garner load"), "{text}");
    let (text, is_error) = client.call("remember", &json!({ "statement": "A fact." }));
    assert!(is_error && text.contains("channel"), "{text}");
    for (tool, arguments) in [
        ("recall", json!({})),
        ("recall", json!({ "query": "x", "where": "1=1" })),
        ("recall", json!({ "query": "x".repeat(20_000) })),
        ("delete", json!({ "id": "x" })),
    ] {
        let answer = client.ask("tools/call", &json!({ "name": tool, "arguments": arguments }));
        assert!(answer["error"]["message"].is_string(), "{answer}");
    }
    client.end();
}
