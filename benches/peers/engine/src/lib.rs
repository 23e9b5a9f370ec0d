//! What an engine's program does for the one that compares: each engine is a package of its own, since
//! Cargo has one profile for all that is built together, and each is to be built as its authors
//! build it. The program is given a task on its command line, works, and answers on its output.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What is timed, in an instance of an engine: an exported function.
pub type Run = Box<dyn FnMut(i32) -> Result<i64>>;

/// What an engine can do. All but the first may be missing.
pub struct Engine {
    /// Makes an instance of a file's module, which imports nothing, and returns its function `run`.
    pub kernel: fn(way: &str, path: &Path) -> Result<Run>,
    /// Makes the guest of a case of `holdall_benches::calling`, and returns what makes the calls.
    pub call: Option<fn(case: &str) -> Result<Run>>,
    /// Makes the guest of `benches/common/guests/wasi.wat`, and returns its loop of this name; the directory
    /// is the guest's.
    pub wasi_call: Option<fn(export: &str, dir: &Path) -> Result<Run>>,
    /// Runs a WASI program.
    pub program: Option<fn(way: &str, program: &Program) -> Result<Outcome>>,
    /// Runs a CoreMark that asks `env.clock_ms` for the time, and returns what its `run` does.
    pub score: Option<fn(way: &str, wasm: &[u8], clock: Clock) -> Result<f32>>,
}

/// A WASI program, and what it is given: besides these an empty input, clocks and randomness.
pub struct Program {
    /// Leaked, so that engines may keep it without a copy.
    pub wasm: &'static [u8],
    /// The program's own name is the first.
    pub args: Vec<String>,
    /// Directories of the host, which the program may change, and the program's names for them.
    pub dirs: Vec<(String, String)>,
}

/// One run of a WASI program.
pub struct Outcome {
    /// From the bytes to the module.
    pub load: Duration,
    /// From the module to the exit.
    pub run: Duration,
    pub exit_code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// The type of the milliseconds that CoreMark's clock returns.
#[derive(Clone, Copy)]
pub enum Clock {
    I32,
    I64,
}

impl Clock {
    /// How the type is written, in modules and on command lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
        }
    }
}

/// The milliseconds since the first call.
#[must_use]
pub fn clock_ms() -> i64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

/// Does the task of the command line; see [`tasks`].
///
/// # Errors
/// When the engine cannot do the task, or the command line names none.
pub fn serve(engine: &Engine) -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let missing = "the engine has no such task";
    match words.as_slice() {
        [tasks::KERNEL, way, path] => answer((engine.kernel)(way, Path::new(path))?),
        [tasks::CALL, case] => answer(engine.call.context(missing)?(case)?),
        [tasks::WASI_CALL, export, dir] => {
            answer(engine.wasi_call.context(missing)?(export, Path::new(dir))?)
        }
        [tasks::PROGRAM, way, path, dirs, args @ ..] => {
            let (count, mut args) = (dirs.parse()?, args);
            let mut program = Program {
                wasm: read(path)?.leak(),
                args: Vec::new(),
                dirs: Vec::new(),
            };
            for _ in 0..count {
                let [host, guest, rest @ ..] = args else {
                    bail!("expected {count} directories");
                };
                program.dirs.push(((*host).into(), (*guest).into()));
                args = rest;
            }
            program.args = args.iter().map(ToString::to_string).collect();
            report(&engine.program.context(missing)?(way, &program)?)
        }
        [tasks::SCORE, way, path, clock] => {
            let clock = if *clock == Clock::I32.name() {
                Clock::I32
            } else {
                Clock::I64
            };
            let score = engine.score.context(missing)?(way, &read(path)?, clock)?;
            println!("{score}");
            Ok(())
        }
        _ => bail!("a program of the benchmarks, which holdall-peers starts; found {words:?}"),
    }
}

/// The tasks, which are the first word of the command line.
pub mod tasks {
    /// `kernel WAY PATH`: each line of the input is an argument, and is answered with the result.
    pub const KERNEL: &str = "kernel";
    /// `call CASE`: likewise, the argument being the number of calls.
    pub const CALL: &str = "call";
    /// `wasi-call EXPORT DIR`: likewise.
    pub const WASI_CALL: &str = "wasi-call";
    /// `program WAY PATH DIRS [HOST GUEST]... [ARG]...`: is answered with the outcome's numbers in a
    /// line, then what the program has written.
    pub const PROGRAM: &str = "program";
    /// `score WAY PATH i32|i64`: is answered with the score.
    pub const SCORE: &str = "score";
}

fn read(path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {path}"))
}

/// Calls the function with each argument that comes.
fn answer(mut run: Run) -> Result<()> {
    println!("ready");
    for question in std::io::stdin().lock().lines() {
        println!("{}", run(question?.parse()?)?);
    }
    Ok(())
}

fn report(outcome: &Outcome) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} {} {} {} {}",
        outcome.load.as_nanos(),
        outcome.run.as_nanos(),
        outcome.exit_code,
        outcome.stdout.len(),
        outcome.stderr.len()
    )?;
    out.write_all(&outcome.stdout)?;
    out.write_all(&outcome.stderr)?;
    Ok(out.flush()?)
}

/// Reads what [`tasks::PROGRAM`] is answered with.
///
/// # Errors
/// When the answer is not of that form.
pub fn read_outcome(answer: &[u8]) -> Result<Outcome> {
    let form = "expected an outcome";
    let end = answer
        .iter()
        .position(|&byte| byte == b'\n')
        .context(form)?;
    let (line, rest) = (std::str::from_utf8(&answer[..end])?, &answer[end + 1..]);
    let numbers: Vec<i64> = line
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .context(form)?;
    let [load, run, exit_code, stdout, stderr] = numbers[..] else {
        bail!(form);
    };
    let (stdout, stderr) = (usize::try_from(stdout)?, usize::try_from(stderr)?);
    anyhow::ensure!(rest.len() == stdout + stderr, form);
    Ok(Outcome {
        load: Duration::from_nanos(load.try_into()?),
        run: Duration::from_nanos(run.try_into()?),
        exit_code: exit_code.try_into()?,
        stdout: rest[..stdout].to_vec(),
        stderr: rest[stdout..].to_vec(),
    })
}
