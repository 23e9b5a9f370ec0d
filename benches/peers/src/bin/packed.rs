//! Times the start of whole processes that run a WASI program, by turns: an executable of
//! `holdall pack`, `holdall run`, and wasmtime with the module compiled to native code before. Each is
//! timed to its exit, and to the program's first instruction; beside them, two that do nothing.

#[path = "../child.rs"]
mod child;
#[path = "../scratch.rs"]
mod scratch;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};
use holdall_benches::{
    Expected, Options, Syntax, Table, by_turns, cell, clipped, fails, milliseconds, report, timed,
};
use scratch::Scratch;
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

const USAGE: &str = "\
usage: cargo run --release --manifest-path benches/peers/Cargo.toml --bin packed -- [--reps N] [--best] [--native] [--holdall PATH] PATH [ARG]...
    PATH            the program, a .wasm or .wat file, whose output is the same each time
    ARG             the program's arguments
    --native        the executable has machine code; the command has to have the feature native
    --holdall PATH  the command that packs and runs it (default target/release/holdall)
    --reps N        how often each process is started (default 15)
    --best          count the fastest repetition, not the median";

/// Has the program packed with machine code.
const NATIVE: &str = "--native";
/// Names the command of holdall.
const HOLDALL: &str = "--holdall";
const DEFAULT_HOLDALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/holdall");

/// How often each process is started by default: more often than other things, because it is short.
const DEFAULT_REPS: usize = 15;

/// How much of a command line is the program's name in the table.
const NAME_CHARS: usize = 30;

/// The engine that runs programs which were compiled to native code before.
const ENGINE: &str = "wasmtime";

/// How far the program runs.
#[derive(Clone, Copy, PartialEq)]
enum Until {
    Exit,
    /// Its first instruction returns.
    FirstInstruction,
}

/// The program, and where what is made of it goes.
struct Program {
    holdall: PathBuf,
    is_native: bool,
    /// The file's name, which is the same in the folder of each [`Until`]; then the arguments.
    args: Vec<String>,
    scratch: Scratch,
}

/// A way to start a process.
struct Way {
    name: &'static str,
    /// Makes what the process needs.
    prepare: fn(&Program, Until) -> Result<Command>,
    /// Whether it runs the program.
    runs: bool,
}

/// Those that run the program come first.
const WAYS: [Way; 5] = [
    Way {
        name: "packed",
        prepare: packed,
        runs: true,
    },
    Way {
        name: "run",
        prepare: |program, until| {
            let mut run = Command::new(&program.holdall);
            run.arg("run").arg(program.wasm(until));
            run.args(&program.args[1..]);
            Ok(run)
        },
        runs: true,
    },
    Way {
        name: "wasmtime",
        prepare: |program, until| {
            let code = program.file("precompiled", until);
            let text = |path: &Path| {
                path.to_str()
                    .map(str::to_owned)
                    .context("the path is no text")
            };
            let wasm = text(&program.wasm(until))?;
            child::answer(ENGINE, &["compile", &wasm, &text(&code)?])?;
            let mut run = Command::new(child::program(ENGINE)?);
            run.arg("run-compiled").arg(code).args(&program.args);
            Ok(run)
        },
        runs: true,
    },
    Way {
        name: "true",
        prepare: |_, _| Ok(Command::new("true")),
        runs: false,
    },
    // What the process with wasmtime takes before that begins.
    Way {
        name: "nothing",
        prepare: |_, _| {
            let mut nothing = Command::new(child::program(ENGINE)?);
            nothing.arg("nothing");
            Ok(nothing)
        },
        runs: false,
    },
];

fn packed(program: &Program, until: Until) -> Result<Command> {
    let app = program.file("packed", until);
    let mut pack = Command::new(&program.holdall);
    pack.arg("pack");
    if program.is_native {
        pack.arg("--native");
    }
    pack.arg("-o").arg(&app).arg(program.wasm(until));
    pack.arg("--").args(&program.args[1..]);
    let output = pack
        .output()
        .with_context(|| format!("cannot start {}", program.holdall.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "holdall pack: {}", errors.trim());
    Ok(Command::new(app))
}

impl Program {
    /// Reads the program that the command line names.
    fn read(options: &Options) -> Result<Self> {
        let Some((path, args)) = options.words.split_first() else {
            bail!("no program is named\n{USAGE}");
        };
        let scratch = Scratch::new("holdall-bench")?;
        let stem = Path::new(path).file_stem().unwrap_or_default();
        let name = format!("{}.wasm", stem.to_string_lossy());
        let program = Self {
            holdall: options.value(HOLDALL).unwrap_or(DEFAULT_HOLDALL).into(),
            is_native: options.has(NATIVE),
            args: [&[name], args].concat(),
            scratch,
        };
        let mut wasm = wat::parse_file(path)?;
        for until in [Until::Exit, Until::FirstInstruction] {
            if until == Until::FirstInstruction {
                return_at_once(&mut wasm)?;
            }
            std::fs::create_dir(program.folder(until))?;
            std::fs::write(program.wasm(until), &wasm)?;
        }
        Ok(program)
    }

    /// What it is called in the table.
    fn name(&self) -> String {
        clipped(&self.args.join(" ").replace('\n', " "), NAME_CHARS)
    }

    /// Where the program is that runs so far, with what is made of it.
    fn folder(&self, until: Until) -> PathBuf {
        self.scratch.path().join(match until {
            Until::Exit => "whole",
            Until::FirstInstruction => "returns-at-once",
        })
    }

    /// The module that runs so far.
    fn wasm(&self, until: Until) -> PathBuf {
        self.folder(until).join(&self.args[0])
    }

    /// Where something that is made of it goes.
    fn file(&self, name: &str, until: Until) -> PathBuf {
        self.folder(until).join(name)
    }
}

/// Makes `return` the first instruction of a module's `_start`; the module stays as long as it is.
fn return_at_once(wasm: &mut [u8]) -> Result<()> {
    let (mut imported, mut start, mut bodies) = (0, None, Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Func && export.name == "_start" {
                        start = Some(export.index as usize);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.range()),
            _ => {}
        }
    }
    let start = start.context("it has no `_start`")?;
    let body = start.checked_sub(imported).and_then(|at| bodies.get(at));
    let body = body.context("its `_start` is imported")?.clone();
    // No locals, `return`, `nop` up to the `end` that is there already.
    let body = &mut wasm[body.start as usize..body.end as usize - 1];
    ensure!(body.len() >= 2, "its `_start` has no room for a `return`");
    body.fill(0x01);
    (body[0], body[1]) = (0, 0x0f);
    Ok(())
}

