//! Keys: passphrases, copies, drills, and what is never printed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::world::{Output, World, example, items, text};

const PASSPHRASE: &str = "seven tides a week";
const ROLES: [&str; 4] = ["root", "publisher", "device", "recovery"];

/// Writes a file that only its owner reads.
fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Runs a command that finds this passphrase in its environment.
fn run_with(world: &World, passphrase: &str, arguments: &[&str]) -> Output {
    let file = world.path("passphrase");
    write_private(&file, &format!("{passphrase}\nnot this line\n"));
    let mut command = world.command(arguments);
    command.env("GARNER_PASSPHRASE_FILE", &file);
    let output = world.finish(command);
    fs::remove_file(file).unwrap();
    output
}

/// Runs a command in a terminal and types answers; `None` where there is no `python3`.
fn run_in_terminal(world: &World, command: &[&str], answers: &[(&str, &str)]) -> Option<Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/terminal.py");
    let mut python = Command::new("python3");
    let answers = serde_json::to_string(answers).unwrap();
    python.arg(script).arg(answers).args(command).env_clear().envs(world.environment());
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no `python3`");
        return None;
    }
    Some(world.finish(python))
}

fn garner() -> &'static str {
    env!("CARGO_BIN_EXE_garner")
}

#[test]
fn a_key_under_a_passphrase_does_what_it_did_in_the_clear() {
    let world = World::publisher();
    let before = fs::read_to_string(world.key("device")).unwrap();
    let public = world.ok(&["key", "show", "device"]);
    for role in ["publisher", "device"] {
        let said = run_with(&world, PASSPHRASE, &["key", "protect", role]).succeeds();
        assert!(said.contains("protected by a passphrase now"), "{said}");
        let bytes = fs::read(world.key(role)).unwrap();
        assert!(bytes.starts_with(b"age-encryption.org/v1\n-> scrypt "), "{role}");
        assert_eq!(fs::metadata(world.key(role)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    world.leaves_nothing_half_done();
    // Where the public half is enough, nobody is asked.
    assert_eq!(world.ok(&["key", "show", "device"]), public);
    world.ok(&["status"]);
    world.ok(&["compile", &example("day-one.jsonl")]);
    world.fails(
        &["publish", "notes"],
        3,
        &["publisher.key", "`GARNER_PASSPHRASE_FILE`", "terminal"],
    );
    run_with(&world, PASSPHRASE, &["publish", "notes"]).succeeds();
    run_with(&world, PASSPHRASE, &["load", "notes"]).succeeds();
    assert!(world.ok(&["recall", "heights"]).contains("millimetres"));
    let again = run_with(&world, PASSPHRASE, &["key", "protect", "device"]);
    again.fails(1, &["device key", "already", "`garner key unprotect device`"]);
    run_with(&world, "wrong", &["key", "unprotect", "device"])
        .fails(4, &["device.key", "the passphrase does not open", "try another passphrase"]);
    run_with(&world, PASSPHRASE, &["key", "unprotect", "device"]).succeeds();
    assert_eq!(fs::read_to_string(world.key("device")).unwrap(), before);
    world.leaves_nothing_half_done();
}

#[test]
fn a_passphrase_comes_from_a_private_file_or_a_terminal() {
    let world = World::new();
    let generate = ["key", "generate", "recovery", "--passphrase"];
    world.fails(&generate, 3, &["recovery key", "`GARNER_PASSPHRASE_FILE`", "terminal"]);
    run_with(&world, "", &generate).fails(1, &["the passphrase is empty"]);
    let file = world.path("passphrase");
    fs::write(&file, PASSPHRASE).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let mut command = world.command(&generate);
    command.env("GARNER_PASSPHRASE_FILE", &file);
    world.finish(command).fails(4, &["passphrase file", "mode 640", "`chmod 600"]);
    assert!(!world.key("recovery").exists());

    let typed = [&[garner()][..], &generate].concat();
    let prompts = ["New passphrase for the recovery key", "The same again"];
    let different = [(prompts[0], PASSPHRASE), (prompts[1], "seven tides a weak")];
    let Some(output) = run_in_terminal(&world, &typed, &different) else { return };
    assert!(output.stdout.contains("the two passphrases differ"), "{output:?}");
    assert!(!world.key("recovery").exists());
    let same = [(prompts[0], PASSPHRASE), (prompts[1], PASSPHRASE)];
    let shown = run_in_terminal(&world, &typed, &same).unwrap().succeeds();
    assert!(shown.contains("age1") && !shown.contains(PASSPHRASE), "{shown}");
    assert!(fs::read(world.key("recovery")).unwrap().starts_with(b"age-encryption.org/v1\n"));
    run_with(&world, PASSPHRASE, &generate).fails(1, &["recovery.key", "already"]);

    // The file is a plain age file, which the age program opens.
    if Command::new("age").arg("--version").output().is_err() {
        eprintln!("skipped: there is no `age`");
        return;
    }
    let path = text(&world.key("recovery"));
    let age = ["age", "-d", &path];
    let opened = run_in_terminal(&world, &age, &[("Enter passphrase", PASSPHRASE)]).unwrap();
    assert!(opened.succeeds().contains("AGE-SECRET-KEY-1"));
}

#[test]
fn a_key_file_that_would_burn_minutes_is_refused_at_once() {
    let world = World::new();
    run_with(&world, PASSPHRASE, &["key", "generate", "device", "--passphrase"]).succeeds();
    let bytes = fs::read(world.key("device")).unwrap();
    let end = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(1).unwrap().0;
    assert_eq!(&bytes[end - 3..end], b" 18");
    let hostile = [&bytes[..end - 2], b"30", &bytes[end..]].concat();
    fs::write(world.key("device"), hostile).unwrap();
    let started = std::time::Instant::now();
    let output = run_with(&world, PASSPHRASE, &["key", "unprotect", "device"]);
    output.fails(4, &["device.key", "2^30", "limit of 2^20", "hint: "]);
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn a_key_is_on_the_disk_at_every_moment_of_its_protection() {
    let world = World::publisher();
    let plain = fs::read(world.key("device")).unwrap();
    let file = world.path("passphrase");
    write_private(&file, PASSPHRASE);
    let mut seen = Vec::new();
    for verb in ["protect", "unprotect"] {
        let mut command = world.command(&["key", verb, "device"]);
        command.env("GARNER_PASSPHRASE_FILE", &file).stdout(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            let bytes = fs::read(world.key("device")).unwrap();
            if seen.last() != Some(&bytes) {
                seen.push(bytes);
            }
        }
        assert!(child.wait().unwrap().success(), "{verb}");
    }
    // The key, the whole encrypted file, and the key again: nothing in between.
    seen.push(fs::read(world.key("device")).unwrap());
    seen.dedup();
    assert!(seen.iter().all(|b| *b == plain || b.starts_with(b"age-encryption.org/v1\n")));
    assert!(seen.len() <= 3 && seen.last() == Some(&plain), "{} states", seen.len());
    // Killed in the middle, it is one of the two as well.
    for milliseconds in [5, 300, 900, 1500] {
        let mut command = world.command(&["key", "protect", "device"]);
        command.env("GARNER_PASSPHRASE_FILE", &file).stdout(std::process::Stdio::null());
        let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        let _ = child.kill();
        child.wait().unwrap();
        let bytes = fs::read(world.key("device")).unwrap();
        if bytes != plain {
            run_with(&world, PASSPHRASE, &["key", "unprotect", "device"]).succeeds();
            write_private(&file, PASSPHRASE);
        }
        assert_eq!(fs::read(world.key("device")).unwrap(), plain);
    }
}

#[test]
fn the_file_beside_a_protected_key_cannot_name_another_key() {
    let world = World::publisher();
    run_with(&world, PASSPHRASE, &["key", "protect", "device"]).succeeds();
    let other = World::new().ok(&["key", "generate", "device"]);
    fs::write(world.path("config/garner/keys/device.pub"), other).unwrap();
    world.ok(&["compile", &example("day-one.jsonl")]);
    let output = run_with(&world, PASSPHRASE, &["publish", "notes"]);
    output.fails(4, &["device.pub", "device key", "`garner key unprotect device`"]);
    run_with(&world, PASSPHRASE, &["key", "unprotect", "device"]).succeeds();
    world.ok(&["publish", "notes"]);
}

#[test]
fn no_command_ever_prints_a_secret_key() {
    let world = World::publisher();
    for role in ROLES {
        for command in [&["key", "show", role][..], &["--json", "-vvv", "key", "show", role]] {
            world.ok(command);
        }
    }
    world.ok(&["-vvv", "key", "list"]);
    world.json(&["-vvv", "key", "list"]);
    run_with(&world, PASSPHRASE, &["-vvv", "--json", "key", "protect", "device"]).succeeds();
    run_with(&world, PASSPHRASE, &["-vvv", "--json", "key", "unprotect", "device"]).succeeds();
    for form in ["--plain", "-vvv"] {
        let copy = text(&world.path(form));
        run_with(&world, PASSPHRASE, &["--json", "key", "export", "root", form, "--out", &copy])
            .succeeds();
        let imported = run_with(&World::new(), PASSPHRASE, &["-vvv", "key", "import", &copy]);
        assert!(!imported.stderr.contains("PRIVATE+KEY"), "{}", imported.stderr);
        imported.succeeds();
    }
    world.run(&["-vvv", "doctor"]);
    world.run(&["-vvv", "--json", "key", "drill"]);
    // A damaged key is not repeated in the error either.
    let secret = fs::read_to_string(world.key("device")).unwrap();
    write_private(&world.key("device"), secret.replace("KEY-1", "KEY-1Q").as_str());
    world.run(&["-vvv", "key", "show", "device"]).fails(1, &["device.key", "is damaged"]);
    let said = String::from_utf8_lossy(&world.said()).into_owned();
    for secret in ["SECRET-KEY", "PRIVATE+KEY", PASSPHRASE] {
        assert!(!said.contains(secret), "a command printed `{secret}`");
    }
}

#[test]
fn keys_are_listed_with_how_they_are_kept() {
    let world = World::publisher();
    run_with(&world, PASSPHRASE, &["key", "protect", "publisher"]).succeeds();
    fs::remove_file(world.key("root")).unwrap();
    let listed = world.json(&["key", "list"]);
    let keys: Vec<_> = items(&listed["keys"])
        .iter()
        .map(|k| {
            (k["role"].as_str().unwrap(), k["name"].as_str(), k["protected"].as_str().unwrap())
        })
        .collect();
    let expected = [
        ("root", Some("tester-root"), "elsewhere"),
        ("publisher", Some("tester-publisher"), "passphrase"),
        ("device", None, "none"),
        ("recovery", None, "none"),
    ];
    assert_eq!(keys, expected);
    let shown = world.ok(&["key", "list"]);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("role       name"), "{shown}");
    assert!(lines[2].contains("passphrase") && lines[2].ends_with("publisher.key"), "{shown}");
    world.fails(&["key", "unprotect", "root"], 3, &["root key"]);
}

#[test]
fn a_public_key_is_shown_as_a_qr_code() {
    let world = World::publisher();
    let shown = world.ok(&["key", "show", "device", "--qr"]);
    let (public, code) = shown.split_once('\n').unwrap();
    assert_eq!(format!("{public}\n"), world.ok(&["key", "show", "device"]));
    let lines: Vec<&str> = code.lines().collect();
    let width = lines[0].chars().count();
    // Two rows to a line; the margin of four modules is light, and so drawn.
    assert_eq!((width / 2 + width % 2, lines.len()), (lines.len(), lines.len()));
    assert!(lines[..2].iter().all(|line| line.chars().all(|c| c == '█')), "{code}");
    let colored = world.ok(&["--color", "always", "key", "show", "device", "--qr"]);
    assert!(colored.contains("\u{1b}[97m\u{1b}[40m"), "{colored:?}");
}

#[test]
fn a_copy_of_a_key_brings_it_back() {
    let (world, other) = (World::publisher(), World::new());
    for (role, plain) in
        [("recovery", false), ("root", true), ("publisher", true), ("device", true)]
    {
        let copy = text(&world.path(&format!("{role}.copy")));
        if plain {
            let exported = world.run(&["key", "export", role, "--plain", "--out", &copy]);
            assert!(exported.stderr.contains("warning: the copy is not encrypted"));
            exported.succeeds();
        } else {
            run_with(&world, PASSPHRASE, &["key", "export", role, "--out", &copy]).succeeds();
            assert!(fs::read(&copy).unwrap().starts_with(b"age-encryption.org/v1\n-> scrypt "));
        }
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        let again = world.run(&["key", "export", role, "--plain", "--out", &copy]);
        again.fails(1, &[&copy, "already"]);
        // The copy says what it is for, and stays as protected as it was.
        let imported = run_with(&other, PASSPHRASE, &["--json", "key", "import", &copy]).succeeds();
        assert_eq!(crate::world::json(&imported)["role"], role);
        assert_eq!(other.ok(&["key", "show", role]), world.ok(&["key", "show", role]));
        let kept = fs::read(other.key(role)).unwrap();
        assert_eq!(kept.starts_with(b"age-encryption.org/v1\n"), !plain);
        assert_eq!(fs::metadata(other.key(role)).unwrap().permissions().mode() & 0o777, 0o600);
        let twice = run_with(&other, PASSPHRASE, &["key", "import", &copy]);
        twice.fails(1, &["already", "nothing was changed"]);
        assert_eq!(fs::read(other.key(role)).unwrap(), kept);
    }
    other.leaves_nothing_half_done();
    world.leaves_nothing_half_done();
}

#[test]
fn a_bare_key_is_taken_in_where_its_role_is_clear() {
    let (world, other) = (World::publisher(), World::new());
    for role in ["root", "publisher"] {
        other.ok(&["key", "import", &text(&world.key(role))]);
    }
    let device = text(&world.key("device"));
    let facts =
        ["device.key", "does not say what it is for", "`--role device`", "`--role recovery`"];
    other.fails(&["key", "import", &device], 1, &facts);
    let facts = ["holds a key that reads", "root key signs"];
    let empty = World::new();
    empty.fails(&["key", "import", &device, "--role", "root"], 1, &facts);
    other.ok(&["key", "import", &device, "--role", "device"]);
    let facts = ["holds no key", "hint: "];
    other.fails(
        &["key", "import", &example("day-one.jsonl"), "--role", "recovery"],
        1,
        &["day-one"],
    );
    fs::write(other.path("none"), "hello\n").unwrap();
    other.fails(&["key", "import", &text(&other.path("none")), "--role", "recovery"], 1, &facts);
    // A key that was taken away comes back as the same key, or not at all.
    fs::rename(world.key("recovery"), world.path("kept")).unwrap();
    let facts = ["is not the recovery key of this machine"];
    world.fails(&["key", "import", &device, "--role", "recovery"], 4, &facts);
    world.ok(&["key", "import", &text(&world.path("kept")), "--role", "recovery"]);
    world.ok(&["setup"]);
}

#[test]
fn a_page_for_paper_is_the_one_way_to_print_a_secret() {
    let world = World::of_day_one();
    world.fails(&["--json", "key", "export", "recovery", "--paper"], 1, &["paper", "`--json`"]);
    let page = world.ok(&["key", "export", "recovery", "--paper"]);
    let secret = fs::read_to_string(world.key("recovery")).unwrap();
    assert_eq!(page.lines().last(), secret.lines().last());
    assert!(page.contains("garner key drill --from FILE") && page.contains('█'), "{page}");
    // What the page says to type works, with the page itself typed off as it is.
    let typed: Vec<&str> = page.lines().filter(|line| !line.contains(['█', '▀', '▄'])).collect();
    fs::write(world.path("typed"), typed.join("\n")).unwrap();
    world.ok(&["key", "drill", "--from", &text(&world.path("typed"))]);
    let usage = world.run(&["key", "export", "recovery"]);
    assert_eq!(usage.status, 2, "{usage:?}");
}
