//! The host module `spectest`, which the specification's scripts import from. Knows nothing of
//! scripts.

use holdall::{
    AsContextMut, Caller, Error, Global, GlobalType, Linker, Memory, MemoryType, Mutability,
    RefType, Store, Table, TableType, Val, ValType,
};

const MODULE: &str = "spectest";

/// At most this many lines that a script prints are kept.
const MAX_LINES: usize = 10_000;

/// What a script printed through `spectest`.
#[derive(Debug, Default)]
pub(super) struct Printed(pub(super) Vec<String>);

fn print(mut caller: Caller<'_, Printed>, line: impl FnOnce() -> String) {
    let lines = &mut caller.data_mut().0;
    if lines.len() < MAX_LINES {
        lines.push(line());
    }
}

/// Defines `spectest` (WebAssembly 3.0, `interpreter/host/spectest.ml`, and the proposal `threads`).
pub(super) fn define(
    linker: &mut Linker<Printed>,
    store: &mut Store<Printed>,
) -> Result<(), Error> {
    linker.func_wrap(MODULE, "print", |caller: Caller<'_, Printed>| {
        print(caller, String::new);
    })?;
    linker.func_wrap(
        MODULE,
        "print_i32",
        |caller: Caller<'_, Printed>, value: i32| print(caller, || format!("{value} : i32")),
    )?;
    linker.func_wrap(
        MODULE,
        "print_i64",
        |caller: Caller<'_, Printed>, value: i64| print(caller, || format!("{value} : i64")),
    )?;
    linker.func_wrap(
        MODULE,
        "print_f32",
        |caller: Caller<'_, Printed>, value: f32| print(caller, || format!("{value} : f32")),
    )?;
    linker.func_wrap(
        MODULE,
        "print_f64",
        |caller: Caller<'_, Printed>, value: f64| print(caller, || format!("{value} : f64")),
    )?;
    linker.func_wrap(
        MODULE,
        "print_i32_f32",
        |caller: Caller<'_, Printed>, first: i32, second: f32| {
            print(caller, || format!("{first} : i32\n{second} : f32"));
        },
    )?;
    linker.func_wrap(
        MODULE,
        "print_f64_f64",
        |caller: Caller<'_, Printed>, first: f64, second: f64| {
            print(caller, || format!("{first} : f64\n{second} : f64"));
        },
    )?;
    for (name, content, value) in [
        ("global_i32", ValType::I32, Val::I32(666)),
        ("global_i64", ValType::I64, Val::I64(666)),
        ("global_f32", ValType::F32, Val::from(666.6_f32)),
        ("global_f64", ValType::F64, Val::from(666.6_f64)),
    ] {
        let ty = GlobalType {
            content,
            mutability: Mutability::Const,
        };
        let global = Global::new(store.as_context_mut(), ty, value)?;
        linker.define(store.as_context_mut(), MODULE, name, global)?;
    }
    for (name, is_64) in [("table", false), ("table64", true)] {
        let ty = TableType {
            element: RefType::FUNCREF,
            min: 10,
            max: Some(20),
            is_64,
        };
        let table = Table::new(store.as_context_mut(), ty, Val::FuncRef(None))?;
        linker.define(store.as_context_mut(), MODULE, name, table)?;
    }
    for (name, ty) in [
        ("memory", MemoryType::new(1, Some(2))),
        ("shared_memory", MemoryType::shared(1, 2)),
    ] {
        let memory = Memory::new(store.as_context_mut(), ty)?;
        linker.define(store.as_context_mut(), MODULE, name, memory)?;
    }
    Ok(())
}
