//! Times WASI programs from their bytes to their exits, in holdall and, by turns, in wasmi with
//! wasmi_wasi and in wasmtime: reading and compiling the module, then running it. Each run has a
//! process of its own.

#[path = "../child.rs"]
mod child;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use holdall_benches::{
    Expected, Options, Syntax, Table, by_turns, cell, clipped, fails, geometric_mean, milliseconds,
    report,
};
use holdall_peers_engine::{Outcome, read_outcome, tasks};

const USAGE: &str = "\
usage: cargo run --release --manifest-path benches/peers/Cargo.toml --bin startup -- [--reps N] [--best] [--holdall] [--dir HOST[::GUEST]]... (--list FILE | PATH [ARG]...)
    PATH         the program, a .wasm file, whose output is the same each time
    ARG          the program's arguments
    --list FILE  several programs, a line each: [--dir HOST[::GUEST]]... PATH [ARG]..., with words
                 quoted as in a shell; empty lines and those that begin with # do not count
    --dir HOST[::GUEST]
                 give the program a directory, under its own name or GUEST; what it changes there, the
                 next run finds
    --reps N     how often each program is run in each way (default 5)
    --best       count the fastest repetition, not the median
    --holdall    only in holdall, to be profiled";

/// Runs the programs in holdall alone.
const HOLDALL_ONLY: &str = "--holdall";
/// Gives the programs a directory.
const DIR: &str = "--dir";
/// Names a file of programs.
const LIST: &str = "--list";

/// How much of a command line is a program's name in the table.
const NAME_CHARS: usize = 30;

/// A way to run a program: its name, the engine, and what the engine calls the way.
type Way = (&'static str, &'static str, &'static str);

const WAYS: &[Way] = &[
    ("holdall", "holdall", ""),
    ("native", "holdall", "native"),
    ("wasmi", "wasmi", "lazy"),
    ("wasmi, no validation", "wasmi", "no validation"),
    ("Pulley", "wasmtime", "Pulley"),
    ("Cranelift", "wasmtime", "Cranelift"),
];

/// A program, as the words of a command line.
struct Program {
    path: String,
    /// Its own name is the first.
    args: Vec<String>,
    /// HOST or HOST::GUEST.
    dirs: Vec<String>,
}

impl Program {
    /// One run.
    fn run(&self, engine: &str, way: &str) -> Result<Outcome> {
        let count = self.dirs.len().to_string();
        let mut words = vec![tasks::PROGRAM, way, &self.path, &count];
        for dir in &self.dirs {
            let (host, guest) = dir.split_once("::").unwrap_or((dir, dir));
            words.extend([host, guest]);
        }
        words.extend(self.args.iter().map(String::as_str));
        read_outcome(&child::answer(engine, &words)?)
    }
}

/// The milliseconds that one way took for a program, in each repetition.
#[derive(Default)]
struct Times {
    load: Vec<f64>,
    run: Vec<f64>,
    total: Vec<f64>,
}

fn main() -> Result<()> {
    let options = Options::read(&Syntax {
        usage: USAGE,
        flags: &[HOLDALL_ONLY],
        values: &[DIR, LIST],
        command: true,
    })?;
    let ways = if options.has(HOLDALL_ONLY) {
        &WAYS[..1]
    } else {
        WAYS
    };
    let mut all = Vec::new();
    for (name, program) in programs(&options)? {
        eprint!("{name} ... ");
        all.push((name, measure(&options, &program, ways)));
    }
    print(&options, ways, &all);
    let failures = all.iter().filter(|(_, times)| fails(times));
    let failures: Vec<&str> = failures.map(|(name, _)| name.as_str()).collect();
    ensure!(
        failures.is_empty(),
        "no result, or different ones, of {}: see above",
        failures.join(", ")
    );
    Ok(())
}

/// The programs that the command line names, and what they are called in the table.
fn programs(options: &Options) -> Result<Vec<(String, Program)>> {
    match (options.value(LIST), options.words.as_slice()) {
        (Some(_), [word, ..]) => bail!("{LIST} names the programs already, found {word}\n{USAGE}"),
        (None, []) => bail!("no program is named\n{USAGE}"),
        (None, words) => Ok(vec![program(options, words)?]),
        (Some(path), []) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
            let counts = |line: &str| !line.trim().is_empty() && !line.starts_with('#');
            let lines = text.lines().enumerate().filter(|(_, line)| counts(line));
            let program = |(index, line)| {
                let words = shlex::split(line).context("a quotation mark has no other");
                let program = words.and_then(|words| program(options, &words));
                program.with_context(|| format!("{path}, line {}", index + 1))
            };
            let programs: Vec<_> = lines.map(program).collect::<Result<_>>()?;
            ensure!(!programs.is_empty(), "{path} names no program");
            Ok(programs)
        }
    }
}

