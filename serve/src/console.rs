//! What went into prompts, as a page to look at.
//!
//! The last requests on edited routes, newest first: which fragments, how many tokens, or why none.
//! The page only tells: it takes no input, runs no script and loads nothing. It knows no model, no
//! prompt and no statement, only ids, names of channels and words from closed lists.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use garner_kernel::{ChannelName, FragmentId, Version};
use tokio::time::Instant;

use crate::inject::Report;

/// Where the page is.
pub(crate) const PATH: &str = "/console";
/// How many requests are remembered.
const MOST: usize = 100;
/// How many fragments of a request are named.
const NAMED: usize = 64;

/// What a browser may do with the page: show it, and nothing else.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                                 form-action 'none'; frame-ancestors 'none'";

/// The requests that are remembered.
#[derive(Debug, Default)]
pub(crate) struct Console {
    seen: Mutex<VecDeque<Seen>>,
}

/// One request on an edited route.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) route: &'static str,
    /// The channel of the address.
    pub(crate) channel: Option<ChannelName>,
    pub(crate) status: u16,
    /// From the request to the head of its answer.
    pub(crate) took: Duration,
    pub(crate) report: Report,
}

impl Console {
    /// Remembers a request, and forgets the oldest where there are many.
    pub(crate) fn see(&self, seen: Seen) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        all.truncate(MOST - 1);
        all.push_front(seen);
    }

    /// Returns the page, as of `now`.
    pub(crate) fn page(&self, upstream: &str, now: Instant) -> String {
        let all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = HEAD.to_owned();
        let _ = writeln!(page, "<p>Answers come from {}.</p>", escaped(upstream));
        let kernels = kernels(&all);
        if !kernels.is_empty() {
            let names: Vec<String> = kernels.iter().map(|(name, at)| kernel(name, *at)).collect();
            let _ = writeln!(page, "<p>Read last: {}.</p>", escaped(&names.join(", ")));
        }
        if all.is_empty() {
            page.push_str("<p>No request yet.</p>\n");
        } else {
            page.push_str(COLUMNS);
            for seen in &*all {
                row(&mut page, seen, now);
            }
            page.push_str("</table>\n");
        }
        page.push_str(FOOT);
        page
    }
}

/// Returns the version of each channel that was read last.
fn kernels(all: &VecDeque<Seen>) -> BTreeMap<&ChannelName, Version> {
    // The newest come first in the list, and last into the map.
    all.iter().rev().flat_map(|seen| &seen.report.kernels).map(|(name, at)| (name, *at)).collect()
}

fn kernel(name: &ChannelName, version: Version) -> String {
    format!("{name}@{}", version.get())
}

fn row(page: &mut String, seen: &Seen, now: Instant) {
    let Report { kernels, fragments, tokens, reason } = &seen.report;
    let kernels: Vec<String> = kernels.iter().map(|(name, at)| kernel(name, *at)).collect();
    let mut ids: Vec<String> = fragments.iter().take(NAMED).map(FragmentId::short).collect();
    if fragments.len() > NAMED {
        ids.push(format!("and {} more", fragments.len() - NAMED));
    }
    let cells = [
        format!("{} s ago", now.saturating_duration_since(seen.at).as_secs()),
        seen.route.to_owned(),
        seen.channel.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
        seen.status.to_string(),
        format!("{} ms", seen.took.as_millis()),
        kernels.join(", "),
        ids.join(" "),
        tokens.to_string(),
        reason.map_or("", |reason| reason.as_str()).to_owned(),
    ];
    page.push_str("<tr>");
    for cell in cells {
        let _ = write!(page, "<td>{}</td>", escaped(&cell));
    }
    page.push_str("</tr>\n");
}

/// Returns a text as HTML shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta http-equiv=\"refresh\" content=\"5\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Garner: what went into prompts</title>
<style>
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em }
table { border-collapse: collapse }
th, td { text-align: left; vertical-align: top; padding: .2em 1.2em .2em 0 }
tr + tr { border-top: 1px solid #8884 }
</style>
<h1>What went into prompts</h1>
";
const COLUMNS: &str = "<table>
<tr><th>when</th><th>route</th><th>channel</th><th>status</th><th>answered in</th><th>kernels</th>\
<th>fragments</th><th>tokens</th><th>why nothing</th></tr>
";
const FOOT: &str =
    "<p><code>garner log --injections</code> has what was put into every prompt, and \
<a href=\"/metrics\">/metrics</a> the counts.</p>
</html>
";

#[cfg(test)]
mod tests {
    use garner_kernel::{Fragment, Kind, Scope};

    use super::*;
    use crate::inject::Reason;

    fn seen(at: Instant, kernels: &[(&str, u64)], fragments: usize) -> Seen {
        let kernel = |(name, version): &(&str, u64)| {
            (name.parse().unwrap(), Version::new(*version).unwrap())
        };
        let report = Report {
            kernels: kernels.iter().map(kernel).collect(),
            fragments: vec![Fragment::id_of(Kind::Fact, &Scope::User, "x"); fragments],
            ..Report::nothing(Reason::NoRoom)
        };
        let took = Duration::from_millis(7);
        Seen { at, route: "/api/chat", channel: None, status: 200, took, report }
    }

    #[test]
    fn the_newest_come_first_and_the_oldest_are_forgotten() {
        let console = Console::default();
        let start = Instant::now();
        assert!(console.page("box:1", start).contains("No request yet."));
        console.see(seen(start, &[("notes", 9), ("team", 1)], 0));
        for second in 1..=150 {
            console.see(seen(start + Duration::from_secs(second), &[("team", 2)], 70));
        }
        let page = console.page("box:1", start + Duration::from_secs(150));
        assert_eq!(page.matches("<tr><td>").count(), MOST);
        assert!(page.find("<td>0 s ago").unwrap() < page.find("<td>99 s ago").unwrap());
        assert!(page.contains("<p>Read last: team@2.</p>") && page.contains("and 6 more"));
        assert!(page.contains("<td>7 ms</td>") && page.contains("<td>no-room</td>"), "{page}");
    }

    #[test]
    fn nothing_in_it_is_markup_of_others() {
        let page = Console::default().page("<script>\"&", Instant::now());
        assert!(page.contains("&lt;script&gt;&quot;&amp;") && !page.contains("<script"), "{page}");
    }
}
