//! Single instructions that do much: they are paid for and can be stopped in between, and what they
//! do is the same as where nothing is metered.

use std::time::{Duration, Instant};

use holdall::{Config, Engine, Instance, Limits, Lowering, Module, Pool, Store, Trap, TrapCode};

use crate::{assert_code, assert_usable, call, instance, metering, trap};

/// Memories and tables as large as there are; no more is touched than the limits of each test let.
const LARGE: &str = r#"(module
    (memory 65536) (table 100 10000000 funcref)
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "fill") (memory.fill (i32.const 0) (i32.const 0) (i32.const -1)))
    (func (export "fills")
        (loop (memory.fill (i32.const 0) (i32.const 0) (i32.const -1)) (br 0)))
    (func (export "copy") (memory.copy (i32.const 65536) (i32.const 0) (i32.const 0x70000000)))
    (func (export "table_grow") (drop (table.grow (ref.null func) (i32.const 9000000))))
    (func (export "size") (result i32) (table.size 0)))"#;

fn large() -> (holdall::Store<()>, holdall::Instance) {
    instance(&metering(Lowering::Lazy), LARGE)
}

#[test]
fn four_gigabytes_stop_when_the_fuel_is_used_up() {
    // 16 MiB of each; what is not paid for is not touched.
    let fuel = (16 << 20) / 64;
    for export in ["fill", "fills", "copy", "table_grow"] {
        let (mut store, instance) = large();
        store.limits(Limits::new().fuel(fuel)).unwrap();
        assert_code(
            &trap(call(&mut store, instance, export)),
            TrapCode::OutOfFuel,
        );
        assert_usable(&mut store, instance);
        let size = instance.get_typed_func::<(), i32>(&store, "size").unwrap();
        assert_eq!(size.call(&mut store, ()).unwrap(), 100, "{export}");
    }
}

#[test]
fn four_gigabytes_stop_at_the_deadline() {
    let (timeout, end) = (Duration::from_millis(200), Duration::from_secs(2));
    for export in ["fills", "fill"] {
        let (mut store, instance) = large();
        let start = Instant::now();
        store.limits(Limits::new().timeout(timeout)).unwrap();
        match (export, call(&mut store, instance, export)) {
            // A fast machine has done one fill by then.
            ("fill", Ok(())) => {}
            (_, result) => assert_code(&trap(result), TrapCode::DeadlineExceeded),
        }
        let took = start.elapsed();
        assert!(took < end, "{export} took {took:?}");
        assert_usable(&mut store, instance);
    }
}

/// Runs `instruction` on a memory of 80 pages whose bytes differ from those around them, metered and
/// not: the units that it took, the bytes before, and the bytes after.
fn both(instruction: &str) -> (u64, Vec<u8>, Vec<u8>) {
    let text = format!("(module (memory (export \"m\") 80) (func (export \"f\") {instruction}))");
    let before: Vec<u8> = (0..80 * 65_536_u32)
        .map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24) as u8)
        .collect();
    let run = |engine: &Engine, limits: Limits| {
        let (mut store, instance) = instance(engine, &text);
        let memory = instance.get_memory(&store, "m").unwrap();
        memory.write(&mut store, 0, &before).unwrap();
        store.limits(limits).unwrap();
        call(&mut store, instance, "f").unwrap();
        (store.fuel(), memory.data(&store).to_vec())
    };
    let (left, after) = run(&metering(Lowering::Lazy), Limits::new().fuel(1 << 30));
    let (_, plain) = run(&Engine::new(Config::new()), Limits::new());
    assert!(after == plain, "metered bytes differ: {instruction}");
    ((1 << 30) - left.unwrap(), before, after)
}

#[test]
fn copies_in_parts_overlap_as_one_copy_does() {
    // Lengths around the size of a part, distances within one and across several.
    for n in [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_500_000] {
        for distance in [1, 4096, 1 << 20, 1_500_000] {
            for (to, from) in [(distance, 0), (0, distance)] {
                let copy =
                    format!("(memory.copy (i32.const {to}) (i32.const {from}) (i32.const {n}))");
                let (used, mut bytes, after) = both(&copy);
                bytes.copy_within(from..from + n, to);
                assert!(bytes == after, "{copy}");
                assert_eq!(used, 5 + units(n as u64), "{copy}");
            }
        }
    }
}

