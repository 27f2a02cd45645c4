//! What a traced command did to files, read from the lines of `strace -f -y -xx`.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// The calls that are read; a command that changes files by another one is found out, since what is
/// rebuilt from its calls is compared with what is there.
pub(super) const CALLS: &str = "openat,write,writev,pwrite64,ftruncate,copy_file_range,sendfile,\
                                lseek,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,\
                                unlinkat,rmdir,mkdir,mkdirat,fchmod,chmod,fallocate";

/// A call that did its work.
#[derive(Debug)]
pub(super) enum Call {
    Open {
        path: PathBuf,
        file: u32,
        creates: bool,
        truncates: bool,
        mode: u32,
    },
    /// Writes at a place, or where the file stands.
    Write {
        file: u32,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    Seek {
        file: u32,
        to: u64,
    },
    Copy {
        from: u32,
        to: u32,
        bytes: u64,
    },
    Truncate {
        file: u32,
        length: u64,
    },
    Sync {
        file: u32,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
    MakeDir {
        path: PathBuf,
        mode: u32,
    },
    Chmod {
        path: PathBuf,
        mode: u32,
    },
}

/// Reads the calls in the order in which they ended.
pub(super) fn calls(text: &str) -> Vec<Call> {
    let mut unfinished = BTreeMap::<&str, &str>::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let whole = if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, start);
            continue;
        } else if let Some((_, end)) = rest.split_once(" resumed>") {
            format!("{}{end}", unfinished.remove(thread).unwrap_or_default())
        } else {
            rest.to_owned()
        };
        let Some((name, rest)) = whole.split_once('(') else { continue };
        // Short calls are padded: `mkdir("…", 0777)    = 0`.
        let Some((arguments, answer)) = rest.rsplit_once(" = ") else { continue };
        let arguments = arguments.trim_end().trim_end_matches(')');
        // What failed changed nothing.
        if !answer.starts_with('-') {
            let arguments: Vec<&str> = arguments.split(", ").collect();
            calls.extend(call(name, &Arguments(arguments), number(answer)));
        }
    }
    calls
}

fn call(name: &str, arguments: &Arguments<'_>, answer: u64) -> Option<Call> {
    let a = arguments;
    Some(match name {
        "openat" => Call::Open {
            path: a.path_at(0),
            file: u32::try_from(answer).unwrap(),
            creates: a.is_set("O_CREAT"),
            truncates: a.is_set("O_TRUNC"),
            mode: a.0.get(3).map_or(0, |mode| octal(mode)),
        },
        "write" => Call::Write { file: a.file(0), at: None, bytes: a.bytes(1, answer) },
        "pwrite64" => {
            Call::Write { file: a.file(0), at: Some(a.number(3)), bytes: a.bytes(1, answer) }
        }
        "lseek" => Call::Seek { file: a.file(0), to: answer },
        "copy_file_range" => Call::Copy { from: a.file(0), to: a.file(2), bytes: answer },
        "sendfile" => Call::Copy { from: a.file(1), to: a.file(0), bytes: answer },
        "ftruncate" => Call::Truncate { file: a.file(0), length: a.number(1) },
        "fsync" | "fdatasync" => Call::Sync { file: a.file(0) },
        "link" => Call::Link { from: a.path(0), to: a.path(1) },
        "linkat" => Call::Link { from: a.path_at(0), to: a.path_at(2) },
        "rename" => Call::Rename { from: a.path(0), to: a.path(1) },
        "renameat" | "renameat2" => Call::Rename { from: a.path_at(0), to: a.path_at(2) },
        "unlink" | "rmdir" => Call::Unlink { path: a.path(0) },
        "unlinkat" => Call::Unlink { path: a.path_at(0) },
        "mkdir" => Call::MakeDir { path: a.path(0), mode: octal(a.0.get(1)?) },
        "mkdirat" => Call::MakeDir { path: a.path_at(0), mode: octal(a.0.get(2)?) },
        "chmod" => Call::Chmod { path: a.path(0), mode: octal(a.0.get(1)?) },
        "fchmod" => Call::Chmod { path: a.path_of_file(0), mode: octal(a.0.get(1)?) },
        other => panic!("nobody knows what `{other}` does to files"),
    })
}

/// The arguments of a call, as they are printed: every text in hexadecimal, so that no text holds
/// what separates them.
struct Arguments<'a>(Vec<&'a str>);

impl Arguments<'_> {
    fn file(&self, index: usize) -> u32 {
        u32::try_from(number(self.0[index])).unwrap()
    }

    fn number(&self, index: usize) -> u64 {
        number(self.0[index])
    }

    fn is_set(&self, flag: &str) -> bool {
        self.0[2].split('|').any(|set| set == flag)
    }

    fn bytes(&self, index: usize, length: u64) -> Vec<u8> {
        let mut bytes = unhex(self.0[index]);
        assert!(bytes.len() as u64 >= length, "the trace is cut: {} of {length}", bytes.len());
        bytes.truncate(usize::try_from(length).unwrap());
        bytes
    }

    fn path(&self, index: usize) -> PathBuf {
        PathBuf::from(std::ffi::OsString::from_vec(unhex(self.0[index])))
    }

    /// Returns the path of an open file or folder: `3<path>`.
    fn path_of_file(&self, index: usize) -> PathBuf {
        let (_, path) = self.0[index].split_once('<').unwrap();
        PathBuf::from(std::ffi::OsString::from_vec(unhex(path)))
    }

    /// Returns the path that an open folder and the name after it make.
    fn path_at(&self, index: usize) -> PathBuf {
        Path::join(&self.path_of_file(index), self.path(index + 1))
    }
}

/// Returns the number at the start of a text.
fn number(text: &str) -> u64 {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

fn octal(text: &str) -> u32 {
    u32::from_str_radix(text, 8).unwrap()
}

/// Returns the bytes of every `\xHH` in a text.
fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    let bytes = text.as_bytes().windows(4).filter(|w| w.starts_with(b"\\x"));
    bytes.map(|w| digit(w[2]) * 16 + digit(w[3])).collect()
}
