//! Files and channels from a web server that fails in every way that it can.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::server::{Fault, Request, Server, tag};
use super::{Patience, WebRemote, keeps_protection};
use crate::tests::setup;
use crate::{
    Changed, Error, FolderRemote, MemoryRemote, Meter, Metered, Name, Remote, RemoteUrl, pull,
};

/// A large limit.
const MAX: u64 = 1 << 20;

fn patience(tries: u32) -> Patience {
    Patience {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(4),
        in_all: Duration::from_secs(5),
        tries,
        connect: Duration::from_secs(5),
        silence: Duration::from_secs(5),
    }
}

/// Returns a remote at any address, which is asked again soon.
pub(crate) fn web_at(base: &str) -> WebRemote {
    WebRemote::with(base, patience(8)).unwrap()
}

fn remote(server: &Server) -> WebRemote {
    WebRemote::with(&server.base(), patience(8)).unwrap()
}

fn file() -> Vec<u8> {
    (0..=255).cycle().take(5000).collect()
}

/// Returns a server with one file, to which these faults happen one after the other.
fn faulty(faults: &[Fault]) -> Server {
    let faults = faults.to_vec();
    let plan = move |n: usize, _: &Request| faults.get(n).cloned().unwrap_or(Fault::None);
    Server::start(|path| (path == Name::root(1).as_str()).then(file), plan)
}

/// Fetches the file after these faults, and returns the requests that it took.
#[track_caller]
fn arrives(faults: &[Fault]) -> Vec<Request> {
    let server = faulty(faults);
    let found = remote(&server).get(&Name::root(1), 5000).unwrap();
    assert!(found == Some(file()), "{faults:?}");
    server.requests()
}

fn status(status: u16) -> Fault {
    Fault::Status(status, Vec::new())
}

#[track_caller]
fn asks_for(request: &Request, range: Option<&str>) {
    assert_eq!(request.headers.get("range").map(String::as_str), range);
    let same = range.map(|_| tag(&file()));
    assert_eq!(request.headers.get("if-range"), same.as_ref());
}

#[test]
fn a_file_is_asked_for_once_and_as_it_is() {
    for fault in [Fault::None, Fault::Chunked, Fault::Weak, Fault::Drip] {
        let requests = arrives(&[fault]);
        let [request] = requests.as_slice() else { panic!("{requests:?}") };
        assert_eq!(request.path, "/files/root/00000001.note");
        assert_eq!(request.headers["accept-encoding"], "identity");
        assert_eq!(request.headers["user-agent"], concat!("garner/", env!("CARGO_PKG_VERSION")));
        asks_for(request, None);
    }
}

#[test]
fn what_arrives_is_counted_while_it_does() {
    let server = faulty(&[Fault::Drip]);
    let meter = Arc::new(Meter::default());
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    meter.watch(Some(Box::new(move |moved| seen.lock().unwrap().push(moved.bytes))));
    // So fast that nobody waits.
    meter.limit(Some("100G".parse().unwrap()));
    let remote = Metered::new(remote(&server).counting(&meter), Arc::clone(&meter));
    assert!(remote.get(&Name::root(1), 5000).unwrap() == Some(file()));
    assert_eq!((meter.moved().requests, meter.moved().bytes), (1, 5000));
    let steps = steps.lock().unwrap();
    assert!(steps.iter().any(|bytes| (1..5000).contains(bytes)), "{steps:?}");
}

#[test]
fn what_is_not_there_is_none() {
    let server = faulty(&[Fault::None, status(410)]);
    assert!(remote(&server).get(&Name::root(2), MAX).unwrap().is_none());
    assert!(remote(&server).get(&Name::root(1), MAX).unwrap().is_none());
    assert_eq!(remote(&server).get_changed(&Name::root(2), MAX, None).unwrap(), Changed::Gone);
}

#[test]
fn what_passes_is_tried_again() {
    let faults = [408, 429, 500, 502, 503, 504].map(status);
    assert_eq!(arrives(&faults).len(), 7);
    assert_eq!(arrives(&[Fault::Reset, status(304), status(206)]).len(), 4);
}

#[test]
fn a_server_that_is_silent_is_asked_again() {
    let server = faulty(&[Fault::Stall(Duration::from_secs(2))]);
    let patience = Patience { silence: Duration::from_millis(200), ..patience(8) };
    let remote = WebRemote::with(&server.base(), patience).unwrap();
    assert!(remote.get(&Name::root(1), MAX).unwrap() == Some(file()));
    assert!(server.requests().len() > 1);
}

