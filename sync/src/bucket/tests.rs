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
    let (remote, other) = (over(&store), over(&store));
    let name = Name::root(1);
    assert!(remote.get(&name, 64).unwrap().is_none());
    remote.delete(&name).unwrap();
    assert_eq!(remote.put_new(&name, &[7; 64]).unwrap(), Put::Created);
    assert_eq!(other.put_new(&name, b"x").unwrap(), Put::Exists);
    assert_eq!(other.get(&name, 64).unwrap().unwrap(), [7; 64]);
    assert!(matches!(other.get(&name, 63), Err(Error::TooLarge { got: 64, max: 63, .. })));
    let Changed::New(bytes, tag) = other.get_changed(&name, 64, None).unwrap() else { panic!() };
    assert_eq!(bytes, [7; 64]);
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
