//! Executions that end within native frames, again and again in one store: the caller has what it had, and the
//! store goes on.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anyhow::anyhow;
use holdall::{Caller, Config, Engine, Extern, Func, Instance, Limits, Linker, Module, Store, Val};

use crate::{same, tell};

/// Functions that call each other, and end in all ways at the bottom. They keep what they can in registers.
const DEEP: &str = r#"(module
    (type $f (func (param i32 i32) (result i64)))
    (import "host" "end" (func $end (param i32)))
    (import "host" "again" (func $again (param i32 i32) (result i64)))
    (memory (export "memory") 1 2)
    (global $zero (mut i32) (i32.const 0))
    (table funcref (elem $bottom $middle))
    (func $bottom (type $f)
        (block $7 (block $6 (block $5 (block $4 (block $3 (block $2 (block $1 (block $0
            (br_table $0 $1 $2 $3 $4 $5 $6 $7 (local.get 1)))
            (return (i64.const 1)))
            unreachable)
            (return (i64.extend_i32_u (i32.div_u (i32.const 1) (global.get $zero)))))
            (return (i64.load offset=65530 (global.get $zero))))
            (return (call_indirect (type $f) (i32.const 0) (i32.const 0) (i32.const 9))))
            (call $end (i32.const 0)))
            (call $end (i32.const 1)))
        (loop $endless (br $endless))
        unreachable)
    (func $middle (type $f) (local i64 i64 f64)
        (local.set 2 (i64.extend_i32_u (local.get 0)))
        (local.set 3 (i64.mul (local.get 2) (i64.const 3)))
        (local.set 4 (f64.convert_i64_u (local.get 3)))
        (if (i32.eqz (local.get 0)) (then (return (call $bottom (i32.const 0) (local.get 1)))))
        (call_indirect (type $f)
            (i32.sub (local.get 0) (i32.const 1)) (local.get 1) (i32.const 1))
        (i64.add (local.get 2))
        (i64.add (local.get 3))
        (i64.add (i64.trunc_f64_u (local.get 4))))
    ;; Every third call goes through the host.
    (func $run (export "run") (type $f)
        (if (i32.eqz (local.get 0))
            (then (return (call $middle (i32.const 3) (local.get 1)))))
        (i64.add
            (if (result i64) (i32.rem_u (local.get 0) (i32.const 3))
                (then (call $run (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))
                (else (call $again (i32.sub (local.get 0) (i32.const 1)) (local.get 1))))
            (i64.extend_i32_u (local.get 0)))))"#;

/// The ways to end. The last one takes a deadline.
const WAYS: i32 = 8;

fn instance_of_deep(engine: &Engine) -> (Store<()>, Instance) {
    let module = Module::named(engine, "m", DEEP).unwrap();
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    let end = |_: Caller<'_, ()>, way: i32| -> anyhow::Result<()> {
        assert!(way == 0, "the host panics");
        Err(anyhow!("the host fails"))
    };
    linker.func_wrap("host", "end", end).unwrap();
    let again = |mut caller: Caller<'_, ()>, depth: i32, way: i32| -> anyhow::Result<i64> {
        let run = caller.get_export("run").and_then(Extern::into_func);
        let run = run.ok_or_else(|| anyhow!("no function"))?;
        let mut results = [Val::I64(0)];
        let params = [Val::I32(depth), Val::I32(way)];
        run.call(&mut caller, &params, &mut results)?;
        results[0].i64().ok_or_else(|| anyhow!("no number"))
    };
    linker.func_wrap("host", "again", again).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

/// Calls `run`, and tells what came of it, also where the host panicked.
fn end(store: &mut Store<()>, run: Func, depth: i32, way: i32, told: &mut String) {
    let mut results = [Val::I64(0)];
    let params = [Val::I32(depth), Val::I32(way)];
    let call = || run.call(&mut *store, &params, &mut results);
    let _ = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => writeln!(told, "{depth} {way}: {results:?}"),
        Ok(Err(error)) => writeln!(told, "{depth} {way}: {error}"),
        Err(panic) => writeln!(told, "{depth} {way}: {:?}", panic.downcast_ref::<&str>()),
    };
}

