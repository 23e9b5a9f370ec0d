//! Modules: `wasm_runtime_load` to `wasm_runtime_unload`.

use std::ffi::c_char;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, OnceLock, PoisonError};

use holdall::Module;

use super::answer;
use super::describe::Described;
use super::ends::chain;
use super::handles::{Handle, Kind, Table};
use super::log::{self, Level};
use super::natives;
use super::runtime;
use super::wasi::WasiArgs;
use crate::guard::guard;

/// A module that C has a handle to: `wasm_module_t`.
pub(super) struct LoadedModule {
    handle: Handle<Self>,
    pub(super) module: Module,
    /// Whether the program loaded it; else it is one that the module reader delivered.
    is_programs: bool,
    /// What the program registered it as.
    name: Mutex<Option<String>>,
    pub(super) wasi: Mutex<WasiArgs>,
    pub(super) described: OnceLock<Described>,
    /// The name of `wasm_runtime_set_module_name`.
    own_name: Mutex<std::ffi::CString>,
}

impl Kind for LoadedModule {
    const TAG: usize = 5;
    fn table() -> &'static Table<Self> {
        static TABLE: Table<LoadedModule> = Table::new();
        &TABLE
    }
}

impl LoadedModule {
    fn insert(module: Module, is_programs: bool) -> Handle<Self> {
        let room = NonNull::from(Box::leak(Box::<Self>::new_uninit())).cast::<Self>();
        let made = Self {
            handle: Handle::NULL,
            module,
            is_programs,
            name: Mutex::default(),
            wasi: Mutex::default(),
            described: OnceLock::new(),
            own_name: Mutex::default(),
        };
        // SAFETY: the room is for it, and nobody else knows the room.
        unsafe {
            room.write(made);
            let handle = Handle::insert(room);
            (*room.as_ptr()).handle = handle;
            if handle == Handle::NULL {
                drop(Box::from_raw(room.as_ptr()));
            }
            handle
        }
    }

    /// The handle to a module, which is a new one where C has none.
    pub(super) fn handle_of(module: &Module) -> Handle<Self> {
        let living = Self::table().living();
        // SAFETY: they are alive; that no other thread unloads them meanwhile is C's duty.
        let mut living = living.iter().map(|it| unsafe { it.as_ref() });
        let known = living.find(|it| it.module.same(module));
        known.map_or_else(|| Self::insert(module.clone(), false), |it| it.handle)
    }

    /// Notes what the program registered the module as.
    pub(super) fn named(&self, name: &str) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.to_owned());
    }

    /// Takes the handle away and drops the module.
    ///
    /// # Safety
    ///
    /// It is alive, and nobody uses it from now on.
    pub(super) unsafe fn free(module: NonNull<Self>) {
        // SAFETY: the caller's duty; `insert` made it by `Box`.
        unsafe {
            module.as_ref().handle.remove();
            drop(Box::from_raw(module.as_ptr()));
        }
    }
}

/// Options of `wasm_runtime_load_ex`.
#[repr(C)]
struct LoadArgs {
    name: *mut c_char,
    clone_wasm_binary: bool,
    wasm_binary_freeable: bool,
    no_resolve: bool,
}

/// Checks that all that a module imports is there: what it needs is loaded.
pub(super) fn resolve(module: &Module) -> Result<(), String> {
    natives::learn(module);
    let linked = runtime::with(|runtime| runtime.linker.instantiate_pre(module).map(drop));
    linked?.map_err(|error| chain(&error))
}

fn load(bytes: &[u8], resolves: bool) -> Result<Handle<LoadedModule>, String> {
    if bytes.starts_with(b"\0aot") {
        return Err("expected a WebAssembly module, found code that was compiled ahead of time for another runtime".to_owned());
    }
    let engine = runtime::with(|runtime| runtime.engine.clone())?;
    let module = Module::new(&engine, bytes).map_err(|error| chain(&error))?;
    if resolves {
        resolve(&module)?;
    }
    let handle = LoadedModule::insert(module, true);
    if handle == Handle::NULL {
        return Err("there are too many modules; unload some".to_owned());
    }
    Ok(handle)
}

/// Loads a module and, through the module reader, all that it needs. The module keeps a copy of the bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_load(
    buf: *mut u8,
    size: u32,
    error_buf: *mut c_char,
    error_buf_size: u32,
) -> Handle<LoadedModule> {
    // SAFETY: the caller's duty.
    guard(Handle::NULL, || unsafe {
        wasm_runtime_load_ex(buf, size, ptr::null(), error_buf, error_buf_size)
    })
}

