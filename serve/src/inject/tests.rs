//! Decisions over real stores: what goes where, what stays, and that nothing is ever too much.

use std::sync::Arc;

use bytes::Bytes;
use garner_kernel::{Confidence, Digest, Fragment, Kind, Moment, Scope, Source, Text, Trust};
use garner_loader::inject::{Budget, Ledger, Tokens, estimate};
use garner_loader::{Filters, OpenOptions, Query, Stamp, Store};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::edit::{Asked, Place, Route, read, splice};
use crate::facts::ModelFacts;
use crate::inject::decide::{Decision, Request, decide};
use crate::inject::models::{Model, Scale};
use crate::inject::report::Reason;
use crate::inject::{Known, Question, Recaller};

const SECRET: &[u8] = b"secret";

fn now() -> Moment {
    Moment::from_unix(1_767_225_600)
}

/// A store on the fastest disk that there is.
struct Shelf {
    _folder: TempDir,
    store: Store,
}

impl Shelf {
    fn of(statements: &[(Kind, &str)]) -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::tempdir_in(place).unwrap();
        let mut store = Store::open(folder.path(), &OpenOptions::write()).unwrap();
        for (kind, statement) in statements {
            store.remember(&fragment(*kind, statement), None, &stamp()).unwrap();
        }
        Self { _folder: folder, store }
    }
}

fn stamp() -> Stamp {
    Stamp { at: now(), who: "tester".parse().unwrap() }
}

fn fragment(kind: Kind, statement: &str) -> Fragment {
    let scope = Scope::User;
    Fragment {
        id: Fragment::id_of(kind, &scope, statement),
        revision: 1,
        kind,
        scope,
        trust: Trust::Human,
        confidence: Confidence::percent(90),
        statement: Text::new(statement),
        context: None,
        created: now(),
        valid_to: None,
        supersedes: Vec::new(),
        tags: Vec::new(),
        sources: vec![Source {
            session: "s-1".parse().unwrap(),
            file: "s-1.jsonl".parse().unwrap(),
            record: "r-1".parse().unwrap(),
            line: 7,
            digest: Digest::of(b"line"),
            speaker: Trust::Human,
            rule: "d2-answer".parse().unwrap(),
        }],
    }
}

impl Recaller for Shelf {
    fn recall(&mut self, question: &Question<'_>) -> Result<Known, garner_loader::Error> {
        let filters = Filters { channels: question.channels.to_vec(), ..Filters::default() };
        let view = self.store.view()?;
        let kernels = view.active().map(|(name, version)| (name.clone(), version)).collect();
        let core = self.store.core(None, &filters, now())?;
        let hits = match question.text {
            Some(text) => self.store.recall(&Query { filters, ..Query::new(text, now()) })?.hits,
            None => Vec::new(),
        };
        Ok(Known { core, hits, kernels })
    }

    fn count(&self, text: &str) -> usize {
        estimate(text)
    }

    fn now(&self) -> Moment {
        now()
    }
}

fn model(facts: ModelFacts) -> Model {
    Model { facts: Arc::new(facts), running: None, scale: Scale::default() }
}

fn large() -> Model {
    model(ModelFacts { context: Some(8192), ..ModelFacts::default() })
}

/// A conversation with a proxy: what its ledger knows.
struct Talk<'a> {
    shelf: &'a mut Shelf,
    ledger: Ledger,
    model: Model,
}

impl<'a> Talk<'a> {
    fn new(shelf: &'a mut Shelf, model: Model) -> Self {
        Self { shelf, ledger: Ledger::new(99), model }
    }

    /// Decides about a request, and remembers it as the desk does.
    fn decide(&mut self, route: Route, body: &str) -> Result<Decision, Reason> {
        let asked = read(route, body.as_bytes()).unwrap();
        let request = Request {
            asked,
            model: self.model.clone(),
            channel: None,
            channels: Vec::new(),
            is_urgent: false,
        };
        let decision = decide(&request, self.shelf, &mut self.ledger, SECRET)?;
        if let Some((turn, given)) = decision.given.clone() {
            self.ledger.remember(turn, given);
        }
        Ok(decision)
    }

