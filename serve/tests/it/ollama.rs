//! What an Ollama server answers, to the byte, as far as the tests ask.

use crate::replay::{Asked, Reply, Step};

/// The lines of a chat answer; a text is cut inside a character of two bytes on purpose elsewhere.
pub(crate) const CHAT: &[&str] = &[
    r#"{"model":"llama3.2","created_at":"2026-03-02T10:00:00.1Z","message":{"role":"assistant","content":"Grüß"},"done":false}"#,
    r#"{"model":"llama3.2","created_at":"2026-03-02T10:00:00.2Z","message":{"role":"assistant","content":" Gott 東京 🦀"},"done":false}"#,
    r#"{"model":"llama3.2","created_at":"2026-03-02T10:00:00.3Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":1,"load_duration":2,"prompt_eval_count":26,"prompt_eval_duration":3,"eval_count":4,"eval_duration":5}"#,
];
const CHAT_WHOLE: &str = r#"{"model":"llama3.2","created_at":"2026-03-02T10:00:00.3Z","message":{"role":"assistant","content":"Grüß Gott","thinking":"hm","tool_calls":[{"function":{"name":"clock","arguments":{"zone":"UTC"}}}]},"logprobs":[{"token":"G","logprob":-0.25,"top_logprobs":[]}],"done":true,"done_reason":"stop","prompt_eval_count":26,"eval_count":4}"#;
const GENERATE: &[&str] = &[
    r#"{"model":"llama3.2","created_at":"2026-03-02T10:00:00.1Z","response":"The sky","done":false}"#,
    r#"{"model":"llama3.2","created_at":"2026-03-02T10:00:00.2Z","response":"","done":true,"done_reason":"stop","context":[1,2,3],"prompt_eval_count":11}"#,
];
const GENERATE_WHOLE: &str = r#"{"model":"llama3.2","created_at":"2026-03-02T10:00:00.2Z","response":"The sky","done":true,"done_reason":"stop","context":[1,2,3],"prompt_eval_count":11}"#;
const LOADED: &str = r#"{"model":"llama3.2","created_at":"2026-03-02T10:00:00Z","message":{"role":"assistant","content":""},"done_reason":"load","done":true}"#;
const PULL: &[&str] = &[
    r#"{"status":"pulling manifest"}"#,
    r#"{"status":"pulling 6a0746a1ec1a","digest":"sha256:6a07","total":4661211424,"completed":4661211424}"#,
    r#"{"status":"success"}"#,
];
const TAGS: &str = r#"{"models":[{"name":"llama3.2:latest","model":"llama3.2:latest","modified_at":"2026-03-01T09:00:00Z","size":2019393189,"digest":"a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72","details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"3.2B","quantization_level":"Q4_K_M"}},{"name":"team:latest","digest":"b1"},{"name":"gpt-oss:120b-cloud","digest":"c1","remote_host":"https://ollama.example"},{"name":"small:latest","digest":"d1"}]}"#;
const PS: &str = r#"{"models":[{"name":"llama3.2:latest","size":3000000000,"digest":"a80c4f17acd5","expires_at":"2026-03-02T10:05:00Z","size_vram":3000000000,"context_length":8192}]}"#;
const EVENTS: &[&str] = &[
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1772445600,\"model\":\"llama3.2\",\"system_fingerprint\":\"fp_ollama\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Grüß\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1772445600,\"model\":\"llama3.2\",\"system_fingerprint\":\"fp_ollama\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\" Gott\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: [DONE]\n\n",
];
const COMPLETION: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1772445600,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{"role":"assistant","content":"Grüß Gott"},"finish_reason":"stop"}],"usage":{"prompt_tokens":26,"completion_tokens":4,"total_tokens":30}}"#;
const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"llama3.2","content":[{"type":"text","text":"Grüß Gott"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":26,"output_tokens":4}}"#;
const MESSAGE_EVENTS: &[&str] = &[
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"llama3.2\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":26,\"output_tokens\":0}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Grüß Gott\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":26,\"output_tokens\":4}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];
const RESPONSE: &str = r#"{"id":"resp_1","object":"response","created_at":1772445600,"completed_at":1772445601,"status":"completed","incomplete_details":null,"model":"llama3.2","previous_response_id":null,"instructions":null,"output":[{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Grüß Gott","annotations":[],"logprobs":[]}]}],"error":null,"tools":[],"tool_choice":"auto","truncation":"disabled","parallel_tool_calls":true,"text":{"format":{"type":"text"}},"top_p":1.0,"temperature":1.0,"reasoning":null,"usage":{"input_tokens":26,"input_tokens_details":{"cached_tokens":0},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":30},"metadata":{}}"#;

/// The system text of the model `team`.
pub(crate) const SYSTEM: &str = "You answer like a \"harbour pilot\".\nBriefly.";

/// Answers as Ollama does.
pub(crate) fn ollama(asked: &Asked) -> Reply {
    let path = asked.path.split('?').next().unwrap();
    match (asked.method.as_str(), path) {
        ("GET", "/") => Reply::whole("200 OK", "text/plain; charset=utf-8", b"Ollama is running"),
        ("HEAD", "/") => head("200 OK", "text/plain; charset=utf-8", 17),
        ("GET", "/api/version") => Reply::json("200 OK", r#"{"version":"0.33.0"}"#),
        ("GET", "/api/tags") => Reply::json("200 OK", TAGS),
        ("HEAD", "/api/tags") => head("200 OK", "application/json; charset=utf-8", TAGS.len()),
        ("GET", "/api/ps") => Reply::json("200 OK", PS),
        ("POST", "/api/show") => show(asked),
        ("POST", "/api/pull" | "/api/create" | "/api/push") => Reply::lines(PULL),
        ("DELETE", "/api/delete") => Reply::whole("200 OK", "text/plain", b""),
        ("POST", "/api/copy") => Reply::json("404 Not Found", r#"{"error":"model 'x' not found"}"#),
        ("HEAD", p) if p.starts_with("/api/blobs/") => head("200 OK", "text/plain", 0),
        ("POST", p) if p.starts_with("/api/blobs/") => {
            Reply::whole("201 Created", "text/plain", b"")
        }
        ("POST", "/api/chat") => chat(asked, CHAT, CHAT_WHOLE),
        ("POST", "/api/generate") => chat(asked, GENERATE, GENERATE_WHOLE),
        ("POST", "/api/embed") => Reply::json("200 OK", r#"{"embeddings":[[0.1,-2e-7]]}"#),
        ("POST", "/v1/chat/completions") => events(asked, EVENTS, COMPLETION),
        ("POST", "/v1/messages") => events(asked, MESSAGE_EVENTS, MESSAGE),
        ("POST", "/v1/responses") => Reply::json("200 OK", RESPONSE),
        ("PUT", _) => Reply::json("405 Method Not Allowed", r#"{"error":"method not allowed"}"#),
        ("POST", "/busy") => Reply::json(
            "503 Service Unavailable",
            r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#,
        ),
        ("POST", "/broken") => Reply::json(
            "500 Internal Server Error",
            r#"{"error":"llama runner process has terminated"}"#,
        ),
        _ => Reply::whole("404 Not Found", "text/plain", b"404 page not found"),
    }
}

fn head(status: &str, kind: &str, length: usize) -> Reply {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nDate: Mon, 02 Mar 2026 10:00:00 GMT\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    Reply { steps: vec![Step::Send(head.into_bytes())], early: false }
}

fn text(asked: &Asked) -> String {
    String::from_utf8_lossy(&asked.body).into_owned()
}

fn chat(asked: &Asked, lines: &[&str], whole: &str) -> Reply {
    let body = text(asked);
    if body.contains("\"nosuch\"") {
        return Reply::json("404 Not Found", r#"{"error":"model 'nosuch' not found"}"#);
    }
    if body.contains("not json") {
        let error = r#"{"error":"invalid character 'n' looking for beginning of value"}"#;
        return Reply::json("400 Bad Request", error);
    }
    if body.contains("\"messages\":[]") || body.contains("\"prompt\":\"\"") {
        return Reply::json("200 OK", LOADED);
    }
    if body.contains("break now") {
        let error = r#"{"error":"an error was encountered while running the model"}"#;
        return Reply::lines(&[lines[0], error]);
    }
    if body.contains("\"stream\":false") {
        Reply::json("200 OK", whole)
    } else {
        Reply::lines(lines)
    }
}

fn events(asked: &Asked, events: &[&str], whole: &str) -> Reply {
    if !text(asked).replace(' ', "").contains("\"stream\":true") {
        return Reply::json("200 OK", whole);
    }
    let chunks: Vec<&[u8]> = events.iter().map(|event| event.as_bytes()).collect();
    Reply::chunked("text/event-stream", &chunks)
}

fn show(asked: &Asked) -> Reply {
    let body = text(asked);
    let named = |name: &str| body.contains(&format!("\"{name}\""));
    let mut show = if named("team") {
        serde_json::json!({ "system": SYSTEM, "parameters": "num_ctx 8192", "template": "<|im_start|>{{ .Prompt }}<|im_end|><zap>" })
    } else if named("small") {
        serde_json::json!({ "parameters": "num_ctx 512" })
    } else if named("gpt-oss:120b-cloud") {
        serde_json::json!({ "remote_host": "https://ollama.example" })
    } else if named("nosuch") {
        return Reply::json("404 Not Found", r#"{"error":"model 'nosuch' not found"}"#);
    } else {
        serde_json::json!({ "parameters": "stop \"x\"", "model_info": { "llama.context_length": 131_072 } })
    };
    for (name, value) in [
        ("model_info", serde_json::json!({})),
        ("details", serde_json::json!({ "family": "llama" })),
        ("capabilities", serde_json::json!(["completion", "tools"])),
        ("modified_at", serde_json::json!("2026-03-01T09:00:00Z")),
    ] {
        if show.get(name).is_none() {
            show[name] = value;
        }
    }
    Reply::json("200 OK", &show.to_string())
}
