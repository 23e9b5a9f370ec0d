//! A module in holdall.

use std::collections::HashMap;

use holdall::{
    Config, Engine, Extern, ExternType, Func, Global, Instance, Lowering, Memory, Module, RefKind,
    Store, Table, Tag, Trap, TrapCode, Val, ValType,
};

use super::seen::{self, Bits, Hierarchy, HostCalls, ROUNDS, Seen, Stop, Ty, of_call, values};

/// The configuration of one of the ways that there are to run a module: `way` is any number.
#[must_use]
pub fn config(way: u64) -> Config {
    let mut config = Config::new()
        .canonical_nans(true)
        .stack_size_bytes(8 << 20)
        .metering(way & 1 != 0);
    if way & 2 != 0 {
        config = config.lowering(Lowering::Eager);
    }
    if way & 12 == 12 {
        config = config.near_operands(2);
    }
    config
}

/// Runs a module, with this much fuel if the configuration has metering; `None` where an import has a type
/// without a value that the host could give.
///
/// # Errors
/// What no module should meet.
pub fn run(bytes: &[u8], config: &Config, fuel: u64) -> anyhow::Result<Option<Seen>> {
    let engine = Engine::new(config.clone());
    let module = Module::new(&engine, bytes)?;
    let mut store = Store::new(&engine, HostCalls::new());
    // Refused where nothing is metered.
    let _ = store.set_fuel(fuel);
    let mut imports = Vec::new();
    // Counted for each kind by itself, because only that order is the same in both machines.
    let mut counts = HashMap::new();
    for import in module.imports() {
        let index: &mut usize = counts.entry(import.ty.kind()).or_default();
        let Some(item) = imported(&mut store, *index, &import.ty)? else {
            return Ok(None);
        };
        *index += 1;
        imports.push(item);
    }
    let mut seen = Seen::default();
    let instance = Instance::new(&mut store, &module, &imports);
    let outcome = instance.as_ref().map(|_| Vec::new()).map_err(stop);
    seen.calls.push(("(instantiation)".to_owned(), outcome));
    let failure = instance.as_ref().err();
    seen.details.push((failure.map(text), store.fuel()));
    if let Ok(instance) = instance {
        let mut names: Vec<&str> = module.exports().map(|export| export.name).collect();
        names.sort_unstable();
        calls(&names, &mut store, instance, &mut seen)?;
        state(&names, &store, instance, &mut seen);
    }
    seen.host = store.into_data();
    Ok(Some(seen))
}

fn calls(
    names: &[&str],
    store: &mut Store<HostCalls>,
    instance: Instance,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    for round in 0..ROUNDS {
        for (index, name) in names.iter().enumerate() {
            let Some(Extern::Func(func)) = instance.get_export(&*store, name) else {
                continue;
            };
            let ty = func.ty(&*store);
            let params: Vec<Ty> = ty.params().iter().map(|ty| ty_of(*ty)).collect();
            let Some(args) = values(&params, of_call(round, index)) else {
                continue;
            };
            let args: Vec<Val> = args.iter().map(value).collect();
            let nulls = ty.results().iter().map(|ty| Val::default_of(*ty));
            let mut results: Vec<Val> = nulls.collect();
            let outcome = func.call(&mut *store, &args, &mut results);
            let failure = outcome.as_ref().err();
            seen.details.push((failure.map(text), store.fuel()));
            let outcome = match outcome {
                Ok(()) => Ok(results.iter().map(bits).collect()),
                Err(error) => Err(stop(&error)),
            };
            seen.calls.push(((*name).to_owned(), outcome));
        }
    }
    Ok(())
}

fn state(names: &[&str], store: &Store<HostCalls>, instance: Instance, seen: &mut Seen) {
    for name in names {
        let export = instance.get_export(store, name);
        match export.expect("the module exports it") {
            Extern::Memory(memory) => {
                let data = memory.data(store);
                let hash = seen::hash(data);
                seen.memories.push(((*name).to_owned(), data.len(), hash));
            }
            Extern::Global(global) => {
                let value = bits(&global.get(store));
                seen.globals.push(((*name).to_owned(), value));
            }
            Extern::Table(table) => {
                let elements = (0..table.size(store)).map(|at| {
                    let element = table.get(store, at).expect("it is in bounds");
                    matches!(bits(&element), Bits::Ref { null: true, .. })
                });
                seen.tables.push(((*name).to_owned(), elements.collect()));
            }
            Extern::Func(_) | Extern::Tag(_) => {}
        }
    }
}

