//! Which bytes change: places, keys as the server reads them, and that nothing else does.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::{Asked, Insertion, Place, Role, Route, Unread, escaped, read, splice};

/// Puts `core` where the core goes and `block` before the last message of a person.
fn edited(route: Route, body: &str, core: &str, block: &str) -> String {
    let asked = read(route, body.as_bytes()).unwrap();
    let mut insertions = Vec::new();
    match &asked.system {
        Place::End { at, .. } | Place::Empty { at } => {
            insertions.push(Insertion { at: *at, bytes: escaped(core).into_bytes() });
        }
        Place::Absent { at, before, after } => {
            let bytes = format!("{before}\"{}\"{after}", escaped(core)).into_bytes();
            insertions.push(Insertion { at: *at, bytes });
        }
        Place::Nowhere => {}
    }
    if let Some(at) = asked.turns.iter().rfind(|turn| turn.role == Role::User).and_then(|t| t.at) {
        insertions.push(Insertion { at, bytes: escaped(block).into_bytes() });
    }
    let body = Bytes::copy_from_slice(body.as_bytes());
    String::from_utf8(splice(&body, insertions).concat()).unwrap()
}

/// Checks what becomes of a body whose places are marked: `^` for the core, `~` for the block.
fn check(route: Route, marked: &str) {
    let body = marked.replace(['^', '~'], "");
    let expected = marked.replace('^', "CORE\\n\\\"").replace('~', "BLOCK\\\\");
    assert_eq!(edited(route, &body, "CORE\n\"", "BLOCK\\"), expected);
}

