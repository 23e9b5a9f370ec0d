//! Exceptions, where the specification's scripts do not look: the legacy form, hosts between guests, what is
//! kept in memory, and hostile modules.

mod hostile;
mod hosts;
mod legacy;
mod memory;

use std::time::Duration;

use holdall::{Config, Engine, Error, Limits, Linker, Lowering, Module, Store};

/// Engines that lower to different code.
fn configs() -> [(&'static str, Config); 3] {
    let limits = Limits::new()
        .fuel(1 << 40)
        .timeout(Duration::from_secs(3600));
    [
        ("near", Config::new().lowering(Lowering::Eager)),
        ("metered", Config::new().metering(true).limits(limits)),
        ("wide", Config::new().near_operands(1)),
    ]
}

/// What a call ends with.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Gives(i32),
    Throws(String),
    Traps(String),
}

/// Calls exported functions of type `i32 -> i32` in each engine.
#[track_caller]
fn check(text: &str, calls: &[(&str, i32, End)]) {
    for (name, config) in configs() {
        let engine = Engine::new(config);
        let mut store = Store::new(&engine, ());
        let module = Module::new(&engine, text).unwrap_or_else(|error| panic!("{error}"));
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap();
        for (func, argument, expected) in calls {
            let func_ = instance
                .get_typed_func::<i32, i32>(&mut store, func)
                .unwrap();
            let found = end(func_.call(&mut store, *argument));
            assert_eq!(found, *expected, "{func}({argument}), {name}");
        }
    }
}

fn end(result: Result<i32, Error>) -> End {
    let error = match result {
        Ok(value) => return End::Gives(value),
        Err(error) => error,
    };
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default().to_owned();
    match error.exception() {
        Some(_) => End::Throws(line.replace("uncaught exception ", "")),
        None => End::Traps(line),
    }
}

fn gives(value: i32) -> End {
    End::Gives(value)
}

fn throws(text: &str) -> End {
    End::Throws(text.to_owned())
}

fn traps(text: &str) -> End {
    End::Traps(text.to_owned())
}
