//! `garner completions`: scripts for shells.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::context::Context;
use crate::error::Error;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let mut command = crate::args::Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "garner", &mut script);
    context.output.print(&String::from_utf8_lossy(&script))
}
