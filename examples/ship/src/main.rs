//! A program that ships WebAssembly modules in itself: `app`, and what `app` imports.
//!
//! ```text
//! cargo run --manifest-path examples/ship/Cargo.toml
//! ```

use holdall::{Bundle, BundleReader, Engine, Linker, Store};

static BUNDLE: Bundle = holdall::include_bundle!();

fn main() -> holdall::Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker.set_reader(BundleReader::new(&BUNDLE));
    linker.func_wrap("host", "print", |number: i64| println!("{number}"))?;

    let root = BUNDLE.root().expect("the build script names one");
    let app = linker.load(root.name())?;
    let mut store = Store::new(&engine, ());
    let app = linker.instantiate(&mut store, &app)?;
    app.get_typed_func::<(i64, i64), ()>(&store, "reduce")?
        .call(&mut store, (1071, 462))
}
