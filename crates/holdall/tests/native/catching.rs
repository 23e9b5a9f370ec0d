//! Exceptions that go far: past landings that do not catch them, through tail calls, memories that grow, the host
//! and interpreted frames, and again and again.

use anyhow::anyhow;
use holdall::{
    Caller, Config, Engine, Exception, FuncType, Instance, Linker, Module, Store, Tag, TagType,
    TypedFunc, Val, ValType,
};

use crate::{same, same_of_module, tell};

#[test]
fn a_callee_of_a_tail_call_that_held_references_and_threw_is_forgotten() {
    same_of_module(
        r#"(module
            (tag $oops (param i32))
            (func $exception (param i32) (result exnref)
                (block $any (result exnref)
                    (try_table (catch_all_ref $any) (throw $oops (local.get 0)))
                    unreachable))
            (func $throws (param i32)
                (drop (call $exception (local.get 0)))
                (if (local.get 0) (then (throw $oops (local.get 0)))))
            ;; Holds references while it calls.
            (func $holds (param i32) (result i32) (local exnref exnref exnref)
                (local.set 1 (call $exception (i32.const 1)))
                (local.set 2 (call $exception (i32.const 2)))
                (local.set 3 (call $exception (i32.const 3)))
                (call $throws (local.get 0))
                (throw_ref (local.get 2)))
            (func $tail (param i32) (result i32) (return_call $holds (local.get 0)))
            (func $caught (param i32) (result i32) (local exnref)
                (local.set 1 (call $exception (i32.const 50)))
                (block $oops (result i32)
                    (try_table (catch $oops $oops) (return (call $tail (local.get 0))))
                    unreachable)
                (i32.add (block $oops (result i32)
                    (try_table (catch $oops $oops) (throw_ref (local.get 1)))
                    unreachable)))
            (func (export "once") (result i32) (call $caught (i32.const 7)))
            (func (export "many times") (result i32) (local i32 i32)
                (loop $again
                    (local.set 1 (i32.add (local.get 1)
                        (call $caught (i32.and (local.get 0) (i32.const 1)))))
                    (br_if $again (i32.lt_u
                        (local.tee 0 (i32.add (local.get 0) (i32.const 1)))
                        (i32.const 3000))))
                (local.get 1))
            (func (export "uncaught") (result i32) (call $tail (i32.const 1)))
            (func (export "after that") (result i32) (call $caught (i32.const 0))))"#,
    );
}

#[test]
fn an_exception_passes_landings_whose_clauses_do_not_match() {
    let told = same_of_module(
        r#"(module
            (type $f (func (param i32) (result i32)))
            (tag $a (param i32)) (tag $b (param i32)) (tag $c (param i32)) (tag $d)
            (table funcref (elem $throws $catches_a $catches_b $catches_both))
            (func $throws (param i32) (result i32)
                (if (i32.eq (local.get 0) (i32.const 0)) (then (throw $a (i32.const 1))))
                (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $b (i32.const 2))))
                (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $c (i32.const 3))))
                (if (i32.eq (local.get 0) (i32.const 3)) (then (throw $d)))
                (i32.const 4))
            (func $catches_a (param i32) (result i32)
                (block $caught (result i32)
                    (try_table (result i32) (catch $a $caught)
                        (call_indirect (type $f) (local.get 0) (i32.const 0))))
                (i32.add (i32.const 10)))
            (func $catches_b (param i32) (result i32) (local i64)
                (local.set 1 (i64.const 100))
                (block $caught (result i32)
                    (try_table (result i32) (catch $b $caught)
                        (local.set 1 (i64.const 200))
                        (call_ref $f (local.get 0) (ref.func $catches_a))))
                (i32.add (i32.wrap_i64 (local.get 1))))
            (func $catches_both (param i32) (result i32)
                (block $out (result i32)
                    (block $c (result i32)
                        (try_table (result i32) (catch $c $c)
                            (block $b (result i32)
                                (try_table (result i32) (catch $a $b) (catch $b $b)
                                    (call $catches_b (local.get 0))))))
                    (i32.add (i32.const 1000))))
            (func (export "a") (result i32) (call $catches_both (i32.const 0)))
            (func (export "b") (result i32) (call $catches_both (i32.const 1)))
            (func (export "c") (result i32) (call $catches_both (i32.const 2)))
            (func (export "d") (result i32) (call $catches_both (i32.const 3)))
            (func (export "none") (result i32) (call $catches_both (i32.const 4)))
            (func (export "d, caught") (result i32)
                (block $d
                    (try_table (catch $d $d) (return (call $catches_both (i32.const 3)))))
                (i32.const -4)))"#,
    );
    assert!(told.contains("d: uncaught exception"), "{told}");
    assert!(told.contains("d, caught: [I32(-4)]"), "{told}");
}

