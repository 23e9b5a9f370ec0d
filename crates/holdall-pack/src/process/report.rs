//! The last word of a process that failed, and its exit code.

use std::error::Error as StdError;
use std::io::{self, Write};
use std::process::ExitCode;

use holdall::text::ArgumentError;
use holdall::{Error, ErrorKind, Escaped, Exception, Trap};

use super::output::{OutputError, Paragraph};

/// The exit code after a trap, or an exception that nobody caught: the one that a shell shows for a native
/// program that aborted.
pub(super) const TRAP: u8 = 134;
/// The exit code of a wrong command line, as clap has it.
const USAGE: u8 = 2;
/// The exit code when something could not be loaded, linked or found.
const FAILURE: u8 = 1;

/// Prints an error with its causes to standard error, after the name of the program, and gives the exit
/// code. A guest that ended itself has its own exit code, and nothing is printed. A message that standard
/// error does not take is lost.
pub fn report(program: &str, error: &anyhow::Error) -> ExitCode {
    // The guest ended itself, and printed what it wanted.
    if let Some(code) = error.downcast_ref::<Error>().and_then(Error::exit_code) {
        return ExitCode::from(program_code(code));
    }
    let output = error.downcast_ref::<OutputError>();
    if output.is_some_and(OutputError::is_closed) {
        return ExitCode::SUCCESS;
    }
    let _ = io::stderr()
        .lock()
        .write_all(text(program, error).as_bytes());
    ExitCode::from(exit_code(error))
}

/// The outcome of a run beside which a file could not be written whole: that is a failure, whatever the program's
/// exit code was. Where the run failed by itself, the failure of the file is told on standard error.
///
/// # Errors
///
/// The run's own error, or else the failure.
pub fn with_unwritten(failure: anyhow::Error, outcome: anyhow::Result<()>) -> anyhow::Result<()> {
    let is_exit = |error: &anyhow::Error| {
        let exit_code = error.downcast_ref::<Error>().and_then(Error::exit_code);
        exit_code.is_some()
    };
    match outcome {
        Err(error) if !is_exit(&error) => {
            let text = format!("holdall: {failure:#}");
            // What standard error does not take is lost.
            let _ = writeln!(io::stderr().lock(), "{}", Paragraph(&text));
            Err(error)
        }
        _ => Err(failure),
    }
}

/// The low 8 bits of a guest's exit code, which are all that operating systems pass on.
fn program_code(code: i32) -> u8 {
    code.to_le_bytes()[0]
}

/// The message: the error, then each cause on a line of its own.
pub(super) fn text(program: &str, error: &anyhow::Error) -> String {
    let mut text = String::new();
    let mut said = String::new();
    for (depth, cause) in error.chain().enumerate() {
        let message = cause.to_string();
        // Some errors end with the text of their cause.
        if depth > 0 && said.ends_with(&message) {
            continue;
        }
        let introduction = if depth == 0 {
            format!("{}: ", Escaped(program))
        } else {
            "  caused by: ".to_owned()
        };
        let trap = if is_trap(cause) { "trap: " } else { "" };
        text += &format!("{introduction}{trap}{}\n", Paragraph(&message));
        said = message;
    }
    text
}

/// Whether an error is a trap itself. One of its causes being a trap does not count.
fn is_trap(error: &(dyn StdError + 'static)) -> bool {
    let kind = error.downcast_ref::<Error>().map(Error::kind);
    error.is::<Trap>() || matches!(kind, Some(ErrorKind::Trap(_)))
}

/// Whether an error is an exception that nobody caught.
fn is_exception(error: &(dyn StdError + 'static)) -> bool {
    let kind = error.downcast_ref::<Error>().map(Error::kind);
    error.is::<Exception>() || matches!(kind, Some(ErrorKind::Exception(_)))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error
        .chain()
        .any(|cause| is_trap(cause) || is_exception(cause))
    {
        TRAP
    } else if error.chain().any(|cause| cause.is::<ArgumentError>()) {
        USAGE
    } else {
        FAILURE
    }
}
