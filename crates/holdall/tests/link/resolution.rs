//! Resolution of an import's module name.

use holdall::{GraphError, MemoryReader};

use crate::{Bench, gives, graph_error, passes_on, text_of};

#[test]
fn host_definitions_come_first_and_are_reported_when_they_shadow_a_module() {
    let mut bench = Bench::new(&[("mA", &gives("A", 10))]);
    let registered = bench.module(&gives("R", 30));
    bench.linker.register("mR", &registered).unwrap();
    bench.linker.func_wrap("mA", "A", || 1_i32).unwrap();
    bench.linker.func_wrap("mR", "R", || 2_i32).unwrap();
    bench.linker.func_wrap("env", "E", || 3_i32).unwrap();
    let root = bench
        .root(
            r#"(module
                (import "mA" "A" (func $A (result i32))) (export "A" (func $A))
                (import "env" "E" (func $E (result i32))) (export "E" (func $E))
                (import "mR" "R" (func $R (result i32))) (export "R" (func $R)))"#,
        )
        .unwrap();
    assert_eq!(bench.calls(root, &["A", "R", "E"]), [1, 2, 3]);
    // The reader of the bench lists no names, and nobody needed to read "mA".
    assert_eq!(bench.log.take(), "");
    let shadowed: Vec<_> = bench.linker.shadowed().collect();
    assert_eq!(shadowed, [("mR".to_owned(), "R".to_owned())]);
}

#[test]
fn a_shadowed_module_of_the_reader_is_reported_too() {
    let mut bench = Bench::without_reader();
    let text = gives("A", 10).into_bytes();
    bench
        .linker
        .set_reader(holdall::MemoryReader::new().with("mA", text));
    bench.linker.func_wrap("mA", "A", || 1_i32).unwrap();
    bench.root(&passes_on("mA", "A")).unwrap();
    let shadowed: Vec<_> = bench.linker.shadowed().collect();
    assert_eq!(shadowed, [("mA".to_owned(), "A".to_owned())]);
}

#[test]
fn names_that_the_host_does_not_define_come_from_the_module() {
    let mut bench = Bench::new(&[(
        "m",
        r#"(module (func (export "a") (result i32) (i32.const 1))
                   (func (export "b") (result i32) (i32.const 2)))"#,
    )]);
    bench.linker.func_wrap("m", "a", || 10_i32).unwrap();
    let root = bench
        .root(
            r#"(module
                (import "m" "a" (func $a (result i32))) (export "a" (func $a))
                (import "m" "b" (func $b (result i32))) (export "b" (func $b)))"#,
        )
        .unwrap();
    assert_eq!(bench.calls(root, &["a", "b"]), [10, 2]);
}

#[test]
fn a_registered_module_needs_no_reader_and_comes_before_it() {
    let mut bench = Bench::without_reader();
    let module = bench.module(&gives("A", 10));
    bench.linker.register("mA", &module).unwrap();
    let root = bench.root(&passes_on("mA", "A")).unwrap();
    assert_eq!(bench.call(root, "A").unwrap(), 10);

    bench.read(&[("mA", &gives("A", 20))]);
    let root = bench.root(&passes_on("mA", "A")).unwrap();
    assert_eq!(bench.call(root, "A").unwrap(), 10);
    assert_eq!(bench.log.take(), "");
}