#[test]
fn a_store_goes_on_after_each_way_to_end() {
    let told = same(&Config::new(), |engine, told| {
        let (mut store, instance) = instance_of_deep(engine);
        let run = instance.get_func(&store, "run").unwrap();
        for depth in [0, 1, 5, 9] {
            for way in 0..WAYS - 1 {
                end(&mut store, run, depth, way, told);
                end(&mut store, run, 4, 0, told);
            }
        }
    });
    for expected in ["the host fails", "the host panics", "undefined element"] {
        assert_eq!(told.matches(expected).count(), 4, "{told}");
    }
}

#[test]
fn fuel_and_deadlines_end_deep_native_frames_and_the_store_goes_on() {
    let told = same(&Config::new().metering(true), |engine, told| {
        let (mut store, instance) = instance_of_deep(engine);
        let run = instance.get_func(&store, "run").unwrap();
        for depth in [0, 4, 9] {
            for fuel in [1000, 20, 60, 100, 1000] {
                store.set_fuel(fuel).unwrap();
                let mut all = String::new();
                end(&mut store, run, depth, 0, &mut all);
                // The place is that of a function or loop that is charged for as a whole.
                told.push_str(all.split(" @ ").next().unwrap_or_default());
                let _ = writeln!(told, "left: {:?}", store.fuel());
            }
            let (mut store, instance) = instance_of_deep(engine);
            let run = instance.get_func(&store, "run").unwrap();
            for way in [7, 1, 7] {
                let limits = Limits::new().timeout(Duration::from_millis(10));
                store.limits(limits).unwrap();
                let mut all = String::new();
                end(&mut store, run, depth, way, &mut all);
                let first = all.lines().next().unwrap_or_default();
                told.push_str(first.split(" @ ").next().unwrap_or_default());
                store.limits(Limits::new()).unwrap();
                end(&mut store, run, depth, 0, told);
            }
        }
    });
    assert!(told.contains("fuel"), "{told}");
}

/// Computes with many locals, and does something else between.
fn computed(between: &mut dyn FnMut(u64)) -> impl PartialEq + use<> {
    let mut integers: [u64; 12] = std::array::from_fn(|at| at as u64 + 1);
    let mut floats: [f64; 8] = std::array::from_fn(|at| at as f64 + 0.5);
    let [mut a, mut b, mut c, mut d] = [1_u64, 2, 3, 4];
    let [mut f, mut g] = [1.5_f64, 2.5];
    for round in 0..200_u64 {
        between(round);
        (a, b, c, d) = (a + 1, b + a, c ^ b, d.wrapping_mul(3) + c);
        (f, g) = (f + 0.25, g + f);
        for (at, integer) in integers.iter_mut().enumerate() {
            *integer = integer.wrapping_mul(a) + at as u64;
        }
        for float in &mut floats {
            *float += f;
        }
    }
    (a, b, c, d, f, g, integers, floats)
}

#[test]
fn the_caller_of_native_code_has_the_values_that_it_had() {
    let engine = Engine::new(Config::new().native(true));
    let (mut store, instance) = instance_of_deep(&engine);
    let run = instance.get_func(&store, "run").unwrap();
    let mut told = String::new();
    let with_calls = computed(&mut |round| {
        let (depth, way) = ((round % 10) as i32, (round % 6) as i32);
        end(&mut store, run, depth, way, &mut told);
    });
    assert!(with_calls == computed(&mut |_| {}), "{told}");
}

