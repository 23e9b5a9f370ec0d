//! Linkers, shared and cloned.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use holdall::{
    Caller, Engine, FnReader, Func, Global, GlobalType, Instance, InstancePre, Linker,
    MemoryReader, Module, Mutability, Result, Store, TrapCode, Val, ValType,
};

const LIBRARY: &str = r#"(module (global $n (mut i32) (i32.const 0))
    (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"#;
const APP: &str = r#"(module
    (import "library" "next" (func $next (result i32)))
    (import "host" "log" (func $log (param i32)))
    (func (export "run") (result i32) (call $log (call $next)) (call $next)))"#;

/// A linker that has the library and the host's function, and the app for it.
fn linker(engine: &Engine) -> Result<(Linker<Vec<i32>>, Module)> {
    let mut linker = Linker::new(engine);
    linker.set_reader(MemoryReader::new().with("library", LIBRARY));
    linker.func_wrap("host", "log", |mut caller: Caller<'_, Vec<i32>>, n: i32| {
        caller.data_mut().push(n);
    })?;
    Ok((linker, Module::new(engine, APP)?))
}

fn run(store: &mut Store<Vec<i32>>, app: Instance) -> Result<i32> {
    let run = app.get_typed_func::<(), i32>(&*store, "run")?;
    run.call(store, ())
}

#[test]
fn threads_share_a_linker() -> Result<()> {
    let engine = Engine::default();
    let (linker, app) = linker(&engine)?;
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut store = Store::new(&engine, Vec::new());
                    let app = linker.instantiate(&mut store, &app)?;
                    Ok::<_, holdall::Error>((run(&mut store, app)?, store.into_data()))
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join().unwrap());
        joined.collect()
    });
    for result in results {
        assert_eq!(result?, (2, vec![1]));
    }
    // However many of them looked for it, there is one module of the name.
    assert_eq!(linker.registry().names().collect::<Vec<_>>(), ["library"]);
    Ok(())
}

#[test]
fn a_host_function_uses_the_linker_that_brought_it_to_life() -> Result<()> {
    let engine = Engine::default();
    let linker = Arc::new(OnceLock::<(Linker<()>, Module)>::new());
    let (mut own, own_linker) = (Linker::new(&engine), Arc::clone(&linker));
    own.func_wrap(
        "host",
        "load",
        move |mut caller: Caller<'_, ()>| -> Result<i32> {
            let (linker, library) = own_linker.get().expect("it was set");
            let library = linker.instantiate(&mut caller, library)?;
            let next = library.get_typed_func::<(), i32>(&caller, "next")?;
            next.call(&mut caller, ())
        },
    )?;
    let library = Module::new(&engine, LIBRARY)?;
    let _ = linker.set((own, library));
    // It does so while the linker is at work on the one that calls it.
    let app = Module::new(
        &engine,
        r#"(module (import "host" "load" (func $load (result i32)))
            (global $loaded (mut i32) (i32.const 0))
            (func $start (global.set $loaded (call $load))) (start $start)
            (func (export "loaded") (result i32) (global.get $loaded)))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let (linker, _) = linker.get().expect("it was set");
    let app = linker.instantiate(&mut store, &app)?;
    let loaded = app.get_typed_func::<(), i32>(&store, "loaded")?;
    assert_eq!(loaded.call(&mut store, ())?, 1);
    Ok(())
}

#[test]
fn a_clone_is_a_linker_of_its_own() -> Result<()> {
    let engine = Engine::default();
    let (base, app) = linker(&engine)?;
    let mut store = Store::new(&engine, Vec::new());
    let one = base.instantiate(&mut store, &app)?;
    assert_eq!(run(&mut store, one)?, 2);

    let mut clone = base.clone();
    // What lives is known to both.
    let other = clone.instantiate(&mut store, &app)?;
    assert_eq!(run(&mut store, other)?, 4);
    let next = other.get_typed_func::<(), i32>(&store, "$library$next")?;
    assert_eq!(next.call(&mut store, ())?, 5);
    // What comes later is not.
    clone
        .allow_shadowing(true)
        .func_wrap("library", "next", || 70)?;
    clone.register("app", &app)?;
    let shadowed = clone.instantiate(&mut store, &app)?;
    assert_eq!(run(&mut store, shadowed)?, 70);
    assert!(base.find("app").is_none() && clone.find("app").is_some());
    let again = base.instantiate(&mut store, &app)?;
    assert_eq!(run(&mut store, again)?, 7);
    Ok(())
}

