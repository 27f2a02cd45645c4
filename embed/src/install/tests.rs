//! Installs of small made-up packages; the real ones are in `tests/`.

use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use garner_kernel::{Digest, Explain};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::incoming::Incoming;
use super::*;

const CONTENTS: &[u8] = b"the bytes of the file";

fn package(contents: &[u8]) -> &'static Package {
    let file = Pinned {
        name: "part.bin",
        member: "package/part.bin",
        size: contents.len() as u64,
        sha256: Box::leak(Digest::of(contents).to_string().into_boxed_str()),
    };
    Box::leak(Box::new(Package {
        name: "package",
        version: "1",
        platform: None,
        hub_repository: Some("owner/model"),
        files: Box::leak(Box::new([file])),
    }))
}

fn wheel(path: &Path, contents: &[u8]) {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("../../part.bin", SimpleFileOptions::default()).unwrap();
    writer.write_all(b"never unpacked").unwrap();
    writer.start_file("package/part.bin", SimpleFileOptions::default()).unwrap();
    writer.write_all(contents).unwrap();
    fs::write(path, writer.finish().unwrap().into_inner()).unwrap();
}

/// Installs `package` from `from` without a network.
fn bring_from(target: &Path, from: &Path) -> Result<(), InstallError> {
    let mut options = InstallOptions::new(target);
    options.from = vec![from.to_path_buf()];
    options.network = Network::Forbidden;
    let folder = Folder::lock(target, &mut |_| ())?;
    bring(&folder, package(CONTENTS), &options, &mut |_| ())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != ".lock");
    names.sort();
    names
}

fn folders() -> (TempDir, TempDir) {
    (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap())
}

#[test]
fn a_file_comes_from_a_folder_a_package_or_its_own_path() {
    let (source, _) = folders();
    fs::write(source.path().join("part.bin"), CONTENTS).unwrap();
    let (packages, _) = folders();
    wheel(&packages.path().join("package-1-py3-none-any.whl"), CONTENTS);
    let paths = [
        source.path().to_path_buf(),
        source.path().join("part.bin"),
        packages.path().to_path_buf(),
        packages.path().join("package-1-py3-none-any.whl"),
    ];
    for path in paths {
        let (target, _) = folders();
        bring_from(target.path(), &path).unwrap();
        assert_eq!(names(target.path()), ["part.bin"]);
        assert_eq!(fs::read(target.path().join("part.bin")).unwrap(), CONTENTS);
    }
}

#[test]
fn other_bytes_are_refused_with_both_digests_and_what_to_do() {
    let (source, target) = folders();
    fs::write(source.path().join("part.bin"), b"the bytes of the filE").unwrap();
    let error = bring_from(target.path(), source.path()).unwrap_err();
    let message = error.to_string();
    let digests = [CONTENTS, b"the bytes of the filE"].map(|b| Digest::of(b).to_string());
    for part in ["part.bin", &digests[0], &digests[1]] {
        assert!(message.contains(part), "{message}");
    }
    assert!(error.hint().unwrap().contains("--from"));
    assert!(names(target.path()).is_empty());
}

#[test]
fn a_damaged_file_is_replaced() {
    let (source, target) = folders();
    fs::write(source.path().join("part.bin"), CONTENTS).unwrap();
    fs::write(target.path().join("part.bin"), b"damaged").unwrap();
    bring_from(target.path(), source.path()).unwrap();
    assert_eq!(fs::read(target.path().join("part.bin")).unwrap(), CONTENTS);
}

#[test]
fn a_member_that_is_too_large_is_refused() {
    let (source, target) = folders();
    let path = source.path().join("package.whl");
    wheel(&path, &vec![0; 1 << 20]);
    let error = bring_from(target.path(), &path).unwrap_err();
    assert!(matches!(error, InstallError::TooLarge { limit: 21, .. }), "{error}");

    // The same with an archive that lies about the size.
    let mut bytes = fs::read(&path).unwrap();
    let (declared, lie) = ((1_u32 << 20).to_le_bytes(), 21_u32.to_le_bytes());
    let places: Vec<usize> =
        (0..bytes.len() - 4).filter(|at| bytes[*at..*at + 4] == declared).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        bytes[at..at + 4].copy_from_slice(&lie);
    }
    fs::write(&path, bytes).unwrap();
    let error = bring_from(target.path(), &path).unwrap_err();
    let refused = matches!(error, InstallError::TooLarge { .. } | InstallError::Io { .. });
    assert!(refused, "{error}");
    assert!(names(target.path()).is_empty());
}

#[test]
fn a_broken_package_is_an_error_that_names_it() {
    let (source, target) = folders();
    fs::write(source.path().join("package.whl"), b"not an archive").unwrap();
    let error = bring_from(target.path(), source.path()).unwrap_err();
    assert!(matches!(error, InstallError::Archive { .. }), "{error}");
    assert!(error.hint().unwrap().contains("package.whl"));
}

#[test]
fn without_a_network_the_error_says_how_to_fetch_elsewhere() {
    let (source, target) = folders();
    let error = bring_from(target.path(), source.path()).unwrap_err();
    assert!(matches!(error, InstallError::Offline { .. }), "{error}");
    assert!(error.hint().unwrap().contains("package==1"));
    let error = bring_from(target.path(), &source.path().join("absent")).unwrap_err();
    assert!(matches!(error, InstallError::NoSuchSource { .. }), "{error}");
}

