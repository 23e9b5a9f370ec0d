//! The same modules in holdall and in wasmi: equal results, traps, memories, globals, tables and
//! calls of the host.
//!
//! `HOLDALL_SEEDS=100000` runs that many seeds of each generator instead of the usual number.
//! `HOLDALL_SEED=17` runs that one seed and prints its modules as text.

#![allow(unreachable_pub, reason = "no part of a test is reached from outside")]

mod case;
mod ours;
mod program;
mod smith;
mod theirs;
#[path = "../support/ops.rs"]
mod ops;
#[path = "../support/rng.rs"]
mod rng;

use case::Case;

#[test]
fn wasm_smith_modules_run_as_in_wasmi() {
    agree("wasm_smith", seeds(900, 6000), |seed| {
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
    agree("programs", seeds(900, 6000), |seed| {
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
    let usual = if cfg!(debug_assertions) { debug } else { optimised };
    number("HOLDALL_SEEDS").unwrap_or(usual)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(error) => panic!("{variable}={text}: {error}"),
    }
}

fn agree(generator: &str, seeds: u64, case: impl Fn(u64) -> Option<Case>) {
    let only = number("HOLDALL_SEED");
    let range = only.map_or(0..seeds, |seed| seed..seed + 1);
    let (mut modules, mut calls, mut panics) = (0, 0, 0);
    for seed in range {
        let Some(case) = case(seed) else {
            continue;
        };
        if only.is_some() {
            let text = wasmprinter::print_bytes(&case.bytes);
            println!("{}", text.unwrap_or_else(|error| error.to_string()));
        }
        match compare(&case) {
            Ok(Some(compared)) => (modules, calls) = (modules + 1, calls + compared),
            Ok(None) => panics += 1,
            Err(difference) => panic!(
                "{generator}, seed {seed}: {difference}\n\
                 HOLDALL_SEED={seed} cargo test --test differential {generator} -- --nocapture"
            ),
        }
    }
    println!("{generator}: {modules} modules and {calls} calls agree; wasmi panics on {panics}");
    assert!(only.is_some() || modules > 10 * panics, "hardly a seed made a module");
}

/// How many calls were compared; `None` where wasmi cannot run the module.
fn compare(case: &Case) -> Result<Option<usize>, String> {
    let ours = ours::run(case).map_err(|error| format!("holdall: {error}"))?;
    let Some(theirs) = theirs::run(case) else {
        return Ok(None);
    };
    let theirs = theirs.map_err(|error| format!("wasmi: {error}"))?;
    case::compare(&ours, &theirs).map(Some)
}
