//! Exceptions and the host: through host functions, from them, and out of the guest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use holdall::{
    Caller, Engine, ErrorKind, Exception, ExnRef, Extern, Func, FuncType, Global, GlobalType,
    Linker, Module, Mutability, Store, Tag, TagType, Trap, TrapCode, Val, ValType,
};

use crate::configs;

fn tag(store: &mut Store<()>, params: &[ValType]) -> Tag {
    let ty = TagType::new(FuncType::new(params.iter().copied(), []));
    Tag::new(store, &ty).unwrap()
}

/// Calls the function `run` of the caller, and returns its error.
fn passes_on(mut caller: Caller<'_, ()>) -> anyhow::Result<()> {
    let run = caller.get_export("run").and_then(Extern::into_func);
    run.expect("it is exported")
        .call(&mut caller, &[], &mut [])?;
    Ok(())
}

#[test]
fn an_exception_passes_three_modules_and_a_host() {
    for (name, config) in configs() {
        let engine = Engine::new(config);
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_wrap("env", "passes_on", passes_on).unwrap();
        for (module, text) in [
            (
                "inner",
                r#"(module $inner (memory 3) (tag $t (export "t") (param i32 i64))
                    (func (export "throws") (param i32) (throw $t (local.get 0) (i64.const 6))))"#,
            ),
            (
                "middle",
                r#"(module $middle (import "inner" "throws" (func $throws (param i32)))
                    (import "env" "passes_on" (func $passes_on))
                    (memory 1) (global $saw (export "saw") (mut i32) (i32.const 0))
                    (func (export "run") (i32.store (i32.const 8) (i32.const 5))
                        try (call $throws (i32.const 36)) catch_all (global.set $saw (i32.load (i32.const 8))) (rethrow 0) end)
                    (func (export "through") (call $passes_on)))"#,
            ),
        ] {
            let module_ = Module::new(&engine, text).unwrap();
            linker.module(&mut store, module, &module_).unwrap();
        }
        let outer = Module::new(
            &engine,
            r#"(module $outer (import "middle" "through" (func $through))
                (import "inner" "t" (tag $t (param i32 i64)))
                (memory 2)
                (func (export "catches") (result i32)
                    (i32.store (i32.const 16) (i32.const 1000))
                    (block $caught (result i32 i64)
                        (try_table (catch $t $caught) (call $through))
                        unreachable)
                    (i32.wrap_i64) (i32.add)
                    (i32.add (i32.load (i32.const 16)) (memory.size)) (i32.add))
                (func (export "lets_go") (call $through)))"#,
        )
        .unwrap();
        let outer = linker.instantiate(&mut store, &outer).unwrap();
        let catches = outer
            .get_typed_func::<(), i32>(&mut store, "catches")
            .unwrap();
        for _ in 0..3 {
            assert_eq!(
                catches.call(&mut store, ()).unwrap(),
                36 + 6 + 1000 + 2,
                "{name}"
            );
        }
        let lets_go = outer
            .get_typed_func::<(), ()>(&mut store, "lets_go")
            .unwrap();
        let error = lets_go.call(&mut store, ()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(
                "uncaught exception inner!t with 0x24:i32, 0x6:i64\n  0: inner!<func 0>"
            ),
            "{text}"
        );
        let exception = error.exception().unwrap();
        assert_eq!(exception.values(), [Val::I32(36), Val::I64(6)]);
        let modules: Vec<_> = exception
            .frames()
            .iter()
            .map(|frame| frame.module.as_deref())
            .collect();
        let expected = ["inner", "middle", "middle", "outer"];
        assert_eq!(modules, expected.map(Some), "{text}");
        assert!(
            exception
                .frames()
                .iter()
                .all(|frame| frame.offset.is_some()),
            "{text}"
        );
    }
}