/// Something for an import; `None` where its type has no value that the host could give.
fn imported(
    store: &mut Store<HostCalls>,
    index: usize,
    ty: &ExternType,
) -> anyhow::Result<Option<Extern>> {
    Ok(Some(match ty {
        ExternType::Func(ty) => {
            let results: Vec<Ty> = ty.results().iter().map(|ty| ty_of(*ty)).collect();
            if results.contains(&Ty::NonNull) {
                return Ok(None);
            }
            let body = move |mut caller: holdall::Caller<'_, HostCalls>,
                             args: &[Val],
                             out: &mut [Val]|
                  -> anyhow::Result<()> {
                let calls = caller.data_mut();
                calls.push((index, args.iter().map(bits).collect()));
                let given = values(&results, calls.len() as u64).expect("no type is non-null");
                for (out, bits) in out.iter_mut().zip(&given) {
                    *out = value(bits);
                }
                Ok(())
            };
            Func::new(store, ty.clone(), body).into()
        }
        ExternType::Global(ty) => {
            let Some(given) = values(&[ty_of(ty.content)], index as u64) else {
                return Ok(None);
            };
            Global::new(store, *ty, value(&given[0]))?.into()
        }
        ExternType::Memory(ty) => Memory::new(store, *ty)?.into(),
        ExternType::Tag(ty) => Tag::new(store, ty)?.into(),
        ExternType::Table(ty) => {
            let element = ValType::Ref(ty.element);
            if ty_of(element) == Ty::NonNull {
                return Ok(None);
            }
            Table::new(store, *ty, Val::default_of(element))?.into()
        }
    }))
}

fn ty_of(ty: ValType) -> Ty {
    match ty {
        ValType::I32 => Ty::I32,
        ValType::I64 => Ty::I64,
        ValType::F32 => Ty::F32,
        ValType::F64 => Ty::F64,
        ValType::V128 => Ty::V128,
        ValType::Ref(ty) if !ty.nullable => Ty::NonNull,
        ValType::Ref(ty) => Ty::Ref(match ty.heap.kind() {
            RefKind::Func => Hierarchy::Func,
            RefKind::Extern => Hierarchy::Extern,
            RefKind::Exn => Hierarchy::Exn,
        }),
    }
}

fn value(bits: &Bits) -> Val {
    match *bits {
        Bits::I32(bits) => Val::I32(bits as i32),
        Bits::I64(bits) => Val::I64(bits as i64),
        Bits::F32(bits) => Val::F32(bits),
        Bits::F64(bits) => Val::F64(bits),
        Bits::V128(bits) => Val::V128(bits),
        Bits::Ref { of, .. } => match of {
            Hierarchy::Func => Val::FuncRef(None),
            Hierarchy::Extern => Val::ExternRef(None),
            Hierarchy::Exn => Val::ExnRef(None),
        },
    }
}

fn bits(value: &Val) -> Bits {
    let reference = |of, null| Bits::Ref { of, null };
    match *value {
        Val::I32(value) => Bits::I32(value as u32),
        Val::I64(value) => Bits::I64(value as u64),
        Val::F32(bits) => Bits::F32(bits),
        Val::F64(bits) => Bits::F64(bits),
        Val::V128(bits) => Bits::V128(bits),
        Val::FuncRef(value) => reference(Hierarchy::Func, value.is_none()),
        Val::ExternRef(value) => reference(Hierarchy::Extern, value.is_none()),
        Val::ExnRef(value) => reference(Hierarchy::Exn, value.is_none()),
    }
}

/// The text of an error, with its backtrace. A charge of fuel is made for a whole loop, in which native and
/// lowered code name another place.
fn text(error: &holdall::Error) -> String {
    let text = error.to_string();
    match error.trap().map(Trap::code) {
        Some(TrapCode::OutOfFuel) => text.split(" @ ").next().unwrap_or_default().to_owned(),
        _ => text,
    }
}

fn stop(error: &holdall::Error) -> Stop {
    if let Some(exception) = error.exception() {
        return Stop::Exception(exception.values().iter().map(bits).collect());
    }
    match error.trap().map(Trap::code) {
        Some(TrapCode::CallStackExhausted | TrapCode::OutOfMemory) => Stop::Exhausted,
        Some(TrapCode::UndefinedElement) => Stop::Trap(TrapCode::OutOfBoundsTableAccess.message()),
        Some(TrapCode::NullFunctionReference | TrapCode::NullExceptionReference) => {
            Stop::Trap(TrapCode::NullReference.message())
        }
        Some(code) => Stop::Trap(code.message()),
        None => Stop::Other(error.to_string()),
    }
}
