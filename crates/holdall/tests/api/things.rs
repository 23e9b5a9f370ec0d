//! Memories, tables, globals, instances and their exports.

use holdall::{
    Engine, Extern, ExternType, Func, Global, GlobalType, Instance, Memory, MemoryType, Module,
    Mutability, RefType, Result, Store, Table, TableType, Val, ValType,
};

#[test]
fn memories_are_read_and_written() -> Result<()> {
    let mut store = Store::new(&Engine::default(), 0_usize);
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(2)))?;
    memory.write(&mut store, 8, b"bytes")?;
    let mut buffer = [0; 5];
    memory.read(&store, 8, &mut buffer)?;
    assert_eq!(&buffer, b"bytes");
    memory.data_mut(&mut store)[8] = b'B';
    let (bytes, count) = memory.data_and_store_mut(&mut store);
    *count = bytes.iter().filter(|byte| **byte != 0).count();
    assert_eq!(
        (*store.data(), &memory.data(&store)[8..13]),
        (5, &b"Bytes"[..])
    );
    assert_eq!(memory.grow(&mut store, 1)?, 1);
    assert_eq!(
        (memory.size(&store), memory.data_size(&store)),
        (2, 131_072)
    );
    assert_eq!(store.into_data(), 5);
    Ok(())
}

#[test]
fn tables_grow_and_are_copied() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let func = Func::wrap(&mut store, || 7);
    let ty = TableType::new(RefType::FUNCREF, 2, Some(4));
    let one = Table::new(&mut store, ty, Val::null_func_ref())?;
    let other = Table::new(&mut store, ty, func.into())?;
    assert_eq!(one.grow(&mut store, 1, func.into())?, 2);
    Table::copy(&mut store, &one, 1, &other, 0, 1)?;
    Table::copy(&mut store, &one, 0, &one, 1, 2)?;
    for index in 0..3 {
        assert_eq!(one.get(&store, index), Some(func.into()), "{index}");
    }
    let error = Table::copy(&mut store, &one, 2, &other, 0, 2).unwrap_err();
    assert!(error.to_string().contains("out of bounds"), "{error}");
    let ty = TableType::new(RefType::EXTERNREF, 1, None);
    let values = Table::new(&mut store, ty, Val::null_extern_ref())?;
    let error = Table::copy(&mut store, &one, 0, &values, 0, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "elements of a table: expected funcref, found externref"
    );
    Ok(())
}

#[test]
fn globals_are_set() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let ty = GlobalType::new(ValType::I64, Mutability::Var);
    let global = Global::new(&mut store, ty, Val::I64(1))?;
    global.set(&mut store, 2_i64.into())?;
    assert_eq!(global.get(&store).i64(), Some(2));
    global.set(&mut store, Val::I32(2)).unwrap_err();
    Ok(())
}

#[test]
fn exports_have_names_and_types() -> Result<()> {
    let (store, instance) = crate::alone(
        r#"(module (func (export "f") (result i32) (i32.const 1)) (memory (export "m") 1)
            (table (export "t") 1 funcref) (global (export "g") i32 (i32.const 5)))"#,
    )?;
    for export in instance.exports(&store) {
        match (export.name(), export.ty(&store)) {
            ("f", ExternType::Func(ty)) => assert_eq!(ty.results(), [ValType::I32]),
            ("m", ExternType::Memory(ty)) => assert_eq!(ty.min, 1),
            ("t", _) => assert!(export.into_table().is_some() && export.into_func().is_none()),
            ("g", _) => assert_eq!(export.into_global().unwrap().get(&store), Val::I32(5)),
            _ => panic!("{export:?}"),
        }
        assert_eq!(
            instance.get_export(&store, export.name()),
            Some(export.into_extern())
        );
    }
    Ok(())
}

#[test]
fn an_instance_takes_its_imports_in_order() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let text = r#"(module
        (import "" "double" (func $double (param i32) (result i32)))
        (import "" "memory" (memory 1))
        (func (export "run") (result i32) (call $double (i32.load (i32.const 0)))))"#;
    let module = Module::new(&engine, text)?;
    let double = Func::wrap(&mut store, |n: i32| n * 2);
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    memory.write(&mut store, 0, &21_i32.to_le_bytes())?;
    let imports: [Extern; 2] = [double.into(), memory.into()];
    let instance = Instance::new(&mut store, &module, &imports)?;
    let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, ())?, 42);
    Ok(())
}
