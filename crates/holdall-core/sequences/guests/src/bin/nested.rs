//! An interpreter of WebAssembly, in WebAssembly: it validates a module and runs it.
use wasmi::{Engine, Linker, Module, Store};
fn main() {
    let module: &[u8] = include_bytes!(concat!(env!("KERNELS"), "/sort.wasm"));
    for _ in 0..20 {
        wasmparser::validate(module).unwrap();
    }
    let engine = Engine::default();
    let module = Module::new(&engine, module).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate_and_start(&mut store, &module)
        .unwrap();
    let run = instance.get_typed_func::<i32, i64>(&store, "run").unwrap();
    println!("{}", run.call(&mut store, guests::size() as i32).unwrap());
}