#[test]
fn a_reader_has_its_buffers_back_after_the_last_clone() -> Result<()> {
    let lent = Arc::new(AtomicUsize::new(0));
    let (lending, returning) = (Arc::clone(&lent), Arc::clone(&lent));
    let reader = FnReader::new(
        move |_: &str| {
            lending.fetch_add(1, Ordering::Relaxed);
            Ok(Some(Cow::Owned(wat::parse_str(LIBRARY).unwrap())))
        },
        move |_: &str, _| {
            returning.fetch_sub(1, Ordering::Relaxed);
        },
    );
    let mut linker = Linker::<()>::new(&Engine::default());
    linker.set_reader(reader);
    linker.load("library")?;
    let clone = linker.clone();
    drop(linker);
    assert_eq!(lent.load(Ordering::Relaxed), 1);
    drop(clone);
    assert_eq!(lent.load(Ordering::Relaxed), 0);
    Ok(())
}

#[test]
fn what_was_looked_at_before_is_instantiated_in_many_stores() -> Result<()> {
    let engine = Engine::default();
    let (mut linker, app) = linker(&engine)?;
    let pre: InstancePre<Vec<i32>> = linker.instantiate_pre(&app)?;
    assert!(linker.find("library").is_some() && pre.module().same(&app));
    // It keeps what it was made of.
    linker
        .allow_shadowing(true)
        .func_wrap("library", "next", || 70)?;
    let other = pre.clone();
    for pre in [&pre, &other, &pre] {
        let mut store = Store::new(&engine, Vec::new());
        let app = pre.instantiate(&mut store)?;
        assert_eq!(run(&mut store, app)?, 2);
    }
    let text = r#"(module (import "env" "missing" (func)))"#;
    let lacking = Module::new(&engine, text)?;
    let error = linker.instantiate_pre(&lacking).unwrap_err().to_string();
    assert!(error.contains("import \"env\".\"missing\""), "{error}");
    Ok(())
}

#[test]
fn all_that_is_defined_is_listed() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    let mut store = Store::new(&engine, ());
    let ty = GlobalType::new(ValType::I32, Mutability::Const);
    let global = Global::new(&mut store, ty, Val::I32(5))?;
    linker
        .func_wrap("host", "b", || 1)?
        .func_wrap("host", "a", || 2)?
        .define(&store, "env", "five", global)?;
    let library = Module::new(&engine, LIBRARY)?;
    linker.module(&mut store, "library", &library)?;
    let listed = |store: &mut Store<()>| {
        let all = linker.iter(store);
        all.map(|(module, name, _)| format!("{module}.{name}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(listed(&mut store), "env.five host.a host.b library.next");
    for (module, name, item) in linker.iter(&mut store) {
        assert_eq!(linker.get(&mut store, module, name), Some(item));
    }
    assert_eq!(listed(&mut Store::new(&engine, ())), "host.a host.b");
    Ok(())
}

#[test]
fn a_program_is_started_by_its_default_function() -> Result<()> {
    let engine = Engine::default();
    let (mut linker, mut store) = (
        Linker::<Vec<i32>>::new(&engine),
        Store::new(&engine, vec![]),
    );
    linker.func_wrap("host", "log", |mut caller: Caller<'_, Vec<i32>>, n: i32| {
        caller.data_mut().push(n);
    })?;
    let program = Module::new(
        &engine,
        r#"(module (import "host" "log" (func $log (param i32)))
            (func (export "_start") (call $log (i32.const 8))))"#,
    )?;
    linker.module(&mut store, "", &program)?;
    let start: Func = linker.get_default(&mut store, "")?;
    start.typed::<(), ()>(&store)?.call(&mut store, ())?;
    assert_eq!(*store.data(), [8]);
    let error = linker.get_default(&mut store, "host").unwrap_err();
    assert!(
        error.to_string().starts_with("module \"host\": expected"),
        "{error}"
    );
    linker.module(&mut store, "", &program).unwrap_err();
    Ok(())
}

#[test]
fn unknown_imports_trap_and_known_ones_do_not() -> Result<()> {
    let engine = Engine::default();
    let (mut linker, _) = linker(&engine)?;
    let app = Module::new(
        &engine,
        r#"(module
            (import "library" "next" (func $next (result i32)))
            (import "host" "log" (func $log (param i32)))
            (import "env" "gone" (func $gone))
            (import "nowhere" "f" (func $f))
            (func (export "run") (result i32) (call $log (call $next)) (call $next))
            (func (export "fails") (call $gone)))"#,
    )?;
    linker.define_unknown_imports_as_traps(&app)?;
    let mut store = Store::new(&engine, Vec::new());
    let app = linker.instantiate(&mut store, &app)?;
    assert_eq!(run(&mut store, app)?, 2);
    let fails = app.get_typed_func::<(), ()>(&store, "fails")?;
    let error = fails.call(&mut store, ()).unwrap_err();
    let trap = error.trap().unwrap();
    assert_eq!(trap.code(), TrapCode::MissingImport);
    assert_eq!(trap.detail(), Some("\"env\".\"gone\""));
    Ok(())
}
