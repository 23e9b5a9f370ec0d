//! `wasm_application_execute_main` and `wasm_application_execute_func`: calls as a command line makes them.

use std::ffi::{CStr, CString, c_char, c_int};

use holdall::text::{format_results, parse_args};
use holdall::{Val, ValType};

use super::addresses;
use super::ends::chain;
use super::graph::{Entered, Function, ModuleInst, OfGraph};
use super::handles::Handle;
use super::instances::find_func;
use crate::guard::guard;
use crate::text::from_c;

unsafe extern "C" {
    /// C's own, so that the text stands between what the program prints before and after.
    fn printf(format: *const c_char, ...) -> c_int;
}

/// Prints a text to C's standard output.
pub(super) fn print(text: &str) {
    if let Ok(text) = CString::new(text.replace('\0', "")) {
        // SAFETY: both texts end with a zero byte, and the format takes one.
        unsafe { printf(c"%s".as_ptr(), text.as_ptr()) };
    }
}

/// The arguments that C passes, as texts.
///
/// # Safety
///
/// There are `argc` strings, or nulls, at `argv`.
unsafe fn texts<'a>(argc: i32, argv: *const *const c_char) -> Result<Vec<&'a str>, String> {
    let count = usize::try_from(argc).map_err(|_| "invalid input argument count".to_owned())?;
    if argv.is_null() && count > 0 {
        return Err("invalid input argument 0".to_owned());
    }
    let text = |index: usize| {
        // SAFETY: the caller's duty.
        let text = unsafe { from_c(*argv.add(index)) };
        text.ok_or_else(|| format!("invalid input argument {index}"))
    };
    (0..count).map(text).collect()
}

/// Calls a function with arguments in text; gives its results in text.
fn execute(
    entered: &Entered<'_>,
    inst: &ModuleInst,
    name: &str,
    args: &[&str],
) -> Result<String, String> {
    let func =
        find_func(entered, inst, name).ok_or_else(|| format!("lookup function {name} failed"))?;
    let called = entered.with(|mut store| {
        let ty = func.ty(&store);
        let args = parse_args(&mut store, &ty, args).map_err(|error| Err(error.to_string()))?;
        let mut results: Vec<Val> = ty.results().iter().copied().map(Val::default_of).collect();
        func.call(&mut store, &args, &mut results).map_err(Ok)?;
        Ok(format_results(&store, &results))
    });
    called.or_else(|error| match error {
        Ok(error) if entered.ended(&error) => Ok(String::new()),
        Ok(error) => Err(chain(&error)),
        Err(text) => Err(text),
    })
}

/// An instance that the thread may use, and whose functions may be called now.
///
/// # Safety
///
/// The rule of handles.
unsafe fn enter_to_call<'a>(
    module_inst: Handle<ModuleInst>,
) -> Option<(&'a ModuleInst, Entered<'a>)> {
    // SAFETY: the caller's duty.
    let inst = unsafe { module_inst.get() }?;
    let entered = inst.enter()?;
    entered.may_call().then_some((inst, entered))
}

/// Calls a function, or `$module$function`, with arguments in text, and prints its results, or the exception.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_application_execute_func(
    module_inst: Handle<ModuleInst>,
    name: *const c_char,
    argc: i32,
    argv: *const *const c_char,
) -> bool {
    guard(false, || {
        // SAFETY: the rule of handles.
        let Some((inst, entered)) = (unsafe { enter_to_call(module_inst) }) else {
            return false;
        };
        // SAFETY: C passes a string or null, and as many arguments as it says.
        let (name, args) = unsafe { (from_c(name), texts(argc, argv)) };
        let called = match (name, args) {
            (None, _) => Err("lookup function failed: its name is null or no UTF-8".to_owned()),
            (_, Err(text)) => Err(text),
            (Some(name), Ok(args)) => execute(&entered, inst, name, &args),
        };
        let ends = called.is_ok();
        match called {
            Ok(results) => print(&format!("{results}\n")),
            Err(text) => {
                // A trap has set the exception already.
                if entered.exception().is_null() {
                    entered.raise(&text);
                }
                // SAFETY: it was just set, or before.
                let text = unsafe { CStr::from_ptr(entered.exception()) };
                print(&format!("{}\n", text.to_string_lossy()));
            }
        }
        ends
    })
}

