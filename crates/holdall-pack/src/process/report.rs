//! How a command that failed says so, and with which exit code.

use std::error::Error as StdError;
use std::io::{self, Write};
use std::process::ExitCode;

use holdall::text::ArgumentError;
use holdall::{Error, ErrorKind, Escaped, Trap};

use super::output::{OutputError, Paragraph};

/// After a trap: what a shell shows for a native program that aborted.
pub(super) const TRAP: u8 = 134;
/// Of a wrong command line, as clap's own.
const USAGE: u8 = 2;
/// Of everything that could not be loaded, linked or found.
const FAILURE: u8 = 1;

/// Prints an error of a program with its causes, and gives the exit code. What standard error does not take is
/// lost: there is nowhere left to say it.
pub fn report(program: &str, error: &anyhow::Error) -> ExitCode {
    // The program ended itself, and has said what it had to say.
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

/// The part of a program's exit code that an operating system passes on: its low 8 bits.
fn program_code(code: i32) -> u8 {
    code.to_le_bytes()[0]
}

/// The error, then each cause on a line of its own.
pub(super) fn text(program: &str, error: &anyhow::Error) -> String {
    let mut text = String::new();
    let mut said = String::new();
    for (depth, cause) in error.chain().enumerate() {
        let message = cause.to_string();
        // An error that passes its cause on has said it already.
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

/// Whether an error is a trap itself, and does not only have one among its causes.
fn is_trap(error: &(dyn StdError + 'static)) -> bool {
    let kind = error.downcast_ref::<Error>().map(Error::kind);
    error.is::<Trap>() || matches!(kind, Some(ErrorKind::Trap(_)))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.chain().any(is_trap) {
        TRAP
    } else if error.chain().any(|cause| cause.is::<ArgumentError>()) {
        USAGE
    } else {
        FAILURE
    }
}
