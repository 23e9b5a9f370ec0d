//! Tests of the whole room, none of which executes a guest's code.

use std::sync::Arc;

use crate::engine::Engine;
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::module::Module;
use crate::store::{Extern, ExternRef, Func, Global, Instance, Memory, Scope, Store, Table};
use crate::trap::TrapCode;
use crate::types::{FuncType, GlobalType, MemoryType, Mutability, RefType, TableType, ValType};
use crate::value::Val;

fn store() -> Store<()> {
    Store::new(&Engine::default(), ())
}

fn module(store: &Store<()>, text: &str) -> Module {
    Module::new(store.engine(), text.as_bytes().to_vec()).unwrap()
}

fn instantiate(store: &mut Store<()>, text: &str, imports: &[Extern]) -> Result<Instance> {
    let module = module(store, text);
    Instance::new(store, &module, imports)
}

fn memory_type(min: u64, max: Option<u64>) -> MemoryType {
    MemoryType {
        is_64: false,
        ..MemoryType::new64(min, max)
    }
}

fn table_type(element: RefType, min: u64, max: Option<u64>) -> TableType {
    TableType {
        element,
        min,
        max,
        is_64: false,
    }
}

fn new_memory(store: &mut Store<()>, min: u64, max: Option<u64>) -> Memory {
    Memory::new(store, memory_type(min, max)).unwrap()
}

fn new_table(store: &mut Store<()>, min: u64) -> Table {
    let null = Val::FuncRef(None);
    Table::new(store, table_type(RefType::FUNCREF, min, None), null).unwrap()
}

#[track_caller]
fn text_of<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.expect_err("an error").to_string()
}

#[test]
fn a_memory_grows_and_keeps_its_bytes() {
    let mut store = store();
    let memory = new_memory(&mut store, 0, Some(2));
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 0);
    memory.data_mut(&mut store)[65_535] = 7;
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 1);
    assert_eq!(memory.grow(&mut store, 0).unwrap(), 2);
    assert_eq!(memory.ty(&store), memory_type(2, Some(2)));
    assert_eq!(memory.data_size(&store), 131_072);
    assert_eq!(memory.data(&store)[65_534..65_537], [0, 7, 0]);
    assert!(text_of(memory.grow(&mut store, 1)).starts_with("(memory 2 2) cannot grow by 1 pages"));
    text_of(memory.grow(&mut store, u64::MAX));
    let (bytes, ()) = memory.data_and_store_mut(&mut store);
    assert_eq!(bytes.len(), 131_072);
}

#[test]
fn reads_and_writes_beyond_a_memory_are_traps_and_change_nothing() {
    let mut store = store();
    let memory = new_memory(&mut store, 1, None);
    memory.write(&mut store, 65_534, b"ab").unwrap();
    let mut buffer = [0; 2];
    memory.read(&store, 65_534, &mut buffer).unwrap();
    assert_eq!(&buffer, b"ab");
    memory.read(&store, 65_536, &mut []).unwrap();
    for offset in [65_535, 65_537, usize::MAX] {
        let error = memory.write(&mut store, offset, b"xy").unwrap_err();
        assert_eq!(
            error.trap().unwrap().code(),
            TrapCode::OutOfBoundsMemoryAccess
        );
        memory.read(&store, offset, &mut buffer).unwrap_err();
    }
    assert_eq!(&buffer, b"ab");
    assert_eq!(memory.data(&store)[65_535], b'b');
}

#[test]
fn types_that_are_not_valid_are_refused() {
    let mut store = store();
    for ty in [
        memory_type(2, Some(1)),
        memory_type(65_537, None),
        memory_type(0, Some(65_537)),
    ] {
        assert!(text_of(Memory::new(&mut store, ty)).contains("expected minimum <= maximum"));
    }
    for (min, max) in [(2, Some(1)), (1 << 32, None), (0, Some(1 << 32))] {
        let ty = table_type(RefType::FUNCREF, min, max);
        let table = Table::new(&mut store, ty, Val::FuncRef(None));
        assert!(text_of(table).contains("expected minimum <= maximum"));
    }
}

