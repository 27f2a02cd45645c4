//! Message batches: sent, looked at, collected, and collected by another run.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use garner_compiler::distil::{DistilError, Distiller as _, Pace, Prompt};
use garner_distil::{Anthropic, Batch, Connection, Error, Key};
use garner_kernel::{Fault, FieldHasher};
use serde_json::{Value, json};

use crate::script::{HANGS_UP, Reply, Server, ok, patience, prompts};

const MESSAGE: &str = include_str!("../replies/message.json");
const IN_PROGRESS: &str = include_str!("../replies/batch-in-progress.json");
const ENDED: &str = include_str!("../replies/batch-ended.json");
const ID: &str = "msgbatch_013Zva2CMHLNnXjNJJKqJ2EF";

type Seen = Rc<RefCell<Vec<(u64, u64)>>>;

fn batch(address: &str, model: &str, state: &Path) -> (Batch, Rc<RefCell<Vec<u64>>>, Seen) {
    let (patience, waited) = patience();
    let (base, key) = (format!("http://{address}"), Key::new("sk-test").unwrap());
    let connection = Connection { base, key, model: model.to_owned() };
    let direct = Anthropic::new(connection, patience).unwrap();
    let seen = Seen::default();
    let kept = Rc::clone(&seen);
    let progress = Box::new(move |p: garner_distil::BatchProgress| {
        kept.borrow_mut().push((p.done, p.all));
    });
    (Batch::new(direct, state.to_owned(), progress), waited, seen)
}

fn window(prompt: &Prompt) -> String {
    prompt.window.to_string().chars().take(40).collect()
}

/// Returns what marks a batch about these prompts.
fn mark(prompts: &[Prompt]) -> String {
    let mut hasher = FieldHasher::new("garner.batch-mark.v1");
    hasher.field(b"m");
    for prompt in prompts {
        hasher.field(window(prompt).as_bytes()).field(prompt.text.as_str().as_bytes());
    }
    hasher.finish().to_string().chars().take(20).collect()
}

/// Returns the name of a prompt in a batch about all of `prompts`.
fn custom_id(prompt: &Prompt, prompts: &[Prompt]) -> String {
    format!("{}-{}", window(prompt), mark(prompts))
}

/// Returns the list of all batches of a server, newest first, with the status and size of each.
fn list(batches: &[(&str, &str, u64)]) -> Reply {
    page(batches, false)
}

fn page(batches: &[(&str, &str, u64)], has_more: bool) -> Reply {
    let row = |(id, status, size): &(&str, &str, u64)| {
        let counted = if *status == "ended" { "succeeded" } else { "processing" };
        json!({"id": id, "type": "message_batch", "processing_status": status,
            "request_counts": {counted: size}, "archived_at": null})
    };
    let data: Vec<Value> = batches.iter().map(row).collect();
    let end = |batch: Option<&(&str, &str, u64)>| batch.map(|batch| batch.0.to_owned());
    let (first, last) = (end(batches.first()), end(batches.last()));
    let page = json!({"data": data, "has_more": has_more, "first_id": first, "last_id": last});
    ok(page.to_string())
}

/// Returns the results of three prompts in another order than theirs: expired, errored, succeeded.
fn results(prompts: &[Prompt]) -> String {
    let custom_id = |prompt| custom_id(prompt, prompts);
    let message: Value = serde_json::from_str(MESSAGE).unwrap();
    let error =
        json!({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}});
    let rows = [
        json!({"custom_id": custom_id(&prompts[2]), "result": {"type": "expired"}}),
        json!({"custom_id": custom_id(&prompts[1]), "result": {"type": "errored", "error": error}}),
        json!({"custom_id": custom_id(&prompts[0]), "result": {"type": "succeeded", "message": message}}),
    ];
    rows.map(|row| format!("{row}\n")).concat()
}

fn outcomes(batch: &Batch, prompts: &[Prompt]) -> Vec<&'static str> {
    let word = |prompt| batch.ask(prompt).map_or_else(|error| error.as_str(), |_| "ok");
    prompts.iter().map(word).collect()
}

