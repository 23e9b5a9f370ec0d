//! The programs that documentation of other runtimes begins with, whole.

use std::time::Duration;

use holdall::{
    AsContext, AsContextMut, Caller, Config, Engine, Extern, Func, Global, GlobalType, Instance,
    Limits, Linker, Memory, MemoryType, Module, Mutability, RefType, Result, Store, Table,
    TableType, TrapCode, Val, ValType,
};

struct MyState {
    name: String,
    count: usize,
}

#[test]
fn hello_world() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (func $hello (import "" "hello")) (func (export "run") (call $hello)))"#,
    )?;
    let state = MyState {
        name: "hello, world!".to_string(),
        count: 0,
    };
    let mut store = Store::new(&engine, state);
    let hello_func = Func::wrap(&mut store, |mut caller: Caller<'_, MyState>| {
        assert_eq!(caller.data().name, "hello, world!");
        caller.data_mut().count += 1;
    });
    let instance = Instance::new(&mut store, &module, &[hello_func.into()])?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    run.call(&mut store, ())?;
    assert_eq!(store.data().count, 1);
    Ok(())
}

#[test]
fn a_linker_with_a_host_function() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker.func_wrap(
        "host",
        "host_func",
        |caller: Caller<'_, u32>, param: i32| {
            assert_eq!((param, *caller.data()), (3, 4));
        },
    )?;
    let module = Module::new(
        &engine,
        r#"(module (import "host" "host_func" (func $host_func (param i32)))
            (func (export "hello") i32.const 3 call $host_func)
            (func (export "add") (param i32 i32) (result i32)
                (i32.add (local.get 0) (local.get 1))))"#,
    )?;
    let mut store = Store::new(&engine, 4);
    let instance = linker.instantiate(&mut store, &module)?;
    let hello = instance
        .get_func(&mut store, "hello")
        .expect("it is exported");
    hello.call(&mut store, &[], &mut [])?;
    let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add")?;
    assert_eq!(add.call(&mut store, (6, 27))?, 33);
    Ok(())
}

#[test]
fn memory_of_an_instance() -> Result<()> {
    let (mut store, instance) = crate::alone(
        r#"(module (memory (export "memory") 2 3)
            (func (export "size") (result i32) (memory.size))
            (func (export "load") (param i32) (result i32) (i32.load8_s (local.get 0)))
            (data (i32.const 0x1000) "\01\02\03\04"))"#,
    )?;
    let memory = instance
        .get_memory(&mut store, "memory")
        .ok_or_else(|| holdall::Error::msg("failed to find `memory` export"))?;
    let load = instance.get_typed_func::<i32, i32>(&mut store, "load")?;
    assert_eq!(memory.size(&store), 2);
    assert_eq!(memory.data(&store)[0x1000], 1);
    memory.data_mut(&mut store)[0x1003] = 5;
    assert_eq!(load.call(&mut store, 0x1003)?, 5);
    assert!(load.call(&mut store, 0x20000).is_err());
    memory.grow(&mut store, 1)?;
    assert_eq!(load.call(&mut store, 0x20000)?, 0);
    assert!(memory.grow(&mut store, 1).is_err());
    let ty: MemoryType = memory.ty(&store);
    assert_eq!((ty.minimum(), ty.maximum()), (3, Some(3)));
    Ok(())
}

#[test]
fn a_host_function_reads_a_text_of_the_guest() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, String::new());
    let log_str = Func::wrap(
        &mut store,
        |mut caller: Caller<'_, String>, ptr: i32, len: i32| {
            let mem = match caller.get_export("memory") {
                Some(Extern::Memory(mem)) => mem,
                _ => anyhow::bail!("failed to find host memory"),
            };
            let data = mem
                .data(&caller)
                .get(ptr as u32 as usize..)
                .and_then(|arr| arr.get(..len as u32 as usize));
            let string = match data {
                Some(data) => std::str::from_utf8(data)?.to_owned(),
                None => anyhow::bail!("pointer/length out of bounds"),
            };
            *caller.data_mut() = string;
            Ok(())
        },
    );
    let module = Module::new(
        store.engine(),
        r#"(module (import "" "" (func $log_str (param i32 i32)))
            (func (export "foo") i32.const 4 i32.const 13 call $log_str)
            (memory (export "memory") 1) (data (i32.const 4) "Hello, world!"))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[log_str.into()])?;
    let foo = instance.get_typed_func::<(), ()>(&mut store, "foo")?;
    foo.call(&mut store, ())?;
    assert_eq!(store.into_data(), "Hello, world!");
    Ok(())
}

