//! Readers that are not Garner: stock tools, and a second reader in Python.
//!
//! Where the tools are not installed, the tests say so and pass; with `GARNER_INTEROP` set, as in
//! `.ci/run`, they fail instead. It names the Python that has the packages of
//! tests/interop/requirements.txt.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use garner_kernel::bundle::{self, Anchor, Bundle, DeviceKey};
use garner_kernel::{Contents, Digest, record};

use crate::world::{World, short, text};

fn interop(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name)
}

/// Returns whether each program can be started; says so if not.
fn installed(programs: &[&str]) -> bool {
    let missing = |program: &&&str| Command::new(program).arg("--version").output().is_err();
    let missing: Vec<_> = programs.iter().filter(missing).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("GARNER_INTEROP").is_none(), "not installed: {missing:?}");
    eprintln!("skipped: not installed: {missing:?}");
    false
}

/// Returns the Python that runs the second reader, if there is one.
fn python() -> Option<String> {
    let named = std::env::var("GARNER_INTEROP").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    let imports =
        Command::new(&python).args(["-c", "import cryptography, jsonschema, zstandard"]).output();
    if imports.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(named.is_none(), "`{python}` lacks the packages of tests/interop/requirements.txt");
    eprintln!("skipped: `python3` lacks the packages of tests/interop/requirements.txt");
    None
}

/// Makes a remote with three versions, of which the last takes a fragment away.
fn three_versions() -> World {
    let world = World::of_day_one();
    world.learn("day-two.jsonl");
    let shown = world.json(&["fragment", "list"]);
    let id = short(&shown["fragments"][0]["id"]);
    world.ok(&["review", "--reject", &id]);
    world.ok(&["publish", "notes"]);
    world
}

/// Returns the newest version of the channel as the kernel reads it.
fn contents(world: &World) -> Contents {
    let path = world.path("newest.kernel");
    world.ok(&["pull", "notes", "--out", &text(&path)]);
    let bundle = Bundle::parse(&fs::read(path).unwrap()).unwrap();
    let repository = bundle::repository_of(&bundle.roots[0]).unwrap();
    let secret = fs::read_to_string(world.key("device")).unwrap();
    let device: DeviceKey = secret.lines().find(|l| !l.starts_with('#')).unwrap().parse().unwrap();
    let kernel = bundle::open(&bundle, &Anchor::pin(repository, None), &[&device]).unwrap();
    kernel.into_inner().contents
}

fn lines(contents: &Contents) -> String {
    contents.all().iter().map(|change| record::line(change) + "\n").collect()
}

fn repository(world: &World) -> String {
    world.json(&["channel", "show", "notes"])["repository"].as_str().unwrap().to_owned()
}

const STOCK: [&str; 4] = ["age", "zstd", "openssl", "jq"];

#[test]
fn stock_tools_restore_what_the_kernel_reads() {
    if !installed(&STOCK) {
        return;
    }
    let world = three_versions();
    let restore = |id: &str| {
        Command::new("sh")
            .arg(interop("restore.sh"))
            .args([&text(&world.remote()), "notes", &text(&world.key("recovery")), id])
            .output()
            .unwrap()
    };
    let output = restore(&repository(&world));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = contents(&world);
    assert!(expected.tombstones().len() > 0, "the story deletes something");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), lines(&expected));
    let refused = restore("00000000000000000000000000000000");
    assert_eq!(refused.status.code(), Some(4), "another repository was restored");
    let head = world.remote().join("ch/notes/00000000000000000003.note");
    let changed = fs::read_to_string(&head).unwrap().replace("reason publish", "reason  publish");
    fs::write(head, changed).unwrap();
    assert_eq!(restore(&repository(&world)).status.code(), Some(4), "a changed head was restored");
}

#[test]
fn the_readme_of_a_remote_restores_it_when_pasted() {
    if !installed(&STOCK) {
        return;
    }
    let world = three_versions();
    let readme = fs::read_to_string(world.remote().join("README.txt")).unwrap();
    let pasted: Vec<String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .map(|line| line.replace("$HOME/device.key", &text(&world.key("device"))))
        .map(|line| line.replace("PUT_THE_REPOSITORY_ID_HERE", &repository(&world)))
        .collect();
    let mut command = Command::new("sh");
    command.args(["-c", &pasted.join("\n")]).current_dir(world.remote());
    command.env_clear().envs(world.environment()).env("HOME", world.path("tmp"));
    let output = world.finish(command);
    assert!(!output.stdout.contains("BAD"), "{}", output.stdout);
    for fact in ["good: root 1 is that of the id", "publisher signed ch/notes", "signed man/"] {
        assert!(output.stdout.contains(fact), "{fact}: {}", output.stdout);
    }
    let records = fs::read_to_string(world.path("tmp/records.jsonl")).unwrap();
    assert_eq!(records, lines(&contents(&world)));
}

#[test]
fn a_second_reader_and_the_schemas_agree_on_every_golden_file() {
    let Some(python) = python() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python)
        .arg("-B")
        .arg(interop("read_bundle.py"))
        .arg("--vectors")
        .arg(root.join("tests/vectors"))
        .arg("--schemas")
        .arg(root.join("schemas/json"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let differs: Vec<_> = said.lines().filter(|line| !line.ends_with("agrees")).collect();
    assert!(output.status.success(), "{differs:#?}");
    let agreed = said.lines().filter(|line| line.ends_with(": agrees")).count();
    assert!(agreed >= 190, "only {agreed} golden files were read");
}

#[test]
fn a_second_reader_opens_what_was_published() {
    let Some(python) = python() else { return };
    let world = three_versions();
    let expected = contents(&world);
    let read = |identity: &Path| {
        Command::new(&python)
            .arg("-B")
            .arg(interop("read_bundle.py"))
            .arg(world.path("newest.kernel"))
            .args(["--repository", &repository(&world), "--channel", "notes", "--identity"])
            .arg(identity)
            .output()
            .unwrap()
    };
    let output = read(&world.key("device"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["version"], 3);
    assert_eq!(found["fragments"], expected.fragments().len());
    assert_eq!(found["tree_sha256"], expected.tree_digest().to_string());
    assert_eq!(found["records_sha256"], Digest::of(lines(&expected).as_bytes()).to_string());
    let stranger = World::new();
    stranger.ok(&["setup"]);
    assert_eq!(read(&stranger.key("device")).status.code(), Some(4));
}