#[test]
fn loading_is_depth_first_in_the_order_of_the_import_section_and_asks_once() {
    let of = |modules: &[&str]| {
        let imports = modules
            .iter()
            .map(|module| format!(r#"(import "{module}" "f" (func))"#));
        format!(
            r#"(module {} (func (export "f")) (func (export "g")))"#,
            imports.collect::<String>()
        )
    };
    let mut bench = Bench::new(&[
        ("a", &of(&["d", "b"])),
        ("b", &of(&["c"])),
        ("c", &of(&[])),
        ("d", &of(&["c"])),
        ("e", &of(&["a", "c"])),
    ]);
    bench
        .root(
            r#"(module (import "e" "f" (func)) (import "a" "f" (func)) (import "e" "g" (func))
                       (import "b" "f" (func)))"#,
        )
        .unwrap();
    assert_eq!(bench.log.take(), "read e, read a, read d, read c, read b");
    bench.root(&of(&["a", "b", "c"])).unwrap();
    assert_eq!(bench.log.take(), "");
}

#[test]
fn load_takes_the_whole_closure_and_registers_it() {
    let mut bench = Bench::new(&[("mA", &gives("A", 10)), ("mB", &passes_on("mA", "A"))]);
    let module = bench.linker.load("mB").unwrap();
    assert_eq!(bench.log.take(), "read mB, read mA");
    assert_eq!(
        bench.linker.registry().names().collect::<Vec<_>>(),
        ["mA", "mB"]
    );
    assert!(bench.linker.load("mB").unwrap().same(&module));
    let instance = bench.linker.instantiate(&mut bench.store, &module).unwrap();
    assert_eq!(
        bench.calls(instance, &["A", "$mB$A", "$mA$A"]),
        [10, 10, 10]
    );
    assert_eq!(bench.log.take(), "");

    let text = text_of(&bench.linker.load("mC").unwrap_err());
    assert_eq!(
        text,
        "there is no module \"mC\", asked the program's module reader; did you mean \"mA\"?"
    );
    for builtin in ["env", ""] {
        bench.linker.load(builtin).unwrap_err();
    }
    assert_eq!(bench.log.take(), "read mC");
}

#[test]
fn without_a_reader_the_chain_of_imports_is_told() {
    let mut bench = Bench::without_reader();
    let b = bench.module(&passes_on("X", "f"));
    bench.linker.register("mB", &b).unwrap();
    let root = bench.named("root", &passes_on("mB", "f"));
    let error = bench
        .linker
        .instantiate(&mut bench.store, &root)
        .unwrap_err();
    assert_eq!(
        text_of(&error),
        "import \"X\".\"f\" of module \"mB\": there is no module reader to load \"X\" \
         (root -> mB -> X)"
    );
    let GraphError::Imports { chain, .. } = graph_error(&error) else {
        panic!("{error}");
    };
    assert_eq!(chain, &["root", "mB"]);
    assert_eq!(
        text_of(&bench.linker.load("X").unwrap_err()),
        "there is no module reader to load \"X\""
    );
}

#[test]
fn a_missing_module_is_told_with_chain_readers_and_nearest_name() {
    let mut bench = Bench::without_reader();
    let memory = holdall::MemoryReader::new()
        .with("math", gives("f", 1).into_bytes())
        .with("mB", passes_on("mth", "f").into_bytes());
    bench
        .linker
        .set_reader(holdall::ChainReader::new().with(memory));
    assert_eq!(
        bench.root_error(&passes_on("mB", "f")),
        "import \"mth\".\"f\" of module \"mB\": expected (func (result i32)), found no module \
         \"mth\" (<root> -> mB -> mth), asked the modules in memory; did you mean \"math\"?"
    );
}

#[test]
fn a_circle_is_told_with_its_path_root_included() {
    let x = passes_on("y", "f");
    let y = passes_on("x", "f");
    let path = "modules import one another in a circle: x -> y -> x";

    // The root by the name that it was given.
    let mut bench = Bench::new(&[("x", &x), ("y", &y)]);
    let root = bench.named("x", &x);
    let error = bench
        .linker
        .instantiate(&mut bench.store, &root)
        .unwrap_err();
    assert_eq!(text_of(&error), path);
    let GraphError::Cycle { path: names } = graph_error(&error) else {
        panic!("{error}");
    };
    assert_eq!(names, &["x", "y", "x"]);
    assert_eq!(bench.log.take(), "read y, destroy y");

    // The root by its registered name.
    let root = bench.module(&x);
    bench.linker.register("x", &root).unwrap();
    let error = bench
        .linker
        .instantiate(&mut bench.store, &root)
        .unwrap_err();
    assert_eq!(text_of(&error), path);

    // Loaded by name, and below a root.
    let mut bench = Bench::new(&[("x", &x), ("y", &y), ("z", &passes_on("z", "f"))]);
    assert_eq!(text_of(&bench.linker.load("x").unwrap_err()), path);
    assert_eq!(bench.root_error(&passes_on("x", "f")), path);
    assert_eq!(
        bench.root_error(&passes_on("z", "f")),
        "modules import one another in a circle: z -> z"
    );
    assert_eq!(bench.linker.registry().names().count(), 0);
}

#[test]
fn a_circle_through_an_alias_is_one() {
    let mut bench = Bench::without_reader();
    let module = bench.module(&passes_on("b", "f"));
    bench.linker.register("a", &module).unwrap();
    bench.linker.alias_module("a", "b").unwrap();
    let error = bench
        .linker
        .instantiate(&mut bench.store, &module)
        .unwrap_err();
    assert_eq!(
        text_of(&error),
        "modules import one another in a circle: a -> a"
    );
}

#[test]
fn what_a_root_calls_itself_in_its_name_section_is_no_circle() {
    let mut bench = Bench::new(&[("m", &gives("f", 3))]);
    let root = bench
        .root(r#"(module $m (import "m" "f" (func $f (result i32))) (export "f" (func $f)))"#)
        .unwrap();
    assert_eq!(bench.call(root, "f").unwrap(), 3);
}

#[test]
fn a_command_is_no_dependency() {
    let command =
        r#"(module (func (export "_start")) (func (export "f") (result i32) (i32.const 1)))"#;
    let expected = "a command (with _start function) can not be a sub-module: module \"cmd\" exports \
                    \"_start\" (<root> -> cmd); build it as a reactor or a library, or use its \
                    exports, without _start, by --use-exports \"cmd\" (in a program or a build \
                    script, `use_exports`)";
    let mut bench = Bench::new(&[("cmd", command)]);
    assert_eq!(bench.root_error(&passes_on("cmd", "f")), expected);
    // Registered, or alive already as a root, it is none either.
    let module = bench.linker.load("cmd").unwrap();
    assert_eq!(bench.root_error(&passes_on("cmd", "f")), expected);
    bench.linker.instantiate(&mut bench.store, &module).unwrap();
    assert_eq!(bench.root_error(&passes_on("cmd", "f")), expected);
}

#[test]
fn a_command_is_used_for_its_exports_where_that_is_said() {
    // Its start as a command would trap, its start as a library counts.
    let command = |start: &str| {
        format!(
            r#"(module
                (global $n (mut i32) (i32.const 1))
                (func (export "_start") unreachable)
                (func (export "{start}") (global.set $n (i32.add (global.get $n) (i32.const 1))))
                (func (export "f") (result i32) (global.get $n)))"#
        )
    };
    for (start, expected) in [("_initialize", 2), ("__wasm_call_ctors", 2), ("other", 1)] {
        let bench = || {
            let mut bench = Bench::new(&[]);
            let reader = MemoryReader::new().with("cmd@1.2.0", command(start));
            bench.linker.set_reader(reader);
            bench
        };
        let mut other = bench();
        other.linker.use_exports("other");
        let error = other.root_error(&passes_on("cmd@1.2", "f"));
        assert!(error.starts_with("a command"), "{error}");
        // By its own name, or by the one that is imported.
        for name in ["cmd@1.2.0", "cmd@1.2"] {
            let mut bench = bench();
            bench.linker.use_exports(name);
            let root = bench.root(&passes_on("cmd@1.2", "f")).unwrap();
            assert_eq!(bench.call(root, "f").unwrap(), expected, "{start} {name}");
        }
    }
    // As a root it is a command as ever, and starts by itself.
    let mut bench = Bench::new(&[]);
    bench.linker.use_exports("cmd");
    let root = bench.module(&command("_initialize"));
    bench.linker.register("cmd", &root).unwrap();
    let root = bench.linker.instantiate(&mut bench.store, &root).unwrap();
    assert_eq!(bench.call(root, "f").unwrap(), 1);
}
