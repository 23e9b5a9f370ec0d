//! An engine with a pool: all that guests can make grow comes from it, running out of it is an
//! answer and never an end, and everything comes back.

#[path = "../support/bundle.rs"]
mod bundle;
mod full;
mod growth;
mod sample;

use holdall::{Config, Engine, Instance, Lowering, Memory, MemoryType, Module, Pool, Store};

const PAGE: usize = 65_536;

/// The size of the value stacks in these tests.
const STACK: usize = 4_096;

fn config(pool: &Pool) -> Config {
    Config::new().pool(pool.clone()).stack_size_bytes(STACK)
}

fn engine(pool: &Pool) -> Engine {
    Engine::new(config(pool))
}

fn eager(pool: &Pool) -> Engine {
    Engine::new(config(pool).lowering(Lowering::Eager))
}

/// A pool of `size_bytes` bytes, a multiple of 16.
fn pool(size_bytes: usize) -> Pool {
    let pool = Pool::new(size_bytes).unwrap();
    assert_eq!(pool.size_bytes(), size_bytes);
    pool
}

fn module(engine: &Engine, text: &str) -> Module {
    Module::new(engine, text.as_bytes().to_vec()).unwrap()
}

/// A store with an instance of this text, which imports nothing.
fn instance(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    let mut store = Store::try_new(engine, ()).unwrap();
    let module = module(engine, text);
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, instance)
}

/// Calls a function from one `i32` to one.
fn call(store: &mut Store<()>, instance: Instance, name: &str, arg: i32) -> holdall::Result<i32> {
    let func = instance.get_typed_func::<i32, i32>(&*store, name)?;
    func.call(store, arg)
}

/// The type of a memory of at least `min` pages.
fn pages(min: u64) -> MemoryType {
    MemoryType {
        is_64: false,
        ..MemoryType::new64(min, None)
    }
}

/// Takes from the pool, in another engine's store, all that is left but fewer than `but` bytes.
fn fill(pool: &Pool, but: usize) -> Store<()> {
    let stack = pool.left_bytes() - but;
    let config = Config::new().pool(pool.clone()).stack_size_bytes(stack);
    let store = Store::try_new(&Engine::new(config), ()).unwrap();
    assert!(pool.left_bytes() < but + 16);
    store
}

/// Whether all bytes are zero.
fn is_zero(memory: Memory, store: &Store<()>) -> bool {
    memory.data(store).iter().all(|byte| *byte == 0)
}
