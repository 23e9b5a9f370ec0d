//! `holdall run`: links a module with the modules that it needs, and calls its functions.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use holdall::{Engine, Linker, Module, Store};
use holdall_core::bundle::is_builtin;
use holdall_pack::Policy;
use holdall_pack::process::{Output, Plain, Program, Watchdog, check_linked};
use holdall_wasi::Audit;

use super::audit::Recorder;
use super::limits::LimitArgs;
use super::naming::NamingArgs;
use super::native::{CacheArgs, NativeArgs};
use super::proposals::ProposalArgs;
use super::record::RecordArgs;

use super::source::{self, Root, Sources};
use super::wasi::WasiArgs;

/// Link a module with the modules that it needs, and run it or call its functions
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  holdall run app.wasm one --two                 a program with its arguments
  holdall run --dir src::/src::ro --env TERM app.wasm /src
  holdall run --grant logger:dir=logs --module-path lib app.wasm
  holdall run --audit asked.jsonl --dir .::/src app.wasm /src
  holdall run --record bug.rec --with-modules app.wasm one
  holdall run mC --invoke C --invoke call_B --invoke '$mB$B'
  holdall run add.wat --invoke add 2 -3
  holdall run --module-path lib --preload log=quiet.wasm app.wasm
  holdall run --module-path lib --alias wasi_snapshot_preview1=shim app.wasm

Results are printed one call to a line, as value:type (0xc:i32, 0.5:f64), several joined by commas.
Arguments: integers in decimal or 0x, with or without a sign; floats in decimal or hexadecimal
(0x1.8p3), inf, nan, nan:0x200000; funcref null; externref null or a number.

A program (with a function _start) gets its arguments, the standard streams, clocks and randomness,
and nothing else of the host but what --dir and --env give. All that follows a program is its own,
`--` too, so options stand before it; `--` between them and MODULE changes nothing. Options may
follow a module when --invoke comes first of them, and `--` parts them from the function's arguments.

Exit codes: 0, or the program's own; 1 when something could not be loaded, linked or found; 2 for a
wrong command line or a wrong argument; 134 after a trap or an uncaught exception.")]
pub(super) struct Args {
    /// Call this export, or $module$function of a module that MODULE needs, instead of _start; may
    /// be repeated, in order. A module whose name has a $ goes by one without: --alias 'a$b=ab'
    /// --preload ab=PATH
    #[arg(long, value_name = "NAME")]
    invoke: Vec<String>,
    /// Register a module under a name, for imports from that name; may be repeated
    #[arg(long, value_name = "NAME=PATH", value_parser = named_path)]
    preload: Vec<(String, PathBuf)>,
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    naming: NamingArgs,
    /// Tell of each call of the host and of another module on standard error, one to a line
    #[arg(long)]
    trace: bool,
    #[command(flatten)]
    wasi: WasiArgs,
    /// Write what modules ask of the host to FILE, an object of JSON to a line, and print at the
    /// end the least of --dir, --env and --grant that would have let them
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// Write at most so many bytes of the audit, in whole lines, and say how many calls are left out
    #[arg(long, value_name = "SIZE", value_parser = holdall::text::parse_size, default_value = "64MiB", requires = "audit")]
    max_audit: usize,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    proposals: ProposalArgs,
    #[command(flatten)]
    native: NativeArgs,
    #[command(flatten)]
    cache: CacheArgs,
    /// A .wasm or .wat path, or the name of a bundled module
    #[arg(help_heading = "Arguments")]
    module: PathBuf,
    /// The program's arguments, or those of the function that --invoke names
    #[arg(
        allow_hyphen_values = true,
        trailing_var_arg = true,
        help_heading = "Arguments"
    )]
    args: Vec<String>,
}

impl Args {
    /// What the program may reach, and how much it may use.
    fn policy(&self) -> Policy {
        let policy = self.limits.limit(self.wasi.policy());
        self.proposals.restrict(policy)
    }
}

/// A name and the path of a module, from the text `NAME=PATH`.
pub(super) fn named_path(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => Err("expected NAME=PATH".to_owned()),
    }
}

/// Runs a module, which may have been read already. The watchdog limits the time of the run.
pub(super) fn run(
    args: &Args,
    read: Option<anyhow::Result<Root>>,
    watchdog: &Watchdog,
    output: &mut Output,
) -> anyhow::Result<()> {
    check(args);
    watchdog.limit(args.limits.timeout())?;
    let Some(path) = &args.audit else {
        return link_and_call(args, read, watchdog, None, output);
    };
    let recorder = Recorder::create(path, args.max_audit)?;
    let outcome = link_and_call(args, read, watchdog, Some(recorder.audit()), output);
    recorder.finish(&args.wasi, outcome)
}

