//! Who gets what: the grants of each module of a graph, and the functions that carry them.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::abi::{Call, Function, MODULES};
use super::audit::Audit;
use super::audit::watch::{self, Watch};
use super::clocks::Time;
use super::context::{Context, State};
use super::fault::Errno;
use super::grants::{Grants, World};
use super::intercept::Intercept;
use super::memory::Memory;
use holdall::Linker;
use holdall::provide::Signature;
use holdall::provide::{Importer, Provider, Provision};
use holdall::provide::{SlotCaller, SlotFunc};
use holdall::provide::{did_you_mean, nearest};
use holdall::{Error, HostCallDenied, Result};
use holdall::{FuncType, MemoryType};
use holdall::{Trap, TrapCode};

/// What the modules of a graph may reach through WASI.
///
/// The module that is instantiated, the root, gets the grants that [`Wasi::new`] takes. A module
/// that it needs gets what [`Wasi::grant`] gives it by its name, else nothing: its calls are
/// answered as if nothing was there.
///
/// ```
/// use holdall::{Engine, Linker, Module, Store};
/// use holdall_wasi::{Grants, Output, Wasi};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, br#"(module
///     (import "wasi_snapshot_preview1" "fd_write"
///         (func $write (param i32 i32 i32 i32) (result i32)))
///     (memory (export "memory") 1)
///     (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
///     (func (export "_start") (drop (call $write
///         (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#.as_slice())?;
///
/// let (capture, stdout) = Output::capture();
/// let mut linker = Linker::new(&engine);
/// holdall_wasi::add_to_linker(&mut linker, Wasi::new(Grants::new().stdout(stdout)));
/// let mut store = Store::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &module)?;
/// instance.get_typed_func::<(), ()>(&store, "_start")?.call(&mut store, ())?;
/// assert_eq!(capture.text(), "hello\n");
/// # Ok::<(), holdall::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Wasi {
    root: Grants,
    modules: HashMap<String, Grants>,
    shares: bool,
    seed: Option<u64>,
    /// The time of a deterministic graph; each graph has its own where there is none.
    time: Option<Time>,
    audit: Option<Audit>,
    intercept: Option<Arc<dyn Intercept>>,
    /// The functions that may be called, where not all may.
    allowed: Option<BTreeSet<String>>,
}

impl Wasi {
    /// The root gets these grants, and the modules that it needs none.
    pub fn new(root: Grants) -> Self {
        Self {
            root,
            ..Self::default()
        }
    }

    /// Gives the module of this name its own grants, whether it is the root or not.
    pub fn grant(mut self, module: impl Into<String>, grants: Grants) -> Self {
        self.modules.insert(module.into(), grants);
        self
    }

    /// Lets every module that has no grants of its own share the root's context: the same
    /// descriptors, arguments and clocks. For programs that were split into modules.
    pub fn share(mut self) -> Self {
        self.shares = true;
        self
    }

    /// Makes all that modules get to see the same in every run, on every machine: clocks are
    /// virtual, start in the year 2000, and advance when they are read and when somebody waits;
    /// randomness is of this seed; directories are listed in the order of their names; numbers and
    /// times of files are fixed. What programs read from files and streams is theirs to keep the
    /// same; [`Config::canonical_nans`](holdall::Config::canonical_nans) does it for floats.
    pub fn deterministic(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Gives a [deterministic](Self::deterministic) graph this time, which the embedder can move. Graphs
    /// that are instantiated after one another go on in it; without this, each begins at the start.
    pub fn time(mut self, time: Time) -> Self {
        self.time = Some(time);
        self
    }

    /// Lets only the functions of these names be called, such as `fd_write`. To call another one ends
    /// the guest with [`HostCallDenied`], whatever it was granted. Modules may import all of them.
    ///
    /// For initialisations whose outcome is [captured](holdall::Linker::snapshot): what they ask of
    /// the host is part of it for ever.
    ///
    /// # Errors
    ///
    /// When WASI has no function of a name.
    pub fn allow_only(
        mut self,
        functions: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self> {
        let functions: BTreeSet<String> = functions.into_iter().map(Into::into).collect();
        functions.iter().try_for_each(|name| check_function(name))?;
        self.allowed = Some(functions);
        Ok(self)
    }

    /// Records what modules ask of the host. They notice nothing of it.
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audit = Some(audit);
        self
    }

    /// Has this decide what becomes of each call: whether it goes on, fails, or moves fewer bytes than
    /// it could. For tests; without it, nothing is asked.
    ///
    /// ```
    /// use holdall::{Engine, Linker, Module, Store};
    /// use holdall_wasi::{Errno, Grants, Intercept, Intercepted, Output, Verdict, Wasi};
    ///
    /// struct DiskFull;
    /// impl Intercept for DiskFull {
    ///     fn before(&self, call: &Intercepted<'_>) -> Verdict {
    ///         match call.function {
    ///             "fd_write" => Verdict::Fail(Errno::Nospc),
    ///             _ => Verdict::Proceed,
    ///         }
    ///     }
    /// }
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module
    ///     (import "wasi_snapshot_preview1" "fd_write"
    ///         (func $write (param i32 i32 i32 i32) (result i32)))
    ///     (memory (export "memory") 1)
    ///     (func (export "write") (result i32) (call $write
    ///         (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))))"#)?;
    /// let wasi = Wasi::new(Grants::new().stdout(Output::null())).intercept(DiskFull);
    /// let mut linker = Linker::new(&engine);
    /// holdall_wasi::add_to_linker(&mut linker, wasi);
    /// let mut store = Store::new(&engine, ());
    /// let instance = linker.instantiate(&mut store, &module)?;
    /// let write = instance.get_typed_func::<(), i32>(&store, "write")?;
    /// assert_eq!(write.call(&mut store, ())?, Errno::Nospc as i32);
    /// # Ok::<(), holdall::Error>(())
    /// ```
    pub fn intercept(mut self, intercept: impl Intercept + 'static) -> Self {
        self.intercept = Some(Arc::new(intercept));
        self
    }

    fn allows(&self, function: &Function) -> bool {
        let allowed = self.allowed.as_ref();
        allowed.is_none_or(|allowed| allowed.contains(function.name))
    }
}

/// Lets the modules that a linker links import WASI preview 1 (`wasi_snapshot_preview1`) and preview 0
/// (`wasi_unstable`), and says what each of them reaches through WASI. What the host defines in the
/// linker under these names comes before.
pub fn add_to_linker<T: 'static>(linker: &mut Linker<T>, wasi: Wasi) {
    linker.provide(wasi);
}

