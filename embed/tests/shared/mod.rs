//! The model that all tests share; got once, kept in the cache.

use std::env;
use std::path::PathBuf;
use std::sync::LazyLock;

use garner_embed::{InstallError, InstallOptions, ModelFiles, install};

/// The installed model; `None`, with a word on standard output, where it can be had from nowhere.
pub(crate) static FILES: LazyLock<Option<ModelFiles>> = LazyLock::new(|| {
    let mut options = InstallOptions::new(folder()?);
    options.system_library = system_library();
    match install(&options, &mut |_| ()) {
        Ok(files) => Some(files),
        // Only a missing network may skip: whatever else goes wrong is what the tests look for.
        Err(error @ (InstallError::NoPip { .. } | InstallError::Pip { .. })) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}: {error:?}"),
    }
});

pub(crate) fn system_library() -> Option<PathBuf> {
    env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn folder() -> Option<PathBuf> {
    let cache = || env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache"));
    let default = || Some(cache().or_else(home)?.join("garner/models"));
    env::var_os("GARNER_MODEL_DIR").map(PathBuf::from).or_else(default)
}