/// Each part of a megabyte pays for itself.
fn units(bytes: u64) -> u64 {
    (bytes >> 20) * (1 << 14) + (bytes % (1 << 20)) / 64
}

#[test]
fn a_fill_does_not_stop_at_a_part() {
    let fill = "(memory.fill (i32.const 5) (i32.const 7) (i32.const 3000000))";
    let (used, mut bytes, after) = both(fill);
    bytes[5..3_000_005].fill(7);
    assert!(bytes == after);
    assert_eq!(used, 5 + units(3_000_000));
}

#[test]
fn what_does_not_fit_changes_nothing_and_is_not_paid_for() {
    let text = r#"(module (memory (export "m") 80) (table 10 funcref)
        (data "abc") (elem funcref (ref.null func))
        (func (export "fill") (memory.fill (i32.const 1) (i32.const 7) (i32.const 0x500000)))
        (func (export "copy") (memory.copy (i32.const 0) (i32.const 1) (i32.const 0x500000)))
        (func (export "init") (memory.init 0 (i32.const 0) (i32.const 1) (i32.const 3)))
        (func (export "table_fill") (table.fill (i32.const 1) (ref.null func) (i32.const 10)))
        (func (export "table_copy") (table.copy (i32.const 1) (i32.const 0) (i32.const -1)))
        (func (export "table_init") (table.init 0 (i32.const 0) (i32.const 0) (i32.const 2))))"#;
    let (mut store, instance) = instance(&metering(Lowering::Lazy), text);
    for export in [
        "fill",
        "copy",
        "init",
        "table_fill",
        "table_copy",
        "table_init",
    ] {
        store.limits(Limits::new().fuel(100)).unwrap();
        let trap: Trap = trap(call(&mut store, instance, export));
        let bounds = [
            TrapCode::OutOfBoundsMemoryAccess,
            TrapCode::OutOfBoundsTableAccess,
        ];
        assert!(bounds.contains(&trap.code()), "{export}: {trap}");
        assert_eq!(store.fuel(), Some(95), "{export}");
    }
    let memory = instance.get_memory(&store, "m").unwrap();
    assert!(memory.data(&store).iter().all(|byte| *byte == 0));
}

#[test]
fn growth_keeps_what_was_there_and_gives_the_old_size() {
    // Past what is done at once: 2,100 pages are 131 MiB.
    let text = r#"(module (memory (export "m") 2100)
        (func (export "f")
            (i32.store (i32.const 0) (memory.grow (i32.const 2200)))
            (i32.store (i32.const 4) (memory.grow (i32.const 1)))))"#;
    let (mut store, instance) = instance(&metering(Lowering::Lazy), text);
    let memory = instance.get_memory(&store, "m").unwrap();
    memory.write(&mut store, 100 << 20, b"here").unwrap();
    let fuel = 1 << 30;
    store.limits(Limits::new().fuel(fuel)).unwrap();
    call(&mut store, instance, "f").unwrap();
    let data = memory.data(&store);
    assert_eq!(data.len(), 4301 * 65_536);
    assert_eq!(data[..8], [0x34, 8, 0, 0, 0xcc, 0x10, 0, 0]);
    assert_eq!(&data[100 << 20..][..4], b"here");
    assert!(data[2100 * 65_536..].iter().all(|byte| *byte == 0));
    // The old part was moved, then one page written.
    let used = fuel - store.fuel().unwrap();
    assert_eq!(used, 9 + units(2100 * 65_536) + units(65_536));
}

#[test]
fn growth_that_is_stopped_has_not_grown() {
    let text = r#"(module (memory (export "m") 2100)
        (func (export "f") (drop (memory.grow (i32.const 2200)))))"#;
    let (mut store, instance) = instance(&metering(Lowering::Lazy), text);
    let memory = instance.get_memory(&store, "m").unwrap();
    memory.write(&mut store, 100 << 20, b"here").unwrap();
    store.limits(Limits::new().fuel(1_000_000)).unwrap();
    let stopped = trap(call(&mut store, instance, "f"));
    assert_code(&stopped, TrapCode::OutOfFuel);
    assert_eq!(memory.size(&store), 2100);
    assert_eq!(&memory.data(&store)[100 << 20..][..4], b"here");
    store.limits(Limits::new()).unwrap();
    call(&mut store, instance, "f").unwrap();
    assert_eq!(memory.size(&store), 4300);
    assert_eq!(&memory.data(&store)[100 << 20..][..4], b"here");
}