#[test]
fn a_cut_file_goes_on_where_it_stopped() {
    for cut in [Fault::Cut(1200), Fault::CutChunk(1200)] {
        let requests = arrives(&[cut, Fault::Cut(1000)]);
        assert_eq!(requests.len(), 3);
        asks_for(&requests[0], None);
        asks_for(&requests[1], Some("bytes=1200-"));
        asks_for(&requests[2], Some("bytes=2200-"));
    }
}

#[test]
fn a_part_that_does_not_fit_starts_the_file_again() {
    for other in [
        Fault::OtherFile,
        Fault::LongPart,
        Fault::WrongRange("bytes 1201-4999/5000"),
        Fault::WrongRange("bytes 1200-4999/5001"),
        Fault::WrongRange("bytes 1200-4998/5000"),
        Fault::WrongRange("bytes 1200-4999/*"),
        Fault::WrongRange("pages 1200-4999/5000"),
        status(416),
    ] {
        let requests = arrives(&[Fault::Cut(1200), other.clone()]);
        assert_eq!(requests.len(), 3, "{other:?}");
        asks_for(&requests[1], Some("bytes=1200-"));
        asks_for(&requests[2], None);
    }
}

#[test]
fn the_whole_file_in_place_of_a_part_is_taken() {
    assert_eq!(arrives(&[Fault::Cut(1200), Fault::Whole]).len(), 2);
    assert_eq!(arrives(&[Fault::Cut(1200), status(503), Fault::Cut(10)]).len(), 4);
}

#[test]
fn a_weak_tag_does_not_promise_the_same_bytes() {
    let requests = arrives(&[Fault::WeakCut(1200)]);
    assert_eq!(requests.len(), 2);
    asks_for(&requests[1], None);
}

#[test]
fn a_file_that_is_not_as_long_as_was_said_is_not_taken() {
    let short = vec![Fault::Short; 20];
    let server = faulty(&short);
    let refused = remote(&server).get(&Name::root(1), MAX);
    assert!(matches!(refused, Err(Error::Transport { tries: 8, .. })), "{refused:?}");
    // What is beyond the length belongs to no file.
    assert_eq!(arrives(&[Fault::Long]).len(), 1);
    for after in [0, 100, 5000] {
        let refused = remote(&faulty(&[Fault::NoLength(after)])).get(&Name::root(1), MAX);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("names no length"), "{refused}");
    }
}

#[test]
fn no_more_than_the_limit_is_read() {
    let server = faulty(&[]);
    let refused = remote(&server).get(&Name::root(1), 4999);
    assert!(matches!(refused, Err(Error::TooLarge { got: 5000, max: 4999, .. })), "{refused:?}");
    let server = faulty(&[Fault::Chunked]);
    let refused = remote(&server).get(&Name::root(1), 4999);
    assert!(matches!(refused, Err(Error::TooLarge { max: 4999, .. })), "{refused:?}");
    let server = faulty(&[Fault::Endless]);
    let refused = remote(&server).get(&Name::root(1), MAX);
    assert!(matches!(refused, Err(Error::TooLarge { max: MAX, .. })), "{refused:?}");
    // The buffers of two sockets were filled as well.
    assert!(server.sent() < 32 * MAX, "{} bytes", server.sent());
}

#[test]
fn what_does_not_pass_is_not_tried_again() {
    for code in [401, 403, 400, 404, 405, 407, 451, 204, 300] {
        let server = faulty(&[status(code)]);
        let outcome = remote(&server).get(&Name::root(1), MAX);
        match code {
            404 => assert!(outcome.unwrap().is_none()),
            401 | 403 => assert!(matches!(outcome, Err(Error::Denied { .. })), "{outcome:?}"),
            _ => assert!(matches!(outcome, Err(Error::Transport { tries: 1, .. })), "{outcome:?}"),
        }
        assert_eq!(server.requests().len(), 1, "{code}");
    }
    let encoded = Fault::Status(200, vec![("Content-Encoding", "gzip".to_owned())]);
    let refused = remote(&faulty(&[encoded])).get(&Name::root(1), MAX).unwrap_err().to_string();
    assert!(refused.contains("encoded as `gzip`"), "{refused}");
}

#[test]
fn the_error_says_what_failed_where_and_how_often() {
    let server = faulty(&vec![status(500); 9]);
    let refused = remote(&server).get(&Name::root(1), MAX).unwrap_err().to_string();
    let expected = format!(
        "cannot fetch `root/00000001.note` on `{}`: 500 Internal Server Error (tried 8x) [K601]",
        server.base()
    );
    assert_eq!((refused, server.requests().len()), (expected, 8));
}

#[test]
fn nobody_at_the_address_is_an_error() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let base = format!("http://{}/files", listener.local_addr().unwrap());
    drop(listener);
    let refused = WebRemote::with(&base, patience(3)).unwrap().get(&Name::root(1), MAX);
    assert!(matches!(refused, Err(Error::Transport { tries: 3, .. })), "{refused:?}");
    let refused = refused.unwrap_err().to_string();
    assert_eq!(refused.matches(&base).count(), 1, "{refused}");
}

