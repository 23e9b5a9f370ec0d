//! Imports that cannot be satisfied, and what stays after a failure.

use holdall::{ExternType, Found, LinkError, Module, TrapCode};

use crate::{Bench, gives, graph_error, link_error, passes_on, text_of};

#[test]
fn all_failures_of_a_module_are_told_in_order_with_expected_and_found_types() {
    let mut bench = Bench::new(&[(
        "m",
        r#"(module
            (memory (export "log") 1)
            (global (export "g") (mut i64) (i64.const 0))
            (table (export "t") 5 funcref)
            (func (export "call_A") (result i32) (i32.const 1)))"#,
    )]);
    bench.linker.func_wrap("env", "now", || 1_i64).unwrap();
    let app = bench.named(
        "app",
        r#"(module
            (import "m" "log" (func (param i32)))
            (import "m" "call_a" (func (result i32)))
            (import "env" "now" (func (result i32)))
            (import "m" "call_A" (func (result i32)))
            (import "env" "nov" (func (result i64)))
            (import "m" "g" (global i64))
            (import "m" "t" (table 10 20 funcref))
            (import "gone" "f" (func))
            (import "gone" "g" (func))
            (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))))"#,
    );
    let error = bench
        .linker
        .instantiate(&mut bench.store, &app)
        .unwrap_err();
    let text = text_of(&error);
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("module \"app\" has 8 imports that cannot be satisfied (app):")
    );
    let expected = [
        r#""m"."log" of module "app": expected (func (param i32)), found (memory 1)"#,
        r#""m"."call_a" of module "app": expected (func (result i32)), found no such export; did you mean "call_A"?"#,
        r#""env"."now" of module "app": expected (func (result i32)), found (func (result i64))"#,
        r#""env"."nov" of module "app": expected (func (result i64)), found no definition by the host, whose name it is to define; did you mean "now"?"#,
        r#""m"."g" of module "app": expected (global i64), found (global (mut i64))"#,
        r#""m"."t" of module "app": expected (table 10 20 funcref), found (table 5 funcref)"#,
        r#""gone"."f" of module "app": expected (func), found no module "gone" (app -> gone), asked the program's module reader, for one other import too"#,
        r#""wasi_snapshot_preview1"."fd_write" of module "app": expected (func (param i32 i32 i32 i32) (result i32)), found no definition by the host: a linker has WASI once `holdall_wasi::add_to_linker` said what it reaches"#,
    ];
    for expected in expected {
        assert_eq!(lines.next(), Some(format!("  import {expected}").as_str()));
    }
    assert_eq!(lines.next(), None);
    let failures = graph_error(&error).failures();
    assert_eq!(failures[0].name, "log");
    assert!(matches!(
        failures[0].found,
        Found::Other(ExternType::Memory(_))
    ));
}

