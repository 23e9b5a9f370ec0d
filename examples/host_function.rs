//! Functions of the host: closures that a guest imports, with data of the program's own behind
//! them, and a guest's memory read by one of them.
//!
//! ```text
//! cargo run --example host_function
//! ```

use std::error::Error;
use std::io::{self, Write};

use anyhow::Context;
use holdall::{Caller, Engine, Extern, Linker, Module, Store};

const GUEST: &str = r#"
    (module $greeter
        (import "host" "say" (func $say (param i32 i32)))
        (import "host" "next" (func $next (result i64)))
        (memory (export "memory") 1)
        (data (i32.const 16) "hello from the guest")
        (func (export "greet") (result i64)
            (call $say (i32.const 16) (i32.const 20))
            (i64.add (call $next) (call $next)))
        (func (export "overreach")
            (call $say (i32.const 65530) (i32.const 100))))
"#;

/// What the host functions share with the program; each store has its own.
#[derive(Default)]
struct State {
    said: Vec<String>,
    count: u64,
}

#[cfg_attr(
    test,
    allow(dead_code, reason = "a test takes this file as a module, for `run`")
)]
fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout().lock())
}

/// The whole program; its lines go to `out`.
pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let engine = Engine::default();
    let mut linker = Linker::<State>::new(&engine);

    // Parameters and results are Rust values: the closure's type is the function's.
    linker.func_wrap("host", "next", |mut caller: Caller<'_, State>| {
        let state = caller.data_mut();
        state.count += 1;
        state.count
    })?;
    // A host function that fails ends the guest's execution with its error.
    linker.func_wrap("host", "say", say)?;

    let module = Module::new(&engine, GUEST)?;
    let mut store = Store::new(&engine, State::default());
    let instance = linker.instantiate(&mut store, &module)?;

    let greet = instance.get_typed_func::<(), u64>(&mut store, "greet")?;
    writeln!(out, "greet: {}", greet.call(&mut store, ())?)?;
    writeln!(out, "said: {}", store.data().said.join(", "))?;

    let overreach = instance.get_typed_func::<(), ()>(&mut store, "overreach")?;
    if let Err(error) = overreach.call(&mut store, ()) {
        writeln!(out, "overreach: {error}")?;
    }
    Ok(())
}

/// Takes a text from the memory of the guest that calls, which may be any module of the graph.
fn say(mut caller: Caller<'_, State>, address: u32, length: u32) -> anyhow::Result<()> {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let memory = memory.context("the caller exports no memory")?;
    let rest = memory.data(&caller).get(address as usize..);
    let bytes = rest.and_then(|rest| rest.get(..length as usize));
    let bytes = bytes.context("the text lies outside the memory")?;
    let text = std::str::from_utf8(bytes)?.to_owned();
    caller.data_mut().said.push(text);
    Ok(())
}