#[test]
fn a_server_that_asks_for_time_gets_it() {
    let later =
        |code, seconds: &str| Fault::Status(code, vec![("Retry-After", seconds.to_owned())]);
    let started = Instant::now();
    assert_eq!(arrives(&[later(503, "1")]).len(), 2);
    assert!(started.elapsed() >= Duration::from_secs(1));
    // More time than there is: nobody waits.
    let server = faulty(&[later(429, "3600")]);
    let refused = remote(&server).get(&Name::root(1), MAX).unwrap_err().to_string();
    assert!(refused.contains("to be asked again in 3600 s (tried 1x)"), "{refused}");
    // Only these two statuses ask for time.
    assert_eq!(arrives(&[later(500, "3600")]).len(), 2);
}

#[test]
fn what_did_not_change_is_not_sent_again() {
    let server = faulty(&[]);
    let remote = remote(&server);
    let name = Name::root(1);
    let Changed::New(bytes, Some(found)) = remote.get_changed(&name, MAX, None).unwrap() else {
        panic!("no file")
    };
    assert!(bytes == file() && found == tag(&file()));
    assert_eq!(remote.get_changed(&name, MAX, Some(&found)).unwrap(), Changed::Same);
    for other in ["\"other\"", "no\nheader"] {
        let changed = remote.get_changed(&name, MAX, Some(other)).unwrap();
        assert_eq!(changed, Changed::New(file(), Some(found.clone())));
    }
    // A condition is part of every try, but not of the rest of a file.
    let server = faulty(&[status(500), Fault::Cut(7)]);
    let changed = self::remote(&server).get_changed(&name, MAX, Some("\"other\"")).unwrap();
    assert_eq!(changed, Changed::New(file(), Some(found)));
    let asked = server.requests();
    let conditions: Vec<_> =
        asked.iter().map(|r| r.headers.contains_key("if-none-match")).collect();
    assert_eq!(conditions, [true, true, false]);
}

#[test]
fn redirects_are_followed_five_times() {
    let moved = |path: &str| Fault::Status(302, vec![("Location", path.to_owned())]);
    let there = "/files/root/00000001.note";
    assert_eq!(arrives(&vec![moved(there); 5]).len(), 6);
    let refused = remote(&faulty(&vec![moved(there); 6])).get(&Name::root(1), MAX);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("more than 5 redirects (tried 1x)"), "{refused}");
    for (protected, scheme, kept) in [
        (true, "https", true),
        (true, "http", false),
        (false, "http", true),
        (false, "https", true),
    ] {
        assert_eq!(keeps_protection(protected, scheme), kept);
    }
}

#[test]
fn a_web_server_can_only_be_read() {
    let remote = "http://127.0.0.1:9/x".parse::<RemoteUrl>().unwrap();
    let remote = remote.open(std::path::Path::new("/")).unwrap();
    let name = Name::root(1);
    for refused in
        [remote.put_new(&name, b"").map(|_| ()), remote.put_over(&name, b""), remote.delete(&name)]
    {
        assert!(matches!(refused, Err(Error::ReadOnly { .. })), "{refused:?}");
    }
}

#[test]
fn threads_share_a_remote() {
    let server = faulty(&[Fault::Reset, Fault::Cut(9), status(500)]);
    let remote = remote(&server);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(remote.get(&Name::root(1), MAX).unwrap() == Some(file())));
        }
    });
}

/// Numbers that follow from a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

/// Returns a fault that passes, or none in two of three cases.
fn passing_fault(numbers: &mut Numbers) -> Fault {
    let after = numbers.below(3000);
    match numbers.below(45) {
        0 => Fault::Cut(after),
        1 => Fault::CutChunk(after),
        2 => status(500),
        3 => Fault::Status(503, vec![("Retry-After", "0".to_owned())]),
        4 => status(429),
        5 => Fault::Whole,
        6 => Fault::WrongRange("bytes 1-9/10"),
        7 => Fault::OtherFile,
        8 => Fault::Short,
        9 => Fault::Long,
        10 => Fault::LongPart,
        11 => Fault::Drip,
        12 => Fault::Reset,
        13 => status(304),
        14 => Fault::Chunked,
        15 => Fault::WeakCut(after),
        _ => Fault::None,
    }
}

/// Returns a plan of faults; a file is asked for with another one each time.
fn plan(seed: u64) -> impl Fn(usize, &Request) -> Fault {
    move |n, _| passing_fault(&mut Numbers(seed ^ ((n as u64) << 32)))
}

