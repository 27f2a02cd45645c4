//! The one place that prints errors and picks the exit status.

use std::error::Error as _;
use std::io::Write as _;
use std::process::ExitCode;

use garner_kernel::{Explain as _, Fault};

use crate::args::Global;
use crate::error::Error;
use crate::{output, table};

/// Prints a usage error, help or version as clap words it; a hook succeeds all the same.
pub(crate) fn usage(error: &clap::Error, is_hook: bool) -> ExitCode {
    // A closed pipe is not an error; there is nothing else to do about a failed print.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() && !is_hook { 2 } else { 0 })
}

/// Prints an error with its causes and its hint, and returns the exit status.
pub(crate) fn failure(error: &Error, global: &Global) -> ExitCode {
    match error {
        Error::ClosedPipe => return ExitCode::SUCCESS,
        Error::Differ => return ExitCode::FAILURE,
        Error::Ended { status } => return ExitCode::from(*status),
        _ => {}
    }
    let mut text = format!("{} {error}\n", output::styled("error:", output::RED));
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!("  caused by: {source}\n"));
        cause = source.source();
    }
    if let Some(hint) = error.hint() {
        text.push_str(&format!("\n{} {hint}\n", output::styled("hint:", output::BOLD)));
    }
    let text = table::without_tricks(&text);
    let mut stderr = anstream::AutoStream::new(std::io::stderr(), output::choice(global.color));
    let _ = stderr.write_all(text.as_bytes());
    ExitCode::from(status(error.fault()))
}

const fn status(fault: Fault) -> u8 {
    match fault {
        Fault::Input => 1,
        Fault::Missing => 3,
        Fault::Trust => 4,
        Fault::Offline => 5,
        Fault::Internal => 70,
    }
}
