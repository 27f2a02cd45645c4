//! Real servers that break the promises of remotes are found out, every time.

use super::proxy::exchange;
use super::servers::{Moto, Trouble, WebDav};
use super::{Chance, length};
use crate::{AnyRemote, Error, Name, Put, Remote, probe};

/// A folder on a WebDAV server, written as somebody would who believes in conditions.
struct WebDavRemote(String);

impl WebDavRemote {
    /// Asks and returns the status and the body.
    fn ask(&self, method: &str, name: &Name, more: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let head = format!(
            "{method} /{name} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n{more}",
            self.0,
            body.len()
        );
        // It resets connections of writers that meet; whoever asks again gets an answer.
        let mut replies = (0..50).map(|_| exchange(&self.0, &head, body));
        let reply = replies.find_map(Result::ok).unwrap();
        let end = reply.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let line = String::from_utf8_lossy(&reply[..end]);
        (line.split(' ').nth(1).unwrap().parse().unwrap(), reply[end + 4..].to_vec())
    }
}

impl Remote for WebDavRemote {
    fn get(&self, name: &Name, _: u64) -> Result<Option<Vec<u8>>, Error> {
        let (status, body) = self.ask("GET", name, "", &[]);
        Ok((status == 200).then_some(body))
    }

    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        let (status, _) = self.ask("PUT", name, "If-None-Match: *\r\n", bytes);
        Ok(if status == 412 { Put::Exists } else { Put::Created })
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        self.ask("PUT", name, "", bytes);
        Ok(())
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        self.ask("DELETE", name, "", &[]);
        Ok(())
    }
}

/// Probes a remote again and again; the promise at `place` must be found broken each time.
fn is_found_out(title: &str, place: usize, open: &dyn Fn() -> Result<AnyRemote, Error>) {
    let probes = length(2, 20);
    for number in 0..probes {
        let promises = probe(open, 20).unwrap();
        assert!(promises[place].broken.is_some(), "{title}, probe {number}: {promises:?}");
    }
    eprintln!("{title}: found out {probes} of {probes} times");
}

#[test]
fn a_webdav_server_that_ignores_conditions_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = WebDav::start(folder.path()) else { return };
    let open = || Ok::<AnyRemote, Error>(Box::new(WebDavRemote(server.address.clone())));
    is_found_out("rclone over WebDAV", 0, &open);
}

#[test]
fn a_bucket_that_looks_first_and_writes_later_is_found_out() {
    let Some(moto) = Moto::start() else { return };
    let door = moto.behind(Chance::new(1, 1), Trouble::ChecksThenWrites);
    let open = || Ok::<AnyRemote, Error>(Box::new(door.bucket()));
    is_found_out("S3 that checks and then writes", 1, &open);
}

#[test]
fn a_bucket_that_keeps_its_promises_passes() {
    let Some(moto) = Moto::start() else { return };
    let open = || Ok::<AnyRemote, Error>(Box::new(moto.open()));
    let promises = probe(&open, length(5, 20)).unwrap();
    assert!(promises.iter().all(|promise| promise.broken.is_none()), "{promises:?}");
}
