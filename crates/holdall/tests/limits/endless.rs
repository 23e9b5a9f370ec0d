//! Guests that never end by themselves: under fuel, under a deadline, and interrupted.

use std::time::{Duration, Instant};

use holdall::{Limits, TrapCode};

use crate::{LOWERINGS, assert_code, assert_usable, call, instance, metering, trap};

const TIMEOUT: Duration = Duration::from_millis(200);
/// When a guest has to have ended: an unoptimised build on a machine that does other things too may
/// be late.
const END: Duration = Duration::from_secs(2);

/// Every export but `add` never ends.
const ENDLESS: &str = r#"(module
    (memory 1 65536) (table 100 funcref) (elem declare func $even)
    (type $none (func))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "loop") (loop (br 0)))
    (func (export "loop_if") (loop (br_if 0 (i32.const 1))))
    (func (export "loop_of_nothing_else") (loop $l (loop (nop)) (br $l)))
    (func (export "loop_with_values") (result i32)
        i32.const 1 i64.const 2
        (loop (param i32 i64) (result i32) (br 0)))
    (func (export "nested_loops") (local i32)
        (loop $outer
            (loop $inner
                (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                (br_if $inner (i32.and (local.get 0) (i32.const 3)))
                (br $outer))))
    (func (export "branch_table") (local i32)
        (loop $a (loop $b (loop $c
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_table $a $b $c (i32.rem_u (local.get 0) (i32.const 3)))))))
    (func $even (export "recursion") (return_call $odd))
    (func $odd (return_call $even))
    (func (export "indirect_recursion") (table.set (i32.const 0) (ref.func $even))
        (return_call_indirect (type $none) (i32.const 0)))
    (func $two (export "tree") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1)) (else
            (i32.add (call $two (i32.sub (local.get 0) (i32.const 1)))
                     (call $two (i32.sub (local.get 0) (i32.const 1)))))))
    (func (export "calls") (result i32) (call $two (i32.const 200)))
    (func (export "calls_in_a_loop") (loop (drop (call $two (i32.const 1))) (br 0)))
    (func (export "growth") (loop (drop (memory.grow (i32.const 0))) (br 0)))
    (func (export "growth_refused") (loop (drop (memory.grow (i32.const 65536))) (br 0)))
    (func (export "table_growth_refused")
        (loop (drop (table.grow (ref.null func) (i32.const -1))) (br 0)))
    (func (export "fills") (loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 65536)) (br 0)))
    (func (export "copies")
        (loop (memory.copy (i32.const 1) (i32.const 0) (i32.const 65535)) (br 0)))
    (func (export "table_fills")
        (loop (table.fill (i32.const 0) (ref.null func) (i32.const 100)) (br 0)))
    (func $many_locals (local LOCALS))
    (func (export "locals") (loop (call $many_locals) (br 0))))"#;

const EXPORTS: [&str; 17] = [
    "loop",
    "loop_if",
    "loop_of_nothing_else",
    "loop_with_values",
    "nested_loops",
    "branch_table",
    "recursion",
    "indirect_recursion",
    "calls",
    "calls_in_a_loop",
    "growth",
    "growth_refused",
    "table_growth_refused",
    "fills",
    "copies",
    "table_fills",
    "locals",
];

fn text() -> String {
    ENDLESS.replace("LOCALS", &"i64 ".repeat(30_000))
}

#[test]
fn each_ends_when_its_fuel_is_used_up() {
    for lowering in LOWERINGS {
        let (mut store, instance) = instance(&metering(lowering), &text());
        for export in EXPORTS {
            for fuel in [0, 1, 1000, 150_000] {
                store.limits(Limits::new().fuel(fuel)).unwrap();
                let trap = trap(call(&mut store, instance, export));
                assert_code(&trap, TrapCode::OutOfFuel);
                let detail = format!(
                    "out of fuel: limit `fuel` of the store: {fuel} units used up; raise it with \
                     `Limits::fuel`"
                );
                assert!(trap.to_string().starts_with(&detail), "{export}: {trap}");
                assert_eq!(store.fuel(), Some(0), "{export}");
                let frame = trap.frames().first().expect("the guest's function");
                assert!(frame.offset.is_some(), "{export}: {trap}");
            }
            assert_usable(&mut store, instance);
        }
    }
}

#[test]
fn each_ends_at_its_deadline() {
    let (mut store, instance) = instance(&metering(LOWERINGS[0]), &text());
    for export in EXPORTS {
        let start = Instant::now();
        store.limits(Limits::new().timeout(TIMEOUT)).unwrap();
        let trap = trap(call(&mut store, instance, export));
        let took = start.elapsed();
        assert_code(&trap, TrapCode::DeadlineExceeded);
        assert!(trap.to_string().contains("limit `deadline`"), "{trap}");
        assert!((TIMEOUT..END).contains(&took), "{export} took {took:?}");
        assert_usable(&mut store, instance);
    }
}

#[test]
fn a_deadline_that_has_passed_lets_nothing_begin() {
    let (mut store, instance) = instance(&metering(LOWERINGS[0]), &text());
    store.limits(Limits::new().timeout(Duration::ZERO)).unwrap();
    let trap = trap(call(&mut store, instance, "loop"));
    assert_code(&trap, TrapCode::DeadlineExceeded);
    assert_usable(&mut store, instance);
}

#[test]
fn each_can_be_interrupted_again_and_again() {
    let (mut store, instance) = instance(&metering(LOWERINGS[0]), &text());
    for export in EXPORTS {
        let handle = store.interrupt_handle().unwrap();
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            handle.interrupt();
            Instant::now()
        });
        let trap = trap(call(&mut store, instance, export));
        let took = other.join().expect("it only waits").elapsed();
        assert_code(&trap, TrapCode::Interrupted);
        assert!(took < END, "{export} took {took:?}");
        assert_usable(&mut store, instance);
    }
}

#[test]
fn an_interruption_between_executions_ends_the_next_one_only() {
    let (mut store, instance) = instance(&metering(LOWERINGS[0]), &text());
    let handle = store.interrupt_handle().unwrap();
    handle.interrupt();
    handle.clone().interrupt();
    let trap = trap(call(&mut store, instance, "loop"));
    assert_code(&trap, TrapCode::Interrupted);
    assert_usable(&mut store, instance);
}

/// Depth is the stack's limit, with or without a meter.
#[test]
fn deep_recursion_still_exhausts_the_stack() {
    let text = r#"(module (func $f (export "f") (call $f)))"#;
    let (mut store, instance) = instance(&metering(LOWERINGS[0]), text);
    let trap = trap(call(&mut store, instance, "f"));
    assert_eq!(trap.code().message(), "call stack exhausted");
    assert_code(&trap, TrapCode::CallStackExhausted);
}
