//! Times calls from Rust to a guest, from a guest to the host, within a module and between two, of
//! what is thrown, and of WASI functions, in nanoseconds a call.

use anyhow::Result;
use holdall::{Engine, Instance, Module, Store};
use holdall_benches::calling::{self, Case, Kind};
use holdall_benches::{Options, Run, calls, engines};
use holdall_wasi::{Access, Files};

const USAGE: &str = "\
usage: cargo bench --bench calls -- [--reps N] [--best] [NAME]...
    NAME        only the calls whose names contain one of these
    --reps N    how often each is measured (default 5)
    --best      count the fastest repetition, not the median";

holdall_benches::guest!(holdall);

fn guest(case: &Case) -> Result<Run> {
    let host_dir = env!("CARGO_MANIFEST_DIR");
    let grants = match case.kind {
        Kind::Plain => return Guest::calls(case.does),
        Kind::Exceptions => return thrower(case.does),
        Kind::Wasi => engines::grants().host_dir(host_dir, calls::DIR, Access::ReadWrite)?,
        Kind::WasiInMemory => {
            let files = Files::new().with("Cargo.toml", "[package]");
            engines::grants().files(files, calls::DIR, Access::ReadWrite)
        }
    };
    engines::wasi(grants, case.does)
}

/// A loop of the guest that throws and catches.
fn thrower(does: &str) -> Result<Run> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(&engine, calls::THROWER.as_bytes())?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<i32, i32>(&mut store, does)?;
    Ok(Box::new(move |count| {
        Ok(run.call(&mut store, count)?.into())
    }))
}

fn main() -> Result<()> {
    let options = Options::from_command_line(USAGE)?;
    calling::compare(&options, &[("holdall", guest)])
}