/// The function with which a program begins, and whether it takes arguments.
fn main_function<'a>(
    entered: &'a Entered<'_>,
    inst: &ModuleInst,
) -> Result<(&'a Function, bool), &'static str> {
    let find = |name| find_func(entered, inst, name);
    if let Some(start) = find("_start") {
        return Ok((entered.function(start), false));
    }
    let main = ["main", "__main_argc_argv", "_main"]
        .into_iter()
        .find_map(find);
    let main = main.ok_or(
        "lookup the entry point symbol (like _start, main, _main, __main_argc_argv) failed",
    )?;
    let main = entered.function(main);
    let takes = match &*main.params {
        [] => false,
        [ValType::I32, ValType::I32] => true,
        _ => return Err("invalid function type of main function"),
    };
    match &*main.results {
        [] | [ValType::I32] => Ok((main, takes)),
        _ => Err("invalid function type of main function"),
    }
}

/// The arguments, in the guest's memory: a block with the texts, and the address of the addresses of them.
fn lend_args(
    inst: &ModuleInst,
    entered: &Entered<'_>,
    args: &[&CStr],
) -> Result<(u64, u64), &'static str> {
    const NO_ROOM: &str = "allocate memory failed";
    let texts: usize = args.iter().map(|arg| arg.count_bytes() + 1).sum();
    let texts = texts.next_multiple_of(4);
    let size = texts + 4 * args.len().max(1);
    let block = addresses::allocate(inst, entered, size as u64).ok_or(NO_ROOM)?;
    let at = u32::try_from(block).map_err(|_| NO_ROOM)?;
    let mut bytes = vec![0; size];
    let mut text = 0;
    for (index, arg) in args.iter().enumerate() {
        let arg = arg.to_bytes_with_nul();
        bytes[text..text + arg.len()].copy_from_slice(arg);
        let address = at + text as u32;
        bytes[texts + 4 * index..][..4].copy_from_slice(&address.to_le_bytes());
        text += arg.len();
    }
    let memory = inst.memory.ok_or(NO_ROOM)?;
    let written = entered.with(|store| memory.write(store, block as usize, &bytes));
    written.map_err(|_| NO_ROOM)?;
    Ok((block, block + texts as u64))
}

fn execute_main(
    entered: &Entered<'_>,
    inst: &ModuleInst,
    args: &[&CStr],
) -> Result<Option<i32>, &'static str> {
    let (main, takes) = main_function(entered, inst)?;
    let mut slots = [0; 2];
    let mut block = None;
    if takes {
        let (texts, addresses) = lend_args(inst, entered, args)?;
        block = Some(texts);
        slots = [args.len() as u64, addresses];
    }
    // SAFETY: the function has at most two numbers of 32 bits as parameters, and at most one as its result.
    let ends = unsafe { entered.call(entered.singleton(), main, &mut slots) };
    if let Some(block) = block {
        addresses::free(inst, entered, block);
    }
    match ends {
        false => Err(""),
        true => Ok((!main.results.is_empty()).then_some((slots[0] as u32).cast_signed())),
    }
}

/// Runs a program: `_start`, or else `main` with these arguments, whose result replaces the first of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_application_execute_main(
    module_inst: Handle<ModuleInst>,
    argc: i32,
    argv: *mut *mut c_char,
) -> bool {
    guard(false, || {
        // SAFETY: the rule of handles.
        let Some((inst, entered)) = (unsafe { enter_to_call(module_inst) }) else {
            return false;
        };
        let count = if argv.is_null() {
            0
        } else {
            usize::try_from(argc).unwrap_or(0)
        };
        // SAFETY: C passes as many strings as it says.
        let args = (0..count).map(|index| unsafe { *argv.add(index) });
        let args = args.take_while(|arg| !arg.is_null());
        // SAFETY: as above.
        let args: Vec<&CStr> = args.map(|arg| unsafe { CStr::from_ptr(arg) }).collect();
        match execute_main(&entered, inst, &args) {
            Ok(result) => {
                if let Some(result) = result
                    && count > 0
                {
                    // SAFETY: there is at least one pointer, which is not smaller.
                    unsafe { argv.cast::<c_int>().write(result) };
                }
                true
            }
            Err(text) => {
                if entered.exception().is_null() {
                    entered.raise(&text);
                }
                false
            }
        }
    })
}

/// Whether a module takes WASI for its host: whether it has the function with which commands begin, or imports WASI.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_is_wasi_mode(module_inst: Handle<ModuleInst>) -> bool {
    guard(false, || {
        // SAFETY: the rule of handles.
        let Some(inst) = (unsafe { module_inst.get() }) else {
            return false;
        };
        let Some(entered) = inst.enter() else {
            return false;
        };
        let module = entered.with(|store| inst.instance.module(&store));
        module
            .imports()
            .any(|import| import.module.starts_with("wasi_"))
    })
}

/// The function `_start`; null where there is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_lookup_wasi_start_function(
    module_inst: Handle<ModuleInst>,
) -> Handle<Function> {
    guard(Handle::NULL, || {
        // SAFETY: the rule of handles.
        let Some(inst) = (unsafe { module_inst.get() }) else {
            return Handle::NULL;
        };
        let Some(entered) = inst.enter() else {
            return Handle::NULL;
        };
        let start = find_func(&entered, inst, "_start");
        start.map_or(Handle::NULL, |start| entered.function(start).handle)
    })
}
