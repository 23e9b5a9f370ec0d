//! A program whose WebAssembly modules are machine code: those of `examples/ship`, which the build script has
//! compiled. Nothing is compiled where the program runs.
//!
//! ```text
//! cargo run --release --manifest-path examples/native/Cargo.toml
//! ```

#![forbid(unsafe_code)]

use holdall::{Bundle, BundleReader, Engine, Linker, Store};

static BUNDLE: Bundle = holdall::include_bundle!();

fn main() -> holdall::Result<()> {
    let engine = Engine::default();
    for module in BUNDLE.modules() {
        let (functions, bytes) = module.module(&engine)?.native_size();
        println!(
            "{}: {functions} native functions, {} bytes",
            module.name(),
            bytes
        );
    }
    let mut linker = Linker::new(&engine);
    linker.set_reader(BundleReader::new(&BUNDLE));
    linker.func_wrap("host", "print", |number: i64| println!("{number}"))?;

    let root = BUNDLE.root().expect("the build script names one");
    let app = linker.load(root.name())?;
    let mut store = Store::new(&engine, ());
    let app = linker.instantiate(&mut store, &app)?;
    let reduce = app.get_typed_func::<(i64, i64), ()>(&store, "reduce")?;
    reduce.call(&mut store, (1071, 462))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_is_machine_code_and_a_trap_in_one_tells_its_place() {
        let engine = Engine::default();
        for module in BUNDLE.modules() {
            let (functions, bytes) = module.module(&engine).unwrap().native_size();
            assert!(functions > 0 && bytes > 0, "{}", module.name());
        }
        let mut linker = Linker::new(&engine);
        linker.set_reader(BundleReader::new(&BUNDLE));
        linker.func_wrap("host", "print", |_: i64| {}).unwrap();
        let app = linker.load("app").unwrap();
        let mut store = Store::new(&engine, ());
        let app = linker.instantiate(&mut store, &app).unwrap();
        let reduce = app.get_typed_func::<(i64, i64), ()>(&store, "reduce");
        let error = reduce.unwrap().call(&mut store, (0, 0)).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("integer divide by zero\n  0: app!<func 2> @ 0x"),
            "{error}"
        );
    }
}
