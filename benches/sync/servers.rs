//! The servers that remotes are reached through, on the loopback.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::Result;

/// Where one channel is published to, and read from.
pub(crate) struct Place {
    pub(crate) publish: String,
    pub(crate) read: String,
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// One kind of remote.
pub(crate) struct Remote<'a> {
    pub(crate) name: &'static str,
    servers: &'a Servers,
}

/// Everything that runs; it ends with this value.
pub(crate) struct Servers {
    folder: TempDir,
    nginx: Option<(Process, u16)>,
    bucket: Option<(Process, String)>,
    git: bool,
    /// What is not installed.
    pub(crate) left_out: Vec<&'static str>,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Servers {
    pub(crate) fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let nginx = start_nginx(folder.path())?;
        let bucket = start_bucket()?;
        let git = Command::new("git").arg("--version").output().is_ok();
        let missing = [
            ("nginx", nginx.is_none()),
            ("moto (`GARNER_INTEROP`)", bucket.is_none()),
            ("git", !git),
        ];
        let left_out = missing.into_iter().filter(|(_, gone)| *gone).map(|(name, _)| name);
        Ok(Self { left_out: left_out.collect(), folder, nginx, bucket, git })
    }

    pub(crate) fn remotes(&self) -> Vec<Remote<'_>> {
        let there = [
            ("folder", true),
            ("HTTP (nginx)", self.nginx.is_some()),
            ("git", self.git),
            ("S3 (moto)", self.bucket.is_some()),
        ];
        let there = there.into_iter().filter(|(_, there)| *there);
        there.map(|(name, _)| Remote { name, servers: self }).collect()
    }
}

impl Remote<'_> {
    /// Makes an empty place for a channel.
    pub(crate) fn place(&self, count: u64, round: usize) -> Result<Place> {
        let servers = self.servers;
        let name = format!("{}-{count}-{round}", self.name.split(' ').next().unwrap_or_default());
        let folder = servers.folder.path().join("www").join(&name);
        let file = |path: &PathBuf| format!("file:{}", path.display());
        let mut environment = Vec::new();
        let (publish, read) = match (self.name, &servers.nginx, &servers.bucket) {
            ("git", ..) => {
                let repository = servers.folder.path().join(format!("{name}.git"));
                run(Command::new("git").args(["init", "-q", "--bare"]).arg(&repository))?;
                let address = format!("git:{}", repository.display());
                (address.clone(), address)
            }
            ("S3 (moto)", _, Some((_, endpoint))) => {
                environment = vec![
                    ("AWS_ENDPOINT_URL", endpoint.clone()),
                    ("AWS_ACCESS_KEY_ID", "an-id".to_owned()),
                    ("AWS_SECRET_ACCESS_KEY", "a-secret".to_owned()),
                    ("AWS_REGION", "us-east-1".to_owned()),
                ];
                let address = format!("s3://notes-bucket/{}", name.to_lowercase());
                (address.clone(), address)
            }
            ("HTTP (nginx)", Some((_, port)), _) => {
                std::fs::create_dir_all(&folder)?;
                (file(&folder), format!("http://127.0.0.1:{port}/{name}"))
            }
            _ => {
                std::fs::create_dir_all(&folder)?;
                (file(&folder), file(&folder))
            }
        };
        Ok(Place { publish, read, environment })
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}

/// Starts a web server for what is under `www`; `None` where none is installed.
fn start_nginx(folder: &Path) -> Result<Option<(Process, u16)>> {
    if Command::new("nginx").arg("-v").output().is_err() {
        return Ok(None);
    }
    std::fs::create_dir(folder.join("www"))?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let at = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|kind| format!("{kind}_temp_path {at}/{kind};\n")).concat();
    let config = format!(
        "daemon off;\nmaster_process off;\npid {at}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n\
         {temporary}server {{ listen 127.0.0.1:{port}; root {at}/www; }}\n}}\n"
    );
    std::fs::write(folder.join("nginx.conf"), config)?;
    let child = Command::new("nginx")
        .arg("-c")
        .arg(folder.join("nginx.conf"))
        .arg("-p")
        .arg(folder)
        .arg("-e")
        .arg(folder.join("errors"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let process = Process(child);
    for _ in 0..400 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(Some((process, port)));
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    Err("nginx did not start".into())
}

/// Starts a server with an empty bucket; `None` where no Python for it is named.
fn start_bucket() -> Result<Option<(Process, String)>> {
    let Ok(python) = std::env::var("GARNER_INTEROP") else { return Ok(None) };
    let mut child = Command::new(&python)
        .args(["-B", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
        .env("PYTHONUNBUFFERED", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stderr.take().ok_or("a pipe")?).lines();
    let process = Process(child);
    let endpoint = lines.find_map(|line| {
        let line = line.ok()?;
        Some(line.split_once("Running on ")?.1.trim().to_owned())
    });
    std::thread::spawn(move || lines.for_each(drop));
    let endpoint = endpoint.ok_or("moto is not installed (tests/interop/requirements.txt)")?;
    let script = "import sys, urllib.request as u; \
                  u.urlopen(u.Request(sys.argv[1], method='PUT')).read()";
    let bucket = format!("{endpoint}/notes-bucket");
    run(Command::new(&python).args(["-c", script, &bucket]))?;
    Ok(Some((process, endpoint)))
}