/// The memory moves as it grows: at a landing it is where it is then.
#[test]
fn a_memory_that_grew_before_an_exception_is_seen_at_its_new_place() {
    let text = r#"(module
        (import "host" "grow and throw" (func $host (param i32)))
        (import "host" "tag" (tag $oops (param i32)))
        (memory (export "memory") 1)
        (func $grows (param i32)
            (drop (memory.grow (local.get 0)))
            (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4))
                (i32.const 77))
            (throw $oops (i32.const 5)))
        (func (export "own") (result i32) (local i32)
            (i32.store (i32.const 8) (i32.const 1))
            (block $caught (result i32)
                (try_table (catch $oops $caught)
                    (call $grows (i32.const 600)))
                unreachable)
            (local.set 0)
            (i32.store (i32.const 12) (local.get 0))
            (i32.add (i32.load (i32.const 8)) (i32.load (i32.const 12)))
            (i32.add (i32.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)))))
        (func (export "the host's") (result i32) (local i32)
            (i32.store (i32.const 8) (i32.const 10))
            (block $caught (result i32)
                (try_table (catch $oops $caught)
                    (call $host (i32.const 700)))
                unreachable)
            (local.set 0)
            (i32.store (i32.const 0x4000000) (local.get 0))
            (i32.add (i32.load (i32.const 8)) (i32.load (i32.const 0x4000000))))
        (func (export "legacy") (result i32)
            (i32.store (i32.const 8) (i32.const 100))
            try (result i32)
                (call $grows (i32.const 100))
                (i32.const 0)
            catch $oops
                (i32.add (i32.load (i32.const 8)))
                (i32.add (i32.load
                    (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4))))
            end))"#;
    let told = same_with_host(text);
    assert_eq!(
        told,
        "own: [I32(83)]\nthe host's: [I32(15)]\nlegacy: [I32(182)]\n"
    );
}

/// A host that throws, fails, and calls the exported functions of who calls it.
pub(crate) fn host(engine: &Engine) -> (Store<()>, Linker<()>) {
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    let tag = TagType::new(FuncType::new([ValType::I32], []));
    let tag = Tag::new(&mut store, &tag).unwrap();
    linker.define(&store, "host", "tag", tag).unwrap();
    let throw = move |caller: Caller<'_, ()>, n: i32| -> anyhow::Result<()> {
        match n {
            0 => Ok(()),
            -1 => Err(anyhow!("the host fails")),
            _ => Err(Exception::new(&caller, &tag, &[Val::I32(n)])?.into()),
        }
    };
    linker.func_wrap("host", "throw", throw).unwrap();
    let grow = move |mut caller: Caller<'_, ()>, pages: i32| -> anyhow::Result<()> {
        let memory = caller.get_export("memory");
        let memory = memory.and_then(holdall::Extern::into_memory);
        let memory = memory.ok_or_else(|| anyhow!("no memory"))?;
        memory.grow(&mut caller, u64::try_from(pages)?)?;
        Err(Exception::new(&caller, &tag, &[Val::I32(5)])?.into())
    };
    linker.func_wrap("host", "grow and throw", grow).unwrap();
    let call = |mut caller: Caller<'_, ()>, n: i32| -> anyhow::Result<i32> {
        let run = caller.get_export("run");
        let run = run.and_then(holdall::Extern::into_func);
        let run = run.ok_or_else(|| anyhow!("no function"))?;
        let mut results = [Val::I32(0)];
        run.call(&mut caller, &[Val::I32(n)], &mut results)?;
        results[0].i32().ok_or_else(|| anyhow!("no number"))
    };
    linker.func_wrap("host", "call", call).unwrap();
    (store, linker)
}

