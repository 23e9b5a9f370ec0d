//! The same modules in holdall, in holdall that meters, natively (feature `native`), and in wasmi: equal results,
//! traps, memories, globals, tables and calls of the host.
//!
//! `HOLDALL_SEEDS=100000` runs that many seeds of each generator instead of the usual number.
//! `HOLDALL_SEED=17` runs that one seed and prints its modules as text.

#![allow(unreachable_pub, reason = "no part of a test is reached from outside")]

mod case;
#[path = "../support/ops.rs"]
mod ops;
mod ours;
mod program;
use holdall_dev::rng;
mod smith;
mod theirs;

use case::Case;

#[test]
fn wasm_smith_modules_run_as_in_wasmi() {
    agree("wasm_smith", seeds(2500, 6000), |seed| {
        let fuel = 2000;
        Some(Case {
            bytes: smith::module(seed, fuel)?,
            seed,
            fuel: fuel as i32,
            rounds: 2,
        })
    });
}

#[test]
fn programs_run_as_in_wasmi() {
    agree("programs", seeds(1500, 6000), |seed| {
        Some(Case {
            bytes: program::program(seed),
            seed,
            fuel: 100,
            rounds: 2,
        })
    });
}

/// How many seeds to run, in a debug build and in one that optimises.
fn seeds(debug: u64, optimised: u64) -> u64 {
    let usual = if cfg!(debug_assertions) {
        debug
    } else {
        optimised
    };
    number("HOLDALL_SEEDS").unwrap_or(usual)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(error) => panic!("{variable}={text}: {error}"),
    }
}

/// What came of the cases of a generator.
#[derive(Default)]
struct Tally {
    modules: usize,
    calls: usize,
    /// Modules that wasmi 2 panics on.
    panics: usize,
    /// Modules where wasmi 2 differs from holdall and from wasmi 1, which agree.
    overruled: usize,
}

fn agree(generator: &str, seeds: u64, case: impl Fn(u64) -> Option<Case>) {
    let only = number("HOLDALL_SEED");
    let range = only.map_or(0..seeds, |seed| seed..seed + 1);
    let mut tally = Tally::default();
    for seed in range {
        let Some(case) = case(seed) else {
            continue;
        };
        if only.is_some() {
            let text = wasmprinter::print_bytes(&case.bytes);
            println!("{}", text.unwrap_or_else(|error| error.to_string()));
        }
        if let Err(difference) = compare(&case, &mut tally) {
            panic!(
                "{generator}, seed {seed}: {difference}\n\
                 HOLDALL_SEED={seed} cargo test --test differential {generator} -- --nocapture"
            );
        }
    }
    let Tally {
        modules,
        calls,
        panics,
        overruled,
    } = tally;
    println!(
        "{generator}: {modules} modules and {calls} calls agree; of them wasmi 2 panics on {panics} \
         and is overruled on {overruled}"
    );
    assert!(
        modules > 10 * (panics + overruled),
        "wasmi 2 is hardly an oracle"
    );
}

fn compare(case: &Case, tally: &mut Tally) -> Result<(), String> {
    let mut ways = ours::ways(case.seed).into_iter().map(|(way, config)| {
        let seen = ours::run(case, config);
        (
            way,
            seen.map_err(|error| format!("holdall, {way}: {error}")),
        )
    });
    let ours = ways.next().expect("there is a plain way").1?;
    for (way, seen) in ways {
        case::compare(&ours, &seen?).map_err(|difference| format!("{way}: {difference}"))?;
    }
    let difference = match theirs::wasmi_2::run(case) {
        Some(theirs) => {
            let theirs = theirs.map_err(|error| format!("wasmi 2: {error}"))?;
            case::compare(&ours, &theirs)
        }
        None => {
            tally.panics += 1;
            Err("wasmi 2 panics".to_owned())
        }
    };
    let calls = match difference {
        Ok(calls) => calls,
        Err(difference) => {
            let umpire = theirs::wasmi_1::run(case).ok_or("wasmi 1 panics")??;
            let calls = case::compare(&ours, &umpire)
                .map_err(|umpires| format!("{difference}\nand from wasmi 1: {umpires}"))?;
            tally.overruled += usize::from(difference != "wasmi 2 panics");
            calls
        }
    };
    tally.modules += 1;
    tally.calls += calls;
    Ok(())
}
