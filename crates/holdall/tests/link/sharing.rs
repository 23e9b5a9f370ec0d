//! Instances: one for each name in a graph, shared, and what modules share through it.

use holdall::{ExternType, GraphError, Memory, MemoryType, Store, Val};

use crate::{Bench, gives, graph_error, passes_on, text_of};

pub(crate) const COUNTER: &str = r#"(module
    (global $n (mut i32) (i32.const 0))
    (func (export "count") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (global.get $n)))"#;

/// A module that re-exports another's function through a function of its own.
fn calls(from: &str, name: &str) -> String {
    format!(
        r#"(module (import "{from}" "{name}" (func $f (result i32)))
            (func (export "{name}") (result i32) (call $f)))"#
    )
}

#[test]
fn a_diamond_shares_one_instance() {
    let mut bench = Bench::new(&[
        ("counter", COUNTER),
        ("left", &calls("counter", "count")),
        ("right", &calls("counter", "count")),
    ]);
    let root = bench
        .root(
            r#"(module
                (import "left" "count" (func $left (result i32)))
                (import "right" "count" (func $right (result i32)))
                (import "counter" "count" (func $counter (result i32)))
                (func (export "l") (result i32) (call $left))
                (func (export "r") (result i32) (call $right))
                (func (export "c") (result i32) (call $counter)))"#,
        )
        .unwrap();
    assert_eq!(bench.calls(root, &["l", "r", "c"]), [1, 2, 3]);
    assert_eq!(bench.log.take(), "read left, read counter, read right");
    // A second root in the same store shares it too; one in another store does not.
    let other = bench.root(&calls("right", "count")).unwrap();
    assert_eq!(bench.calls(other, &["count"]), [4]);
    bench.store = Store::new(&bench.engine, ());
    let elsewhere = bench.root(&calls("right", "count")).unwrap();
    assert_eq!(bench.calls(elsewhere, &["count"]), [1]);
    assert_eq!(bench.log.take(), "");
}

#[test]
fn layered_diamonds_do_not_grow_exponentially() {
    let mut layers = vec![("m0".to_owned(), COUNTER.to_owned())];
    for layer in 1..60 {
        let below = format!("m{}", layer - 1);
        layers.push((
            format!("m{layer}"),
            format!(
                r#"(module
                (import "{below}" "count" (func $a (result i32)))
                (import "{below}" "count" (func $b (result i32)))
                (func (export "count") (result i32) (call $a)))"#
            ),
        ));
    }
    let layers: Vec<(&str, &str)> = layers
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    let mut bench = Bench::new(&layers);
    let root = bench.root(&calls("m59", "count")).unwrap();
    assert_eq!(bench.calls(root, &["count", "count"]), [1, 2]);
}

#[test]
fn a_chain_of_10_000_modules_loads_and_a_circle_in_it_is_an_error() {
    const LENGTH: usize = 10_000;
    let chain = |last: String| {
        let mut reader =
            holdall::MemoryReader::new().with(format!("m{}", LENGTH - 1), last.into_bytes());
        for at in 0..LENGTH - 1 {
            reader = reader.with(
                format!("m{at}"),
                passes_on(&format!("m{}", at + 1), "f").into_bytes(),
            );
        }
        reader
    };
    // In a thread whose stack no recursion over the graph would fit.
    let small = std::thread::Builder::new().stack_size(512 << 10);
    let run = move || {
        let mut bench = Bench::without_reader();
        bench.linker.set_reader(chain(gives("f", 8)));
        let root = bench.root(&passes_on("m0", "f")).unwrap();
        assert_eq!(bench.calls(root, &["f", "$m0$f", "$m9999$f"]), [8, 8, 8]);
        assert_eq!(bench.linker.registry().names().count(), LENGTH);

        let mut bench = Bench::without_reader();
        bench.linker.set_reader(chain(passes_on("m17", "f")));
        let error = bench.root(&passes_on("m0", "f")).unwrap_err();
        let GraphError::Cycle { path } = graph_error(&error) else {
            panic!("{error}");
        };
        assert_eq!(
            (path.len(), &*path[0], &*path[LENGTH - 17]),
            (LENGTH - 16, "m17", "m17")
        );
        assert!(text_of(&error).starts_with("modules import one another in a circle: m17 -> m18"));
        assert_eq!(bench.linker.registry().names().count(), 0);
    };
    small.spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_function_of_a_module_or_of_the_host_is_re_exported_through_three_modules() {
    let mut bench = Bench::new(&[
        ("a", &gives("f", 10)),
        ("b", &passes_on("a", "f")),
        ("c", &passes_on("b", "f")),
        ("d", &passes_on("c", "f")),
        ("h1", &passes_on("env", "f")),
        ("h2", &passes_on("h1", "f")),
        ("h3", &passes_on("h2", "f")),
    ]);
    bench.linker.func_wrap("env", "f", || 20_i32).unwrap();
    let root = bench
        .root(
            r#"(module
                (import "d" "f" (func $d (result i32)))
                (import "h3" "f" (func $h (result i32)))
                (func (export "module") (result i32) (call $d))
                (func (export "host") (result i32) (call $h))
                (export "host_again" (func $h)))"#,
        )
        .unwrap();
    assert_eq!(
        bench.calls(root, &["module", "host", "host_again", "$h2$f", "$c$f"]),
        [10, 20, 20, 20, 10]
    );
}

