//! Streams arrive in whole lines, whatever the server sends, and nothing of them is lost.

use proptest::prelude::*;

use crate::ollama::CHAT;
use crate::proxied::Proxied;
use crate::replay::{Replay, Reply, Step, post};

fn stream() -> Vec<u8> {
    CHAT.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

/// Checks what comes through of a stream that the server cuts at `cuts` and ends by `end`.
fn check(text: &[u8], cuts: &[usize], end: &[Step], ended: bool) {
    let mut steps = vec![Reply::chunked_head("application/x-ndjson")];
    let (mut at, mut sizes) = (0, cuts.iter().cycle());
    while at < text.len() {
        let next = (at + sizes.next().unwrap()).min(text.len());
        steps.push(Reply::chunk(&text[at..next]));
        at = next;
    }
    steps.extend(end.iter().cloned());
    let server = Replay::start(move |_| Reply { steps: steps.clone(), early: false });
    let proxy = Proxied::plain(&server.address());
    let answer = post(&proxy.address, "/api/pull", "{}");
    assert_eq!(answer.body, text, "cut at {cuts:?}");
    assert_eq!(answer.ended, ended, "cut at {cuts:?}");
    let before = answer.chunks.len().saturating_sub(1);
    for chunk in &answer.chunks[..before] {
        assert!(chunk.ends_with(b"\n"), "{:?}", String::from_utf8_lossy(chunk));
    }
}

fn end() -> Vec<Step> {
    vec![Step::Send(b"0\r\n\r\n".to_vec())]
}

#[test]
fn lines_come_whole_from_split_single_and_joined_bytes() {
    let text = stream();
    for cuts in [&[1][..], &[2], &[7, 3], &[100], &[1 << 20]] {
        check(&text, cuts, &end(), true);
    }
}

#[test]
fn a_stream_without_a_final_line_feed_ends_as_it_was() {
    let text = stream();
    for cuts in [&[1][..], &[50], &[1 << 20]] {
        check(&text[..text.len() - 1], cuts, &end(), true);
    }
    check(b"", &[1], &end(), true);
}

#[test]
fn a_stream_that_breaks_off_loses_nothing_that_came_before() {
    let text = stream();
    for length in [1, 40, text.len() - 1, text.len()] {
        for cuts in [&[3][..], &[1 << 20]] {
            check(&text[..length], cuts, &[Step::Close], false);
        }
    }
}

#[test]
fn a_stream_that_is_reset_ends_there() {
    // A reset may overtake bytes on the way to us, as it may on the way to any client: what does
    // arrive is a start of the stream, and its end is no end.
    let text = stream();
    let mut steps = vec![Reply::chunked_head("application/x-ndjson"), Reply::chunk(&text)];
    steps.push(Step::Reset);
    let server = Replay::start(move |_| Reply { steps: steps.clone(), early: false });
    let proxy = Proxied::plain(&server.address());
    let answer = post(&proxy.address, "/api/pull", "{}");
    assert!(answer.status.contains("502") || (text.starts_with(&answer.body) && !answer.ended));
}

#[test]
fn what_is_sent_last_and_large_arrives_before_the_break() {
    // More than any buffer holds, to a client that reads late.
    let line = [vec![b'z'; 3 << 20], b"\n".to_vec()].concat();
    let text = [stream(), line, b"{\"half\":".to_vec()].concat();
    check(&text, &[1 << 20], &[Step::Close], false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_stream_arrives_as_it_was(
        text in "[a\né🦀{}\"]{0,200}",
        cuts in proptest::collection::vec(1usize..40, 1..9),
        breaks in any::<bool>(),
    ) {
        let end = if breaks { vec![Step::Close] } else { end() };
        check(text.as_bytes(), &cuts, &end, !breaks);
    }
}
