//! Modules of wasm-smith, interpreted and native, and with functions of both kinds by chance: equal results,
//! traps, exceptions, texts, backtraces, memories, globals, tables, calls of the host, and fuel.

use std::path::Path;
use std::process::ExitCode;

use holdall::Config;
use holdall_dev::smith::{self, seen};
use holdall_fuzz::Target;
use holdall_fuzz::rng::Rng;

struct Native;

/// How many times a seed is asked for a module before the case is an empty one.
const TRIES: usize = 20;
/// How many bytes a case has before its module: the way, and the fuel.
const HEAD_BYTES: usize = 16;

impl Target for Native {
    const NAME: &'static str = "native";

    fn case(rng: &mut Rng) -> Vec<u8> {
        let way = rng.next_u64();
        let fuel = if rng.chance(50) {
            rng.below(5_000) as u64
        } else {
            u64::MAX
        };
        let module = (0..TRIES).find_map(|_| smith::module(rng.next_u64()));
        let head = [way.to_le_bytes(), fuel.to_le_bytes()].concat();
        [head, module.unwrap_or_default()].concat()
    }

    fn run(case: &[u8], _: &Path) -> Result<(), String> {
        let (head, module) = case.split_at_checked(HEAD_BYTES).ok_or("no head")?;
        if module.is_empty() {
            return Ok(());
        }
        let [way, fuel] = [0, 8].map(|at| u64::from_le_bytes(*head[at..].first_chunk().unwrap()));
        let run = |config: &Config| {
            smith::run(module, config, fuel).map_err(|error| format!("{error:#}"))
        };
        let config = smith::config(way);
        let Some(expected) = run(&config)? else {
            return Ok(());
        };
        let native = config.native(true);
        let mut mixed = native.clone();
        mixed.native_seed = Some(way);
        // What every processor has, half of the time.
        mixed.native_features *= way >> 4 & 1;
        for (name, config) in [("native", &native), ("mixed", &mixed)] {
            let found = run(config)?.ok_or("nothing for the imports")?;
            seen::compare_details(&expected, &found).map_err(|error| {
                format!("{name} (theirs) is not as interpreted (ours): {error}")
            })?;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    holdall_fuzz::main::<Native>()
}
