//! Guests that call themselves without end, in every way there is: a trap, `call stack exhausted`,
//! long before the native stack is used up; and the store works afterwards.

use std::sync::{Arc, OnceLock};

use holdall::{
    Caller, Engine, Error, Extern, Func, Instance, Linker, Module, Store, TrapCode, Val,
};

use crate::{in_stack, ways};

/// The native stack of tests without host functions.
const SMALL: usize = 256 << 10;

/// Calls of the host are nested on the native stack, up to a limit of the executor's. Without
/// optimisation, what lies between two of them takes several kilobytes.
const HOST: usize = if cfg!(debug_assertions) {
    1 << 20
} else {
    SMALL
};

/// Instantiates a module whose export `run` recurses without end, and whose export `one` gives 1.
fn exhausts(
    stack_size_bytes: usize,
    text: &str,
    link: impl Fn(&mut Linker<()>, &mut Store<()>) + Clone + Send + 'static,
) {
    for config in ways() {
        let (text, link) = (text.to_owned(), link.clone());
        in_stack(stack_size_bytes, move || {
            let engine = Engine::new(config);
            let mut store = Store::new(&engine, ());
            let mut linker = Linker::new(&engine);
            link(&mut linker, &mut store);
            let module = Module::new(&engine, text.into_bytes()).expect("it is valid");
            let instance = linker.instantiate(&mut store, &module).expect("it links");
            let run = instance.get_func(&store, "run").expect("it is exported");
            let one = instance
                .get_typed_func::<(), i32>(&store, "one")
                .expect("it is exported");
            for _ in 0..3 {
                let mut results = vec![Val::I32(0); run.ty(&store).results().len()];
                let error = run
                    .call(&mut store, &[], &mut results)
                    .expect_err("it has no end");
                assert_exhausted(&error);
                assert_eq!(one.call(&mut store, ()).expect("the store still works"), 1);
            }
        });
    }
}

fn assert_exhausted(error: &Error) {
    let code = error.trap().map(holdall::Trap::code);
    assert_eq!(code, Some(TrapCode::CallStackExhausted), "{error}");
    assert!(
        error.to_string().starts_with("call stack exhausted"),
        "{error}"
    );
}

fn alone(text: &str) {
    exhausts(SMALL, text, |_, _| {});
}

const ONE: &str = "(func (export \"one\") (result i32) (i32.const 1))";

#[test]
fn of_a_function_by_itself() {
    alone(&format!(
        "(module {ONE} (func $f (export \"run\") (call $f)))"
    ));
    alone(&format!(
        "(module {ONE} (func $f (export \"run\") (result i32) (i32.add (call $f) (i32.const 1))))"
    ));
    alone(&format!(
        "(module {ONE}
            (func (export \"run\") (result i64) (call $f (i64.const 1) (f64.const 2)))
            (func $f (param i64 f64) (result i64) (local i64 i64 i64 i64 i64 i64 i64 i64)
                (i64.add (call $f (local.get 0) (local.get 1)) (local.get 0))))"
    ));
}

#[test]
fn of_a_function_with_many_locals() {
    let locals = "(local i64)".repeat(40_000);
    alone(&format!(
        "(module {ONE} (func $f (export \"run\") {locals} (call $f)))"
    ));
}

#[test]
fn through_a_table() {
    alone(&format!(
        "(module {ONE} (table funcref (elem $f $g))
            (func $f (export \"run\") (call_indirect (i32.const 1)))
            (func $g (call_indirect (i32.const 0))))"
    ));
}

/// Tail calls on the way do not help, and calls between them count.
#[test]
fn with_tail_calls() {
    alone(&format!(
        "(module {ONE}
            (func $f (export \"run\") (return_call $g))
            (func $g (call $f)))"
    ));
}

#[test]
fn of_a_start_function() {
    for config in ways() {
        in_stack(SMALL, move || {
            let engine = Engine::new(config);
            let text = "(module (func $f (call $f)) (start $f))";
            let module = Module::new(&engine, text.as_bytes().to_vec()).expect("it is valid");
            let mut store = Store::new(&engine, ());
            let error = Instance::new(&mut store, &module, &[]).expect_err("it has no end");
            assert_exhausted(&error);
        });
    }
}

/// `even` and `odd` in two modules, which know each other through a table.
#[test]
fn across_modules() {
    let text = format!(
        "(module (import \"a\" \"table\" (table 2 funcref)) (import \"a\" \"f\" (func $f))
            (func $g (export \"run\") (call $f))
            (elem (i32.const 1) $g)
            {ONE})"
    );
    exhausts(SMALL, &text, |linker, store| {
        let a = "(module (table (export \"table\") 2 funcref)
            (func (export \"f\") (call_indirect (i32.const 1))))";
        let a = Module::new(store.engine(), a.as_bytes().to_vec()).expect("it is valid");
        let a = Instance::new(&mut *store, &a, &[]).expect("it has no imports");
        linker.instance(&mut *store, "a", a).expect("it is new");
    });
}

/// The host calls the guest back, by the export's name, without types.
#[test]
fn through_the_host() {
    let text = format!(
        "(module (import \"host\" \"back\" (func $back)) (func (export \"run\") (call $back)) {ONE})"
    );
    exhausts(HOST, &text, |linker, _| {
        let back = |mut caller: Caller<'_, ()>| {
            let Some(Extern::Func(run)) = caller.get_export("run") else {
                panic!("the caller exports it");
            };
            run.call(&mut caller, &[], &mut [])?;
            anyhow::Ok(())
        };
        linker.func_wrap("host", "back", back).expect("it is new");
    });
}

/// As above, with typed calls, a result, and deep recursion of the guest in between.
#[test]
fn through_the_host_and_deep_in_the_guest() {
    let text = format!(
        "(module (import \"host\" \"back\" (func $back (param i32) (result i32)))
            (func (export \"run\") (result i32) (call $deep (i32.const 50)))
            (func $deep (export \"deep\") (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return (call $back (i32.const 50)))))
                (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
            {ONE})"
    );
    exhausts(HOST, &text, |linker, _| {
        let back = |mut caller: Caller<'_, ()>, depth: i32| {
            let Some(Extern::Func(deep)) = caller.get_export("deep") else {
                panic!("the caller exports it");
            };
            let deep = deep.typed::<i32, i32>(&caller)?;
            anyhow::Ok(deep.call(&mut caller, depth)?)
        };
        linker.func_wrap("host", "back", back).expect("it is new");
    });
}

/// A host function that calls itself through the store, with no guest in between.
#[test]
fn of_the_host_alone() {
    let text = format!(
        "(module (import \"host\" \"a\" (func $a)) (func (export \"run\") (call $a)) {ONE})"
    );
    exhausts(HOST, &text, |linker, store| {
        let itself = Arc::new(OnceLock::<Func>::new());
        let known = Arc::clone(&itself);
        let again = move |mut caller: Caller<'_, ()>| {
            let func = known.get().expect("it is set before anything runs");
            func.call(&mut caller, &[], &mut [])?;
            anyhow::Ok(())
        };
        let func = Func::wrap(&mut *store, again);
        itself.set(func).expect("it is set once");
        linker
            .define(&*store, "host", "a", func)
            .expect("it is new");
    });
}
