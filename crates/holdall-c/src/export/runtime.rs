//! The one runtime of the process: from `wasm_runtime_init` to `wasm_runtime_destroy`.

use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::{CString, c_char, c_uint, c_void};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use holdall::{Config, Engine, Linker, Module, ModuleReader, Pool, ReadError};
use holdall_wasi::{Grants, Wasi};

use super::blocks::{self, Source};
use super::graph::{Data, Graph, ModuleInst, OfGraph};
use super::handles::{Handle, Kind};
use super::log::{self, Level};
use super::modules::LoadedModule;
use super::natives::{self, NativeSymbol, Natives};
use crate::guard::guard;
use crate::room::put;
use crate::text::from_c;

/// What there is between initialisation and destruction.
pub(super) struct Runtime {
    pub(super) engine: Engine,
    pub(super) linker: Linker<Data>,
    /// How often the program has initialised the runtime without destroying it.
    count: usize,
}

static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

thread_local!(
    /// Whether this thread holds the runtime while it asks the module reader.
    static IS_LOADING: Cell<bool> = const { Cell::new(false) };
    static HAS_ENV: Cell<bool> = const { Cell::new(false) };
);

fn lock() -> MutexGuard<'static, Option<Runtime>> {
    RUNTIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Uses the runtime.
///
/// # Errors
///
/// When it is not initialised, or is in use by this very thread, which is in the module reader.
pub(super) fn with<R>(body: impl FnOnce(&mut Runtime) -> R) -> Result<R, &'static str> {
    if IS_LOADING.get() {
        return Err(
            "the module reader cannot load, register or instantiate modules: it is asked in the midst of that",
        );
    }
    let mut runtime = lock();
    let runtime = runtime.as_mut().ok_or(
        "the runtime is not initialised: call wasm_runtime_init or wasm_runtime_full_init",
    )?;
    struct Loaded;
    impl Drop for Loaded {
        fn drop(&mut self) {
            IS_LOADING.set(false);
        }
    }
    IS_LOADING.set(true);
    let _loaded = Loaded;
    Ok(body(runtime))
}

#[derive(Clone, Copy)]
#[repr(C)]
struct PoolOption {
    heap_buf: *mut c_void,
    heap_size: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct AllocatorOption {
    malloc_func: *mut c_void,
    realloc_func: *mut c_void,
    free_func: *mut c_void,
}

#[repr(C)]
union MemAllocOption {
    pool: PoolOption,
    allocator: AllocatorOption,
}

/// `RuntimeInitArgs` as far as something is done with it.
#[repr(C)]
pub(super) struct RuntimeInitArgs {
    mem_alloc_type: c_uint,
    mem_alloc_option: MemAllocOption,
    native_module_name: *const c_char,
    native_symbols: *mut NativeSymbol,
    n_native_symbols: u32,
}

const ALLOC_WITH_POOL: c_uint = 0;
const ALLOC_WITH_ALLOCATOR: c_uint = 1;
const ALLOC_WITH_SYSTEM_ALLOCATOR: c_uint = 2;

/// Where memory comes from, by the arguments.
///
/// # Safety
///
/// The pool is the runtime's until it is destroyed; the functions are what the arguments say.
unsafe fn source(args: &RuntimeInitArgs) -> Result<Source, &'static str> {
    // SAFETY: the type says which of the two options there is.
    unsafe {
        match args.mem_alloc_type {
            ALLOC_WITH_POOL => {
                let PoolOption {
                    heap_buf,
                    heap_size,
                } = args.mem_alloc_option.pool;
                let start =
                    NonNull::new(heap_buf.cast()).ok_or("Alloc_With_Pool: heap_buf is null")?;
                Ok(Source::Pool(Pool::from_raw_parts(
                    start,
                    heap_size as usize,
                )))
            }
            ALLOC_WITH_ALLOCATOR => {
                let of = args.mem_alloc_option.allocator;
                if of.malloc_func.is_null() || of.free_func.is_null() {
                    return Err("Alloc_With_Allocator: malloc_func and free_func cannot be null");
                }
                Ok(Source::Program {
                    malloc: std::mem::transmute::<
                        *mut c_void,
                        unsafe extern "C" fn(c_uint) -> *mut c_void,
                    >(of.malloc_func),
                    realloc: std::mem::transmute::<
                        *mut c_void,
                        Option<unsafe extern "C" fn(*mut c_void, c_uint) -> *mut c_void>,
                    >(of.realloc_func),
                    free: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(
                        of.free_func,
                    ),
                })
            }
            ALLOC_WITH_SYSTEM_ALLOCATOR => Ok(Source::System),
            _ => Err(
                "mem_alloc_type: expected Alloc_With_Pool, Alloc_With_Allocator or Alloc_With_System_Allocator",
            ),
        }
    }
}

