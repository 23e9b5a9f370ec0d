//! What no snapshot can hold, and graphs that a snapshot is not of.

use holdall::{
    ErrorKind, ExternRef, Func, Global, GlobalType, Instance, LinkError, Memory, MemoryType,
    Mutability, Snapshot, SnapshotError, Store, Table, TableType, Val, ValType,
};

use super::{Graph, capture, graph};
use crate::{Bench, gives, passes_on, text_of};

/// A module with one of all that holds references.
const HOLDS: &str = r#"(module
    (import "env" "host" (func $host))
    (table (export "other") 1 funcref)
    (table (export "funcs") 4 funcref)
    (table (export "externs") 9 externref)
    (global (export "func") (mut funcref) (ref.null func))
    (global (export "extern") (mut externref) (ref.null extern))
    (export "host" (func $host)))"#;

fn host(bench: &mut Bench) {
    bench.linker.func_wrap("env", "host", || ()).unwrap();
}

#[track_caller]
fn refused(bench: &Bench, instance: Instance) -> String {
    let error = bench.linker.snapshot(&bench.store, instance).unwrap_err();
    let ErrorKind::Link(LinkError::Snapshot(_)) = error.kind() else {
        panic!("an error of another kind: {error:?}");
    };
    text_of(&error)
}

/// Changes something of a graph whose module `dep` holds references, and gives what is said of it.
fn changed(change: impl Fn(&mut Bench, Instance)) -> String {
    let graph = Graph {
        modules: &[("dep", HOLDS)],
        root: r#"(module (import "dep" "host" (func)))"#,
        host,
    };
    let (mut bench, root) = graph.start();
    capture(&bench, root);
    let funcs = bench.linker.get(&mut bench.store, "dep", "funcs").unwrap();
    let func = bench.linker.get(&mut bench.store, "dep", "host").unwrap();
    // An imported function of the host can be held.
    let func = Val::FuncRef(func.into_func());
    let funcs = funcs.into_table().unwrap();
    funcs.set(&mut bench.store, 3, func).unwrap();
    capture(&bench, root);
    change(&mut bench, root);
    refused(&bench, root)
}

fn table(bench: &mut Bench, name: &str) -> Table {
    let table = bench.linker.get(&mut bench.store, "dep", name).unwrap();
    table.into_table().unwrap()
}

fn global(bench: &mut Bench, name: &str) -> Global {
    let global = bench.linker.get(&mut bench.store, "dep", name).unwrap();
    global.into_global().unwrap()
}

#[test]
fn an_externref_is_named_by_its_place() {
    let text = changed(|bench, _| {
        let value = ExternRef::new(&mut bench.store, "the host's");
        let table = table(bench, "externs");
        let value = Val::ExternRef(Some(value));
        table.set(&mut bench.store, 5, value).unwrap();
    });
    assert_eq!(
        text,
        "module \"dep\": table 2, element 5 holds a reference to the host (externref); a snapshot \
         cannot hold that"
    );
    let text = changed(|bench, _| {
        let value = ExternRef::new(&mut bench.store, "the host's");
        let global = global(bench, "extern");
        let value = Val::ExternRef(Some(value));
        global.set(&mut bench.store, value).unwrap();
    });
    assert_eq!(
        text,
        "module \"dep\": global 1 holds a reference to the host (externref); a snapshot cannot hold \
         that"
    );
}

#[test]
fn a_function_of_the_host_that_no_module_imports_is_named() {
    let text = changed(|bench, _| {
        let func = Func::wrap(&mut bench.store, || ());
        let table = table(bench, "funcs");
        let func = Val::FuncRef(Some(func));
        table.set(&mut bench.store, 1, func).unwrap();
    });
    assert_eq!(
        text,
        "module \"dep\": table 1, element 1 holds the host's function <host function>, which no \
         module of the graph imports; a snapshot cannot hold that"
    );
}

#[test]
fn a_function_of_another_graph_is_named() {
    let other = |bench: &mut Bench, name: Option<&str>| {
        let text = r#"(module (func) (func (export "f")))"#;
        let module = match name {
            Some(name) => bench.named(name, text),
            None => bench.module(text),
        };
        let other = Instance::new(&mut bench.store, &module, &[]).unwrap();
        Val::FuncRef(other.get_func(&bench.store, "f"))
    };
    let text = changed(|bench, _| {
        let (func, global) = (other(bench, Some("stranger")), global(bench, "func"));
        global.set(&mut bench.store, func).unwrap();
    });
    assert_eq!(
        text,
        "module \"dep\": global 0 holds function 1 of module \"stranger\", which is not of the \
         graph; a snapshot cannot hold that"
    );
    let text = changed(|bench, _| {
        let (func, table) = (other(bench, None), table(bench, "other"));
        table.set(&mut bench.store, 0, func).unwrap();
    });
    assert!(
        text.contains("function 1 of a module that is not of the graph"),
        "{text}"
    );
}