#[test]
fn fuel_limits_and_interruption() -> Result<()> {
    let config = Config::new().metering(true);
    let engine = Engine::new(&config);
    let module = Module::new(
        &engine,
        r#"(module (memory (export "memory") 1) (func (export "spin") (loop br 0)))"#,
    )?;
    let mut store = Store::new(&engine, ());
    store.set_fuel(10_000)?;
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let spin = instance.get_typed_func::<(), ()>(&mut store, "spin")?;
    let code = |store: &mut Store<()>| {
        let error = spin.call(store, ()).unwrap_err();
        *error.downcast_ref::<TrapCode>().expect("it is a trap")
    };
    assert_eq!(code(&mut store), TrapCode::OutOfFuel);
    assert_eq!(store.get_fuel()?, 0);
    let limits = Limits::new().memory_bytes(1 << 17);
    store.limits(limits.timeout(Duration::from_millis(20)))?;
    assert_eq!(code(&mut store), TrapCode::DeadlineExceeded);
    let memory = instance
        .get_memory(&mut store, "memory")
        .expect("it is there");
    memory.grow(&mut store, 100).unwrap_err();
    store.limits(Limits::new())?;
    let handle = store.interrupt_handle()?;
    let other = std::thread::spawn(move || handle.interrupt());
    assert_eq!(code(&mut store), TrapCode::Interrupted);
    other.join().expect("it does not panic");
    Ok(())
}

#[test]
fn things_of_the_host_are_defined_in_a_linker() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let ty = GlobalType::new(ValType::I32, Mutability::Const);
    let global = Global::new(&mut store, ty, Val::I32(0x1234))?;
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    let ty = TableType::new(RefType::FUNCREF, 2, None);
    let table = Table::new(&mut store, ty, Val::FuncRef(None))?;
    linker.define(&mut store, "host", "offset", global)?;
    linker.define(&store, "host", "memory", memory)?;
    linker.define(store.as_context_mut(), "host", "table", table)?;
    let module = Module::new(
        &engine,
        r#"(module (import "host" "offset" (global i32)) (import "host" "memory" (memory 1))
            (import "host" "table" (table 2 funcref))
            (data (global.get 0) "foo") (elem (i32.const 1) $f) (func $f))"#,
    )?;
    linker.instantiate(&mut store, &module)?;
    assert_eq!(&memory.data(store.as_context())[0x1234..0x1237], b"foo");
    let element = table.get(&store, 1).expect("it is there");
    let func = element.unwrap_func_ref().expect("it is not null");
    func.typed::<(), ()>(&store)?.call(&mut store, ())?;
    let ty = global.ty(&store);
    assert_eq!(
        (ty.content(), ty.mutability()),
        (ValType::I32, Mutability::Const)
    );
    Ok(())
}

#[test]
fn modules_are_linked_by_hand() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    let mut store = Store::new(&engine, ());
    let one = Module::new(
        &engine,
        r#"(module (func (export "run") (result i32) i32.const 7))"#,
    )?;
    let two = Module::new(
        &engine,
        r#"(module (import "instance1" "run" (func $run (result i32)))
            (func (export "run2") (result i32) (i32.add (call $run) (call $run))))"#,
    )?;
    let instance1 = linker.instantiate(&mut store, &one)?;
    linker.instance(&mut store, "instance1", instance1)?;
    let instance2 = linker.instantiate(&mut store, &two)?;
    let run = instance2.get_typed_func::<(), i32>(&mut store, "run2")?;
    assert_eq!(run.call(&mut store, ())?, 14);
    Ok(())
}