/// Returns the file of a seed.
fn file_of(seed: usize) -> Vec<u8> {
    let mut numbers = Numbers(seed as u64);
    let length = numbers.below(4000);
    (0..length).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect()
}

#[test]
fn whatever_happens_the_file_is_right_or_the_error_is() {
    let files = |path: &str| {
        let number = path.strip_prefix("root/")?.strip_suffix(".note")?.parse().ok()?;
        (number < 500).then(|| file_of(number))
    };
    let spiteful = |n: usize, _: &Request| {
        let mut numbers = Numbers(n as u64);
        match numbers.below(60) {
            0 => status(403),
            1 => status(418),
            2 => Fault::Endless,
            3 => Fault::NoLength(numbers.below(4000)),
            4..30 => Fault::Cut(numbers.below(4000)),
            _ => passing_fault(&mut numbers),
        }
    };
    let server = Server::start(files, spiteful);
    let remote = remote(&server);
    let mut right = 0;
    for seed in 0..600 {
        let file = file_of(seed);
        let limit = if seed % 7 == 0 { file.len() as u64 / 2 } else { 4000 };
        match remote.get(&Name::root(seed as u64), limit) {
            Ok(None) => assert!(seed >= 500, "{seed}: the file was not found"),
            Ok(Some(bytes)) => {
                assert!(bytes == file && bytes.len() as u64 <= limit, "{seed}: another file");
                right += 1;
            }
            Err(Error::TooLarge { got, max, .. }) => assert!(got > max && max == limit, "{seed}"),
            Err(Error::Denied { .. }) => {}
            Err(Error::Transport { tries, .. }) => assert!((1..=8).contains(&tries), "{seed}"),
            Err(other) => panic!("{seed}: {other}"),
        }
    }
    assert!(right > 300, "{right} of 500 files arrived");
}

#[test]
fn a_channel_is_pulled_through_faults_as_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let published = FolderRemote::open(folder.path()).unwrap();
    let setup = setup();
    for (name, bytes) in setup.remote.files() {
        published.put_new(&name, &bytes).unwrap();
    }
    for text in ["One.", "Two.", "Three."] {
        setup.publish(&published, text).unwrap();
    }
    let clock = "2026-01-03T00:00:00Z".parse().unwrap();
    let expected = MemoryRemote::default();
    let pulled = pull(&published, &expected, &setup.trust, None, clock).unwrap();
    for seed in 0..60 {
        let root = folder.path().to_owned();
        let server = Server::start(move |path| std::fs::read(root.join(path)).ok(), plan(seed));
        let remote = WebRemote::with(&server.base(), patience(20)).unwrap();
        let mirror = MemoryRemote::default();
        let mut found = pull(&remote, &mirror, &setup.trust, None, clock).unwrap();
        // A folder has no tags.
        assert!(found.trust.polled.take().is_some(), "seed {seed}");
        assert_eq!(found, pulled, "seed {seed}");
        assert!(mirror.files() == expected.files(), "seed {seed}: another mirror");
    }
}

/// A pull that fails leaves what the mirror shows, and the next one goes on.
#[test]
fn a_pull_that_breaks_off_leaves_the_mirror_whole() {
    let setup = setup();
    setup.publish(&setup.remote, "One.").unwrap();
    let mirror = MemoryRemote::default();
    let clock = "2026-01-03T00:00:00Z".parse().unwrap();
    let trust = pull(&setup.remote, &mirror, &setup.trust, None, clock).unwrap().trust;
    setup.publish(&setup.remote, "Two.").unwrap();
    let files: BTreeMap<String, Vec<u8>> =
        setup.remote.files().into_iter().map(|(name, bytes)| (name.to_string(), bytes)).collect();
    let mut broken = 0;
    for last in 0..20 {
        let files = files.clone();
        let gone = move |n: usize, _: &Request| if n < last { Fault::None } else { Fault::Reset };
        let server = Server::start(move |path| files.get(path).cloned(), gone);
        let remote = WebRemote::with(&server.base(), patience(2)).unwrap();
        let copy = MemoryRemote::default();
        for (name, bytes) in mirror.files() {
            copy.put_over(&name, &bytes).unwrap();
        }
        let outcome = pull(&remote, &copy, &trust, None, clock);
        let (newest, ok) = (if outcome.is_ok() { 2 } else { 1 }, outcome.is_ok());
        assert_eq!(setup.contents(&copy, newest).fragments().len() as u64, newest, "{last}");
        assert!(ok || matches!(outcome, Err(Error::Transport { .. })), "{last}: {outcome:?}");
        broken += usize::from(!ok);
    }
    assert!((5..20).contains(&broken), "{broken} of 20 pulls broke off");
}
