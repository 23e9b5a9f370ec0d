//! What exceptions take, and when they are freed.

use holdall::{Config, Engine, Error, Instance, Limits, Linker, Module, Store, TrapCode};

/// An instance in a store whose guests may hold so many bytes beside what every store may.
fn instance(text: &str, memory_bytes: usize) -> (Store<()>, Instance) {
    let engine = Engine::new(Config::new().limits(Limits::new().memory_bytes(memory_bytes)));
    let mut store = Store::new(&engine, ());
    let module = Module::new(&engine, text).unwrap();
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap();
    (store, instance)
}

fn call(
    store: &mut Store<()>,
    instance: Instance,
    name: &str,
    argument: i32,
) -> Result<i32, Error> {
    let func = instance
        .get_typed_func::<i32, i32>(&mut *store, name)
        .unwrap();
    func.call(store, argument)
}

const TURNS: i32 = if cfg!(miri) {
    3_000
} else if cfg!(debug_assertions) {
    100_000
} else {
    1_000_000
};

#[test]
fn a_million_throws_take_no_more_memory_than_ten() {
    // By value; by reference, which only a scan frees; with values that take room of their own; with the
    // last exception in the next one; through the legacy form with a rethrow.
    let (mut store, instance) = instance(
        r#"(module
            (tag $t (param i32)) (tag $large (param i64 i64 i64 i64 i64 i64 i64 i64)) (tag $next (param exnref))
            (global $last (mut exnref) (ref.null exn)) (table $table 8 exnref)
            (func $throw (param i32) (throw $t (local.get 0)))
            (func (export "value") (param i32) (result i32) (local i32)
                (loop $again
                    (block $caught (result i32)
                        (try_table (catch $t $caught) (call $throw (i32.const 1))) unreachable)
                    (local.set 1 (i32.add (local.get 1)))
                    (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (local.get 1))
            (func (export "reference") (param i32) (result i32) (local i32 exnref)
                (loop $again
                    (block $caught (result i32 exnref)
                        (try_table (catch_ref $t $caught) (call $throw (i32.const 1))) unreachable)
                    (local.set 2)
                    (local.set 1 (i32.add (local.get 1)))
                    (table.set $table (i32.and (local.get 0) (i32.const 7)) (local.get 2))
                    (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (local.get 1))
            (func (export "large") (param i32) (result i32) (local i32)
                (loop $again
                    (block $caught (result exnref)
                        (try_table (catch_all_ref $caught)
                            (throw $large (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
                                (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8)))
                        unreachable)
                    (global.set $last)
                    (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                    (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (local.get 1))
            (func (export "again") (param i32) (result i32) (local i32)
                (loop $again
                    try try (call $throw (i32.const 1)) catch_all (rethrow 0) end catch $t (local.set 1 (i32.add (local.get 1))) end
                    (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (local.get 1)))"#,
        200_000,
    );
    for name in ["value", "reference", "large", "again"] {
        let count = call(&mut store, instance, name, TURNS);
        assert_eq!(count.unwrap(), TURNS, "{name}");
    }
}

/// A chain of exceptions, each with a reference to the one before.
const CHAIN: &str = r#"(module
    (tag $next (param exnref i32))
    (global $last (mut exnref) (ref.null exn))
    (func (export "grow") (param i32) (result i32)
        (loop $again
            (block $caught (result exnref)
                (try_table (catch_all_ref $caught) (throw $next (global.get $last) (local.get 0)))
                unreachable)
            (global.set $last)
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (i32.const 0))
    (func (export "length") (param i32) (result i32)
        (local exnref)
        (local.set 1 (global.get $last))
        (block $end
            (loop $again
                (br_if $end (ref.is_null (local.get 1)))
                (block $caught (result exnref i32)
                    (try_table (catch $next $caught) (throw_ref (local.get 1))) unreachable)
                (drop)
                (local.set 1)
                (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                (br $again)))
        (local.get 0))
    (func (export "forget") (param i32) (result i32) (global.set $last (ref.null exn)) (i32.const 0)))"#;

#[test]
fn a_long_chain_of_exceptions_lives_as_long_as_its_end_is_known() {
    let length = if cfg!(miri) { 2_000 } else { 300_000 };
    let (mut store, instance) = instance(CHAIN, 64 << 20);
    for _ in 0..2 {
        call(&mut store, instance, "grow", length).unwrap();
        assert_eq!(call(&mut store, instance, "length", 0).unwrap(), length);
        call(&mut store, instance, "forget", 0).unwrap();
    }
    // Most of the room is given back when a scan finds that nothing lives.
    for _ in 0..400 {
        call(&mut store, instance, "grow", 1_000).unwrap();
        call(&mut store, instance, "forget", 0).unwrap();
    }
    call(&mut store, instance, "grow", length / 2).unwrap();
    assert_eq!(call(&mut store, instance, "length", 0).unwrap(), length / 2);
}

#[test]
fn a_full_account_ends_the_guest_that_keeps_exceptions() {
    let (mut store, instance) = instance(CHAIN, 100_000);
    for _ in 0..2 {
        let error = call(&mut store, instance, "grow", i32::MAX).unwrap_err();
        let trap = error.trap().unwrap();
        assert_eq!(trap.code(), TrapCode::OutOfMemory);
        assert!(
            trap.detail().unwrap().contains("asked for an exception"),
            "{error}"
        );
        // What was kept is freed, and the store goes on.
        call(&mut store, instance, "forget", 0).unwrap();
        call(&mut store, instance, "grow", 1_000).unwrap();
        assert_eq!(call(&mut store, instance, "length", 0).unwrap(), 1_000);
        call(&mut store, instance, "forget", 0).unwrap();
    }
}

#[test]
fn exceptions_with_many_values_are_counted_by_their_size() {
    let values = "(i64.const 1)".repeat(1000);
    let types = " i64".repeat(1000);
    let text = format!(
        r#"(module (tag $t (param{types})) (table $kept 1000 exnref)
            (func (export "f") (param i32) (result i32)
                (loop $again
                    (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                    (table.set $kept (local.get 0)
                        (block $caught (result exnref)
                            (try_table (catch_all_ref $caught) (throw $t {values})) unreachable))
                    (br_if $again (local.get 0)))
                (i32.const 1)))"#
    );
    let (mut store, instance) = instance(&text, 3_000_000);
    assert_eq!(call(&mut store, instance, "f", 100).unwrap(), 1);
    assert_eq!(call(&mut store, instance, "f", 100).unwrap(), 1);
    let error = call(&mut store, instance, "f", 1_000).unwrap_err();
    assert_eq!(error.trap().unwrap().code(), TrapCode::OutOfMemory);
}
