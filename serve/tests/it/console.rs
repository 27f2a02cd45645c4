//! The page of what went into prompts.

use serde_json::json;

use crate::ollama::ollama;
use crate::proxied::Proxied;
use crate::replay::{Answer, Replay, exchange, post, request};
use crate::shelf::{QUESTION, Shelf};

fn page(address: &str) -> Answer {
    exchange(address, &request("GET", "/console", b""))
}

#[test]
fn the_page_tells_what_was_done_and_nothing_that_was_said() {
    let (server, shelf) = (Replay::start(ollama), Shelf::new());
    let proxy = Proxied::with(&server.address(), Some(shelf.injecting()), Vec::new());
    assert!(page(&proxy.address).text().contains("No request yet."));
    let chat = |question: &str| {
        let messages = json!([{ "role": "user", "content": question }]);
        json!({ "model": "team", "messages": messages }).to_string()
    };
    let answer = post(&proxy.address, "/api/chat", &chat(QUESTION));
    let ids = answer.header("x-garner-fragments").unwrap().to_owned();
    post(&proxy.address, "/k/absent/api/chat", &chat("<b>Please</b> compose a poem"));
    post(&proxy.address, "/api/generate", &json!({ "model": "team", "prompt": "" }).to_string());

    let answer = page(&proxy.address);
    assert!(answer.status.contains("200"), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    let text = answer.text();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("<tr><td>")).collect();
    let [load, absent, injected] = rows[..] else { panic!("{text}") };
    assert!(load.contains("<td>/api/generate</td>") && load.contains("<td>load</td>"), "{load}");
    assert!(absent.contains("<td>absent</td>"), "{absent}");
    assert!(absent.contains("<td>unknown-channel</td>"), "{absent}");
    let ids = ids.replace(", ", " ");
    assert!(injected.contains(&format!("<td>{ids}</td>")), "{ids} in {injected}");
    assert!(injected.contains("<td>200</td>"), "{injected}");
    // Neither what was asked, nor of which model, nor what was known.
    for word in ["tide", "gauge", "8081", "poem", "squash", "<b>", "<script", "src="] {
        assert!(!text.contains(word), "{word} in\n{text}");
    }
    // A page of ours is no request of anybody's.
    assert!(server.take().iter().all(|asked| asked.path != "/console"));
}

#[test]
fn the_page_is_for_this_machine_alone() {
    let server = Replay::start(ollama);
    let proxy = Proxied::plain(&server.address());
    for header in ["Host: evil.example", "Host: localhost\r\nOrigin: https://evil.example"] {
        let bytes = format!("GET /console HTTP/1.1\r\n{header}\r\n\r\n");
        let answer = exchange(&proxy.address, bytes.as_bytes());
        assert!(answer.status.contains("403"), "{header}: {answer:?}");
        assert!(!answer.text().contains("prompts"), "{answer:?}");
    }
    // Where others can connect, the path is one that the server knows or does not.
    let exposed = Proxied::at("0.0.0.0:0", &server.address(), None, Vec::new());
    server.take();
    let port = exposed.address.rsplit_once(':').unwrap().1;
    let answer = page(&format!("127.0.0.1:{port}"));
    assert!(!answer.text().contains("prompts"), "{answer:?}");
    assert!(server.take().iter().any(|asked| asked.path == "/console"));
}
