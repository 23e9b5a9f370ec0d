//! The embedding interface as the author of a program meets it who knows wasmtime or wasmi: the
//! snippets of their documentation, in holdall's words. What is tried here first is that they compile.

#[path = "../support/bundle.rs"]
mod bundle;
mod closures;
mod errors;
mod linkers;
mod modules;
mod proposals;
mod snippets;
mod things;
mod values;

use holdall::{Engine, Instance, Linker, Module, Result, Store};

/// A module of a text, by itself in a store.
pub(crate) fn alone(text: &str) -> Result<(Store<()>, Instance)> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(&engine, text)?;
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    Ok((store, instance))
}
