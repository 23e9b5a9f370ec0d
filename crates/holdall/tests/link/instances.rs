//! Instances: what runs when they come to life, in which order, and what happens when it fails.

use holdall::{LinkError, TrapCode};

use crate::{Bench, gives, link_error, passes_on, text_of};

/// A bench whose modules can tell, with a number, that they run.
fn telling(modules: &[(&str, &str)]) -> Bench {
    let mut bench = Bench::new(modules);
    let log = bench.log.clone();
    bench
        .linker
        .func_wrap("env", "tell", move |number: i32| {
            log.add(number.to_string())
        })
        .unwrap();
    bench
}

/// A module that needs others, and tells its number in its start function.
fn starts(number: i32, needs: &[&str]) -> String {
    let imports = needs
        .iter()
        .map(|name| format!(r#"(import "{name}" "f" (func))"#));
    format!(
        r#"(module (import "env" "tell" (func $tell (param i32))) {}
            (func $start (call $tell (i32.const {number}))) (start $start)
            (func (export "f")))"#,
        imports.collect::<String>()
    )
}

/// A module that exports functions of these names, each of which tells its number.
fn exports(names: &[(&str, i32)]) -> String {
    let funcs = names.iter().map(|(name, number)| {
        format!(r#"(func (export "{name}") (call $tell (i32.const {number})))"#)
    });
    format!(
        r#"(module (import "env" "tell" (func $tell (param i32))) {}
            (func (export "f") (result i32) (i32.const 1)))"#,
        funcs.collect::<String>()
    )
}

/// What was told, without what was read.
fn told(bench: &Bench) -> String {
    let log = bench.log.take();
    let told = log.split(", ").filter(|event| !event.starts_with("read"));
    told.collect::<Vec<_>>().join(", ")
}

#[test]
fn dependencies_start_first_in_import_order_each_once() {
    let mut bench = telling(&[
        ("a", &starts(1, &["c"])),
        ("b", &starts(2, &["c", "d"])),
        ("c", &starts(3, &[])),
        ("d", &starts(4, &[])),
    ]);
    bench.root(&starts(0, &["a", "b", "d"])).unwrap();
    assert_eq!(told(&bench), "3, 1, 4, 2, 0");
    bench.root(&starts(0, &["d", "a"])).unwrap();
    assert_eq!(told(&bench), "0");
}

#[test]
fn an_imported_start_function_runs() {
    let mut bench = telling(&[("a", &exports(&[("go", 5)]))]);
    bench
        .root(r#"(module (import "a" "go" (func $go)) (start $go))"#)
        .unwrap();
    assert_eq!(told(&bench), "5");
    bench.linker.func_wrap("env", "go", || ()).unwrap();
    bench
        .root(r#"(module (import "env" "go" (func $go)) (start $go))"#)
        .unwrap();
}

#[test]
fn a_reactor_is_initialised_once_after_its_start_and_without_wasi() {
    let reactor = r#"(module (import "env" "tell" (func $tell (param i32)))
        (func $start (call $tell (i32.const 1))) (start $start)
        (func (export "_initialize") (call $tell (i32.const 2)))
        (func (export "__wasm_call_ctors") (call $tell (i32.const 3)))
        (func (export "f") (result i32) (i32.const 1)))"#;
    let mut bench = telling(&[("r", reactor), ("c", &exports(&[("__wasm_call_ctors", 4)]))]);
    let root = r#"(module (import "r" "f" (func (result i32))) (import "c" "f" (func (result i32)))
        (import "env" "tell" (func $tell (param i32)))
        (func (export "_initialize") (call $tell (i32.const 5))))"#;
    bench.root(root).unwrap();
    assert_eq!(told(&bench), "1, 2, 4, 5");
    bench.root(root).unwrap();
    assert_eq!(told(&bench), "5");
}

#[test]
fn a_command_is_not_initialised_and_not_started() {
    let mut bench = telling(&[]);
    bench
        .root(&exports(&[
            ("_start", 1),
            ("_initialize", 2),
            ("__wasm_call_ctors", 3),
        ]))
        .unwrap();
    assert_eq!(told(&bench), "");
}

#[test]
fn functions_of_those_names_and_another_type_are_left_alone() {
    let mut bench = telling(&[]);
    bench
        .root(
            r#"(module (import "env" "tell" (func $tell (param i32)))
                (func (export "_initialize") (param i32) unreachable)
                (func (export "__wasm_call_ctors") (call $tell (i32.const 1))))"#,
        )
        .unwrap();
    assert_eq!(told(&bench), "1");
}

