//! The first and the last byte of memories, and addresses whose sums do not fit 64 bits.

use std::fmt::Write as _;

use holdall::TrapCode::{OutOfBoundsMemoryAccess, OutOfBoundsTableAccess, UndefinedElement};
use holdall::Val::{I32, I64};

use crate::{call, check, does, engines, gives, instance, traps};

#[test]
fn a_hundred_memories_are_a_hundred_and_not_one_more() {
    let module = |count: i32| {
        let mut text = String::from("(module\n");
        for index in 0..count {
            let width = if index % 3 == 2 { "i64" } else { "i32" };
            let _ = writeln!(
                text,
                r#"(memory {width} 1)
                (func (export "write{index}") (param i32)
                    (i32.store16 {index} offset=65534 ({width}.const 0) (local.get 0)))
                (func (export "read{index}") (result i32)
                    (i32.load16_u {index} ({width}.const 65534)))
                (func (export "grow{index}") (result {width}) (memory.grow {index} ({width}.const 1)))"#
            );
        }
        text + ")"
    };
    for engine in engines() {
        let (mut store, instance) = instance(&engine, &module(100)).unwrap();
        for index in 0..100 {
            call(
                &mut store,
                instance,
                &format!("write{index}"),
                &[I32(1000 + index)],
            )
            .unwrap();
            // Growth moves memories, of which the first has its base in a register.
            call(&mut store, instance, &format!("grow{index}"), &[]).unwrap();
        }
        for index in 0..100 {
            let read = call(&mut store, instance, &format!("read{index}"), &[]);
            assert_eq!(read.unwrap(), [I32(1000 + index)]);
        }
    }
    let error = instance(&engines()[0], &module(101))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("memories count exceeds limit of 100"),
        "{error}"
    );
}

#[test]
fn a_sum_of_address_and_offset_beyond_64_bits_is_out_of_bounds() {
    let text = r#"(module (memory i64 1) (memory $other i64 1) (memory $short 1)
        (func (export "last") (param i64) (result i32)
            (i32.load8_u offset=0xffffffffffffffff (local.get 0)))
        (func (export "other") (param i64) (result i32)
            (i32.load8_u $other offset=0xffffffffffffffff (local.get 0)))
        (func (export "store") (param i64) (i64.store $other offset=0xfffffffffffffff8 (local.get 0) (i64.const 1)))
        (func (export "const") (result i64) (i64.load $other offset=0xffffffffffffffff (i64.const -1)))
        (func (export "const_store") (i64.store offset=0xffffffffffffffff (i64.const 1) (i64.const 1)))
        (func (export "computed") (param i64) (result i64)
            (i64.load offset=8 (i64.add (local.get 0) (i64.const 8))))
        (func (export "short") (param i32) (result i32) (i32.load $short offset=0xffffffff (local.get 0)))
        (func (export "end") (param i32) (result i32) (i32.load8_u $short offset=0xfffe (local.get 0))))"#;
    let out = OutOfBoundsMemoryAccess;
    check(
        text,
        &[
            traps("last", [I64(0)], out),
            traps("last", [I64(1)], out),
            traps("last", [I64(-1)], out),
            traps("other", [I64(0)], out),
            traps("other", [I64(1)], out),
            traps("store", [I64(0)], out),
            traps("store", [I64(8)], out),
            traps("store", [I64(16)], out),
            traps("const", [], out),
            traps("const_store", [], out),
            gives("computed", [I64(65_512)], 0_i64),
            traps("computed", [I64(65_513)], out),
            traps("computed", [I64(-16)], out),
            traps("computed", [I64(-9)], out),
            gives("computed", [I64(-8)], 0_i64),
            traps("short", [I32(-1)], out),
            gives("end", [I32(1)], 0_i32),
            traps("end", [I32(2)], out),
            traps("end", [I32(-1)], out),
        ],
    );
}

