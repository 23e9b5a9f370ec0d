//! `holdall pack`: a module with what it needs, as one executable.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use cap_tempfile::TempFile;
use holdall::{ChainReader, Engine, Error, Linker, MemoryReader, Module, Naming, Snapshot, Store};
use holdall_core::bundle::is_builtin;
use holdall_pack::process::{Output, Plain, Program, check_function, check_linked, check_start};
use holdall_pack::{Launch, Packer, Place, Policy};
use holdall_wasi::{Files, Grants, Wasi};

use super::compiling::Compiling;
use super::kept::List;
use super::limits::LimitArgs;
use super::naming::NamingArgs;
use super::native::NativeArgs;
use super::progress::Progress;
use super::proposals::ProposalArgs;
use super::run::named_path;
use super::runtimes::RuntimeArgs;
use super::source::{self, Root, Sources};
use super::wasi::WasiArgs;

/// Pack a module with the modules that it needs into one executable that runs without this command
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  holdall pack app.wasm -o app
  holdall pack app.wasm -o app --module-path lib --module log=quiet.wasm
  holdall pack --dir .::/work::ro --env LANG --timeout 10s app.wasm -o app
  holdall pack python.wasm -o app --embed lib::/lib --argv0 python -- /lib/main.py
  holdall pack mC -o app --invoke call_B
  holdall pack app.wasm -o app --preinit=setup --preinit-allow environ_get
  holdall pack app.wasm -o app --native --cpu x86-64-v3

APP needs no file beside it. Its arguments, after ARGS, the standard streams, clocks and randomness
are MODULE's, and so is what --embed, --dir and --env give; all else of the host stays denied, for
whoever runs it. Directories and variables are those of where it runs. All words that follow APP are
MODULE's, as they are. An APP in a directory of --embed is left out.

APP is a copy of a runtime, to which the modules are added: of the one that --runtime or --target
names, else of the holdall-runtime beside this command, else of this command itself. Standard error
says which, and how large it is. In the sources of holdall,
  cargo build --profile dist --bin holdall-runtime --target x86_64-unknown-linux-musl
makes a small one that needs no library of the system where APP runs.

The modules are checked, lowered and put into APP as they are; what they lack is told now. With
--native their functions are compiled to machine code for the processors of the runtime, which lies in
a part of APP that the system maps to be executed and never to be written: x86-64 and AArch64, Linux.
For other platforms standard error says that modules are interpreted. The same
inputs and the same runtime give the same APP, to the byte. `holdall inspect APP` shows what is in
one, and `holdall unpack APP DIR` gives it back.

Exit codes: 0; 1 when something could not be read, linked or written, and then there is no APP; 2
for a wrong command line; 134 after a trap or an uncaught exception in --preinit. Those of APP are the program's own, 1 when
APP is damaged or what it was granted is not there, and 134 after a trap or an uncaught
exception.")]
pub(super) struct Args {
    /// Write the executable to this file; one that is there is replaced
    #[arg(short, long, value_name = "APP")]
    output: PathBuf,
    /// Call this export, or $module$function of a module that MODULE needs, instead of _start; may be
    /// repeated, in order. A module whose name has a $ goes by one without: --alias 'a$b=ab'
    /// --module ab=PATH
    #[arg(long, value_name = "NAME")]
    pub(super) invoke: Vec<String>,
    /// Give a module its name, for imports from that name; may be repeated
    #[arg(long, value_name = "NAME=PATH", value_parser = named_path)]
    pub(super) module: Vec<(String, PathBuf)>,
    /// Take MODULE for a module of this name, in place of its file's
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Put a directory into APP, with all its files, for MODULE to read under the name GUEST_DIR; may
    /// be repeated
    #[arg(long, value_name = "HOST_DIR::GUEST_DIR", value_parser = embed)]
    pub(super) embed: Vec<(PathBuf, String)>,
    /// Put what LIST names into APP too, as `holdall unpack` writes it: what has names that no file or
    /// no option can have, and the state of --preinit
    #[arg(long, value_name = "LIST")]
    kept: Option<PathBuf>,
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    pub(super) naming: NamingArgs,
    /// Run the modules' initialisation now, and FUNC of MODULE or $module$FUNC after it if one is
    /// named, and let APP begin with the state that this leaves. Calls of the host are refused meanwhile
    #[arg(long, value_name = "FUNC", require_equals = true)]
    preinit: Option<Option<String>>,
    /// Let the initialisation call this function of WASI, such as environ_get; clocks and randomness
    /// are those of --deterministic then; may be repeated
    #[arg(long, value_name = "NAME", requires = "preinit")]
    preinit_allow: Vec<String>,
    #[command(flatten)]
    pub(super) native: NativeArgs,
    /// Let machine code use what processors like CPU have, so that APP runs on no others: x86-64-v2,
    /// x86-64-v3, armv8.1-a, native (those that can do what this one can), or features such as avx2,bmi2;
    /// by default baseline, which is all processors of the platform
    #[arg(long, value_name = "CPU", requires = "native")]
    pub(super) cpu: Option<String>,
    /// Let whoever runs APP record it, as `holdall run --record` does, by naming a file in the variable
    /// HOLDALL_RECORD of its environment: NaNs are canonical then, recorded or not
    #[arg(long, conflicts_with = "preinit")]
    allow_record: bool,
    #[command(flatten)]
    runtime: RuntimeArgs,
    #[command(flatten)]
    wasi: WasiArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    proposals: ProposalArgs,
    /// A .wasm or .wat path, or the name of a bundled module
    #[arg(value_name = "MODULE", help_heading = "Arguments")]
    pub(super) root: PathBuf,
    /// Arguments that stand before those of whoever runs APP
    #[arg(last = true, help_heading = "Arguments")]
    pub(super) args: Vec<String>,
}

