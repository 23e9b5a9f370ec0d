//! Atomic instructions: alignment, the ends of memories, and waits, which only a timeout or the end of the
//! execution can end.

use std::thread;
use std::time::{Duration, Instant};

use holdall::TrapCode::{
    DeadlineExceeded, EndlessWait, ExpectedSharedMemory, Interrupted, OutOfBoundsMemoryAccess,
    UnalignedAtomic,
};
use holdall::Val::{I32, I64};
use holdall::{
    Config, Engine, ExternType, Instance, Limits, Linker, Memory, MemoryType, Module, Store,
    TrapCode,
};

use crate::{call, check, does, engines, gives, instance, traps};

#[test]
fn atomics_are_aligned_and_within_their_memory_whichever_it_is() {
    for (memories, memory, width, shared) in [
        ("(memory 1 1 shared)", "", "i32", true),
        ("(memory 1)", "", "i32", false),
        ("(memory i64 1)", "", "i64", false),
        ("(memory 1) (memory i64 1 1 shared)", "1", "i64", true),
        ("(memory i64 1) (memory 1)", "1", "i32", false),
    ] {
        let text = format!(
            r#"(module {memories}
            (func (export "load") (param {width}) (result i64) (i64.atomic.load {memory} (local.get 0)))
            (func (export "load16") (param {width}) (result i32)
                (i32.atomic.load16_u {memory} offset=1 (local.get 0)))
            (func (export "store") (param {width} i64) (i64.atomic.store32 {memory} (local.get 0) (local.get 1)))
            (func (export "add") (param {width} i32) (result i32)
                (i32.atomic.rmw8.add_u {memory} (local.get 0) (local.get 1)))
            (func (export "cmpxchg") (param {width} i32 i32) (result i32)
                (i32.atomic.rmw8.cmpxchg_u {memory} (local.get 0) (local.get 1) (local.get 2)))
            (func (export "notify") (param {width}) (result i32)
                (memory.atomic.notify {memory} (local.get 0) (i32.const -1)))
            (func (export "wait") (param {width} i32 i64) (result i32)
                (memory.atomic.wait32 {memory} (local.get 0) (local.get 1) (local.get 2)))
            (func (export "wait64") (param {width} i64 i64) (result i32)
                (memory.atomic.wait64 {memory} (local.get 0) (local.get 1) (local.get 2)))
            (func (export "fence") (atomic.fence)))"#
        );
        let at = |address: i64| match width {
            "i32" => I32(address as i32),
            _ => I64(address),
        };
        let out = OutOfBoundsMemoryAccess;
        let mut cases = vec![
            gives("load", [at(65_528)], 0_i64),
            traps("load", [at(65_532)], UnalignedAtomic),
            traps("load", [at(65_536)], out),
            traps("load", [at(-8)], out),
            traps("load", [at(1)], UnalignedAtomic),
            gives("load16", [at(65_533)], 0_i32),
            traps("load16", [at(65_534)], UnalignedAtomic),
            traps("load16", [at(65_535)], out),
            does("store", [at(65_532), I64(-1)]),
            traps("store", [at(65_534), I64(-1)], UnalignedAtomic),
            traps("store", [at(65_536), I64(-1)], out),
            gives("load", [at(65_528)], -1_i64 << 32),
            gives("add", [at(65_535), I32(2)], 255_i32),
            gives("add", [at(65_535), I32(0x1fe)], 1_i32),
            traps("add", [at(65_536), I32(1)], out),
            gives("cmpxchg", [at(65_535), I32(254), I32(7)], 255_i32),
            gives("cmpxchg", [at(65_535), I32(0x1ff), I32(7)], 255_i32),
            gives("cmpxchg", [at(65_535), I32(255), I32(0x107)], 255_i32),
            gives("cmpxchg", [at(65_535), I32(0), I32(0)], 7_i32),
            gives("notify", [at(65_532)], 0_i32),
            traps("notify", [at(65_530)], UnalignedAtomic),
            traps("notify", [at(65_536)], out),
            traps("wait", [at(2), I32(0), I64(0)], UnalignedAtomic),
            traps("wait", [at(65_536), I32(0), I64(0)], out),
            traps("wait64", [at(4), I64(0), I64(0)], UnalignedAtomic),
            does("fence", []),
        ];
        if shared {
            cases.extend([
                gives("wait", [at(0), I32(1), I64(-1)], 1_i32),
                gives("wait", [at(0), I32(0), I64(0)], 2_i32),
                gives("wait64", [at(0), I64(0), I64(1_000_000)], 2_i32),
                traps("wait", [at(0), I32(0), I64(-1)], EndlessWait),
                traps("wait64", [at(0), I64(0), I64(i64::MIN)], EndlessWait),
            ]);
        } else {
            cases.extend([
                traps("wait", [at(0), I32(1), I64(0)], ExpectedSharedMemory),
                traps("wait64", [at(0), I64(0), I64(-1)], ExpectedSharedMemory),
            ]);
        }
        check(&text, &cases);
    }
}

