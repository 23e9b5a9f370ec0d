//! `$module$function`.

use crate::{Bench, gives, passes_on};

#[test]
fn every_module_of_the_graph_is_found_from_every_instance() {
    let mut bench = Bench::new(&[
        ("mA", &gives("A", 10)),
        ("mB", &passes_on("mA", "A")),
        ("mC", &passes_on("mB", "A")),
    ]);
    let root = bench.module(&passes_on("mC", "A"));
    bench.linker.register("app", &root).unwrap();
    let instance = bench.linker.instantiate(&mut bench.store, &root).unwrap();
    let names = ["A", "$mA$A", "$mB$A", "$mC$A", "$app$A"];
    assert_eq!(bench.calls(instance, &names), [10; 5]);
    // Another root of the same linker and store finds them too, and the first one.
    let other = bench.root(&gives("other", 1)).unwrap();
    assert_eq!(
        bench.calls(other, &["other", "$mA$A", "$app$A"]),
        [1, 10, 10]
    );
}

#[test]
fn the_module_ends_at_the_next_dollar_and_neither_part_is_empty() {
    let mut bench = Bench::new(&[
        (
            "m",
            r#"(module (func (export "f$g") (result i32) (i32.const 1))
                         (func (export "$h") (result i32) (i32.const 2))
                         (func (export "") (result i32) (i32.const 3)))"#,
        ),
        ("m$f", &gives("g", 4)),
    ]);
    let root = bench
        .root(
            r#"(module
                (import "m" "f$g" (func (result i32))) (import "m$f" "g" (func (result i32)))
                (func (export "$m$own") (result i32) (i32.const 5))
                (func (export "plain") (result i32) (i32.const 6)))"#,
        )
        .unwrap();
    assert_eq!(
        bench.calls(root, &["$m$f$g", "$m$$h", "$m$own", "plain"]),
        [1, 2, 5, 6]
    );
    for name in [
        "$m$",
        "$$plain",
        "$plain",
        "m$f$g",
        "$nowhere$f",
        "$m$gone",
        "$",
    ] {
        assert!(bench.call(root, name).is_err(), "{name:?}");
    }
}

#[test]
fn a_store_does_not_see_the_modules_of_another() {
    let mut bench = Bench::new(&[("mA", &gives("A", 10))]);
    let root = bench.root(&passes_on("mA", "A")).unwrap();
    assert_eq!(bench.calls(root, &["$mA$A"]), [10]);
    bench.store = holdall::Store::new(&bench.engine, ());
    let elsewhere = bench.root(&gives("f", 1)).unwrap();
    bench.call(elsewhere, "$mA$A").unwrap_err();
}