/// A directory to embed, from `HOST_DIR::GUEST_DIR`.
fn embed(text: &str) -> Result<(PathBuf, String), String> {
    match text.split_once("::") {
        Some((host, guest)) if !host.is_empty() && !guest.is_empty() && !guest.contains("::") => {
            Ok((host.into(), guest.to_owned()))
        }
        _ => Err("expected HOST_DIR::GUEST_DIR".to_owned()),
    }
}

pub(super) fn run(args: &Args, _: &mut Output) -> anyhow::Result<()> {
    let destination = Destination::open(&args.output)?;
    let policy = args.policy();
    let naming = args.naming.naming("pack");
    let progress = Progress::new();
    let mut chosen = args.runtime.choose()?;
    let compiling = Compiling::new(args, &mut chosen)?;

    progress.tell("reading modules");
    let engine = Engine::new(compiling.configure(policy.unpooled_config()));
    let mut root = args.sources.root(&args.root, source::MAX_FILE_BYTES)?;
    if let Some(name) = &args.name {
        root.name.clone_from(name);
    }
    let mut kept = match &args.kept {
        Some(path) => List::read(path, args.embed.len())?,
        None => List::default(),
    };
    let name = root.name.clone();
    let linker = link(args, &naming, &engine, root, &kept.modules)?;

    let mut packer = Packer::new(&chosen.runtime);
    packer.leave_out(destination.place()?);
    let registry = linker.registry();
    let modules = registry.names().collect::<Vec<_>>();
    for (at, name) in (1..).zip(&modules) {
        let all = modules.len();
        let doing = format!("module {at} of {all}: {}", Plain(name));
        let module = registry.find(name).expect("it has the name");
        compiling.add(&mut packer, name, module, &progress, &doing);
    }
    for (at, (host, guest)) in args.embed.iter().enumerate() {
        let label = host.to_string_lossy();
        progress.tell(format_args!("directory {}", Plain(&label)));
        let dir = Dir::open_ambient_dir(host, ambient_authority());
        let packed = dir.map_err(anyhow::Error::from).and_then(|dir| {
            packer.dir(guest, &dir, kept.take(at))?;
            Ok(())
        });
        packed.with_context(|| format!("cannot embed directory {}", Plain(&label)))?;
    }

    if let Some(state) = &kept.state {
        ensure!(
            !args.allow_record,
            "--kept lists a state, and what begins with a state cannot be recorded: leave out --allow-record"
        );
        ensure!(
            args.preinit.is_none(),
            "--kept lists a state already, in place of which --preinit makes another: leave one out"
        );
        packer.state(state);
    }
    if let Some(function) = &args.preinit {
        progress.tell("initialising");
        let state = initialise(
            args,
            &policy,
            linker,
            &name,
            function.as_deref(),
            &packer.files(),
        );
        packer.state(&state.context("cannot initialise")?);
    }

    progress.tell("writing");
    destination.write(&packer.executable(&Launch {
        root: &name,
        invoke: &args.invoke,
        args: &args.args,
        naming: &naming,
        policy: &policy,
    })?)?;
    drop(progress);
    // What standard error does not take is lost: APP is there.
    let _ = write!(io::stderr(), "{chosen}");
    Ok(())
}

impl Args {
    /// What APP may reach, and how much it may use.
    pub(super) fn policy(&self) -> Policy {
        let mut policy = self.limits.limit(self.wasi.policy());
        policy.allows_record = self.allow_record;
        self.proposals.restrict(policy)
    }
}

