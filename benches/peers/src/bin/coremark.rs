//! Times CoreMark, which times itself, in holdall and, by turns in one process, in wasmi and as
//! wasmtime's interpreter Pulley and its compiler Cranelift run it.

#[path = "../../../common/mod.rs"]
mod common;
#[path = "../program.rs"]
mod program;
#[path = "../targets.rs"]
mod targets;

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use common::{Options, Syntax, Table, by_turns, cell, clipped, fails, report};
use holdall::{ExternType, ValType};
use program::{Outcome, Program};
use wasmi::CompilationMode;

const USAGE: &str = "\
usage: cargo run --release --manifest-path benches/peers/Cargo.toml --bin coremark -- [--reps N] [--best] PATH [ARG]...
    PATH      CoreMark, a .wasm file: a WASI command that prints its result, or a module that imports
              env.clock_ms, () -> i32 or i64, and exports run, () -> f32
    ARG       the command's arguments
    --reps N  how often it is run in each engine (default 5); each time takes some 10 to 20 seconds
    --best    count the highest score, not the median";

/// An engine: its name, and how it runs the command and the freestanding module.
struct Peer {
    name: &'static str,
    command: fn(&Program) -> Result<Outcome>,
    freestanding: fn(&'static [u8], Clock) -> Result<f64>,
}

const PEERS: [Peer; 4] = [
    Peer {
        name: "holdall",
        command: program::holdall,
        freestanding: |wasm, clock| holdall(&holdall::Engine::default(), wasm, clock),
    },
    Peer {
        name: "wasmi",
        command: |program| program::wasmi(program, CompilationMode::LazyTranslation),
        freestanding: |wasm, clock| wasmi(&wasmi::Engine::default(), wasm, clock),
    },
    Peer {
        name: "Pulley",
        command: |program| program::wasmtime(program, targets::pulley),
        freestanding: |wasm, clock| wasmtime(&targets::pulley()?, wasm, clock),
    },
    Peer {
        name: "Cranelift",
        command: |program| program::wasmtime(program, targets::cranelift),
        freestanding: |wasm, clock| wasmtime(&targets::cranelift()?, wasm, clock),
    },
];

/// What CoreMark wants of its host.
#[derive(Clone, Copy)]
enum Kind {
    Command,
    Freestanding(Clock),
}

/// What the clock's milliseconds are.
#[derive(Clone, Copy)]
enum Clock {
    I32,
    I64,
}

/// The three share this vocabulary, so that one text makes the same call in each.
macro_rules! freestanding {
    ($engine:ident) => {
        fn $engine(engine: &$engine::Engine, wasm: &'static [u8], clock: Clock) -> Result<f64> {
            let module = $engine::Module::new(engine, wasm)?;
            let mut store = $engine::Store::new(engine, ());
            let start = Instant::now();
            let clock_ms = move || start.elapsed().as_millis() as i64;
            let clock = match clock {
                Clock::I32 => $engine::Func::wrap(&mut store, move || clock_ms() as i32),
                Clock::I64 => $engine::Func::wrap(&mut store, clock_ms),
            };
            let instance = $engine::Instance::new(&mut store, &module, &[clock.into()])?;
            let run = instance.get_typed_func::<(), f32>(&mut store, "run")?;
            Ok(run.call(&mut store, ())?.into())
        }
    };
}

freestanding!(holdall);
freestanding!(wasmi);
freestanding!(wasmtime);

fn main() -> Result<()> {
    let options = Options::read(&Syntax {
        usage: USAGE,
        command: true,
        ..Syntax::default()
    })?;
    let Some((path, args)) = options.words.split_first() else {
        bail!("no CoreMark is named\n{USAGE}");
    };
    let program = Program::read(path, args, [])?;
    let kind = kind(program.wasm).with_context(|| format!("{path} is no CoreMark"))?;
    let times = by_turns(options.reps, PEERS.len(), |peer| {
        let peer = &PEERS[peer];
        let score = match kind {
            Kind::Command => score((peer.command)(&program)?)?,
            Kind::Freestanding(clock) => (peer.freestanding)(program.wasm, clock)?,
        };
        ensure!(
            score > 0.0,
            "it finds something wrong with its results, and no score"
        );
        eprintln!("{}: {score:.1}", peer.name);
        // Seconds an iteration: of them the least counts, as of other times.
        Ok(score.recip())
    });
    eprintln!(
        "{}",
        report(&PEERS.each_ref().map(|peer| peer.name), &times)
    );
    print(&options, &times);
    ensure!(!fails(&times), "holdall has no score");
    Ok(())
}

/// Which kind of CoreMark a module is.
fn kind(wasm: &'static [u8]) -> Result<Kind> {
    let module = holdall::Module::from_static(&holdall::Engine::default(), wasm)?;
    if module.export("_start").is_some() {
        return Ok(Kind::Command);
    }
    let imports: Vec<_> = module.imports().collect();
    let [import] = imports.as_slice() else {
        bail!("expected an export _start, or env.clock_ms as the only import");
    };
    let clock = match &import.ty {
        ExternType::Func(ty) => match ty.results() {
            [ValType::I32] => Some(Clock::I32),
            [ValType::I64] => Some(Clock::I64),
            _ => None,
        },
        _ => None,
    };
    match clock {
        Some(clock) if (import.module, import.name) == ("env", "clock_ms") => {
            Ok(Kind::Freestanding(clock))
        }
        _ => bail!(
            "expected the import env.clock_ms to be of type () -> i32 or () -> i64, found {}.{} of type {}",
            import.module,
            import.name,
            import.ty
        ),
    }
}

/// The score that the command has printed: iterations a second.
fn score(outcome: Outcome) -> Result<f64> {
    let printed = || clipped(&format!("{}{}", outcome.stdout, outcome.stderr), 1000);
    for line in outcome.stdout.lines() {
        // Iterations/Sec stands there although it complains; a run that is too short it calls
        // invalid, but its score is one.
        let complains = line.contains("ERROR!") && !line.contains("at least 10 secs");
        ensure!(!complains, "it finds its results wrong: {line}");
    }
    let result = outcome.stdout.lines().find_map(|line| {
        let (label, value) = line.split_once(':')?;
        let score = ["CoreMark 1.0", "Iterations/Sec"].contains(&label.trim());
        score.then(|| value.split_whitespace().next())?
    });
    result
        .and_then(|score| score.parse().ok())
        .with_context(|| {
            format!(
                "expected a line `Iterations/Sec : SCORE`, found {:?}",
                printed()
            )
        })
}

fn print(options: &Options, times: &[Result<Vec<f64>>]) {
    let mut table = Table::new([
        "engine",
        "score, more is better",
        "holdall / it, above 1 is faster",
    ]);
    for (peer, theirs) in PEERS.iter().zip(times) {
        let theirs = theirs.as_ref().ok();
        let ours = times[0].as_ref().ok();
        let ratio = || Some(options.ratio(ours?, theirs?).recip());
        table.row([
            peer.name.to_owned(),
            cell(theirs.map(|theirs| options.pick(theirs).recip()), 1),
            cell(ratio(), 2),
        ]);
    }
    table.print();
    println!(
        "\n{} of {} repetitions, engines by turns; the score is iterations a second",
        options.statistic(),
        options.reps
    );
}