/// What the exports without parameters of a module tell, with the host.
fn same_with_host(text: &str) -> String {
    same(&Config::new(), |engine, told| {
        let (mut store, linker) = host(engine);
        let module = Module::named(engine, "m", text).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        for export in module.exports() {
            let func = instance.get_func(&store, export.name);
            if func.is_some_and(|func| func.ty(&store).params().is_empty()) {
                tell(&mut store, instance, export.name, &[], told);
            }
        }
    })
}

#[test]
fn what_the_host_throws_is_caught_and_its_errors_are_not() {
    let told = same_with_host(
        r#"(module
            (type $f (func (param i32)))
            (import "host" "throw" (func $throw (type $f)))
            (import "host" "call" (func $call (param i32) (result i32)))
            (import "host" "tag" (tag $oops (param i32)))
            (table funcref (elem $throw))
            (elem declare func $throw)
            (func $direct (param i32) (result i32)
                (block $caught (result i32)
                    (try_table (catch $oops $caught) (call $throw (local.get 0)))
                    (i32.const -7)))
            (func $by_table (param i32) (result i32)
                (block $caught (result i32)
                    (try_table (catch $oops $caught)
                        (call_indirect (type $f) (local.get 0) (i32.const 0)))
                    (i32.const -7)))
            (func $by_reference (param i32) (result i32)
                (block $caught (result i32)
                    (try_table (catch $oops $caught)
                        (call_ref $f (local.get 0) (ref.func $throw)))
                    (i32.const -7)))
            (func $tail (param i32) (return_call $throw (local.get 0)))
            (func $by_tail_call (param i32) (result i32)
                (block $caught (result i32)
                    (try_table (catch $oops $caught) (call $tail (local.get 0)))
                    (i32.const -7)))
            (func $catches_all (param i32) (result i32)
                (block $caught
                    (try_table (catch_all $caught) (call $tail (local.get 0)))
                    (return (i32.const -7)))
                (i32.const 8))
            ;; Goes through the host as often as the number says, and throws there, in every second of these calls.
            (func $run (export "run") (param i32) (result i32) (local i32 f64)
                (local.set 2 (f64.convert_i32_s (local.get 0)))
                (local.set 1 (i32.const 1000))
                (if (i32.le_s (local.get 0) (i32.const 0))
                    (then (call $throw (i32.sub (local.get 0) (i32.const 2)))))
                (if (i32.and (local.get 0) (i32.const 1))
                    (then (return (i32.add
                        (call $call (i32.sub (local.get 0) (i32.const 1)))
                        (local.get 1)))))
                (block $caught (result i32)
                    (try_table (catch $oops $caught)
                        (local.set 1 (call $call (i32.sub (local.get 0) (i32.const 1))))
                        (throw $oops (i32.add (local.get 1) (i32.const 1))))
                    unreachable)
                (i32.add (local.get 1))
                (i32.add (i32.trunc_f64_s (local.get 2))))
            (func (export "direct") (result i32) (call $direct (i32.const 3)))
            (func (export "direct, fails") (result i32) (call $direct (i32.const -1)))
            (func (export "direct, fine") (result i32) (call $direct (i32.const 0)))
            (func (export "by table") (result i32) (call $by_table (i32.const 3)))
            (func (export "by table, fails") (result i32) (call $by_table (i32.const -1)))
            (func (export "by reference") (result i32) (call $by_reference (i32.const 3)))
            (func (export "by reference, fails") (result i32) (call $by_reference (i32.const -1)))
            (func (export "by tail call") (result i32) (call $by_tail_call (i32.const 3)))
            (func (export "by tail call, fails") (result i32) (call $by_tail_call (i32.const -1)))
            (func (export "catches all") (result i32) (call $catches_all (i32.const 3)))
            (func (export "catches all, fails") (result i32) (call $catches_all (i32.const -1)))
            (func (export "uncaught") (call $throw (i32.const 3)))
            (func (export "through the host") (result i32) (call $run (i32.const 8)))
            (func (export "through the host, odd") (result i32) (call $run (i32.const 9)))
            (func (export "through the host, uncaught") (result i32) (call $run (i32.const 1))))"#,
    );
    assert_eq!(told.matches("the host fails").count(), 5, "{told}");
    assert_eq!(told.matches("[I32(3)]").count(), 4, "{told}");
}

