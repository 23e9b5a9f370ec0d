//! Types of functions across modules: which are the same, which are subtypes, and what is said of those
//! that are neither.

use holdall::{ErrorKind, Func, Global, GlobalType, HeapType, Mutability, RefType, Val, ValType};

use crate::Bench;

/// A module whose function `f` has the second type of a group of two, which refer to one another.
const RECURSIVE: &str = r#"(module
    (rec (type $a (func (param (ref null $b)))) (type $b (func (param (ref null $a)) (result i32))))
    (func (export "f") (type $b) (i32.const 7))
    (func (export "other") (type $a)))"#;

/// A root that imports `f` of module `a` as the type `$t` of these types, and calls the function.
fn caller(types: &str) -> String {
    format!(
        r#"(module {types} (import "a" "f" (func $f (type $t)))
            (elem declare func $f)
            (func (export "f") (result i32) (call_ref $t (ref.null $p) (ref.func $f))))"#
    )
}

#[test]
fn groups_of_the_same_structure_are_the_same_types_in_two_modules() {
    let mut bench = Bench::new(&[("a", RECURSIVE)]);
    let same = "(type (func)) (rec (type $p (func (param (ref null $t))))
        (type $t (func (param (ref null $p)) (result i32))))";
    let instance = bench.root(&caller(same)).unwrap();
    assert_eq!(bench.call(instance, "f").unwrap(), 7);
}

#[test]
fn groups_of_another_structure_are_refused_with_both_types_named() {
    let mut bench = Bench::new(&[("a", RECURSIVE)]);
    let other = "(type $p (func)) (type $t (func (param (ref null $p)) (result i32)))";
    let error = bench.root_error(&caller(other));
    assert!(
        error.contains(
            "expected (func (param (ref null (func))) (result i32)), found (rec 2 of 2 (func (param \
             (ref null (rec 1 of 2 (func (param (ref null (func ..))))))) (result i32)))"
        ),
        "{error}"
    );
}

/// Declares `$super`, and `$sub` below it.
const SUBTYPES: &str = "(type $super (sub (func (result (ref null func)))))
    (type $sub (sub $super (func (result (ref null $super)))))";

#[test]
fn a_function_of_a_subtype_is_imported_called_through_a_table_and_cast() {
    let exporting = format!(
        r#"(module {SUBTYPES} (func (export "f") (type $sub) (ref.null $super)) (table (export "t") 1 1 funcref)
            (func (export "f2") (type $super) (ref.null func)))"#
    );
    let importing = format!(
        r#"(module {SUBTYPES}
            (import "a" "f" (func $f (type $super))) (import "a" "f2" (func $f2 (type $super)))
            (elem declare func $f $f2)
            (table $t 2 (ref null $super) (ref.func $f))
            (func $tail (result (ref null func)) (return_call_indirect $t (type $super) (i32.const 0)))
            (func (export "indirect") (result i32)
                (ref.is_null (call_indirect $t (type $super) (i32.const 1))))
            (func (export "tail") (result i32) (ref.is_null (call $tail)))
            (func (export "is") (result i32) (ref.test (ref $sub) (ref.func $f)))
            (func (export "is_not") (result i32) (ref.test (ref $sub) (ref.func $f2)))
            (func (export "trap") (result i32) (ref.is_null (ref.cast (ref $sub) (ref.func $f2)))))"#
    );
    let mut bench = Bench::new(&[("a", &exporting)]);
    let instance = bench.root(&importing).unwrap();
    let names = ["indirect", "tail", "is", "is_not"];
    assert_eq!(bench.calls(instance, &names), [1, 1, 1, 0]);
    let error = bench.call(instance, "trap").unwrap_err();
    assert!(error.to_string().contains("cast failure"), "{error}");
}