    /// Returns the body that goes on.
    fn edited(&mut self, route: Route, body: &str) -> String {
        let insertions =
            self.decide(route, body).map(|decision| decision.insertions).unwrap_or_default();
        let pieces = splice(&Bytes::copy_from_slice(body.as_bytes()), insertions);
        String::from_utf8(pieces.concat()).unwrap()
    }

    fn chat(&mut self, messages: &Value) -> Vec<(String, String)> {
        let body = json!({ "model": "m", "messages": messages }).to_string();
        let edited: Value = serde_json::from_str(&self.edited(Route::Chat, &body)).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let said = |message: &Value| (text(&message["role"]), text(&message["content"]));
        edited["messages"].as_array().unwrap().iter().map(said).collect()
    }
}

const FACTS: &[(Kind, &str)] = &[
    (Kind::Rule, "Never squash merges."),
    (Kind::Fact, "The tide gauge listens on port 8081."),
    (Kind::Fact, "Heights are stored in millimetres."),
    (Kind::Decision, "The forecast runs every six hours."),
    (Kind::Fix, "A stale lock is removed with gauge unlock."),
];

fn user(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

fn assistant(text: &str) -> Value {
    json!({ "role": "assistant", "content": text })
}

#[test]
fn the_models_own_system_text_stays_and_nothing_is_told_twice() {
    let mut shelf = Shelf::of(FACTS);
    let facts = ModelFacts { system: Some("You are \"Bob\".".into()), ..ModelFacts::default() };
    let mut talk = Talk::new(&mut shelf, model(facts));
    let sent = talk.chat(&json!([user("Which port does the tide gauge use?")]));
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].0, "system");
    assert!(sent[0].1.starts_with("You are \"Bob\".\n\n<garner-memory id="), "{}", sent[0].1);
    assert!(sent[0].1.contains("Never squash merges."));
    assert!(sent[1].1.starts_with("<garner-memory id="), "{}", sent[1].1);
    assert!(sent[1].1.ends_with("\n\nWhich port does the tide gauge use?"));
    assert_eq!(sent[1].1.matches("port 8081").count(), 1);
    // The client's own system message is the first: it stays, and the core follows it.
    let system = json!({ "role": "system", "content": "Be brief." });
    let sent = talk.chat(&json!([system, user("Which port does the tide gauge use?")]));
    assert_eq!(sent.len(), 2);
    assert!(sent[0].1.starts_with("Be brief.\n\n<garner-memory id="), "{}", sent[0].1);
}

