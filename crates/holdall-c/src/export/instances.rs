//! Instances and execution environments: `wasm_runtime_instantiate` to `wasm_runtime_deinstantiate`.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{self, NonNull};

use holdall::{Func, split_qualified};
use holdall_wasi::Wasi;

use super::answer;
use super::ends::chain;
use super::graph::{Entered, ExecEnv, Function, Graph, ModuleInst, OfGraph};
use super::handles::Handle;
use super::modules::{LoadedModule, resolve};
use super::natives::{self, Natives};
use super::runtime;
use crate::guard::guard;
use crate::text::{from_c, to_c};

/// The smallest value stack. Programs ask for as little as other engines' frames need.
const LEAST_STACK_BYTES: usize = 64 << 10;

/// What a graph is made with.
#[repr(C)]
struct InstantiationArgs {
    default_stack_size: u32,
    host_managed_heap_size: u32,
    max_memory_pages: u32,
}

fn instantiate(
    handle: Handle<LoadedModule>,
    args: &InstantiationArgs,
) -> Result<Handle<ModuleInst>, String> {
    // SAFETY: the rule of handles.
    let loaded = unsafe { handle.get() }.ok_or("there is no such module")?;
    let grants = loaded
        .wasi
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let grants = grants.grants().map_err(|reason| reason.to_string())?;
    // What a module needs that was loaded with `no_resolve`: the runtime's own linker is to know it.
    resolve(&loaded.module)?;
    let (engine, mut linker) =
        runtime::with(|runtime| (runtime.engine.clone(), runtime.linker.clone()))?;
    linker.provide(Wasi::new(grants).share());
    linker.provide(Natives);
    let stack_size = LEAST_STACK_BYTES.max(args.default_stack_size as usize);
    let graph = Graph::new(&engine, handle, stack_size, args.host_managed_heap_size);
    let graph = graph.map_err(|error| chain(&error))?;
    // SAFETY: it was just made.
    let graph = unsafe { graph.as_ref() };
    let entered = graph.enter().expect("nobody else knows it");
    let instance = entered.with(|mut store| {
        if args.max_memory_pages > 0 {
            let most = usize::try_from(u64::from(args.max_memory_pages) << 16);
            let mut limits = store.current_limits().clone();
            limits.memory_bytes_each = most.ok();
            store.limits(limits)?;
        }
        linker.instantiate(&mut store, &loaded.module)
    });
    match instance {
        Ok(instance) => Ok(entered.set_root(instance).handle),
        Err(error) => {
            let text = match entered.ended(&error) {
                true => format!(
                    "the module ended itself at its start, with exit code {}",
                    entered.exit_code()
                ),
                false if error.trap().is_some() => {
                    let exception = entered.exception();
                    // SAFETY: `ended` has set an exception.
                    let text = unsafe { CStr::from_ptr(exception) }
                        .to_string_lossy()
                        .into_owned();
                    text.strip_prefix("Exception: ").unwrap_or(&text).to_owned()
                }
                false => chain(&error),
            };
            Graph::destroy(&entered);
            Err(text)
        }
    }
}

/// Brings a module and all that it needs to life, in a graph of its own.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_instantiate(
    module: Handle<LoadedModule>,
    default_stack_size: u32,
    host_managed_heap_size: u32,
    error_buf: *mut c_char,
    error_buf_size: u32,
) -> Handle<ModuleInst> {
    guard(Handle::NULL, || {
        let args = InstantiationArgs {
            default_stack_size,
            host_managed_heap_size,
            max_memory_pages: 0,
        };
        // SAFETY: the caller's duty.
        unsafe { wasm_runtime_instantiate_ex(module, &raw const args, error_buf, error_buf_size) }
    })
}

/// As `wasm_runtime_instantiate`, with the arguments in a structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_instantiate_ex(
    module: Handle<LoadedModule>,
    args: *const InstantiationArgs,
    error_buf: *mut c_char,
    error_buf_size: u32,
) -> Handle<ModuleInst> {
    guard(Handle::NULL, || {
        // SAFETY: C passes arguments or null, and a buffer of the size that it says.
        unsafe {
            let made = match args.as_ref() {
                Some(args) => instantiate(module, args),
                None => Err("the arguments are null".to_owned()),
            };
            let made = made.map_err(|reason| format!("WASM module instantiate failed: {reason}"));
            answer(made, error_buf, error_buf_size).unwrap_or(Handle::NULL)
        }
    })
}

/// Frees a graph: the instance, all that it needed, and what there are handles to. Where a native function of it
/// runs, the graph is freed when the call from outside returns; the handles end at once.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_deinstantiate(module_inst: Handle<ModuleInst>) {
    guard((), || {
        // SAFETY: the rule of handles.
        let Some(inst) = (unsafe { module_inst.get() }) else {
            return;
        };
        let Some(entered) = inst.enter() else {
            return;
        };
        if entered
            .root_address()
            .is_none_or(|root| root == NonNull::from(inst))
        {
            Graph::destroy(&entered);
        } else {
            super::log::say(
                super::log::Level::Warning,
                format_args!(
                    "wasm_runtime_deinstantiate: an instance that another needs goes with that one"
                ),
            );
        }
    });
}