#[test]
fn a_host_function_throws_matches_and_stops() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let (one, other) = (
        tag(&mut store, &[ValType::I32]),
        tag(&mut store, &[ValType::I32]),
    );
    let throws = Func::wrap(
        &mut store,
        move |caller: Caller<'_, ()>, n: i32| -> holdall::Result<()> {
            let tag = if n < 100 { one } else { other };
            Err(Exception::new(&caller, &tag, &[Val::I32(n)])?.into())
        },
    );
    let stops = Func::wrap(
        &mut store,
        move |mut caller: Caller<'_, ()>, n: i32| -> holdall::Result<i32> {
            let run = caller
                .get_export("run")
                .and_then(Extern::into_func)
                .unwrap();
            match run.call(&mut caller, &[Val::I32(n)], &mut []) {
                Ok(()) => Ok(-1),
                Err(error) => match error.exception() {
                    Some(thrown) if thrown.tag() == one => Ok(thrown.values()[0].unwrap_i32() + 1),
                    _ => Err(error),
                },
            }
        },
    );
    // With a text around the exception it is the exception still.
    let wraps = Func::wrap(
        &mut store,
        move |mut caller: Caller<'_, ()>, n: i32| -> anyhow::Result<()> {
            use anyhow::Context as _;
            let run = caller
                .get_export("run")
                .and_then(Extern::into_func)
                .unwrap();
            run.call(&mut caller, &[Val::I32(n)], &mut [])
                .context("around it")?;
            Ok(())
        },
    );
    let module = Module::new(
        &engine,
        r#"(module (import "env" "throws" (func $throws (param i32)))
            (import "env" "stops" (func $stops (param i32) (result i32)))
            (import "env" "wraps" (func $wraps (param i32)))
            (import "env" "one" (tag $one (param i32)))
            (func (export "run") (param i32) (call $throws (local.get 0)))
            (func (export "stopped") (param i32) (result i32) (call $stops (local.get 0)))
            (func (export "wrapped") (param i32) (result i32)
                try (result i32) (call $wraps (local.get 0)) (i32.const 0) catch $one end)
            (func (export "caught") (param i32) (result i32)
                (block (result i32) (try_table (catch $one 0) (call $throws (local.get 0))) (i32.const 0)))
            (func (export "indirect") (param i32) (result i32)
                try (result i32) (call_indirect (param i32) (local.get 0) (i32.const 0)) (i32.const 0) catch $one end)
            (table funcref (elem $throws)))"#,
    )
    .unwrap();
    let mut linker = Linker::new(&engine);
    for (name, item) in [("throws", throws), ("stops", stops), ("wraps", wraps)] {
        linker.define(&mut store, "env", name, item).unwrap();
    }
    linker.define(&mut store, "env", "one", one).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    for (func, argument, expected) in [
        ("stopped", 7, Some(8)),
        ("stopped", 100, None),
        ("wrapped", 7, Some(7)),
        ("wrapped", 100, None),
        ("caught", 7, Some(7)),
        ("caught", 100, None),
        ("indirect", 7, Some(7)),
        ("indirect", 100, None),
    ] {
        let func_ = instance
            .get_typed_func::<i32, i32>(&mut store, func)
            .unwrap();
        let result = func_.call(&mut store, argument);
        match (result, expected) {
            (Ok(found), Some(expected)) => assert_eq!(found, expected, "{func}"),
            (Err(error), None) => {
                assert_eq!(error.exception().unwrap().tag(), other, "{func}");
                let text = error.to_string();
                assert!(
                    text.starts_with("uncaught exception <tag of the host> with 0x64:i32"),
                    "{text}"
                );
            }
            (result, expected) => panic!("{func}: {result:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn what_does_not_fit_a_tag_is_refused() {
    let mut store = Store::new(&Engine::default(), ());
    let results = TagType::new(FuncType::new([], [ValType::I32]));
    let error = Tag::new(&mut store, &results).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the type of a tag: expected a function type without results, found (func (result i32))"
    );
    let tag = tag(&mut store, &[ValType::I32]);
    let refused = |values: &[Val]| {
        Exception::new(&store, &tag, values)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(&[]),
        "values of an exception with (tag (param i32)): expected 1, found 0"
    );
    assert_eq!(
        refused(&[Val::I64(1)]),
        "value 0 of an exception: expected i32, found i64"
    );
}

#[test]
fn an_exception_of_another_store_is_an_error_like_any_other() {
    let engine = Engine::default();
    let (mut store, mut other) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let foreign = tag(&mut other, &[]);
    let exception = Exception::new(&other, &foreign, &[]).unwrap();
    let throws = Func::wrap(&mut store, move || Err::<(), _>(exception.clone()));
    let module = Module::new(
        &engine,
        r#"(module (import "" "" (func $throws))
            (func (export "f") try (call $throws) catch_all  end))"#,
    )
    .unwrap();
    let instance = holdall::Instance::new(&mut store, &module, &[throws.into()]).unwrap();
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    let error = f.call(&mut store, ()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Exception(found) if found.tag() == foreign));
}

