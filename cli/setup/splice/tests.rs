use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn hooks() -> Vec<Hook> {
    ["SessionStart", "Stop"]
        .map(|event| Hook { event, command: format!("garner hook {event}{MARK}") })
        .to_vec()
}

/// Returns the value of a text, comments and trailing commas left out.
fn value(text: &str, node: &Node) -> Value {
    match &node.shape {
        jsonc::Shape::Object(items) => {
            items.iter().map(|item| (item.name.clone(), value(text, &item.value))).collect()
        }
        jsonc::Shape::Array(items) => items.iter().map(|item| value(text, &item.value)).collect(),
        jsonc::Shape::Text(text) => Value::from(text.clone()),
        jsonc::Shape::Other => serde_json::from_str(text.get(node.span.clone()).unwrap()).unwrap(),
    }
}

fn read(text: &str) -> Value {
    value(text, &jsonc::parse(text).unwrap())
}

#[test]
fn hooks_are_put_in_and_taken_out_byte_by_byte() {
    for text in [
        "{}",
        "{ }\n",
        "{\n  // nothing yet\n}\n",
        "{\"model\":\"opus\"}",
        "{\n  \"model\": \"opus\"\n}\n",
        "{\r\n\t\"model\": \"opus\", // the large one\r\n}\r\n",
        "\u{FEFF}// mine\n{\n    \"a\": [1, 2], /* b */\n    \"c\": {}\n    // end\n}",
        "{\n  \"hooks\": {\n    \"Stop\": [\n      { \"hooks\": [{ \"type\": \"command\", \
         \"command\": \"say done\" }] }\n    ]\n  }\n}\n",
        "{\n  \"hooks\": { \"PreToolUse\": [], },\n  \"a\": 1\n}\n",
        "{\r\"model\": \"opus\", // large\r\n}\r\n",
        "{\"model\": \"opus\" // large\n}",
        "{\"hooks\": {\"PreToolUse\": [] // none\n}, \"a\": 1}",
    ] {
        let with = put(text, &hooks()).unwrap();
        assert_eq!(put(&with, &hooks()).unwrap(), with, "a second time changes {text}");
        let root = jsonc::parse(&with).unwrap_or_else(|line| panic!("line {line} of\n{with}"));
        assert_eq!(ours(&root).len(), 2, "{with}");
        // What was white space between two brackets is not told apart.
        let tight = |text: &str| text.replace(['\r', '\n', ' '], "");
        assert_eq!(tight(&take_out(&with)), tight(text), "{with}");
        assert_eq!(read(&take_out(&with)), read(text), "{with}");
    }
}

#[test]
fn comments_swallow_nothing_that_is_not_ours() {
    let group = group(&hooks()[1]);
    for text in [
        format!("{{ // c\n \"hooks\": {{\"Stop\": [{group}]}}, \"a\": 1 }}"),
        format!("{{ \"a\": 1, // c\n \"hooks\": {{\"Stop\": [{group}]}} }}"),
        format!("{{ \"a\": 1, // c\n \"hooks\": {{\"Stop\": [{group}]}} // d\n }}"),
        format!("{{ \"a\": 1, \"hooks\": {{\"Stop\": [{group}, // c\n {group}] }} }}"),
    ] {
        assert_eq!(read(&take_out(&text)), json!({ "a": 1 }), "{text}\n{}", take_out(&text));
    }
    // White space that is none in JSON stays where it is.
    let text = "{ \"a\": 1 // c\u{3000}\n}";
    assert_eq!(read(&take_out(&put(text, &hooks()).unwrap())), json!({ "a": 1 }));
    for text in ["\r\u{b}", "\u{FEFF}\u{FEFF}"] {
        assert_eq!(put(text, &hooks()), Err(Misfit::Syntax(1)), "{text:?}");
    }
}

#[test]
fn what_is_put_in_looks_like_the_rest() {
    let with = put("{\r\n\t\"model\": \"opus\"\r\n}\r\n", &hooks()[..1]).unwrap();
    let lines: Vec<&str> = with.split("\r\n").collect();
    assert_eq!(
        lines[..4],
        ["{", "\t\"model\": \"opus\",", "\t\"hooks\": {", "\t\t\"SessionStart\": ["]
    );
    assert!(!with.replace("\r\n", "").contains('\n'), "{with}");
    let with = put("{\"model\":\"opus\"}", &hooks()[..1]).unwrap();
    assert!(with.starts_with("{\"model\":\"opus\",\"hooks\":{\"SessionStart\":[{"), "{with}");
    assert!(put("", &hooks()).unwrap().starts_with("{\n  \"hooks\": {\n"));
}

#[test]
fn an_older_command_of_ours_gives_way_and_those_of_others_stay() {
    let old = Hook { event: "Stop", command: format!("/old/garner hook Stop{MARK}") };
    let other = json!({ "type": "command", "command": "say done" });
    let mut group = group(&old);
    group["hooks"].as_array_mut().unwrap().insert(0, other.clone());
    let text = format!("{:#}\n", json!({ "hooks": { "Stop": [group] }, "model": "opus" }));
    let with = read(&put(&text, &hooks()).unwrap());
    assert_eq!(with["hooks"]["Stop"][0], json!({ "hooks": [other] }));
    assert_eq!(with["hooks"]["Stop"][1], super::group(&hooks()[1]));
    assert_eq!(with["model"], "opus");
}

#[test]
fn where_there_is_no_place_nothing_is_guessed() {
    for (text, misfit) in [
        ("[]", Misfit::Shape("the file", "an object")),
        ("{\"hooks\": []}", Misfit::Shape("`hooks`", "an object")),
        ("{\"hooks\": {\"Stop\": {}}}", Misfit::Shape("Stop", "a list")),
        ("{\n\"hooks\"\n}", Misfit::Syntax(3)),
    ] {
        assert_eq!(put(text, &hooks()), Err(misfit), "{text}");
        assert_eq!(take_out(text), text);
    }
}

fn settings() -> impl Strategy<Value = Value> {
    let group = prop_oneof![
        Just(json!({ "matcher": "Bash", "hooks": [{ "type": "command", "command": "true" }] })),
        Just(json!({ "hooks": [] })),
    ];
    let groups = prop::collection::vec(group, 1..3);
    let events =
        prop::collection::btree_map("(Stop|SessionStart|PreToolUse|[a-z]{1,3})", groups, 0..4);
    let rest = prop::collection::btree_map("[a-z]{1,4}", ".{0,9}", 0..4);
    (events, rest, any::<bool>()).prop_map(|(events, rest, hooks)| {
        let mut value = json!(rest);
        if hooks && !events.is_empty() {
            value["hooks"] = json!(events);
        }
        value
    })
}

proptest! {
    #[test]
    fn any_settings_keep_all_they_had_and_get_it_back(value in settings(), pretty: bool) {
        let text = if pretty { format!("{value:#}\n") } else { value.to_string() };
        let with = put(&text, &hooks()).unwrap();
        let root = jsonc::parse(&with).unwrap();
        prop_assert_eq!(ours(&root).len(), 2);
        prop_assert_eq!(put(&with, &hooks()).unwrap(), with.clone());
        prop_assert_eq!(read(&take_out(&with)), value);
    }

    #[test]
    fn any_text_keeps_what_is_not_ours(text in "[\\[\\]{}\",:/* \\nahoks]{0,60}") {
        prop_assert_eq!(take_out(&text), text.clone());
        let _ = put(&text, &hooks());
    }
}
