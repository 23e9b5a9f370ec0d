//! Graphs of modules: each has what it was given, and nothing of what another was.

use holdall::{Engine, Error, Instance, Limits, Linker, MemoryReader, Module, Naming, Store};
use holdall_wasi::{Access, Files, Grants, Input, Output, Wasi};

use crate::abi::{BADF, Errno, MFILE, NOTCAPABLE, SUCCESS};
use crate::guest::text;

/// A linked graph, of which the first module is the root.
#[derive(Debug)]
pub(crate) struct Graph {
    store: Store<()>,
    root: Instance,
}

/// Instantiates modules of these names and texts, the first of which is the root; with none, the
/// module that passes calls on.
pub(crate) fn instantiate(wasi: Wasi, modules: &[(&str, &str)]) -> Result<Graph, Error> {
    instantiate_within(Limits::new(), Naming::new(), wasi, modules)
}

/// Instantiates modules in a store with limits, by names that are taken so.
fn instantiate_within(
    limits: Limits,
    naming: Naming,
    wasi: Wasi,
    modules: &[(&str, &str)],
) -> Result<Graph, Error> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker.set_naming(naming);
    holdall_wasi::add_to_linker(&mut linker, wasi);
    let texts = text("wasi_snapshot_preview1");
    let ((name, root), others) = match modules.split_first() {
        Some((root, others)) => (*root, others),
        None => (("root", &*texts), &[][..]),
    };
    let mut reader = MemoryReader::new();
    for (name, text) in others {
        reader = reader.with(*name, text.as_bytes().to_vec());
    }
    linker.set_reader(reader);
    let module = Module::named(&engine, name, root.as_bytes().to_vec())?;
    linker.register(name, &module)?;
    let mut store = Store::new(&engine, ());
    store.limits(limits)?;
    let root = linker.instantiate(&mut store, &module)?;
    Ok(Graph { store, root })
}

impl Graph {
    /// Calls a function that takes nothing and gives an `i32`: of the root's.
    #[track_caller]
    fn call(&mut self, name: &str) -> Result<u32, Error> {
        let func = self.root.get_typed_func::<(), i32>(&self.store, name)?;
        func.call(&mut self.store, ()).map(i32::cast_unsigned)
    }

    #[track_caller]
    fn errno(&mut self, name: &str) -> Errno {
        Errno(self.call(name).unwrap())
    }
}