#[test]
fn an_exception_in_a_start_function_and_of_the_host_called_alone() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(
        &engine,
        r#"(module $m (tag $t (param i32)) (func $start (throw $t (i32.const 1))) (start $start))"#,
    )
    .unwrap();
    let error = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap_err();
    assert!(error.exception().is_some(), "{error}");
    assert!(error.to_string().contains("m!t with 0x1:i32"), "{error}");

    let alone = tag(&mut store, &[]);
    let throws = Func::wrap(
        &mut store,
        move |caller: Caller<'_, ()>| -> holdall::Result<()> {
            Err(Exception::new(&caller, &alone, &[])?.into())
        },
    );
    let error = throws.call(&mut store, &[], &mut []).unwrap_err();
    assert_eq!(error.exception().unwrap().tag(), alone);
    assert_eq!(error.downcast::<Exception>().unwrap().frames(), []);
}

#[test]
fn a_trap_of_a_host_function_is_not_caught() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let traps = Func::wrap(&mut store, || {
        Err::<(), _>(Trap::from(TrapCode::Unreachable))
    });
    let exits = Func::wrap(&mut store, || Err::<(), _>(holdall::I32Exit(3)));
    let module = Module::new(
        &engine,
        r#"(module (import "" "" (func $ends)) (func (export "f") try (call $ends) catch_all  end))"#,
    )
    .unwrap();
    let mut run = |func: Func| {
        let instance = holdall::Instance::new(&mut store, &module, &[func.into()]).unwrap();
        let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        f.call(&mut store, ()).unwrap_err()
    };
    assert_eq!(run(traps).trap().unwrap().code(), TrapCode::Unreachable);
    assert_eq!(run(exits).exit_code(), Some(3));
}

#[test]
fn references_to_exceptions_go_to_the_host_and_back() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let looks = Func::wrap(
        &mut store,
        move |mut caller: Caller<'_, ()>, exn: ExnRef| -> holdall::Result<Option<ExnRef>> {
            counted.fetch_add(1, Ordering::Relaxed);
            let exception = exn.exception(&caller)?;
            let Val::I32(n) = exception.values()[0] else {
                panic!("{exception:?}");
            };
            let more = Exception::new(&caller, &exception.tag(), &[Val::I32(n + 1)])?;
            Ok(Some(ExnRef::new(&mut caller, &more)?))
        },
    );
    let module = Module::new(
        &engine,
        r#"(module (import "" "" (func $looks (param (ref null exn)) (result (ref null exn))))
            (tag $t (export "t") (param i32))
            (func (export "f") (param i32) (result i32)
                (block (result i32)
                    (try_table (catch $t 0) (throw_ref (call $looks (call $kept (local.get 0)))))
                    unreachable))
            (func $kept (export "catch") (param i32) (result exnref)
                (local exnref)
                (drop (block (result i32 exnref)
                    (try_table (catch_ref $t 0) (throw $t (local.get 0))) unreachable)
                    (local.set 1))
                (local.get 1))
            (global (export "g") (mut exnref) (ref.null exn))
            (table (export "table") 2 exnref)
            (func (export "throw") (throw_ref (global.get 0))))"#,
    )
    .unwrap();
    let instance = holdall::Instance::new(&mut store, &module, &[looks.into()]).unwrap();
    let f = instance
        .get_typed_func::<i32, i32>(&mut store, "f")
        .unwrap();
    assert_eq!(f.call(&mut store, 5).unwrap(), 6);
    assert_eq!(calls.load(Ordering::Relaxed), 1);

    let catch = instance
        .get_typed_func::<i32, Option<ExnRef>>(&mut store, "catch")
        .unwrap();
    let caught = catch.call(&mut store, 9).unwrap().unwrap();
    // Many others come and go, and this one stays.
    for n in 0..5_000 {
        f.call(&mut store, n).unwrap();
    }
    let exception = caught.exception(&store).unwrap();
    assert_eq!(exception.values(), [Val::I32(9)]);
    assert_eq!(exception.tag(), instance.get_tag(&store, "t").unwrap());

    let throw = instance
        .get_typed_func::<(), ()>(&mut store, "throw")
        .unwrap();
    let error = throw.call(&mut store, ()).unwrap_err();
    assert_eq!(
        error.trap().unwrap().code(),
        TrapCode::NullExceptionReference
    );
    let global: Global = instance.get_global(&store, "g").unwrap();
    global.set(&mut store, caught.into()).unwrap();
    assert_eq!(global.get(&store), Val::ExnRef(Some(caught)));
    let error = throw.call(&mut store, ()).unwrap_err();
    assert_eq!(error.exception().unwrap().values(), [Val::I32(9)]);
    assert_eq!(
        holdall::text::format_val(&store, &Val::ExnRef(Some(caught))),
        "ref.exn"
    );
    assert_eq!(
        holdall::text::format_val(&store, &Val::ExnRef(None)),
        "exn:ref.null"
    );

    let table = instance.get_table(&store, "table").unwrap();
    assert_eq!(table.get(&store, 1), Some(Val::ExnRef(None)));
    table.set(&mut store, 1, caught.into()).unwrap();
    assert_eq!(table.get(&store, 1), Some(Val::ExnRef(Some(caught))));
    let ty = GlobalType::new(ValType::EXNREF, Mutability::Const);
    Global::new(&mut store, ty, caught.into()).unwrap();
}

