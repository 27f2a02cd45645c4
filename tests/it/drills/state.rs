//! What can be seen of a machine and its channel, without what differs from run to run.

use std::fs;
use std::path::PathBuf;

use garner_kernel::Version;
use garner_kernel::bundle::{self, DeviceKey, Keyring, Latest};
use garner_sync::{FolderRemote, Repository, Trust, survey};
use serde_json::Value;

use crate::world::{World, items, walk};

/// What can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct State {
    /// The versions on the remote, the newest with the digest of its contents and its readers: what
    /// somebody sees who has nothing but the id of the repository and a key.
    pub(super) channel: Vec<String>,
    /// The versions whose files are on the remote.
    readable: Vec<u64>,
    /// The version that the `latest` note names.
    latest: Option<u64>,
    /// Whether the remote tells people how to read it.
    readme: bool,
    /// The versions in the mirror.
    pub(super) mirror: Vec<String>,
    /// The operations, and every fragment that is read.
    pub(super) store: Vec<String>,
    pub(super) draft: Option<String>,
    /// What the machine knows of the channel.
    settings: String,
    /// The files of keys.
    keys: Vec<String>,
    /// How many sessions wait to be compiled, and whether hooks are set up.
    hooks: String,
    /// The files in the home folder, which belong to other programs.
    home: Vec<String>,
    /// The backups that are listed, each restored in a folder of its own, and the files of the vault.
    backups: Vec<String>,
    doctor: i32,
}

impl State {
    /// Looks at a machine, and has everything checked that can be.
    pub(super) fn see(world: &World) -> Result<Self, String> {
        let Remote { shown: channel, readable, latest } = remote(world)?;
        let mirror = mirror(world)?;
        if world.store().exists() {
            let checked = checked(world, &["verify"]);
            // A store that nobody has finished making holds nothing yet.
            if !matches!(&checked, Err(told) if told.contains("has version 0")) {
                checked?;
            }
        }
        if !mirror.is_empty() {
            checked(world, &["verify", "notes"])?;
        }
        let doctor = said(world, &["doctor"]).0;
        Ok(Self {
            channel,
            readable,
            latest,
            readme: world.remote().join("README.txt").exists(),
            mirror,
            store: store(world)?,
            draft: world.draft_text(),
            settings: said(world, &["channel", "show", "notes"]).1,
            keys: keys(world),
            hooks: hooks(world)?,
            home: home(world),
            backups: backups(world)?,
            doctor,
        })
    }
}