#[test]
fn limits_hold_memories_and_tables_together() {
    let mut store = store();
    store
        .limits(
            Limits::new()
                .memory_bytes(3 * 65_536)
                .memories(2)
                .table_elements(10)
                .tables(2),
        )
        .unwrap();
    let memory = new_memory(&mut store, 1, None);
    let other = new_memory(&mut store, 1, None);
    memory.grow(&mut store, 2).unwrap_err();
    memory.grow(&mut store, 1).unwrap();
    other.grow(&mut store, 1).unwrap_err();
    let third = Memory::new(&mut store, memory_type(0, None)).unwrap_err();
    assert!(matches!(third.kind(), ErrorKind::Resource(_)));
    let table = new_table(&mut store, 6);
    let null = Val::FuncRef(None);
    table.grow(&mut store, 5, null).unwrap_err();
    assert_eq!(table.grow(&mut store, 4, null).unwrap(), 6);
    Table::new(&mut store, table_type(RefType::FUNCREF, 1, None), null).unwrap_err();
}

#[test]
fn tables_hold_references_of_their_type_and_store() {
    let mut store = store();
    let func = Func::wrap(&mut store, || ());
    let table = new_table(&mut store, 1);
    assert_eq!(table.grow(&mut store, 2, Val::from(func)).unwrap(), 1);
    table.set(&mut store, 0, Val::from(func)).unwrap();
    table.fill(&mut store, 1, Val::FuncRef(None), 1).unwrap();
    let at = |store: &Store<()>, index| table.get(store, index).and_then(|val| val.func_ref());
    assert_eq!(at(&store, 0), Some(Some(func)));
    assert_eq!(at(&store, 1), Some(None));
    assert_eq!(at(&store, 2), Some(Some(func)));
    assert!(at(&store, 3).is_none());
    assert_eq!(table.size(&store), 3);
    assert_eq!(
        text_of(table.set(&mut store, 3, Val::from(func))),
        "1 elements at 3 of a table of 3 elements are out of bounds"
    );
    assert_eq!(
        text_of(table.set(&mut store, 0, Val::I32(0))),
        "element of a table: expected funcref, found i32"
    );
    let foreign = Func::wrap(Store::new(&Engine::default(), ()), || ());
    assert_eq!(
        text_of(table.set(&mut store, 0, Val::from(foreign))),
        "element of a table: expected a reference of the same store, found a funcref of another"
    );
}

#[test]
fn globals_keep_type_and_mutability() {
    let mut store = store();
    let ty = |content, mutability| GlobalType {
        content,
        mutability,
    };
    let global = Global::new(&mut store, ty(ValType::V128, Mutability::Var), Val::V128(1)).unwrap();
    global.set(&mut store, Val::V128(u128::MAX - 1)).unwrap();
    assert_eq!(global.get(&store).v128(), Some(u128::MAX - 1));
    assert_eq!(
        text_of(global.set(&mut store, Val::I32(1))),
        "value of a global: expected v128, found i32"
    );
    let constant = Global::new(
        &mut store,
        ty(ValType::I32, Mutability::Const),
        Val::I32(-1),
    );
    let constant = constant.unwrap();
    assert_eq!(
        text_of(constant.set(&mut store, Val::I32(1))),
        "a (global i32) cannot be set"
    );
    assert_eq!(constant.get(&store).i32(), Some(-1));
    let not_null = ValType::Ref(RefType {
        nullable: false,
        ..RefType::FUNCREF
    });
    assert_eq!(
        text_of(Global::new(
            &mut store,
            ty(not_null, Mutability::Var),
            Val::FuncRef(None)
        )),
        "value of a global: expected (ref func), found a null funcref"
    );
}

#[test]
fn externrefs_give_back_their_value() {
    let mut store = store();
    let one = ExternRef::new(&mut store, "one");
    let two = ExternRef::new(&mut store, 2_u8);
    assert_eq!(one.data(&store).downcast_ref(), Some(&"one"));
    assert_eq!(two.data(&store).downcast_ref(), Some(&2_u8));
    assert!(two.data(&store).downcast_ref::<i8>().is_none());
    let null = Val::ExternRef(None);
    let table = Table::new(&mut store, table_type(RefType::EXTERNREF, 1, None), null).unwrap();
    table.set(&mut store, 0, Val::from(two)).unwrap();
    assert_eq!(table.get(&store, 0).unwrap().extern_ref(), Some(Some(two)));
}

#[test]
#[should_panic(expected = "memory used with a store that it does not belong to")]
fn a_handle_of_another_store_panics() {
    let memory = new_memory(&mut store(), 1, None);
    let _ = memory.size(store());
}

