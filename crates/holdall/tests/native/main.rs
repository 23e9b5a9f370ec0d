//! Native code does what interpreted code does: results, traps with their texts and backtraces, exceptions,
//! fuel, limits. Each scenario runs interpreted, native, and with functions of both kinds by chance, and has to
//! tell the same.

#[cfg(unix)]
mod cache;
mod catching;
mod contents;
mod ending;
mod exceptions;
mod hostile;
mod instances;
mod joined;
mod landings;
mod limits;
mod nests;
mod numbers;
mod places;
mod plans;
mod tail_calls;
mod through;
mod traps;

use std::fmt::Write as _;

use holdall::{Config, Engine, Instance, Linker, Module, Store, Val};

/// How many mixtures of native and interpreted functions each scenario runs with.
const MIXTURES: u64 = 12;

/// The configurations that have to tell the same, the interpreter's first.
fn configs(config: &Config) -> Vec<(String, Config)> {
    let native = config.clone().native(true);
    let mixed = (0..MIXTURES).map(|seed| {
        let mut mixed = native.clone();
        mixed.native_seed = Some(seed.wrapping_mul(0x1234_5678_9abc_def1));
        (format!("mixture {seed}"), mixed)
    });
    let whole = [
        ("interpreted".to_owned(), config.clone()),
        ("native".to_owned(), native.clone()),
    ];
    whole.into_iter().chain(mixed).collect()
}

/// Runs a scenario in all configurations, and checks that it tells the same in all.
fn same(config: &Config, scenario: impl Fn(&Engine, &mut String)) -> String {
    let story = |config: &Config| {
        let mut told = String::new();
        scenario(&Engine::new(config.clone()), &mut told);
        told
    };
    let mut expected = story(config);
    for (name, other) in configs(config).into_iter().skip(1) {
        let mut told = story(&other);
        // On a busy machine, names and offsets may not be found in the time that is given for that.
        for _ in 0..MOST_REPETITIONS {
            if told == expected || without_frames(&told) != without_frames(&expected) {
                break;
            }
            (expected, told) = (story(config), story(&other));
        }
        if told != expected {
            let lines = expected.lines().zip(told.lines());
            let differing = lines.enumerate().find(|(_, (a, b))| a != b);
            panic!("{name} tells another story: {differing:?}\n{expected}\n\n{told}");
        }
    }
    expected
}

/// How often a scenario is repeated of which only the frames of backtraces differ.
const MOST_REPETITIONS: usize = 10;

/// A story without what it tells of frames, each of which has a line.
fn without_frames(told: &str) -> Vec<&str> {
    let frame = |line: &str| line.starts_with("  ") && line.contains(": ");
    told.lines()
        .map(|line| if frame(line) { "frame" } else { line })
        .collect()
}

/// Calls an exported function, and tells what came of the call.
fn tell<T>(
    store: &mut Store<T>,
    instance: Instance,
    name: &str,
    params: &[Val],
    told: &mut String,
) {
    let func = instance.get_func(&mut *store, name).expect(name);
    let ty = func.ty(&*store);
    let mut results: Vec<Val> = ty.results().iter().map(|ty| Val::default_of(*ty)).collect();
    let _ = match func.call(&mut *store, params, &mut results) {
        Ok(()) => writeln!(told, "{name}: {results:?}"),
        Err(error) => writeln!(told, "{name}: {error}"),
    };
}

/// One module without imports, each of whose exports without parameters is called.
fn same_of_module(text: &str) -> String {
    same(&Config::new(), |engine, told| {
        let module = Module::named(engine, "m", text).unwrap();
        let mut store = Store::new(engine, ());
        let instance = Linker::new(engine)
            .instantiate(&mut store, &module)
            .unwrap();
        let names: Vec<String> = module
            .exports()
            .map(|export| export.name.to_owned())
            .collect();
        for name in names {
            tell(&mut store, instance, &name, &[], told);
        }
    })
}

#[test]
fn what_can_be_compiled_is_compiled() {
    let engine = Engine::new(Config::new().native(true));
    let module = Module::new(
        &engine,
        "(module (func) (func (param i32) (result i32) local.get 0))",
    );
    let (functions, bytes) = module.unwrap().native_size();
    let runs_here = cfg!(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    ));
    assert_eq!((functions == 2, bytes > 0), (runs_here, runs_here));
}