#[test]
fn an_interrupted_install_leaves_nothing_half_done() {
    /// Gives some bytes, then fails.
    struct Breaking(&'static [u8]);
    impl Read for Breaking {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.read(buffer)?;
            if length == 0 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(length) }
        }
    }
    let (target, _) = folders();
    let folder = Folder::lock(target.path(), &mut |_| ()).unwrap();
    let file = &package(CONTENTS).files[0];
    let incoming = Incoming::new(&folder, file, "cable".to_owned()).unwrap();
    let error = incoming.copy(&mut Breaking(&CONTENTS[..9]), &mut |_| ()).unwrap_err();
    assert!(matches!(error, InstallError::Io { .. }), "{error}");
    assert!(names(target.path()).is_empty());
}

#[test]
fn what_a_killed_install_left_is_swept() {
    let (source, target) = folders();
    fs::write(source.path().join("part.bin"), CONTENTS).unwrap();
    fs::write(target.path().join(".incoming-a"), b"half").unwrap();
    fs::create_dir(target.path().join(".incoming-b")).unwrap();
    fs::write(target.path().join(".incoming-b/package.whl"), b"half").unwrap();
    bring_from(target.path(), source.path()).unwrap();
    assert_eq!(names(target.path()), ["part.bin"]);
}

#[test]
fn a_second_install_waits_for_the_first() {
    let (target, _) = folders();
    let first = Folder::lock(target.path(), &mut |_| ()).unwrap();
    let waiting = Barrier::new(2);
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            let mut reports = Vec::new();
            let folder = Folder::lock(target.path(), &mut |progress| {
                reports.push(progress);
                waiting.wait();
            });
            (folder.is_ok(), reports)
        });
        waiting.wait();
        drop(first);
        assert_eq!(second.join().unwrap(), (true, vec![Progress::Waiting]));
    });
}

#[test]
fn a_missing_or_damaged_model_is_an_error_that_names_the_file() {
    let (target, _) = folders();
    let library = target.path().join("system.so");
    let find = || ModelFiles::find(target.path(), Some(&library));
    assert!(matches!(find(), Err(InstallError::NoSystemLibrary { .. })));
    fs::write(&library, b"library").unwrap();
    assert!(matches!(find(), Err(InstallError::NotInstalled { .. })));
    fs::write(target.path().join("model.safetensors"), b"damaged").unwrap();
    let error = find().unwrap_err();
    assert!(matches!(error, InstallError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("model.safetensors"));
    assert!(error.hint().unwrap().contains("garner model install"));

    let states: Vec<FileState> =
        status(target.path(), Some(&library)).unwrap().into_iter().map(|file| file.state).collect();
    assert_eq!(states[0], FileState::Unpinned);
    assert!(matches!(states[1], FileState::Damaged { .. }));
    assert_eq!(states[2], FileState::Missing);
}

/// Answers one request with `response` and returns the address.
fn serve(response: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        stream.write_all(&response).unwrap();
    });
    format!("http://{address}/owner/model")
}

fn response(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Returns what is still missing after the hub gave `response`, and the reports.
fn hub(response: Vec<u8>, target: &Path) -> Result<(usize, Vec<Progress>), InstallError> {
    let folder = Folder::lock(target, &mut |_| ())?;
    let mut reports = Vec::new();
    let missing = package(CONTENTS).files.iter().collect();
    let rest = hub::bring(&folder, missing, &serve(response), &mut |p| reports.push(p))?;
    Ok((rest.len(), reports))
}

#[test]
fn a_file_comes_from_the_hub() {
    let (target, _) = folders();
    let (missing, reports) = hub(response("200 OK", CONTENTS), target.path()).unwrap();
    assert_eq!(missing, 0);
    assert_eq!(fs::read(target.path().join("part.bin")).unwrap(), CONTENTS);
    let arrived = Progress::Received { file: "part.bin", bytes: 21, total: 21 };
    assert_eq!(reports.last(), Some(&arrived));
}

#[test]
fn a_hub_without_the_file_is_skipped() {
    let responses = [
        response("404 Not Found", b""),
        response("200 OK", b"another release"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\nhalf".to_vec(),
        b"nonsense".to_vec(),
    ];
    for response in responses {
        let (target, _) = folders();
        let (missing, reports) = hub(response, target.path()).unwrap();
        assert_eq!(missing, 1);
        assert!(matches!(reports.last(), Some(Progress::Skipped { .. })), "{reports:?}");
        assert!(names(target.path()).is_empty());
    }
}

#[test]
fn other_bytes_from_the_hub_are_an_error() {
    let (target, _) = folders();
    let error = hub(response("200 OK", &[7; 21]), target.path()).unwrap_err();
    assert!(matches!(error, InstallError::DigestMismatch { .. }), "{error}");
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[7; 4096]].concat();
    let error = hub(endless, target.path()).unwrap_err();
    assert!(matches!(error, InstallError::TooLarge { .. }), "{error}");
    assert!(names(target.path()).is_empty());
}

#[test]
fn a_download_works_inside_an_async_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (target, _) = folders();
    let brought = runtime.block_on(async { hub(response("200 OK", CONTENTS), target.path()) });
    assert_eq!(brought.unwrap().0, 0);
}