/// Returns the ids of the blocks in a text.
fn nonces(text: &str) -> std::collections::BTreeSet<&str> {
    let openers = text.split("<garner-memory id=\"").skip(1);
    openers.filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn a_baked_core_gives_way_to_the_present_one() {
    let mut shelf = Shelf::of(FACTS);
    let baked = "Own.\n\n<garner-memory id=\"a1\">\nold\n</garner-memory id=\"a1\">";
    let facts = ModelFacts { system: Some(baked.to_owned()), ..ModelFacts::default() };
    let mut talk = Talk::new(&mut shelf, model(facts));
    let sent = talk.chat(&json!([user("Which port does the tide gauge use?")]));
    assert!(sent[0].1.starts_with("Own.\n\n<garner-memory id="), "{}", sent[0].1);
    assert_eq!(sent[0].1.matches("<garner-memory").count(), 1, "{}", sent[0].1);
}

#[test]
fn six_turns_keep_every_byte_that_was_sent_before() {
    let mut shelf = Shelf::of(FACTS);
    let mut talk = Talk::new(&mut shelf, large());
    let questions = [
        "Which port does the tide gauge use?",
        "And how are heights stored?",
        "How often does the forecast run?",
        "How is a stale lock removed?",
        "Thank you! What about poems of the sea?",
        "Which port was it again?",
    ];
    let mut messages: Vec<Value> = Vec::new();
    let mut before: Vec<(String, String)> = Vec::new();
    for question in questions {
        messages.push(user(question));
        let sent = talk.chat(&Value::from(messages.clone()));
        assert_eq!(sent[..before.len()], before[..], "{question}");
        // The same request again is the same to the byte.
        assert_eq!(talk.chat(&Value::from(messages.clone())), sent);
        before = sent;
        messages.push(assistant("So it is."));
        before.push(("assistant".to_owned(), "So it is.".to_owned()));
    }
    let all: String = before.iter().map(|(_, text)| text.as_str()).collect();
    for (_, statement) in FACTS {
        assert_eq!(all.matches(statement).count(), 1, "{statement}");
    }
    assert_eq!(nonces(&all).len(), 1, "one nonce for one conversation");
}

#[test]
fn another_conversation_has_its_own_nonce_and_its_own_memory() {
    let mut shelf = Shelf::of(FACTS);
    let mut talk = Talk::new(&mut shelf, large());
    let one = talk.chat(&json!([user("Which port does the tide gauge use?")]));
    let two = talk.chat(&json!([user("Tell me: which port does the tide gauge use?")]));
    assert!(two[1].1.contains("port 8081"));
    assert_ne!(nonces(&one[1].1), nonces(&two[1].1));
}

#[test]
fn a_tool_answer_gets_no_block_and_keeps_those_before() {
    let mut shelf = Shelf::of(FACTS);
    let mut talk = Talk::new(&mut shelf, large());
    let question = user("Which port does the tide gauge use?");
    let asked = talk.chat(&json!([question]));
    let tool = json!({ "role": "tool", "content": "The port is open.", "tool_name": "probe" });
    let sent = talk.chat(&json!([question, assistant(""), tool]));
    assert_eq!(sent[..2], asked[..]);
    assert_eq!(sent[3].1, "The port is open.");
    let body = json!({ "model": "m", "messages": [question, assistant(""), tool] }).to_string();
    let report = talk.decide(Route::Chat, &body).unwrap().report;
    assert_eq!((report.reason, report.fragments.len()), (Some(Reason::Role), 2));
}

#[test]
fn every_route_is_given_both_blocks() {
    let mut shelf = Shelf::of(FACTS);
    let facts = ModelFacts { system: Some("Own.".into()), ..ModelFacts::default() };
    let question = "Which port does the tide gauge use?";
    for (route, body) in [
        (Route::Chat, json!({ "model": "m", "messages": [user(question)] })),
        (Route::Generate, json!({ "model": "m", "prompt": question })),
        (Route::Generate, json!({ "model": "m", "system": "", "prompt": question })),
        (
            Route::Completions,
            json!({ "model": "m", "messages": [{ "role": "user", "content": [{ "type": "text", "text": question }] }] }),
        ),
        (Route::Responses, json!({ "model": "m", "input": question })),
        (
            Route::Responses,
            json!({ "model": "m", "input": [{ "role": "user", "content": [{ "type": "input_text", "text": question }] }] }),
        ),
        (Route::Messages, json!({ "model": "m", "max_tokens": 9, "messages": [user(question)] })),
    ] {
        let mut talk = Talk::new(&mut shelf, model(facts.clone()));
        let edited = talk.edited(route, &body.to_string());
        let asked = read(route, edited.as_bytes()).unwrap();
        assert_eq!(edited.matches("Never squash merges.").count(), 1, "{edited}");
        assert_eq!(edited.matches("port 8081").count(), 1, "{edited}");
        let Place::End { text, .. } = &asked.system else { panic!("{:?}", asked.system) };
        assert!(text.starts_with("Own.\n\n<garner-memory"), "{text}");
        let last = asked.turns.last().unwrap();
        assert!(
            last.text.starts_with("<garner-memory") && last.text.ends_with(question),
            "{}",
            last.text
        );
    }
}

#[test]
fn nothing_relevant_and_no_room_leave_the_request_alone() {
    let mut shelf = Shelf::of(&FACTS[1..]);
    for (model, question, expected) in [
        (large(), "Please compose a merry poem", Reason::Nothing),
        (
            model(ModelFacts { context: Some(300), ..ModelFacts::default() }),
            "Which port does the tide gauge use?",
            Reason::NoRoom,
        ),
    ] {
        let mut talk = Talk::new(&mut shelf, model);
        let body = json!({ "model": "m", "messages": [user(question)] }).to_string();
        assert_eq!(talk.decide(Route::Chat, &body).unwrap().report.reason, Some(expected));
        assert_eq!(talk.edited(Route::Chat, &body), body);
    }
}

#[test]
fn a_request_that_fills_the_context_is_unchanged_blocks_of_earlier_turns_included() {
    let mut shelf = Shelf::of(FACTS);
    let mut talk = Talk::new(&mut shelf, large());
    let question = user("Which port does the tide gauge use?");
    assert!(talk.chat(&json!([question])).len() == 2);
    let long = "many words that fill what there is ".repeat(1_100);
    let messages = json!([question, assistant(&long), user("And how are heights stored?")]);
    let body = json!({ "model": "m", "messages": messages }).to_string();
    assert_eq!(talk.decide(Route::Chat, &body).unwrap_err(), Reason::NoRoom);
    assert_eq!(talk.edited(Route::Chat, &body), body);
}

#[test]
fn the_context_is_what_request_modelfile_and_server_say_in_that_order() {
    let mut shelf = Shelf::of(FACTS);
    let question = "Which port does the tide gauge use?";
    let base = ModelFacts::default();
    let plain = json!({});
    let small = json!({ "num_ctx": 64 });
    let wide = json!({ "num_ctx": 8192 });
    let narrow = ModelFacts { context: Some(64), ..base.clone() };
    let trained = ModelFacts { trained: Some(64), ..base.clone() };
    for (facts, running, options, gets) in [
        (&base, None, &plain, true),
        (&base, None, &small, false),
        (&narrow, None, &plain, false),
        (&narrow, None, &wide, true),
        (&base, Some(64), &plain, false),
        (&narrow, Some(8192), &plain, false),
        (&trained, None, &wide, false),
    ] {
        let model = Model { running, ..model(facts.clone()) };
        let mut talk = Talk::new(&mut shelf, model);
        let body =
            json!({ "model": "m", "messages": [user(question)], "options": options }).to_string();
        let found = talk.edited(Route::Chat, &body);
        assert_eq!(found != body, gets, "{facts:?} {running:?} {options}");
        // Nothing but text is ever touched.
        assert!(found.contains(&format!("\"options\":{options}")));
    }
    // A long answer that was asked for leaves no room.
    let mut talk = Talk::new(&mut shelf, large());
    let body =
        json!({ "model": "m", "messages": [user(question)], "options": { "num_predict": 8190 } });
    assert_eq!(talk.edited(Route::Chat, &body.to_string()), body.to_string());
}

#[test]
fn a_model_whose_prompts_take_more_than_estimated_gets_less() {
    let mut shelf = Shelf::of(FACTS);
    let text = format!("{} Which port does the tide gauge use?", "words ".repeat(2400));
    let body = json!({ "model": "m", "messages": [user(&text)] }).to_string();
    let mut talk =
        Talk::new(&mut shelf, model(ModelFacts { context: Some(4096), ..ModelFacts::default() }));
    assert_ne!(talk.edited(Route::Chat, &body), body);
    let scale = crate::inject::models::tests::learned(1_000, 1_600);
    let learned = Model { scale, ..talk.model };
    let mut talk = Talk::new(&mut shelf, learned);
    assert_eq!(talk.edited(Route::Chat, &body), body);
}

#[test]
fn the_models_own_tokens_are_broken_up() {
    let mut shelf = Shelf::of(&[(Kind::Fact, "The port <zap>system is <|im_start|> 8081.")]);
    let facts = ModelFacts { control: vec!["<zap>".into()], ..ModelFacts::default() };
    let mut talk = Talk::new(&mut shelf, model(facts));
    let sent = talk.chat(&json!([user("Which port?")]));
    assert!(sent[0].1.contains("The port < zap>system is < |im_start| > 8081."), "{sent:?}");
}

#[test]
fn a_channel_that_is_not_loaded_is_told() {
    let mut shelf = Shelf::of(FACTS);
    let asked = read(Route::Generate, br#"{"model":"m","prompt":"Which port?"}"#).unwrap();
    let channel: garner_kernel::ChannelName = "team".parse().unwrap();
    let request = Request {
        asked,
        model: large(),
        channel: Some(channel.clone()),
        channels: vec![channel],
        is_urgent: false,
    };
    let found = decide(&request, &mut shelf, &mut Ledger::new(9), SECRET);
    assert_eq!(found.unwrap_err(), Reason::Channel);
}

/// Returns how much the model reads of a request, and how much it may.
fn read_and_allowed(asked: &Asked, model: &Model) -> (usize, usize) {
    let context = asked.num_ctx.or(model.facts.context.map(|c| c as usize)).unwrap_or(4096);
    let own = if asked.system.leaves_modelfile() { model.facts.system.as_deref() } else { None };
    let reserve = asked.num_predict.unwrap_or(1_024);
    (asked.tokens + own.map_or(0, estimate), context.saturating_sub(reserve))
}

/// How many stores the property is tried with.
#[expect(clippy::disallowed_methods, reason = "a test has nobody who gives it an argument")]
fn cases() -> u32 {
    if std::env::var_os("GARNER_DRILL").is_some() { 1_000 } else { 200 }
}

#[test]
fn whatever_is_stored_and_asked_the_prompt_never_exceeds_the_budget() {
    let kinds =
        prop_oneof![Just(Kind::Rule), Just(Kind::Fact), Just(Kind::Decision), Just(Kind::Fix)];
    let statement = "[a-z]{2,9}( (port|gauge|lock|[a-z]{1,9}|[0-9a-f]{12}|東京|<\\|x\\|>)){1,40}";
    let store = proptest::collection::vec((kinds, statement), 0..8);
    let turns = proptest::collection::vec(
        ("user|assistant|system|tool", "(port|gauge|lock|tide| |[a-z]{1,8}|京){0,60}"),
        1..9,
    );
    let sizes = (
        prop_oneof![Just(None), (64usize..6_000).prop_map(Some)],
        prop_oneof![Just(None), (1usize..3_000).prop_map(Some)],
    );
    let facts = (prop_oneof![Just(None), (64u32..9_000).prop_map(Some)], "[ a-z]{0,60}");
    let (requests, changed) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let config =
        ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) };
    TestRunner::new(config)
        .run(
            &(store, turns, sizes, facts),
            |(store, turns, (num_ctx, num_predict), (context, system))| {
                let statements: Vec<(Kind, &str)> =
                    store.iter().map(|(k, s)| (*k, s.as_str())).collect();
                let mut shelf = Shelf::of(&statements);
                let system = Some(system).filter(|system| !system.is_empty());
                let model = model(ModelFacts { system, context, ..ModelFacts::default() });
                let mut talk = Talk::new(&mut shelf, model.clone());
                let mut options = serde_json::Map::new();
                options.extend(num_ctx.map(|n| ("num_ctx".to_owned(), n.into())));
                options.extend(num_predict.map(|n| ("num_predict".to_owned(), n.into())));
                let mut messages = Vec::new();
                for (role, text) in &turns {
                    messages.push(json!({ "role": role, "content": text }));
                    let body = json!({ "model": "m", "messages": messages, "options": options })
                        .to_string();
                    let edited = talk.edited(Route::Chat, &body);
                    requests.set(requests.get() + 1);
                    changed.set(changed.get() + usize::from(edited != body));
                    let asked = read(Route::Chat, edited.as_bytes()).unwrap();
                    let (taken, allowed) = read_and_allowed(&asked, &model);
                    prop_assert!(
                        edited == body || taken <= allowed,
                        "{taken} > {allowed} in {edited}"
                    );
                    // What one turn is given stays within its own budget.
                    let size = num_ctx.or(context.map(|c| c as usize)).unwrap_or(4096);
                    let most = Budget::for_context(
                        Tokens::new(size),
                        Tokens::new(0),
                        Some(Tokens::new(0)),
                    );
                    let decision = talk.decide(Route::Chat, &body);
                    if let Some((injection, _)) = decision.ok().and_then(|decision| decision.placed)
                    {
                        prop_assert!(injection.tokens() <= most.total());
                        prop_assert!(injection.core.tokens() <= most.core());
                    }
                }
                Ok(())
            },
        )
        .unwrap();
    println!("{} stores, {} requests, {} of them changed", cases(), requests.get(), changed.get());
    assert!(changed.get() > 0);
}