/// The module of an instance; null where it was unloaded.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_module(
    module_inst: Handle<ModuleInst>,
) -> Handle<LoadedModule> {
    guard(Handle::NULL, || {
        // SAFETY: the rule of handles.
        let inst = unsafe { module_inst.get() };
        let module = inst.and_then(|inst| {
            let entered = inst.enter()?;
            if entered.root_address() == Some(NonNull::from(inst)) {
                return Some(entered.module).filter(|module| module.find().is_some());
            }
            let module = entered.with(|store| inst.instance.module(&store));
            Some(LoadedModule::handle_of(&module))
        });
        module.unwrap_or(Handle::NULL)
    })
}

/// The function of a name of an instance, or of the module that `$module$function` names.
pub(super) fn find_func(entered: &Entered<'_>, inst: &ModuleInst, name: &str) -> Option<Func> {
    let found = entered.with(|store| inst.instance.get_func(&store, name));
    if found.is_some() {
        return found;
    }
    // The root may have got its name after it was brought to life.
    let (module, function) = split_qualified(name)?;
    let named = runtime::with(|runtime| runtime.linker.find(module)).ok()??;
    let root = entered.root()?;
    entered.with(|store| {
        let is_roots = root.instance.module(&store).same(&named);
        is_roots
            .then(|| root.instance.get_func(&store, function))
            .flatten()
    })
}

/// # Safety
///
/// `name` and `signature` are null or end with a zero byte.
unsafe fn lookup(
    module_inst: Handle<ModuleInst>,
    name: *const c_char,
    signature: *const c_char,
) -> Option<Handle<Function>> {
    // SAFETY: the rule of handles; the caller's duty.
    unsafe {
        let (inst, name) = (module_inst.get()?, from_c(name)?);
        let entered = inst.enter()?;
        let function = entered.function(find_func(&entered, inst, name)?);
        let fits = from_c(signature)
            .is_none_or(|signature| natives::fits(signature, &function.params, &function.results));
        fits.then_some(function.handle)
    }
}

/// The exported function of a name; null where there is none. `$module$function` is that of another module.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_lookup_function(
    module_inst: Handle<ModuleInst>,
    name: *const c_char,
) -> Handle<Function> {
    guard(Handle::NULL, || {
        // SAFETY: the caller's duty.
        unsafe { lookup(module_inst, name, ptr::null()) }.unwrap_or(Handle::NULL)
    })
}

/// As `wasm_runtime_lookup_function`; null also where the function has another signature.
#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_lookup_function_of(
    module_inst: Handle<ModuleInst>,
    name: *const c_char,
    signature: *const c_char,
) -> Handle<Function> {
    guard(Handle::NULL, || {
        // SAFETY: the caller's duty.
        unsafe { lookup(module_inst, name, signature) }.unwrap_or(Handle::NULL)
    })
}

/// An environment for calls of an instance's functions. All environments of a graph share its stack, whatever the
/// size says, which is not 0.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_create_exec_env(
    module_inst: Handle<ModuleInst>,
    stack_size: u32,
) -> Handle<ExecEnv> {
    guard(Handle::NULL, || {
        // SAFETY: the rule of handles.
        let inst = unsafe { module_inst.get() }.filter(|_| stack_size > 0);
        let env = inst.and_then(|inst| Some(inst.enter()?.add_env(inst).handle));
        env.unwrap_or(Handle::NULL)
    })
}

/// Destroys an environment.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_destroy_exec_env(exec_env: Handle<ExecEnv>) {
    guard((), || {
        // SAFETY: the rule of handles.
        if let Some(env) = unsafe { exec_env.get() }
            && let Some(entered) = env.enter()
        {
            entered.remove_env(env);
        }
    });
}

/// The environment that a graph has for itself.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_exec_env_singleton(
    module_inst: Handle<ModuleInst>,
) -> Handle<ExecEnv> {
    guard(Handle::NULL, || {
        // SAFETY: the rule of handles.
        let inst = unsafe { module_inst.get() };
        let env = inst.and_then(|inst| Some(inst.enter()?.singleton().handle));
        env.unwrap_or(Handle::NULL)
    })
}

/// The instance of an environment: in a native function, the one that called the function.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_module_inst(exec_env: Handle<ExecEnv>) -> Handle<ModuleInst> {
    guard(Handle::NULL, || {
        // SAFETY: the rule of handles.
        let inst = unsafe { exec_env.get() }.and_then(|env| env.module_inst());
        inst.map_or(Handle::NULL, |inst| inst.handle)
    })
}

