//! What a full pool refuses, what it says, and that all is well afterwards.

use holdall::{ErrorKind, TrapCode};

use super::*;

/// A module whose one function is long when it is lowered, and gives its argument plus 300.
fn long_function() -> String {
    let body = "(local.set 0 (i32.add (local.get 0) (i32.const 1)))".repeat(300);
    format!(r#"(module (func (export "f") (param i32) (result i32) {body} (local.get 0)))"#)
}

#[test]
fn a_stack_is_refused_and_what_was_asked_is_said() {
    let pool = pool(10_000);
    let engine = engine(&pool);
    let first = Store::try_new(&engine, ()).unwrap();
    let second = Store::try_new(&engine, ()).unwrap();
    let error = Store::try_new(&engine, ()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Resource(_)));
    assert_eq!(
        error.to_string(),
        "no room for a stack of 4096 bytes: pool of the engine: 10000 bytes, 4096 asked for, 8192 \
         used, 1808 left; give `Config::pool` a larger one"
    );
    drop(first);
    Store::try_new(&engine, ()).unwrap();
    drop(second);
    assert_eq!(pool.used_bytes(), 0);
}

#[test]
fn a_memory_is_refused_and_the_store_works_on() {
    let pool = pool(STACK + 2 * PAGE);
    let mut store = Store::try_new(&engine(&pool), ()).unwrap();
    let error = Memory::new(&mut store, pages(3)).unwrap_err().to_string();
    assert!(
        error.starts_with("no room for a memory of 3 pages: pool of the engine: ")
            && error.contains("196608 asked for, 4096 used, "),
        "{error}"
    );
    Memory::new(&mut store, pages(65_536)).unwrap_err();
    let memory = Memory::new(&mut store, pages(2)).unwrap();
    memory.write(&mut store, 2 * PAGE - 1, b"!").unwrap();
    let error = memory.grow(&mut store, 1).unwrap_err().to_string();
    assert!(error.contains("the engine's pool ("), "{error}");
    assert_eq!(memory.data(&store).last(), Some(&b'!'));
    drop(store);
    assert_eq!(pool.used_bytes(), 0);
}

#[test]
fn pieces_that_are_too_small_together_are_told_apart() {
    let pool = pool(2 * STACK + 3 * PAGE);
    let engine = engine(&pool);
    let mut stores = [(); 2].map(|()| Store::try_new(&engine, ()).unwrap());
    Memory::new(&mut stores[0], pages(1)).unwrap();
    Memory::new(&mut stores[1], pages(1)).unwrap();
    let [first, mut second] = stores;
    drop(first);
    let error = Memory::new(&mut second, pages(2)).unwrap_err().to_string();
    assert!(error.contains("left in pieces; give"), "{error}");
}

#[test]
fn lowering_at_the_first_call_traps_and_succeeds_later() {
    let pool = pool(64 << 10);
    let (mut store, instance) = instance(&engine(&pool), &long_function());
    let filler = fill(&pool, 1_000);
    for _ in 0..3 {
        let error = call(&mut store, instance, "f", 1).unwrap_err();
        let trap = error.trap().unwrap();
        assert_eq!(trap.code(), TrapCode::OutOfMemory);
        let text = trap.to_string();
        let start = "out of memory: no room for its lowered code: pool of the engine: ";
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains(" asked for, ") && text.contains(" left; give"));
    }
    drop(filler);
    assert_eq!(call(&mut store, instance, "f", 1).unwrap(), 301);
    let used = pool.used_bytes();
    assert!(used > STACK + 300 * 8, "the code is in the pool: {used}");
    drop(store);
    assert_eq!(pool.used_bytes(), 0);
}

#[test]
fn eager_lowering_is_refused_with_the_function_and_gives_back() {
    let pool = pool(64 << 10);
    let engine = eager(&pool);
    let filler = fill(&pool, 1_000);
    let used = pool.used_bytes();
    let text = long_function();
    let error = Module::named(&engine, "long", text.as_bytes().to_vec()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Resource(_)));
    let message = error.to_string();
    let start = "module \"long\": function 0: no room for its lowered code: pool of the engine: ";
    assert!(message.starts_with(start), "{message}");
    assert_eq!(pool.used_bytes(), used);
    drop(filler);
    let module = module(&engine, &text);
    assert!(pool.used_bytes() > 300 * 8);
    drop(module);
    assert_eq!(pool.used_bytes(), 0);
}

#[test]
fn an_instantiation_that_fails_half_way_keeps_nothing() {
    let pool = pool(STACK + 4 * PAGE);
    let engine = engine(&pool);
    let mut store = Store::try_new(&engine, ()).unwrap();
    let used = pool.used_bytes();
    for text in [
        "(module (table 1000 funcref) (memory 5))",
        "(module (table 8192 funcref) (table 8192 funcref) (table 8192 funcref) (memory 2))",
        "(module (table 100000000 funcref))",
    ] {
        let module = module(&engine, text);
        for _ in 0..3 {
            let error = Instance::new(&mut store, &module, &[]).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Resource(_)), "{error}");
            assert_eq!(pool.used_bytes(), used, "{text}");
        }
    }
    let module = module(&engine, "(module (table 1000 funcref) (memory 3))");
    Instance::new(&mut store, &module, &[]).unwrap();
    assert_eq!(pool.used_bytes(), used + 8_000 + 3 * PAGE);
}

#[test]
fn a_linked_graph_that_does_not_fit_is_an_error() {
    let pool = pool(STACK + 2 * PAGE);
    let engine = engine(&pool);
    let mut linker = holdall::Linker::new(&engine);
    let dependency = r#"(module (memory 1) (func (export "f")))"#;
    let reader = holdall::MemoryReader::new().with("dep", dependency.as_bytes());
    linker.set_reader(reader);
    let mut store = Store::try_new(&engine, ()).unwrap();
    let root = module(&engine, r#"(module (import "dep" "f" (func)) (memory 2))"#);
    let error = linker.instantiate(&mut store, &root).unwrap_err();
    let mut text = String::new();
    let mut cause = Some(&error as &dyn std::error::Error);
    while let Some(error) = cause {
        text += &format!("{error}: ");
        cause = error.source();
    }
    assert!(text.contains("no room for a memory of 2 pages"), "{text}");
    drop(store);
    assert_eq!(pool.used_bytes(), 0);
}
