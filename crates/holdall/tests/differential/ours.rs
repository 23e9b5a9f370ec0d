//! A case in holdall.

use std::collections::HashMap;
use std::time::Duration;

use holdall::{
    Caller, Config, Engine, Extern, ExternType, Func, Global, Instance, Limits, Lowering, Memory,
    Module, RefKind, Store, Table, Tag, TrapCode, Val, ValType,
};

use crate::case::{
    self, Bits, Call, Case, FUEL, Seen, Stop, TABLE_BOUNDS, Ty, arguments, host_results,
};

/// A deadline that no case meets.
const A_LONG_TIME: Duration = Duration::from_secs(3600);

type HostCalls = Vec<(usize, Vec<Bits>)>;

/// The ways in which a case is executed, the first of all the plain one: every other case has its functions
/// lowered at once. Every third is metered too, with its functions lowered the other way, and sometimes with
/// frames that code words do not reach across. That number is odd, so that both ways of lowering are metered.
pub fn ways(seed: u64) -> Vec<(&'static str, Config)> {
    let (plain, other) = match seed.is_multiple_of(2) {
        true => (Lowering::Lazy, Lowering::Eager),
        false => (Lowering::Eager, Lowering::Lazy),
    };
    let config = || Config::new().stack_size_bytes(8 << 20);
    let mut ways = vec![("plain", config().lowering(plain))];
    if seed.is_multiple_of(3) {
        let limits = Limits::new().fuel(u64::MAX).timeout(A_LONG_TIME);
        let near = if seed.is_multiple_of(9) { 2 } else { u16::MAX };
        let metered = config().lowering(other).metering(true).limits(limits);
        ways.push(("metered", metered.near_operands(near)));
    }
    #[cfg(feature = "native")]
    {
        let native = config().native(true).metering(seed.is_multiple_of(3));
        let mut mixed = native.clone();
        mixed.native_seed = Some(seed);
        ways.extend([("native", native), ("mixed", mixed)]);
    }
    ways
}

/// Runs the case.
pub fn run(case: &Case, config: Config) -> Result<Seen, String> {
    let engine = Engine::new(config);
    let bytes = case.bytes.clone();
    let module = Module::new(&engine, bytes).map_err(|error| error.to_string())?;
    let mut store = Store::new(&engine, HostCalls::new());
    let mut seen = Seen::default();

    let mut imports = Vec::new();
    // Counted for each kind by itself, because only that order is the same in both machines.
    let mut counts = HashMap::new();
    for import in module.imports() {
        let index: &mut usize = counts.entry(import.ty.kind()).or_default();
        let item = imported(&mut store, *index, &import.ty).map_err(|error| error.to_string())?;
        *index += 1;
        imports.push(item);
    }
    let instance = Instance::new(&mut store, &module, &imports);
    let outcome = instance.as_ref().map(|_| Vec::new()).map_err(stop);
    seen.calls.push(Call::instantiation(outcome));
    if let Ok(instance) = instance {
        calls(case, &module, &mut store, instance, &mut seen);
        state(&module, &store, instance, &mut seen);
    }
    seen.host = store.into_data();
    Ok(seen)
}

/// The names of the exports in an order of our own, for each machine has its own.
fn names(module: &Module) -> Vec<&str> {
    let mut names: Vec<&str> = module.exports().map(|export| export.name).collect();
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
            let Some(Extern::Func(func)) = instance.get_export(&*store, name) else {
                continue;
            };
            if let Some(Extern::Global(fuel)) = instance.get_export(&*store, FUEL) {
                fuel.set(&mut *store, Val::I32(case.fuel))
                    .expect("fuel is a mutable i32");
            }
            let ty = func.ty(&*store);
            let params: Vec<Ty> = ty.params().iter().map(|ty| ty_of(*ty)).collect();
            let args = arguments(case, round, index, &params);
            let values: Vec<Val> = args.iter().map(value).collect();
            let mut results: Vec<Val> =
                ty.results().iter().map(|ty| Val::default_of(*ty)).collect();
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
                let elements = (0..table.size(store)).map(|at| match table.get(store, at) {
                    Some(Val::FuncRef(func)) => func.is_none(),
                    Some(Val::ExternRef(value)) => value.is_none(),
                    other => panic!("element {at} is {other:?}"),
                });
                seen.tables.push((name.to_owned(), elements.collect()));
            }
            Extern::Func(_) | Extern::Tag(_) => {}
        }
    }
}

fn imported(
    store: &mut Store<HostCalls>,
    index: usize,
    ty: &ExternType,
) -> holdall::Result<Extern> {
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
            let bits = host_results(&[ty_of(ty.content)], index)[0];
            Global::new(store, *ty, value(&bits))?.into()
        }
        ExternType::Memory(ty) => Memory::new(store, *ty)?.into(),
        ExternType::Tag(ty) => Tag::new(store, ty)?.into(),
        ExternType::Table(ty) => {
            Table::new(store, *ty, Val::default_of(ValType::Ref(ty.element)))?.into()
        }
    })
}

fn ty_of(ty: ValType) -> Ty {
    match ty {
        ValType::I32 => Ty::I32,
        ValType::I64 => Ty::I64,
        ValType::F32 => Ty::F32,
        ValType::F64 => Ty::F64,
        ValType::Ref(ty) => match ty.heap.kind() {
            RefKind::Func => Ty::FuncRef,
            RefKind::Extern => Ty::ExternRef,
            RefKind::Exn => panic!("no case has exceptions"),
        },
        ValType::V128 => panic!("no case has vectors"),
    }
}

fn value(bits: &Bits) -> Val {
    match *bits {
        Bits::I32(bits) => Val::I32(bits as i32),
        Bits::I64(bits) => Val::I64(bits as i64),
        Bits::F32(bits) => Val::F32(bits),
        Bits::F64(bits) => Val::F64(bits),
        Bits::FuncRef { .. } => Val::FuncRef(None),
        Bits::ExternRef { .. } => Val::ExternRef(None),
    }
}

fn bits(value: &Val) -> Bits {
    match *value {
        Val::I32(value) => Bits::I32(value as u32),
        Val::I64(value) => Bits::I64(value as u64),
        Val::F32(bits) => Bits::F32(bits),
        Val::F64(bits) => Bits::F64(bits),
        Val::FuncRef(value) => Bits::FuncRef {
            null: value.is_none(),
        },
        Val::ExternRef(value) => Bits::ExternRef {
            null: value.is_none(),
        },
        Val::V128(_) | Val::ExnRef(_) => panic!("no case has vectors or exceptions"),
    }
}

fn stop(error: &holdall::Error) -> Stop {
    match error.trap().map(holdall::Trap::code) {
        Some(TrapCode::CallStackExhausted) => Stop::Exhausted,
        Some(TrapCode::UndefinedElement) => Stop::Trap(TABLE_BOUNDS),
        Some(code) => Stop::Trap(code.message()),
        None => Stop::Other(error.to_string()),
    }
}
