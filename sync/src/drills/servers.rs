//! Real servers on the loopback, and what stands before them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::Chance;
use super::proxy::{Asked, Mishap, Proxy, exchange};
use crate::bucket::tests::bucket_at;
use crate::web::tests::web_at;
use crate::{BucketRemote, GitRemote, WebRemote};

/// A program that ends when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says that a drill is left out, or fails where `GARNER_SERVERS` promises the servers.
#[expect(clippy::disallowed_methods, reason = "a test has nobody who gives it an argument")]
fn missing(program: &str) {
    assert!(std::env::var_os("GARNER_SERVERS").is_none(), "`{program}` is not installed");
    eprintln!("skipped: `{program}` is not installed");
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn wait_for(address: SocketAddr) {
    for _ in 0..400 {
        if TcpStream::connect(address).is_ok() {
            return;
        }
        thread::sleep(Duration::from_millis(25));
    }
    panic!("nobody listens at {address}");
}

/// A bare repository, and caches that clone it.
pub(super) struct Git(tempfile::TempDir);

impl Git {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("git")
            .args(["init", "--quiet", "--bare", "--"])
            .arg(folder.path().join("repository.git"))
            .status();
        assert!(made.unwrap().success());
        Self(folder)
    }

    fn repository(&self) -> PathBuf {
        self.0.path().join("repository.git")
    }

    /// Opens the repository with the cache of a machine.
    pub(super) fn open(&self, machine: &str) -> GitRemote {
        let address = self.repository().to_str().unwrap().to_owned();
        GitRemote::open(&address, &self.0.path().join(machine)).unwrap()
    }
}

/// Moto, which speaks S3, with bucket `bucket`.
pub(super) struct Moto {
    _running: Running,
    address: String,
}

impl Moto {
    /// Starts a server; `None` where there is none to start.
    pub(super) fn start() -> Option<Self> {
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
        let running = Running(child);
        let address = lines
            .find_map(|line| Some(line.unwrap().split_once("Running on http://")?.1.trim().into()));
        // Whoever writes to a closed pipe stops: read on until the server ends.
        thread::spawn(move || lines.for_each(drop));
        let address: String = address.expect("tests/interop/requirements.txt is not installed");
        let put = format!("PUT /bucket HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n");
        exchange(&address, &put, &[]).unwrap();
        Some(Self { _running: running, address })
    }

    /// Opens the bucket with nothing between.
    pub(super) fn open(&self) -> BucketRemote {
        bucket_at(&self.address)
    }

    /// Puts trouble before the server.
    pub(super) fn behind(&self, chance: Chance, trouble: Trouble) -> Door {
        Door(Proxy::start(&self.address, move |asked| trouble.befalls(asked, &chance)))
    }
}

/// What kind of things go wrong before a server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    /// Whatever a network and a cache that reads can do.
    Reading,
    /// Whatever a network and a store that is written can do, but no stale answers.
    Writing,
    /// A store that looks first and writes later.
    ChecksThenWrites,
}

impl Trouble {
    fn befalls(self, asked: &Asked, chance: &Chance) -> Option<Mishap> {
        let on_the_way = [
            Mishap::Cut,
            Mishap::Status(500),
            Mishap::Status(503),
            Mishap::Slow,
            Mishap::Reordered,
            Mishap::AnswerLost,
        ];
        match self {
            Self::ChecksThenWrites => asked.creates().then_some(Mishap::ChecksThenWrites),
            Self::Reading => chance.draw(&[&on_the_way[..], &[Mishap::Stale]].concat()),
            Self::Writing if asked.creates() => chance.draw(
                &[&on_the_way[..], &[Mishap::AnswerLost, Mishap::Status(409), Mishap::Status(412)]]
                    .concat(),
            ),
            Self::Writing => chance.draw(&on_the_way),
        }
    }
}

/// A server behind a proxy.
pub(super) struct Door(Proxy);

impl Door {
    /// Opens the bucket behind it.
    pub(super) fn bucket(&self) -> BucketRemote {
        bucket_at(&self.0.address().to_string())
    }

    /// Opens the channel on a web server behind it.
    pub(super) fn web(&self) -> WebRemote {
        web_at(&format!("http://{}/notes", self.0.address()))
    }

    pub(super) fn told(&self) -> String {
        self.0.told()
    }
}

/// nginx, which serves a folder as `/notes`.
pub(super) struct Nginx {
    _running: Running,
    port: u16,
}

impl Nginx {
    /// Serves `root`; everything that it writes goes under `folder`.
    pub(super) fn start(folder: &Path, root: &Path) -> Option<Self> {
        if Command::new("nginx").arg("-v").output().is_err() {
            missing("nginx");
            return None;
        }
        fs::create_dir(folder).unwrap();
        let (port, shown) = (free_port(), folder.to_str().unwrap());
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {shown}/{kind};\n"))
            .concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {shown}/pid;\nevents {{}}\nhttp {{\n{temporary}\
             access_log off;\nserver {{\nlisten 127.0.0.1:{port};\n\
             location /notes/ {{\nalias {}/;\n}}\n}}\n}}\n",
            root.to_str().unwrap()
        );
        fs::write(folder.join("nginx.conf"), config).unwrap();
        let errors = folder.join("errors");
        let process = Command::new("nginx")
            .arg("-c")
            .arg(folder.join("nginx.conf"))
            .args(["-p", shown, "-e", errors.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Running(process);
        wait_for((Ipv4Addr::LOCALHOST, port).into());
        Some(Self { _running: running, port })
    }

    /// Puts trouble before the server.
    pub(super) fn behind(&self, chance: Chance, trouble: Trouble) -> Door {
        let upstream = format!("127.0.0.1:{}", self.port);
        Door(Proxy::start(&upstream, move |asked| trouble.befalls(asked, &chance)))
    }
}

/// rclone, which serves a folder by WebDAV and takes no notice of conditions.
pub(super) struct WebDav {
    _running: Running,
    pub(super) address: String,
}

impl WebDav {
    /// Serves `root`; `None` where there is no rclone.
    pub(super) fn start(root: &Path) -> Option<Self> {
        if Command::new("rclone").arg("version").output().is_err() {
            missing("rclone");
            return None;
        }
        let address = format!("127.0.0.1:{}", free_port());
        let process = Command::new("rclone")
            .args(["serve", "webdav", "--config", "/dev/null", "--addr", &address])
            .arg(root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Running(process);
        wait_for(address.parse().unwrap());
        Some(Self { _running: running, address })
    }
}
