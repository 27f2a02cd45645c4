use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use object_store::memory::InMemory;

use super::*;
use crate::MemoryRemote;
use crate::tests::{fragment, root_of, setup};
use crate::{RemoteUrl, create_repository, pull};

fn address() -> BucketAddress {
    "s3://bucket/some/prefix".parse().unwrap()
}

fn over(store: &Arc<InMemory>) -> BucketRemote {
    BucketRemote::over(&address(), Arc::<InMemory>::clone(store)).unwrap()
}

#[test]
fn addresses_of_buckets_read_what_they_write() {
    for (text, shown) in [
        ("s3://notes", "s3://notes"),
        ("s3:notes/a/b/", "s3://notes/a/b"),
        ("gs://my.notes/a", "gs://my.notes/a"),
        ("az://notes/a_b-c", "az://notes/a_b-c"),
    ] {
        assert_eq!(text.parse::<RemoteUrl>().unwrap().to_string(), shown);
    }
    for text in [
        "s3://",
        "s3:/notes",
        "s3://-x",
        "s3://a/../b",
        "s3://a//b",
        "s3://a/b c",
        "s3://a/b?x=y",
        "s3://me:secret@notes",
        "s3://notes/secret@x",
        "s3://a/\u{1b}",
        "az://a/./b",
    ] {
        let refused = text.parse::<RemoteUrl>().unwrap_err().to_string();
        assert!(!refused.contains("secret"), "{refused}");
    }
}

#[test]
fn files_come_back_as_they_were_written() {
    let store = Arc::new(InMemory::new());
    let (remote, mut other) = (over(&store), over(&store));
    let name = Name::root(1);
    assert!(remote.get(&name, 64).unwrap().is_none());
    remote.delete(&name).unwrap();
    assert_eq!(remote.put_new(&name, &[7; 64]).unwrap(), Put::Created);
    assert_eq!(other.put_new(&name, b"x").unwrap(), Put::Exists);
    assert_eq!(other.get(&name, 64).unwrap().unwrap(), [7; 64]);
    assert!(matches!(other.get(&name, 63), Err(Error::TooLarge { got: 64, max: 63, .. })));
    let meter = Arc::new(Meter::default());
    other = other.counting(&meter);
    let Changed::New(bytes, tag) = other.get_changed(&name, 64, None).unwrap() else { panic!() };
    assert_eq!(bytes, [7; 64]);
    assert_eq!(meter.moved().bytes, 64);
    let tag = tag.as_deref();
    assert_eq!(other.get_changed(&name, 64, tag).unwrap(), Changed::Same);
    remote.put_over(&name, b"new").unwrap();
    let changed = other.get_changed(&name, 64, tag).unwrap();
    assert!(matches!(changed, Changed::New(bytes, _) if bytes == b"new"));
    remote.delete(&name).unwrap();
    assert_eq!(other.get_changed(&name, 64, tag).unwrap(), Changed::Gone);
}

