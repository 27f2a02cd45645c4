//! Which places on the network a person of the session has named.
//!
//! A summary or a tainted assistant that points to a place that no person named may carry somebody
//! else's wish. Well-known places and names that are reserved for examples count as named.

use std::collections::BTreeSet;

use garner_kernel::{Text, Trust};

use crate::paste;
use crate::session::{Event, Session};

/// Places that everybody names.
const KNOWN: &[&str] = &[
    "localhost",
    "example.com",
    "example.net",
    "example.org",
    "github.com",
    "githubusercontent.com",
    "gitlab.com",
    "docs.rs",
    "rust-lang.org",
    "python.org",
    "nodejs.org",
    "mozilla.org",
    "wikipedia.org",
    "anthropic.com",
    "claude.ai",
    "ollama.com",
    "huggingface.co",
    "docker.com",
    "docker.io",
    "google.com",
    "googleapis.com",
    "microsoft.com",
    "amazonaws.com",
];

/// Endings that names of hosts have and names of files have not.
const ENDINGS: &[&str] = &[
    "ai", "app", "biz", "cc", "cloud", "cn", "co", "com", "de", "dev", "edu", "eu", "example",
    "fr", "gg", "gov", "icu", "info", "invalid", "io", "link", "live", "me", "net", "online",
    "org", "page", "pro", "ru", "shop", "site", "su", "test", "to", "top", "tv", "uk", "us", "web",
    "xyz", "zip",
];

/// The places that people of a session named.
#[derive(Debug, Default)]
pub(crate) struct Domains {
    named: BTreeSet<String>,
}

impl Domains {
    /// Collects what people said in a session, and what its memory files held before it.
    pub(crate) fn named_in(session: &Session) -> Self {
        let mut named = BTreeSet::new();
        // What a person quoted is not what they said.
        let mut take = |text: &Text| named.extend(hosts(&paste::own_words(text)));
        for event in session.turns.iter().flat_map(|turn| &turn.events) {
            match event {
                Event::Spoke { trust: Trust::Human, text }
                | Event::Memorized { text }
                | Event::Refused { reason: text, trust: Trust::Human } => take(text),
                Event::Answered { answers } => {
                    for answer in answers {
                        take(&answer.given);
                    }
                }
                Event::Edited { edit } => take(&edit.before),
                _ => {}
            }
        }
        Self { named }
    }

    /// Returns whether `text` points to a place that nobody named.
    pub(crate) fn is_new(&self, text: &str) -> bool {
        hosts(text).any(|host| {
            let within = |known: &str| {
                host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            };
            let known = KNOWN.iter().any(|known| within(known));
            let local = host
                .parse::<std::net::Ipv4Addr>()
                .is_ok_and(|ip| ip.is_private() || ip.is_loopback());
            !known && !local && !self.named.iter().any(|named| within(named))
        })
    }
}

/// Returns the hosts that a text names, in lower case: in addresses, and by themselves where the
/// ending is one of a host.
fn hosts(text: &str) -> impl Iterator<Item = String> + '_ {
    let word = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '/' | '@' | '_'));
    text.split(word).filter_map(|word| {
        let (scheme, rest) = match word.split_once("://") {
            Some((_, rest)) => (true, rest),
            None => (false, word),
        };
        let host = rest.split('/').next()?.rsplit('@').next()?;
        let host = host.split(':').next()?.trim_matches('.').to_lowercase();
        let (name, ending) = host.rsplit_once('.')?;
        let letters = ending.chars().all(|c| c.is_ascii_alphabetic());
        let bare = ENDINGS.contains(&ending) && !name.contains('_');
        let numbers = host.parse::<std::net::Ipv4Addr>().is_ok();
        (!name.is_empty() && (scheme && letters || bare || numbers)).then_some(host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_files_and_numbers() {
        let rows: [(&str, &[&str]); 9] = [
            ("see https://Docs.Evil.example/a?b=c now", &["docs.evil.example"]),
            ("mail audit@evil.example.", &["evil.example"]),
            ("use evil.example:8080/x", &["evil.example"]),
            ("edit barn.toml, main.rs and README.md", &[]),
            ("version 1.2.3 of node.js, e.g. this", &[]),
            ("at 10.0.0.7 and 203.0.113.9", &["10.0.0.7", "203.0.113.9"]),
            ("git@git.barn.io:x/y.git", &["git.barn.io"]),
            ("call std.io or self.io_test", &["std.io"]),
            ("http://intranet/x", &[]),
        ];
        for (text, expected) in rows {
            assert_eq!(hosts(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn only_what_nobody_named_is_new() {
        let named = BTreeSet::from(["barn.io".to_owned()]);
        let domains = Domains { named };
        for (text, expected) in [
            ("https://api.barn.io/x", false),
            ("https://notbarn.io/x", true),
            ("https://raw.githubusercontent.com/x", false),
            ("http://127.0.0.1:8080 and http://192.168.1.4", false),
            ("http://203.0.113.9/x", true),
            ("evil.example", true),
            ("no place at all", false),
        ] {
            assert_eq!(domains.is_new(text), expected, "{text}");
        }
    }
}
