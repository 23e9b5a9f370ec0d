//! The program of WAMR's multi-module document in a static array, and pools of every other kind.

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard};

use holdall::{BundleReader, Config, Engine, Func, Linker, Module, Pool, Store, TableType, Val};

use super::*;
use crate::bundle::BUNDLE;

const CALLS: [(&str, i32); 6] = [
    ("C", 12),
    ("call_B", 11),
    ("call_A", 10),
    ("$mB$B", 11),
    ("$mB$call_A", 10),
    ("$mA$A", 10),
];

/// Runs the sample; how much of the pool was in use at its end.
fn run(config: &Config) -> usize {
    let pool = config.pool.clone().unwrap();
    let engine = Engine::new(config.clone());
    let mut linker = Linker::new(&engine);
    linker.set_reader(BundleReader::new(BUNDLE.clone()));
    let mut store = Store::try_new(&engine, ()).unwrap();
    let root = BUNDLE.find("mC").unwrap();
    let module = Module::new(&engine, root.bytes()).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    for (name, expected) in CALLS {
        let func = instance
            .get_typed_func::<(), i32>(&store, name)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(func.call(&mut store, ()).unwrap(), expected, "{name}");
    }
    pool.used_bytes()
}

#[test]
fn the_document_s_sample_runs_in_a_static_array() {
    static BUFFER: Mutex<[u8; 1 << 20]> = Mutex::new([0xaa; 1 << 20]);
    // Nobody else will ever have the lock, so the array is the pool's for good.
    let array: &'static mut MutexGuard<'static, [u8; 1 << 20]> =
        Box::leak(Box::new(BUFFER.lock().unwrap()));
    let pool = Pool::from_static(&mut array[..]);
    for lowering in [Lowering::Lazy, Lowering::Eager] {
        let config = config(&pool).lowering(lowering);
        // Three memories of two pages each, at the least.
        assert!(run(&config) > 6 * PAGE);
        assert_eq!(pool.used_bytes(), 0, "{lowering:?}");
    }
}

#[test]
fn a_pool_may_be_uninitialised_or_a_vector() {
    let array = vec![MaybeUninit::uninit(); 1 << 20].leak();
    run(&config(&Pool::from_static_uninit(array)));
    let mut lent = vec![7; 1 << 20];
    // SAFETY: all that has a handle to the pool is gone when `run` returns.
    let pool = unsafe { Pool::from_raw_parts(NonNull::from(&mut *lent).cast(), lent.len()) };
    run(&config(&pool));
    assert_eq!(pool.used_bytes(), 0);
    let pool = Pool::from(vec![7; 1 << 20]);
    run(&config(&pool));
    assert!(pool.size_bytes() > (1 << 20) - 32);
    assert_eq!(
        format!("{pool:?}"),
        format!(
            "Pool {{ size_bytes: {}, used_bytes: 0 }}",
            pool.size_bytes()
        )
    );
}

#[test]
fn a_pool_is_made_of_whole_blocks_and_never_larger_than_the_host() {
    for (asked, size) in [(0, 0), (1, 16), (16, 16), (17, 32), (1 << 20, 1 << 20)] {
        assert_eq!(Pool::new(asked).unwrap().size_bytes(), size);
    }
    let error = Pool::new(usize::MAX).unwrap_err().to_string();
    assert!(
        error.starts_with("the host has no room for a pool"),
        "{error}"
    );
    Pool::new(isize::MAX as usize).unwrap_err();
}

#[test]
fn pools_too_small_for_anything_refuse_and_never_crash() {
    let text = r#"(module
        (memory (export "m") 0) (table (export "t") 0 funcref)
        (func (export "f") (param i32) (result i32)
            (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
            (table.grow (ref.null func) (local.get 0))))"#;
    let mut stores = 0;
    for size in (0..300).chain([512, 1_000, 4_096]) {
        for stack in [0, 8, 64, 256, 1 << 20] {
            let pool = Pool::from(Vec::with_capacity(size));
            let config = Config::new().pool(pool.clone()).stack_size_bytes(stack);
            Module::new(
                &Engine::new(config.clone().lowering(Lowering::Eager)),
                text.as_bytes().to_vec(),
            )
            .map_or_else(drop, drop);
            let engine = Engine::new(config);
            let module = module(&engine, text);
            let Ok(mut store) = Store::try_new(&engine, ()) else {
                continue;
            };
            stores += 1;
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            Memory::new(&mut store, pages(1)).unwrap_err();
            let double = Func::wrap(&mut store, |x: i32| 2 * x);
            for ask in [0, 1, 2, 20, 1_000, -1] {
                let _ = call(&mut store, instance, "f", ask);
                let mut results = [Val::I32(0)];
                let _ = double.call(&mut store, &[Val::I32(ask)], &mut results);
            }
            drop((store, module));
            assert_eq!(pool.used_bytes(), 0);
        }
    }
    assert!(
        stores > 500,
        "most of them have room for the least stack: {stores}"
    );
}

#[test]
fn two_stores_and_two_engines_share_a_pool() {
    let pool = pool(3 * PAGE + 2 * STACK);
    let mut one = Store::try_new(&engine(&pool), ()).unwrap();
    let mut other = Store::try_new(&engine(&pool), ()).unwrap();
    let memory = Memory::new(&mut one, pages(2)).unwrap();
    memory.data_mut(&mut one).fill(0xff);
    Memory::new(&mut other, pages(2)).unwrap_err();
    let small = Memory::new(&mut other, pages(1)).unwrap();
    assert_eq!(pool.left_bytes(), 0);
    drop(one);
    // What the one left behind is not what the other finds.
    assert_eq!(small.grow(&mut other, 2).unwrap(), 1);
    assert!(is_zero(small, &other));
}

#[test]
fn stores_of_many_threads_take_and_give_back() {
    let pool = pool(40 * PAGE);
    std::thread::scope(|scope| {
        for seed in 1..=4_u8 {
            let pool = &pool;
            scope.spawn(move || {
                for _ in 0..20 {
                    let mut store = Store::try_new(&engine(pool), ()).unwrap();
                    let memory = Memory::new(&mut store, pages(1)).unwrap();
                    for _ in 0..3 {
                        memory.data_mut(&mut store).fill(seed);
                        let old = memory.data_size(&store);
                        memory.grow(&mut store, 1).unwrap();
                        let (kept, new) = memory.data(&store).split_at(old);
                        assert!(kept.iter().all(|byte| *byte == seed));
                        assert!(new.iter().all(|byte| *byte == 0));
                    }
                }
            });
        }
    });
    assert_eq!(pool.used_bytes(), 0);
}

#[test]
fn a_table_of_the_embedder_s_grows_in_the_pool() {
    let pool = pool(STACK + 8_000);
    let mut store = Store::try_new(&engine(&pool), ()).unwrap();
    let ty = TableType {
        element: holdall::RefType::FUNCREF,
        min: 1,
        max: None,
        is_64: false,
    };
    let table = holdall::Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    let func = Func::wrap(&mut store, || 7);
    table.set(&mut store, 0, Val::FuncRef(Some(func))).unwrap();
    // To the last element, although each growth asks for more than it needs.
    for size in 1..1_000 {
        assert_eq!(table.grow(&mut store, 1, Val::FuncRef(None)).unwrap(), size);
    }
    let error = table.grow(&mut store, 10, Val::FuncRef(None)).unwrap_err();
    assert!(error.to_string().contains("the engine's pool ("), "{error}");
    assert!(matches!(table.get(&store, 0), Some(Val::FuncRef(Some(_)))));
    assert!(matches!(table.get(&store, 999), Some(Val::FuncRef(None))));
}