#[test]
fn of_many_writers_one_creates_each_file() {
    let store = Arc::new(InMemory::new());
    let created: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|writer| {
                let store = &store;
                scope.spawn(move || {
                    let remote = over(store);
                    let new = |n: &u64| remote.put_new(&Name::root(*n), &[writer]).unwrap();
                    (1..=20).filter(|n| new(n) == Put::Created).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!((1..=20).all(|number| created.iter().filter(|n| **n == number).count() == 1));
}

#[test]
fn what_is_published_to_a_bucket_is_pulled() {
    let (setup, remote) = (setup(), over(&Arc::new(InMemory::new())));
    create_repository(&remote, &root_of(&setup.key), &[&setup.key]).unwrap();
    setup.publish(&remote, "One.").unwrap();
    setup.publish(&remote, "Two.").unwrap();
    let mirror = MemoryRemote::default();
    let now = "2026-01-03T00:00:00Z".parse().unwrap();
    assert_eq!(pull(&remote, &mirror, &setup.trust, None, now).unwrap().new, 2);
    assert!(setup.contents(&mirror, 2).fragment(&fragment("Two.").id).is_some());
}

#[test]
fn the_words_of_a_service_are_told_without_signatures_and_control_characters() {
    for (said, expected) in [
        ("PUT https://host/a/b?sig=secret (5)", "PUT https://host/a/b (5)"),
        ("is it?\u{1b}[31m\nyes", "is it?[31m yes"),
    ] {
        assert_eq!(told(said), expected);
    }
    assert_eq!(told(&"x".repeat(1000)).len(), WORDS);
    assert_eq!(tries("Error performing GET http://x in 3s, after 5 retries"), 6);
    assert_eq!(tries("something else"), 1);
}

/// Returns bucket `bucket` of the server at a host and port, which is asked again soon.
pub(crate) fn bucket_at(server: &str) -> BucketRemote {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(5),
        max_backoff: Duration::from_millis(40),
        base: 2.,
    };
    let store = AmazonS3Builder::new()
        .with_endpoint(format!("http://{server}"))
        .with_access_key_id("an-id")
        .with_secret_access_key("a-secret")
        .with_bucket_name("bucket")
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_allow_http(true)
        .with_retry(RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_TIME })
        .build();
    let address = "s3://bucket/notes".parse().unwrap();
    BucketRemote::over(&address, Arc::new(store.unwrap())).unwrap()
}

/// A running moto, which speaks S3; it ends with the test.
struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    /// Starts a server with bucket `bucket`; `None` where there is none to start.
    fn start() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "where the packages of the tests are")]
        let Ok(python) = std::env::var("GARNER_INTEROP") else {
            eprintln!("skipped: `GARNER_INTEROP` names no Python that has moto");
            return None;
        };
        let mut child = Command::new(&python)
            .args(["-B", concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/interop/bucket_server.py")])
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let running = lines
            .find_map(|line| Some(line.unwrap().split_once("Running on ")?.1.trim().to_owned()));
        // Whoever writes to a closed pipe stops: read on until the server ends.
        std::thread::spawn(move || lines.for_each(drop));
        let endpoint = running.expect("tests/interop/requirements.txt is not installed");
        let server = Self { child, endpoint };
        let script = "import sys, urllib.request as u; \
                      u.urlopen(u.Request(sys.argv[1], method='PUT')).read()";
        let bucket = format!("{}/bucket", server.endpoint);
        let made = Command::new(&python).args(["-c", script, &bucket]).status().unwrap();
        assert!(made.success());
        Some(server)
    }

    fn open(&self, bucket: &str) -> BucketRemote {
        let builder = AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_access_key_id("an-id")
            .with_secret_access_key("a-secret");
        let address = format!("s3://{bucket}/notes").parse().unwrap();
        BucketRemote::over(&address, s3(builder, bucket).unwrap()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_server_lets_one_of_many_writers_create_each_file() {
    let Some(server) = Server::start() else { return };
    let created: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|writer| {
                let server = &server;
                scope.spawn(move || {
                    let remote = server.open("bucket");
                    let new = |n: &u64| remote.put_new(&Name::root(*n), &[writer]).unwrap();
                    (1..=20).filter(|n| new(n) == Put::Created).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let winners = |number| created.iter().filter(|n| **n == number).count();
    assert!((1..=20).all(|number| winners(number) == 1), "{created:?}");
}

#[test]
fn a_real_server_keeps_a_channel() {
    let Some(server) = Server::start() else { return };
    let (setup, remote) = (setup(), server.open("bucket"));
    create_repository(&remote, &root_of(&setup.key), &[&setup.key]).unwrap();
    setup.publish(&remote, "One.").unwrap();
    setup.publish(&server.open("bucket"), "Two.").unwrap();
    let mirror = MemoryRemote::default();
    let now = "2026-01-03T00:00:00Z".parse().unwrap();
    assert_eq!(pull(&remote, &mirror, &setup.trust, None, now).unwrap().new, 2);
    assert!(setup.contents(&mirror, 2).fragment(&fragment("Two.").id).is_some());
    let readme = Name::readme();
    let Changed::New(bytes, tag) = remote.get_changed(&readme, 1 << 20, None).unwrap() else {
        panic!()
    };
    assert!(tag.is_some());
    assert_eq!(remote.get_changed(&readme, 1 << 20, tag.as_deref()).unwrap(), Changed::Same);
    assert!(matches!(remote.get(&readme, bytes.len() as u64 - 1), Err(Error::TooLarge { .. })));
    remote.delete(&readme).unwrap();
    remote.delete(&readme).unwrap();
    assert!(remote.get(&readme, 1 << 20).unwrap().is_none());
    let refused = server.open("no-such-bucket").get(&readme, 64).unwrap_err();
    assert!(refused.to_string().contains("there is no such bucket"), "{refused}");
    let refused = server.open("no-such-bucket").put_new(&readme, b"x").unwrap_err();
    assert!(matches!(refused, Error::Transport { .. }), "{refused}");
    let endpoint = "http://127.0.0.1:9".to_owned();
    let builder = AmazonS3Builder::new().with_endpoint(endpoint).with_skip_signature(true);
    let nobody = BucketRemote::over(&address(), s3(builder, "bucket").unwrap()).unwrap();
    let refused = nobody.get(&readme, 64).unwrap_err();
    assert!(matches!(refused, Error::Transport { tries: 6, .. }), "{refused}");
}