/// Runs a command and returns its status and what it wrote; it may not break down.
fn said(world: &World, arguments: &[&str]) -> (i32, String) {
    let output = world.command(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let status = output.status.code().unwrap_or(-1);
    assert!((0..=70).contains(&status), "garner {arguments:?}: {status}: {stderr}");
    (status, String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command that must succeed.
fn checked(world: &World, arguments: &[&str]) -> Result<String, String> {
    let output = world.command(arguments).output().unwrap();
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let told = [output.stdout, output.stderr].concat();
    Err(format!("garner {arguments:?}: {}", String::from_utf8_lossy(&told)))
}

/// What can be seen of the remote alone.
#[derive(Default)]
struct Remote {
    shown: Vec<String>,
    readable: Vec<u64>,
    latest: Option<u64>,
}

fn remote(world: &World) -> Result<Remote, String> {
    let told = |error: &dyn std::error::Error| format!("the remote: {error}");
    let folder = world.remote();
    let Ok(root) = fs::read(folder.join("root/00000001.note")) else {
        return Ok(Remote::default());
    };
    let remote = FolderRemote::open(&folder).map_err(|e| told(&e))?;
    let id = bundle::repository_of(&root).map_err(|e| told(&e))?;
    let trust = Trust::pin(Repository { id, channel: "notes".parse().unwrap() });
    let survey = survey(&remote, &trust).map_err(|e| told(&e))?;
    let latest = fs::read(folder.join("ch/notes/latest.note")).ok();
    let latest = latest.map(|bytes| {
        let latest = Latest::check(&bytes, survey.roots(), &trust.repository.channel);
        latest.map(|latest| latest.version.get()).map_err(|e| told(&e))
    });
    let latest = latest.transpose()?;
    let mut shown: Vec<String> = vec![format!("root {}", survey.roots().last().version)];
    for release in survey.releases() {
        shown.push(format!("{} {:?} {:?}", release.version, release.reason, release.signers));
    }
    let is_readable = |version| survey.fetch(&remote, &trust, version).is_ok();
    let versions = survey.releases().into_iter().map(|release| release.version);
    let readable = versions.filter(|v| is_readable(*v)).map(Version::get).collect();
    if let Some(newest) = survey.releases().last() {
        let fetched = survey.fetch(&remote, &trust, newest.version).map_err(|e| told(&e))?;
        let device = fs::read_to_string(world.key("device")).unwrap();
        let device: DeviceKey = device.trim().parse().unwrap();
        let kernel = bundle::open(&fetched.bundle, &fetched.anchor, &[&device]);
        let kernel = kernel.map_err(|e| told(&e))?.into_inner();
        let keyring = Keyring::open(&fetched.bundle.keyring, &[&device]).map_err(|e| told(&e))?;
        let readers: Vec<_> = keyring.readers.iter().map(|reader| reader.name.as_str()).collect();
        shown.push(format!("{} for {readers:?}", kernel.contents.tree_digest()));
    }
    Ok(Remote { shown, readable, latest })
}

/// Parses what a command printed as JSON; `None` if it had nothing to say.
fn json(world: &World, arguments: &[&str]) -> Result<Option<Value>, String> {
    let (status, text) = said(world, arguments);
    if status != 0 {
        return Ok(None);
    }
    serde_json::from_str(&text).map(Some).map_err(|e| format!("garner {arguments:?}: {e}"))
}

fn mirror(world: &World) -> Result<Vec<String>, String> {
    let Some(log) = json(world, &["--json", "log", "notes"])? else { return Ok(vec![]) };
    let show =
        |v: &Value| format!("{} {} {} {}", v["version"], v["signers"], v["reason"], v["read"]);
    Ok(items(&log["versions"]).iter().map(show).collect())
}

fn store(world: &World) -> Result<Vec<String>, String> {
    let Some(list) = json(world, &["--json", "op", "list"])? else { return Ok(vec![]) };
    let show = |op: &Value| {
        let [before, after] = ["view_before_sha256", "view_after_sha256"].map(|key| &op[key]);
        format!("{} {} {before} {after}", op["number"], op["what"])
    };
    let mut shown: Vec<String> = items(&list["operations"]).iter().map(show).collect();
    shown.push(said(world, &["--json", "fragment", "list"]).1);
    Ok(shown)
}

fn hooks(world: &World) -> Result<String, String> {
    let Some(status) = json(world, &["--json", "status"])? else { return Ok(String::new()) };
    let hooks = &status["hooks"];
    Ok(format!("{} {}", hooks["sessions_waiting"], hooks["set_up"]))
}

fn home(world: &World) -> Vec<String> {
    let home = world.path("home");
    let mut paths = Vec::new();
    if home.exists() {
        walk(&home, &mut paths);
    }
    // A command that was killed may leave a temporary file.
    paths.retain(|path| !path.to_string_lossy().ends_with(".garner-new"));
    let show = |path: &PathBuf| {
        let digest = garner_kernel::Digest::of(&fs::read(path).unwrap());
        format!("{} {digest}", path.strip_prefix(&home).unwrap().display())
    };
    paths.iter().map(show).collect()
}

fn backups(world: &World) -> Result<Vec<String>, String> {
    let vault = world.path("usb");
    if !vault.exists() {
        return Ok(vec![]);
    }
    let plan = checked(world, &["--json", "store", "backup", "--dry-run"])?;
    let plan: Value = serde_json::from_str(&plan).map_err(|e| e.to_string())?;
    let listed = ["kept", "removed"].map(|list| items(&plan["plan"][list]).to_vec()).concat();
    let mut shown = Vec::new();
    let folder = world.path("tmp/restored");
    for backup in listed.iter().filter(|backup| backup["bytes"] != 0) {
        let digest = backup["backup"].as_str().unwrap_or_default();
        let to = folder.to_str().unwrap();
        let told = checked(world, &["--json", "store", "restore", digest, "--to", to])?;
        fs::remove_dir_all(&folder).map_err(|e| e.to_string())?;
        let told: Value = serde_json::from_str(&told).map_err(|e| e.to_string())?;
        shown.push(format!("{} {} {}", told["operations"], told["answers_differ"], told["at"]));
    }
    let doctor = said(world, &["--json", "doctor"]).1;
    let doctor: Value = serde_json::from_str(&doctor).map_err(|e| e.to_string())?;
    for found in items(&doctor["checks"]).iter().filter(|found| found["check"] == "backup") {
        // How long a drill took differs, and what a killed command left is tidied up by the next.
        let says = found["says"].as_str().unwrap_or_default();
        let says = says.split(" within ").next().unwrap_or_default();
        if !says.contains(".tmp-backup-") {
            shown.push(says.to_owned());
        }
    }
    let mut files = Vec::new();
    walk(&vault, &mut files);
    files.retain(|file| !file.file_name().unwrap().to_string_lossy().starts_with(".tmp"));
    shown.push(format!("{} files", files.len()));
    let replaced = fs::read_dir(world.path("data/garner/replaced"));
    for kept in replaced.into_iter().flatten() {
        let kept = kept.map_err(|e| e.to_string())?.path();
        // A folder that was only made holds no store that could be broken.
        if !kept.join("store.db").exists() {
            continue;
        }
        checked(world, &["--store", kept.to_str().unwrap(), "verify"])?;
    }
    Ok(shown)
}

fn keys(world: &World) -> Vec<String> {
    let Ok(entries) = fs::read_dir(world.path("config/garner/keys")) else { return vec![] };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // A command that was killed may leave a temporary file.
    let mut names: Vec<String> = names.filter(|name| !name.starts_with(".tmp")).collect();
    names.sort();
    names
}
