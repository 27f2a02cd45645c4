//! Rules about the repository, as tests: arrows between crates, lengths, licences, words, links.
//!
//! Reads files and asks `cargo metadata`; builds nothing and needs no network.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a rule that cannot be checked is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which crate may name which in its manifest, development dependencies aside.
///
/// A new arrow is its own commit, with a reason in ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("garner-schemas", &[]),
    ("garner-kernel", &["garner-schemas"]),
    ("garner-embed", &["garner-kernel"]),
    ("garner-sync", &["garner-kernel"]),
    ("garner-compiler", &["garner-kernel"]),
    ("garner-distil", &["garner-kernel", "garner-compiler"]),
    ("garner-loader", &["garner-kernel", "garner-schemas"]),
    ("garner-serve", &["garner-kernel", "garner-loader"]),
    ("garner-fuzz", &["garner-kernel", "garner-compiler", "garner-loader"]),
];

/// The binary; it may name every crate.
const BINARY: &str = "garner";

/// The licences that a dependency may have: the same list as in deny.toml.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "NCSA",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

/// Crates whose manifest names a file and no licence: the file, its first line, and what that is.
const LICENCE_FILES: &[(&str, &str, &str, &str)] = &[
    // The manifest says `license-file = "LICENSE.md"`; the file is the MIT licence, word for word.
    ("ollama-rs", "LICENSE.md", "MIT License", "MIT"),
];

/// The longest a source file may be, in lines.
const MAX_LINES: usize = 600;
/// From here on a source file is worth a look; the test prints it.
const MANY_LINES: usize = 300;

/// How many packages Cargo.lock may hold.
///
/// Set while the tree was still growing; once it is complete, this becomes the number of that day
/// plus a tenth. Raising it is a decision, not a repair.
const MAX_PACKAGES: usize = 520;

/// Module names that say nothing about what is inside (docs/glossary.md has the words to use).
const EMPTY_NAMES: &[&str] = &[
    "common", "handler", "handlers", "helper", "helpers", "manager", "managers", "misc", "stuff",
    "util", "utils",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the files that git knows or would add, relative to the root; all files where git is not.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let mut files: Vec<PathBuf> = listed.split('\0').map(PathBuf::from).collect();
    if !files.contains(&PathBuf::from("Cargo.toml")) {
        files.clear();
        walk(root(), &mut files);
    }
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && name != ".git" {
            walk(&path, files);
        } else if path.is_file() {
            files.push(path.strip_prefix(root()).unwrap().to_owned());
        }
    }
}

fn files_ending_in(extension: &str) -> Vec<PathBuf> {
    files().into_iter().filter(|file| file.extension().is_some_and(|e| e == extension)).collect()
}

/// Returns the text of a file under the root; `None` where it is not text.
fn text(file: &Path) -> Option<String> {
    let bytes = fs::read(root().join(file)).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

fn cargo(arguments: &[&str]) -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--format-version", "1"])
        .args(arguments)
        .current_dir(root())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// Returns the packages of the workspace, without their dependencies.
fn members() -> Vec<Value> {
    let metadata = cargo(&["--no-deps"]).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Returns every package of the dependency tree: of all platforms, or of this one where the others
/// were never downloaded.
fn packages() -> Vec<Value> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let metadata = cargo(&["--locked"])
        .or_else(|_| cargo(&["--locked", "--filter-platform", &target]))
        .unwrap_or_else(|error| panic!("run `cargo fetch --locked` once, then test: {error}"));
    let used: BTreeSet<String> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].to_string())
        .collect();
    let all = metadata["packages"].as_array().unwrap();
    all.iter().filter(|package| used.contains(&package["id"].to_string())).cloned().collect()
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap()
}

fn no_findings(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

#[test]
fn crates_name_only_the_crates_that_the_arrows_allow() {
    let members = members();
    let names: BTreeSet<&str> = members.iter().map(name).collect();
    let expected: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).chain([BINARY]).collect();
    assert_eq!(names, expected, "a crate without a row in the table of arrows");
    for member in &members {
        let dependencies = member["dependencies"].as_array().unwrap().iter();
        let arrows: BTreeSet<&str> = dependencies
            .filter(|d| d["kind"] != "dev")
            .map(name)
            .filter(|d| names.contains(d))
            .collect();
        let table: BTreeMap<_, _> = ARROWS.iter().copied().collect();
        if let Some(allowed) = table.get(name(member)) {
            let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
            assert_eq!(arrows, allowed, "the arrows of `{}`", name(member));
        }
    }
}

