//! Results to standard output, everything else to standard error.

use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::{Color, Global};
use crate::error::Error;

/// Headings and names.
pub(crate) const BOLD: Style = Style::new().bold();
/// What is less important.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Errors, and what is gone.
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
/// What is new.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// What changed, and warnings.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Wraps `text` in a style; the stream strips it where colors are off.
pub(crate) fn styled(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns the choice of colors that a flag stands for.
pub(crate) const fn choice(color: Color) -> anstream::ColorChoice {
    match color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
}

/// What standard output can show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// How many columns it has, where it is a terminal.
    pub(crate) width: Option<usize>,
    /// Whether it shows colors.
    pub(crate) colored: bool,
}

/// Where a command writes.
pub(crate) struct Output {
    out: RefCell<Box<dyn Write>>,
    err: RefCell<Box<dyn Write>>,
    recorded: RefCell<Option<String>>,
    quiet: bool,
    bars: bool,
    look: Look,
}

impl Output {
    /// Writes to standard output and standard error.
    pub(crate) fn standard(global: &Global) -> Self {
        let choice = choice(global.color);
        let out = anstream::AutoStream::new(io::stdout(), choice);
        let look = Look {
            width: terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.into()),
            colored: out.current_choice() != anstream::ColorChoice::Never,
        };
        Self {
            out: RefCell::new(Box::new(out)),
            err: RefCell::new(Box::new(anstream::AutoStream::new(io::stderr(), choice))),
            recorded: RefCell::new(None),
            quiet: global.quiet,
            bars: !global.quiet && !global.json && io::stderr().is_terminal(),
            look,
        }
    }

    /// Returns what standard output can show.
    pub(crate) const fn look(&self) -> Look {
        self.look
    }

    /// Prints a result.
    pub(crate) fn print(&self, text: &str) -> Result<(), Error> {
        if let Some(recorded) = self.recorded.borrow_mut().as_mut() {
            recorded.push_str(text);
        }
        self.print_unrecorded(text)
    }

    /// Starts to keep what is printed.
    pub(crate) fn record(&self) {
        *self.recorded.borrow_mut() = Some(String::new());
    }

    /// Stops keeping what is printed, and returns it.
    pub(crate) fn recorded(&self) -> String {
        self.recorded.borrow_mut().take().unwrap_or_default()
    }

    /// Prints without keeping.
    pub(crate) fn print_unrecorded(&self, text: &str) -> Result<(), Error> {
        let mut out = self.out.borrow_mut();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| match e.kind() {
            io::ErrorKind::BrokenPipe => Error::ClosedPipe,
            _ => Error::io("write", "standard output", e),
        })
    }

    /// Prints a result as JSON, with `"format": 1` first.
    pub(crate) fn print_json(&self, value: serde_json::Value) -> Result<(), Error> {
        let mut object = serde_json::Map::new();
        object.insert("format".to_owned(), 1.into());
        match value {
            serde_json::Value::Object(fields) => object.extend(fields),
            other => {
                object.insert("items".to_owned(), other);
            }
        }
        self.print(&format!("{:#}\n", serde_json::Value::Object(object)))
    }

    /// Says what is going on, unless asked to be quiet.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            // Nobody reading our remarks is no reason to stop.
            let _ = writeln!(self.err.borrow_mut(), "{text}");
        }
    }

    /// Warns, even when asked to be quiet.
    pub(crate) fn warn(&self, text: &str) {
        let _ = writeln!(self.err.borrow_mut(), "{} {text}", styled("warning:", YELLOW));
    }

    /// Returns a progress bar on standard error, drawn only on a terminal.
    pub(crate) fn bar(&self, message: &str, total: u64) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(total), self.target());
        if let Ok(style) = ProgressStyle::with_template("{msg:32} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        bar.set_message(message.to_owned());
        bar
    }

    /// Returns a spinner on standard error, drawn only on a terminal.
    pub(crate) fn spinner(&self) -> ProgressBar {
        let spinner = ProgressBar::with_draw_target(None, self.target());
        spinner.enable_steady_tick(Duration::from_millis(120));
        spinner
    }

    /// Returns a bar for bytes on standard error, drawn only on a terminal.
    pub(crate) fn transfer_bar(&self) -> ProgressBar {
        ProgressBar::with_draw_target(None, self.target())
    }

    fn target(&self) -> ProgressDrawTarget {
        if self.bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
    }
}