fn start(source: Source) {
    let config = match &source {
        Source::Pool(pool) => Config::new().pool(pool.clone()),
        _ => Config::new(),
    };
    let engine = Engine::new(config);
    let mut linker = Linker::new(&engine);
    // Natives come before WASI: what was added last is asked first.
    linker.provide(Wasi::new(Grants::new()));
    linker.provide(Natives);
    blocks::set_source(source);
    HAS_ENV.set(true);
    *lock() = Some(Runtime {
        engine,
        linker,
        count: 1,
    });
}

/// Whether the runtime was there already; it is counted once more then.
fn is_there() -> bool {
    // The module reader is asked with the lock held, by a runtime that is there.
    if IS_LOADING.get() {
        return true;
    }
    lock().as_mut().map(|runtime| runtime.count += 1).is_some()
}

/// Initialises the runtime, with memory from the system. True where it is initialised already.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_init() -> bool {
    guard(false, || {
        if !is_there() {
            start(Source::System);
        }
        true
    })
}

/// Initialises the runtime as the arguments say. True where it is initialised already: then they are not looked at.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_full_init(args: *mut RuntimeInitArgs) -> bool {
    guard(false, || {
        // SAFETY: C passes arguments or null.
        let Some(args) = (unsafe { args.as_ref() }) else {
            return false;
        };
        if is_there() {
            return true;
        }
        // SAFETY: the header says what C promises of them.
        match unsafe { source(args) } {
            Ok(source) => start(source),
            Err(reason) => {
                log::say(
                    Level::Error,
                    format_args!("wasm_runtime_full_init: {reason}"),
                );
                return false;
            }
        }
        // SAFETY: C passes as many symbols as it says.
        let registered = args.n_native_symbols == 0
            || unsafe {
                natives::register(
                    args.native_module_name,
                    args.native_symbols,
                    args.n_native_symbols,
                    false,
                )
            };
        if !registered {
            wasm_runtime_destroy();
        }
        registered
    })
}

/// Frees all that there still is: instances, modules, what the module reader gave, each once, the newest first.
///
/// Nothing happens while a guest runs, and where the runtime was initialised more often than it was destroyed.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_destroy() {
    guard((), || {
        if IS_LOADING.get() {
            log::say(
                Level::Error,
                format_args!("wasm_runtime_destroy: not from the module reader"),
            );
            return;
        }
        let mut held = lock();
        let Some(runtime) = held.as_mut() else {
            return;
        };
        if runtime.count > 1 {
            runtime.count -= 1;
            return;
        }
        let insts = ModuleInst::table().living();
        // SAFETY: they are alive; that no other thread destroys them meanwhile is C's duty.
        let insts = insts.iter().map(|inst| unsafe { inst.as_ref() });
        if insts.clone().any(ModuleInst::is_in_use) {
            log::say(
                Level::Error,
                format_args!("wasm_runtime_destroy: an instance is in use; nothing is destroyed"),
            );
            return;
        }
        let runtime = held.take();
        drop(held);
        for inst in ModuleInst::table().living() {
            // A graph may have gone with another of its instances.
            // SAFETY: as above.
            let inst = unsafe { inst.as_ref() };
            if let Some(entered) = inst.enter() {
                Graph::destroy(&entered);
            }
        }
        for module in LoadedModule::table().living() {
            // SAFETY: it is alive, and C uses no handle to it from now on.
            unsafe { LoadedModule::free(module) };
        }
        // The reader gets its buffers back now, without the lock: it may call what it likes.
        drop(runtime);
        natives::forget();
        blocks::forget_source();
        HAS_ENV.set(false);
    });
}

type Reader = unsafe extern "C" fn(*const c_char, *mut *mut u8, *mut u32) -> bool;
type ReaderByKind = unsafe extern "C" fn(c_uint, *const c_char, *mut *mut u8, *mut u32) -> bool;
type Destroyer = unsafe extern "C" fn(*mut u8, u32);

/// `package_type_t` of WebAssembly.
const BYTECODE: c_uint = 0;

/// The program's module reader and destroyer.
struct ProgramReader {
    read: ReadBy,
    destroyer: Option<Destroyer>,
}

#[derive(Clone, Copy)]
enum ReadBy {
    Name(Reader),
    KindAndName(ReaderByKind),
}

