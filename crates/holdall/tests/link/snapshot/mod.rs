//! Snapshots: a graph that is brought back goes on where it was captured, and what cannot be
//! captured or brought back is named.

mod damage;
mod programs;
mod refused;

use holdall::{Instance, Limits, Linker, Module, Snapshot, Store, Val};

use crate::{Bench, gives, passes_on};

/// A root with what it needs, and what the host has for them.
pub(crate) struct Graph<'a> {
    pub(crate) modules: &'a [(&'a str, &'a str)],
    pub(crate) root: &'a str,
    pub(crate) host: fn(&mut Bench),
}

/// A graph that needs nothing of the host.
pub(crate) fn graph<'a>(modules: &'a [(&'a str, &'a str)], root: &'a str) -> Graph<'a> {
    Graph {
        modules,
        root,
        host: |_| (),
    }
}

impl Graph<'_> {
    pub(crate) fn bench(&self) -> (Bench, Module) {
        let mut bench = Bench::new(self.modules);
        (self.host)(&mut bench);
        let root = bench.named("root", self.root);
        (bench, root)
    }

    /// The graph, brought to life by its own initialisation.
    pub(crate) fn start(&self) -> (Bench, Instance) {
        let (mut bench, root) = self.bench();
        let instance = bench.linker.instantiate(&mut bench.store, &root).unwrap();
        (bench, instance)
    }

    /// The graph elsewhere, brought to life from a snapshot.
    #[track_caller]
    pub(crate) fn restore(&self, snapshot: &Snapshot) -> (Bench, Instance) {
        let (mut bench, root) = self.bench();
        let restored = bench
            .linker
            .instantiate_from(&mut bench.store, &root, snapshot);
        let instance = restored.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(parts(&capture(&bench, instance)), parts(snapshot));
        (bench, instance)
    }

    /// Starts the graph, and brings it back elsewhere.
    #[track_caller]
    fn again(&self) -> (Bench, Instance) {
        let (bench, instance) = self.start();
        self.restore(&capture(&bench, instance))
    }
}

/// The state of an instance and of what it needs, as it is after it was stored.
#[track_caller]
pub(crate) fn capture(bench: &Bench, instance: Instance) -> Snapshot {
    let captured = bench.linker.snapshot(&bench.store, instance);
    let captured = captured.unwrap_or_else(|error| panic!("{error}"));
    let (header, bytes) = parts(&captured);
    Snapshot::from_parts(&header, bytes).unwrap()
}

fn parts(snapshot: &Snapshot) -> (Vec<u8>, Vec<u8>) {
    let (header, bytes) = snapshot.to_parts();
    (header, bytes.to_vec())
}

/// A module whose start function and `_initialize` tell that they ran.
const TELLS: &str = r#"(module
    (import "env" "tell" (func $tell (param i32)))
    (global $n (mut i32) (i32.const 0))
    (func $add (param i32)
        (call $tell (local.get 0))
        (global.set $n (i32.add (global.get $n) (local.get 0))))
    (func $start (call $add (i32.const 1)))
    (start $start)
    (func (export "_initialize") (call $add (i32.const 10)))
    (func (export "__wasm_call_ctors") (call $add (i32.const 100)))
    (func (export "n") (result i32) (global.get $n)))"#;

fn tells(bench: &mut Bench) {
    let log = bench.log.clone();
    let tell = move |number: i32| log.add(number.to_string());
    bench.linker.func_wrap("env", "tell", tell).unwrap();
}

#[test]
fn start_functions_and_the_start_of_reactors_do_not_run_again() {
    let root = r#"(module
        (import "env" "tell" (func $tell (param i32)))
        (import "dep" "n" (func $n (result i32)))
        (func $start (call $tell (i32.const 1000))) (start $start)
        (func (export "_initialize") (call $tell (i32.const 2000)))
        (func (export "n") (result i32) (call $n)))"#;
    let graph = Graph {
        modules: &[("dep", TELLS)],
        root,
        host: tells,
    };
    let (bench, instance) = graph.start();
    assert_eq!(bench.log.take(), "read dep, 1, 10, 1000, 2000");
    let snapshot = capture(&bench, instance);
    let (mut bench, instance) = graph.restore(&snapshot);
    assert_eq!(bench.calls(instance, &["n", "$dep$n"]), [11, 11]);
    assert_eq!(bench.log.take(), "read dep");
}