impl fmt::Debug for Wasi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wasi")
            .field("root", &self.root)
            .field("modules", &self.modules)
            .field("shares", &self.shares)
            .field("seed", &self.seed)
            .field("time", &self.time)
            .field("audit", &self.audit)
            .field("intercepts", &self.intercept.is_some())
            .field("allowed", &self.allowed)
            .finish()
    }
}

impl Provider for Wasi {
    fn ty(&self, module: &str, name: &str) -> Option<FuncType> {
        Function::find(module, name).map(Function::ty)
    }

    fn names(&self, module: &str) -> Vec<&'static str> {
        Function::all(module)
            .map(|function| function.name)
            .collect()
    }

    fn begin(&self) -> Box<dyn Provision> {
        Box::new(Graph {
            wasi: self.clone(),
            world: match self.seed {
                Some(seed) => World::fixed(seed, self.time.clone().unwrap_or_default()),
                None => World::Host,
            },
            contexts: HashMap::new(),
        })
    }
}

/// The contexts of the modules of one graph.
struct Graph {
    wasi: Wasi,
    world: World,
    contexts: HashMap<Whose, Arc<Mutex<Context>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    /// The root's, and with sharing everybody's.
    Root,
    Module(String),
}

impl Graph {
    /// The context of a module: opened when it first imports something.
    fn context(&mut self, importer: Importer<'_>) -> Result<Arc<Mutex<Context>>> {
        let own = self.wasi.modules.get(importer.name);
        let is_roots = own.is_none() && (importer.is_root || self.wasi.shares);
        let whose = if is_roots {
            Whose::Root
        } else {
            Whose::Module(importer.name.to_owned())
        };
        if let Some(context) = self.contexts.get(&whose) {
            return Ok(Arc::clone(context));
        }
        let nothing = Grants::new();
        let grants = match own {
            Some(own) => own,
            None if is_roots => &self.wasi.root,
            None => &nothing,
        };
        let mut context = grants.open(&self.world)?;
        if let Some(audit) = &self.wasi.audit {
            let module = match &whose {
                Whose::Root => None,
                Whose::Module(name) => Some(name.as_str().into()),
            };
            context.watch = Some(Watch::new(audit.clone(), module, &context.descriptors));
        }
        let context = Arc::new(Mutex::new(context));
        self.contexts.insert(whose, Arc::clone(&context));
        Ok(context)
    }
}