#[test]
fn a_function_of_the_supertype_is_no_import_of_the_subtype() {
    let exporting =
        format!(r#"(module {SUBTYPES} (func (export "f") (type $super) (ref.null func)))"#);
    let importing = format!(r#"(module {SUBTYPES} (import "a" "f" (func (type $sub))))"#);
    let error = Bench::new(&[("a", &exporting)]).root_error(&importing);
    assert!(
        error.contains(
            "expected (sub (sub (func (result funcref))) (func (result (ref null (sub (func \
             (result funcref))))))), found (sub (func (result funcref)))"
        ),
        "{error}"
    );
}

#[test]
fn a_function_that_the_host_gives_is_held_against_the_type_that_is_wanted() {
    let mut bench = Bench::without_reader();
    let text = r#"(module (type $t (func (param i32) (result i32)))
        (func (export "f") (param (ref $t)) (result i32) (call_ref $t (i32.const 4) (local.get 0)))
        (global (export "g") (mut (ref null $t)) (ref.null $t)))"#;
    let instance = bench.root(text).unwrap();
    let store = &mut bench.store;
    let f = instance.get_func(&mut *store, "f").unwrap();
    let double = Func::wrap(&mut *store, |value: i32| value * 2);
    let wrong = Func::wrap(&mut *store, |_: i64| ());
    let mut results = [Val::I32(0)];
    f.call(&mut *store, &[double.into()], &mut results).unwrap();
    assert_eq!(results, [Val::I32(8)]);
    for given in [Val::from(wrong), Val::null_func_ref()] {
        let error = f.call(&mut *store, &[given], &mut results).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("expected (ref (func (param i32) (result i32))), found a "),
            "{text}"
        );
    }
    let g = instance.get_global(&mut *store, "g").unwrap();
    g.set(&mut *store, wrong.into()).unwrap_err();
    g.set(&mut *store, double.into()).unwrap();
    assert!(Val::from(double).is_a(&*store, g.ty(&*store).content));
}

#[test]
fn a_type_of_modules_that_are_gone_is_refused() {
    let ty = {
        let mut bench = Bench::without_reader();
        let text = r#"(module (type $gone (func (param f32 f64 f32 f64) (result f32)))
            (func (export "f") (param (ref null $gone))))"#;
        let instance = bench.root(text).unwrap();
        let f = instance.get_func(&mut bench.store, "f").unwrap();
        f.ty(&bench.store)
    };
    let mut bench = Bench::without_reader();
    let made = Func::try_new(&mut bench.store, ty.clone(), |_, _, _| Ok(()));
    let error = made.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Usage(_)), "{error}");
    assert!(
        error.to_string().contains("modules that are gone"),
        "{error}"
    );
    assert_eq!(
        ty.to_string(),
        "(func (param (ref null (func of modules that are gone))))"
    );
    let ty = GlobalType::new(ty.params()[0], Mutability::Const);
    Global::new(&mut bench.store, ty, Val::null_func_ref()).unwrap_err();
}

#[test]
fn a_type_in_use_stays_when_its_module_is_gone() {
    let mut bench = Bench::without_reader();
    let module = bench.module(
        "(module (type (func (param f64 f32))) (func (export \"f\") (param (ref null 0))))",
    );
    let ty = module.types()[1].clone();
    let func = Func::new(&mut bench.store, ty.clone(), |_, _, _| Ok(()));
    drop(module);
    assert_eq!(func.ty(&bench.store), ty);
    assert_eq!(
        ty.to_string(),
        "(func (param (ref null (func (param f64 f32)))))"
    );
    assert!(ty.params()[0].matches(ValType::Ref(RefType {
        nullable: true,
        heap: HeapType::Func
    })));
}

#[cfg(feature = "serde")]
#[test]
fn snapshots_keep_tables_with_an_initial_value_and_check_the_types_of_functions() {
    use crate::snapshot::graph;

    let text = r#"(module (type $t (func (result i32)))
        (func $one (type $t) (i32.const 1)) (func $two (export "two") (type $t) (i32.const 2))
        (table $t 3 10 (ref $t) (ref.func $one))
        (func (export "set") (result i32)
            (table.set $t (i32.const 1) (ref.func $two)) (table.grow $t (ref.func $two) (i32.const 1)))
        (func (export "sum") (result i32)
            (i32.add (call_ref $t (table.get $t (i32.const 0)))
                (i32.add (call_ref $t (table.get $t (i32.const 1))) (call_ref $t (table.get $t (i32.const 3)))))))"#;
    let graph = graph(&[], text);
    let (mut bench, instance) = graph.start();
    assert_eq!(bench.call(instance, "set").unwrap(), 3);
    let snapshot = bench.linker.snapshot(&bench.store, instance).unwrap();
    let (mut bench, instance) = graph.restore(&snapshot);
    assert_eq!(bench.call(instance, "sum").unwrap(), 5);
}