/// As `wasm_runtime_load`; with `no_resolve`, what the module needs is loaded later.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_load_ex(
    buf: *mut u8,
    size: u32,
    args: *const LoadArgs,
    error_buf: *mut c_char,
    error_buf_size: u32,
) -> Handle<LoadedModule> {
    guard(Handle::NULL, || {
        // SAFETY: C's buffers have the sizes that it says, or are null; so are the arguments.
        unsafe {
            let resolves = args.as_ref().is_none_or(|args| !args.no_resolve);
            let loaded = if buf.is_null() {
                Err("buf is null".to_owned())
            } else {
                load(std::slice::from_raw_parts(buf, size as usize), resolves)
            };
            let loaded = loaded.map_err(|reason| format!("WASM module load failed: {reason}"));
            answer(loaded, error_buf, error_buf_size).unwrap_or(Handle::NULL)
        }
    })
}

/// Loads what a module needs that was loaded with `no_resolve`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_resolve_symbols(module: Handle<LoadedModule>) -> bool {
    guard(false, || {
        // SAFETY: the rule of handles.
        let Some(module) = (unsafe { module.get() }) else {
            return false;
        };
        let resolved = resolve(&module.module);
        if let Err(reason) = &resolved {
            log::say(
                Level::Error,
                format_args!("wasm_runtime_resolve_symbols: {reason}"),
            );
        }
        resolved.is_ok()
    })
}

/// Frees a module that the program loaded, and the name that it was registered under. Instances live on.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_unload(module: Handle<LoadedModule>) {
    guard((), || {
        let Some(found) = module.find() else {
            return;
        };
        // SAFETY: the rule of handles.
        let loaded = unsafe { found.as_ref() };
        if !loaded.is_programs {
            return;
        }
        let name = loaded
            .name
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(name) = name {
            let unregistered = runtime::with(|runtime| runtime.linker.unregister(&name).map(drop));
            if let Err(reason) = unregistered {
                log::say(Level::Error, format_args!("wasm_runtime_unload: {reason}"));
                return;
            }
        }
        // SAFETY: the rule of handles: C uses it no more.
        unsafe { LoadedModule::free(found) };
    });
}

/// Gives a module a name of the program's own, for `wasm_runtime_get_module_name`. Nothing is registered.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_set_module_name(
    module: Handle<LoadedModule>,
    name: *const c_char,
    error_buf: *mut c_char,
    error_buf_size: u32,
) -> bool {
    guard(false, || {
        // SAFETY: C passes a string or null, a handle, and a buffer of the size that it says.
        unsafe {
            let set = match (module.get(), name.is_null()) {
                (Some(module), false) => {
                    let name = std::ffi::CStr::from_ptr(name).to_owned();
                    *module
                        .own_name
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner) = name;
                    Ok(())
                }
                (None, _) => Err("module: there is no such module"),
                (_, true) => Err("name is null"),
            };
            answer(set, error_buf, error_buf_size).is_some()
        }
    })
}

/// The name that the program gave a module last, else the empty text.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_module_name(module: Handle<LoadedModule>) -> *const c_char {
    guard(c"".as_ptr(), || {
        // SAFETY: the rule of handles.
        let module = unsafe { module.get() };
        module.map_or(c"".as_ptr(), |it| {
            it.own_name
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .as_ptr()
        })
    })
}

/// True: a module has a copy of the bytes that it was loaded from.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_is_underlying_binary_freeable(
    module: Handle<LoadedModule>,
) -> bool {
    guard(false, || module.find().is_some())
}

/// What kind of package bytes are: 0 for WebAssembly, 1 for code that was compiled ahead of time, else 0xffff.
fn kind(bytes: &[u8]) -> u32 {
    match bytes.get(..4) {
        Some(b"\0asm") => 0,
        Some(b"\0aot") => 1,
        _ => 0xffff,
    }
}

/// The kind of package that a buffer holds.
#[unsafe(no_mangle)]
unsafe extern "C" fn get_package_type(buf: *const u8, size: u32) -> u32 {
    guard(0xffff, || {
        if buf.is_null() {
            return 0xffff;
        }
        // SAFETY: C's buffer has the size that it says.
        kind(unsafe { std::slice::from_raw_parts(buf, size as usize) })
    })
}

/// As `get_package_type`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_file_package_type(buf: *const u8, size: u32) -> u32 {
    // SAFETY: the caller's duty.
    guard(0xffff, || unsafe { get_package_type(buf, size) })
}

/// The kind of package of a module, which is always WebAssembly.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_module_package_type(module: Handle<LoadedModule>) -> u32 {
    guard(0xffff, || module.find().map_or(0xffff, |_| 0))
}
