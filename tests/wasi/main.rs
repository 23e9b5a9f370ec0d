//! WASI as the command grants it: each test runs the command on a program, and its name says what is
//! broken when it fails.

mod folder {
    holdall_dev::folder!();
}

mod granted;
mod running;

use std::process::{Command, Output, Stdio};

use folder::Folder;

/// What the command did.
#[derive(Debug)]
struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let outcome = Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!outcome.stderr.contains("panicked"), "{outcome:#?}");
        outcome
    }

    /// The program ended well, and printed exactly this.
    #[track_caller]
    fn prints(&self, expected: &str) {
        assert_eq!(
            (self.code, &*self.stdout, &*self.stderr),
            (0, expected, ""),
            "{self:#?}"
        );
    }

    /// The command ended with this code, and standard error has each of these texts.
    #[track_caller]
    fn fails(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        }
    }
}

/// The command, to be run in a folder.
fn command(folder: &Folder, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdall"));
    command.current_dir(folder.path()).args(args);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[track_caller]
fn holdall(folder: &Folder, args: &[&str]) -> Outcome {
    Outcome::of(command(folder, args).output().expect("it was built"))
}