/// A process that can be started again and again.
struct Process {
    command: Command,
    exit_code: Option<i32>,
}

impl Process {
    /// Starts it once, and returns what it has written too.
    fn new(mut command: Command) -> Result<(Self, String)> {
        command.env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        let output = command.output()?;
        let exit_code = output.status.code();
        let errors = String::from_utf8_lossy(&output.stderr);
        // It is 1 where the program could not be loaded; one that itself ends with 1 is not told apart.
        ensure!(
            exit_code.is_some_and(|code| code != 1),
            "{}, {}",
            output.status,
            clipped(errors.trim(), 200)
        );
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((Self { command, exit_code }, stdout))
    }

    /// The milliseconds from its start to its exit.
    fn time(&mut self) -> Result<f64> {
        let (time, status) = timed(|| self.command.status());
        let status = status?;
        ensure!(
            status.code() == self.exit_code,
            "expected exit code {:?} as before, found {status}",
            self.exit_code
        );
        Ok(milliseconds(time))
    }
}

fn main() -> Result<()> {
    let mut options = Options::read(&Syntax {
        usage: USAGE,
        flags: &[NATIVE],
        values: &[HOLDALL],
        command: true,
        ..Syntax::default()
    })?;
    if !reps_are_given(&options) {
        options.reps = DEFAULT_REPS;
    }
    let program = Program::read(&options)?;
    let rows = [
        (program.name(), Until::Exit),
        (
            "to the first instruction".to_owned(),
            Until::FirstInstruction,
        ),
    ]
    .map(|(row, until)| {
        eprint!("{row} ... ");
        (row, measure(&options, &program, until))
    });
    print(&options, &rows);
    let failed = rows.iter().any(|(_, times)| fails(times));
    ensure!(!failed, "no result, or different ones: see above");
    Ok(())
}

/// Whether the command line says how often each process is started.
fn reps_are_given(options: &Options) -> bool {
    let own = std::env::args().len() - options.words.len();
    std::env::args().take(own).any(|word| word == "--reps")
}

/// Prepares all ways, compares what the program does in them, and then times them by turns.
fn measure(options: &Options, program: &Program, until: Until) -> Vec<Result<Vec<f64>>> {
    let mut expected = Expected::default();
    let mut processes = by_turns(1, WAYS.len(), |way| {
        let way = &WAYS[way];
        let (process, stdout) = Process::new((way.prepare)(program, until)?)?;
        if way.runs {
            ensure!(
                until == Until::Exit || (process.exit_code == Some(0) && stdout.is_empty()),
                "it does not end at its first instruction"
            );
            expected.check(way.name, (process.exit_code, stdout))?;
        }
        Ok(process)
    });
    let times = by_turns(options.reps, WAYS.len(), |way| match &mut processes[way] {
        Ok(processes) => processes[0].time(),
        Err(error) => Err(std::mem::replace(error, anyhow!("as said before"))),
    });
    eprintln!("{}", report(&WAYS.each_ref().map(|way| way.name), &times));
    times
}

fn print(options: &Options, rows: &[(String, Vec<Result<Vec<f64>>>)]) {
    let times = WAYS.iter().map(|way| format!("{} ms", way.name));
    let peers = || 1..WAYS.iter().take_while(|way| way.runs).count();
    let ratios = peers().map(|way| format!("{} / {}", WAYS[0].name, WAYS[way].name));
    let header = std::iter::once("program".to_owned());
    let mut table = Table::new(header.chain(times).chain(ratios));
    for (row, times) in rows {
        let time = |times: &Result<Vec<f64>>| {
            cell(times.as_ref().ok().map(|times| options.pick(times)), 1)
        };
        let ratio = |way: usize| {
            let ratio = || Some(options.ratio(times[0].as_ref().ok()?, times[way].as_ref().ok()?));
            cell(ratio(), 2)
        };
        let row = std::iter::once(row.clone());
        table.row(row.chain(times.iter().map(time)).chain(peers().map(ratio)));
    }
    table.print();
    println!(
        "\n{} of {} repetitions, ways by turns",
        options.statistic(),
        options.reps
    );
}
