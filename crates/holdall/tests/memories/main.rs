//! Memories and tables beyond the first with 32-bit indices: many of them, 64-bit addresses, pages of one
//! byte, atomics; and 128-bit arithmetic. The specification's scripts have the usual cases; here are hosts,
//! limits, edges and numbers that wrap.

#![allow(unreachable_pub, reason = "no part of a test is reached from outside")]

mod atomics;
mod edges;
mod limits;
mod pages;
mod wide;

use holdall::{Config, Engine, Instance, Limits, Lowering, Module, Result, Store, TrapCode, Val};

/// Engines that lower and execute each in their own way.
fn engines() -> [Engine; 4] {
    let fuel = Limits::new().fuel(1 << 40);
    [
        Config::new().lowering(Lowering::Lazy),
        Config::new().lowering(Lowering::Eager),
        Config::new().metering(true).limits(fuel),
        Config::new().near_operands(1),
    ]
    .map(Engine::new)
}

/// An instance of a module without imports, in a store of the engine.
fn instance(engine: &Engine, text: &str) -> Result<(Store<()>, Instance)> {
    let module = Module::new(engine, text.as_bytes().to_vec())?;
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    Ok((store, instance))
}

/// Calls an export.
fn call(store: &mut Store<()>, instance: Instance, name: &str, args: &[Val]) -> Result<Vec<Val>> {
    let func = instance.get_func(&*store, name).expect("it is exported");
    let mut results = vec![Val::I32(0); func.ty(&*store).results().len()];
    func.call(store, args, &mut results)?;
    Ok(results)
}

/// A call of an export, and its results or its trap.
type Case = (&'static str, Vec<Val>, Result<Vec<Val>, TrapCode>);

/// Makes the calls one after the other, in an instance of the module in every engine.
fn check(text: &str, cases: &[Case]) {
    for engine in engines() {
        let (mut store, instance) = instance(&engine, text).expect("a valid module");
        for (name, args, expected) in cases {
            let found = call(&mut store, instance, name, args)
                .map_err(|error| error.trap().unwrap_or_else(|| panic!("{error}")).code());
            assert_eq!(&found, expected, "{name} {args:?}");
        }
    }
}

/// The results of a call that succeeds.
fn gives<const N: usize>(name: &'static str, args: [Val; N], result: impl Into<Val>) -> Case {
    (name, args.into(), Ok(vec![result.into()]))
}

/// A call without results that succeeds.
fn does<const N: usize>(name: &'static str, args: [Val; N]) -> Case {
    (name, args.into(), Ok(vec![]))
}

/// A call that traps.
fn traps<const N: usize>(name: &'static str, args: [Val; N], code: TrapCode) -> Case {
    (name, args.into(), Err(code))
}