#[test]
fn values_in_a_store_are_dropped_with_it() {
    let value = Arc::new(());
    let mut store = store();
    ExternRef::new(&mut store, Arc::clone(&value));
    let captured = Arc::clone(&value);
    Func::wrap(&mut store, move || drop(Arc::clone(&captured)));
    assert_eq!(Arc::strong_count(&value), 3);
    let store = std::thread::spawn(move || store).join().unwrap();
    let () = store.into_data();
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn imports_must_match_in_number_and_type() {
    let mut store = store();
    let func = Func::new(&mut store, FuncType::new([ValType::I32], []), |_, _, _| {
        Ok(())
    });
    let memory = new_memory(&mut store, 1, None);
    let module = |text| {
        Module::named(
            &Engine::default(),
            "app",
            format!("(module {text})").into_bytes(),
        )
    };
    let text = r#"(import "env" "log" (func (param i32)))"#;
    let other_engine = module(text).unwrap();
    assert!(text_of(Instance::new(&mut store, &other_engine, &[func.into()])).contains("engines"));
    let mut check = |text: &str, imports: &[Extern], expected: &str| {
        let bytes = format!("(module $app {text})").into_bytes();
        let module = Module::new(store.engine(), bytes).unwrap();
        let error = text_of(Instance::new(&mut store, &module, imports));
        assert_eq!(error, expected);
    };
    check(text, &[], "module \"app\": expected 1 imports, found 0");
    check(
        text,
        &[memory.into()],
        "import 0 \"env\".\"log\" of module \"app\": incompatible import type: expected (func \
         (param i32)), found (memory 1)",
    );
    check(
        r#"(import "env" "log" (func (param i32))) (import "env" "m" (memory 2))"#,
        &[func.into(), memory.into()],
        "import 1 \"env\".\"m\" of module \"app\": incompatible import type: expected (memory 2), \
         found (memory 1)",
    );
}

#[test]
fn an_imported_memory_is_matched_by_its_current_size() {
    let mut store = store();
    let memory = new_memory(&mut store, 1, Some(3));
    let text = r#"(module (import "" "" (memory 2 3)))"#;
    instantiate(&mut store, text, &[memory.into()]).unwrap_err();
    memory.grow(&mut store, 1).unwrap();
    instantiate(&mut store, text, &[memory.into()]).unwrap();
}

#[test]
fn exports_of_one_thing_are_equal_through_any_number_of_modules() {
    let mut store = store();
    let mut func = Extern::from(Func::wrap(&mut store, || ()));
    let first = func;
    for _ in 0..3 {
        let text =
            r#"(module (import "" "" (func $f)) (export "a" (func $f)) (export "b" (func $f)))"#;
        let instance = instantiate(&mut store, text, &[func]).unwrap();
        func = instance.get_export(&store, "a").unwrap();
        assert_eq!(instance.get_export(&store, "b"), Some(func));
    }
    assert_eq!(func, first);
}

#[test]
fn instantiation_evaluates_and_writes_in_order() {
    let mut store = store();
    let global = Global::new(
        &mut store,
        GlobalType {
            content: ValType::I32,
            mutability: Mutability::Const,
        },
        Val::I32(3),
    )
    .unwrap();
    let instance = instantiate(
        &mut store,
        r#"(module
            (import "" "base" (global $base i32))
            (func $f) (func $g)
            (global (export "ref") funcref (ref.func $g))
            (global (export "sum") i32 (i32.add (global.get $base) (i32.const 4)))
            (table (export "table") 5 funcref)
            (memory (export "memory") 1)
            (elem (i32.const 0) $f $g)
            (elem (i32.const 1) funcref (ref.null func) (ref.func $f))
            (elem $passive func $g)
            (elem declare func $g)
            (data (global.get $base) "abc")
            (data (i32.const 5) "xy")
            (data $passive "z"))"#,
        &[global.into()],
    )
    .unwrap();
    let memory = instance.get_memory(&store, "memory").unwrap();
    assert_eq!(&memory.data(&store)[2..8], b"\0abxy\0");
    let table = instance.get_table(&store, "table").unwrap();
    let at = |index| table.get(&store, index).unwrap().func_ref().unwrap();
    let g = instance
        .get_global(&store, "ref")
        .unwrap()
        .get(&store)
        .func_ref()
        .unwrap();
    assert_eq!(
        instance
            .get_global(&store, "sum")
            .unwrap()
            .get(&store)
            .i32(),
        Some(7)
    );
    assert!(at(0).is_some() && at(0) == at(2) && at(0) != g);
    assert!(at(1).is_none() && at(3).is_none() && g.is_some());
    let data = instance.data(store.core());
    let kept = data.elems.iter().map(Option::is_some).collect::<Vec<_>>();
    assert_eq!(kept, [false, false, true, false]);
    assert_eq!(*data.data_dropped, [true, true, false]);
    let names = instance
        .exports(&store)
        .map(|export| export.name())
        .collect::<Vec<_>>();
    assert_eq!(names, ["ref", "sum", "table", "memory"]);
}

