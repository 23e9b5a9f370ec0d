//! Calls of guests' functions with C's arguments.

use holdall::{Val, ValType};

use super::graph::{Entered, ExecEnv, Function, ModuleInst, OfGraph};
use super::handles::Handle;
use crate::guard::guard;
use crate::room::Slots;

/// How many words of 32 bits a value takes in the arrays of `wasm_runtime_call_wasm`.
fn cells(ty: ValType) -> usize {
    match ty {
        ValType::I64 | ValType::F64 => 2,
        ValType::V128 => 4,
        _ => 1,
    }
}

/// Reads values from words of 32 bits.
///
/// # Safety
///
/// There are as many as the types take.
unsafe fn read_cells(types: &[ValType], mut from: *const u32, slots: &mut [u64]) {
    let mut slots = slots.iter_mut();
    for ty in types {
        for _ in 0..super::graph::slots(ty) {
            let slot = slots.next().expect("there is a slot for each");
            // SAFETY: the caller's duty.
            unsafe {
                if cells(*ty) == 1 {
                    *slot = u64::from(from.read());
                    from = from.add(1);
                } else {
                    *slot = from.cast::<u64>().read_unaligned();
                    from = from.add(2);
                }
            }
        }
    }
}

/// Writes values to words of 32 bits.
///
/// # Safety
///
/// There is room for as many as the types take.
unsafe fn write_cells(types: &[ValType], slots: &[u64], mut to: *mut u32) {
    let mut slots = slots.iter();
    for ty in types {
        for _ in 0..super::graph::slots(ty) {
            let slot = *slots.next().expect("there is a slot for each");
            // SAFETY: the caller's duty.
            unsafe {
                if cells(*ty) == 1 {
                    to.write(slot as u32);
                    to = to.add(1);
                } else {
                    to.cast::<u64>().write_unaligned(slot);
                    to = to.add(2);
                }
            }
        }
    }
}

/// Calls a function with slots that `fill` writes and `take` reads. False, with the exception set, where it did
/// not end as it should.
#[inline]
fn call(
    entered: &Entered<'_>,
    env: &ExecEnv,
    function: &Function,
    fill: impl FnOnce(&mut [u64]),
    take: impl FnOnce(&[u64]),
) -> bool {
    let Some(count) = function.slots else {
        return fault(
            entered,
            "the function takes or gives references: call it with wasm_application_execute_func",
        );
    };
    let mut slots = Slots::new();
    let slots = slots.of(count);
    fill(slots);
    // SAFETY: the slots are as many as the function has, and `fill` wrote numbers of its parameters' types.
    let ends = unsafe { entered.call(env, function, slots) };
    if ends {
        take(slots);
    }
    ends
}

/// Notes that a call was not made; false. What a native function has set before stays.
#[cold]
fn fault(entered: &Entered<'_>, text: &str) -> bool {
    if entered.may_call() {
        entered.raise(&text);
    }
    false
}

/// The environment and the function, where they are of one graph, which the thread may use.
///
/// # Safety
///
/// The rule of handles.
#[inline]
unsafe fn both<'a>(
    exec_env: Handle<ExecEnv>,
    function: Handle<Function>,
) -> Option<(Entered<'a>, &'a ExecEnv, &'a Function)> {
    // SAFETY: the caller's duty.
    let env = unsafe { exec_env.get() }?;
    let entered = env.enter()?;
    // SAFETY: the caller's duty.
    match unsafe { function.get() } {
        Some(function) if function.is_of(&entered) => Some((entered, env, function)),
        Some(_) => {
            fault(
                &entered,
                "the function is of another instance than the execution environment",
            );
            None
        }
        None => {
            fault(&entered, "the function is null, or is gone");
            None
        }
    }
}