#[test]
fn copies_between_widths_end_at_the_last_byte_of_each() {
    let text = r#"(module (memory $long i64 2) (memory $short 1)
        (data $d "abcdefgh")
        (func (export "fill") (param i64 i64) (memory.fill $long (local.get 0) (i32.const 7) (local.get 1)))
        (func (export "init") (param i64 i32 i32)
            (memory.init $long $d (local.get 0) (local.get 1) (local.get 2)))
        (func (export "to_short") (param i32 i64 i32)
            (memory.copy $short $long (local.get 0) (local.get 1) (local.get 2)))
        (func (export "to_long") (param i64 i32 i32)
            (memory.copy $long $short (local.get 0) (local.get 1) (local.get 2)))
        (func (export "within") (param i64 i64 i64)
            (memory.copy $long $long (local.get 0) (local.get 1) (local.get 2)))
        (func (export "read") (param i64) (result i32) (i32.load8_u $long (local.get 0)))
        (func (export "read_short") (param i32) (result i32) (i32.load8_u $short (local.get 0))))"#;
    let out = OutOfBoundsMemoryAccess;
    let long = 2 * 65_536;
    check(
        text,
        &[
            does("fill", [I64(long - 2), I64(2)]),
            traps("fill", [I64(long - 2), I64(3)], out),
            traps("fill", [I64(-1), I64(2)], out),
            traps("fill", [I64(2), I64(-1)], out),
            does("fill", [I64(long), I64(0)]),
            traps("fill", [I64(long + 1), I64(0)], out),
            does("init", [I64(65_536), I32(0), I32(8)]),
            traps("init", [I64(65_536), I32(1), I32(8)], out),
            traps("init", [I64(-4), I32(0), I32(8)], out),
            // The last bytes of each, either way.
            does("to_short", [I32(65_534), I64(long - 2), I32(2)]),
            gives("read_short", [I32(65_535)], 7_i32),
            traps("to_short", [I32(65_534), I64(long - 2), I32(3)], out),
            traps("to_short", [I32(65_535), I64(long - 2), I32(2)], out),
            traps("to_short", [I32(0), I64(-1), I32(2)], out),
            // 2^32 is no address of the short memory's, and none that wraps to 0.
            traps("to_short", [I32(0), I64(1 << 32), I32(0)], out),
            traps("to_short", [I32(0), I64(0), I32(-1)], out),
            does("to_long", [I64(0), I32(65_534), I32(2)]),
            gives("read", [I64(1)], 7_i32),
            traps("to_long", [I64(long - 1), I32(0), I32(2)], out),
            traps("to_long", [I64(-1), I32(0), I32(1)], out),
            does("to_long", [I64(long), I32(65_536), I32(0)]),
            traps("to_long", [I64(0), I32(-1), I32(1)], out),
            traps("within", [I64(-1), I64(0), I64(2)], out),
            traps("within", [I64(0), I64(2), I64(-1)], out),
            does("within", [I64(65_537), I64(65_536), I64(8)]),
            gives("read", [I64(65_537)], i32::from(b'a')),
            gives("read", [I64(65_544)], i32::from(b'h')),
        ],
    );
}

