//! Instances of one module in one store: a frame is told under the name of its own instance.

use holdall::{Config, Linker, Module, Store, Val};

use crate::{same, tell};

/// A module that is there twice, under two names. Its functions call what they are given.
const TWIN: &str = r#"(module
    (type $f (func (param i32) (result i32)))
    (table $given 1 (ref null $f))
    (func (export "give") (param (ref null $f)) (table.set (i32.const 0) (local.get 0)))
    (func $inner (export "inner") (param i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (unreachable)))
        (i32.sub (local.get 0) (i32.const 1)))
    (func $by_table (export "by table") (param i32) (result i32)
        (i32.add (call_indirect $given (type $f) (local.get 0) (i32.const 0)) (i32.const 1)))
    (func $by_reference (export "by reference") (param i32) (result i32)
        (i32.add (call_ref $f (local.get 0) (table.get $given (i32.const 0))) (i32.const 1)))
    (func $after (export "after") (param i32) (result i32)
        (drop (call_ref $f (local.get 0) (table.get $given (i32.const 0))))
        (call $inner (i32.const 0))))"#;

/// Calls functions of the twins through imports, and has each twin call the other one.
const ROOT: &str = r#"(module
    (type $f (func (param i32) (result i32)))
    (import "left" "give" (func $give_left (param (ref null $f))))
    (import "right" "give" (func $give_right (param (ref null $f))))
    (import "left" "by table" (func $left_table (type $f)))
    (import "left" "by reference" (func $left_reference (type $f)))
    (import "left" "after" (func $left_after (type $f)))
    (import "right" "by table" (func $right_table (type $f)))
    (import "right" "by reference" (func $right_reference (type $f)))
    (import "right" "after" (func $right_after (type $f)))
    (import "left" "inner" (func $left_inner (type $f)))
    (import "right" "inner" (func $right_inner (type $f)))
    (elem declare func $left_inner $right_inner $right_reference $right_after)
    (func $own (type $f) (call $right_inner (local.get 0)))
    (elem declare func $own)
    (func (export "imported left") (result i32) (call $left_inner (i32.const 0)))
    (func (export "imported right") (result i32) (call $right_inner (i32.const 0)))
    (func (export "crossed") (param i32) (result i32)
        (call $give_left (ref.func $right_inner))
        (call $give_right (ref.func $left_inner))
        (i32.add (call $left_table (local.get 0)) (call $right_reference (local.get 0))))
    (func (export "crossed twice") (param i32) (result i32)
        (call $give_left (ref.func $right_reference))
        (call $give_right (ref.func $left_inner))
        (call $left_table (local.get 0)))
    (func (export "after") (param i32) (result i32)
        (call $give_left (ref.func $right_inner))
        (call $left_after (local.get 0)))
    (func (export "after both") (param i32) (result i32)
        (call $give_left (ref.func $right_after))
        (call $give_right (ref.func $left_inner))
        (call $left_reference (local.get 0)))
    (func (export "by way of the root") (param i32) (result i32)
        (call $give_left (ref.func $own))
        (call $left_reference (local.get 0))))"#;

#[test]
fn each_frame_is_told_under_the_name_of_its_own_instance() {
    let told = same(&Config::new(), |engine, told| {
        let twin = Module::new(engine, TWIN).unwrap();
        let root = Module::named(engine, "root", ROOT).unwrap();
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        for name in ["left", "right"] {
            let mut names = Linker::new(engine);
            names.register(name, &twin).unwrap();
            let instance = names.instantiate(&mut store, &twin).unwrap();
            linker.instance(&mut store, name, instance).unwrap();
        }
        let instance = linker.instantiate(&mut store, &root).unwrap();
        for name in ["imported left", "imported right"] {
            tell(&mut store, instance, name, &[], told);
        }
        for name in [
            "crossed",
            "crossed twice",
            "after",
            "after both",
            "by way of the root",
        ] {
            for number in [0, 1] {
                tell(&mut store, instance, name, &[Val::I32(number)], told);
            }
        }
    });
    for calls in [
        &["right!inner", "left!by_table", "root!"][..],
        &["left!inner", "right!by_reference", "left!by_table", "root!"],
        &["left!inner", "left!after", "root!"],
        &["right!inner", "right!after", "left!by_reference", "root!"],
        &["right!inner", "root!own", "left!by_reference", "root!"],
    ] {
        let mut rest = told.as_str();
        for call in calls {
            let at = rest.find(call).unwrap_or_else(|| panic!("{call}: {told}"));
            rest = &rest[at + call.len()..];
        }
    }
}

/// An exception leaves native frames without their functions: if any part of the stack stayed taken, fewer calls
/// would fit the stack after many catches, or none.
#[test]
fn a_catch_across_instances_leaves_nothing_on_the_stack() {
    let library = r#"(module
        (tag $oops (export "oops"))
        (func $deep (param i32)
            (if (i32.eqz (local.get 0)) (then (throw $oops)))
            (call $deep (i32.sub (local.get 0) (i32.const 1))))
        (func (export "throws") (param i32) (call $deep (local.get 0))))"#;
    let root = r#"(module
        (import "library" "oops" (tag $oops))
        (import "library" "throws" (func $throws (param i32)))
        (global $deepest (mut i32) (i32.const 0))
        (func $dive
            (global.set $deepest (i32.add (global.get $deepest) (i32.const 1)))
            (call $dive))
        (func (export "dive") (global.set $deepest (i32.const 0)) (call $dive))
        (func (export "deepest") (result i32) (global.get $deepest))
        (func (export "catches") (param i32) (result i32) (local $caught i32)
            (loop $again
                (block $oops
                    (try_table (catch $oops $oops) (call $throws (i32.const 3)))
                    unreachable)
                (local.set $caught (i32.add (local.get $caught) (i32.const 1)))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get $caught)))"#;
    const TIMES: i32 = if cfg!(debug_assertions) {
        100_000
    } else {
        1_000_000
    };
    let engine = holdall::Engine::new(Config::new().native(true));
    let mut linker = Linker::new(&engine);
    let library = Module::named(&engine, "library", library).unwrap();
    linker.register("library", &library).unwrap();
    let root = Module::named(&engine, "root", root).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &root).unwrap();
    let dive = instance.get_typed_func::<(), ()>(&mut store, "dive");
    let dive = dive.unwrap();
    let deepest = instance.get_typed_func::<(), i32>(&mut store, "deepest");
    let deepest = deepest.unwrap();
    let catches = instance.get_typed_func::<i32, i32>(&mut store, "catches");
    let catches = catches.unwrap();
    let mut depths = Vec::new();
    for _ in 0..3 {
        let error = dive.call(&mut store, ()).unwrap_err();
        assert!(
            error.to_string().contains("call stack exhausted"),
            "{error}"
        );
        depths.push(deepest.call(&mut store, ()).unwrap());
        assert_eq!(catches.call(&mut store, TIMES).unwrap(), TIMES);
    }
    assert!(depths[0] > 1000);
    assert_eq!(depths, [depths[0]; 3]);
}
