//! Installs of the real model: repaired, interrupted, and two at once.
//!
//! Every test takes from the shared model cache and uses no network; where there is no model, the
//! tests say that they skip.
#![allow(clippy::disallowed_methods, reason = "a test finds the shared model cache by itself")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod shared;

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs, thread};

use garner_embed::{
    DirectMiniLm, FileState, InstallError, InstallOptions, Library, MiniLm, ModelFiles, Network,
    Progress, install, status,
};
use garner_kernel::{EmbedError, Explain};
use shared::FILES;

/// An install into `target` from the shared cache.
fn options(target: &Path, cache: &ModelFiles) -> InstallOptions {
    let mut options = InstallOptions::new(target);
    options.from = vec![cache.folder().to_path_buf()];
    options.system_library = shared::system_library();
    options.network = Network::Forbidden;
    options
}

fn quiet(options: &InstallOptions) -> Result<ModelFiles, InstallError> {
    install(options, &mut |_| ())
}

#[test]
fn a_flipped_byte_is_found_named_and_repaired() {
    let Some(cache) = FILES.as_ref() else { return };
    let target = tempfile::tempdir().unwrap();
    let options = options(target.path(), cache);
    let files = quiet(&options).unwrap();

    let mut bytes = fs::read(files.weights()).unwrap();
    bytes[50_000_000] ^= 1;
    fs::write(files.weights(), bytes).unwrap();
    let find = || ModelFiles::find(target.path(), options.system_library.as_deref());
    let error = find().unwrap_err();
    assert!(matches!(error, InstallError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("model.safetensors"), "{error}");
    assert!(error.hint().unwrap().contains("garner model install"));

    quiet(&options).unwrap();
    find().unwrap();
}

#[test]
fn an_install_that_holds_does_nothing() {
    let Some(cache) = FILES.as_ref() else { return };
    let mut options = options(cache.folder(), cache);
    options.from = vec!["/nonexistent".into()];
    let mut reports = Vec::new();
    install(&options, &mut |progress| reports.push(progress)).unwrap();
    assert!(reports.is_empty(), "{reports:?}");
}

#[test]
fn two_installs_at_once_both_succeed() {
    let Some(cache) = FILES.as_ref() else { return };
    let target = tempfile::tempdir().unwrap();
    let options = options(target.path(), cache);
    let results = thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| quiet(&options).map(|_| ())));
        threads.map(|thread| thread.join().unwrap())
    });
    for result in results {
        result.unwrap();
    }
    assert_holds(target.path());
}

#[test]
fn a_killed_install_leaves_no_damaged_file_and_the_next_one_completes() {
    let Some(cache) = FILES.as_ref() else { return };
    let target = tempfile::tempdir().unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "installs_where_a_parent_test_says"])
        .env(CHILD, target.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Kill it while a file is on its way; a child that is done has nothing left to interrupt.
    while !has_incoming(target.path()) && child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for file in status(target.path(), shared::system_library().as_deref()).unwrap() {
        let whole = !matches!(file.state, FileState::Damaged { .. });
        assert!(whole, "{file:?}");
    }

    quiet(&options(target.path(), cache)).unwrap();
    assert!(!has_incoming(target.path()));
    assert_holds(target.path());
}

/// The child process of the test above; does nothing by itself.
#[test]
fn installs_where_a_parent_test_says() {
    let (Some(target), Some(cache)) = (env::var_os(CHILD), FILES.as_ref()) else { return };
    quiet(&options(target.as_ref(), cache)).unwrap();
}

#[test]
fn a_library_that_is_not_there_is_an_error() {
    let Some(cache) = FILES.as_ref() else { return };
    let absent = cache.folder().join("absent.so");
    let error = ModelFiles::find(cache.folder(), Some(&absent)).unwrap_err();
    assert!(matches!(error, InstallError::NoSystemLibrary { .. }), "{error}");
}

#[test]
fn a_model_that_vanished_is_not_installed() {
    let Some(cache) = FILES.as_ref() else { return };
    let target = tempfile::tempdir().unwrap();
    let files = quiet(&options(target.path(), cache)).unwrap();
    fs::remove_file(files.weights()).unwrap();
    let errors = [MiniLm::open(&files, 1).map(drop), DirectMiniLm::open(&files, 1).map(drop)];
    for error in errors.into_iter().filter_map(Result::err) {
        assert!(matches!(error, EmbedError::NotInstalled { .. }), "{error}");
    }
    let error = DirectMiniLm::open(&files, 1).unwrap_err();
    assert!(error.to_string().contains("model.safetensors"), "{error}");
}

#[cfg(unix)]
#[test]
fn linked_files_work() {
    let Some(cache) = FILES.as_ref() else { return };
    let target = tempfile::tempdir().unwrap();
    for path in cache.library().into_iter().chain([cache.weights(), cache.tokenizer()]) {
        let link = target.path().join(path.file_name().unwrap());
        std::os::unix::fs::symlink(path.canonicalize().unwrap(), link).unwrap();
    }
    let files = ModelFiles::find(target.path(), shared::system_library().as_deref()).unwrap();
    DirectMiniLm::open(&files, 1).unwrap();
    if files.library().is_some() {
        MiniLm::open(&files, 1).unwrap();
    }
}

#[test]
fn a_model_without_a_library_is_installed_serves_and_is_completed_later() {
    let Some(cache) = FILES.as_ref() else { return };
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for path in [cache.weights(), cache.tokenizer()] {
        fs::copy(path, source.path().join(path.file_name().unwrap())).unwrap();
    }
    let mut options = options(target.path(), cache);
    options.from = vec![source.path().to_path_buf()];
    options.system_library = None;
    let mut reports = Vec::new();
    let files = install(&options, &mut |progress| reports.push(progress)).unwrap();
    assert_eq!(files.library(), None);
    assert_eq!(ModelFiles::find(target.path(), None).unwrap(), files);
    DirectMiniLm::open(&files, 1).unwrap();
    let error = MiniLm::open(&files, 1).unwrap_err();
    assert!(matches!(error, EmbedError::NotInstalled { .. }), "{error}");
    // What is there holds; it is looked for again only where that was asked.
    reports.clear();
    assert_eq!(install(&options, &mut |progress| reports.push(progress)).unwrap(), files);
    assert!(reports.is_empty(), "{reports:?}");

    let Some(library) = cache.library().filter(|_| shared::system_library().is_none()) else {
        return;
    };
    options.library = Library::Again;
    install(&options, &mut |progress| reports.push(progress)).unwrap();
    let without = |report: &Progress| matches!(report, Progress::WithoutLibrary { .. });
    assert!(reports.iter().any(without), "{reports:?}");
    options.from.push(library.to_path_buf());
    let files = quiet(&options).unwrap();
    assert!(files.library().is_some());
    assert_holds(target.path());
    // Taken away again, the receipt still holds for the rest.
    fs::remove_file(files.library().unwrap()).unwrap();
    assert_eq!(ModelFiles::find(target.path(), None).unwrap().library(), None);
}

const CHILD: &str = "GARNER_TEST_INSTALL_INTO";

fn has_incoming(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(".incoming"))
    })
}

fn assert_holds(folder: &Path) {
    for file in status(folder, shared::system_library().as_deref()).unwrap() {
        let holds = matches!(file.state, FileState::Present | FileState::Unpinned);
        assert!(holds, "{file:?}");
    }
}
