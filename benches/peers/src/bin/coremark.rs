//! Times CoreMark, which times itself, in holdall and, by turns, in wasmi and as wasmtime's
//! interpreter Pulley and its compiler Cranelift run it.

#[path = "../child.rs"]
mod child;

use anyhow::{Context, Result, bail, ensure};
use holdall_benches::{Options, Syntax, Table, by_turns, cell, clipped, fails, report};
use holdall_peers_engine::{Clock, Outcome, read_outcome, tasks};
use wasmparser::{CompositeInnerType, Parser, Payload, TypeRef, ValType};

const USAGE: &str = "\
usage: cargo run --release --manifest-path benches/peers/Cargo.toml --bin coremark -- [--reps N] [--best] PATH [ARG]...
    PATH      CoreMark, a .wasm file: a WASI command that prints its result, or a module that imports
              env.clock_ms, () -> i32 or i64, and exports run, () -> f32
    ARG       the command's arguments
    --reps N  how often it is run in each engine (default 5); each time takes some 10 to 20 seconds
    --best    count the highest score, not the median";

/// An engine: its name, its program, and its way.
type Peer = (&'static str, &'static str, &'static str);

const PEERS: [Peer; 5] = [
    ("holdall", "holdall", ""),
    ("native", "holdall", "native"),
    ("wasmi", "wasmi", ""),
    ("Pulley", "wasmtime", "Pulley"),
    ("Cranelift", "wasmtime", "Cranelift"),
];

/// What CoreMark wants of its host.
#[derive(Clone, Copy)]
enum Kind {
    Command,
    Freestanding(Clock),
}

fn main() -> Result<()> {
    let options = Options::read(&Syntax {
        usage: USAGE,
        command: true,
        ..Syntax::default()
    })?;
    let Some((path, args)) = options.words.split_first() else {
        bail!("no CoreMark is named\n{USAGE}");
    };
    let wasm = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
    let kind = kind(&wasm).with_context(|| format!("{path} is no CoreMark"))?;
    let times = by_turns(options.reps, PEERS.len(), |peer| {
        let (name, engine, way) = PEERS[peer];
        let score: f64 = match kind {
            Kind::Command => {
                let args = args.iter().map(String::as_str);
                let words: Vec<_> = [tasks::PROGRAM, way, path, "0", "coremark"]
                    .into_iter()
                    .chain(args)
                    .collect();
                score(&read_outcome(&child::answer(engine, &words)?)?)?
            }
            Kind::Freestanding(clock) => {
                let answer = child::answer(engine, &[tasks::SCORE, way, path, clock.name()])?;
                String::from_utf8(answer)?.trim().parse()?
            }
        };
        ensure!(
            score > 0.0,
            "it finds something wrong with its results, and no score"
        );
        eprintln!("{name}: {score:.1}");
        // Seconds an iteration: of them the least counts, as of other times.
        Ok(score.recip())
    });
    eprintln!("{}", report(&PEERS.map(|(name, ..)| name), &times));
    print(&options, &times);
    ensure!(!fails(&times), "holdall has no score");
    Ok(())
}

/// Which kind of CoreMark a module is.
fn kind(wasm: &[u8]) -> Result<Kind> {
    let (mut types, mut imports) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(section) => {
                for group in section {
                    types.extend(group?.into_types());
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imports.push(import?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    if export?.name == "_start" {
                        return Ok(Kind::Command);
                    }
                }
            }
            _ => {}
        }
    }
    let [import] = imports.as_slice() else {
        bail!("expected an export _start, or env.clock_ms as the only import");
    };
    let results = match import.ty {
        TypeRef::Func(index) => match &types[index as usize].composite_type.inner {
            CompositeInnerType::Func(ty) => ty.results(),
            _ => &[],
        },
        _ => &[],
    };
    match (import.module, import.name, results) {
        ("env", "clock_ms", [ValType::I32]) => Ok(Kind::Freestanding(Clock::I32)),
        ("env", "clock_ms", [ValType::I64]) => Ok(Kind::Freestanding(Clock::I64)),
        (module, name, _) => bail!(
            "expected the import env.clock_ms to be of type () -> i32 or () -> i64, found {module}.{name} of another"
        ),
    }
}

/// The score that the command has printed: iterations a second.
fn score(outcome: &Outcome) -> Result<f64> {
    let [stdout, stderr] =
        [&outcome.stdout, &outcome.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let printed = || clipped(&format!("{stdout}{stderr}"), 1000);
    for line in stdout.lines() {
        // Iterations/Sec stands there although it complains; a run that is too short it calls
        // invalid, but its score is one.
        let complains = line.contains("ERROR!") && !line.contains("at least 10 secs");
        ensure!(!complains, "it finds its results wrong: {line}");
    }
    let result = stdout.lines().find_map(|line| {
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
    for ((name, ..), theirs) in PEERS.iter().zip(times) {
        let theirs = theirs.as_ref().ok();
        let ours = times[0].as_ref().ok();
        let ratio = || Some(options.ratio(ours?, theirs?).recip());
        table.row([
            (*name).to_owned(),
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
