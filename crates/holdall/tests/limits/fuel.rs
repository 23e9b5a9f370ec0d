//! How much fuel something takes: the same each time, and in the order of its instructions.

use holdall::{Config, Engine, ErrorKind, Limits, Lowering, Store};

use crate::{LOWERINGS, call, instance, metering};

/// Loops in loops, branches out of them, calls and memory: each export ends.
const WORK: &str = r#"(module (memory 2) (table 4 funcref) (elem (i32.const 0) $fib $fib)
    (type $unary (func (param i32) (result i32)))
    (func $fib (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                           (call_indirect (type $unary)
                               (i32.sub (local.get 0) (i32.const 2)) (i32.const 1))))))
    (func (export "calls") (result i32) (call $fib (i32.const 15)))
    (func (export "loops") (local i32 i32)
        (loop $outer
            (local.set 1 (i32.const 0))
            (block $out
                (loop $inner
                    (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                    (br_if $out (i32.eq (local.get 1) (local.get 0)))
                    (br_if $inner (i32.lt_u (local.get 1) (i32.const 100)))))
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_if $outer (i32.lt_u (local.get 0) (i32.const 2000)))))
    (func (export "bulk")
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 100000))
        (memory.copy (i32.const 1000) (i32.const 0) (i32.const 100000))
        (drop (memory.grow (i32.const 3)))
        (drop (table.grow (ref.null func) (i32.const 1000))))
    (func (export "empty"))
    (func (export "one_turn") (loop))
    (func (export "ten_turns") (local i32)
        (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1)))
                                 (i32.const 10)))))
    (func (export "trap") (loop (unreachable))))"#;

/// The units that an export takes in a store of its own.
fn used(lowering: Lowering, export: &str) -> u64 {
    let (mut store, instance) = instance(&metering(lowering), WORK);
    let fuel = 1 << 40;
    store.limits(Limits::new().fuel(fuel)).unwrap();
    let result = call(&mut store, instance, export);
    assert_eq!(result.is_err(), export == "trap", "{export}");
    fuel - store.fuel().unwrap()
}

/// These numbers are the same in both backends, in every build and on every machine. When they
/// change, that is for the changelog.
#[test]
fn the_same_program_takes_the_same_fuel() {
    for (export, expected) in [
        // The `end` of the function; of the loop, that of the loop as well.
        ("empty", 1),
        ("one_turn", 3),
        // `loop` and `end`, and eight at each turn.
        ("ten_turns", 2 + 10 * 8),
        // `loop` and `unreachable`.
        ("trap", 2),
        ("calls", CALLS),
        ("loops", LOOPS),
        ("bulk", BULK),
    ] {
        for lowering in LOWERINGS {
            for _ in 0..2 {
                assert_eq!(used(lowering, export), expected, "{export} ({lowering:?})");
            }
        }
    }
}

/// 1,973 calls of `fib`, of 18 instructions each, and three outside.
const CALLS: u64 = 1_973 * 18 + 3;
/// Two outside of the loops, 14 at each turn of the outer one, 13 at each of the inner one: which
/// turns as often as the outer one has turned before, at least once and a hundred times at most, but
/// a hundred times the first time.
const LOOPS: u64 = 2 + 2_000 * 14 + (100 + 5_050 + 1_899 * 100) * 13;
/// 16 instructions, the bytes of the fill and the copy, the two pages that were there when the
/// memory grew, and the new elements of the table.
const BULK: u64 = 16 + 2 * (100_000 / 64) + 2 * 65_536 / 64 + 1_000 / 8;

#[test]
fn what_is_left_is_enough_for_as_much_again() {
    let (mut store, instance) = instance(&metering(Lowering::Lazy), WORK);
    store.limits(Limits::new().fuel(2 * LOOPS + CALLS)).unwrap();
    for export in ["loops", "calls", "loops"] {
        call(&mut store, instance, export).unwrap();
    }
    assert_eq!(store.fuel(), Some(0));
    call(&mut store, instance, "empty").unwrap_err();
}

#[test]
fn without_a_limit_nothing_runs_out() {
    let (mut store, instance) = instance(&metering(Lowering::Lazy), WORK);
    assert_eq!(store.fuel(), None);
    call(&mut store, instance, "loops").unwrap();
    assert_eq!(store.fuel(), None);
}

#[test]
fn an_engine_hands_its_limits_to_each_store() {
    let config = Config::new().metering(true);
    let engine = Engine::new(config.limits(Limits::new().fuel(7)));
    for _ in 0..2 {
        let (mut store, instance) = instance(&engine, WORK);
        for left in (0..7).rev() {
            call(&mut store, instance, "empty").unwrap();
            assert_eq!(store.fuel(), Some(left));
        }
        call(&mut store, instance, "empty").unwrap_err();
    }
}

#[test]
fn an_engine_that_does_not_meter_says_how_one_is_made() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let soon = Limits::new().timeout(std::time::Duration::from_secs(1));
    let unmetered = Config::new().limits(Limits::new().fuel(1));
    for error in [
        store.limits(Limits::new().fuel(1)).unwrap_err(),
        store.limits(soon).unwrap_err(),
        store.interrupt_handle().map(drop).unwrap_err(),
        Store::try_new(&Engine::new(unmetered), ())
            .map(drop)
            .unwrap_err(),
    ] {
        assert!(matches!(error.kind(), ErrorKind::Usage(_)), "{error}");
        let text = error.to_string();
        let way_out = "make the engine with `Config::metering(true)`";
        assert!(text.contains(way_out), "{text}");
    }
    assert_eq!(store.fuel(), None);
    store.limits(Limits::new().memory_bytes(1)).unwrap();
}