/// Functions that catch as often as they are told, in all ways.
const OFTEN: &str = r#"(module
    (type $f (func (param i32)))
    (import "host" "throw" (func $host (type $f)))
    (import "host" "tag" (tag $oops (param i32)))
    (tag $other)
    (global $deepest (mut i32) (i32.const 0))
    (func $dive
        (global.set $deepest (i32.add (global.get $deepest) (i32.const 1)))
        (call $dive))
    (func (export "dive") (global.set $deepest (i32.const 0)) (call $dive))
    (func (export "deepest") (result i32) (global.get $deepest))
    (table funcref (elem $throws $host))
    (elem declare func $throws)
    (func $throws (param i32) (throw $oops (local.get 0)))
    (func $wide (param i32 i64 i64 i64 i64 i64 i64 f64 v128 v128 i64 i64) (result i32 i64)
        (call $throws (local.get 0))
        unreachable)
    (func $passes (param i32)
        (block $other (try_table (catch $other $other) (call $throws (local.get 0)))))
    (func $tail (param i32) (return_call $passes (local.get 0)))
    (func (export "direct") (param i32) LOOP (call $throws (i32.const 3)) END)
    (func (export "wide") (param i32) LOOP
        (call $wide (i32.const 3) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
            (i64.const 5) (i64.const 6) (f64.const 7) (v128.const i64x2 8 8)
            (v128.const i64x2 9 9) (i64.const 10) (i64.const 11))
        drop drop
        END)
    (func (export "by table") (param i32) LOOP
        (call_indirect (type $f) (i32.const 3) (i32.const 0)) END)
    (func (export "host") (param i32) LOOP
        (call_indirect (type $f) (i32.const 3) (i32.const 1)) END)
    (func (export "by reference") (param i32) LOOP
        (call_ref $f (i32.const 3) (ref.func $throws)) END)
    (func (export "passes") (param i32) LOOP (call $passes (i32.const 3)) END)
    (func (export "tail") (param i32) LOOP (call $tail (i32.const 3)) END)
    (func (export "legacy") (param i32)
        (loop $again
            try
                (call $throws (i32.const 3))
                unreachable
            catch $oops
                drop
            end
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "rethrown") (param i32)
        (loop $again
            try
                try
                    (call $throws (i32.const 3))
                catch_all
                    rethrow 0
                end
                unreachable
            catch_all
            end
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;

fn typed(store: &mut Store<()>, instance: Instance, name: &str) -> TypedFunc<i32, ()> {
    instance.get_typed_func(store, name).unwrap()
}

#[test]
fn a_million_catches_leave_nothing_on_the_stack() {
    const TIMES: i32 = if cfg!(debug_assertions) {
        50_000
    } else {
        1_000_000
    };
    let text = OFTEN
        .replace(
            "LOOP",
            "(loop $again (block $caught (result i32) (try_table (catch $oops $caught)",
        )
        .replace(
            "END",
            ") unreachable) drop
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
        );
    let run = move || {
        for seed in [None, Some(1), Some(2), Some(3)] {
            let mut config = Config::new().native(true);
            config.native_seed = seed;
            let engine = Engine::new(config);
            let (mut store, linker) = host(&engine);
            let module = Module::named(&engine, "m", &*text).unwrap();
            let instance = linker.instantiate(&mut store, &module).unwrap();
            let deepest = instance.get_typed_func::<(), i32>(&mut store, "deepest");
            let deepest = deepest.unwrap();
            let dive = instance.get_typed_func::<(), ()>(&mut store, "dive");
            let dive = dive.unwrap();
            let dive = |store: &mut Store<()>| {
                let error = dive.call(&mut *store, ()).unwrap_err().to_string();
                assert!(error.contains("call stack exhausted"), "{error}");
                deepest.call(store, ()).unwrap()
            };
            let depth = dive(&mut store);
            for name in [
                "direct",
                "wide",
                "by table",
                "host",
                "by reference",
                "passes",
                "tail",
                "legacy",
                "rethrown",
            ] {
                let times = if seed.is_some() { TIMES / 20 } else { TIMES };
                let often = typed(&mut store, instance, name);
                often.call(&mut store, times).unwrap();
                assert_eq!(dive(&mut store), depth, "{name}, mixture {seed:?}");
            }
        }
    };
    // A stack on which eight bytes each time would be too much.
    let thread = std::thread::Builder::new().stack_size(600 << 10);
    thread.spawn(run).unwrap().join().unwrap();
}