/// Calls a function with its arguments in words of 32 bits, where the results will be. False, with the exception
/// set, where the guest does not return.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_call_wasm(
    exec_env: Handle<ExecEnv>,
    function: Handle<Function>,
    argc: u32,
    argv: *mut u32,
) -> bool {
    guard(false, || {
        // SAFETY: the rule of handles.
        let Some((entered, env, function)) = (unsafe { both(exec_env, function) }) else {
            return false;
        };
        call_cells(&entered, env, function, argc, argv)
    })
}

fn call_cells(
    entered: &Entered<'_>,
    env: &ExecEnv,
    function: &Function,
    argc: u32,
    argv: *mut u32,
) -> bool {
    let expected: usize = function.params.iter().map(|ty| cells(*ty)).sum();
    if (argc as usize) < expected {
        let text = format!("invalid argument count {argc}, must be no smaller than {expected}");
        return fault(entered, &text);
    }
    if argv.is_null() && !(function.params.is_empty() && function.results.is_empty()) {
        return fault(entered, "argv is null");
    }
    call(
        entered,
        env,
        function,
        // SAFETY: C passes as many words as it says, which are enough.
        |slots| unsafe { read_cells(&function.params, argv, slots) },
        // SAFETY: C has room for the results there, as the header says.
        |slots| unsafe { write_cells(&function.results, slots, argv) },
    )
}

/// A value with its type, as C has it.
#[repr(C)]
#[derive(Clone, Copy)]
struct WasmVal {
    kind: u8,
    _padding: [u8; 7],
    of: u64,
}

/// `wasm_valkind_t` of a type.
pub(super) fn kind(ty: ValType) -> u8 {
    match ty {
        ValType::I32 => 0,
        ValType::I64 => 1,
        ValType::F32 => 2,
        ValType::F64 => 3,
        ValType::V128 => 4,
        ValType::Ref(ty) => match ty.heap.kind() {
            holdall::RefKind::Func => 129,
            _ => 128,
        },
    }
}

fn is_wide(ty: &ValType) -> bool {
    matches!(ty, ValType::I64 | ValType::F64)
}

/// Calls a function with arguments and results that have their types. False, with the exception set, where the
/// guest does not return, or the values do not fit.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_call_wasm_a(
    exec_env: Handle<ExecEnv>,
    function: Handle<Function>,
    num_results: u32,
    results: *mut WasmVal,
    num_args: u32,
    args: *const WasmVal,
) -> bool {
    guard(false, || {
        // SAFETY: the rule of handles.
        let Some((entered, env, function)) = (unsafe { both(exec_env, function) }) else {
            return false;
        };
        for (what, expected, found) in [
            ("argument", function.params.len(), num_args as usize),
            ("result", function.results.len(), num_results as usize),
        ] {
            if expected != found {
                return fault(
                    &entered,
                    &format!("invalid {what} count: expected {expected}, found {found}"),
                );
            }
        }
        if function
            .params
            .iter()
            .chain(&function.results)
            .any(|ty| *ty == ValType::V128)
        {
            return fault(
                &entered,
                "the values of this call have no room for a v128: use wasm_runtime_call_wasm",
            );
        }
        if (args.is_null() && num_args > 0) || (results.is_null() && num_results > 0) {
            return fault(&entered, "the arguments or the results are null");
        }
        let args = match num_args {
            0 => &[],
            // SAFETY: C passes as many arguments as it says.
            _ => unsafe { std::slice::from_raw_parts(args, num_args as usize) },
        };
        for (index, (arg, ty)) in args.iter().zip(&function.params).enumerate() {
            if arg.kind != kind(*ty) {
                return fault(
                    &entered,
                    &format!(
                        "invalid argument {index}: expected {ty}, found kind {}",
                        arg.kind
                    ),
                );
            }
        }
        call(
            &entered,
            env,
            function,
            |slots| {
                for ((slot, arg), ty) in slots.iter_mut().zip(args).zip(&function.params) {
                    // On a machine of the other byte order the low half would be elsewhere.
                    *slot = if is_wide(ty) {
                        arg.of
                    } else {
                        u64::from(narrow(arg.of))
                    };
                }
            },
            |slots| {
                for (index, (ty, slot)) in function.results.iter().zip(slots).enumerate() {
                    let value = WasmVal {
                        kind: kind(*ty),
                        _padding: [0; 7],
                        of: if is_wide(ty) {
                            *slot
                        } else {
                            widen(*slot as u32)
                        },
                    };
                    // SAFETY: C has room for as many results as it says, which is how many there are.
                    unsafe { results.add(index).write(value) };
                }
            },
        )
    })
}

