//! Code that keeps its variables in memory and calls small functions: what was stored is what is loaded, whatever
//! came between, and small functions trap where they would if they were called.

use std::fmt::Write as _;

use holdall::{Caller, Config, Linker, Module, Store, Val};
use holdall_dev::rng::Rng;

use crate::{same, tell};

/// Loads, as 64 bits; `@` stands for the offset and the address.
const LOADS: [&str; 15] = [
    "(i64.extend_i32_u (i32.load @))",
    "(i64.extend_i32_s (i32.load8_s @))",
    "(i64.extend_i32_u (i32.load8_u @))",
    "(i64.extend_i32_s (i32.load16_s @))",
    "(i64.extend_i32_u (i32.load16_u @))",
    "(i64.load @)",
    "(i64.load8_s @)",
    "(i64.load8_u @)",
    "(i64.load16_s @)",
    "(i64.load16_u @)",
    "(i64.load32_s @)",
    "(i64.load32_u @)",
    "(i64.extend_i32_u (i32.reinterpret_f32 (f32.load @)))",
    "(i64.reinterpret_f64 (f64.load @))",
    "(i64x2.extract_lane 1 (v128.load @))",
];

/// Stores of the value in local `$l`.
const STORES: [&str; 10] = [
    "(i32.store @ (i32.wrap_i64 (local.get $l)))",
    "(i32.store8 @ (i32.wrap_i64 (local.get $l)))",
    "(i32.store16 @ (i32.wrap_i64 (local.get $l)))",
    "(i64.store @ (local.get $l))",
    "(i64.store8 @ (local.get $l))",
    "(i64.store16 @ (local.get $l))",
    "(i64.store32 @ (local.get $l))",
    "(f32.store @ (f32.reinterpret_i32 (i32.wrap_i64 (local.get $l))))",
    "(f64.store @ (f64.reinterpret_i64 (local.get $l)))",
    "(v128.store @ (i64x2.splat (local.get $l)))",
];

/// Addresses near each other, `#` a small number: by one value or several, wrapping or not.
const ADDRESSES: [&str; 10] = [
    "(local.get $a)",
    "(local.get $a)",
    "(i32.add (local.get $a) (i32.const #))",
    "(i32.add (i32.const #) (local.get $a))",
    "(i32.sub (local.get $a) (i32.const #))",
    "(i32.sub (i32.add (local.get $a) (i32.const 8)) (i32.const #))",
    "(local.get $b)",
    "(i32.add (global.get $pointer) (i32.const #))",
    "(i32.add (i32.const 16) (i32.const #))",
    "(i32.add (i32.const 64) (i32.and (local.get $a) (i32.const #)))",
];

/// What else happens.
const OTHERS: [&str; 21] = [
    "(global.set $pointer (i32.sub (global.get $pointer) (i32.const 4)))",
    "(global.set $pointer (local.get $a))",
    "(global.set $first (i64.add (global.get $second) (i64.const 1)))",
    "(global.set $second (i64.xor (global.get $first) (local.get $l)))",
    "(local.set $l (i64.add (local.get $l) (global.get $first)))",
    "(local.set $l (call $get (local.get $a)))",
    "(local.set $l (i64.add (local.get $l) (call $get (i32.add (local.get $a) (i32.const 4)))))",
    "(call $put (local.get $a) (local.get $l))",
    "(call $put (local.get $b) (i64.const -1))",
    "(local.set $l (call $through (local.get $a) (local.get $l)))",
    "(local.set $a (call $push (local.get $a)))",
    "(local.set $l (i64.add (call $two (local.get $l))))",
    "(call $host)",
    "(call $moves)",
    "(memory.copy (i32.const 12) (i32.const 16) (i32.const 9))",
    "(memory.fill (local.get $b) (i32.const 7) (i32.const 3))",
    "(i64.store $other offset=1 (i32.const 16) (local.get $l))",
    "(local.set $l (i64.rotl (local.get $l) (i64.const 7)))",
    "(i32.atomic.store (i32.const 16) (i32.const 5))",
    "(local.set $l (i64.div_u (i64.const 100) (i64.and (local.get $l) (i64.const 7))))",
    "(local.set $b (i32.add (local.get $a) (i32.const 2)))",
];

/// Two imported globals are one, and so are two memories.
const COMMON: &str = r#"
    (import "host" "count" (func $host))
    (import "maker" "g" (global $first (mut i64)))
    (import "maker" "g" (global $second (mut i64)))
    (import "maker" "m" (memory 1))
    (import "maker" "m" (memory $other 1))
    (global $pointer (export "pointer") (mut i32) (i32.const 48))
    (func $get (param i32) (result i64) (i64.load offset=3 (local.get 0)))
    (func $put (param i32 i64) (i64.store offset=5 (local.get 0) (local.get 1)))
    ;; Keeps its arguments in memory, as code that is not optimised does.
    (func $through (param i32 i64) (result i64) (local i32)
        (local.set 2 (i32.sub (global.get $pointer) (i32.const 16)))
        (i32.store offset=12 (local.get 2) (local.get 0))
        (i64.store (local.get 2) (local.get 1))
        (i64.add (i64.load (local.get 2)) (i64.load8_u offset=1 (i32.load offset=12 (local.get 2)))))
    (func $push (param i32) (result i32)
        (global.set $pointer (i32.sub (global.get $pointer) (i32.const 8)))
        (i32.store offset=4 (global.get $pointer) (local.get 0))
        (i32.load offset=4 (global.get $pointer)))
    (func $two (param i64) (result i64 i64) (local i64)
        (local.get 1) (i64.shr_u (local.get 0) (i64.const 3)))
    (func $moves (global.set $pointer (i32.const 40)) (call $host))"#;