#[test]
fn the_architecture_page_draws_the_same_arrows() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (from, to) in ARROWS {
        let short = |name: &&str| name.replace("garner-", "");
        let to: Vec<String> = to.iter().map(short).collect();
        let to = if to.is_empty() { "(nothing)".to_owned() } else { to.join(", ") };
        let line = format!("{:8} -> {to}", short(from));
        assert!(page.lines().any(|drawn| drawn == line), "ARCHITECTURE.md does not say `{line}`");
    }
}

#[test]
fn source_files_stay_short() {
    let mut findings = Vec::new();
    for file in files_ending_in("rs") {
        let lines = text(&file).unwrap_or_default().lines().count();
        if lines > MAX_LINES {
            findings.push(format!("{} has {lines} lines", file.display()));
        } else if lines > MANY_LINES {
            eprintln!("note: {} has {lines} lines", file.display());
        }
    }
    no_findings(&findings, "a source file is one idea, in at most 600 lines");
}

/// Returns whether an SPDX expression is satisfied by the allowed licences alone.
///
/// `OR` binds weaker than `AND`, which binds weaker than `WITH`; the slash of older manifests
/// means `OR`.
fn is_allowed(expression: &str) -> Result<bool, String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (allowed, rest) = either(&words)?;
    match rest.first() {
        None => Ok(allowed),
        Some(word) => Err(format!("`{word}` is unexpected in `{expression}`")),
    }
}

type Parsed<'a, 'b> = Result<(bool, &'b [&'a str]), String>;

fn either<'a, 'b>(words: &'b [&'a str]) -> Parsed<'a, 'b> {
    let (mut allowed, mut rest) = both(words)?;
    while let Some((&"OR", after)) = rest.split_first() {
        let (next, after) = both(after)?;
        (allowed, rest) = (allowed | next, after);
    }
    Ok((allowed, rest))
}

fn both<'a, 'b>(words: &'b [&'a str]) -> Parsed<'a, 'b> {
    let (mut allowed, mut rest) = one(words)?;
    while let Some((&"AND", after)) = rest.split_first() {
        let (next, after) = one(after)?;
        (allowed, rest) = (allowed & next, after);
    }
    Ok((allowed, rest))
}

fn one<'a, 'b>(words: &'b [&'a str]) -> Parsed<'a, 'b> {
    match words {
        ["(", inner @ ..] => match either(inner)? {
            (allowed, [")", rest @ ..]) => Ok((allowed, rest)),
            _ => Err("a parenthesis is not closed".to_owned()),
        },
        [] | [")" | "AND" | "OR" | "WITH", ..] => Err("a licence is missing".to_owned()),
        [licence, "WITH", exception, rest @ ..] => {
            Ok((LICENCES.contains(&format!("{licence} WITH {exception}").as_str()), rest))
        }
        [licence, rest @ ..] => Ok((LICENCES.contains(licence), rest)),
    }
}

#[test]
fn a_licence_expression_binds_or_weaker_than_and() {
    for (expression, expected) in [
        ("MIT", Some(true)),
        ("GPL-3.0-only", Some(false)),
        ("MIT OR GPL-3.0-only", Some(true)),
        ("MIT/GPL-3.0-only", Some(true)),
        ("MIT AND GPL-3.0-only", Some(false)),
        ("GPL-3.0-only AND MIT OR ISC", Some(true)),
        ("GPL-3.0-only AND (MIT OR ISC)", Some(false)),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", Some(true)),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0-only", Some(true)),
        ("GPL-3.0-only WITH Classpath-exception-2.0", Some(false)),
        ("(MIT", None),
        ("MIT OR", None),
        ("MIT ISC", None),
        ("", None),
    ] {
        assert_eq!(is_allowed(expression).ok(), expected, "{expression}");
    }
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let mut findings = Vec::new();
    let packages = packages();
    assert!(packages.len() > ARROWS.len(), "the dependency tree is empty");
    for package in &packages {
        let found = match package["license"].as_str() {
            Some(expression) => is_allowed(expression),
            None => licence_of_file(package),
        };
        match found {
            Ok(true) => {}
            Ok(false) => findings.push(format!("{}: {}", name(package), package["license"])),
            Err(error) => findings.push(format!("{}: {error}", name(package))),
        }
    }
    no_findings(&findings, "licences that are not in the list");
}