#[test]
fn call_indirect_through_an_imported_table_calls_the_right_function_in_its_own_instance() {
    let mut bench = Bench::new(&[(
        "t",
        r#"(module
            (table (export "t") 4 funcref)
            (global $own i32 (i32.const 100))
            (func $f (result i32) (global.get $own))
            (func $g (result i32) (i32.const 2))
            (elem (i32.const 0) $f $g)
            (func (export "at") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))"#,
    )]);
    let root = bench
        .root(
            r#"(module
                (import "t" "t" (table 4 funcref))
                (import "t" "at" (func $at (param i32) (result i32)))
                (global $own i32 (i32.const 300))
                (func $unused (result i32) (i32.const -1))
                (func $h (result i32) (global.get $own))
                (elem (i32.const 2) $h)
                (func (export "0") (result i32) (call_indirect (result i32) (i32.const 0)))
                (func (export "1") (result i32) (call_indirect (result i32) (i32.const 1)))
                (func (export "2") (result i32) (call_indirect (result i32) (i32.const 2)))
                (func (export "there") (result i32) (call $at (i32.const 2))))"#,
        )
        .unwrap();
    assert_eq!(
        bench.calls(root, &["0", "1", "2", "there"]),
        [100, 2, 300, 300]
    );
}

#[test]
fn a_second_table_is_found_by_its_name() {
    let mut bench = Bench::new(&[(
        "t",
        r#"(module
            (table (export "one") 2 funcref) (table (export "two") 2 funcref)
            (func $f (result i32) (i32.const 1)) (func $g (result i32) (i32.const 2))
            (elem (table 0) (i32.const 0) func $f) (elem (table 1) (i32.const 0) func $g))"#,
    )]);
    let root = bench
        .root(
            r#"(module
                (import "t" "two" (table $two 2 funcref))
                (import "t" "one" (table $one 2 funcref))
                (func (export "one") (result i32) (call_indirect $one (result i32) (i32.const 0)))
                (func (export "two") (result i32) (call_indirect $two (result i32) (i32.const 0))))"#,
        )
        .unwrap();
    assert_eq!(bench.calls(root, &["one", "two"]), [1, 2]);
}

#[test]
fn a_memory_is_found_by_its_name_and_shared_through_growth() {
    let mut bench = Bench::new(&[
        (
            "m",
            r#"(module (memory (export "mem") 1 4) (data (i32.const 8) "\2a"))"#,
        ),
        (
            "again",
            r#"(module (import "m" "mem" (memory 1)) (export "other name" (memory 0)))"#,
        ),
    ]);
    let root = bench
        .root(
            r#"(module
                (import "again" "other name" (memory 1))
                (func (export "read") (result i32) (i32.load8_u (i32.const 8)))
                (func (export "grow") (result i32) (memory.grow (i32.const 2)))
                (func (export "size") (result i32) (memory.size)))"#,
        )
        .unwrap();
    assert_eq!(bench.calls(root, &["read", "grow", "size"]), [42, 1, 3]);
    // What it has grown to satisfies an import that its declaration would not.
    let memory = bench
        .linker
        .get(&mut bench.store, "m", "mem")
        .unwrap()
        .into_memory()
        .unwrap();
    assert_eq!(memory.size(&bench.store), 3);
    bench
        .root(r#"(module (import "m" "mem" (memory 3 4)))"#)
        .unwrap();
    assert_eq!(
        bench.root_error(r#"(module (import "m" "mem" (memory 4 4)))"#),
        "import \"m\".\"mem\" of module \"<root>\": expected (memory 4 4), found (memory 3 4)"
    );
}

#[test]
fn a_global_is_initialised_by_an_imported_one_and_a_mutable_one_is_shared() {
    let mut bench = Bench::new(&[(
        "g",
        r#"(module
            (global (export "const") i32 (i32.const 41))
            (global $var (export "var") (mut i32) (i32.const 1))
            (func (export "get") (result i32) (global.get $var)))"#,
    )]);
    let root = bench
        .root(
            r#"(module
                (import "g" "const" (global $const i32))
                (import "g" "var" (global $var (mut i32)))
                (global $mine i32 (global.get $const))
                (func (export "mine") (result i32) (global.get $mine))
                (func (export "set") (result i32) (global.set $var (i32.const 7)) (i32.const 0)))"#,
        )
        .unwrap();
    assert_eq!(bench.calls(root, &["mine", "set", "$g$get"]), [41, 0, 7]);
}

