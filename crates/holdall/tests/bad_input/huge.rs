//! Counts and sizes that are far too large, or as large as is just allowed.

use holdall::{Engine, ErrorKind, Instance, Linker, Lowering, Module, Store};
use wasm_encoder::{Instruction, ValType};

use crate::build::{self, bytes, function, items, leb, sections};
use crate::{LOWERINGS, call, load, no_room, refused};

const TYPE: u8 = 1;
const IMPORT: u8 = 2;
const FUNCTION: u8 = 3;
const GLOBAL: u8 = 6;
const EXPORT: u8 = 7;
const ELEMENT: u8 = 9;
const CODE: u8 = 10;
const DATA: u8 = 11;

/// One type, of functions from nothing to nothing.
const ONE_TYPE: &[u8] = &[1, 0x60, 0, 0];

#[test]
fn memories_past_a_limit() {
    no_room(&build::memory(65536, None), "memory_bytes");
    no_room(&build::memory(17, Some(17)), "memory_bytes");
    refused(&build::memory(65537, None), "memory size");
}

#[test]
fn tables_past_a_limit() {
    no_room(&build::table(10_001), "table_elements");
    let module = load(&build::table(u64::from(u32::MAX)), Lowering::Lazy);
    if let Ok(module) = module {
        let mut store = Store::new(module.engine(), ());
        let error = Instance::new(&mut store, &module, &[]).expect_err("32 GiB of table");
        assert!(matches!(error.kind(), ErrorKind::Resource(_)), "{error}");
    }
}

#[test]
fn growth_past_a_limit_gives_minus_one() {
    let text = r#"(module (memory 1) (table 1 funcref)
        (func (export "f") (result i32)
            (i32.add (memory.grow (i32.const 65535)) (table.grow (ref.null func) (i32.const -1)))))"#;
    if cfg!(feature = "wat") {
        let module = load(text.as_bytes(), Lowering::Lazy).expect("valid");
        assert_eq!(call(&module).expect("no trap"), -2);
    }
}

#[test]
fn fifty_thousand_locals_and_one_more() {
    let body = bytes([
        Instruction::I32Const(5),
        Instruction::LocalSet(49_999),
        Instruction::LocalGet(49_999),
        Instruction::LocalGet(0),
        Instruction::I32Add,
    ]);
    let groups = [
        vec![(50_000, ValType::I32)],
        (0..50_000).map(|_| (1, ValType::I32)).collect(),
    ];
    for locals in groups {
        let module = function(locals, &body);
        for lowering in LOWERINGS {
            let module = load(&module, lowering).expect("50,000 locals are allowed");
            assert_eq!(call(&module).expect("the stack has room"), 5);
        }
    }
    refused(&function([(50_001, ValType::I32)], &body), "locals");
    refused(
        &function([(49_999, ValType::I32), (2, ValType::I64)], &body),
        "locals",
    );
    refused(&function([(u32::MAX, ValType::I32)], &body), "locals");
    refused(
        &function(vec![(u32::MAX, ValType::I32); 3], &body),
        "locals",
    );
}