impl ModuleReader for ProgramReader {
    fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        let Ok(name) = CString::new(name) else {
            return Ok(None);
        };
        let (mut buffer, mut size) = (std::ptr::null_mut(), 0);
        let (to_buffer, to_size) = (&raw mut buffer, &raw mut size);
        // SAFETY: the program gave the function for this.
        let found = unsafe {
            match self.read {
                ReadBy::Name(read) => read(name.as_ptr(), to_buffer, to_size),
                ReadBy::KindAndName(read) => read(BYTECODE, name.as_ptr(), to_buffer, to_size),
            }
        };
        if !found {
            return Ok(None);
        }
        if buffer.is_null() {
            return Err(ReadError::other(
                "the module reader returned true and set no buffer",
            ));
        }
        // SAFETY: the program keeps the buffer as it is until the destroyer gets it. The module that is made of it
        // has a copy (`module`), so that nothing is read of it later.
        let bytes: &'static [u8] = unsafe { std::slice::from_raw_parts(buffer, size as usize) };
        Ok(Some(Cow::Borrowed(bytes)))
    }

    fn module(
        &self,
        engine: &Engine,
        name: &str,
        bytes: Cow<'static, [u8]>,
    ) -> holdall::Result<Module> {
        let module = Module::named(engine, name, bytes.into_owned())?;
        natives::learn(&module);
        Ok(module)
    }

    fn destroy(&self, _: &str, bytes: Cow<'static, [u8]>) {
        if let (Some(destroyer), Cow::Borrowed(bytes)) = (self.destroyer, bytes) {
            // SAFETY: the program gave the function for the buffers of its reader, and this is one. Its size came
            // as a number of 32 bits.
            unsafe { destroyer(bytes.as_ptr().cast_mut(), bytes.len() as u32) };
        }
    }

    fn describe(&self) -> String {
        "the module reader".to_owned()
    }
}

fn set_reader(read: Option<ReadBy>, destroyer: Option<Destroyer>) {
    let set = with(|runtime| match read {
        Some(read) => _ = runtime.linker.set_reader(ProgramReader { read, destroyer }),
        None => _ = runtime.linker.set_reader(holdall::MemoryReader::new()),
    });
    if let Err(reason) = set {
        log::say(
            Level::Error,
            format_args!("wasm_runtime_set_module_reader: {reason}"),
        );
    }
}

/// Sets who reads modules by their names, and who gets the buffers back.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_set_module_reader(reader: Option<Reader>, destroyer: Option<Destroyer>) {
    guard((), || set_reader(reader.map(ReadBy::Name), destroyer));
}

/// As `wasm_runtime_set_module_reader`, for a reader that is told the kind of package first.
#[unsafe(no_mangle)]
extern "C" fn holdall_set_module_reader_by_kind(
    reader: Option<ReaderByKind>,
    destroyer: Option<Destroyer>,
) {
    guard((), || {
        set_reader(reader.map(ReadBy::KindAndName), destroyer)
    });
}

/// Gives a module its name. Another module with the name, and another name, are refused.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_register_module(
    name: *const c_char,
    module: Handle<LoadedModule>,
    error_buf: *mut c_char,
    error_buf_size: u32,
) -> bool {
    guard(false, || {
        // SAFETY: C passes a string or null, and a handle.
        let (name, module) = unsafe { (from_c(name), module.get()) };
        let registered = match (name, module) {
            (None, _) => {
                Err("module_name: expected UTF-8, found null or something else".to_owned())
            }
            (_, None) => Err("module: there is no such module".to_owned()),
            (Some(name), Some(module)) => with(|runtime| {
                let registered = runtime.linker.register(name, &module.module);
                registered
                    .map(|_| module.named(name))
                    .map_err(|error| error.to_string())
            })
            .unwrap_or_else(|reason| Err(reason.to_owned())),
        };
        // SAFETY: C's buffer has the size that it says.
        unsafe { super::answer(registered, error_buf, error_buf_size) }.is_some()
    })
}

/// The module of a name; null where there is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_find_module_registered(
    name: *const c_char,
) -> Handle<LoadedModule> {
    guard(Handle::NULL, || {
        // SAFETY: C passes a string or null.
        let name = unsafe { from_c(name) };
        let found = name.and_then(|name| with(|runtime| runtime.linker.find(name)).ok().flatten());
        found.map_or(Handle::NULL, |module| LoadedModule::handle_of(&module))
    })
}

/// Every thread may use the runtime. True, once the thread has said so.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_init_thread_env() -> bool {
    guard(false, || {
        HAS_ENV.set(true);
        true
    })
}

/// Forgets that the thread has said so.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_destroy_thread_env() {
    guard((), || HAS_ENV.set(false));
}

/// Whether the thread initialised the runtime, or said that it uses it.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_thread_env_inited() -> bool {
    guard(false, || HAS_ENV.get())
}

/// Nothing: no guest starts threads here.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_set_max_thread_num(_: u32) {
    guard((), || {});
}

/// holdall's version.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_version(major: *mut u32, minor: *mut u32, patch: *mut u32) {
    guard((), || {
        let numbers = [
            env!("CARGO_PKG_VERSION_MAJOR"),
            env!("CARGO_PKG_VERSION_MINOR"),
            env!("CARGO_PKG_VERSION_PATCH"),
        ];
        for (number, to) in numbers.into_iter().zip([major, minor, patch]) {
            // SAFETY: null, or C's to write to.
            unsafe { put(to, number.parse().unwrap_or(0)) };
        }
    });
}
