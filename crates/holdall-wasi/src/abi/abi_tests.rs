//! The table against the interface descriptions that wasi-common is made from.

use std::collections::BTreeMap;

use wasi_common::snapshots::{preview_0, preview_1};
use wiggle::witx::{Document, Type, WasmType};

use super::Function;
use holdall::ValType;

/// Of each function, the types of its parameters, their names as far as the description has some,
/// and whether it gives something back.
type Described = BTreeMap<String, (Vec<ValType>, Vec<String>, bool)>;

fn described(document: &Document) -> Described {
    let module = document.modules().next().expect("there is a module");
    let functions = module.funcs().map(|func| {
        let (types, results) = func.wasm_signature();
        let types = types.iter().map(|ty| match ty {
            WasmType::I32 => ValType::I32,
            WasmType::I64 => ValType::I64,
            WasmType::F32 | WasmType::F64 => unreachable!("WASI has no floats"),
        });
        // A string or a list is an address and a count.
        let names = func.params.iter().flat_map(|param| {
            // Names that say too little for a trace, and one of which is a word of Rust's.
            let name = match param.name.as_str() {
                "in" => "subscriptions",
                "out" => "events",
                name => name,
            };
            let is_list = matches!(&**param.tref.type_(), Type::List(_));
            let count = is_list.then(|| format!("{name}_len"));
            std::iter::once(name.to_owned()).chain(count)
        });
        let entry = (types.collect(), names.collect(), !results.is_empty());
        (func.name.as_str().to_owned(), entry)
    });
    functions.collect()
}

/// What the table says, with as many names as the description has: those after them are of results.
fn tabled(module: &str, described: &Described) -> Described {
    let functions = Function::all(module).map(|function| {
        let types = function.params.iter().map(|param| param.ty).collect();
        let count = described
            .get(function.name)
            .map_or(usize::MAX, |(_, names, _)| names.len());
        let names = function.params.iter().take(count);
        let names = names.map(|param| param.name.to_owned()).collect();
        (function.name.to_owned(), (types, names, function.returns))
    });
    functions.collect()
}

#[track_caller]
fn check(module: &str, document: &Document, count: usize) {
    let described = described(document);
    assert_eq!(described.len(), count);
    assert_eq!(Function::all(module).count(), count, "a row stands twice");
    assert_eq!(tabled(module, &described), described);
}

#[test]
fn the_table_has_what_preview_1_has() {
    let document = preview_1::metadata::document();
    check("wasi_snapshot_preview1", &document, 46);
}

#[test]
fn the_table_has_what_preview_0_has() {
    check("wasi_unstable", &preview_0::metadata::document(), 45);
}

#[test]
fn other_modules_have_no_functions() {
    assert_eq!(Function::all("env").count(), 0);
    assert!(Function::find("wasi_snapshot_preview1", "fd_nothing").is_none());
    assert!(Function::find("wasi_unstable", "sock_accept").is_none());
}