/// A linker that has loaded and checked the root module and all that it needs, against the host functions
/// that APP will have.
fn link(
    args: &Args,
    naming: &Naming,
    engine: &Engine,
    root: Root,
    kept: &[(String, Vec<u8>)],
) -> anyhow::Result<Linker<()>> {
    let mut linker = Linker::new(engine);
    linker.set_naming(naming.clone());
    holdall_wasi::add_to_linker(&mut linker, Wasi::new(Grants::new()));
    let mut given = MemoryReader::new();
    let mut taken = HashSet::from([root.name.clone()]);
    let mut give = |name: &str, read: &dyn Fn() -> anyhow::Result<Vec<u8>>| {
        if is_builtin(name) {
            bail!(
                "--module: {name} is the host's to define; say --module NAME=PATH --alias {name}=NAME",
                name = Plain(name)
            );
        }
        if !taken.insert(name.to_owned()) {
            bail!(
                "--module: there are two modules {}; choose another name",
                Plain(name)
            );
        }
        given = std::mem::take(&mut given).with(name, read()?);
        Ok(())
    };
    for (name, path) in &args.module {
        give(name, &|| source::read(path, source::MAX_FILE_BYTES))?;
    }
    for (name, bytes) in kept {
        give(name, &|| Ok(bytes.clone()))?;
    }
    linker.set_reader(ChainReader::new().with(given).with(args.sources.reader()?));
    let store = Store::new(engine, ());
    let name = root.name.clone();
    if is_builtin(&name) {
        bail!(
            "the root cannot be called {}, which is the host's; name it with --name NAME",
            Plain(&name)
        );
    }
    let root = root.register(&mut linker)?;
    linker.complete(&store, &root)?;
    check(args, &linker, &name, &root)?;
    // Modules that an option names are packed, whether another module needs them or not.
    let given = args.module.iter().map(|(name, _)| name);
    for name in given.chain(kept.iter().map(|(name, _)| name)) {
        let module = linker.load(name)?;
        linker.complete(&store, &module)?;
    }
    Ok(linker)
}

/// Checks that the functions to call and the modules with grants are among the modules that will run.
fn check(args: &Args, linker: &Linker<()>, name: &str, root: &Module) -> anyhow::Result<()> {
    if args.invoke.is_empty() {
        check_start(root)?;
    }
    for function in &args.invoke {
        check_function(linker, root, function)?;
    }
    args.wasi.check_root("pack", name);
    for module in args.wasi.granted() {
        check_linked(linker, module)?;
    }
    Ok(())
}

/// The state of the modules after their initialisation. They have the grants that APP will have, and may
/// call only the allowed functions of the host.
fn initialise(
    args: &Args,
    policy: &Policy,
    mut linker: Linker<()>,
    name: &str,
    function: Option<&str>,
    files: &[(&str, Files)],
) -> anyhow::Result<Snapshot> {
    let mut store = Store::try_new(linker.engine(), ())?;
    store.limits(policy.limits()?)?;
    let wasi = policy.wasi(name, &args.args, files)?;
    let wasi = wasi.deterministic(policy.seed.unwrap_or(0));
    holdall_wasi::add_to_linker(&mut linker, wasi.allow_only(&args.preinit_allow)?);
    let root = linker.find(name).expect("it was registered");
    let run = || {
        let mut program = Program::link(store, linker, root, None)?;
        if let Some(function) = function {
            program.initialise(function)?;
        }
        program.state()
    };
    run().map_err(|error: anyhow::Error| {
        let denied = error.downcast_ref::<Error>().and_then(Error::denied);
        match denied.map(|denied| &denied.function) {
            Some(function) => anyhow!("{error:#}; allow it with --preinit-allow {function}"),
            None => error,
        }
    })
}

/// Where APP will be: a name in a directory that was found to be writable.
struct Destination<'a> {
    path: &'a Path,
    dir: Dir,
}

impl<'a> Destination<'a> {
    /// Checks the path before the work begins.
    fn open(path: &'a Path) -> anyhow::Result<Self> {
        let label = path.to_string_lossy();
        let context = || format!("cannot write {}", Plain(&label));
        if let Ok(there) = std::fs::metadata(path)
            && !there.is_file()
        {
            return Err(anyhow!("there is something of that name that is no file"))
                .with_context(context);
        }
        if path.file_name().is_none() {
            return Err(anyhow!("expected the name of a file")).with_context(context);
        }
        let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
        let dir = Dir::open_ambient_dir(parent.unwrap_or(Path::new(".")), ambient_authority());
        let dir = dir.with_context(context)?;
        // A file is made there, and removed at once.
        TempFile::new(&dir).with_context(context)?;
        Ok(Self { path, dir })
    }

    /// The place of APP in the file system, whatever the path looks like.
    fn place(&self) -> anyhow::Result<Place> {
        let name = self.path.file_name().expect("it was looked at");
        let label = self.path.to_string_lossy();
        Place::new(&self.dir, name).with_context(|| format!("cannot write {}", Plain(&label)))
    }

    /// Writes the whole file, or leaves nothing behind.
    fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let write = || {
            let mut file = TempFile::new(&self.dir)?;
            file.write_all(bytes)?;
            make_executable(file.as_file())?;
            file.replace(self.path.file_name().expect("it was looked at"))
        };
        let label = self.path.to_string_lossy();
        write().with_context(|| format!("cannot write {}", Plain(&label)))
    }
}

/// Makes a file executable for everybody who may read it.
fn make_executable(file: &cap_std::fs::File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use cap_std::fs::PermissionsExt;
        let mut permissions = file.metadata()?.permissions();
        let mode = permissions.mode();
        permissions.set_mode(mode | (mode & 0o444) >> 2);
        file.set_permissions(permissions)?;
    }
    let _ = file;
    Ok(())
}
