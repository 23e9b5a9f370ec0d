//! Times a WASI program from its bytes to its exit, in holdall and, by turns in one process, in
//! wasmi with wasmi_wasi: reading and compiling the module, then running it. Each run has an engine
//! of its own, as it is with a process for each.

#[path = "../../../common/mod.rs"]
mod common;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use common::{Options, Table, milliseconds};
use wasmi::CompilationMode;
use wasmi_wasi::wasi_common::pipe::{ReadPipe, WritePipe};
use wasmi_wasi::{WasiCtx, WasiCtxBuilder};

const USAGE: &str = "\
usage: cargo run --release --manifest-path benches/peers/Cargo.toml --bin startup -- [--reps N] [--best] [--holdall] PATH [ARG]...
    PATH        the program, a .wasm file
    ARG         the program's arguments (default: -c and print(1), for CPython)
    --reps N    how often it is run in each way (default 5)
    --best      count the fastest repetition, not the median
    --holdall   only in holdall, to be profiled";

/// Runs the program in holdall alone.
const HOLDALL_ONLY: &str = "--holdall";

/// What a program is given.
struct Program {
    wasm: &'static [u8],
    args: Vec<String>,
}

/// One run of the program.
struct Outcome {
    /// From the bytes to the module, in milliseconds.
    load: f64,
    /// From the module to the exit, in milliseconds.
    run: f64,
    stdout: String,
    exit_code: i32,
}

type Way = (&'static str, fn(&Program) -> Result<Outcome>);

const WAYS: &[Way] = &[
    ("holdall, lazy lowering", holdall),
    ("wasmi, lazy translation", |program| {
        wasmi(program, CompilationMode::LazyTranslation)
    }),
    ("wasmi, lazy without validation", |program| {
        wasmi(program, CompilationMode::Lazy)
    }),
];

fn holdall(program: &Program) -> Result<Outcome> {
    let (capture, stdout) = holdall::Output::capture();
    let grants = holdall::Grants::new()
        .args(&program.args)
        .stdin(holdall::Input::null())
        .stdout(stdout)
        .stderr(holdall::Output::null())
        .clocks()
        .random();

    let start = Instant::now();
    let engine = holdall::Engine::default();
    let module = holdall::Module::new(&engine, program.wasm)?;
    let load = start.elapsed();
    let mut linker = holdall::Linker::new(&engine);
    linker.wasi(holdall::Wasi::new(grants));
    let mut store = holdall::Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let main = instance.get_typed_func::<(), ()>(&store, "_start")?;
    let result = main.call(&mut store, ());
    let total = start.elapsed();

    let exit_code = match result {
        Ok(()) => 0,
        Err(error) => error.exit_code().ok_or(error)?,
    };
    Ok(Outcome {
        load: milliseconds(load),
        run: milliseconds(total - load),
        stdout: capture.text(),
        exit_code,
    })
}

fn wasmi(program: &Program, mode: CompilationMode) -> Result<Outcome> {
    let stdout = Arc::new(RwLock::new(Vec::new()));
    let context = WasiCtxBuilder::new()
        .args(&program.args)?
        .stdin(Box::new(ReadPipe::new(std::io::empty())))
        .stdout(Box::new(WritePipe::from_shared(Arc::clone(&stdout))))
        .stderr(Box::new(WritePipe::new(std::io::sink())))
        .build();

    let start = Instant::now();
    let mut config = wasmi::Config::default();
    config.compilation_mode(mode);
    let engine = wasmi::Engine::new(&config);
    let module = wasmi::Module::new(&engine, program.wasm)?;
    let load = start.elapsed();
    let mut linker = wasmi::Linker::new(&engine);
    wasmi_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    let mut store = wasmi::Store::new(&engine, context);
    let instance = linker.instantiate_and_start(&mut store, &module)?;
    let main = instance.get_typed_func::<(), ()>(&store, "_start")?;
    let result = main.call(&mut store, ());
    let total = start.elapsed();

    let exit_code = match result {
        Ok(()) => 0,
        Err(error) => error.i32_exit_status().ok_or(error)?,
    };
    let stdout = stdout.read().unwrap_or_else(PoisonError::into_inner);
    Ok(Outcome {
        load: milliseconds(load),
        run: milliseconds(total - load),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        exit_code,
    })
}

fn main() -> Result<()> {
    let options = Options::with_flags(USAGE, &[HOLDALL_ONLY])?;
    let Some((path, args)) = options.words.split_first() else {
        bail!("no program is named\n{USAGE}");
    };
    let wasm = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
    let args = match args {
        [] => ["-c".to_owned(), "print(1)".to_owned()].to_vec(),
        args => args.to_vec(),
    };
    let program = Program {
        // Leaked, so that both engines may keep it without a copy.
        wasm: wasm.leak(),
        args: [vec!["program".to_owned()], args].concat(),
    };
    let ways = if options.has(HOLDALL_ONLY) {
        &WAYS[..1]
    } else {
        WAYS
    };
    compare(&options, &program, ways)
}

/// Runs the program in all ways by turns and prints the table.
fn compare(options: &Options, program: &Program, ways: &[Way]) -> Result<()> {
    let mut loads = vec![Vec::new(); ways.len()];
    let mut runs = vec![Vec::new(); ways.len()];
    let mut totals = vec![Vec::new(); ways.len()];
    let mut expected = None;
    for rep in 0..options.reps {
        for turn in 0..ways.len() {
            // Nobody is always the first one after another's work.
            let way = (rep + turn) % ways.len();
            let (name, run) = ways[way];
            let outcome =
                run(program).with_context(|| format!("{name} does not run the program"))?;
            let found = (outcome.exit_code, outcome.stdout);
            let expected = expected.get_or_insert_with(|| found.clone());
            ensure!(
                found == *expected,
                "{name}: expected exit code and output {expected:?}, found {found:?}"
            );
            loads[way].push(outcome.load);
            runs[way].push(outcome.run);
            totals[way].push(outcome.load + outcome.run);
        }
    }
    let mut table = Table::new(["way", "load ms", "run ms", "total ms", "holdall / it"]);
    for (way, (name, _)) in ways.iter().enumerate() {
        table.row([
            (*name).to_owned(),
            format!("{:.1}", options.pick(&loads[way])),
            format!("{:.1}", options.pick(&runs[way])),
            format!("{:.1}", options.pick(&totals[way])),
            format!("{:.2}", options.ratio(&totals[0], &totals[way])),
        ]);
    }
    table.print();
    let (exit_code, stdout) = expected.context("nothing was run")?;
    println!(
        "\n{} of {} repetitions, ways by turns; all exited with {exit_code} and printed {stdout:?}",
        options.statistic(),
        options.reps,
    );
    Ok(())
}
