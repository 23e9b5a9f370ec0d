//! What stores and hosts allow: growth that is refused, memories that cannot be, and fuel.

use holdall::Val::{I32, I64};
use holdall::{Config, Engine, Limits, Lowering, Memory, MemoryType, Store, TrapCode};

use crate::{call, check, engines, gives, instance};

#[test]
fn refused_growth_gives_minus_one_as_wide_as_the_addresses() {
    let text = r#"(module (memory $long i64 1) (memory $short 1 2) (table $t i64 1 funcref) (table $s 1 2 funcref)
        (func (export "long") (param i64) (result i64) (memory.grow $long (local.get 0)))
        (func (export "short") (param i32) (result i32) (memory.grow $short (local.get 0)))
        (func (export "widened") (param i32) (result i64)
            (i64.extend_i32_u (memory.grow $short (local.get 0))))
        (func (export "table") (param i64) (result i64) (table.grow $t (ref.null func) (local.get 0)))
        (func (export "short_table") (param i32) (result i32)
            (table.grow $s (ref.null func) (local.get 0))))"#;
    let refused = [1 << 47, 1 << 48, i64::MAX, i64::MIN, -1];
    let mut cases = Vec::new();
    for delta in refused {
        cases.push(gives("long", [I64(delta)], -1_i64));
        cases.push(gives("table", [I64(delta)], -1_i64));
    }
    cases.extend([
        gives("short", [I32(2)], -1_i32),
        gives("short", [I32(-1)], -1_i32),
        gives("widened", [I32(2)], 0xffff_ffff_i64),
        gives("short_table", [I32(-1)], -1_i32),
        gives("long", [I64(1)], 1_i64),
        gives("long", [I64(0)], 2_i64),
        gives("short", [I32(1)], 1_i32),
        gives("table", [I64(1)], 1_i64),
    ]);
    check(text, &cases);
}

#[test]
fn growth_beyond_the_limits_of_the_store_is_refused_on_every_memory() {
    let text = r#"(module (memory 1) (memory $long i64 1)
        (func (export "first") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "second") (param i64) (result i64) (memory.grow $long (local.get 0))))"#;
    let (mut store, instance) = instance(&engines()[0], text).unwrap();
    store
        .limits(Limits::new().memory_bytes(3 * 65_536))
        .unwrap();
    let mut grow = |name, by| call(&mut store, instance, name, &[by]).unwrap();
    assert_eq!(grow("second", I64(2)), [I64(-1)]);
    assert_eq!(grow("second", I64(1)), [I64(1)]);
    assert_eq!(grow("first", I32(1)), [I32(-1)]);
}

#[test]
fn a_memory_that_cannot_be_is_an_error_that_names_what_forbids_it() {
    let engine = &engines()[0];
    for (text, expected) in [
        (
            "(module (memory i64 0x1000000000000))",
            "281474976710656 pages",
        ),
        (
            "(module (memory i64 0x800000000000))",
            "140737488355328 pages",
        ),
        (
            "(module (table i64 0x1000000000000 funcref))",
            "table_elements_each",
        ),
        (
            "(module (table i64 0xffffffffffffffff funcref))",
            "table_elements_each",
        ),
    ] {
        let error = instance(engine, text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let engine = Engine::new(Config::new().limits(Limits::new().memory_bytes_each(65_536)));
    let error = instance(&engine, "(module (memory 1) (memory i64 2))").unwrap_err();
    assert!(error.to_string().contains("`memory_bytes_each`"), "{error}");
}

#[test]
fn memories_of_the_host_are_of_types_that_exist() {
    let mut store = Store::new(&engines()[0], ());
    for (ty, expected) in [
        (
            MemoryType::new(1, None).with_page_size_log2(3),
            "pages of 1 or 65,536 bytes, found 2^3",
        ),
        (
            MemoryType::new(1, None).with_page_size_log2(255),
            "pages of 1 or 65,536 bytes",
        ),
        (
            MemoryType {
                max: None,
                ..MemoryType::shared(1, 1)
            },
            "expected a maximum",
        ),
        (
            MemoryType::new64((1 << 48) + 1, None),
            "281474976710656 pages",
        ),
        (MemoryType::new64(2, Some(1)), "minimum <= maximum"),
        (
            MemoryType::new64(u64::MAX, None).with_page_size_log2(0),
            "18446744073709551615 pages",
        ),
    ] {
        let error = Memory::new(&mut store, ty).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let memory = Memory::new(&mut store, MemoryType::new64(1, None)).unwrap();
    assert!(memory.grow(&mut store, u64::MAX).is_err());
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 1);
    let memory = Memory::new(&mut store, MemoryType::shared(1, 2)).unwrap();
    memory.write(&mut store, 65_535, &[1]).unwrap();
    assert!(memory.ty(&store).is_shared());
}

/// Each takes as much fuel on the second memory, and with 64-bit addresses, as on the first.
#[test]
fn bulk_work_costs_the_same_on_every_memory() {
    const BYTES: i64 = 40 << 20;
    let module = |memories: &str, memory: &str, width: &str| {
        format!(
            r#"(module {memories} (data $d "abcdefgh")
            (func (export "fill") (memory.fill {memory} ({width}.const 0) (i32.const 7) ({width}.const {BYTES})))
            (func (export "copy") (memory.copy {memory} {memory}
                ({width}.const 65536) ({width}.const 0) ({width}.const {BYTES})))
            (func (export "grow") (drop (memory.grow {memory} ({width}.const 10)))))"#
        )
    };
    let modules = [
        module("(memory 1000)", "0", "i32"),
        module("(memory 1) (memory 1000)", "1", "i32"),
        module("(memory i64 1000)", "0", "i64"),
        module("(memory 1) (memory i64 1000)", "1", "i64"),
    ];
    let engine = Engine::new(Config::new().metering(true).lowering(Lowering::Eager));
    let fuel = 1 << 30;
    let spent = |text: &str, name: &str| {
        let (mut store, instance) = instance(&engine, text).unwrap();
        store.limits(Limits::new().fuel(fuel)).unwrap();
        call(&mut store, instance, name, &[]).unwrap();
        fuel - store.fuel().unwrap()
    };
    for name in ["fill", "copy", "grow"] {
        let each: Vec<u64> = modules.iter().map(|text| spent(text, name)).collect();
        assert!(each[0] > 1000, "{name} {each:?}");
        assert!(each.iter().all(|fuel| *fuel == each[0]), "{name} {each:?}");
    }
    for text in &modules {
        let (mut store, instance) = instance(&engine, text).unwrap();
        store.limits(Limits::new().fuel(1000)).unwrap();
        let error = call(&mut store, instance, "fill", &[]).unwrap_err();
        assert_eq!(
            error.trap().map(|trap| trap.code()),
            Some(TrapCode::OutOfFuel)
        );
    }
}