/// The registers that a callee of C restores have what they had, whatever ends the native functions that use them.
#[cfg(target_arch = "x86_64")]
#[test]
fn registers_that_a_callee_restores_are_restored_however_native_code_ends() {
    use std::arch::asm;

    extern "C" fn call(work: *mut &mut dyn FnMut()) {
        // SAFETY: what calls hands on its own work.
        unsafe { (*work)() }
    }

    for seed in [None, Some(3), Some(4)] {
        let mut config = Config::new().native(true);
        config.native_seed = seed;
        let (mut store, instance) = instance_of_deep(&Engine::new(config));
        let run = instance.get_func(&store, "run").unwrap();
        for round in 0..300_u64 {
            let mut told = String::new();
            let mut work = || {
                let (depth, way) = (round % 10, round % 7);
                end(&mut store, run, depth as i32, way as i32, &mut told);
            };
            let mut work: &mut dyn FnMut() = &mut work;
            let before = [1, 2, 3, 4].map(|number| number * (round + 0x1234_5678_9abc));
            let mut after = before;
            // SAFETY: `call` is a function of C that unwinds no further, and all that such a function may
            // change is given away.
            unsafe {
                asm!(
                    "call {call}",
                    call = sym call,
                    in("rdi") &raw mut work,
                    inout("r12") after[0],
                    inout("r13") after[1],
                    inout("r14") after[2],
                    inout("r15") after[3],
                    clobber_abi("C"),
                );
            }
            assert_eq!(after, before, "{told}");
        }
    }
}

/// Traps, errors and panics pass every `try`, and what the function holds there.
#[test]
fn a_try_catches_neither_traps_nor_errors_nor_panics() {
    let text = r#"(module
        (import "m" "run" (func $run (param i32 i32) (result i64)))
        (tag $oops)
        (func $endless (result i64) (i64.add (call $endless) (i64.const 1)))
        (func $called (param i32 i32) (result i64)
            (if (i32.eq (local.get 1) (i32.const 7)) (then (return (call $endless))))
            (if (i32.eq (local.get 1) (i32.const 8)) (then (throw $oops)))
            (call $run (local.get 0) (local.get 1)))
        (func $tries (param i32 i32) (result i64) (local exnref)
            (local.set 2 (block $any (result exnref)
                (try_table (catch_all_ref $any) (throw $oops))
                unreachable))
            (block $any (result exnref)
                (try_table (catch_all_ref $any)
                    (block $oops
                        (try_table (catch $oops $oops)
                            (drop (call $called (i32.const 1) (i32.const 8)))))
                    (return (call $called (local.get 0) (local.get 1))))
                unreachable)
            (local.set 2)
            (i64.const -1))
        (func $legacy (export "tries") (param i32 i32) (result i64)
            try (result i64)
                (call $tries (local.get 0) (local.get 1))
            catch_all
                (i64.const -2)
            end))"#;
    let told = same(&Config::new(), |engine, told| {
        let (mut store, deep) = instance_of_deep(engine);
        let mut linker = Linker::new(engine);
        linker.instance(&mut store, "m", deep).unwrap();
        let module = Module::named(engine, "tries", text).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let tries = instance.get_func(&store, "tries").unwrap();
        for depth in [0, 5] {
            for way in [1, 2, 3, 4, 5, 6, 7, 8, 0] {
                let mut all = String::new();
                end(&mut store, tries, depth, way, &mut all);
                // How deep calls may be is another matter.
                let first = all.lines().next().unwrap_or_default();
                told.push_str(if way == 7 { first } else { &all });
            }
        }
    });
    for expected in [
        "the host fails",
        "the host panics",
        "[I64(-1)]",
        "exhausted",
    ] {
        assert_eq!(told.matches(expected).count(), 2, "{told}");
    }
}

#[test]
fn a_trap_in_a_start_function_leaves_the_store_as_it_was() {
    same(&Config::new(), |engine, told| {
        let (mut store, instance) = instance_of_deep(engine);
        let text = r#"(module
            (func $deep (param i32)
                (if (i32.eqz (local.get 0)) (then unreachable))
                (call $deep (i32.sub (local.get 0) (i32.const 1))))
            (func $start (call $deep (i32.const 5)))
            (start $start))"#;
        let traps = Module::named(engine, "traps", text).unwrap();
        for _ in 0..5 {
            let error = Linker::new(engine).instantiate(&mut store, &traps);
            let _ = writeln!(told, "{}", error.unwrap_err());
            let params = [Val::I32(3), Val::I32(0)];
            tell(&mut store, instance, "run", &params, told);
        }
    });
}
