//! The programs of the engines: they are built before they are first used, and run in processes of
//! their own, which an engine may end or corrupt.

#![allow(dead_code, reason = "each program uses a part of it")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Error, Result, anyhow, ensure};

use holdall_benches::{Run, clipped};

/// The program of an engine, by the name of its directory. It is built at the first question, by the
/// toolchain of now, else by nightly, where that is new enough for an engine and the other is not.
///
/// # Errors
/// When neither builds the program. Cargo has then told why.
pub(crate) fn program(engine: &str) -> Result<PathBuf> {
    static BUILT: Mutex<Option<HashMap<String, Option<PathBuf>>>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let program = built
        .get_or_insert_default()
        .entry(engine.to_owned())
        .or_insert_with(|| {
            [None, Some("+nightly")]
                .into_iter()
                .find_map(|toolchain| build(engine, toolchain))
        });
    program
        .clone()
        .with_context(|| format!("{engine} cannot be built: cargo says why above"))
}

fn build(engine: &str, toolchain: Option<&str>) -> Option<PathBuf> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = peers.join("target").join(engine);
    let mut cargo = Command::new("cargo");
    // What cargo says to the programs that it runs holds for another package.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_") && text != "CARGO_HOME" || text == "RUSTUP_TOOLCHAIN" {
            cargo.env_remove(name);
        }
    }
    let status = cargo
        .current_dir(peers.join(engine))
        .args(toolchain)
        .args(["build", "--release", "--quiet", "--target-dir"])
        .arg(&target)
        .status();
    let program = format!("holdall-peers-{engine}{}", std::env::consts::EXE_SUFFIX);
    status
        .is_ok_and(|status| status.success())
        .then(|| target.join("release").join(program))
}

/// What a program answers to a task, to the end.
pub(crate) fn answer(engine: &str, words: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new(program(engine)?)
        .args(words)
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{} {}",
        output.status,
        clipped(errors.trim(), 200)
    );
    Ok(output.stdout)
}

/// A function of a program that answers each argument with a result. A call's way there and back is
/// some ten microseconds.
pub(crate) fn run(engine: &str, words: &[&str]) -> Result<Run> {
    let mut process = Process::start(engine, words)?;
    let ready = process.answer()?;
    ensure!(
        ready == "ready",
        "expected a program of the benchmarks, found {ready}"
    );
    Ok(Box::new(move |n| {
        process.send(&format!("{n}\n"));
        Ok(process.answer()?.parse()?)
    }))
}

struct Process {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Process {
    fn start(engine: &str, words: &[&str]) -> Result<Self> {
        let mut child = Command::new(program(engine)?)
            .args(words)
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start a process for the engine")?;
        let answers = child.stdout.take().context("the process has no output")?;
        let answers = BufReader::new(answers);
        Ok(Self { child, answers })
    }

    /// Sends something. That the process does not take it shows when it does not answer.
    fn send(&mut self, question: &str) {
        if let Some(stdin) = &mut self.child.stdin {
            let _ = stdin.write_all(question.as_bytes());
        }
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line.is_empty() {
            return Err(self.last_words());
        }
        Ok(line.trim_end().to_owned())
    }

    /// Why the process gives no answer.
    fn last_words(&mut self) -> Error {
        let mut words = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            let _ = stderr.read_to_string(&mut words);
        }
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        match self.child.wait() {
            Ok(status) => anyhow!("{status} {}", clipped(&words, 200)),
            Err(error) => error.into(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
