//! Readers who poll a channel behind a content delivery network: a simulation, poll by poll.
//!
//! Requests are those that [`super::traffic`] recorded. Each reader polls every ten minutes, give or
//! take a tenth, through one of the network's edges; each edge keeps files that never change, asks
//! the origin again for the `latest` note and for names that were absent once its copy is older than
//! the header allows, and serves its old copy meanwhile for as long as `stale-while-revalidate` says.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::numbers::Numbers;
use super::traffic::{Answer, Request, Traffic};

/// How often a reader polls, in seconds, and how much earlier or later.
pub(crate) const POLL: u64 = 600;
pub(crate) const JITTER: u64 = 60;
/// How many edges there are.
pub(crate) const EDGES: u64 = 50;
/// How old an edge's copy of `latest.note`, or its word that a name is absent, may be, in seconds.
pub(crate) const MAX_AGE: u64 = 30;
/// For how many seconds more it is served while another is fetched.
pub(crate) const STALE: u64 = 60;
/// Bytes of an answer besides its body: status line and headers, about.
pub(crate) const HEADERS: u64 = 300;

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) readers: u64,
    pub(crate) hours: u64,
    /// How many seconds between two versions.
    pub(crate) every: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Polls {
    pub(crate) scenario: Option<Scenario>,
    pub(crate) requests: u64,
    /// The most requests in one second.
    pub(crate) peak: u64,
    pub(crate) bytes: u64,
    pub(crate) origin_requests: u64,
    pub(crate) origin_peak: u64,
    pub(crate) origin_bytes: u64,
    /// After how many seconds half of the readers, 99 in 100, and all had a version.
    pub(crate) reached: [u64; 3],
}

pub(crate) fn scenarios(traffic: &Traffic) -> Vec<Polls> {
    let of = |readers, hours, every| simulate(traffic, Scenario { readers, hours, every });
    vec![of(100_000, 24, 86_400), of(100_000, 24, 3_600), of(1_000_000, 4, 3_600)]
}

/// The copies of one edge.
#[derive(Default)]
struct Edge {
    /// The permanent files, by version and place in the trace.
    kept: HashSet<(u64, usize)>,
    /// When names were found absent, by version and place.
    absent: HashMap<(u64, usize), u64>,
    /// The version that its `latest` note tells, and since when it has it.
    latest: Option<(u64, u64)>,
}

/// Counts per second, and in all.
#[derive(Default)]
struct Load {
    total: u64,
    bytes: u64,
    second: u64,
    in_second: u64,
    peak: u64,
}

impl Load {
    fn add(&mut self, now: u64, bytes: u64) {
        if now != self.second {
            (self.second, self.in_second) = (now, 0);
        }
        self.in_second += 1;
        self.peak = self.peak.max(self.in_second);
        self.total += 1;
        self.bytes += bytes + HEADERS;
    }
}

fn simulate(traffic: &Traffic, scenario: Scenario) -> Polls {
    let Scenario { readers, hours, every } = scenario;
    let mut numbers = Numbers::new(7);
    let mut edges: Vec<Edge> = (0..EDGES).map(|_| Edge::default()).collect();
    let mut has: Vec<u64> = vec![0; readers as usize];
    let mut queue: BinaryHeap<Reverse<(u64, u64)>> =
        (0..readers).map(|reader| Reverse((numbers.below(POLL), reader))).collect();
    let (mut network, mut origin) = (Load::default(), Load::default());
    let mut delays: Vec<u64> = Vec::new();
    let end = hours * 3600;
    while let Some(Reverse((now, reader))) = queue.pop().filter(|Reverse((now, _))| *now < end) {
        let published = now / every;
        let Some(edge) = edges.get_mut((reader % EDGES) as usize) else { break };
        let Some(version) = has.get_mut(reader as usize) else { break };
        let told = latest(edge, now, published, traffic, &mut origin);
        if told > *version {
            for (at, request) in traffic.behind.iter().enumerate() {
                serve(edge, now, (told, at), request, &mut network, &mut origin);
            }
            delays.push(now - told * every);
            *version = told;
        } else {
            for _ in &traffic.nothing {
                network.add(now, 0);
            }
        }
        let next = now + POLL - JITTER + numbers.below(2 * JITTER);
        queue.push(Reverse((next, reader)));
    }
    delays.sort_unstable();
    let share = |percent: usize| {
        let at = (delays.len() * percent / 100).min(delays.len().saturating_sub(1));
        delays.get(at).copied().unwrap_or_default()
    };
    Polls {
        scenario: Some(scenario),
        requests: network.total,
        peak: network.peak,
        bytes: network.bytes,
        origin_requests: origin.total,
        origin_peak: origin.peak,
        origin_bytes: origin.bytes,
        reached: [share(50), share(99), share(100)],
    }
}

/// Returns the version that an edge tells, and lets it ask the origin where it has to.
fn latest(edge: &mut Edge, now: u64, published: u64, traffic: &Traffic, origin: &mut Load) -> u64 {
    let (told, since) = edge.latest.unwrap_or((0, 0));
    let age = now.saturating_sub(since);
    if edge.latest.is_some() && age <= MAX_AGE {
        return told;
    }
    let changed = edge.latest.is_none() || told != published;
    let size = traffic.behind.iter().find_map(|request| match request.answer {
        Answer::Latest(size) if changed => Some(size),
        _ => None,
    });
    origin.add(now, size.unwrap_or(0));
    edge.latest = Some((published, now));
    // The reader who comes first gets the old copy while the new one is on its way.
    if age <= MAX_AGE + STALE { told } else { published }
}

/// Serves one request of a reader who fetches a version.
fn serve(
    edge: &mut Edge,
    now: u64,
    key: (u64, usize),
    request: &Request,
    network: &mut Load,
    origin: &mut Load,
) {
    match request.answer {
        Answer::Permanent(size) => {
            network.add(now, size);
            if edge.kept.insert(key) {
                origin.add(now, size);
            }
        }
        Answer::Latest(size) => network.add(now, size),
        Answer::Same => network.add(now, 0),
        Answer::Absent => {
            network.add(now, 0);
            let asked = edge.absent.get(&key).copied();
            if asked.is_none_or(|asked| now.saturating_sub(asked) > MAX_AGE) {
                edge.absent.insert(key, now);
                origin.add(now, 0);
            }
        }
    }
}
