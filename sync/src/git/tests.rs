use std::path::{Path, PathBuf};
use std::process::Command;

use garner_kernel::{Digest, Version};

use super::*;
use crate::tests::{fragment, setup};
use crate::{MemoryRemote, Published, RemoteUrl, create_repository, pull, survey};

/// A bare repository, and caches that clone it.
struct Server {
    folder: tempfile::TempDir,
}

impl Server {
    fn new() -> Self {
        let server = Self { folder: tempfile::tempdir().unwrap() };
        server.git(&["init", "--quiet", "--bare", "."], &[]);
        server
    }

    fn address(&self) -> String {
        self.repository().to_str().unwrap().to_owned()
    }

    fn repository(&self) -> PathBuf {
        let repository = self.folder.path().join("repository.git");
        std::fs::create_dir_all(&repository).unwrap();
        repository
    }

    /// Opens the repository with the cache of a machine.
    fn open(&self, machine: &str) -> GitRemote {
        GitRemote::open(&self.address(), &self.folder.path().join(machine)).unwrap()
    }

    fn git(&self, arguments: &[&str], stdin: &[u8]) -> String {
        let mut command = Command::new("git");
        command.current_dir(self.repository()).args(["-c", "user.name=x", "-c", "user.email=x"]);
        command.args(arguments);
        finish(command, stdin).unwrap()
    }

    fn commits(&self) -> usize {
        self.git(&["rev-list", "--count", "garner"], &[]).parse().unwrap()
    }
}

fn head(version: u64) -> Name {
    Name::head(&"notes".parse().unwrap(), Version::new(version).unwrap())
}

#[test]
fn files_come_back_as_they_were_written() {
    let server = Server::new();
    let remote = server.open("one");
    assert!(remote.get(&Name::root(1), 64).unwrap().is_none());
    remote.delete(&Name::root(1)).unwrap();
    for bytes in [&b""[..], b"\r\n", &[0xff, 0, b'\n'], &[7; 64]] {
        remote.put_over(&Name::root(1), bytes).unwrap();
        assert_eq!(remote.get(&Name::root(1), 64).unwrap().unwrap(), bytes);
        assert_eq!(server.open("two").get(&Name::root(1), 64).unwrap().unwrap(), bytes);
    }
    let commits = server.commits();
    remote.put_over(&Name::root(1), &[7; 64]).unwrap();
    assert_eq!(server.commits(), commits, "nothing changed");
    assert_eq!(server.open("two").put_new(&Name::root(1), b"x").unwrap(), Put::Exists);
    let too_large = remote.get(&Name::root(1), 63);
    assert!(matches!(too_large, Err(Error::TooLarge { got: 64, max: 63, .. })), "{too_large:?}");
    assert_eq!(remote.get(&Name::root(1), 64).unwrap().unwrap(), [7; 64]);
    remote.delete(&Name::root(1)).unwrap();
    assert!(remote.get(&Name::root(1), 64).unwrap().is_none());
    assert_eq!(remote.put_new(&Name::root(1), b"x").unwrap(), Put::Created);
}