fn licence_of_file(package: &Value) -> Result<bool, String> {
    let known = LICENCE_FILES.iter().find(|(crate_name, ..)| *crate_name == name(package));
    let Some((_, file, first_line, licence)) = known else {
        return Err("no licence, and no entry in LICENCE_FILES".to_owned());
    };
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    let text = fs::read_to_string(manifest.with_file_name(file)).map_err(|e| e.to_string())?;
    if text.lines().next().map(str::trim) != Some(first_line) {
        return Err(format!("`{file}` no longer opens with `{first_line}`"));
    }
    is_allowed(licence)
}

#[test]
fn the_two_lists_of_licences_are_equal() {
    let deny = fs::read_to_string(root().join("deny.toml")).unwrap();
    let licenses = deny.split("[licenses]").nth(1).unwrap();
    let list = licenses.split("\nallow = [").nth(1).unwrap().split(']').next().unwrap();
    let listed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    assert_eq!(listed, LICENCES.iter().copied().collect());
}

#[test]
fn no_file_holds_a_forbidden_word() {
    // Joined here, so that this file does not hold them either.
    let everywhere = [
        ["/wo", "rk/"],
        ["crates", ".io"],
        ["pypi", ".org"],
        ["pythonhosted", ".org"],
        ["npmjs", ".org"],
        ["npmjs", ".com"],
        ["proxy.golang", ".org"],
        ["rubygems", ".org"],
    ];
    let in_code =
        [["todo", "!("], ["unimplemented", "!("], ["#[ig", "nore"], ["#[should", "_panic"]];
    let mut findings = Vec::new();
    // Lock files name the index of the registry, and cargo writes them.
    for file in files().into_iter().filter(|file| !file.ends_with("Cargo.lock")) {
        let Some(text) = text(&file) else { continue };
        let rust = file.extension().is_some_and(|extension| extension == "rs");
        for word in everywhere.iter().chain(in_code.iter().filter(|_| rust)) {
            let word = word.concat();
            for (number, _) in text.lines().enumerate().filter(|(_, line)| line.contains(&word)) {
                findings.push(format!("{}:{}: `{word}`", file.display(), number + 1));
            }
        }
    }
    no_findings(&findings, "paths of one machine, hosts of registries, or unfinished code");
}

#[test]
fn module_names_say_what_is_inside() {
    let mut findings = Vec::new();
    for file in files_ending_in("rs") {
        let path = file.with_extension("");
        let mut names = path.iter().map(|part| part.to_string_lossy());
        if names.any(|name| EMPTY_NAMES.contains(&name.as_ref())) {
            findings.push(file.display().to_string());
        }
    }
    no_findings(&findings, "modules are nouns from docs/glossary.md");
}

#[test]
fn every_lib_rs_is_a_table_of_contents() {
    for member in members().iter().filter(|member| name(member) != BINARY) {
        let manifest = Path::new(member["manifest_path"].as_str().unwrap());
        let lib = fs::read_to_string(manifest.with_file_name("src").join("lib.rs")).unwrap();
        assert!(lib.starts_with("//! "), "`{}` has no crate documentation", name(member));
        let code = lib.split("\nmod tests {").next().unwrap_or_default();
        let code = code.lines().map(|line| line.split("//").next().unwrap_or_default());
        let functions: Vec<&str> =
            code.filter(|line| line.split_whitespace().any(|word| word == "fn")).collect();
        assert!(functions.is_empty(), "`{}` has logic in lib.rs: {functions:?}", name(member));
    }
}