#[test]
fn a_memory_has_its_bytes_and_the_size_that_it_grew_to() {
    let graph = graph(
        &[(
            "m",
            r#"(module (memory (export "mem") 1 8)
                (data (i32.const 65535) "a")
                (func (export "_initialize")
                    (drop (memory.grow (i32.const 2)))
                    (i32.store8 (i32.const 196607) (i32.const 98))
                    (i32.store8 (i32.const 65535) (i32.const 99))))"#,
        )],
        r#"(module (import "m" "mem" (memory 1))
            (func (export "first") (result i32) (i32.load8_u (i32.const 65535)))
            (func (export "last") (result i32) (i32.load8_u (i32.const 196607)))
            (func (export "grow") (result i32) (memory.grow (i32.const 5)))
            (func (export "again") (result i32) (memory.grow (i32.const 1))))"#,
    );
    let (mut bench, root) = graph.again();
    let names = ["first", "last", "grow", "again"];
    assert_eq!(bench.calls(root, &names), [99, 98, 3, -1]);
}

#[test]
fn globals_keep_their_values_and_are_shared_as_before() {
    let graph = graph(
        &[(
            "g",
            r#"(module
                (global (export "const") i32 (i32.const 7))
                (global $n (export "var") (mut i32) (i32.const 1))
                (global $wide (mut i64) (i64.const 0))
                (global $vector (mut v128) (v128.const i64x2 0 0))
                (func (export "_initialize")
                    (global.set $n (i32.const 20)) (global.set $wide (i64.const -1))
                    (global.set $vector (v128.const i32x4 1 2 3 4)))
                (func (export "get") (result i32) (global.get $n))
                (func (export "last") (result i32) (i32x4.extract_lane 3 (global.get $vector)))
                (func (export "wide") (result i32)
                    (i32.wrap_i64 (i64.shr_u (global.get $wide) (i64.const 40)))))"#,
        )],
        r#"(module
            (import "g" "const" (global $const i32))
            (import "g" "var" (global $n (mut i32)))
            (global $mine i32 (global.get $const))
            (global $own (mut i32) (global.get $const))
            (func (export "_initialize") (global.set $n (i32.add (global.get $n) (i32.const 1))))
            (func (export "mine") (result i32) (i32.add (global.get $mine) (global.get $own)))
            (func (export "add") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"#,
    );
    let (mut bench, root) = graph.again();
    assert_eq!(
        bench.calls(root, &["mine", "add", "$g$get", "$g$wide", "$g$last"]),
        [14, 22, 22, 0xff_ffff, 4]
    );
}

/// What calls the elements of a table that has functions of its own.
const TABLE: &str = r#"(module
    (table $t (export "t") 6 12 funcref)
    (global $own i32 (i32.const 100))
    (func $f (result i32) (global.get $own))
    (elem (i32.const 0) func $f $f)
    (func (export "_initialize")
        (table.set (i32.const 1) (ref.null func))
        (drop (table.grow (ref.null func) (i32.const 2))))
    (func (export "at") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))"#;