#[test]
fn a_linker_serves_several_stores_and_definitions_of_one_are_not_for_another() {
    let mut bench = Bench::new(&[]);
    let ty = MemoryType::new(1, None);
    let mut stores = [Store::new(&bench.engine, ()), Store::new(&bench.engine, ())];
    let root = bench.module(
        r#"(module (import "env" "m" (memory 1)) (import "env" "f" (func (result i32)))
            (func (export "read") (result i32) (i32.load8_u (i32.const 0))))"#,
    );
    bench.linker.func_wrap("env", "f", || 1_i32).unwrap();
    let memory = Memory::new(&mut stores[0], ty).unwrap();
    memory.write(&mut stores[0], 0, &[5]).unwrap();
    bench.linker.define(&stores[0], "env", "m", memory).unwrap();
    let error = bench.linker.instantiate(&mut stores[1], &root).unwrap_err();
    assert_eq!(graph_error(&error).failures().len(), 1, "{error}");
    let memory = Memory::new(&mut stores[1], ty).unwrap();
    memory.write(&mut stores[1], 0, &[6]).unwrap();
    bench.linker.define(&stores[1], "env", "m", memory).unwrap();
    for (store, expected) in stores.iter_mut().zip([5, 6]) {
        let instance = bench.linker.instantiate(&mut *store, &root).unwrap();
        let read = instance.get_typed_func::<(), i32>(&*store, "read").unwrap();
        assert_eq!(read.call(&mut *store, ()).unwrap(), expected);
        let f = bench.linker.get(&mut *store, "env", "f").unwrap();
        assert_eq!(bench.linker.get(&mut *store, "env", "f"), Some(f));
        assert!(matches!(f.ty(&*store), ExternType::Func(_)));
    }
}

#[test]
fn definitions_are_not_replaced_unless_that_is_allowed() {
    let mut bench = Bench::without_reader();
    bench.linker.func_wrap("env", "f", || 1_i32).unwrap();
    let error = bench.linker.func_wrap("env", "f", || 2_i32).err().unwrap();
    assert_eq!(
        text_of(&error),
        "\"env\".\"f\" is defined already; allow shadowing to define it anew"
    );
    let old = bench.root(&passes_on("env", "f")).unwrap();
    bench.linker.allow_shadowing(true);
    bench.linker.func_wrap("env", "f", || 2_i32).unwrap();
    let new = bench.root(&passes_on("env", "f")).unwrap();
    assert_eq!(bench.calls(old, &["f"]), [1]);
    assert_eq!(bench.calls(new, &["f"]), [2]);

    bench.linker.alias("env", "f", "env", "g").unwrap();
    let aliased = bench.root(&passes_on("env", "g")).unwrap();
    assert_eq!(bench.calls(aliased, &["g"]), [2]);
    let error = bench.linker.alias("env", "gone", "env", "h").err().unwrap();
    assert_eq!(
        text_of(&error),
        "the host has no definition of \"env\".\"gone\""
    );
}

#[test]
fn an_instance_can_be_defined_under_a_name() {
    let mut bench = Bench::without_reader();
    let instance = bench.root(COUNTER).unwrap();
    bench
        .linker
        .instance(&mut bench.store, "counter", instance)
        .unwrap();
    let root = bench.root(&calls("counter", "count")).unwrap();
    assert_eq!(bench.calls(instance, &["count"]), [1]);
    assert_eq!(bench.calls(root, &["count", "$counter$count"]), [2, 3]);
    assert_eq!(
        bench.root_error(r#"(module (import "counter" "cuont" (func (result i32))))"#),
        "import \"counter\".\"cuont\" of module \"<root>\": expected (func (result i32)), found no \
         such export; did you mean \"count\"?"
    );
}

#[test]
fn a_dynamic_host_function_is_linked_like_any_other() {
    let mut bench = Bench::without_reader();
    let ty = holdall::FuncType::new([], [holdall::ValType::I32]);
    bench
        .linker
        .func_new("env", "f", ty, |_, _, results| {
            results[0] = Val::I32(12);
            Ok(())
        })
        .unwrap();
    let root = bench.root(&calls("env", "f")).unwrap();
    assert_eq!(bench.calls(root, &["f"]), [12]);
}
