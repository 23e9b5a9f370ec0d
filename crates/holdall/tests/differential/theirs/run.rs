//! A case in either version of wasmi, which the enclosing module calls `machine`.

use std::collections::HashMap;
use std::mem::discriminant;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::machine::{
    Caller, CompilationMode, Config, Engine, Error, Extern, ExternType, Func, Global, Instance,
    Memory, Module, Store, Table, TrapCode, Val, ValType,
};
use super::{Nullness, is_null, null_table};
use crate::case::{
    self, Bits, Call, Case, FUEL, Seen, Stop, TABLE_BOUNDS, Ty, arguments, host_results,
};

type HostCalls = Vec<(usize, Vec<Bits>)>;

/// Runs the case; `None` where wasmi cannot, because its translator panics on the module.
pub fn run(case: &Case) -> Option<Result<Seen, String>> {
    let mut config = Config::default();
    // Eager, because a panic at the first call of a function would abort the process.
    config.compilation_mode(CompilationMode::Eager);
    config.wasm_tail_call(true).wasm_extended_const(true);
    config
        .wasm_wide_arithmetic(true)
        .wasm_custom_page_sizes(true);
    config.wasm_multi_memory(true).wasm_memory64(true);
    config
        .set_max_recursion_depth(100_000)
        .set_max_stack_height(8 << 20);
    let engine = Engine::new(&config);
    let load = AssertUnwindSafe(|| Module::new(&engine, &case.bytes));
    let module = catch_unwind(load).ok()?;
    Some(run_module(case, &engine, &module))
}

fn run_module(
    case: &Case,
    engine: &Engine,
    module: &Result<Module, Error>,
) -> Result<Seen, String> {
    let module = module.as_ref().map_err(ToString::to_string)?;
    let mut store = Store::new(engine, HostCalls::new());
    let mut seen = Seen::default();

    let mut imports = Vec::new();
    // Counted for each kind by itself, because only that order is the same in both machines.
    let mut counts = HashMap::new();
    for import in module.imports() {
        let index: &mut usize = counts.entry(discriminant(import.ty())).or_default();
        let item = imported(&mut store, *index, import.ty()).map_err(|error| error.to_string())?;
        *index += 1;
        imports.push(item);
    }
    let instance = Instance::new(&mut store, module, &imports);
    let outcome = instance.as_ref().map(|_| Vec::new()).map_err(stop);
    seen.calls.push(Call::instantiation(outcome));
    if let Ok(instance) = instance {
        calls(case, module, &mut store, instance, &mut seen);
        state(module, &store, instance, &mut seen);
    }
    seen.host = store.into_data();
    Ok(seen)
}

/// The names of the exports in an order of our own, for each machine has its own.
fn names(module: &Module) -> Vec<&str> {
    let mut names: Vec<&str> = module.exports().map(|export| export.name()).collect();
    names.sort_unstable();
    names
}

fn calls(
    case: &Case,
    module: &Module,
    store: &mut Store<HostCalls>,
    instance: Instance,
    seen: &mut Seen,
) {
    for round in 0..case.rounds {
        for (index, name) in names(module).into_iter().enumerate() {
            let Some(func) = instance.get_func(&*store, name) else {
                continue;
            };
            if let Some(fuel) = instance.get_global(&*store, FUEL) {
                fuel.set(&mut *store, Val::I32(case.fuel))
                    .expect("fuel is a mutable i32");
            }
            let ty = func.ty(&*store);
            let params: Vec<Ty> = ty.params().iter().map(|ty| ty_of(*ty)).collect();
            let args = arguments(case, round, index, &params);
            let values: Vec<Val> = args.iter().map(value).collect();
            let mut results = vec![Val::I32(0); ty.results().len()];
            let outcome = match func.call(&mut *store, &values, &mut results) {
                Ok(()) => Ok(results.iter().map(bits).collect()),
                Err(error) => Err(stop(&error)),
            };
            let name = name.to_owned();
            let call = Call {
                name,
                args,
                outcome,
            };
            let is_exhausted = call.is_exhausted();
            seen.calls.push(call);
            if is_exhausted {
                return;
            }
        }
    }
}

