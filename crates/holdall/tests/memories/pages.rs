//! Pages of one byte.

use holdall::TrapCode::OutOfBoundsMemoryAccess;
use holdall::Val::{I32, I64};
use holdall::{Engine, Linker, Memory, MemoryType, Module, Store};

use crate::{call, check, does, gives, traps};

const BYTES: &str = r#"(module
    (memory (export "memory") 5 100000 (pagesize 1)) (memory $long i64 0 (pagesize 1))
    (data (i32.const 3) "\07\08")
    (func (export "size") (result i32) (memory.size))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "read") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "write") (param i32) (i32.store16 (local.get 0) (i32.const 0x0102)))
    (func (export "grow_long") (param i64) (result i64) (memory.grow $long (local.get 0)))
    (func (export "write_long") (param i64) (i64.store8 $long (local.get 0) (i64.const 1))))"#;

#[test]
fn memories_grow_and_end_by_the_byte() {
    check(
        BYTES,
        &[
            gives("size", [], 5_i32),
            gives("read", [I32(4)], 8_i32),
            traps("read", [I32(5)], OutOfBoundsMemoryAccess),
            traps("write", [I32(4)], OutOfBoundsMemoryAccess),
            gives("grow", [I32(1)], 5_i32),
            does("write", [I32(4)]),
            gives("read", [I32(5)], 1_i32),
            gives("grow", [I32(99_995)], -1_i32),
            gives("grow", [I32(99_994)], 6_i32),
            gives("read", [I32(99_999)], 0_i32),
            traps("read", [I32(100_000)], OutOfBoundsMemoryAccess),
            gives("grow_long", [I64(-1)], -1_i64),
            gives("grow_long", [I64(1)], 0_i64),
            does("write_long", [I64(0)]),
            traps("write_long", [I64(1)], OutOfBoundsMemoryAccess),
        ],
    );
}

#[test]
fn the_host_sees_the_page_size() {
    let mut store = Store::new(&Engine::default(), ());
    let ty = MemoryType::new(3, Some(9)).with_page_size_log2(0);
    let memory = Memory::new(&mut store, ty).unwrap();
    assert_eq!(
        (memory.page_size(&store), memory.page_size_log2(&store)),
        (1, 0)
    );
    assert_eq!(memory.grow(&mut store, 4).unwrap(), 3);
    assert_eq!((memory.size(&store), memory.data_size(&store)), (7, 7));
    let error = memory.grow(&mut store, 3).unwrap_err().to_string();
    assert!(
        error.starts_with("(memory 7 9 (pagesize 1)) cannot grow"),
        "{error}"
    );
}

#[test]
fn a_snapshot_keeps_a_memory_that_ends_within_a_block() {
    let engine = Engine::default();
    let linker = Linker::new(&engine);
    let module = Module::new(&engine, BYTES.as_bytes().to_vec()).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    assert_eq!(
        call(&mut store, instance, "grow", &[I32(4097)]).unwrap(),
        [I32(5)]
    );
    call(&mut store, instance, "write", &[I32(4100)]).unwrap();
    call(&mut store, instance, "grow_long", &[I64(1)]).unwrap();
    let snapshot = linker.snapshot(&mut store, instance).unwrap();
    let mut other = Store::new(&engine, ());
    let restored = linker
        .instantiate_from(&mut other, &module, &snapshot)
        .unwrap();
    let memory = |store: &Store<()>, instance: holdall::Instance| {
        let memory = instance.get_memory(store, "memory").unwrap();
        memory.data(store).to_vec()
    };
    assert_eq!(memory(&other, restored), memory(&store, instance));
    assert_eq!(
        call(&mut other, restored, "size", &[]).unwrap(),
        [I32(4102)]
    );
    assert_eq!(
        call(&mut other, restored, "grow_long", &[I64(0)]).unwrap(),
        [I64(1)]
    );
}
