//! Settings of other programs: our hooks are put in and taken out, and nothing else changes.
//!
//! The code is that of the binary, which is no library: its files are read here as they are.

#[allow(dead_code, unreachable_pub, reason = "the binary uses the rest")]
#[path = "../../cli/setup/jsonc.rs"]
mod jsonc;
#[allow(dead_code, unreachable_pub, reason = "the binary uses the rest")]
#[path = "../../cli/setup/splice.rs"]
mod splice;

use splice::{Hook, MARK};

/// Puts hooks into a text and takes them out again.
///
/// # Panics
/// If anything else changes, or a second time is not like the first.
pub fn settings(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let without = splice::take_out(text);
    assert_eq!(splice::take_out(&without), without, "something of ours was left");
    let hooks: Vec<Hook> = ["SessionStart", "Stop"]
        .map(|event| Hook { event, command: format!("garner hook {event}{MARK}") })
        .to_vec();
    let Ok(with) = splice::put(text, &hooks) else { return };
    assert_eq!(splice::put(&with, &hooks).as_ref(), Ok(&with), "a second time changes it");
    assert!(jsonc::parse(&with).is_ok(), "it is no JSON any more");
    // Whatever else the text says is there as it was, byte for byte.
    let parts = |text: &str| -> Vec<String> {
        let root = jsonc::parse(text).ok();
        let members = root.as_ref().and_then(jsonc::Node::members).unwrap_or_default();
        let other = members.iter().filter(|member| member.name != "hooks");
        other.filter_map(|member| text.get(member.span.clone()).map(str::to_owned)).collect()
    };
    assert_eq!(parts(&with), parts(text), "something else changed");
    let out = splice::take_out(&with);
    assert!(jsonc::parse(&out).is_ok(), "what is left is no JSON");
    assert_eq!(parts(&out), parts(text), "something else is gone");
}