fn state(module: &Module, store: &Store<HostCalls>, instance: Instance, seen: &mut Seen) {
    for name in names(module) {
        match instance
            .get_export(store, name)
            .expect("the module exports it")
        {
            Extern::Memory(memory) => {
                let data = memory.data(store);
                seen.memories
                    .push((name.to_owned(), data.len(), case::hash(data)));
            }
            Extern::Global(global) => seen
                .globals
                .push((name.to_owned(), bits(&global.get(store)))),
            Extern::Table(table) => {
                let elements = (0..table.size(store))
                    .map(|at| is_null(&table.get(store, at).expect("below the size")));
                seen.tables.push((name.to_owned(), elements.collect()));
            }
            Extern::Func(_) => {}
        }
    }
}

fn imported(store: &mut Store<HostCalls>, index: usize, ty: &ExternType) -> Result<Extern, Error> {
    Ok(match ty {
        ExternType::Func(ty) => {
            let results: Vec<Ty> = ty.results().iter().map(|ty| ty_of(*ty)).collect();
            let body = move |mut caller: Caller<'_, HostCalls>, args: &[Val], out: &mut [Val]| {
                let calls = caller.data_mut();
                calls.push((index, args.iter().map(bits).collect()));
                for (out, bits) in out.iter_mut().zip(host_results(&results, calls.len())) {
                    *out = value(&bits);
                }
                Ok(())
            };
            Func::new(store, ty.clone(), body).into()
        }
        ExternType::Global(ty) => {
            let bits = host_results(&[ty_of(ty.content())], index)[0];
            Global::new(store, value(&bits), ty.mutability()).into()
        }
        ExternType::Memory(ty) => Memory::new(store, *ty)?.into(),
        ExternType::Table(ty) => Table::new(store, *ty, null_table(*ty))?.into(),
    })
}

fn ty_of(ty: ValType) -> Ty {
    match ty {
        ValType::I32 => Ty::I32,
        ValType::I64 => Ty::I64,
        ValType::F32 => Ty::F32,
        ValType::F64 => Ty::F64,
        ValType::FuncRef => Ty::FuncRef,
        ValType::ExternRef => Ty::ExternRef,
        ValType::V128 => panic!("no case has vectors"),
    }
}

fn value(bits: &Bits) -> Val {
    match *bits {
        Bits::I32(bits) => Val::I32(bits as i32),
        Bits::I64(bits) => Val::I64(bits as i64),
        Bits::F32(bits) => Val::F32(f32::from_bits(bits).into()),
        Bits::F64(bits) => Val::F64(f64::from_bits(bits).into()),
        Bits::FuncRef { .. } => Val::FuncRef(Nullness::Null),
        Bits::ExternRef { .. } => Val::ExternRef(Nullness::Null),
    }
}

fn bits(value: &Val) -> Bits {
    match value {
        Val::I32(value) => Bits::I32(*value as u32),
        Val::I64(value) => Bits::I64(*value as u64),
        Val::F32(value) => Bits::F32(value.to_bits()),
        Val::F64(value) => Bits::F64(value.to_bits()),
        Val::FuncRef(value) => Bits::FuncRef {
            null: value.is_null(),
        },
        Val::ExternRef(value) => Bits::ExternRef {
            null: value.is_null(),
        },
        Val::V128(_) => panic!("no case has vectors"),
    }
}

fn stop(error: &Error) -> Stop {
    Stop::Trap(match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => "unreachable",
        Some(TrapCode::MemoryOutOfBounds) => "out of bounds memory access",
        Some(TrapCode::TableOutOfBounds) => TABLE_BOUNDS,
        Some(TrapCode::IndirectCallToNull) => "uninitialized element",
        Some(TrapCode::IntegerDivisionByZero) => "integer divide by zero",
        Some(TrapCode::IntegerOverflow) => "integer overflow",
        Some(TrapCode::BadConversionToInteger) => "invalid conversion to integer",
        Some(TrapCode::BadSignature) => "indirect call type mismatch",
        Some(TrapCode::StackOverflow) => return Stop::Exhausted,
        // An element segment that does not fit is an error of another kind in wasmi.
        _ if error.to_string().starts_with(TABLE_BOUNDS) => TABLE_BOUNDS,
        _ => return Stop::Other(error.to_string()),
    })
}