#[test]
fn a_batch_is_sent_looked_at_and_collected_by_id() {
    let (folder, prompts) = (tempfile::tempdir().unwrap(), prompts(3));
    let state = folder.path().join("batches/notes.json");
    let server = Server::new(vec![
        list(&[("msgbatch_before", "ended", 3)]),
        (529, &[], String::new()),
        ok(IN_PROGRESS),
        ok(IN_PROGRESS),
        (529, &[], String::new()),
        ok(IN_PROGRESS),
        ok(ENDED),
        ok(results(&prompts)),
        ok(MESSAGE),
    ]);
    let (batch, waited, seen) = batch(&server.address, "m", &state);
    assert_eq!(batch.pace(), Pace::AllAtOnce);
    batch.announce(&prompts).unwrap();
    let kept = std::fs::read_to_string(&state).unwrap();
    assert!(kept.contains(ID) && kept.contains(&window(&prompts[2])), "{kept}");
    assert!(kept.contains("\"intent\":null"), "{kept}");
    assert!(!kept.contains("sk-test") && !kept.contains("millimetres"), "{kept}");
    assert_eq!(outcomes(&batch, &prompts), ["ok", "unanswered", "unanswered"]);
    // What is asked about again is asked directly.
    assert!(batch.ask(&prompts[0]).is_ok());
    batch.collected().unwrap();
    assert!(!state.exists());
    assert_eq!(*waited.borrow(), [2, 5, 2, 7]);
    assert_eq!(*seen.borrow(), [(0, 3), (0, 3), (3, 3)]);

    let requests = server.requests();
    let lines: Vec<&str> = requests.iter().map(|request| request.line.as_str()).collect();
    let look = format!("GET /v1/messages/batches/{ID} HTTP/1.1");
    let collect = format!("GET /v1/messages/batches/{ID}/results HTTP/1.1");
    let expected = [
        "GET /v1/messages/batches?limit=1 HTTP/1.1",
        // What was refused is sent again.
        "POST /v1/messages/batches HTTP/1.1",
        "POST /v1/messages/batches HTTP/1.1",
        &look,
        &look,
        &look,
        &look,
        &collect,
        "POST /v1/messages HTTP/1.1",
    ];
    assert_eq!(lines, expected);
    let sent = requests[2].json();
    let sent = sent["requests"].as_array().unwrap();
    assert_eq!(sent.len(), 3);
    for (request, prompt) in sent.iter().zip(&prompts) {
        let id = request["custom_id"].as_str().unwrap();
        assert_eq!(id, custom_id(prompt, &prompts));
        assert!(id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        assert_eq!(request["params"]["messages"][0]["content"], prompt.text.as_str());
    }
    // Each is the request that would have been sent alone.
    assert_eq!(sent[0]["params"], requests[8].json());
}

#[test]
fn a_run_that_was_interrupted_is_collected_by_the_next_one() {
    let (folder, prompts) = (tempfile::tempdir().unwrap(), prompts(3));
    let state = folder.path().join("notes.json");
    // The first run is cut off while it waits.
    let gone = (403, &[][..], json!({"error": {"type": "permission_error"}}).to_string());
    let first = Server::new(vec![list(&[]), ok(IN_PROGRESS), gone]);
    let address = first.address.clone();
    let (interrupted, ..) = batch(&address, "m", &state);
    let stopped = interrupted.announce(&prompts[..2]);
    assert!(matches!(stopped, Err(DistilError::Stopped { fault: Fault::Trust, .. })));
    assert!(state.exists());
    assert_eq!(first.requests().len(), 3);

    // The second one knows a prompt more: it collects, and sends only that.
    let mut one: Value = serde_json::from_str(ENDED).unwrap();
    one["id"] = "msgbatch_2".into();
    let kept = results(&prompts).lines().skip(1).collect::<Vec<_>>().join("\n");
    let replies: Vec<Reply> = vec![
        ok(ENDED),
        ok(kept),
        list(&[(ID, "ended", 2)]),
        ok(one.to_string()),
        ok(one.to_string()),
        ok(results(&prompts).lines().next().unwrap()),
    ];
    let second = Server::new(replies);
    let text = std::fs::read_to_string(&state).unwrap().replace(&address, &second.address);
    std::fs::write(&state, text).unwrap();
    let (next, ..) = batch(&second.address, "m", &state);
    next.announce(&prompts).unwrap();
    let text = std::fs::read_to_string(&state).unwrap();
    assert!(text.contains(ID) && text.contains("msgbatch_2"), "{text}");
    assert_eq!(outcomes(&next, &prompts), ["ok", "unanswered", "unanswered"]);
    let requests = second.requests();
    assert_eq!(requests[0].line, format!("GET /v1/messages/batches/{ID} HTTP/1.1"));
    assert_eq!(requests[3].json()["requests"].as_array().unwrap().len(), 1);
}

#[test]
fn a_batch_that_is_not_kept_any_more_is_sent_again() {
    let (folder, prompts) = (tempfile::tempdir().unwrap(), prompts(1));
    let state = folder.path().join("notes.json");
    let gone = || (404, &[][..], json!({"error": {"type": "not_found_error"}}).to_string());
    let server = Server::new(vec![list(&[]), ok(IN_PROGRESS), gone()]);
    let address = server.address.clone();
    let (lost, ..) = batch(&address, "m", &state);
    lost.announce(&prompts).unwrap();
    assert_eq!(outcomes(&lost, &prompts), ["unanswered"]);
    server.requests();
    let message: Value = serde_json::from_str(MESSAGE).unwrap();
    let line = json!({"custom_id": custom_id(&prompts[0], &prompts),
        "result": {"type": "succeeded", "message": message}});
    let server = Server::new(vec![gone(), list(&[]), ok(ENDED), ok(ENDED), ok(line.to_string())]);
    let text = std::fs::read_to_string(&state).unwrap().replace(&address, &server.address);
    std::fs::write(&state, text).unwrap();
    let (next, ..) = batch(&server.address, "m", &state);
    next.announce(&prompts).unwrap();
    assert_eq!(outcomes(&next, &prompts), ["ok"]);
}

#[test]
fn a_batch_of_another_model_is_not_mixed_up_and_broken_state_is_named() {
    let (folder, prompts) = (tempfile::tempdir().unwrap(), prompts(1));
    let state = folder.path().join("notes.json");
    std::fs::write(
        &state,
        json!({"format": "garner.batch.v1", "model": "other", "server": "http://127.0.0.1:1/",
            "batches": {ID: ["a"]}})
        .to_string(),
    )
    .unwrap();
    let source = |error| match error {
        DistilError::Stopped { source, hint, fault } => (source, hint.unwrap(), fault),
        other => panic!("{other:?}"),
    };
    let (mixed, ..) = batch("127.0.0.1:1", "m", &state);
    let (error, hint, fault) = source(mixed.announce(&prompts).unwrap_err());
    assert!(matches!(error.downcast_ref(), Some(Error::OtherBatch { .. })), "{error}");
    assert!(hint.contains("--llm-model other --llm-batch") && fault == Fault::Input, "{hint}");
    for text in ["", "{}", "{\"format\":\"garner.batch.v3\"}"] {
        std::fs::write(&state, text).unwrap();
        let (error, hint, _) = source(mixed.announce(&prompts).unwrap_err());
        assert!(matches!(error.downcast_ref(), Some(Error::BrokenState { .. })), "{error}");
        assert!(hint.contains("remove"), "{hint}");
    }
}

/// Announces prompts to a server; returns what it was asked and what was waited.
fn announced(
    state: &Path,
    prompts: &[Prompt],
    replies: Vec<Reply>,
) -> (Batch, Result<(), DistilError>, Vec<String>, Vec<u64>) {
    let server = Server::new(replies);
    // The same server at another port.
    if let Ok(text) = std::fs::read_to_string(state) {
        let mut kept: Value = serde_json::from_str(&text).unwrap();
        kept["server"] = format!("http://{}/", server.address).into();
        std::fs::write(state, kept.to_string()).unwrap();
    }
    let (batch, waited, _) = batch(&server.address, "m", state);
    let outcome = batch.announce(prompts);
    let line = |request: crate::script::Request| request.line.replace(" HTTP/1.1", "");
    let lines = server.requests().into_iter().map(line).collect();
    let waited = waited.borrow().clone();
    (batch, outcome, lines, waited)
}

const NEWEST: &str = "GET /v1/messages/batches?limit=1";
const LIST: &str = "GET /v1/messages/batches?limit=100";
const SEND: &str = "POST /v1/messages/batches";

#[test]
fn a_batch_whose_answer_is_lost_is_found_and_not_sent_again() {
    let (folder, prompts) = (tempfile::tempdir().unwrap(), prompts(3));
    let state = folder.path().join("notes.json");
    let foreign = json!({"custom_id": "somebody-elses", "result": {"type": "expired"}});
    for lost in [(HANGS_UP, &[][..], String::new()), (502, &[], String::new()), ok("{}")] {
        let replies = vec![
            list(&[("msgbatch_before", "ended", 3)]),
            lost,
            page(&[("of_other_size", "ended", 2), (ID, "in_progress", 3)], true),
            list(&[("foreign", "ended", 3), ("msgbatch_before", "ended", 3), ("old", "ended", 3)]),
            ok(ENDED),
            ok(foreign.to_string()),
            ok(IN_PROGRESS),
            ok(ENDED),
            ok(results(&prompts)),
        ];
        let (batch, outcome, lines, waited) = announced(&state, &prompts, replies);
        outcome.unwrap();
        let after = format!("{LIST}&after_id={ID}");
        let look = |id: &str| format!("GET /v1/messages/batches/{id}");
        let collect = |id: &str| format!("GET /v1/messages/batches/{id}/results");
        let (ours, theirs) = ((look(ID), collect(ID)), (look("foreign"), collect("foreign")));
        let expected =
            [NEWEST, SEND, LIST, &after, &theirs.0, &theirs.1, &ours.0, &ours.0, &ours.1];
        assert_eq!(lines, expected);
        assert_eq!(waited, [5, 5]);
        assert_eq!(outcomes(&batch, &prompts), ["ok", "unanswered", "unanswered"]);
        let kept: Value = serde_json::from_str(&std::fs::read_to_string(&state).unwrap()).unwrap();
        assert_eq!(kept["batches"].as_object().unwrap().keys().collect::<Vec<_>>(), [ID]);
        assert_eq!(kept["intent"], Value::Null);
        batch.collected().unwrap();
    }
}

#[test]
fn a_batch_that_was_not_taken_is_sent_again_three_times_at_most() {
    let (folder, prompts) = (tempfile::tempdir().unwrap(), prompts(3));
    let state = folder.path().join("notes.json");
    let lost = || (502, &[][..], String::new());
    let replies =
        vec![list(&[]), lost(), list(&[]), lost(), list(&[]), lost(), list(&[("a", "ended", 2)])];
    let (_, outcome, lines, _) = announced(&state, &prompts, replies);
    let Err(DistilError::Stopped { fault, hint, source }) = outcome else { panic!("{outcome:?}") };
    assert!(matches!(source.downcast_ref(), Some(Error::Open { .. })), "{source}");
    assert_eq!((fault, hint.unwrap().contains("it is found")), (Fault::Offline, true));
    assert_eq!(lines, [NEWEST, SEND, LIST, SEND, LIST, SEND, LIST]);

    // It was taken all the same: the next run finds it before it sends anything.
    let replies = vec![list(&[(ID, "ended", 3)]), ok(ENDED), ok(results(&prompts))];
    let (batch, outcome, lines, _) = announced(&state, &prompts, replies);
    outcome.unwrap();
    assert_eq!(lines.len(), 3);
    assert_eq!(outcomes(&batch, &prompts), ["ok", "unanswered", "unanswered"]);

    // Or it was not, and goes out again.
    batch.collected().unwrap();
    let replies = vec![list(&[]), lost(), (403, &[], String::new())];
    let (_, outcome, ..) = announced(&state, &prompts, replies);
    outcome.unwrap_err();
    let replies = vec![list(&[]), list(&[]), ok(IN_PROGRESS), ok(ENDED), ok(results(&prompts))];
    let (_, outcome, lines, _) = announced(&state, &prompts, replies);
    outcome.unwrap();
    assert_eq!(lines[..3], [LIST, NEWEST, SEND]);
}

#[test]
fn what_is_refused_leaves_nothing_to_look_for() {
    let (folder, prompts) = (tempfile::tempdir().unwrap(), prompts(1));
    let state = folder.path().join("notes.json");
    let no = (404, &[][..], json!({"error": {"type": "not_found_error"}}).to_string());
    let (_, outcome, ..) = announced(&state, &prompts, vec![list(&[]), no]);
    outcome.unwrap_err();
    // A name that was mistyped is in nobody's way.
    assert!(!state.exists());
}

#[test]
fn what_was_kept_before_there_were_intents_is_collected() {
    let (folder, prompts) = (tempfile::tempdir().unwrap(), prompts(3));
    let state = folder.path().join("notes.json");
    let windows: Vec<String> = prompts.iter().map(window).collect();
    let kept = json!({"format": "garner.batch.v1", "model": "m", "server": "",
        "batches": {ID: windows}});
    std::fs::write(&state, kept.to_string()).unwrap();
    let lines = results(&prompts);
    // Names had no mark then.
    let mark = format!("-{}", mark(&prompts));
    let (batch, outcome, ..) =
        announced(&state, &prompts, vec![ok(ENDED), ok(lines.replace(&mark, ""))]);
    outcome.unwrap();
    assert_eq!(outcomes(&batch, &prompts), ["ok", "unanswered", "unanswered"]);
}
