//! A module in wasmtime.

use std::collections::HashMap;

use holdall::TrapCode;
use holdall_dev::smith::seen::{
    self, Bits, Hierarchy, HostCalls, ROUNDS, Seen, Stop, Ty, of_call, values,
};
use wasmtime::{
    Caller, Collector, Config, Engine, Extern, ExternType, Func, Global, HeapType, Instance,
    Memory, Module, Ref, RefType, Store, Table, Tag, ThrownException, Trap, Val, ValType,
};

/// An engine with all proposals that holdall has.
pub fn engine() -> anyhow::Result<Engine> {
    let mut config = Config::new();
    config
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .collector(Collector::Null)
        .max_wasm_stack(1 << 20)
        .memory_reservation(0)
        .memory_guard_size(0)
        .wasm_gc(true)
        .wasm_function_references(true)
        .wasm_exceptions(true)
        .wasm_memory64(true)
        .wasm_multi_memory(true)
        .wasm_tail_call(true)
        .wasm_wide_arithmetic(true)
        .wasm_custom_page_sizes(true)
        .wasm_compact_imports(true);
    Ok(Engine::new(&config)?)
}

/// Runs a module; `None` where an import has a type without a value that the host could give.
pub fn run(engine: &Engine, bytes: &[u8]) -> anyhow::Result<Option<Seen>> {
    let module = Module::new(engine, bytes)?;
    let mut store = Store::new(engine, HostCalls::new());
    let mut imports = Vec::new();
    let mut counts = HashMap::new();
    for import in module.imports() {
        let ty = import.ty();
        let index: &mut usize = counts.entry(kind(&ty)).or_default();
        let Some(item) = imported(&mut store, *index, ty)? else {
            return Ok(None);
        };
        *index += 1;
        imports.push(item);
    }
    let mut seen = Seen::default();
    let outcome = Instance::new(&mut store, &module, &imports);
    let (instance, outcome) = match outcome {
        Ok(instance) => (Some(instance), Ok(Vec::new())),
        Err(error) => (None, Err(stop(&mut store, &error))),
    };
    seen.calls.push(("(instantiation)".to_owned(), outcome));
    if let Some(instance) = instance {
        let mut names: Vec<&str> = module.exports().map(|export| export.name()).collect();
        names.sort_unstable();
        calls(&names, &mut store, instance, &mut seen)?;
        state(&names, &mut store, instance, &mut seen);
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
            let Some(Extern::Func(func)) = instance.get_export(&mut *store, name) else {
                continue;
            };
            let ty = func.ty(&*store);
            let params: Vec<Ty> = ty.params().map(|ty| ty_of(&ty)).collect();
            let Some(args) = values(&params, of_call(round, index)) else {
                continue;
            };
            let args: Vec<Val> = args.iter().map(value).collect();
            let mut results = vec![Val::I32(0); ty.results().len()];
            let outcome = match func.call(&mut *store, &args, &mut results) {
                Ok(()) => Ok(results.iter().map(bits).collect()),
                Err(error) => Err(stop(store, &error)),
            };
            seen.calls.push(((*name).to_owned(), outcome));
        }
    }
    Ok(())
}

fn state(names: &[&str], store: &mut Store<HostCalls>, instance: Instance, seen: &mut Seen) {
    for name in names {
        let export = instance.get_export(&mut *store, name);
        match export.expect("the module exports it") {
            Extern::Memory(memory) => {
                let data = memory.data(&*store);
                let hash = seen::hash(data);
                seen.memories.push(((*name).to_owned(), data.len(), hash));
            }
            Extern::Global(global) => {
                let value = bits(&global.get(&mut *store));
                seen.globals.push(((*name).to_owned(), value));
            }
            Extern::Table(table) => {
                let size = table.size(&*store);
                let elements = (0..size).map(|at| {
                    let element = table.get(&mut *store, at).expect("it is in bounds");
                    element.is_null()
                });
                seen.tables.push(((*name).to_owned(), elements.collect()));
            }
            _ => {}
        }
    }
}

fn kind(ty: &ExternType) -> &'static str {
    match ty {
        ExternType::Func(_) => "func",
        ExternType::Global(_) => "global",
        ExternType::Table(_) => "table",
        ExternType::Memory(_) => "memory",
        ExternType::Tag(_) => "tag",
    }
}