/// A table of 2,500,000 elements, 20 MB, in a pool that has no room for twice as much.
const TABLE_IN_POOL: &str = r#"(module (table 2500000 funcref)
    (func (export "grow") (result i32) (table.grow (ref.null func) (i32.const 1)))
    (func (export "grow_often") (loop (drop (table.grow (ref.null func) (i32.const 1))) (br 0)))
    (func (export "size") (result i32) (table.size 0))
    (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))"#;

#[test]
fn a_table_that_moves_is_paid_for_and_stays_as_it_was_where_it_is_not() {
    let pool = Pool::new(50 << 20).unwrap();
    let config = Config::new().metering(true).pool(pool);
    let (mut store, instance) = instance(&Engine::new(config), TABLE_IN_POOL);
    let size = instance.get_typed_func::<(), i32>(&store, "size").unwrap();
    let grow = instance.get_typed_func::<(), i32>(&store, "grow").unwrap();
    store.limits(Limits::new().fuel(100_000)).unwrap();
    let error = grow.call(&mut store, ()).unwrap_err();
    assert_code(&trap(Err(error)), TrapCode::OutOfFuel);
    store.limits(Limits::new().fuel(1_000_000)).unwrap();
    assert_eq!(size.call(&mut store, ()).unwrap(), 2_500_000);
    assert_eq!(grow.call(&mut store, ()).unwrap(), 2_500_000);
    let left = store.fuel().unwrap();
    assert!(left < 1_000_000 - 2_500_000 / 8, "{left}");
    // 8 bytes, or as much as there is room for.
    let timeout = Duration::from_millis(200);
    store.limits(Limits::new().timeout(timeout)).unwrap();
    let begun = Instant::now();
    let ended = trap(call(&mut store, instance, "grow_often"));
    assert_code(&ended, TrapCode::DeadlineExceeded);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_usable(&mut store, instance);
}

#[test]
fn room_of_a_pool_is_made_ready_under_the_deadline_and_given_back_when_that_has_passed() {
    let pool = Pool::new(40 << 20).unwrap();
    let config = Config::new().metering(true).pool(pool.clone());
    let engine = Engine::new(config);
    let mut store = Store::new(&engine, ());
    let used = pool.used_bytes();
    for text in [
        "(module (memory 500))",
        "(module (table 3000000 funcref))",
        "(module (memory 10) (table 3000000 funcref))",
    ] {
        let module = Module::new(&engine, text.as_bytes()).unwrap();
        store.limits(Limits::new().timeout(Duration::ZERO)).unwrap();
        let error = Instance::new(&mut store, &module, &[]).unwrap_err();
        assert_code(&trap(Err(error)), TrapCode::DeadlineExceeded);
        assert_eq!(pool.used_bytes(), used, "{text}");
    }
    store.limits(Limits::new()).unwrap();
    let module = Module::new(&engine, "(module (memory 500))").unwrap();
    Instance::new(&mut store, &module, &[]).unwrap();
}

#[test]
fn segments_are_written_under_the_deadline() {
    let engine = metering(Lowering::Lazy);
    let mut store = Store::new(&engine, ());
    let data = "x".repeat(3 << 20);
    let elems = "0 ".repeat(300_000);
    for text in [
        format!("(module (memory 60) (data (i32.const 0) \"{data}\"))"),
        format!("(module (table 300000 funcref) (func) (elem (i32.const 0) func {elems}))"),
        "(module (table 300000 (ref func) (ref.func 0)) (func))".to_owned(),
    ] {
        let Ok(module) = Module::new(&engine, text.as_bytes()) else {
            continue;
        };
        store.limits(Limits::new().timeout(Duration::ZERO)).unwrap();
        let error = Instance::new(&mut store, &module, &[]).unwrap_err();
        assert_code(&trap(Err(error)), TrapCode::DeadlineExceeded);
        store.limits(Limits::new()).unwrap();
        Instance::new(&mut store, &module, &[]).unwrap();
    }
}
