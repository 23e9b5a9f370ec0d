//! One number bounds what guests make the host hold, whatever holds it.

use std::borrow::Cow;

use holdall::{
    Config, Engine, Error, ErrorKind, FnReader, Instance, Limits, Linker, MemoryReader, Module,
    ModuleReader, ReadError, Store,
};

const MIB: usize = 1 << 20;

/// A module with about `size_bytes` bytes that nothing uses, and with what `text` says.
fn padded(size_bytes: usize, text: &str) -> Vec<u8> {
    let padding = "x".repeat(size_bytes);
    let text = format!("(module (@custom \"padding\" \"{padding}\") {text})");
    wat::parse_str(text).expect("the module is text")
}

fn store(limit: usize) -> Store<()> {
    let mut store = Store::new(&Engine::default(), ());
    store.limits(Limits::new().memory_bytes(limit)).unwrap();
    store
}

fn instantiate(store: &mut Store<()>, text: &str) -> Result<Instance, Error> {
    let module = Module::new(store.engine(), text.as_bytes().to_vec())?;
    Instance::new(store, &module, &[])
}

#[track_caller]
fn assert_full<T>(result: Result<T, Error>, what: &str) {
    let Err(error) = result else {
        panic!("{what} was given");
    };
    let chain = format!("{:#}", anyhow::Error::from(error));
    for part in ["limit `memory_bytes` of the store", what, "asked for"] {
        assert!(chain.contains(part), "{chain}");
    }
}

#[test]
fn a_table_counts_for_what_it_takes() {
    let mut store = store(MIB);
    assert_full(
        instantiate(&mut store, "(module (table 262144 funcref))"),
        "a table",
    );
    let text = "(module (table 100000 funcref)
        (func (export \"grow\") (result i32) (table.grow (ref.null func) (i32.const 200000))))";
    let instance = instantiate(&mut store, text).unwrap();
    let grow = instance.get_typed_func::<(), i32>(&store, "grow").unwrap();
    assert_eq!(grow.call(&mut store, ()).unwrap(), -1);
    store.limits(Limits::new()).unwrap();
    assert_eq!(grow.call(&mut store, ()).unwrap(), 100_000);
}

#[test]
fn small_modules_fit_beside_a_memory_that_is_all_of_the_limit() {
    let mut store = store(65_536);
    instantiate(&mut store, "(module (memory 1))").unwrap();
    let error = instantiate(&mut store, "(module (memory 1))").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Resource(_)), "{error}");
}

#[test]
fn what_a_dropped_store_held_is_free_for_the_next_and_what_failed_is_free_at_once() {
    let engine = Engine::new(Config::new().limits(Limits::new().memory_bytes(MIB)));
    let module = Module::new(&engine, b"(module (table 150000 funcref))".to_vec()).unwrap();
    for _ in 0..3 {
        let mut store = Store::new(&engine, ());
        Instance::new(&mut store, &module, &[]).unwrap();
        for _ in 0..3 {
            assert_full(Instance::new(&mut store, &module, &[]), "a table");
        }
    }
}

#[test]
fn instances_of_a_module_count_for_their_functions() {
    let mut store = store(MIB);
    let text = format!("(module {})", "(func)".repeat(5_000));
    let module = Module::new(store.engine(), text.into_bytes()).unwrap();
    let mut instances = (0..20).map(|_| Instance::new(&mut store, &module, &[]));
    assert_full(instances.find(Result::is_err).unwrap(), "an instance");
}

#[test]
fn a_module_is_weighed_before_anything_is_made_of_it() {
    let engine = Engine::new(Config::new().limits(Limits::new().memory_bytes(0)));
    let text = format!("(module {})", "(type (func))".repeat(10_000));
    assert_full(Module::new(&engine, text.into_bytes()), "a module");
    Module::new(&engine, padded(MIB / 2, "")).unwrap();
    assert_full(Module::new(&engine, padded(MIB, "")), "a module");
}

/// Links a module that imports from two of a MiB each, under a limit.
fn link_two(reader: impl ModuleReader + 'static, limit: usize) -> Result<Instance, Error> {
    let mut store = store(limit);
    let mut linker = Linker::new(store.engine());
    linker.set_reader(reader);
    let text = r#"(module (import "one" "f" (func)) (import "two" "f" (func)))"#;
    let root = Module::new(store.engine(), text.as_bytes().to_vec())?;
    linker.instantiate(&mut store, &root)
}

#[test]
fn loaded_modules_are_held_once_and_with_the_buffers_that_are_wanted_back() {
    let module = padded(MIB, "(func (export \"f\"))");
    let memory = MemoryReader::new()
        .with("one", module.clone())
        .with("two", module.clone());
    link_two(memory.clone(), MIB + MIB / 2).unwrap();
    assert_full(link_two(memory, MIB / 2), "a module");

    let read = move |_: &str| -> Result<_, ReadError> { Ok(Some(Cow::Owned(module.clone()))) };
    let twice = || FnReader::new(read.clone(), |_: &str, _| ());
    link_two(twice(), 3 * MIB + MIB / 2).unwrap();
    assert_full(link_two(twice(), 2 * MIB + MIB / 2), "a buffer of a reader");
}