/// A module that says with `write`, `open`, `clock` and `random` how its calls end, with
/// `variables` and `arguments` how many it has, and with `read` the first byte of its input. What
/// it writes is its name.
fn prober(name: &str, more: &str) -> String {
    let size = name.len();
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write"
            (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read"
            (func $fd_read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_open"
            (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_sizes_get"
            (func $environ_sizes_get (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_sizes_get"
            (func $args_sizes_get (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_time_get"
            (func $clock_time_get (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get"
            (func $random_get (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "{name}")
        (func (export "write") (result i32)
            (i32.store (i32.const 0) (i32.const 16))
            (i32.store (i32.const 4) (i32.const {size}))
            (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (func (export "read") (result i32)
            (i32.store (i32.const 0) (i32.const 256))
            (i32.store (i32.const 4) (i32.const 1))
            (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))
                (then (return (i32.const -1))))
            (i32.load8_u (i32.const 256)))
        (data (i32.const 64) "file")
        (func $open (export "open") (result i32)
            (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 0)
                (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)))
        (func (export "opened") (result i32) (drop (call $open)) (i32.load (i32.const 8)))
        (func (export "variables") (result i32)
            (drop (call $environ_sizes_get (i32.const 8) (i32.const 12)))
            (i32.load (i32.const 8)))
        (func (export "arguments") (result i32)
            (drop (call $args_sizes_get (i32.const 8) (i32.const 12)))
            (i32.load (i32.const 8)))
        (func (export "clock") (result i32)
            (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 8)))
        (func $random (export "random") (result i32)
            (call $random_get (i32.const 8) (i32.const 8)))
        (func (export "drawn") (result i32) (drop (call $random)) (i32.load (i32.const 8)))
        {more})"#
    )
}

/// A root that passes the calls of `a` and `b` on, as `a_write` and so on.
fn root() -> String {
    let mut text = String::from("(module\n");
    for module in ["a", "b"] {
        for name in [
            "write",
            "read",
            "open",
            "opened",
            "variables",
            "arguments",
            "clock",
            "random",
            "drawn",
        ] {
            text += &format!(
                "(func (export \"{module}_{name}\") (import \"{module}\" \"{name}\") (result i32))\n"
            );
        }
    }
    text + ")"
}

/// A root that makes the calls itself, and has them made by `a` too.
fn probing_root() -> String {
    // Imports stand before everything else.
    let imports = ["write", "open", "opened", "variables", "read"]
        .map(|name| format!("(func (export \"a_{name}\") (import \"a\" \"{name}\") (result i32))"));
    prober("root", "").replacen("(module", &format!("(module {}", imports.join("\n")), 1)
}

/// All that there is to grant.
fn everything(output: Output) -> Grants {
    Grants::new()
        .args(["program", "argument"])
        .env("NAME", "value")
        .stdin(Input::bytes(*b"xyz"))
        .stdout(output)
        .files(
            Files::new().with("file", "contents"),
            "/",
            Access::ReadWrite,
        )
        .clocks()
        .random()
}

#[test]
fn a_dependency_gets_nothing_of_what_the_root_has() {
    let (capture, stdout) = Output::capture();
    let wasi = Wasi::new(everything(stdout));
    let (root, a) = (probing_root(), prober("a", ""));
    let mut graph = instantiate(wasi, &[("root", &root), ("a", &a)]).unwrap();
    assert_eq!(graph.errno("a_write"), BADF);
    assert_eq!(graph.errno("a_open"), BADF);
    assert_eq!(graph.call("a_variables").unwrap(), 0);
    assert_eq!(graph.call("a_read").unwrap(), u32::MAX);
    assert_eq!(graph.errno("write"), SUCCESS);
    assert_eq!(graph.errno("open"), SUCCESS);
    assert_eq!(graph.call("variables").unwrap(), 1);
    assert_eq!(graph.call("read").unwrap(), u32::from(b'x'));
    assert_eq!(capture.text(), "root");
}

#[test]
fn each_dependency_gets_what_is_granted_by_its_name_alone() {
    let (capture, stdout) = Output::capture();
    let wasi = Wasi::new(Grants::new()).grant("b", everything(stdout));
    let (a, b) = (prober("a", ""), prober("b", ""));
    let mut graph = instantiate(wasi, &[("root", &root()), ("a", &a), ("b", &b)]).unwrap();
    for (name, in_a, in_b) in [
        ("write", BADF, SUCCESS),
        ("open", BADF, SUCCESS),
        ("clock", NOTCAPABLE, SUCCESS),
        ("random", NOTCAPABLE, SUCCESS),
        ("variables", Errno(0), Errno(1)),
        ("arguments", Errno(0), Errno(2)),
    ] {
        assert_eq!(graph.errno(&format!("a_{name}")), in_a, "{name}");
        assert_eq!(graph.errno(&format!("b_{name}")), in_b, "{name}");
    }
    assert_eq!(capture.text(), "b");
}

#[test]
fn modules_with_the_same_grants_do_not_share_descriptors() {
    let (capture, stdout) = Output::capture();
    let grants = everything(stdout);
    let wasi = Wasi::new(Grants::new())
        .grant("a", grants.clone())
        .grant("b", grants);
    let (a, b) = (prober("a", ""), prober("b", ""));
    let mut graph = instantiate(wasi, &[("root", &root()), ("a", &a), ("b", &b)]).unwrap();
    let opened = ["a_opened", "a_opened", "b_opened"].map(|name| graph.call(name).unwrap());
    assert_eq!(opened, [4, 5, 4]);
    let read = ["a_read", "a_read", "b_read"].map(|name| graph.call(name).unwrap());
    assert_eq!(
        read,
        [b'x', b'y', b'x'].map(u32::from),
        "each reads from the beginning"
    );
    graph.call("a_write").unwrap();
    graph.call("b_write").unwrap();
    assert_eq!(capture.text(), "ab", "one output, which both were given");
}

#[test]
fn the_root_gets_what_is_granted_by_its_name_in_place_of_what_roots_get() {
    let (roots, stdout) = Output::capture();
    let (named, own) = Output::capture();
    let wasi = Wasi::new(Grants::new().env("ROOT", "")).grant("root", everything(own));
    let wasi = wasi.grant("a", Grants::new().stdout(stdout));
    let (root, a) = (probing_root(), prober("a", ""));
    let mut graph = instantiate(wasi, &[("root", &root), ("a", &a)]).unwrap();
    assert_eq!(graph.errno("write"), SUCCESS);
    assert_eq!(graph.errno("a_write"), SUCCESS);
    assert_eq!(
        (named.text(), roots.text()),
        ("root".to_owned(), "a".to_owned())
    );
}

#[test]
fn shared_grants_are_one_set_of_descriptors() {
    let (capture, stdout) = Output::capture();
    let wasi = Wasi::new(everything(stdout)).share();
    let (root, a) = (probing_root(), prober("a", ""));
    let mut graph = instantiate(wasi, &[("root", &root), ("a", &a)]).unwrap();
    let opened = ["opened", "a_opened", "opened"].map(|name| graph.call(name).unwrap());
    assert_eq!(opened, [4, 5, 6]);
    let read = ["read", "a_read"].map(|name| graph.call(name).unwrap());
    assert_eq!(
        read,
        [b'x', b'y'].map(u32::from),
        "one goes on where the other was"
    );
    assert_eq!(graph.call("a_variables").unwrap(), 1);
    assert_eq!(graph.errno("a_write"), SUCCESS);
    assert_eq!(capture.text(), "a");
}

#[test]
fn a_module_with_grants_of_its_own_does_not_share() {
    let (capture, stdout) = Output::capture();
    let wasi = Wasi::new(everything(stdout)).share();
    let wasi = wasi.grant("a", Grants::new().env("A", "").env("B", ""));
    let (root, a) = (probing_root(), prober("a", ""));
    let mut graph = instantiate(wasi, &[("root", &root), ("a", &a)]).unwrap();
    assert_eq!(graph.errno("a_write"), BADF);
    assert_eq!(graph.call("a_variables").unwrap(), 2);
    assert_eq!(capture.text(), "");
}

#[test]
fn a_function_that_is_exported_again_keeps_its_authority() {
    let (roots, stdout) = Output::capture();
    let (named, own) = Output::capture();
    let wasi = Wasi::new(Grants::new().stdout(stdout)).grant("a", Grants::new().stdout(own));
    let a = r#"(module
        (func (export "fd_write") (import "wasi_snapshot_preview1" "fd_write")
            (param i32 i32 i32 i32) (result i32))
        (memory (export "memory") 1) (data (i32.const 16) "of a"))"#;
    let root = r#"(module
        (import "a" "fd_write" (func $its (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write"
            (func $own (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\04\00\00\00")
        (data (i32.const 16) "root")
        (table funcref (elem $its $own))
        (func $call (param i32) (result i32)
            (call_indirect (param i32 i32 i32 i32) (result i32)
                (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8) (local.get 0)))
        (func (export "its") (result i32) (call $call (i32.const 0)))
        (func (export "own") (result i32) (call $call (i32.const 1))))"#;
    let mut graph = instantiate(wasi, &[("root", root), ("a", a)]).unwrap();
    assert_eq!(graph.errno("its"), SUCCESS);
    assert_eq!(
        (roots.text(), named.text()),
        (String::new(), "root".to_owned())
    );
    assert_eq!(graph.errno("own"), SUCCESS);
    assert_eq!(roots.text(), "root", "bytes are the caller's");
}

#[test]
fn both_previews_have_the_same_descriptors() {
    let root = r#"(module
        (import "wasi_snapshot_preview1" "path_open"
            (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_unstable" "fd_close" (func $fd_close (param i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "file")
        (func (export "open") (result i32)
            (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4)
                (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)))
            (i32.load (i32.const 8)))
        (func (export "close") (result i32) (call $fd_close (i32.const 4))))"#;
    let mut graph = instantiate(Wasi::new(everything(Output::null())), &[("root", root)]).unwrap();
    let calls = ["open", "close", "close", "open"].map(|name| graph.call(name).unwrap());
    assert_eq!(calls, [4, SUCCESS.0, BADF.0, 4]);
}

/// A module that ends itself at some time of its life: `at` stands in its text.
fn ending(at: &str, code: i32) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
        (func $end {} (call $proc_exit (i32.const {code})))
        (func (export "run") (result i32) {} i32.const 0)
        {})"#,
        if at == "_initialize" {
            "(export \"_initialize\")"
        } else {
            ""
        },
        if at == "call" { "(call $end)" } else { "" },
        if at == "start" { "(start $end)" } else { "" },
    )
}

#[test]
fn an_exit_anywhere_ends_all_modules_with_its_code() {
    let passing = r#"(module (func (export "run") (import "a" "run") (result i32)))"#;
    for code in [0, 1, 126, 255, 256, -1] {
        for at in ["start", "_initialize", "call"] {
            let ends = ending(at, code);
            for modules in [&[("root", &*ends)][..], &[("root", passing), ("a", &*ends)]] {
                let wasi = Wasi::new(Grants::new());
                let run = instantiate(wasi, modules).and_then(|mut graph| graph.call("run"));
                let error = run.unwrap_err();
                let what = format!("{at}, {code}, {} modules", modules.len());
                assert_eq!(error.exit_code(), Some(code), "{what}: {error}");
                assert!(error.trap().is_none(), "{what}: {error}");
            }
        }
    }
}

#[test]
fn a_graph_lives_on_after_an_exit() {
    let passing = r#"(module (func (export "run") (import "a" "run") (result i32)))"#;
    let modules = [("root", passing), ("a", &*ending("call", 7))];
    let mut graph = instantiate(Wasi::new(Grants::new()), &modules).unwrap();
    for _ in 0..3 {
        assert_eq!(graph.call("run").unwrap_err().exit_code(), Some(7));
    }
}

#[test]
fn what_the_host_defines_comes_before() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    holdall_wasi::add_to_linker(&mut linker, Wasi::new(Grants::new()));
    linker
        .func_wrap("wasi_snapshot_preview1", "sched_yield", || 1234)
        .unwrap();
    let text = text("wasi_snapshot_preview1");
    let module = Module::new(&engine, text.into_bytes()).unwrap();
    let mut store = Store::new(&engine, ());
    let root = linker.instantiate(&mut store, &module).unwrap();
    let replaced = root
        .get_typed_func::<(), i32>(&store, "sched_yield")
        .unwrap();
    assert_eq!(replaced.call(&mut store, ()).unwrap(), 1234);
    let close = root.get_typed_func::<i32, i32>(&store, "fd_close").unwrap();
    assert_eq!(close.call(&mut store, 9).unwrap(), BADF.0.cast_signed());
}

#[test]
fn a_function_that_wasi_does_not_have_is_told_before_anything_runs() {
    for (import, expected) in [
        (
            r#"(import "wasi_snapshot_preview1" "fd_wrote" (func))"#,
            &["fd_wrote", "fd_write"][..],
        ),
        (
            r#"(import "wasi_snapshot_preview1" "fd_close" (func (param i64)))"#,
            &["fd_close", "(param i64)", "(param i32) (result i32)"],
        ),
        (
            r#"(import "wasi_unstable" "sock_accept" (func))"#,
            &["sock_accept"],
        ),
        (
            r#"(import "wasi_snapshot_preview1" "fd_close" (memory 1))"#,
            &["(memory 1)"],
        ),
    ] {
        let text = format!("(module {import})");
        let error = instantiate(Wasi::new(Grants::new()), &[("root", &text)]).map(|_| ());
        let error = error.unwrap_err().to_string();
        for text in expected {
            assert!(error.contains(text), "no {text:?} in {error}");
        }
    }
}

#[test]
fn two_roots_of_one_linker_share_nothing() {
    let (capture, stdout) = Output::capture();
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    holdall_wasi::add_to_linker(&mut linker, Wasi::new(everything(stdout)));
    let module = Module::new(&engine, prober("root", "").into_bytes()).unwrap();
    let mut opened = Vec::new();
    for _ in 0..2 {
        let mut store = Store::new(&engine, ());
        for _ in 0..2 {
            let root = linker.instantiate(&mut store, &module).unwrap();
            let open = root.get_typed_func::<(), i32>(&store, "opened").unwrap();
            opened.push(open.call(&mut store, ()).unwrap());
        }
    }
    assert_eq!(opened, [4; 4]);
    assert_eq!(capture.text(), "");
}

#[test]
fn descriptors_of_all_modules_of_a_store_are_counted_together() {
    let wasi = Wasi::new(Grants::new())
        .grant("a", everything(Output::null()))
        .grant("b", everything(Output::null()));
    let (a, b) = (prober("a", ""), prober("b", ""));
    let modules = [("root", &*root()), ("a", &*a), ("b", &*b)];
    let mut limits = Limits::new();
    // Each has two streams and a directory.
    limits.open_descriptors = 8;
    let mut graph = instantiate_within(limits, Naming::new(), wasi, &modules).unwrap();
    let opens = ["a_open", "b_open", "a_open", "b_open"].map(|name| graph.errno(name));
    assert_eq!(opens, [SUCCESS, SUCCESS, MFILE, MFILE]);
}

#[test]
fn what_one_module_draws_changes_nothing_for_another() {
    let draws = |names: [&str; 6]| {
        let wasi = Wasi::new(Grants::new())
            .grant("a", Grants::new().random())
            .grant("b", Grants::new().random())
            .deterministic(5);
        let (a, b) = (prober("a", ""), prober("b", ""));
        let modules = [("root", &*root()), ("a", &*a), ("b", &*b)];
        let mut graph = instantiate(wasi, &modules).unwrap();
        let drawn = names.map(|name| (name.to_owned(), graph.call(name).unwrap()));
        let of = |module: &str| -> Vec<u32> {
            let own = drawn.iter().filter(|(name, _)| name.starts_with(module));
            own.map(|(_, number)| *number).collect()
        };
        (of("a"), of("b"))
    };
    let [a, b] = ["a_drawn", "b_drawn"];
    let (of_a, of_b) = draws([a, b, a, b, a, b]);
    assert_eq!(draws([b, b, b, a, a, a]), (of_a.clone(), of_b.clone()));
    assert!(
        of_a.iter().all(|number| !of_b.contains(number)),
        "{of_a:?}, {of_b:?}"
    );
}

/// A module that has its own number of variables in place of `sched_yield`'s answer.
const SHIM: &str = r#"(module
    (import "wasi_snapshot_preview1" "environ_sizes_get"
        (func $environ_sizes_get (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "sched_yield") (result i32)
        (drop (call $environ_sizes_get (i32.const 8) (i32.const 12)))
        (i32.load (i32.const 8))))"#;

const YIELDS: &str = r#"(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
    (func (export "call") (result i32) (call $sched_yield)))"#;

#[test]
fn a_module_stands_between_wasi_and_everybody_else_with_grants_of_its_own() {
    let aliased = |to: &str, wasi: Wasi, shim: &str| {
        let mut naming = Naming::new();
        naming.alias("wasi_snapshot_preview1", to).unwrap();
        instantiate_within(
            Limits::new(),
            naming,
            wasi,
            &[("root", YIELDS), (shim, SHIM)],
        )
    };
    let roots = || Wasi::new(Grants::new().env("A", "").env("B", ""));
    for (to, name) in [("shim", "shim"), ("shim@1", "shim@1.2.3")] {
        let wasi = roots().grant(name, Grants::new().env("C", ""));
        let mut graph = aliased(to, wasi, name).unwrap();
        assert_eq!(graph.call("call").unwrap(), 1);
        let mut graph = aliased(to, roots(), name).unwrap();
        assert_eq!(graph.call("call").unwrap(), 0);
    }
    let text = aliased("shim@2", roots(), "shim@1.2.3")
        .unwrap_err()
        .to_string();
    assert_eq!(
        text,
        "import \"wasi_snapshot_preview1\".\"sched_yield\" (alias of \"shim@2\") of module \"root\": \
         expected (func (result i32)), found no module \"shim@2\" (root -> shim@2), asked the modules \
         in memory; there is \"shim@1.2.3\""
    );
}

#[test]
fn wasi_under_another_name_is_an_alias() {
    let mut naming = Naming::new();
    naming.alias("env", "wasi_snapshot_preview1").unwrap();
    let yields = YIELDS.replace("wasi_snapshot_preview1", "env");
    let root = |naming| {
        let wasi = Wasi::new(Grants::new());
        instantiate_within(Limits::new(), naming, wasi, &[("root", &*yields)])
    };
    assert_eq!(root(naming).unwrap().errno("call"), SUCCESS);
    root(Naming::new()).unwrap_err();
}

#[test]
fn a_module_whose_memory_has_64_bit_addresses_is_refused_with_a_way_out() {
    let module = |memories: &str, import: &str| {
        format!(
            r#"(module (import "wasi_snapshot_preview1" "{import}" (func {})) {memories}
                (func (export "f")))"#,
            match import {
                "proc_exit" => "(param i32)",
                _ => "(param i32 i32) (result i32)",
            }
        )
    };
    let long = module("(memory i64 1)", "args_get");
    let error = instantiate(Wasi::new(Grants::new()), &[("app", &long)])
        .unwrap_err()
        .to_string();
    assert!(
        error
            .contains("WASI takes addresses of 32 bits, and the module's memory is (memory i64 1)"),
        "{error}"
    );
    // What counts is the memory that WASI would use.
    let exported = module(r#"(memory i64 1) (memory (export "memory") 1)"#, "args_get");
    instantiate(Wasi::new(Grants::new()), &[("app", &exported)]).unwrap();
    instantiate(
        Wasi::new(Grants::new()),
        &[("app", &module("(memory i64 1)", "proc_exit"))],
    )
    .unwrap();
}