/// Sets the instance of an environment, to one of the same graph.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_set_module_inst(
    exec_env: Handle<ExecEnv>,
    module_inst: Handle<ModuleInst>,
) {
    guard((), || {
        // SAFETY: the rule of handles.
        let (env, inst) = unsafe { (exec_env.get(), module_inst.get()) };
        if let (Some(env), Some(inst)) = (env, inst)
            && let Some(entered) = env.enter()
            && inst.is_of(&entered)
        {
            env.inst.set(Some(NonNull::from(inst)));
        }
    });
}

/// What the program keeps in an environment.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_set_user_data(exec_env: Handle<ExecEnv>, user_data: *mut c_void) {
    guard((), || {
        // SAFETY: the rule of handles.
        if let Some(env) = unsafe { exec_env.get() } {
            env.user_data.set(user_data);
        }
    });
}

/// What the program keeps in an environment.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_user_data(exec_env: Handle<ExecEnv>) -> *mut c_void {
    guard(ptr::null_mut(), || {
        // SAFETY: the rule of handles.
        let env = unsafe { exec_env.get() };
        env.map_or(ptr::null_mut(), |env| env.user_data.get())
    })
}

/// What the program keeps in an instance.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_set_custom_data(
    module_inst: Handle<ModuleInst>,
    custom_data: *mut c_void,
) {
    guard((), || {
        // SAFETY: the rule of handles.
        if let Some(inst) = unsafe { module_inst.get() } {
            inst.custom_data.set(custom_data);
        }
    });
}

/// What the program keeps in an instance.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_custom_data(module_inst: Handle<ModuleInst>) -> *mut c_void {
    guard(ptr::null_mut(), || {
        // SAFETY: the rule of handles.
        let inst = unsafe { module_inst.get() };
        inst.map_or(ptr::null_mut(), |inst| inst.custom_data.get())
    })
}

/// Why the last call of the graph did not end as it should: `Exception: ...`; null where it did.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_exception(module_inst: Handle<ModuleInst>) -> *const c_char {
    guard(ptr::null(), || {
        // SAFETY: the rule of handles.
        let inst = unsafe { module_inst.get() };
        let exception = inst.and_then(|inst| Some(inst.enter()?.exception()));
        exception.unwrap_or(ptr::null())
    })
}

/// Sets the exception; in a native function, it ends the guest when the function returns. Null clears it.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_set_exception(
    module_inst: Handle<ModuleInst>,
    exception: *const c_char,
) {
    guard((), || {
        // SAFETY: the rule of handles; C passes a string or null.
        unsafe {
            let Some(entered) = module_inst.get().and_then(ModuleInst::enter) else {
                return;
            };
            match exception.is_null() {
                true => entered.clear_exception(),
                false => entered.raise(&CStr::from_ptr(exception).to_string_lossy()),
            }
        }
    });
}

/// Clears the exception.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_clear_exception(module_inst: Handle<ModuleInst>) {
    // SAFETY: the caller's duty.
    guard((), || unsafe {
        wasm_runtime_set_exception(module_inst, ptr::null())
    });
}

/// The exit code of a guest that ended itself; 0 where none did.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_wasi_exit_code(module_inst: Handle<ModuleInst>) -> u32 {
    guard(0, || {
        // SAFETY: the rule of handles.
        let entered = unsafe { module_inst.get() }.and_then(ModuleInst::enter);
        entered.map_or(0, |entered| entered.exit_code())
    })
}

/// The calls that led to the last trap of the graph.
unsafe fn call_stack(exec_env: Handle<ExecEnv>) -> String {
    // SAFETY: the rule of handles.
    let entered = unsafe { exec_env.get() }.and_then(ExecEnv::enter);
    entered.map_or_else(String::new, |entered| entered.call_stack())
}

/// Prints the calls that led to the last trap.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_dump_call_stack(exec_env: Handle<ExecEnv>) {
    guard((), || {
        // SAFETY: the caller's duty.
        let text = unsafe { call_stack(exec_env) };
        super::application::print(&text);
    });
}

/// How many bytes the text of the calls takes, its zero byte included.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_call_stack_buf_size(exec_env: Handle<ExecEnv>) -> u32 {
    guard(0, || {
        // SAFETY: the caller's duty.
        let text = unsafe { call_stack(exec_env) };
        u32::try_from(text.len() + 1).unwrap_or(u32::MAX)
    })
}

/// Writes the calls that led to the last trap to a buffer; gives how many bytes it took, with the zero byte.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_dump_call_stack_to_buf(
    exec_env: Handle<ExecEnv>,
    buf: *mut c_char,
    len: u32,
) -> u32 {
    guard(0, || {
        if buf.is_null() || len == 0 {
            return 0;
        }
        // SAFETY: the caller's duty; C's buffer has the size that it says.
        unsafe {
            let text = call_stack(exec_env);
            to_c(&text, buf, len as usize);
            u32::try_from(CStr::from_ptr(buf).count_bytes() + 1).unwrap_or(len)
        }
    })
}