#[test]
fn a_reference_that_a_host_function_kept_is_found_out() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let kept = Arc::new(std::sync::Mutex::new(None));
    let keeps = Arc::clone(&kept);
    let keep = Func::wrap(&mut store, move |exn: ExnRef| {
        keeps.lock().unwrap().get_or_insert(exn);
    });
    let module = Module::new(
        &engine,
        r#"(module (import "" "" (func $keep (param exnref))) (tag $t)
            (func (export "f") (block (result exnref)
                (try_table (catch_all_ref 0) (throw $t)) unreachable) (call $keep))
            (func (export "throw") (param exnref) (throw_ref (local.get 0))))"#,
    )
    .unwrap();
    let instance = holdall::Instance::new(&mut store, &module, &[keep.into()]).unwrap();
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    for _ in 0..10_000 {
        f.call(&mut store, ()).unwrap();
    }
    let kept = kept.lock().unwrap().unwrap();
    let error = kept.exception(&store).unwrap_err();
    assert!(error.to_string().contains("lives no longer"), "{error}");
    let throw = instance.get_func(&store, "throw").unwrap();
    let error = throw.call(&mut store, &[kept.into()], &mut []).unwrap_err();
    assert!(
        error
            .trap()
            .unwrap()
            .to_string()
            .contains("lives no longer"),
        "{error}"
    );
}

#[test]
fn a_snapshot_names_the_exception_that_it_cannot_hold() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let linker = Linker::new(&engine);
    let module = Module::new(
        &engine,
        r#"(module (tag $t) (global $kept (mut exnref) (ref.null exn)) (table $table 3 exnref)
            (func (export "catches") (result i32)
                (block (try_table (catch $t 0) (throw $t)) (return (i32.const 0))) (i32.const 1))
            (func (export "keep") (global.set $kept (block (result exnref)
                (try_table (catch_all_ref 0) (throw $t)) unreachable)))
            (func (export "move") (table.set $table (i32.const 2) (global.get $kept))
                (global.set $kept (ref.null exn))))"#,
    )
    .unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let snapshot = linker.snapshot(&store, instance).unwrap();
    for (func, place) in [("keep", "global 0"), ("move", "table 0, element 2")] {
        let func = instance.get_typed_func::<(), ()>(&mut store, func).unwrap();
        func.call(&mut store, ()).unwrap();
        let error = linker.snapshot(&store, instance).unwrap_err();
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        let expected = format!("{place} holds an exception (exnref)");
        assert!(
            causes.iter().any(|text| text.contains(&expected)),
            "{causes:?}"
        );
    }
    // What has none is restored, with tags that work.
    let mut other = Store::new(&engine, ());
    let instance = linker
        .instantiate_from(&mut other, &module, &snapshot)
        .unwrap();
    let catches = instance
        .get_typed_func::<(), i32>(&mut other, "catches")
        .unwrap();
    assert_eq!(catches.call(&mut other, ()).unwrap(), 1);
}
