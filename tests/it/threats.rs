//! The threat model names its tests, and they exist.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the rows of the table: number and last cell.
fn rows() -> Vec<(usize, String)> {
    let page = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    page.lines()
        .filter_map(|line| {
            let cells: Vec<&str> =
                line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
            Some((cells.first()?.parse().ok()?, (*cells.last()?).to_owned()))
        })
        .collect()
}

/// Returns the names of tests in a cell, each with its file; golden files have none.
fn proofs(cell: &str) -> Vec<(String, Option<PathBuf>)> {
    let mut proofs = Vec::new();
    let mut rest = cell;
    while let Some((_, after)) = rest.split_once('`') {
        let (name, after) = after.split_once('`').unwrap();
        let file = after.strip_prefix("](").and_then(|link| link.split_once(')'));
        let file = file.map(|(link, _)| root().join("docs").join(link));
        proofs.push((name.to_owned(), file));
        rest = after;
    }
    proofs
}

#[test]
fn every_row_of_the_threat_model_has_a_test_that_exists() {
    let rows = rows();
    let numbers: Vec<usize> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
    assert!(numbers.len() >= 26, "{} rows", numbers.len());
    let mut missing = Vec::new();
    for (number, cell) in rows {
        let proofs = proofs(&cell);
        assert!(!proofs.is_empty(), "row {number} names no test");
        for (name, file) in proofs {
            let there = match &file {
                Some(file) => is_test(file, &name),
                None => root().join("tests/vectors").join(format!("{name}.kernel")).exists(),
            };
            if !there {
                missing.push(format!("row {number}: `{name}` in {file:?}"));
            }
        }
    }
    assert!(missing.is_empty(), "tests that do not exist: {missing:#?}");
}

/// Returns whether `file` has a test of this name.
fn is_test(file: &Path, name: &str) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    let marked = format!("#[test]\nfn {name}(");
    let nested = format!("#[test]\n    fn {name}(");
    text.contains(&marked) || text.contains(&nested)
}
