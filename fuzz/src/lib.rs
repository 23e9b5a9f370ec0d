//! Drives what is fuzzed: cases that follow from a seed, each run in a child process whose memory has
//! a limit, and watched from outside. A case that panics, ends by a signal, takes too long or too much
//! memory is kept in a file, from which `--replay FILE` runs the case again.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

pub use holdall_dev::rng;

use rng::Rng;

/// What is fuzzed.
pub trait Target {
    /// What the target is called in messages and in names of files.
    const NAME: &'static str;

    /// The case of a seed, the same each time.
    fn case(rng: &mut Rng) -> Vec<u8>;

    /// Runs a case, in a folder that is empty. Returns whatever comes; a promise that is broken is a
    /// message.
    fn run(case: &[u8], folder: &Path) -> Result<(), String>;
}

/// The address space of a child. Stacks of threads and reservations count too.
const CHILD_BYTES: u64 = 2 << 30;
/// How many cases a child runs.
const CASES_PER_CHILD: u64 = 2_000;
/// How long a case may take before its child is ended. What a case promises is its own to check.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a case that came too late is tried: another process may have had the processor.
const TRIES: usize = 3;
/// How many failures are enough.
const ENOUGH: usize = 10;

const USAGE: &str = "\
options: --seconds N   how long to go on (30)
         --seed S      where to begin (1); case N of a run has seed S + N
         --out DIR     where failing cases are written (a folder of the system's for temporary files)
         --replay FILE run the case in a file again, alone, and nothing else";

struct Options {
    seconds: u64,
    seed: u64,
    out: PathBuf,
    replay: Option<PathBuf>,
    /// Of a child: how many cases.
    child: Option<u64>,
}

impl Options {
    fn parse() -> Result<Self, String> {
        let mut options = Self {
            seconds: 30,
            seed: 1,
            out: std::env::temp_dir().join("holdall-fuzz"),
            replay: None,
            child: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(option) = args.next() {
            let value = args
                .next()
                .ok_or_else(|| format!("{option}: expected a value\n{USAGE}"))?;
            let number = || {
                let parsed = value.parse::<u64>();
                parsed.map_err(|_| format!("{option}: expected a number, found {value:?}"))
            };
            match &*option {
                "--seconds" => options.seconds = number()?,
                "--seed" => options.seed = number()?,
                "--out" => options.out = value.into(),
                "--replay" => options.replay = Some(value.into()),
                "--child" => options.child = Some(number()?),
                _ => return Err(format!("unknown option {option}\n{USAGE}")),
            }
        }
        Ok(options)
    }
}

/// The whole of a program that fuzzes.
pub fn main<T: Target>() -> ExitCode {
    let outcome = Options::parse().and_then(|options| {
        std::fs::create_dir_all(&options.out).map_err(|error| error.to_string())?;
        match (&options.replay, options.child) {
            (Some(file), _) => replay::<T>(file, &options.out),
            (_, Some(count)) => child::<T>(&options, count),
            _ => parent::<T>(&options),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{}: {message}", T::NAME);
            ExitCode::FAILURE
        }
    }
}

/// Where the case is that the child of a process runs: others may have the same folder.
fn current<T: Target>(out: &Path, parent: u32) -> PathBuf {
    out.join(format!("{}.{parent}.current", T::NAME))
}

fn replay<T: Target>(file: &Path, out: &Path) -> Result<(), String> {
    let case = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    limit_memory();
    run::<T>(&case, out)?;
    println!("{}: {} is as it should be", T::NAME, file.display());
    Ok(())
}

/// Runs cases one after the other, and says so after each.
fn child<T: Target>(options: &Options, count: u64) -> Result<(), String> {
    limit_memory();
    let mut out = std::io::stdout().lock();
    let current = current::<T>(&options.out, std::os::unix::process::parent_id());
    for seed in options.seed..options.seed + count {
        let case = T::case(&mut Rng::new(seed));
        let written = std::fs::write(&current, &case);
        written.map_err(|error| error.to_string())?;
        run::<T>(&case, &options.out)?;
        // The parent may have ended.
        writeln!(out, "done")
            .and_then(|()| out.flush())
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn run<T: Target>(case: &[u8], out: &Path) -> Result<(), String> {
    let folder = out.join(format!("{}.{}", T::NAME, std::process::id()));
    let mut outcome = Ok(());
    for _ in 0..TRIES {
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        outcome = T::run(case, &folder);
        std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn limit_memory() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = Rlimit {
        current: Some(CHILD_BYTES),
        maximum: Some(CHILD_BYTES),
    };
    setrlimit(Resource::As, limit).expect("a lower limit is anybody's to set");
}

/// Starts a child and gives what the child says, line by line.
fn start(options: &Options, seed: u64) -> (Child, Receiver<String>) {
    let program = std::env::current_exe().expect("this program is there");
    let mut child = Command::new(program)
        .args([
            "--child",
            &CASES_PER_CHILD.to_string(),
            "--seed",
            &seed.to_string(),
            "--out",
        ])
        .arg(&options.out)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program can be started again");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    (child, receiver)
}

fn parent<T: Target>(options: &Options) -> Result<(), String> {
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let (mut seed, mut failures) = (options.seed, 0);
    let current = current::<T>(&options.out, std::process::id());
    'children: while Instant::now() < end && failures < ENOUGH {
        let (mut child, lines) = start(options, seed);
        // Whatever the child says on standard error is read while it runs, so that it does not wait.
        let mut errors = child.stderr.take().expect("a pipe");
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = std::io::Read::read_to_end(&mut errors, &mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let failure = loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(_) => seed += 1,
                Err(RecvTimeoutError::Timeout) => break format!("no end within {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => {
                    let status = child.wait().expect("it is ours");
                    if status.success() {
                        continue 'children;
                    }
                    break format!("the process ended: {status}");
                }
            }
            if Instant::now() >= end {
                // Nothing is wrong with the case that it runs.
                let _ = child.kill();
                let _ = child.wait();
                break 'children;
            }
        };
        let _ = child.kill();
        let _ = child.wait();
        let kept = options.out.join(format!("{}-{seed}.case", T::NAME));
        std::fs::copy(&current, &kept).map_err(|error| error.to_string())?;
        let said = errors.join().unwrap_or_default();
        let said: String = said
            .lines()
            .take(30)
            .map(|line| format!("  {line}\n"))
            .collect();
        eprint!(
            "{} seed {seed}: {failure}\n{said}  run again: --replay {}\n",
            T::NAME,
            kept.display()
        );
        failures += 1;
        seed += 1;
    }
    let _ = std::fs::remove_file(current);
    println!(
        "{}: {} cases, {failures} failed",
        T::NAME,
        seed - options.seed
    );
    match failures {
        0 => Ok(()),
        count => Err(format!(
            "{count} cases failed; they are in {}",
            options.out.display()
        )),
    }
}

/// Watches the time and the memory that a piece of work takes.
pub struct Watch {
    start: Instant,
    before_bytes: u64,
}

impl Watch {
    /// Begins to watch.
    #[must_use]
    pub fn begin() -> Self {
        // From here on the system measures the peak anew.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self {
            before_bytes: peak_bytes(),
            start: Instant::now(),
        }
    }

    /// That the work since took no more than this.
    ///
    /// # Errors
    ///
    /// When it did.
    pub fn end(&self, what: &str, time: Duration, more_bytes: u64) -> Result<(), String> {
        let took = self.start.elapsed();
        if took > time {
            return Err(format!("{what}: took {took:?}, more than {time:?}"));
        }
        let more = peak_bytes().saturating_sub(self.before_bytes);
        if more > more_bytes {
            return Err(format!("{what}: took {more} bytes, more than {more_bytes}"));
        }
        Ok(())
    }
}

/// The most memory that this process has had; 0 where the system does not say.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes =
        line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