#[test]
fn a_trap_in_the_start_of_a_dependency_keeps_its_code_and_tells_the_chain() {
    for text in [
        r#"(module (func $s unreachable) (start $s) (func (export "f") (result i32) (i32.const 1)))"#,
        r#"(module (func (export "_initialize") unreachable) (func (export "f") (result i32) (i32.const 1)))"#,
    ] {
        let mut bench = Bench::new(&[
            ("ok", &gives("f", 1)),
            ("bad", text),
            (
                "mB",
                r#"(module (import "ok" "f" (func (result i32)))
                           (import "bad" "f" (func $f (result i32))) (export "f" (func $f)))"#,
            ),
        ]);
        let error = bench.root(&passes_on("mB", "f")).unwrap_err();
        let LinkError::Start { module, chain, .. } = link_error(&error) else {
            panic!("{error}");
        };
        assert_eq!(
            (module.as_str(), chain.join(">").as_str()),
            ("bad", "<root>>mB>bad")
        );
        assert_eq!(error.trap().unwrap().code(), TrapCode::Unreachable);
        let text = text_of(&error);
        let expected = "module \"bad\" did not start (<root> -> mB -> bad): unreachable";
        assert!(text.starts_with(expected), "{text}");
        // The modules are known, and none of the instances is.
        assert_eq!(bench.linker.registry().names().count(), 3);
        for name in ["ok", "bad", "mB"] {
            assert!(
                bench.linker.get(&mut bench.store, name, "f").is_none(),
                "{name}"
            );
        }
        let other = bench.root(&passes_on("ok", "f")).unwrap();
        assert_eq!(bench.calls(other, &["f", "$ok$f"]), [1, 1]);
        bench.call(other, "$bad$f").unwrap_err();
    }
}

#[test]
fn a_trap_in_the_roots_own_start_is_the_error_itself() {
    let mut bench = Bench::new(&[]);
    let error = bench
        .root("(module (func $s unreachable) (start $s))")
        .unwrap_err();
    assert!(
        matches!(error.kind(), holdall::ErrorKind::Trap(_)),
        "{error:?}"
    );
}

#[test]
fn a_trap_in_a_function_of_a_dependency_is_the_callers_trap() {
    let mut bench = Bench::new(&[(
        "m",
        r#"(module (memory 1)
            (func $inner (export "f") (result i32) (i32.load (i32.const 65536))))"#,
    )]);
    let root = bench
        .root(
            r#"(module (import "m" "f" (func $f (result i32)))
                (func $outer (export "f") (result i32) (call $f) (drop) (i32.const 0)))"#,
        )
        .unwrap();
    let error = bench.call(root, "f").unwrap_err();
    let trap = error.trap().unwrap();
    assert_eq!(trap.code(), TrapCode::OutOfBoundsMemoryAccess);
    let frames: Vec<String> = trap
        .frames()
        .iter()
        .map(|frame| {
            let module = frame.module.as_deref().unwrap_or("-");
            format!("{module}!{}", frame.func_name.as_deref().unwrap_or("-"))
        })
        .collect();
    assert_eq!(frames, ["m!inner", "-!outer"]);
}

#[test]
fn a_new_instance_of_a_registered_root_takes_over_its_name() {
    let mut bench = Bench::without_reader();
    let counter = bench.module(crate::sharing::COUNTER);
    bench.linker.register("counter", &counter).unwrap();
    let first = bench
        .linker
        .instantiate(&mut bench.store, &counter)
        .unwrap();
    assert_eq!(bench.calls(first, &["count", "$counter$count"]), [1, 2]);
    let second = bench
        .linker
        .instantiate(&mut bench.store, &counter)
        .unwrap();
    assert_eq!(bench.calls(second, &["count", "$counter$count"]), [1, 2]);
    let user = bench.root(&passes_on("counter", "count")).unwrap();
    assert_eq!(bench.calls(user, &["count"]), [3]);
    assert_eq!(bench.calls(first, &["count"]), [3]);
}