const WAITS: &str = r#"(module (memory 1 1 shared)
    (func (export "waits") (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0x7fffffffffffffff)) drop)
    (func (export "endless") (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)) drop))"#;

fn code(error: &holdall::Error) -> Option<TrapCode> {
    error.trap().map(|trap| trap.code())
}

#[test]
fn a_wait_of_three_hundred_years_ends_at_the_deadline_or_by_an_interruption() {
    let engine = Engine::new(Config::new().metering(true));
    let (mut store, instance) = instance(&engine, WAITS).unwrap();
    let begin = Instant::now();
    store
        .limits(Limits::new().timeout(Duration::from_millis(50)))
        .unwrap();
    let error = call(&mut store, instance, "waits", &[]).unwrap_err();
    assert_eq!(code(&error), Some(DeadlineExceeded));
    store.limits(Limits::new()).unwrap();
    let handle = store.interrupt_handle().unwrap();
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        handle.interrupt();
    });
    let error = call(&mut store, instance, "waits", &[]).unwrap_err();
    assert_eq!(code(&error), Some(Interrupted));
    other.join().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_wait_that_nothing_can_end_says_so() {
    let (mut store, instance) = instance(&engines()[0], WAITS).unwrap();
    let error = call(&mut store, instance, "endless", &[]).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("a wait that nothing can end"), "{message}");
}

#[test]
fn shared_memories_are_imported_exported_and_told_from_others() {
    let engine = Engine::default();
    let text = r#"(module (import "pool" "memory" (memory 1 2 shared)) (export "memory" (memory 0))
        (func (export "add") (result i32) (i32.atomic.rmw.add (i32.const 0) (i32.const 5))))"#;
    let module = Module::new(&engine, text.as_bytes().to_vec()).unwrap();
    let mut store = Store::new(&engine, ());
    let shared = Memory::new(&mut store, MemoryType::shared(1, 2)).unwrap();
    let instance = Instance::new(&mut store, &module, &[shared.into()]).unwrap();
    call(&mut store, instance, "add", &[]).unwrap();
    assert_eq!(call(&mut store, instance, "add", &[]).unwrap(), [I32(5)]);
    assert_eq!(shared.data(&store)[0], 10);
    let exported = instance.get_export(&mut store, "memory").unwrap();
    let ty = ExternType::Memory(MemoryType::shared(1, 2));
    assert_eq!(exported.ty(&store), ty);
    let unshared = Memory::new(&mut store, MemoryType::new(1, Some(2))).unwrap();
    let error = Instance::new(&mut store, &module, &[unshared.into()]).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("expected (memory 1 2 shared), found (memory 1 2)"),
        "{message}"
    );
    // A module of the graph gives a shared memory as it gives any other.
    let mut linker = Linker::new(&engine);
    let pool = r#"(module (memory (export "memory") 1 2 shared))"#;
    let pool = Module::new(&engine, pool.as_bytes().to_vec()).unwrap();
    linker.register("pool", &pool).unwrap();
    linker.instantiate(&mut store, &module).unwrap();
}
