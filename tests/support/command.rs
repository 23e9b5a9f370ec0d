//! How the tests run the command, and the folders that they run it in.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

pub(crate) use crate::folder::Folder;

/// What the command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The run was good, and printed exactly this.
    #[track_caller]
    pub(crate) fn prints(&self, expected: &str) {
        assert_eq!(self.stdout, expected, "{self:#?}");
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{self:#?}");
    }

    /// The run ended with this code, and standard error has each of these texts.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        }
    }
}

impl Folder {
    /// Runs the command in the folder.
    #[track_caller]
    pub(crate) fn holdall(&self, args: &[&str]) -> Outcome {
        self.run(env!("CARGO_BIN_EXE_holdall"), args)
    }

    /// Runs another program in the folder.
    #[track_caller]
    pub(crate) fn run(&self, program: impl AsRef<OsStr>, args: &[&str]) -> Outcome {
        run(Command::new(program).current_dir(self.path()), args, "")
    }
}

/// Runs the command where nothing is.
#[track_caller]
pub(crate) fn holdall(args: &[&str]) -> Outcome {
    run(&mut Command::new(env!("CARGO_BIN_EXE_holdall")), args, "")
}

/// Runs the command with a text on its standard input.
#[track_caller]
pub(crate) fn holdall_reading(args: &[&str], stdin: &str) -> Outcome {
    run(
        &mut Command::new(env!("CARGO_BIN_EXE_holdall")),
        args,
        stdin,
    )
}

#[track_caller]
pub(crate) fn run(command: &mut Command, args: &[&str], stdin: &str) -> Outcome {
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = loop {
        match command.spawn() {
            // A test beside this one forked while the program's file was being written.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {}
            child => break child.expect("the program was built"),
        }
    };
    // What does not read all of it is free to.
    let _ = child
        .stdin
        .take()
        .expect("it is piped")
        .write_all(stdin.as_bytes());
    let output = child.wait_with_output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let outcome = Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    assert!((0..=255).contains(&outcome.code), "{outcome:#?}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome:#?}");
    outcome
}