/// One program, from the words of a line.
fn program(options: &Options, mut words: &[String]) -> Result<(String, Program)> {
    let mut dirs: Vec<String> = options.values(DIR).map(str::to_owned).collect();
    while let [option, dir, rest @ ..] = words
        && option == DIR
    {
        dirs.push(dir.clone());
        words = rest;
    }
    let Some((path, args)) = words.split_first() else {
        bail!("no program is named");
    };
    ensure!(
        !path.starts_with('-'),
        "expected {DIR} HOST[::GUEST] or a program, found {path}"
    );
    let name = Path::new(path).file_name().unwrap_or_default();
    let args = [&[name.to_string_lossy().into_owned()], args].concat();
    let name = clipped(&args.join(" ").replace('\n', " "), NAME_CHARS);
    let path = path.clone();
    Ok((name, Program { path, args, dirs }))
}

/// Runs a program in all ways by turns, and says what it did.
fn measure(options: &Options, program: &Program, ways: &[Way]) -> Vec<Result<Times>> {
    let names: Vec<&str> = ways.iter().map(|(name, ..)| *name).collect();
    let mut expected = Expected::default();
    let mut last_words = String::new();
    let outcomes = by_turns(options.reps, ways.len(), |way| {
        let (name, engine, way) = ways[way];
        let Outcome {
            load,
            run,
            exit_code,
            stdout,
            stderr,
        } = program.run(engine, way)?;
        let [stdout, stderr] =
            [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        last_words = format!(
            ": exit code {exit_code}, output {:?}, errors {:?}",
            clipped(&stdout, 60),
            clipped(&stderr, 60)
        );
        expected.check(name, (exit_code, stdout))?;
        Ok((milliseconds(load), milliseconds(run)))
    });
    eprintln!("{}{last_words}", report(&names, &outcomes));
    let times = |outcomes: Vec<(f64, f64)>| {
        let mut times = Times::default();
        for (load, run) in outcomes {
            times.load.push(load);
            times.run.push(run);
            times.total.push(load + run);
        }
        times
    };
    outcomes
        .into_iter()
        .map(|outcomes| outcomes.map(times))
        .collect()
}

fn print(options: &Options, ways: &[Way], all: &[(String, Vec<Result<Times>>)]) {
    let mut table = Table::new([
        "program",
        "way",
        "load ms",
        "run ms",
        "total ms",
        "run: holdall / it",
        "total: holdall / it",
    ]);
    for (program, times) in all {
        for (way, (name, ..)) in ways.iter().enumerate() {
            let program = if way == 0 { program } else { "" };
            let time = |part: fn(&Times) -> &Vec<f64>| {
                let times = times[way].as_ref().ok();
                cell(times.map(|times| options.pick(part(times))), 1)
            };
            let times_of_parts = [
                time(|it| &it.load),
                time(|it| &it.run),
                time(|it| &it.total),
            ];
            let [load, run, total] = times_of_parts.each_ref().map(String::as_str);
            let ratios = ratios(options, times, way).map(|ratio| cell(ratio, 2));
            table.row([program, name, load, run, total, &ratios[0], &ratios[1]]);
        }
    }
    if all.len() > 1 {
        for (way, (name, ..)) in ways.iter().enumerate().skip(1) {
            let title = if way == 1 { "geometric mean" } else { "" };
            let ratios: Vec<_> = all
                .iter()
                .map(|(_, times)| ratios(options, times, way))
                .collect();
            let mean = |part: usize| {
                let ratios: Vec<_> = ratios.iter().map(|ratios| ratios[part]).collect();
                cell(geometric_mean(&ratios), 2)
            };
            table.row([title, name, "", "", "", &mean(0), &mean(1)]);
        }
    }
    table.print();
    println!(
        "\n{} of {} repetitions, ways by turns",
        options.statistic(),
        options.reps
    );
}

/// The ratios of holdall's time to run, and of its time in all, to those of one way.
fn ratios(options: &Options, times: &[Result<Times>], way: usize) -> [Option<f64>; 2] {
    let (Ok(ours), Ok(theirs)) = (&times[0], &times[way]) else {
        return [None; 2];
    };
    [(&ours.run, &theirs.run), (&ours.total, &theirs.total)]
        .map(|(ours, theirs)| Some(options.ratio(ours, theirs)))
}
