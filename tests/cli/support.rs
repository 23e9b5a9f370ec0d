//! How the tests run the command, and the folders that they run it in.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// A folder of a test's own.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty one. `name` is the test's.
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("cli")
            .join(name);
        if path.exists() {
            fs::remove_dir_all(&path).expect("it is ours");
        }
        fs::create_dir_all(&path).expect("it is ours");
        Self(path)
    }

    /// The folder with one more file; `path` may lead into folders below.
    pub(crate) fn with(self, path: &str, contents: impl AsRef<[u8]>) -> Self {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("it is ours");
        fs::write(path, contents).expect("it is ours");
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Runs the command in the folder.
    #[track_caller]
    pub(crate) fn holdall(&self, args: &[&str]) -> Outcome {
        run(
            Command::new(env!("CARGO_BIN_EXE_holdall")).current_dir(&self.0),
            args,
            "",
        )
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
fn run(command: &mut Command, args: &[&str], stdin: &str) -> Outcome {
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command was built");
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