/// The 32-bit member of a union of 64 bits.
fn narrow(of: u64) -> u32 {
    let [a, b, c, d, ..] = of.to_ne_bytes();
    u32::from_ne_bytes([a, b, c, d])
}

/// A union of 64 bits with this 32-bit member.
fn widen(value: u32) -> u64 {
    let [a, b, c, d] = value.to_ne_bytes();
    u64::from_ne_bytes([a, b, c, d, 0, 0, 0, 0])
}

/// Calls the function at an index of the instance's first table, as `wasm_runtime_call_wasm` does.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_call_indirect(
    exec_env: Handle<ExecEnv>,
    element_index: u32,
    argc: u32,
    argv: *mut u32,
) -> bool {
    guard(false, || {
        // SAFETY: the rule of handles.
        let Some(env) = (unsafe { exec_env.get() }) else {
            return false;
        };
        let (Some(entered), Some(inst)) = (env.enter(), env.module_inst()) else {
            return false;
        };
        let element = entered.with(|store| {
            let table = inst.instance.table_at(&store, 0)?;
            table.get(&store, u64::from(element_index))
        });
        match element {
            Some(Val::FuncRef(Some(func))) => {
                let function = entered.function(func);
                call_cells(&entered, env, function, argc, argv)
            }
            Some(_) => fault(&entered, "uninitialized element"),
            None => fault(&entered, "undefined element"),
        }
    })
}

/// The function of a handle.
///
/// # Safety
///
/// The rule of handles.
unsafe fn types<R>(function: Handle<Function>, body: impl FnOnce(&Function) -> R) -> Option<R> {
    // SAFETY: the caller's duty.
    unsafe { function.get() }.map(body)
}

/// How many parameters a function has.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_get_param_count(
    function: Handle<Function>,
    _: Handle<ModuleInst>,
) -> u32 {
    guard(0, || {
        // SAFETY: the caller's duty.
        unsafe { types(function, |it| it.params.len() as u32) }.unwrap_or(0)
    })
}

/// How many results a function has.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_get_result_count(
    function: Handle<Function>,
    _: Handle<ModuleInst>,
) -> u32 {
    guard(0, || {
        // SAFETY: the caller's duty.
        unsafe { types(function, |it| it.results.len() as u32) }.unwrap_or(0)
    })
}

/// # Safety
///
/// `to` is null, or has room for as many kinds.
unsafe fn write_kinds(types: &[ValType], to: *mut u8) {
    if to.is_null() {
        return;
    }
    for (index, ty) in types.iter().enumerate() {
        // SAFETY: the caller's duty.
        unsafe { to.add(index).write(kind(*ty)) };
    }
}

/// The kinds of a function's parameters.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_get_param_types(
    function: Handle<Function>,
    _: Handle<ModuleInst>,
    param_types: *mut u8,
) {
    guard((), || {
        // SAFETY: the caller's duty.
        _ = unsafe { types(function, |it| write_kinds(&it.params, param_types)) }
    });
}

/// The kinds of a function's results.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_get_result_types(
    function: Handle<Function>,
    _: Handle<ModuleInst>,
    result_types: *mut u8,
) {
    guard((), || {
        // SAFETY: the caller's duty.
        _ = unsafe { types(function, |it| write_kinds(&it.results, result_types)) }
    });
}