#[test]
fn indices_of_64_bits_are_looked_at_whole() {
    let text = r#"(module (table $long i64 4 funcref) (table $short 4 funcref)
        (elem (table $long) (i64.const 0) func $one) (elem $e func $one $one)
        (func $one (result i32) (i32.const 1))
        (func (export "call") (param i64) (result i32)
            (call_indirect $long (result i32) (local.get 0)))
        (func (export "computed") (param i64) (result i32)
            (call_indirect $long (result i32) (i64.sub (local.get 0) (i64.const 1))))
        (func (export "tail") (param i64) (result i32)
            (return_call_indirect $long (result i32) (local.get 0)))
        (func (export "get") (param i64) (result i32) (ref.is_null (table.get $long (local.get 0))))
        (func (export "set") (param i64) (table.set $long (local.get 0) (ref.func $one)))
        (func (export "fill") (param i64 i64)
            (table.fill $long (local.get 0) (ref.null func) (local.get 1)))
        (func (export "init") (param i64 i32 i32)
            (table.init $long $e (local.get 0) (local.get 1) (local.get 2)))
        (func (export "copy") (param i32 i64 i32)
            (table.copy $short $long (local.get 0) (local.get 1) (local.get 2)))
        (func (export "size") (result i64) (table.size $long)))"#;
    let out = OutOfBoundsTableAccess;
    check(
        text,
        &[
            gives("call", [I64(0)], 1_i32),
            gives("computed", [I64(1)], 1_i32),
            traps("call", [I64(1 << 32)], UndefinedElement),
            traps("computed", [I64(1 + (1 << 32))], UndefinedElement),
            traps("tail", [I64(1 << 32)], UndefinedElement),
            traps("call", [I64(-1)], UndefinedElement),
            gives("get", [I64(0)], 0_i32),
            traps("get", [I64(1 << 32)], out),
            traps("set", [I64(1 << 32)], out),
            does("set", [I64(3)]),
            traps("fill", [I64(-1), I64(2)], out),
            traps("fill", [I64(3), I64(-1)], out),
            does("fill", [I64(3), I64(1)]),
            traps("init", [I64(-1), I32(0), I32(2)], out),
            does("init", [I64(2), I32(0), I32(2)]),
            traps("copy", [I32(0), I64(1 << 32), I32(0)], out),
            traps("copy", [I32(0), I64(0), I32(5)], out),
            does("copy", [I32(0), I64(0), I32(4)]),
            gives("size", [], 4_i64),
        ],
    );
}

#[test]
fn vectors_in_other_memories_end_where_those_memories_end() {
    let text = |memories: &str, memory: &str, width: &str| {
        format!(
            r#"(module {memories}
            (func (export "round") (param {width}) (result i64)
                (v128.store {memory} (local.get 0) (i64x2.splat (i64.const 0x0807060504030201)))
                (i64x2.extract_lane 1 (i64x2.add
                    (v128.load {memory} (local.get 0)) (v128.load8x8_u {memory} (local.get 0)))))
            (func (export "splat") (param {width}) (result i32)
                (i8x16.extract_lane_u 9 (v128.load16_splat {memory} offset=1 (local.get 0))))
            (func (export "zero") (param {width}) (result i64)
                (i64x2.extract_lane 0 (v128.load64_zero {memory} (local.get 0))))
            (func (export "lane") (param {width}) (result i32)
                (v128.store32_lane {memory} 3 (local.get 0) (i32x4.splat (i32.const 7)))
                (i32x4.extract_lane 2
                    (v128.load32_lane {memory} 2 (local.get 0) (i32x4.splat (i32.const 1))))))"#
        )
    };
    let out = OutOfBoundsMemoryAccess;
    for (memories, memory, width) in [
        ("(memory i64 1)", "", "i64"),
        ("(memory 1) (memory 1)", "1", "i32"),
        ("(memory 1) (memory i64 1)", "1", "i64"),
    ] {
        let at = |address: i64| match width {
            "i32" => I32(address as i32),
            _ => I64(address),
        };
        check(
            &text(memories, memory, width),
            &[
                gives(
                    "round",
                    [at(65_520)],
                    0x0807_0605_0403_0201 + 0x0008_0007_0006_0005_i64,
                ),
                traps("round", [at(65_521)], out),
                traps("round", [at(-1)], out),
                gives("splat", [at(65_520)], 3_i32),
                traps("splat", [at(65_534)], out),
                gives("zero", [at(65_528)], 0x0807_0605_0403_0201_i64),
                traps("zero", [at(65_529)], out),
                gives("lane", [at(65_532)], 7_i32),
                traps("lane", [at(65_533)], out),
            ],
        );
    }
}