#[test]
fn tables_and_globals_refer_to_functions_of_the_whole_graph_and_to_imported_ones_of_the_host() {
    let root = r#"(module
        (import "t" "t" (table 6 funcref))
        (import "t" "at" (func $at (param i32) (result i32)))
        (import "env" "host" (func $host (result i32)))
        (import "other" "f" (func $other (result i32)))
        (global $own i32 (i32.const 300))
        (global $ref (mut funcref) (ref.null func))
        (func $h (result i32) (global.get $own))
        (elem (i32.const 2) func $h $host $other)
        (func $start (global.set $ref (ref.func $host))) (start $start)
        (func (export "at") (param i32) (result i32) (call $at (local.get 0)))
        (func (export "size") (result i32) (table.size))
        (func (export "ref") (result i32)
            (table.set (i32.const 5) (global.get $ref))
            (call $at (i32.const 5))))"#;
    let graph = Graph {
        modules: &[("t", TABLE), ("other", &gives("f", 5))],
        root,
        host: |bench| {
            let count = bench.log.clone();
            let host = move || {
                count.add("host");
                77
            };
            bench.linker.func_wrap("env", "host", host).unwrap();
        },
    };
    let (mut bench, root) = graph.again();
    let at = root.get_typed_func::<i32, i32>(&bench.store, "at").unwrap();
    let mut call = |index| at.call(&mut bench.store, index).ok();
    let found: Vec<_> = (0..6).map(&mut call).collect();
    assert_eq!(found, [Some(100), None, Some(300), Some(77), Some(5), None]);
    assert_eq!(bench.calls(root, &["size", "ref"]), [8, 77]);
    assert_eq!(bench.log.take(), "read t, read other, host, host");
}

#[test]
fn a_function_that_stands_in_for_a_missing_one_does_so_again() {
    let graph = Graph {
        modules: &[],
        root: r#"(module (import "env" "none" (func $none))
            (table 1 funcref) (elem (i32.const 0) func $none)
            (func (export "call") (result i32) (call_indirect (i32.const 0)) (i32.const 0)))"#,
        host: |bench| {
            bench.linker.trap_on_missing_functions(true);
        },
    };
    let (mut bench, root) = graph.again();
    let error = bench.call(root, "call").unwrap_err().to_string();
    assert!(error.contains("\"env\".\"none\""), "{error}");
}

