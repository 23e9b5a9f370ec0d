//! `holdall run`: links a module with what it needs, and calls its functions.

use std::path::PathBuf;

use anyhow::Context;
use holdall::{Config, Engine, Limits, Linker, Module, Store};

use super::output::{Output, Plain};
use super::program::Program;
use super::size;
use super::source::{self, Sources};

/// Link a module with the modules that it needs, and call its functions
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  holdall run mC --invoke C --invoke call_B --invoke '$mB$B'
  holdall run add.wat --invoke add 2 -3
  holdall run app.wasm --module-path lib --preload log=quiet.wasm

Results are printed one call to a line, as value:type (0xc:i32, 0.5:f64), several joined by commas.
Arguments: integers in decimal or 0x, with or without a sign; floats in decimal or hexadecimal
(0x1.8p3), inf, nan, nan:0x200000; funcref null; externref null or a number.

Exit codes: 0; 1 when something could not be loaded, linked or found; 2 for a wrong command line or
a wrong argument; 134 after a trap.")]
pub(super) struct Args {
    /// Call this export, or $module$function of a module that MODULE needs, instead of _start; may
    /// be repeated, in order
    #[arg(long, value_name = "NAME")]
    invoke: Vec<String>,
    /// Register a module under a name, for imports from that name; may be repeated
    #[arg(long, value_name = "NAME=PATH", value_parser = preload)]
    preload: Vec<(String, PathBuf)>,
    #[command(flatten)]
    sources: Sources,
    /// Bytes of the guests' stack: 65536, 64KiB, 10MiB, 1GiB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    stack_size: Option<usize>,
    /// Bytes of all linear memories together at most: 65536, 64KiB, 10MiB, 1GiB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_memory: Option<usize>,
    /// A .wasm or .wat path, or the name of a bundled module
    module: PathBuf,
    /// The arguments of the function that --invoke names
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    args: Vec<String>,
}

/// A registration, from `NAME=PATH`.
fn preload(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => Err("expected NAME=PATH".to_owned()),
    }
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<()> {
    check(args);
    let engine = Engine::new(config(args));
    let mut store = Store::try_new(&engine, ())?;
    store.limits(limits(args))?;
    let linker = linker(args, &engine)?;
    let mut program = Program::link(store, linker, args.sources.root(&args.module)?)?;
    if args.invoke.is_empty() {
        return program.start();
    }
    // A name that is wrong is told before anything runs.
    let calls = args.invoke.iter().map(|name| program.look_up(name));
    let calls = calls.collect::<anyhow::Result<Vec<_>>>()?;
    for func in calls {
        program.call(func, &args.args, output)?;
    }
    Ok(())
}

/// Ends the process where the arguments do not fit together.
fn check(args: &Args) {
    let calls = args.invoke.len();
    if !args.args.is_empty() && calls != 1 {
        let given = args.args.join(" ");
        let message = format!(
            "arguments go to the function that one --invoke names, and options stand before them: \
             found the arguments `{given}` and --invoke {calls} times"
        );
        super::wrong_usage("run", message);
    }
}

fn config(args: &Args) -> Config {
    match args.stack_size {
        Some(size_bytes) => Config::new().stack_size_bytes(size_bytes),
        None => Config::new(),
    }
}

fn limits(args: &Args) -> Limits {
    match args.max_memory {
        Some(size_bytes) => Limits::new().memory_bytes(size_bytes),
        None => Limits::new(),
    }
}

fn linker(args: &Args, engine: &Engine) -> anyhow::Result<Linker<()>> {
    let mut linker = Linker::new(engine);
    if !args.sources.is_empty() {
        linker.set_reader(args.sources.reader()?);
    }
    for (name, path) in &args.preload {
        let mut register = || {
            let module = Module::named(engine, name, source::read(path)?)?;
            linker.register(name, &module)?;
            anyhow::Ok(())
        };
        let path = path.to_string_lossy();
        register().with_context(|| format!("cannot preload {}={}", Plain(name), Plain(&path)))?;
    }
    Ok(linker)
}