#[test]
fn of_many_writers_one_creates_each_file() {
    let server = Server::new();
    // Some share an opened remote, some a clone, some nothing.
    let shared = server.open("shared");
    let created: Vec<(u8, u64, Put)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16_u8)
            .map(|writer| {
                let (server, shared) = (&server, &shared);
                scope.spawn(move || {
                    let own = match writer % 4 {
                        0 => None,
                        1 => Some(server.open("clone")),
                        _ => Some(server.open(&format!("machine {writer}"))),
                    };
                    let remote = own.as_ref().unwrap_or(shared);
                    let put = |number| remote.put_new(&head(number), &[writer; 9]).unwrap();
                    (1..=5).map(|number| (writer, number, put(number))).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let reader = server.open("reader");
    for number in 1..=5 {
        let of = |(_, n, put): &&(u8, u64, Put)| *n == number && *put == Put::Created;
        let winners: Vec<_> = created.iter().filter(of).collect();
        assert_eq!(winners.len(), 1, "{number}: {winners:?}");
        assert_eq!(reader.get(&head(number), 9).unwrap().unwrap(), [winners[0].0; 9]);
    }
    assert_eq!(server.commits(), 5);
}

#[test]
fn writers_of_different_files_lose_nothing() {
    let server = Server::new();
    std::thread::scope(|scope| {
        for writer in 1..=8_u64 {
            let server = &server;
            scope.spawn(move || {
                let remote = server.open(if writer % 2 == 0 { "even" } else { "odd" });
                assert_eq!(remote.put_new(&head(writer), b"x").unwrap(), Put::Created);
            });
        }
    });
    let reader = server.open("reader");
    assert!((1..=8).all(|number| reader.get(&head(number), 1).unwrap().is_some()));
}

#[test]
fn files_named_by_digest_appear_together_with_the_next_other_file() {
    let server = Server::new();
    let (writer, object) = (server.open("writer"), Name::object(&Digest::of(b"sealed")));
    assert_eq!(writer.put_new(&object, b"sealed").unwrap(), Put::Created);
    assert_eq!(writer.put_new(&object, b"sealed").unwrap(), Put::Exists);
    assert_eq!(writer.get(&object, 64).unwrap().unwrap(), b"sealed");
    assert!(server.open("reader").get(&object, 64).unwrap().is_none());
    assert_eq!(writer.put_new(&head(1), b"head").unwrap(), Put::Created);
    assert_eq!(server.open("reader").get(&object, 64).unwrap().unwrap(), b"sealed");
    assert_eq!(server.commits(), 1);
    let gone = Name::manifest(&Digest::of(b"gone"));
    writer.put_new(&gone, b"gone").unwrap();
    writer.delete(&gone).unwrap();
    assert!(writer.get(&gone, 64).unwrap().is_none());
}

#[test]
fn publishers_race_and_nothing_is_lost() {
    let (server, setup) = (Server::new(), setup());
    let remote = server.open("ada");
    for (name, bytes) in setup.remote.files() {
        remote.put_over(&name, &bytes).unwrap();
    }
    let before = server.commits();
    setup.publish(&remote, "One.").unwrap();
    // The version, and the note that says which is the newest.
    assert_eq!(server.commits(), before + 2);
    std::thread::scope(|scope| {
        for text in ["Two.", "Three.", "Four."] {
            let (server, setup) = (&server, &setup);
            scope.spawn(move || {
                let published = setup.publish(&server.open(text), text).unwrap();
                assert!(matches!(published, Published::New(_)));
            });
        }
    });
    let (url, mirror) = (format!("git:{}", server.address()), MemoryRemote::default());
    let url: RemoteUrl = url.parse().unwrap();
    let reader = url.open(&server.folder.path().join("bob")).unwrap();
    let now = "2026-01-03T00:00:00Z".parse().unwrap();
    let pulled = pull(&reader, &mirror, &setup.trust, None, now).unwrap();
    assert_eq!(pulled.floor.version.get(), 4);
    let last = setup.contents(&mirror, 4);
    for text in ["One.", "Two.", "Three.", "Four."] {
        assert!(last.fragment(&fragment(text).id).is_some(), "{text} is lost");
    }
}

#[test]
fn a_branch_that_was_forced_back_is_seen_and_refused() {
    let (server, setup) = (Server::new(), setup());
    let remote = server.open("ada");
    let root = crate::tests::root_of(&setup.key);
    create_repository(&remote, &root, &[&setup.key]).unwrap();
    setup.publish(&remote, "One.").unwrap();
    let first = server.git(&["rev-parse", "garner"], &[]);
    setup.publish(&remote, "Two.").unwrap();
    let now = "2026-01-03T00:00:00Z".parse().unwrap();
    let mirror = MemoryRemote::default();
    let trust = pull(&server.open("bob"), &mirror, &setup.trust, None, now).unwrap().trust;
    server.git(&["update-ref", "refs/heads/garner", &first], &[]);
    assert_eq!(survey(&server.open("bob"), &trust).unwrap().releases().len(), 1);
    let refused = pull(&server.open("bob"), &mirror, &trust, None, now);
    let went_back = |e: Error| matches!(e, Error::Kernel(garner_kernel::Error::WentBack { .. }));
    assert!(refused.is_err_and(went_back));
    // Whoever writes next does so on top of what is there now.
    remote.put_over(&Name::readme(), b"hello").unwrap();
    assert_eq!(server.git(&["rev-parse", "garner^"], &[]), first);
    server.git(&["update-ref", "-d", "refs/heads/garner"], &[]);
    assert!(server.open("bob").get(&Name::root(1), 1 << 20).unwrap().is_none());
}

#[test]
fn what_is_not_a_file_of_ours_is_not_followed() {
    let server = Server::new();
    let secret = server.folder.path().join("secret");
    std::fs::write(&secret, b"secret").unwrap();
    let blob = |bytes: &[u8]| server.git(&["hash-object", "-w", "--stdin"], bytes);
    let (link, text) = (blob(secret.to_str().unwrap().as_bytes()), blob(b"text"));
    let huge = blob(&vec![7; 5 << 20]);
    let entries = format!(
        "120000 {link}\t{}\n100644 {text}\t{}/inside\n100644 {huge}\t{}\n100644 {text}\tch\n",
        Name::root(1),
        Name::root(2),
        Name::root(3),
    );
    server.git(&["update-index", "--index-info"], entries.as_bytes());
    let tree = server.git(&["write-tree"], &[]);
    let commit = server.git(&["commit-tree", &tree, "-m", "x"], &[]);
    server.git(&["update-ref", "refs/heads/garner", &commit], &[]);
    let remote = server.open("bob");
    let pointed = remote.get(&Name::root(1), 4096).unwrap().unwrap();
    assert_eq!(Path::new(std::str::from_utf8(&pointed).unwrap()), secret);
    assert!(matches!(remote.get(&Name::root(2), 64), Err(Error::Transport { .. })));
    assert!(matches!(remote.get(&Name::root(3), 64), Err(Error::TooLarge { .. })));
    assert!(remote.get(&Name::readme(), 64).unwrap().is_none());
    assert!(remote.get(&head(1), 64).unwrap().is_none());
    assert_eq!(remote.put_new(&Name::root(2), b"x").unwrap(), Put::Exists);
    // A file where a folder belongs gives way.
    assert_eq!(remote.put_new(&head(1), b"head").unwrap(), Put::Created);
    assert_eq!(remote.get(&head(1), 64).unwrap().unwrap(), b"head");
    assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
}

#[test]
fn who_is_refused_or_does_not_find_it_reads_why() {
    let server = Server::new();
    let remote = server.open("ada");
    let hook = server.repository().join("hooks").join("pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\necho 'not on my branch' >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let refused = remote.put_new(&Name::root(1), b"x").unwrap_err();
    assert!(matches!(refused, Error::Denied { .. }), "{refused}");
    assert!(remote.get(&Name::root(1), 64).unwrap().is_none());
    std::fs::remove_dir_all(server.repository()).unwrap();
    let gone = server.folder.path().join("repository.git").to_str().unwrap().to_owned();
    let unreachable = GitRemote::open(&gone, &server.folder.path().join("x")).unwrap();
    let refused = unreachable.get(&Name::root(1), 64);
    assert!(matches!(refused, Err(Error::Unreachable { .. })), "{refused:?}");
    let nobody = GitRemote::open("http://127.0.0.1:9/x.git", server.folder.path()).unwrap();
    let refused = nobody.get(&Name::root(1), 64);
    assert!(matches!(refused, Err(Error::Transport { tries: 3, .. })), "{refused:?}");
}

#[test]
fn hooks_and_settings_of_the_clone_are_not_needed_and_not_run() {
    let server = Server::new();
    let remote = server.open("ada");
    let (clone, ran) = (remote.program.folder().to_owned(), server.folder.path().join("ran"));
    std::fs::create_dir_all(clone.join("hooks")).unwrap();
    for hook in ["pre-push", "reference-transaction", "post-index-change"] {
        let path = clone.join("hooks").join(hook);
        std::fs::write(&path, format!("#!/bin/sh\ntouch '{}'\n", ran.display())).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
    }
    remote.put_new(&Name::root(1), b"x").unwrap();
    assert!(!ran.exists());
    let left = std::fs::read_dir(&clone).unwrap().filter_map(Result::ok);
    let index = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("index"));
    assert_eq!(index.count(), 0, "a temporary index was left");
}