#[test]
fn what_the_host_keeps_for_a_module_is_named_unless_it_never_changes() {
    let mut bench = Bench::without_reader();
    let store = &mut bench.store;
    let memory_type = MemoryType::new(1, None);
    let table_type = TableType {
        element: holdall::RefType::FUNCREF,
        min: 1,
        max: None,
        is_64: false,
    };
    let global = |store: &mut Store<()>, mutability| {
        let ty = GlobalType {
            content: ValType::I32,
            mutability,
        };
        Global::new(store, ty, Val::I32(3)).unwrap()
    };
    let memory = Memory::new(&mut *store, memory_type).unwrap();
    let table = Table::new(&mut *store, table_type, Val::FuncRef(None)).unwrap();
    let (var, constant) = (
        global(store, Mutability::Var),
        global(store, Mutability::Const),
    );
    let linker = &mut bench.linker;
    linker.define(&*store, "env", "memory", memory).unwrap();
    linker.define(&*store, "env", "table", table).unwrap();
    linker.define(&*store, "env", "var", var).unwrap();
    linker.define(&*store, "env", "const", constant).unwrap();
    for (import, kind) in [
        (r#""memory" (memory 1)"#, "memory"),
        (r#""table" (table 1 funcref)"#, "table"),
        (r#""var" (global (mut i32))"#, "mutable global"),
    ] {
        let root = bench.root(&format!(r#"(module $app (import "env" {import}))"#));
        let text = refused(&bench, root.unwrap());
        assert!(
            text.starts_with("module \"app\": import \"env\"."),
            "{text}"
        );
        let end = format!("is a {kind} of the host; a snapshot cannot hold that");
        assert!(text.ends_with(&end), "{text}");
    }
    let root = bench.root(r#"(module (import "env" "const" (global i32)))"#);
    capture(&bench, root.unwrap());
}

#[test]
fn a_graph_that_would_be_linked_in_another_way_is_refused() {
    let mut bench = Bench::new(&[("a", &gives("f", 1))]);
    let root = bench.root(&passes_on("a", "f")).unwrap();
    capture(&bench, root);
    // A second instance of what the root needs: the linker would take that one.
    let a = bench.linker.find("a").unwrap().clone();
    bench.linker.instantiate(&mut bench.store, &a).unwrap();
    let text = refused(&bench, root);
    assert_eq!(
        text,
        "module \"<root>\": import \"a\".\"f\" is linked to something else than it would be now; \
         instantiate the graph in a store of its own"
    );

    // A module of the graph that the host defines under another name.
    let mut bench = Bench::new(&[("a", &gives("f", 1))]);
    bench.root(&passes_on("a", "f")).unwrap();
    let a = bench.linker.find("a").unwrap().clone();
    let first = bench.linker.instantiate(&mut bench.store, &a).unwrap();
    bench
        .linker
        .instance(&mut bench.store, "alias", first)
        .unwrap();
    let both = r#"(module $both (import "a" "f" (func (result i32)))
        (import "alias" "f" (func (result i32))))"#;
    let root = bench.root(both).unwrap();
    let text = refused(&bench, root);
    assert!(
        text.contains("import \"alias\".\"f\" is linked to something else"),
        "{text}"
    );

    // A module that was forgotten.
    let mut bench = Bench::new(&[("a", &gives("f", 1))]);
    let root = bench.root(&passes_on("a", "f")).unwrap();
    bench.linker.unregister("a").unwrap();
    let text = refused(&bench, root);
    assert!(
        text.starts_with("module \"a\": this linker has no instance of it"),
        "{text}"
    );
}

#[test]
fn another_graph_is_refused_before_anything_is_there() {
    let first = graph(&[("a", MEMORY)], NEEDS_A);
    let (bench, root) = first.start();
    let snapshot = capture(&bench, root);
    for (other, expected) in [
        (
            graph(&[], "(module)"),
            "expected the state of 1 modules, found that of 2",
        ),
        (
            graph(&[("a", "(module (func (export \"f\")))")], NEEDS_A),
            "expected module \"a\" of 31 bytes, found module \"a\" of 37 bytes",
        ),
        (
            graph(&[("b", MEMORY)], NEEDS_B),
            "expected module \"b\" of 37 bytes, found module \"a\" of 37 bytes",
        ),
        (
            graph(&[("a", TABLE)], NEEDS_A),
            "module \"a\": expected 0 memories, found 1",
        ),
    ] {
        let (mut bench, root) = other.bench();
        let (linker, store) = (&mut bench.linker, &mut bench.store);
        let error = linker.instantiate_from(&mut *store, &root, &snapshot);
        let error = error.unwrap_err();
        let ErrorKind::Link(LinkError::Snapshot(SnapshotError::Misfit { what })) = error.kind()
        else {
            panic!("an error of another kind: {error:?}");
        };
        assert_eq!(what, expected);
        assert!(format!("{store:?}").contains("instances: 0"), "{store:?}");
        assert_eq!(linker.registry().names().count(), 0);
        let log = bench.log.take();
        let counts = ["read", "destroy"].map(|word| log.matches(word).count());
        assert_eq!(
            counts[0], counts[1],
            "the reader has its buffers back: {log}"
        );
    }
}

const NEEDS_A: &str = r#"(module (import "a" "f" (func)))"#;
const NEEDS_B: &str = r#"(module (import "b" "f" (func)))"#;
const MEMORY: &str = r#"(module (func (export "f")) (memory 1 2))"#;
/// Of as many bytes.
const TABLE: &str = r#"(module (func (export "f")) (table 1 funcref))"#;

#[test]
fn another_engine_is_refused() {
    let (bench, root) = graph(&[], "(module)").start();
    let mut other = Bench::without_reader();
    let snapshot = capture(&bench, root);
    let module = root.module(&bench.store);
    let error = other
        .linker
        .instantiate_from(&mut other.store, &module, &snapshot)
        .unwrap_err();
    assert!(error.to_string().contains("another engine"), "{error}");
}

#[test]
fn bytes_that_are_no_snapshot_s_are_refused() {
    let (bench, root) = graph(&[], "(module)").start();
    let (header, _) = capture(&bench, root).to_parts();
    for header in [&header[..0], &header[1..], &[&*header, &[0]].concat()] {
        let error = Snapshot::from_parts(header, b"".as_slice()).unwrap_err();
        assert_eq!(error, SnapshotError::Damaged);
    }
}