#[test]
fn branch_tables() {
    let table = |targets: usize| {
        let mut body = bytes([
            Instruction::Block(wasm_encoder::BlockType::Empty),
            Instruction::I32Const(targets as i32 - 1),
        ]);
        body.push(0x0e);
        body.extend(items(targets as u64, &[0], targets));
        body.extend([0]);
        body.extend(bytes([Instruction::End, Instruction::I32Const(3)]));
        function([], &body)
    };
    for lowering in LOWERINGS {
        for targets in [1, 1000, 1_000_000] {
            let module = load(&table(targets), lowering).expect("targets are only bytes");
            assert_eq!(call(&module).expect("it has an end"), 3);
        }
    }
    // More targets than there are bytes.
    let mut body = bytes([Instruction::I32Const(0)]);
    body.extend([0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
    refused(&function([], &body), "br_table");
}

fn functions(count: usize) -> Vec<u8> {
    let funcs = items(count as u64, &[0], count);
    let code = items(count as u64, &[2, 0, 0x0b], count);
    sections([(TYPE, ONE_TYPE), (FUNCTION, &funcs), (CODE, &code)])
}

#[test]
fn a_million_functions_and_one_more() {
    for lowering in LOWERINGS {
        let module = load(&functions(1_000_000), lowering).expect("a million is allowed");
        crate::instantiate(&module).expect("functions take no limited room");
    }
    refused(&functions(1_000_001), "functions");
}

#[test]
fn imports_by_the_million() {
    // "m" "n" (func (type 0))
    let import = [1, b'm', 1, b'n', 0, 0];
    let imports = items(1_000_001, &import, 1_000_001);
    refused(&sections([(TYPE, ONE_TYPE), (IMPORT, &imports)]), "imports");

    let imports = items(100_000, &import, 100_000);
    unlinkable(&imports, "100,000 imports are allowed");
}

/// These imports make a module, which no one satisfies.
fn unlinkable(imports: &[u8], allowed: &str) {
    let engine = Engine::default();
    let module = Module::new(&engine, sections([(TYPE, ONE_TYPE), (IMPORT, imports)]));
    let module = module.expect(allowed);
    let mut store = Store::new(&engine, ());
    let error = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect_err("no one exports");
    assert!(matches!(error.kind(), ErrorKind::Link(_)), "{error}");
}

/// Counts that no bytes follow: nothing may be reserved on their word.
#[test]
fn counts_without_items() {
    for section in [
        TYPE, IMPORT, FUNCTION, 4, 5, GLOBAL, EXPORT, ELEMENT, CODE, DATA, 12,
    ] {
        for count in [1, 1000, 999_999, u64::from(u32::MAX)] {
            let content = leb(count);
            let module = sections([(section, &content[..])]);
            for lowering in LOWERINGS {
                if let Ok(module) = load(&module, lowering) {
                    // The count of data segments alone says nothing by itself.
                    assert_eq!(
                        section, 12,
                        "{count} items of section {section}: {module:?}"
                    );
                }
            }
        }
    }
    // A section, and a body, longer than the module.
    refused(b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f", "unexpected end");
    let code = [1, 0xff, 0xff, 0xff, 0xff, 0x0f];
    refused(
        &sections([(TYPE, ONE_TYPE), (FUNCTION, &[1, 0]), (CODE, &code)]),
        "end",
    );
}

#[test]
fn long_names() {
    let export = |length: usize| {
        let mut exports = leb(1);
        exports.extend(leb(length as u64));
        exports.extend(vec![b'x'; length]);
        exports.extend([0, 0]);
        let code = [1, 2, 0, 0x0b];
        sections([
            (TYPE, ONE_TYPE),
            (FUNCTION, &[1, 0]),
            (EXPORT, &exports),
            (CODE, &code),
        ])
    };
    let module = load(&export(100_000), Lowering::Lazy).expect("100,000 bytes are allowed");
    assert!(module.export(&"x".repeat(100_000)).is_some());
    refused(&export(100_001), "string");

    // An import of long names ends up in the linker's message.
    let mut imports = leb(1);
    for _ in 0..2 {
        imports.extend(leb(100_000));
        imports.extend(vec![b'y'; 100_000]);
    }
    imports.extend([0, 0]);
    unlinkable(&imports, "100,000 bytes are allowed");
}

#[test]
fn parameters_and_results() {
    let ty = |params: usize, results: usize| {
        let mut types = vec![1, 0x60];
        types.extend(items(params as u64, &[0x7f], params));
        types.extend(items(results as u64, &[0x7f], results));
        sections([(TYPE, &types[..])])
    };
    load(&ty(1000, 1000), Lowering::Eager).expect("1,000 of each are allowed");
    refused(&ty(1001, 0), "params");
    refused(&ty(0, 1001), "returns");
}

/// `(global i32 (i32.add (i32.add ...)))`, and a sum whose operands all wait.
#[test]
fn long_constant_expressions() {
    let global = |additions: usize, nested: bool| {
        let mut globals = vec![1, 0x7f, 0];
        if nested {
            globals.extend([0x41, 1].repeat(additions + 1));
            globals.extend([0x6a].repeat(additions));
        } else {
            globals.extend([0x41, 1]);
            globals.extend([0x41, 1, 0x6a].repeat(additions));
        }
        globals.push(0x0b);
        sections([(GLOBAL, &globals[..])])
    };
    for nested in [false, true] {
        let module = load(&global(1000, nested), Lowering::Lazy).expect("not too long");
        crate::instantiate(&module).expect("a sum");
        refused(&global(1_000_000, nested), "constant expression");
    }
}

/// A name section that makes no sense is no reason to refuse a module, nor to fall over.
#[test]
fn names_that_make_no_sense() {
    for names in [
        &[1, 200, 1][..],
        &[1, 4, 0xff, 0xff, 0xff, 0xff],
        &[1, 5, 1, 0xff, 0xff, 3, 1],
    ] {
        let mut custom = vec![4, b'n', b'a', b'm', b'e'];
        custom.extend(names);
        let code = [1, 3, 0, 0, 0x0b];
        let module = sections([
            (TYPE, ONE_TYPE),
            (FUNCTION, &[1, 0]),
            (CODE, &code),
            (0, &custom),
        ]);
        let module = load(&module, Lowering::Eager).expect("custom sections are not validated");
        assert_eq!(module.name(), None);
    }
}

/// Functions, types, globals, tables, element and data segments with indices that 16 bits do not
/// hold: each is reached, or refused, and is not taken for the one 65,536 below it.
#[cfg(feature = "wat")]
#[test]
fn indices_past_16_bits() {
    const LAST: usize = 66_000;
    let many = |what: &str| what.repeat(LAST);
    let cases = [
        (
            "global",
            many("(global (mut i32) (i32.const 1))") + "(global (mut i32) (i32.const 7))",
            "(global.get 66000)".to_owned(),
        ),
        (
            "global that is set",
            many("(global (mut i32) (i32.const 1))") + "(global (mut i32) (i32.const 1))",
            "(global.set 66000 (i32.const 6)) (i32.add (global.get 66000) (global.get 464))".to_owned(),
        ),
        (
            "function",
            many("(func)") + "(func (result i32) (i32.const 7))",
            "(call 66000)".to_owned(),
        ),
        (
            "function by reference",
            many("(func)") + "(func (result i32) (i32.const 7)) (table $t 1 funcref) (elem declare func 66000)",
            "(table.set $t (i32.const 0) (ref.func 66000)) (call_indirect $t (result i32) (i32.const 0))"
                .to_owned(),
        ),
        (
            "type",
            (0..LAST).map(|_| "(type (func (param i64)))").collect::<String>()
                + "(type $last (func (result i32))) (func $f (type $last) (i32.const 7)) (table funcref (elem $f))",
            "(call_indirect (type 66000) (i32.const 0))".to_owned(),
        ),
        (
            "table",
            many("(table 1 funcref)") + "(table funcref (elem $seven)) (func $seven (result i32) (i32.const 7))",
            "(call_indirect 66000 (result i32) (i32.const 0))".to_owned(),
        ),
        (
            "table that is grown",
            many("(table 1 funcref)") + "(table 3 funcref)",
            "(drop (table.grow 66000 (ref.null func) (i32.const 4))) (table.size 66000)".to_owned(),
        ),
        (
            "table that is filled",
            many("(table 1 funcref)") + "(table 20 funcref) (elem declare func $f) (func $f)",
            "(table.fill 66000 (i32.const 3) (ref.func $f) (i32.const 9))
             (table.copy 66000 66000 (i32.const 12) (i32.const 3) (i32.const 1))
             (table.set 66000 (i32.const 13) (table.get 66000 (i32.const 12)))
             (select (i32.const 8) (i32.const 7) (ref.is_null (table.get 66000 (i32.const 13))))"
                .to_owned(),
        ),
        (
            "data segment",
            "(memory 1)".to_owned() + &many("(data \"\\01\")") + "(data \"\\07\")",
            "(memory.init 66000 (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop 66000)
             (i32.load (i32.const 0))"
                .to_owned(),
        ),
        (
            "element segment",
            "(table $t 1 funcref) (func $one (result i32) (i32.const 1)) (func $seven (result i32) (i32.const 7))"
                .to_owned()
                + &many("(elem func $one)")
                + "(elem func $seven)",
            "(table.init $t 66000 (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop 66000)
             (call_indirect $t (result i32) (i32.const 0))"
                .to_owned(),
        ),
    ];
    let mut wrong = Vec::new();
    for (what, fields, body) in cases {
        let text = format!("(module {fields} (func (export \"f\") (result i32) {body}))");
        for lowering in LOWERINGS {
            let result = load(text.as_bytes(), lowering).and_then(|module| {
                let mut store = Store::new(module.engine(), ());
                let instance = Instance::new(&mut store, &module, &[])?;
                let func = instance.get_typed_func::<(), i32>(&store, "f")?;
                func.call(&mut store, ())
            });
            match result {
                Ok(7) => {}
                // A limit is an answer too.
                Err(error) if matches!(error.kind(), ErrorKind::Module(_)) => {}
                other => wrong.push(format!("{what}: {other:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// As many parameters and results as there may be, through calls, blocks, loops and branches.
#[cfg(feature = "wat")]
#[test]
fn a_thousand_values() {
    let values = "i32 ".repeat(1000);
    let gets: String = (0..1000)
        .map(|index| format!("(local.get {index})"))
        .collect();
    let text = format!(
        "(module
            (type $t (func (param {values}) (result {values})))
            (table funcref (elem $through))
            (func $through (type $t)
                {gets}
                (block (type $t) (br_if 0 (i32.const 0)) (br_if 0 (i32.const 1)))
                (loop (type $t) (br_if 0 (i32.const 0)))
                (block (type $t) (block (type $t) (br_table 0 1 (i32.const 1))) unreachable)
                (if (type $t) (i32.const 0) (then) (else (br 0))))
            (func $tail (type $t) {gets} (return_call $through))
            (func (export \"f\") (result i32)
                {numbers}
                (call $through) (call $tail) (call_indirect (type $t) (i32.const 0))
                {adds}))",
        numbers = (0..1000)
            .map(|index| format!("(i32.const {index})"))
            .collect::<String>(),
        // The first minus the sum of the others.
        adds = "i32.add ".repeat(998) + "i32.sub",
    );
    for lowering in LOWERINGS {
        let module = load(text.as_bytes(), lowering).expect("1,000 of each are allowed");
        assert_eq!(call(&module).expect("no trap"), -(1..1000).sum::<i32>());
    }
}

/// A million imports from a module whose name has 100,000 letters would take 100 GB.
#[test]
fn imports_that_share_a_long_module_name() {
    let import = |letters: usize, count: u64| {
        let mut section = leb(1);
        section.extend(leb(letters as u64));
        section.extend(vec![b'm'; letters]);
        // No name: the type that all have, and their names, follow.
        section.extend([0, 0x7e, 0, 0]);
        section.extend(leb(count));
        for index in 0..count {
            let name = format!("{index:06}");
            section.push(6);
            section.extend(name.as_bytes());
        }
        sections([(TYPE, ONE_TYPE), (IMPORT, &section)])
    };
    refused(
        &import(100_000, 900_000),
        "the names of its imports take more than",
    );
    let module = load(&import(20, 3), Lowering::Lazy).expect("valid");
    let names: Vec<_> = module
        .imports()
        .map(|import| import.name().to_owned())
        .collect();
    assert_eq!(names, ["000000", "000001", "000002"]);
}
