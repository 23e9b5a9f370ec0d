//! Register and find.

use crate::{Bench, gives, text_of};

#[test]
fn builtin_names_are_refused() {
    let mut bench = Bench::without_reader();
    let module = bench.module("(module)");
    for name in ["env", "wasi_unstable", "wasi_snapshot_preview1", ""] {
        let text = text_of(&bench.linker.register(name, &module).unwrap_err());
        assert_eq!(
            text,
            format!(
                "can not register as a built-in module: {name:?} is the host's to define; choose \
                 another name"
            )
        );
        assert!(bench.linker.find(name).is_none());
    }
}

#[test]
fn the_same_module_under_the_same_name_again_changes_nothing() {
    let mut bench = Bench::without_reader();
    let module = bench.module("(module)");
    bench.linker.register("m", &module).unwrap();
    bench.linker.register("m", &module).unwrap();
    assert!(bench.linker.find("m").unwrap().same(&module));
    assert_eq!(bench.linker.registry().names().count(), 1);
}

#[test]
fn a_second_name_takes_an_alias() {
    let mut bench = Bench::without_reader();
    let counter = bench.module(crate::sharing::COUNTER);
    bench.linker.register("m", &counter).unwrap();
    let text = text_of(&bench.linker.register("n", &counter).unwrap_err());
    assert_eq!(
        text,
        "failed to rename the module \"m\" to \"n\"; ask for an alias to give it a second name"
    );
    assert!(bench.linker.find("n").is_none());

    bench.linker.alias_module("m", "n").unwrap();
    assert!(bench.linker.find("n").unwrap().same(&counter));
    let root = bench
        .root(
            r#"(module
                (import "m" "count" (func $m (result i32)))
                (import "n" "count" (func $n (result i32)))
                (export "m" (func $m)) (export "n" (func $n)))"#,
        )
        .unwrap();
    assert_eq!(
        bench.calls(root, &["m", "n", "$m$count", "$n$count"]),
        [1, 2, 3, 4]
    );
}

#[test]
fn an_alias_of_nothing_or_of_a_taken_or_builtin_name_is_refused() {
    let mut bench = Bench::without_reader();
    for name in ["a", "b"] {
        let module = bench.named(name, "(module)");
        bench.linker.register(name, &module).unwrap();
    }
    for (name, alias, expected) in [
        ("c", "d", "no module is registered as \"c\""),
        (
            "a",
            "b",
            "can not register module \"a\" as \"b\": module \"b\" has the name",
        ),
        ("a", "env", "can not register as a built-in module"),
    ] {
        let text = text_of(&bench.linker.alias_module(name, alias).unwrap_err());
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn another_module_of_a_taken_name_is_refused_and_both_are_named() {
    let mut bench = Bench::without_reader();
    let (first, second) = (
        bench.named("first", "(module)"),
        bench.named("second", "(module)"),
    );
    bench.linker.register("m", &first).unwrap();
    let text = text_of(&bench.linker.register("m", &second).unwrap_err());
    assert_eq!(
        text,
        "can not register module \"second\" as \"m\": module \"first\" has the name; unregister \
         it first"
    );
    assert!(bench.linker.find("m").unwrap().same(&first));
}

#[test]
fn names_are_the_linkers_own() {
    let mut bench = Bench::without_reader();
    let module = bench.module("(module)");
    let mut name = "m".to_owned();
    bench.linker.register(&name, &module).unwrap();
    name.replace_range(.., "n");
    assert!(bench.linker.find("m").is_some() && bench.linker.find(&name).is_none());
}

#[test]
fn unregister_frees_the_name_and_leaves_users_alone() {
    let mut bench = Bench::new(&[("mA", &gives("A", 10))]);
    let uses_a = r#"(module
        (import "mA" "A" (func $A (result i32)))
        (func (export "call_A") (result i32) (call $A)))"#;
    let old = bench.root(uses_a).unwrap();
    let module = bench.linker.unregister("mA").unwrap();
    assert!(bench.linker.find("mA").is_none());
    drop(module);
    assert_eq!(bench.call(old, "call_A").unwrap(), 10);
    bench.call(old, "$mA$A").unwrap_err();

    let other = bench.module(&gives("A", 20));
    bench.linker.register("mA", &other).unwrap();
    let new = bench.root(uses_a).unwrap();
    assert_eq!(bench.calls(new, &["call_A", "$mA$A"]), [20, 20]);
    assert_eq!(bench.call(old, "call_A").unwrap(), 10);
    assert_eq!(bench.log.take(), "read mA");

    let text = text_of(&bench.linker.unregister("mB").unwrap_err());
    assert_eq!(text, "no module is registered as \"mB\"");
}

#[test]
fn a_root_has_no_name_until_it_is_registered() {
    let mut bench = Bench::without_reader();
    let root = bench.named("root", &gives("f", 7));
    let instance = bench.linker.instantiate(&mut bench.store, &root).unwrap();
    assert!(bench.linker.find("root").is_none());
    bench.call(instance, "$root$f").unwrap_err();

    bench.linker.register("root", &root).unwrap();
    assert!(bench.linker.find("root").unwrap().same(&root));
    assert_eq!(bench.call(instance, "$root$f").unwrap(), 7);
    let user = bench.root(&crate::passes_on("root", "f")).unwrap();
    assert_eq!(bench.calls(user, &["f", "$root$f"]), [7, 7]);
}