#[test]
fn text_goes_where_each_route_has_it() {
    for (route, marked) in [
        (Route::Chat, r#"{"model":"m","messages":[{"role":"system","content":"S^"},{"role":"user","content":"~Q"}]}"#),
        (Route::Chat, r#"{"messages":[{"content":"~é \u00e9 \"x\"","role":"USER"},{"role":"assistant","content":"A"}],"model":"m"}"#.replace("[{\"content\"", "[{\"role\":\"system\",\"content\":\"^\"},{\"content\"").as_str()),
        (Route::Generate, r#"{"model":"m","system":"S^","prompt":"~Q"}"#),
        (Route::Generate, r#"{"model":"m","system":"^","prompt":"~Q"}"#),
        (Route::Generate, r#"{"system":"^","model":"m","prompt":"~Q"}"#),
        (Route::Completions, r#"{"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"S"},{"type":"text","text":"T^"}]},{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"~Q"},{"type":"text","text":"R"}]}]}"#),
        (Route::Responses, r#"{"model":"m","instructions":"S^","input":"~Q"}"#),
        (Route::Responses, r#"{"model":"m","input":[{"role":"developer","content":"S^"},{"type":"message","role":"user","content":[{"type":"input_text","text":"~Q"}]}]}"#),
        (Route::Messages, r#"{"model":"m","system":"S^","messages":[{"role":"user","content":"~Q"}]}"#),
        (Route::Messages, r#"{"model":"m","system":[{"type":"text","text":"S"},{"type":"text","text":"T^","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"~Q"}]}]}"#),
    ] {
        // Where a message or member of ours is new, the marked body shows it around the mark.
        let absent = marked.contains("\"system\",\"content\":\"^\"},") && route == Route::Chat;
        let own = route == Route::Generate && marked.starts_with("{\"system\":\"^\",");
        if absent || own {
            let added = if absent { "{\"role\":\"system\",\"content\":\"^\"}," } else { "\"system\":\"^\"," };
            let body = marked.replace(added, "").replace(['^', '~'], "");
            let expected = marked.replace('^', "CORE").replace('~', "BLOCK");
            assert_eq!(edited(route, &body, "CORE", "BLOCK"), expected);
        } else {
            check(route, marked);
        }
    }
}

#[test]
fn keys_are_read_as_the_server_reads_them() {
    for (route, marked) in [
        // Without regard to case, the last of several, `null` as if it were absent.
        (
            Route::Chat,
            r#"{"MODEL":"x","model":"m","Messages":[{"Role":"system","content":"no","CONTENT":"S^","content":null},{"role":"user","content":"~Q"}]}"#,
        ),
        (
            Route::Generate,
            r#"{"model":"m","prompt":"no","Prompt":"~Q","prompt":null,"system":null,"SYSTEM":"S^"}"#,
        ),
        // Two signs outside ASCII fold to letters.
        (Route::Generate, "{\"model\":\"m\",\"\u{17F}y\u{17F}tem\":\"S^\",\"prompt\":\"~Q\"}"),
        // White space, numbers of any form, escapes in keys, and what follows the first value.
        (
            Route::Generate,
            " {\n\t\"\\u0070rompt\" : \"~Q\" ,\"system\":\"S^\",\"model\":\"m\",\"options\":{\"seed\":1.0E+2}} } garbage \"",
        ),
    ] {
        check(route, marked);
    }
}

fn asked(route: Route, body: &str) -> Asked {
    read(route, body.as_bytes()).unwrap()
}

#[test]
fn what_is_not_a_question_is_passed_on() {
    for (route, body, reason) in [
        (Route::Chat, r#"{"model":"m","messages":[]}"#, Unread::Load),
        (Route::Chat, r#"{"model":"m"}"#, Unread::Load),
        (Route::Chat, r#"{"model":"m","messages":null}"#, Unread::Load),
        (Route::Chat, r#"{"messages":[{"role":"user","content":"Q"}]}"#, Unread::Unparsable),
        (
            Route::Chat,
            r#"{"model":7,"messages":[{"role":"user","content":"Q"}]}"#,
            Unread::Unparsable,
        ),
        (Route::Chat, r#"{"model":"m","messages":"Q"}"#, Unread::Unparsable),
        (Route::Chat, r#"{"model":"m","messages":[7]}"#, Unread::Unparsable),
        (
            Route::Chat,
            r#"{"model":"m","messages":[{"role":"user","content":7}]}"#,
            Unread::Unparsable,
        ),
        (Route::Chat, r#"{"model":"m","messages":[{"content":"Q"}]}"#, Unread::Unparsable),
        (Route::Chat, "not json", Unread::Unparsable),
        (Route::Chat, "", Unread::Unparsable),
        (Route::Chat, "[1]", Unread::Unparsable),
        (Route::Chat, "\u{FEFF}{}", Unread::Unparsable),
        (
            Route::Chat,
            r#"{"model":"m","messages":[{"role":"user","content":"Q"}"#,
            Unread::Unparsable,
        ),
        (Route::Generate, r#"{"model":"m"}"#, Unread::Load),
        (Route::Generate, r#"{"model":"m","prompt":""}"#, Unread::Load),
        (Route::Generate, r#"{"model":"m","prompt":"Q","raw":true}"#, Unread::Raw),
        (Route::Generate, r#"{"model":"m","prompt":"Q","suffix":"x"}"#, Unread::Suffix),
        (Route::Generate, r#"{"model":"m","prompt":"Q","context":[1]}"#, Unread::Context),
        (Route::Generate, r#"{"model":"m","prompt":["Q"]}"#, Unread::Unparsable),
        (Route::Responses, r#"{"model":"m","input":""}"#, Unread::Load),
        (Route::Responses, r#"{"model":"m","input":[]}"#, Unread::Load),
        (Route::Responses, r#"{"model":"m","input":[7]}"#, Unread::Unparsable),
        (Route::Messages, r#"{"model":"m","messages":[],"system":"S"}"#, Unread::Load),
    ] {
        assert_eq!(read(route, body.as_bytes()), Err(reason), "{body}");
    }
    assert_eq!(read(Route::Chat, b"{\"model\":\"m\xff\"}"), Err(Unread::Unparsable));
    let allowed = r#"{"model":"m","prompt":"Q","raw":false,"suffix":"","context":[]}"#;
    assert_eq!(asked(Route::Generate, allowed).turns.len(), 1);
}

#[test]
fn a_second_system_message_is_never_made() {
    for (route, body) in [
        (
            Route::Chat,
            r#"{"model":"m","messages":[{"role":"user","content":"Q"},{"role":"system","content":"S"}]}"#,
        ),
        (
            Route::Chat,
            r#"{"model":"m","messages":[{"role":"developer","content":"S"},{"role":"user","content":"Q"}]}"#,
        ),
        (
            Route::Chat,
            r#"{"model":"m","messages":[{"role":"system"},{"role":"user","content":"Q"}]}"#,
        ),
        (
            Route::Responses,
            r#"{"model":"m","input":[{"role":"user","content":"Q"},{"role":"system","content":"S"}]}"#,
        ),
        (
            Route::Messages,
            r#"{"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":"Q"}]}"#,
        ),
        (
            Route::Messages,
            r#"{"model":"m","system":[],"messages":[{"role":"user","content":"Q"}]}"#,
        ),
        (Route::Messages, r#"{"model":"m","system":7,"messages":[{"role":"user","content":"Q"}]}"#),
    ] {
        assert_eq!(asked(route, body).system, Place::Nowhere, "{body}");
    }
}

#[test]
fn sizes_come_from_where_each_route_has_them() {
    let found = asked(
        Route::Chat,
        r#"{"model":"m","messages":[{"role":"user","content":"Q"}],"options":{"num_ctx":2048,"Num_Predict":5.0}}"#,
    );
    assert_eq!((found.num_ctx, found.num_predict), (Some(2048), Some(5)));
    for (value, expected) in
        [("-1", None), ("0", None), ("\"9\"", None), ("null", None), ("9e2", Some(900))]
    {
        let body = format!(r#"{{"model":"m","prompt":"Q","options":{{"num_ctx":{value}}}}}"#);
        assert_eq!(asked(Route::Generate, &body).num_ctx, expected, "{value}");
    }
    for (route, body) in [
        (
            Route::Completions,
            r#"{"model":"m","max_tokens":7,"messages":[{"role":"user","content":"Q"}],"options":{"num_ctx":9}}"#,
        ),
        (
            Route::Completions,
            r#"{"model":"m","max_tokens":9,"max_completion_tokens":7,"messages":[{"role":"user","content":"Q"}]}"#,
        ),
        (Route::Responses, r#"{"model":"m","max_output_tokens":7,"input":"Q"}"#),
        (
            Route::Messages,
            r#"{"model":"m","max_tokens":7,"messages":[{"role":"user","content":"Q"}]}"#,
        ),
    ] {
        let found = asked(route, body);
        assert_eq!((found.num_ctx, found.num_predict), (None, Some(7)), "{body}");
    }
}

#[test]
fn tools_and_pictures_count_and_tool_results_are_no_question() {
    let plain =
        asked(Route::Chat, r#"{"model":"m","messages":[{"role":"user","content":"Q"}]}"#).tokens;
    for body in [
        r#"{"model":"m","messages":[{"role":"user","content":"Q","images":["aGk="]}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"Q"}],"tools":[{"type":"function","function":{"name":"clock","description":"Says what time it is"}}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"Q"},{"role":"assistant","tool_calls":[{"function":{"name":"clock"}}]}]}"#,
    ] {
        assert!(asked(Route::Chat, body).tokens > plain + 8, "{body}");
    }
    let result = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"4"},{"type":"text","text":"go on"}]}]}"#;
    assert_eq!(asked(Route::Messages, result).turns[0].role, Role::Other);
    let output = r#"{"model":"m","input":[{"role":"user","content":"Q"},{"type":"function_call_output","call_id":"c","output":"4"}]}"#;
    assert_eq!(asked(Route::Responses, output).turns[1].role, Role::Other);
}

#[test]
fn half_a_surrogate_pair_is_text() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"a\ud83d"}]}"#;
    assert_eq!(asked(Route::Chat, body).turns[0].text, "a\\ud83d");
    assert!(edited(Route::Chat, body, "C", "B").ends_with(r#""content":"Ba\ud83d"}]}"#));
}

/// Any JSON text that a client may write.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-1.50E+3".to_owned()),
        "\"[a-z\\\\u00e9 é🦀]{0,6}\""
            .prop_filter("valid", |s| serde_json::from_str::<Value>(s).is_ok()),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let member = ("[a-z]{1,3}", inner.clone()).prop_map(|(k, v)| format!("\"{k}\" : {v}"));
        prop_oneof![
            proptest::collection::vec(inner, 0..3)
                .prop_map(|list| format!("[{}]", list.join(" , "))),
            proptest::collection::vec(member, 0..3)
                .prop_map(|list| format!("{{ {} }}", list.join(","))),
        ]
    })
}

proptest! {
    #[test]
    fn without_what_came_in_the_body_is_what_it_was(
        messages in proptest::collection::vec(("system|user|assistant|tool", "[ a-zé\"\\\\\n🦀]{0,12}"), 1..5),
        (extra, block) in (json(), "[ -~é\n🦀]{0,40}"),
        rest in "[ x\\]}]{0,4}",
    ) {
        let message = |(role, text): &(String, String)| {
            format!("{{\"role\":\"{role}\", \"x\": {extra}, \"content\":{}}}", Value::from(text.as_str()))
        };
        let messages: Vec<String> = messages.iter().map(message).collect();
        let body = format!("{{\"model\":\"m\",\"zz\":{extra},\"messages\":[{}]}}{rest}", messages.join(", "));
        let asked = read(Route::Chat, body.as_bytes()).unwrap();
        let mut insertions: Vec<Insertion> = asked.turns.iter().filter_map(|turn| turn.at)
            .map(|at| Insertion { at, bytes: escaped(&block).into_bytes() }).collect();
        insertions.dedup();
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        let pieces = splice(&bytes, insertions.clone());
        // Every piece that is not ours is a part of the body, in order, and together they are all.
        let ours: Vec<&[u8]> = insertions.iter().map(|i| i.bytes.as_slice()).collect();
        let length: usize = pieces.iter().map(Bytes::len).sum();
        prop_assert_eq!(length, body.len() + ours.iter().map(|own| own.len()).sum::<usize>());
        // What the server reads differs in those texts only.
        let spliced = pieces.concat();
        let parse = |bytes: &[u8]| serde_json::Deserializer::from_slice(bytes).into_iter::<Value>().next().unwrap().unwrap();
        let (before, mut after) = (parse(body.as_bytes()), parse(&spliced));
        for message in after["messages"].as_array_mut().unwrap() {
            let text = message["content"].as_str().unwrap();
            let text = text.strip_prefix(block.as_str()).unwrap().to_owned();
            message["content"] = text.into();
        }
        prop_assert_eq!(before, after);
    }

    #[test]
    fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..60), tail in "[\\[\\]{}\":,a]{0,40}") {
        for route in Route::ALL {
            let body = [&b"{\"model\":\"m\",\"messages\":"[..], tail.as_bytes(), &bytes].concat();
            if let Ok(asked) = read(route, &body) {
                prop_assert!(asked.turns.iter().filter_map(|turn| turn.at).all(|at| at < body.len()));
            }
        }
    }
}
