//! Loads the inference library, once per process.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

/// The process has one environment of the inference library, made by whoever comes first.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Why the inference library or a session on it failed.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Returns the environment of the inference library, which is loaded from `library` if this is the
/// first call of the process; later calls keep the library that is loaded.
///
/// A file that is no such library, or one of an older version, is an error.
pub(crate) fn environment(library: &Path) -> Result<Environment, Failure> {
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = environment.as_ref() {
        return Ok(environment.clone());
    }
    // A relative path would be looked for beside the program.
    let library = library.canonicalize()?;
    let made = guarded(|| Ok(ort::init_from(library)?.with_telemetry(false).build()?))?;
    *environment = Some(made.clone());
    Ok(made)
}

/// Runs code of the engine, which panics on some broken libraries, and turns a panic into an error.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(format!("the inference library gave up: {said}").into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_library_is_an_error_and_not_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("library.so");
        std::fs::write(&text, b"not a library").unwrap();
        for path in [text.as_path(), &folder.path().join("absent.so"), folder.path()] {
            assert!(environment(path).is_err(), "{}", path.display());
        }
    }

    #[test]
    fn a_panic_of_the_engine_is_an_error_with_its_words() {
        let error = guarded::<()>(|| panic!("bad {}", "graph")).unwrap_err();
        assert!(error.to_string().contains("bad graph"));
    }
}