fn place(rng: &mut Rng, text: &str) -> String {
    let address = rng.pick(&ADDRESSES);
    let address = address.replace('#', &rng.below(20).to_string());
    let offset = rng.below(14);
    text.replace('@', &format!("offset={offset} {address}"))
}

/// Operators by chance, within blocks down to a depth.
fn operators(rng: &mut Rng, depth: usize) -> String {
    let mut body = String::new();
    for _ in 0..3 + rng.below(8) {
        body += &match rng.below(100) {
            0..35 => {
                let load = *rng.pick(&LOADS);
                let load = place(rng, load);
                format!("(local.set $l (i64.add (i64.mul (local.get $l) (i64.const 31)) {load}))")
            }
            35..65 => {
                let store = *rng.pick(&STORES);
                place(rng, store)
            }
            65..90 => (*rng.pick(&OTHERS)).to_owned(),
            90.. if depth > 0 => {
                let condition = "(i32.and (i32.wrap_i64 (local.get $l)) (i32.const 1))";
                let [first, second] = [0; 2].map(|_| operators(rng, depth - 1));
                match rng.below(3) {
                    0 => format!("(if {condition} (then {first}) (else {second}))"),
                    1 => format!("(block {first} (br_if 0 {condition}) {second})"),
                    _ => format!(
                        "(loop {first} (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                            (br_if 0 (i32.gt_s (local.get $n) (i32.const 0))))"
                    ),
                }
            }
            _ => String::new(),
        };
    }
    body
}

/// Runs functions by chance with addresses at both ends of the memory, and tells what came of them.
fn by_chance(config: &Config, seed: u64) -> String {
    let mut rng = Rng::new(seed);
    let mut text = format!("(module {COMMON}");
    for at in 0..FUNCTIONS {
        let body = operators(&mut rng, 2);
        let _ = write!(
            text,
            r#"(func (export "{at}") (param $a i32) (param $b i32) (result i64)
                (local $l i64) (local $n i32)
                (local.set $l (i64.const 0x123456789abcdef)) (local.set $n (i32.const 3))
                {body} (local.get $l))"#
        );
    }
    text.push(')');
    same(config, |engine, told| {
        let maker =
            r#"(module (global (export "g") (mut i64) (i64.const 5)) (memory (export "m") 1))"#;
        let maker = Module::named(engine, "maker", maker).unwrap();
        let module = Module::named(engine, "m", &*text).unwrap();
        for (a, b) in [
            (32, 36),
            (40, 40),
            (100, 90),
            (3, 0),
            (0, 65_530),
            (65_520, 16),
            (-4, 7),
        ] {
            let mut store = Store::new(engine, 0);
            let mut linker = Linker::new(engine);
            let count = |mut caller: Caller<'_, u32>| *caller.data_mut() += 1;
            linker.func_wrap("host", "count", count).unwrap();
            let instance = linker.instantiate(&mut store, &maker).unwrap();
            linker.instance(&mut store, "maker", instance).unwrap();
            let memory = instance.get_memory(&mut store, "m").unwrap();
            let instance = linker.instantiate(&mut store, &module).unwrap();
            for at in 0..FUNCTIONS {
                let params = [a, b].map(Val::I32);
                tell(&mut store, instance, &at.to_string(), &params, told);
                let bytes = memory.data(&store).iter().zip(1_u64..);
                let sum = bytes.fold(0_u64, |sum, (byte, at)| {
                    sum.wrapping_add(u64::from(*byte).wrapping_mul(at))
                });
                let pointer = instance.get_global(&mut store, "pointer").unwrap();
                let _ = writeln!(told, "{sum} {:?} {}", pointer.get(&mut store), store.data());
            }
        }
    })
}

/// How many functions a module has.
const FUNCTIONS: usize = 12;

#[test]
fn what_was_stored_is_loaded_whatever_came_between() {
    for seed in 0..6 {
        let told = by_chance(&Config::new(), seed);
        assert!(told.contains("out of bounds"), "no access is out of bounds");
    }
    by_chance(&Config::new().metering(true), 6);
    by_chance(&Config::new().guarded_addresses(true), 7);
}

#[test]
fn a_trap_in_a_small_function_names_that_function_and_its_callers() {
    let text = r#"(module (memory 1)
        (func $small (param i32) (result i32) (i32.load offset=65533 (local.get 0)))
        (func $calls (param i32) (result i32) (i32.add (call $small (local.get 0)) (i32.const 1)))
        (func (export "first") (result i32) (call $calls (i32.const 0)))
        (func (export "within") (result i32) (call $small (i32.const -1)))
        (func (export "passes") (result i32)
            (block (try_table (catch_all 0) (drop (call $small (i32.const 9)))))
            (i32.const 1)))"#;
    let told = crate::same_of_module(text);
    assert_eq!(told.matches("m!small").count(), 3, "{told}");
    assert_eq!(told.matches("m!calls").count(), 1, "{told}");
}