#[test]
fn segments_before_one_that_does_not_fit_stay_written() {
    let mut store = store();
    let memory = new_memory(&mut store, 1, None);
    let table = new_table(&mut store, 2);
    let text = r#"(module $app
        (import "" "" (memory 1)) (import "" "" (table 2 funcref))
        (func $f)
        (elem (i32.const 1) $f)
        (data (i32.const 0) "abc")
        (data (i32.const 65535) "de")
        (data (i32.const 8) "f"))"#;
    let error = instantiate(&mut store, text, &[memory.into(), table.into()]).unwrap_err();
    assert_eq!(
        error.trap().unwrap().code(),
        TrapCode::OutOfBoundsMemoryAccess
    );
    assert_eq!(
        error.to_string(),
        "out of bounds memory access: data segment 1 of module \"app\" has 2 items for offset \
         65535, where the size is 65536"
    );
    assert_eq!(&memory.data(&store)[..9], b"abc\0\0\0\0\0\0");
    let func = table.get(&store, 1).unwrap().func_ref().unwrap().unwrap();
    assert_eq!(func.ty(&store), FuncType::new([], []));
    let text = r#"(module (table 1 funcref) (func $f) (elem (i32.const 1) $f))"#;
    let error = instantiate(&mut store, text, &[]).unwrap_err();
    assert_eq!(
        error.trap().unwrap().code(),
        TrapCode::OutOfBoundsTableAccess
    );
}

#[test]
fn what_an_instantiation_could_not_get_enough_of_is_freed() {
    let mut store = store();
    let limits = Limits::new().memory_bytes(65_536).instances(1);
    store.limits(limits).unwrap();
    for _ in 0..2 {
        let text = "(module (table 4 funcref) (memory 2))";
        let error = instantiate(&mut store, text, &[]);
        let Err(error) = error else { panic!("limit") };
        assert!(matches!(error.kind(), ErrorKind::Resource(_)), "{error}");
    }
    assert_eq!(store.core().memory_bytes, 0);
    assert_eq!(store.core().table_elements, 0);
    instantiate(&mut store, "(module (memory 1))", &[]).unwrap();
    assert!(text_of(instantiate(&mut store, "(module)", &[])).contains("instances"));
}

#[test]
fn functions_of_the_graph_are_found_by_qualified_names() {
    let mut store = store();
    let scope = Arc::new(Scope::default());
    let export = |names: &[&str]| {
        let funcs = names.iter().map(|name| format!("(func (export {name:?}))"));
        format!("(module $app {})", funcs.collect::<String>())
    };
    let mut add = |text: &str, name: &str| {
        let (module, scope) = (module(&store, text), Arc::clone(&scope));
        let label = Some(Arc::from(name));
        let instance =
            Instance::instantiate_with(&mut store, &module, &[], label, Some(Arc::clone(&scope)));
        let instance = instance.unwrap();
        scope.insert(name.into(), instance);
        instance
    };
    let math = add(&export(&["add", "$odd", "a$b"]), "math");
    let app = add(&export(&["add", "$math$a$b"]), "app");
    let func = |instance: Instance, name: &str| instance.get_func(&store, name);
    assert_eq!(func(app, "$math$add"), func(math, "add"));
    assert_ne!(func(app, "add"), func(math, "add"));
    assert_eq!(func(app, "$math$$odd"), func(math, "$odd"));
    assert_eq!(func(app, "$math$a$b"), app.get_func(&store, "$math$a$b"));
    assert_ne!(func(app, "$math$a$b"), func(math, "a$b"));
    assert_eq!(func(math, "$math$a$b"), func(math, "a$b"));
    for name in ["$math$none", "$none$add", "$math", "$math$"] {
        assert_eq!(func(app, name), None);
    }
    assert_eq!(
        text_of(app.get_typed_func::<(), ()>(&store, "ad")),
        "module \"app\" exports no function \"ad\"; did you mean \"add\"?"
    );
    assert_eq!(
        text_of(app.get_typed_func::<i32, ()>(&store, "add")),
        "function \"add\": expected (func (param i32)), found (func)"
    );
    scope.remove("math");
    assert_eq!(app.get_func(&store, "$math$add"), None);
    assert!(app.module(&store).same(&app.module(&store)));
}