#[test]
fn segments_that_were_dropped_are_and_others_are_there() {
    let graph = graph(
        &[],
        r#"(module
            (memory 1) (table 4 funcref)
            (global $own (mut i32) (i32.const 9))
            (func $f (result i32) (global.get $own))
            (data $kept "k") (data $dropped "d") (data $active (i32.const 8) "a")
            (elem $kept func $f) (elem $dropped func $f) (elem $active (i32.const 0) func $f)
            (elem declare func $f)
            (func $start (data.drop $dropped) (elem.drop $dropped)) (start $start)
            (func (export "kept") (result i32)
                (memory.init $kept (i32.const 0) (i32.const 0) (i32.const 1))
                (table.init $kept (i32.const 1) (i32.const 0) (i32.const 1))
                (i32.add (i32.load8_u (i32.const 0)) (call_indirect (result i32) (i32.const 1))))
            (func (export "active") (result i32)
                (i32.add (i32.load8_u (i32.const 8)) (call_indirect (result i32) (i32.const 0))))
            (func (export "data") (result i32)
                (memory.init $dropped (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 0))
            (func (export "elem") (result i32)
                (table.init $dropped (i32.const 1) (i32.const 0) (i32.const 1)) (i32.const 0))
            (func (export "active data") (result i32)
                (memory.init $active (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 0))
            (func (export "active elem") (result i32)
                (table.init $active (i32.const 1) (i32.const 0) (i32.const 1)) (i32.const 0)))"#,
    );
    let (mut bench, root) = graph.again();
    assert_eq!(bench.calls(root, &["kept", "active"]), [107 + 9, 97 + 9]);
    for name in ["data", "elem", "active data", "active elem"] {
        let error = bench.call(root, name).unwrap_err().to_string();
        assert!(error.starts_with("out of bounds"), "{name}: {error}");
    }
}

#[test]
fn modules_that_lived_before_are_captured_too_and_new_ones_come_to_life_beside_living_ones() {
    let (counter, root) = (crate::sharing::COUNTER, passes_on("counter", "count"));
    let modules = [("counter", counter)];
    let graph = graph(&modules, &root);
    let (mut bench, first) = graph.start();
    assert_eq!(bench.calls(first, &["count", "count"]), [1, 2]);
    // Another root in the same store shares what is there.
    let module = bench.named("root", graph.root);
    let second = bench.linker.instantiate(&mut bench.store, &module).unwrap();
    let snapshot = capture(&bench, second);
    assert_eq!(bench.calls(first, &["count"]), [3]);
    let (mut elsewhere, restored) = graph.restore(&snapshot);
    assert_eq!(elsewhere.calls(restored, &["count"]), [3]);
    // Beside those that it is of, it has a counter of its own, which is the one with the name.
    let (linker, store) = (&mut bench.linker, &mut bench.store);
    let restored = linker.instantiate_from(store, &module, &snapshot).unwrap();
    assert_eq!(bench.calls(restored, &["count"]), [3]);
    assert_eq!(bench.calls(first, &["count", "$counter$count"]), [4, 4]);
}

#[test]
fn a_module_with_a_living_one_s_growth_in_its_import_is_told_that_it_would_not_link_anew() {
    let mut bench = Bench::new(&[("m", r#"(module (memory (export "mem") 1 4))"#)]);
    let needs = |pages| format!(r#"(module (import "m" "mem" (memory {pages})))"#);
    bench.root(&needs(1)).unwrap();
    let memory = bench.linker.get(&mut bench.store, "m", "mem").unwrap();
    let memory = memory.into_memory().unwrap();
    memory.grow(&mut bench.store, 1).unwrap();
    let root = bench.root(&needs(2)).unwrap();
    let error = bench.linker.snapshot(&bench.store, root).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("expected (memory 2), found (memory 1 4)"),
        "{text}"
    );
}

#[test]
fn a_large_memory_comes_back_by_its_pieces() {
    let graph = graph(
        &[],
        r#"(module (memory 1024)
            (func (export "_initialize")
                (i32.store (i32.const 5000) (i32.const 1))
                (i32.store (i32.const 40000002) (i32.const 2))
                (i32.store (i32.const 67108860) (i32.const 3)))
            (func (export "sum") (result i32)
                (i32.add (i32.load (i32.const 5000))
                    (i32.add (i32.load (i32.const 40000002)) (i32.load (i32.const 67108860))))))"#,
    );
    let (bench, root) = graph.start();
    let snapshot = capture(&bench, root);
    let (header, bytes) = snapshot.to_parts();
    assert!(header.len() < 100, "{}", header.len());
    assert_eq!(bytes.len(), 3 * 4096);
    let (mut bench, root) = graph.restore(&snapshot);
    assert_eq!(bench.calls(root, &["sum"]), [6]);
}

#[test]
fn bytes_of_the_program_s_own_are_not_copied() {
    static BYTES: [u8; 4096] = {
        let mut bytes = [0; 4096];
        bytes[0] = b'x';
        bytes
    };
    let graph = graph(&[], r#"(module (memory 1) (data (i32.const 0) "x"))"#);
    let (bench, root) = graph.start();
    let (header, bytes) = parts(&capture(&bench, root));
    assert_eq!(bytes, BYTES);
    let snapshot = Snapshot::from_parts(&header, &BYTES[..]).unwrap();
    assert_eq!(snapshot.to_parts().1.as_ptr(), BYTES.as_ptr());
    graph.restore(&snapshot);
}

#[test]
fn limits_of_the_store_hold() {
    let graph = graph(
        &[(
            "dep",
            r#"(module (table (export "t") 100 funcref) (memory 2))"#,
        )],
        r#"(module (import "dep" "t" (table 1 funcref)) (memory 1)
            (func $start (drop (memory.grow (i32.const 1)))) (start $start))"#,
    );
    let (bench, root) = graph.start();
    let snapshot = capture(&bench, root);
    for (limits, name) in [
        (Limits::new().memory_bytes(4 * 65_536 - 1), "memory_bytes"),
        (Limits::new().memory_bytes_each(65_536), "memory_bytes_each"),
        (Limits::new().table_elements(99), "table_elements"),
        (Limits::new().memories(1), "memories"),
        (Limits::new().instances(1), "instances"),
    ] {
        let (mut bench, root) = graph.bench();
        bench.store.limits(limits).unwrap();
        let (linker, store) = (&mut bench.linker, &mut bench.store);
        let error = linker
            .instantiate_from(&mut *store, &root, &snapshot)
            .unwrap_err();
        let text = crate::text_of(&error);
        assert!(
            text.contains(&format!("limit `{name}` of the store")),
            "{text}"
        );
        // Nothing is known by its name, and with more room it works.
        assert!(linker.get(&mut *store, "dep", "t").is_none());
        store.limits(Limits::new()).unwrap();
        linker.instantiate_from(store, &root, &snapshot).unwrap();
    }
}

#[test]
fn the_same_state_gives_the_same_bytes() {
    let root = fills_table();
    let graph = graph(&[("t", TABLE)], &root);
    let snapshots = (0..4).map(|_| {
        let (bench, root) = graph.start();
        parts(&capture(&bench, root))
    });
    let snapshots: Vec<_> = snapshots.collect();
    assert!(snapshots.windows(2).all(|two| two[0] == two[1]));
}

fn fills_table() -> String {
    let funcs = (0..50).map(|index| format!("(func $f{index} (result i32) (i32.const {index}))"));
    let elems = (0..4).map(|index| format!("$f{}", 49 - index * 7));
    format!(
        r#"(module (import "t" "t" (table 6 funcref)) {} (elem (i32.const 2) func {}))"#,
        funcs.collect::<String>(),
        elems.collect::<Vec<_>>().join(" ")
    )
}

#[test]
fn a_snapshot_is_of_its_moment_and_can_be_taken_again() {
    let graph = graph(
        &[],
        r#"(module (global $n (mut i32) (i32.const 0))
            (func (export "count") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"#,
    );
    let (mut bench, root) = graph.start();
    bench.calls(root, &["count", "count"]);
    let snapshot = capture(&bench, root);
    bench.calls(root, &["count"]);
    for _ in 0..2 {
        let (mut bench, root) = graph.restore(&snapshot);
        assert_eq!(bench.calls(root, &["count"]), [3]);
        let later = capture(&bench, root);
        assert_ne!(parts(&later), parts(&snapshot));
        let (mut bench, root) = graph.restore(&later);
        assert_eq!(bench.calls(root, &["count"]), [4]);
    }
}

#[test]
fn a_chain_of_5_000_modules_is_captured_and_brought_back() {
    const LENGTH: usize = 5_000;
    let mut reader = holdall::MemoryReader::new();
    for at in 0..LENGTH {
        let text = match at + 1 {
            LENGTH => gives("f", 8),
            next => passes_on(&format!("m{next}"), "f"),
        };
        reader = reader.with(format!("m{at}"), text.into_bytes());
    }
    // In a thread whose stack no recursion over the graph would fit.
    let small = std::thread::Builder::new().stack_size(512 << 10);
    let run = move || {
        let bench = Bench::without_reader();
        let root = bench.module(&passes_on("m0", "f"));
        let linker = || {
            let mut linker = Linker::new(&bench.engine);
            linker.set_reader(reader.clone());
            linker
        };
        let (first, mut store) = (linker(), Store::new(&bench.engine, ()));
        let instance = first.instantiate(&mut store, &root).unwrap();
        let snapshot = first.snapshot(&store, instance).unwrap();
        let (second, mut store) = (linker(), Store::new(&bench.engine, ()));
        let restored = second.instantiate_from(&mut store, &root, &snapshot);
        let func = restored.unwrap().get_func(&store, "$m4999$f").unwrap();
        let mut results = [Val::I32(0)];
        func.call(&mut store, &[], &mut results).unwrap();
        assert_eq!(results[0].i32(), Some(8));
    };
    small.spawn(run).unwrap().join().unwrap();
}
