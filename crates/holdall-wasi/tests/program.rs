//! WASI as the author of a program meets it who knows wasmtime or wasmi.

use holdall::{Engine, Linker, Module, Result, Store};
use holdall_wasi::{Grants, Output, Wasi};

#[test]
fn a_program_of_wasi() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    let (capture, stdout) = Output::capture();
    holdall_wasi::add_to_linker(
        &mut linker,
        Wasi::new(Grants::new().args(["program"]).stdout(stdout)),
    );
    let module = Module::new(
        &engine,
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write"
                (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
            (func (export "_start")
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#,
    )?;
    let mut store = Store::new(&engine, ());
    linker.module(&mut store, "", &module)?;
    linker
        .get_default(&mut store, "")?
        .typed::<(), ()>(&store)?
        .call(&mut store, ())?;
    assert_eq!(capture.text(), "hello\n");
    Ok(())
}
