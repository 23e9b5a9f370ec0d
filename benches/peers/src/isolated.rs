//! An engine in a process of its own, because it might end or corrupt the one that it runs in. The
//! process is this program again; it is sent a module and then one argument a line, and answers each
//! with the result on a line.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Error, Result, anyhow};

use crate::common::{Run, clipped};
use crate::kernels::Peer;

/// The option that makes this program such a process; what follows is the engine's name.
const SERVE: &str = "--serve";

/// An instance in a process of its own. A call's way there and back is some ten microseconds.
pub(crate) fn run(engine: &str, wasm: &[u8]) -> Result<Run> {
    let mut process = Process::start(engine)?;
    process.send(&(wasm.len() as u64).to_le_bytes());
    process.send(wasm);
    Ok(Box::new(move |n| {
        process.send(format!("{n}\n").as_bytes());
        process.answer()
    }))
}

/// The engine that this process is to serve, if it is not the one that a user has started.
pub(crate) fn asked_for() -> Option<String> {
    let mut arguments = std::env::args().skip(1);
    let serves = arguments.next()? == SERVE;
    arguments.next().filter(|_| serves)
}

/// Does what the other process asks, until that has nothing more to ask.
pub(crate) fn serve(engine: &str, engines: &[Peer]) -> Result<()> {
    let named = engines.iter().find(|(name, _)| *name == engine);
    let (_, instantiate) = named.with_context(|| format!("no engine is called {engine}"))?;
    let mut questions = std::io::stdin().lock();
    let mut size_bytes = [0; 8];
    questions.read_exact(&mut size_bytes)?;
    let mut wasm = vec![0; u64::from_le_bytes(size_bytes).try_into()?];
    questions.read_exact(&mut wasm)?;
    let mut run = instantiate(&wasm)?;
    for question in questions.lines() {
        println!("{}", run(question?.parse()?)?);
    }
    Ok(())
}

struct Process {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Process {
    fn start(engine: &str) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([SERVE, engine])
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
    fn send(&mut self, bytes: &[u8]) {
        if let Some(stdin) = &mut self.child.stdin {
            let _ = stdin.write_all(bytes);
        }
    }

    fn answer(&mut self) -> Result<i64> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line.is_empty() {
            return Err(self.last_words());
        }
        Ok(line.trim_end().parse()?)
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
