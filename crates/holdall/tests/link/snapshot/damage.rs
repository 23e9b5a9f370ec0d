//! Snapshots that somebody changed: a graph that works, or an error; nothing else.

use holdall::{Config, Engine, Limits, Linker, MemoryReader, Module, Snapshot, Store, Val};

use crate::rng::{INTERESTING, Rng};

const DEP: &str = r#"(module
    (memory (export "mem") 1 3)
    (table $t (export "t") 5 9 funcref)
    (table 2 2 externref)
    (global $a (mut i32) (i32.const -1)) (global $b (mut i64) (i64.const 5))
    (global $c (export "c") (mut funcref) (ref.null func)) (global (mut f32) (f32.const 1))
    (data (i32.const 60000) "abc") (data $passive "xyz")
    (func $f (export "f") (result i32) (global.get $a))
    (elem (i32.const 1) func $f $f) (elem $kept func $f)
    (func (export "_initialize")
        (data.drop $passive) (elem.drop $kept)
        (global.set $c (ref.func $f))
        (drop (memory.grow (i32.const 1)))
        (i32.store (i32.const 100000) (i32.const 1)))
    (func (export "use") (result i32)
        (i32.store8 (global.get $a) (i32.const 1)) (i32.load offset=4 (global.get $a)))
    (func (export "drop") (result i32)
        (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 3))
        (table.init $kept (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 0)))"#;

const ROOT: &str = r#"(module
    (import "env" "host" (func $host (result i32)))
    (import "dep" "t" (table $t 1 funcref)) (import "dep" "mem" (memory 1))
    (import "dep" "c" (global $c (mut funcref)))
    (func $g (result i32) (i32.load (i32.const 100000)))
    (elem (i32.const 3) func $g $host)
    (func (export "0") (result i32) (call_indirect (result i32) (i32.const 0)))
    (func (export "1") (result i32) (call_indirect (result i32) (i32.const 1)))
    (func (export "3") (result i32) (call_indirect (result i32) (i32.const 3)))
    (func (export "4") (result i32) (call_indirect (result i32) (i32.const 4)))
    (func (export "c") (result i32)
        (table.set (i32.const 0) (global.get $c)) (call_indirect (result i32) (i32.const 0)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1))))"#;

/// Takes whatever comes, and uses what came to life of it.
fn feed(header: &[u8], bytes: &[u8], linker: &mut Linker<()>, root: &Module) -> bool {
    let Ok(snapshot) = Snapshot::from_parts(header, bytes.to_vec()) else {
        return false;
    };
    let mut store = Store::new(root.engine(), ());
    let limits = Limits::new().memory_bytes(1 << 20).table_elements(1000);
    store.limits(limits).unwrap();
    let Ok(instance) = linker.instantiate_from(&mut store, root, &snapshot) else {
        return false;
    };
    let names = [
        "0",
        "1",
        "3",
        "4",
        "c",
        "grow",
        "$dep$f",
        "$dep$use",
        "$dep$drop",
    ];
    for name in names {
        let func = instance.get_func(&store, name).unwrap();
        let mut results = [Val::I32(0)];
        // It may trap, as any guest may.
        drop(func.call(&mut store, &[], &mut results));
    }
    drop(linker.snapshot(&store, instance).unwrap());
    true
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..1 + rng.below(3) {
        let at = rng.below(bytes.len());
        match rng.below(7) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next_u64() as u8,
            2 => bytes[at] = *rng.pick(INTERESTING) as u8,
            3 => bytes.insert(at, rng.next_u64() as u8),
            4 => bytes[at] = bytes[at].wrapping_add(1),
            5 if bytes.len() > 1 => {
                bytes.remove(at);
            }
            // A number of as many bytes as there are for one.
            _ => drop(bytes.splice(at..at, [0xff; 9])),
        }
    }
}

#[test]
fn snapshots_changed_at_random() {
    let engine = Engine::new(Config::new());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("env", "host", || 4).unwrap();
    linker.set_reader(MemoryReader::new().with("dep", DEP.as_bytes()));
    let root = Module::named(&engine, "root", ROOT.as_bytes()).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &root).unwrap();
    let snapshot = linker.snapshot(&store, instance).unwrap();
    let (header, bytes) = snapshot.to_parts();
    assert!(feed(&header, bytes, &mut linker, &root));
    let mut survived = 0;
    for seed in 0..6000 {
        let rng = &mut Rng::new(seed);
        let mut header = header.clone();
        mutate(rng, &mut header);
        let bytes = match rng.below(10) {
            0 => &bytes[..rng.below(bytes.len())],
            _ => bytes,
        };
        survived += usize::from(feed(&header, bytes, &mut linker, &root));
    }
    // Values that are changed are as good as others.
    assert!(survived > 100, "{survived}");
    for end in 0..header.len() {
        assert!(!feed(&header[..end], bytes, &mut linker, &root));
    }
    for seed in 0..2000 {
        let rng = &mut Rng::new(seed);
        let count = rng.below(200);
        feed(&rng.bytes(count), bytes, &mut linker, &root);
    }
}