/// Returns the targets of the links in Markdown, code left out.
fn links(markdown: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut fence = None;
    for line in markdown.lines() {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => {
                let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
                links.extend(prose.split("](").skip(1).filter_map(target));
                if let Some((label, rest)) = start.split_once("]: ")
                    && label.starts_with('[')
                {
                    links.extend(target(rest));
                }
            }
        }
    }
    links
}

/// Returns the target at the start of `text`: up to the parenthesis, without title and anchor.
fn target(text: &str) -> Option<String> {
    let target = match text.strip_prefix('<') {
        Some(rest) => rest.split('>').next(),
        None => text.split([')', ' ']).next(),
    };
    target.map(|target| target.split('#').next().unwrap_or_default().replace("%20", " "))
}

#[test]
fn links_are_found_outside_code_only() {
    let markdown = "[a](a.md) and `[b](b.md)` ![c](<c d.md> \"title\")\n```\n[e](e.md)\n```\n\
        [f](f.md#part) [g](#part)\n[h]: h.md\n~~~\n```\n~~~\n[i](i%20j.md)";
    assert_eq!(links(markdown), ["a.md", "c d.md", "f.md", "", "h.md", "i j.md"]);
}

#[test]
fn every_relative_link_leads_to_a_file() {
    let mut findings = Vec::new();
    for file in files_ending_in("md") {
        let folder = file.parent().unwrap_or(Path::new(""));
        for link in links(&text(&file).unwrap_or_default()) {
            let is_relative = !link.is_empty() && !link.contains(':');
            let path = link.strip_prefix('/').map_or_else(|| folder.join(&link), PathBuf::from);
            if is_relative && !root().join(&path).exists() {
                findings.push(format!("{}: {link}", file.display()));
            }
        }
    }
    no_findings(&findings, "links that lead nowhere");
}

#[test]
fn every_library_forbids_clock_and_environment() {
    for member in members().iter().filter(|member| name(member) != BINARY) {
        let manifest = Path::new(member["manifest_path"].as_str().unwrap());
        let rules = fs::read_to_string(manifest.with_file_name("clippy.toml")).unwrap_or_default();
        for method in [
            "std::env::var",
            "std::env::var_os",
            "std::time::SystemTime::now",
            "std::process::exit",
        ] {
            let rule = format!("path = \"{method}\"");
            assert!(rules.contains(&rule), "clippy.toml of `{}` allows {method}", name(member));
        }
    }
}

#[test]
fn the_lock_file_stays_within_its_budget() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages = lock.lines().filter(|line| *line == "[[package]]").count();
    assert!(packages > 0, "Cargo.lock holds no packages");
    assert!(packages < MAX_PACKAGES, "{packages} packages, the budget is {MAX_PACKAGES}");
}

#[test]
fn migrations_are_numbered_without_gaps() {
    let folder = Path::new("schemas/sql");
    let migrations: Vec<PathBuf> =
        files_ending_in("sql").into_iter().filter(|file| file.parent() == Some(folder)).collect();
    let numbers: Vec<Option<usize>> = migrations
        .iter()
        .map(|file| {
            let name = file.file_name()?.to_str()?;
            name.split(['_', '-', '.']).next()?.parse().ok()
        })
        .collect();
    let expected: Vec<Option<usize>> = (1..=migrations.len()).map(Some).collect();
    assert_eq!(numbers, expected, "{migrations:?}");
}

#[test]
fn every_benchmark_has_its_results() {
    let folder = Path::new("benches");
    for bench in files_ending_in("rs").into_iter().filter(|file| file.parent() == Some(folder)) {
        let stem = bench.file_stem().unwrap_or_default();
        let results = root().join("benches/results").join(stem).with_extension("md");
        let written = fs::read_to_string(&results).unwrap_or_default();
        assert!(!written.trim().is_empty(), "{} has no results", bench.display());
    }
}

#[test]
fn the_example_sessions_are_what_their_script_writes() {
    let script = root().join("examples/sessions/generate.py");
    let run = Command::new("python3").arg(&script).arg("--check").output();
    let Ok(output) = run else {
        eprintln!("note: not run, there is no `python3`: {}", script.display());
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