impl Provision for Graph {
    fn func(&mut self, importer: Importer<'_>, module: &str, name: &str) -> Result<SlotFunc> {
        let function = Function::find(module, name).expect("it is asked for what has a type");
        if let Some(ty) = importer.memory.filter(MemoryType::is_64)
            && function.returns
        {
            return Err(Error::usage(format!(
                "import {module:?}.{name:?} of module {:?}: WASI takes addresses of 32 bits, and the \
                 module's memory is {ty}; compile it for wasm32",
                importer.name
            )));
        }
        let context = self.context(importer)?;
        let state = Arc::new(State(Arc::clone(&context)));
        let denied = (!self.wasi.allows(function)).then(|| HostCallDenied {
            module: module.to_owned(),
            function: name.to_owned(),
        });
        let errno = function.returns.then_some(errno_name as fn(u64) -> String);
        let signature = Signature::new(&format!("{module}.{name}"), function.params, errno);
        let intercept = self.wasi.intercept.clone();
        let call = move |mut caller: SlotCaller<'_>, slots: &mut [u64]| {
            if let Some(denied) = &denied {
                return Err(denied.clone().into());
            }
            let (parts, accesses) = caller.parts_and_accesses();
            let mut context = context.lock().unwrap_or_else(PoisonError::into_inner);
            let mut call = Call {
                context: &mut context,
                memory: Memory::new(parts.memory, accesses),
                meter: parts.meter,
                limits: parts.limits,
                account: parts.account,
                open_descriptors: parts.open_descriptors,
                intercept: intercept.as_deref(),
                most_bytes: parts.limits.bytes_per_call,
                moved_bytes: 0,
            };
            // A fault of ours, or of what we stand on, ends the guest and not the host.
            match catch_unwind(AssertUnwindSafe(|| watch::call(function, &mut call, slots))) {
                Ok(result) => result,
                Err(panic) => Err(panicked(function.name, &*panic)),
            }
        };
        Ok(SlotFunc::new(signature, function.ty(), call)?.with_state(state))
    }
}

/// Checks that WASI has a function of a name, such as `fd_write`.
///
/// # Errors
///
/// When it has none; the error names the nearest.
pub fn check_function(name: &str) -> Result<()> {
    let known = || MODULES.into_iter().flat_map(Function::all);
    if known().any(|function| function.name == name) {
        return Ok(());
    }
    let nearest = nearest(name, known().map(|function| function.name));
    Err(Error::usage(format!(
        "WASI has no function {name:?}{}",
        did_you_mean(nearest)
    )))
}

/// The name of an error number, as C has it: `ENOENT`.
pub(super) fn errno_name(slot: u64) -> String {
    let number = u16::try_from(slot).ok();
    match number.and_then(Errno::of_number) {
        Some(errno) => errno.to_string(),
        None => slot.to_string(),
    }
}

#[cold]
fn panicked(name: &str, panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let detail = format!("{name}: {}", text.unwrap_or("without a word"));
    Error::from(Trap::from(TrapCode::HostPanic).with_detail(detail)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Output;
    use holdall::Engine;
    use holdall::Module;
    use holdall::{Instance, Store};

    /// Writes what is at its `data` to the standard output.
    const WRITES: &str = r#"(module
        (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
        (memory 1)
        (export "memory" (memory 0))
        (data (i32.const 0) "\10\00\00\00\03\00\00\00")
        (data (i32.const 16) "out")
        (func (export "write") (result i32)
            (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (func (export "written") (result i32) (i32.load (i32.const 8))))"#;

    fn instance(stdout: Output) -> (Store<()>, Instance) {
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker, Wasi::new(Grants::new().stdout(stdout)));
        let mut store = Store::new(&engine, ());
        let module = Module::new(&engine, WRITES.as_bytes()).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        (store, instance)
    }

    fn call(store: &mut Store<()>, instance: Instance, name: &str) -> Result<i32> {
        let func = instance.get_typed_func::<(), i32>(&*store, name)?;
        func.call(store, ())
    }

    #[test]
    fn a_function_reads_and_writes_the_memory_of_its_caller() {
        let (capture, stdout) = Output::capture();
        let (mut store, instance) = instance(stdout);
        for text in ["out", "outout"] {
            assert_eq!(call(&mut store, instance, "write").unwrap(), 0);
            assert_eq!(call(&mut store, instance, "written").unwrap(), 3);
            assert_eq!(capture.text(), text);
        }
    }

    #[test]
    fn a_panic_ends_the_guest_and_not_the_host() {
        struct Panics;
        impl std::io::Write for Panics {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                panic!("the writer's own fault")
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (mut store, instance) = instance(Output::writer(Panics));
        for _ in 0..2 {
            let error = call(&mut store, instance, "write").unwrap_err();
            let trap = error.trap().expect("a trap");
            assert_eq!(trap.code(), TrapCode::HostPanic);
            let text = trap.to_string();
            assert!(text.contains("fd_write: the writer's own fault"), "{text}");
        }
        assert_eq!(call(&mut store, instance, "written").unwrap(), 0);
    }

    #[test]
    fn a_trace_tells_names_values_and_numbers_of_errors() {
        let (mut store, instance) = instance(Output::closed());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        store.trace(move |event| kept.lock().unwrap().push(event.to_string()));
        assert_eq!(call(&mut store, instance, "write").unwrap(), 8);
        assert_eq!(
            *lines.lock().unwrap(),
            [
                "<unnamed> -> wasi_snapshot_preview1.fd_write(fd=1, iovs=0x0, iovs_len=1, \
              nwritten=0x8) = EBADF"
            ]
        );
    }
}