#[test]
fn the_element_type_of_an_imported_table_is_checked() {
    let mut bench = Bench::new(&[("m", r#"(module (table (export "t") 1 externref))"#)]);
    assert_eq!(
        bench.root_error(r#"(module (import "m" "t" (table 1 funcref)))"#),
        "import \"m\".\"t\" of module \"<root>\": expected (table 1 funcref), found (table 1 externref)"
    );
}

#[test]
fn a_missing_function_is_an_error_unless_it_may_trap_when_called() {
    let root = r#"(module
        (import "env" "gone" (func $gone))
        (import "m" "gone" (func $m (result i32)))
        (import "nowhere" "f" (func $f (param i32)))
        (func (export "fine") (result i32) (i32.const 5))
        (func (export "gone") (result i32) (call $gone) (i32.const 1))
        (func (export "m") (result i32) (call $m)))"#;
    let mut bench = Bench::new(&[("m", "(module)")]);
    assert_eq!(bench.root(root).unwrap_err().to_string().lines().count(), 4);

    bench.linker.trap_on_missing_functions(true);
    let instance = bench.root(root).unwrap();
    assert_eq!(bench.call(instance, "fine").unwrap(), 5);
    for (name, import) in [("gone", "\"env\".\"gone\""), ("m", "\"m\".\"gone\"")] {
        let error = bench.call(instance, name).unwrap_err();
        let trap = error.trap().unwrap();
        assert_eq!(trap.code(), TrapCode::MissingImport);
        assert!(trap.to_string().contains(import), "{trap}");
    }
    // What is there and does not fit, or is no function, is still an error.
    bench.linker.func_wrap("env", "there", || 1_i32).unwrap();
    bench
        .root(r#"(module (import "env" "there" (func)))"#)
        .unwrap_err();
    bench
        .root(r#"(module (import "env" "gone" (memory 1)))"#)
        .unwrap_err();
}

#[test]
fn a_name_that_cannot_be_read_is_asked_for_once() {
    let mut bench = Bench::new(&[]);
    bench
        .root(
            r#"(module (import "x" "f" (func)) (import "y" "f" (func)) (import "x" "g" (func))
                       (import "y" "g" (func)))"#,
        )
        .unwrap_err();
    assert_eq!(bench.log.take(), "read x, read y");
}

#[test]
fn builtin_names_are_asked_of_nobody() {
    let mut bench = Bench::new(&[("env", &gives("f", 1)), ("", &gives("f", 1))]);
    for name in ["env", "", "wasi_unstable"] {
        let text = bench.root_error(&passes_on(name, "f"));
        assert!(text.contains("found no definition by the host"), "{text}");
    }
    assert_eq!(bench.log.take(), "");
}

#[test]
fn a_failed_attempt_leaves_registry_and_store_as_they_were() {
    let starts = r#"(module (import "env" "started" (func $s)) (start $s) (func (export "f") (result i32) (i32.const 1)))"#;
    let mut bench = Bench::new(&[("a", starts), ("b", &passes_on("gone", "f"))]);
    let log = bench.log.clone();
    bench
        .linker
        .func_wrap("env", "started", move || log.add("started"))
        .unwrap();
    bench
        .root(
            r#"(module (import "a" "f" (func (result i32))) (import "b" "f" (func (result i32))))"#,
        )
        .unwrap_err();
    assert_eq!(
        bench.log.take(),
        "read a, read b, read gone, destroy b, destroy a"
    );
    assert_eq!(bench.linker.registry().names().count(), 0);
    assert!(bench.linker.get(&mut bench.store, "a", "f").is_none());
}

#[test]
fn a_module_that_is_none_is_told_with_its_chain_and_reason() {
    let mut bench = Bench::new(&[
        ("mB", &passes_on("bad", "f")),
        ("bad", "(module (func (result i32)))"),
    ]);
    let error = bench.root(&passes_on("mB", "f")).unwrap_err();
    let LinkError::Load { module, chain, .. } = link_error(&error) else {
        panic!("{error}");
    };
    assert_eq!(
        (module.as_str(), chain.join(">").as_str()),
        ("bad", "<root>>mB>bad")
    );
    let text = text_of(&error);
    assert!(text.starts_with("module \"bad\" could not be loaded (<root> -> mB -> bad): module \"bad\" does not validate"), "{text}");
    assert_eq!(
        bench.log.take(),
        "read mB, read bad, destroy bad, destroy mB"
    );
}

#[test]
fn modules_of_another_engine_are_refused() {
    let mut bench = Bench::without_reader();
    let foreign = Module::new(&holdall::Engine::default(), b"\0asm\x01\0\0\0").unwrap();
    bench
        .linker
        .instantiate(&mut bench.store, &foreign)
        .unwrap_err();
}

#[test]
fn of_many_failures_the_first_are_told_and_the_others_counted_whatever_the_names_are() {
    let letters = |at: usize| format!("{at:064}");
    let exports = (0..4096).map(|at| format!(r#"(export "{}" (func 0))"#, letters(at)));
    let exporter = format!("(module (func) {})", exports.collect::<String>());
    let mut bench = Bench::new(&[("m", &exporter)]);
    let imports = (0..500).map(|at| format!(r#"(import "m" "x{}" (func))"#, letters(at)));
    let app = bench.named("app", &format!("(module {})", imports.collect::<String>()));
    let error = bench
        .linker
        .instantiate(&mut bench.store, &app)
        .unwrap_err();
    assert_eq!(graph_error(&error).failures().len(), 20);
    let text = text_of(&error);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 22, "{text}");
    assert_eq!(
        lines[0],
        "module \"app\" has 500 imports that cannot be satisfied (app):"
    );
    assert_eq!(lines[21], "  and 480 more");
}