fn imported(
    store: &mut Store<HostCalls>,
    index: usize,
    ty: ExternType,
) -> anyhow::Result<Option<Extern>> {
    Ok(Some(match ty {
        ExternType::Func(ty) => {
            let results: Vec<Ty> = ty.results().map(|ty| ty_of(&ty)).collect();
            if results.contains(&Ty::NonNull) {
                return Ok(None);
            }
            let body = move |mut caller: Caller<'_, HostCalls>, args: &[Val], out: &mut [Val]| {
                let calls = caller.data_mut();
                calls.push((index, args.iter().map(bits).collect()));
                let given = values(&results, calls.len() as u64).expect("no type is non-null");
                for (out, bits) in out.iter_mut().zip(&given) {
                    *out = value(bits);
                }
                Ok(())
            };
            Func::new(store, ty, body).into()
        }
        ExternType::Global(ty) => {
            let Some(given) = values(&[ty_of(ty.content())], index as u64) else {
                return Ok(None);
            };
            Global::new(store, ty, value(&given[0]))?.into()
        }
        ExternType::Memory(ty) => Memory::new(store, ty)?.into(),
        ExternType::Tag(ty) => Tag::new(store, &ty)?.into(),
        ExternType::Table(ty) => {
            let null = match ty_of(&ValType::Ref(ty.element().clone())) {
                Ty::Ref(Hierarchy::Func) => Ref::Func(None),
                Ty::Ref(Hierarchy::Extern) => Ref::Extern(None),
                Ty::Ref(Hierarchy::Exn) => Ref::Exn(None),
                _ => return Ok(None),
            };
            Table::new(store, ty, null)?.into()
        }
    }))
}

fn ty_of(ty: &ValType) -> Ty {
    match ty {
        ValType::I32 => Ty::I32,
        ValType::I64 => Ty::I64,
        ValType::F32 => Ty::F32,
        ValType::F64 => Ty::F64,
        ValType::V128 => Ty::V128,
        ValType::Ref(ty) if !ty.is_nullable() => Ty::NonNull,
        ValType::Ref(ty) => Ty::Ref(hierarchy(ty)),
    }
}

fn hierarchy(ty: &RefType) -> Hierarchy {
    match ty.heap_type().top().into() {
        HeapType::Func => Hierarchy::Func,
        HeapType::Extern => Hierarchy::Extern,
        HeapType::Exn => Hierarchy::Exn,
        other => panic!("no module has {other:?}"),
    }
}

fn value(bits: &Bits) -> Val {
    match *bits {
        Bits::I32(bits) => Val::I32(bits as i32),
        Bits::I64(bits) => Val::I64(bits as i64),
        Bits::F32(bits) => Val::F32(bits),
        Bits::F64(bits) => Val::F64(bits),
        Bits::V128(bits) => Val::V128(bits.into()),
        Bits::Ref { of, .. } => match of {
            Hierarchy::Func => Val::FuncRef(None),
            Hierarchy::Extern => Val::ExternRef(None),
            Hierarchy::Exn => Val::ExnRef(None),
        },
    }
}

fn bits(value: &Val) -> Bits {
    let reference = |of, null| Bits::Ref { of, null };
    match value {
        Val::I32(value) => Bits::I32(*value as u32),
        Val::I64(value) => Bits::I64(*value as u64),
        Val::F32(bits) => Bits::F32(*bits),
        Val::F64(bits) => Bits::F64(*bits),
        Val::V128(bits) => Bits::V128(bits.as_u128()),
        Val::FuncRef(value) => reference(Hierarchy::Func, value.is_none()),
        Val::ExternRef(value) => reference(Hierarchy::Extern, value.is_none()),
        Val::ExnRef(value) => reference(Hierarchy::Exn, value.is_none()),
        other => panic!("no module has {other:?}"),
    }
}

fn stop(store: &mut Store<HostCalls>, error: &wasmtime::Error) -> Stop {
    if error.is::<ThrownException>() {
        let Some(exception) = store.take_pending_exception() else {
            return Stop::Other("an exception that is not there".to_owned());
        };
        let values = exception
            .fields(&mut *store)
            .map(|fields| fields.map(|it| bits(&it)).collect());
        return values.map_or_else(|error| Stop::Other(error.to_string()), Stop::Exception);
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return Stop::Other(format!("{error:#}"));
    };
    let code = match trap {
        Trap::StackOverflow | Trap::AllocationTooLarge => return Stop::Exhausted,
        Trap::MemoryOutOfBounds => TrapCode::OutOfBoundsMemoryAccess,
        Trap::HeapMisaligned => TrapCode::UnalignedAtomic,
        Trap::TableOutOfBounds => TrapCode::OutOfBoundsTableAccess,
        Trap::IndirectCallToNull => TrapCode::UninitializedElement,
        Trap::BadSignature => TrapCode::IndirectCallTypeMismatch,
        Trap::IntegerOverflow => TrapCode::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapCode::IntegerDivideByZero,
        Trap::BadConversionToInteger => TrapCode::InvalidConversionToInteger,
        Trap::UnreachableCodeReached => TrapCode::Unreachable,
        Trap::NullReference => TrapCode::NullReference,
        Trap::AtomicWaitNonSharedMemory => TrapCode::ExpectedSharedMemory,
        Trap::CastFailure => TrapCode::CastFailure,
        other => return Stop::Other(other.to_string()),
    };
    Stop::Trap(code.message())
}