/// Reads MODULE, which may be a pipe, within the limits of time and memory.
pub(super) fn root(args: &Args, watchdog: &Watchdog) -> anyhow::Result<Root> {
    watchdog.limit(args.limits.timeout())?;
    let config = args.policy().unpooled_config();
    let most_bytes = Engine::new(config).most_held_bytes();
    args.sources.root(&args.module, most_bytes)
}

fn link_and_call(
    args: &Args,
    read: Option<anyhow::Result<Root>>,
    watchdog: &Watchdog,
    audit: Option<Audit>,
    output: &mut Output,
) -> anyhow::Result<()> {
    let policy = args.policy();
    let limits = policy.limits()?;
    // Modules are loaded under the limits of the run, its timeout included.
    let config = policy.config()?.limits(limits.clone());
    let config = args.record.configure(args.native.configure(config)?);
    let engine = Engine::new(args.cache.configure(config)?);
    let mut store = Store::try_new(&engine, ())?;
    store.limits(limits)?;
    let recording = args.record.start(&mut store, output)?;
    let outcome = link_and_call_in(store, args, read, watchdog, audit, &policy, output);
    match recording {
        Some(recording) => recording.finish(outcome),
        None => outcome,
    }
}

/// Links the modules in a store, and calls what is to be called.
fn link_and_call_in(
    mut store: Store<()>,
    args: &Args,
    read: Option<anyhow::Result<Root>>,
    watchdog: &Watchdog,
    audit: Option<Audit>,
    policy: &Policy,
    output: &mut Output,
) -> anyhow::Result<()> {
    let engine = store.engine().clone();
    if args.trace {
        // What standard error does not take is lost.
        store.trace(|event| drop(writeln!(io::stderr().lock(), "{event}")));
    }
    let root = read.unwrap_or_else(|| root(args, watchdog))?;
    args.wasi.check_root("run", &root.name);
    let mut linker = linker(args, policy, audit, &engine, &root)?;
    let root = root.register(&mut linker)?;
    // Guests write to standard output too, and not through the buffer of `output`.
    output.flush()?;
    let mut program = Program::link(store, linker, root, None)?;
    for name in args.wasi.granted() {
        check_linked(program.linker(), name)?;
    }
    program.run(&args.invoke, &args.args, output)
}

/// Ends the process where arguments contradict one another.
fn check(args: &Args) {
    let calls = args.invoke.len();
    if !args.args.is_empty() && calls > 1 {
        let given = args.args.join(" ");
        let message = format!(
            "arguments go to the program, or to the function that one --invoke names, and options \
             stand before them: found the arguments `{given}` and --invoke {calls} times"
        );
        super::wrong_usage("run", message);
    }
}

fn linker(
    args: &Args,
    policy: &Policy,
    audit: Option<Audit>,
    engine: &Engine,
    root: &Root,
) -> anyhow::Result<Linker<()>> {
    let mut linker = Linker::new(engine);
    linker.set_naming(args.naming.naming("run"));
    // With --invoke, the arguments are the function's.
    let program_args = if args.invoke.is_empty() {
        &args.args[..]
    } else {
        &[]
    };
    let mut wasi = policy.wasi(&root.file_name, program_args, &[])?;
    if let Some(audit) = audit {
        wasi = wasi.audit(audit);
    }
    holdall_wasi::add_to_linker(&mut linker, wasi);
    if !args.sources.is_empty() {
        linker.set_reader(args.sources.reader()?);
    }
    for (name, path) in &args.preload {
        let mut register = || {
            let module =
                Module::named(engine, name, source::read(path, engine.most_held_bytes())?)?;
            linker.register(name, &module)?;
            anyhow::Ok(())
        };
        let path = path.to_string_lossy();
        register().with_context(|| {
            let (name, path) = (Plain(name), Plain(&path));
            match is_builtin(name.0) && !name.0.is_empty() {
                true => format!(
                    "cannot preload {name}={path}; say --preload NAME={path} --alias {name}=NAME"
                ),
                false => format!("cannot preload {name}={path}"),
            }
        })?;
    }
    Ok(linker)
}
