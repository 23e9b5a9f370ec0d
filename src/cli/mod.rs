//! The command line: one file a subcommand. Ambient authority (files, directories, standard streams)
//! is taken here and nowhere below.

mod audit;
mod code;
mod compiling;
mod contents;
mod inspect;
mod kept;
mod limits;
mod list;
mod naming;
mod native;
mod pack;
mod packed;
mod progress;
mod proposals;
mod record;
mod repack;
mod replay;
mod run;
mod runtimes;
mod shell;
mod source;
mod test;
mod tree;
mod unpack;
mod wasi;
mod wast;
mod words;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use holdall_pack::process::{Output, Watchdog, report};

const EXAMPLES: &str = "\
Examples:
  holdall list                                 what travels in this binary
  holdall run mC --invoke call_B               call an export of a bundled module
  holdall run mC --invoke '$mB$call_A'         call an export of a module that it needs
  holdall run add.wat --invoke add 2 -3        arguments follow the module
  holdall run app.wasm --module-path lib       find what app.wasm imports in lib/
  holdall run --dir data::/data::ro app.wasm x run a program that reads in data/
  holdall pack app.wasm -o app                 one executable of it, and of what it needs
  holdall inspect app                          what is in it
  holdall inspect mC                           its imports, exports and dependency tree
  holdall replay bug.rec                       run again what `run --record bug.rec` recorded
  holdall wast tests/*.wast                    run test scripts
  holdall test                                 run the tests of modules below tests/

Exit codes: 0, or the program's own; 1 when something could not be loaded, linked or found; 2 for a
wrong command line; 134 after a trap or an uncaught exception. Results go to standard output, everything else to standard error.";

/// One bag for WebAssembly modules: run and link them from files, directories and this binary.
#[derive(Debug, Parser)]
#[command(name = "holdall", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Pack(Box<pack::Args>),
    Unpack(unpack::Args),
    List(list::Args),
    Inspect(inspect::Args),
    Wast(wast::Args),
    Replay(replay::Args),
    Test(test::Args),
}

/// Runs the command that the process's arguments give.
pub(crate) fn main() -> ExitCode {
    native::hush_compiler();
    let mut command = Cli::command();
    command.build();
    let watchdog = Watchdog::new("holdall");
    let words::Settled { words, root } =
        words::settle(std::env::args_os().collect(), &command, &watchdog);
    let cli = Cli::parse_from(words);
    let mut output = Output::standard();
    let outcome = match &cli.command {
        Command::Run(args) => run::run(args, root, &watchdog, &mut output),
        Command::Pack(args) => pack::run(args, &mut output),
        Command::Unpack(args) => unpack::run(args, &mut output),
        Command::List(args) => list::run(args, &mut output),
        Command::Inspect(args) => inspect::run(args, &mut output),
        Command::Wast(args) => wast::run(args, &mut output),
        Command::Replay(args) => {
            return ended(replay::run(args, &watchdog, &mut output), output);
        }
        Command::Test(args) => return ended(test::run(args, &mut output), output),
    };
    ended(outcome.map(|()| ExitCode::SUCCESS), output)
}

/// The exit code of the process, once everything is written out.
fn ended(outcome: anyhow::Result<ExitCode>, mut output: Output) -> ExitCode {
    match outcome.and_then(|code| output.flush().map(|()| code)) {
        Ok(code) => code,
        Err(error) => report("holdall", &error),
    }
}

/// Ends the process as clap does on a wrong command line, for what clap cannot see.
fn wrong_usage(subcommand: &str, message: String) -> ! {
    let mut command = Cli::command();
    command.build();
    let command = command
        .find_subcommand_mut(subcommand)
        .expect("a subcommand of this program");
    command.error(ErrorKind::ArgumentConflict, message).exit()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
