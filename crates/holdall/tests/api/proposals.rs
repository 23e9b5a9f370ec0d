//! Switches of proposals: what a module uses, and what becomes of a module that uses what is off.

use holdall::{Config, Engine, Error, ErrorKind, Module, ModuleError, Proposal, Proposals, Result};

/// For each proposal, modules that use it, each with the names of all proposals that it uses. The
/// fields of a module are enough.
const USES: &[(Proposal, &str, &str)] = &[
    (
        Proposal::MutableGlobal,
        r#"(global (export "g") (mut i32) (i32.const 0))"#,
        "mutable-global",
    ),
    (
        Proposal::MutableGlobal,
        r#"(import "a" "b" (global (mut i32)))"#,
        "mutable-global",
    ),
    (
        Proposal::SignExtension,
        "(func (drop (i32.extend8_s (i32.const 0))))",
        "sign-extension",
    ),
    (
        Proposal::SaturatingFloatToInt,
        "(func (drop (i32.trunc_sat_f32_s (f32.const 0))))",
        "saturating-float-to-int",
    ),
    (
        Proposal::MultiValue,
        "(type (func (result i32 i32)))",
        "multi-value",
    ),
    (
        Proposal::MultiValue,
        "(func i32.const 0 block (param i32) drop end)",
        "multi-value",
    ),
    (
        Proposal::BulkMemory,
        r#"(memory 1) (data "a")"#,
        "bulk-memory",
    ),
    (
        Proposal::BulkMemory,
        "(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))",
        "bulk-memory",
    ),
    (
        Proposal::ReferenceTypes,
        "(table 1 funcref) (table 1 funcref)",
        "reference-types",
    ),
    (
        Proposal::ReferenceTypes,
        "(func (param externref))",
        "reference-types",
    ),
    (Proposal::Simd, "(func (local v128))", "simd"),
    (Proposal::Simd, "(type (func (result v128)))", "simd"),
    (
        Proposal::RelaxedSimd,
        "(func (param v128) (result v128)
            (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))",
        "simd relaxed-simd",
    ),
    (
        Proposal::ExtendedConst,
        "(global i32 (i32.add (i32.const 1) (i32.const 1)))",
        "extended-const",
    ),
    (
        Proposal::TailCall,
        "(func $f (return_call $f))",
        "tail-call",
    ),
    (
        Proposal::FunctionReferences,
        "(type $t (func)) (func (param (ref null $t)))",
        "reference-types function-references",
    ),
    (
        Proposal::FunctionReferences,
        "(rec (type (func)) (type (func)))",
        "function-references",
    ),
    (
        Proposal::FunctionReferences,
        "(type $t (func)) (func (param (ref $t)) (return_call_ref $t (local.get 0)))",
        "reference-types tail-call function-references",
    ),
    (
        Proposal::MultiMemory,
        "(memory 1) (memory 1)",
        "multi-memory",
    ),
    (Proposal::Memory64, "(memory i64 1)", "memory64"),
    (Proposal::Memory64, "(table i64 1 funcref)", "memory64"),
    (Proposal::Exceptions, "(tag)", "exceptions"),
    (
        Proposal::Exceptions,
        "(func (param exnref))",
        "reference-types exceptions",
    ),
    (
        Proposal::LegacyExceptions,
        "(func try catch_all end)",
        "legacy-exceptions",
    ),
    (Proposal::Threads, "(memory 1 1 shared)", "threads"),
    (Proposal::Threads, "(func atomic.fence)", "threads"),
    (
        Proposal::WideArithmetic,
        "(func (result i64 i64) (i64.mul_wide_u (i64.const 0) (i64.const 0)))",
        "multi-value wide-arithmetic",
    ),
    (
        Proposal::CustomPageSizes,
        "(memory 1 (pagesize 1))",
        "custom-page-sizes",
    ),
    (Proposal::Gc, "(type (struct))", "gc"),
    (Proposal::Gc, "(type (array i32))", "gc"),
    (Proposal::Gc, "(func (param anyref))", "reference-types gc"),
    (Proposal::Gc, "(func (drop (ref.i31 (i32.const 0))))", "gc"),
];

fn load(config: Config, fields: &str) -> Result<Module> {
    Module::new(&Engine::new(config), format!("(module {fields})"))
}

/// The proposals that a refused module lacks.
fn lacking(error: &Error) -> Option<Proposals> {
    match error.kind() {
        ErrorKind::Module(ModuleError::Lacking { proposals, .. }) => Some(*proposals),
        _ => None,
    }
}

#[test]
fn a_module_uses_what_its_text_says_and_is_refused_by_name_without() {
    for (proposal, fields, uses) in USES {
        if !proposal.is_available() {
            let error = load(Config::new(), fields).unwrap_err();
            assert!(
                lacking(&error).unwrap().contains(*proposal),
                "{fields}: {error}"
            );
            let text = error.to_string();
            assert!(text.contains("which holdall does not have"), "{text}");
            continue;
        }
        let module =
            load(Config::new(), fields).unwrap_or_else(|error| panic!("{fields}: {error}"));
        assert_eq!(module.proposals().to_string(), *uses, "{fields}");

        let without = Config::new().wasm_proposal(*proposal, false);
        let error = load(without, fields).expect_err(fields);
        assert_eq!(
            lacking(&error),
            Some(Proposals::NONE.with(*proposal)),
            "{fields}: {error}"
        );
        let way_out = format!("Config::{}, or -W {proposal} of", proposal.switch());
        assert!(error.to_string().contains(&way_out), "{error}");

        // With what it uses and nothing else, it is valid.
        let others = Proposals::AVAILABLE.difference(module.proposals());
        let only = others.iter().fold(Config::new(), |config, other| {
            config.wasm_proposal(other, false)
        });
        load(only, fields).unwrap_or_else(|error| panic!("{fields}: {error}"));
    }
    for proposal in Proposals::AVAILABLE.iter() {
        let is_tried = USES.iter().any(|(tried, ..)| *tried == proposal);
        assert!(
            is_tried || proposal == Proposal::CompactImports,
            "{proposal}"
        );
    }
}

#[test]
fn a_module_that_is_invalid_anyway_is_refused_for_that() {
    let without = Config::new().wasm_multi_memory(false);
    for config in [Config::new(), without] {
        let error = load(config, "(memory 1) (memory 1) (func (result i32))").unwrap_err();
        assert_eq!(lacking(&error), None, "{error}");
    }
}

#[test]
fn a_table_index_of_several_bytes_is_of_reference_types() {
    // (type (func)) (table 0 funcref) (func (call_indirect (i32.const 0))), with index 0 in five bytes.
    let bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x04\x04\x01\x70\0\0\
        \x0a\x0d\x01\x0b\0\x41\0\x11\0\x80\x80\x80\x80\0\x0b";
    let module = Module::new(&Engine::default(), bytes).unwrap();
    assert_eq!(module.proposals().to_string(), "reference-types");
}

#[test]
fn code_that_was_lowered_before_is_not_for_an_engine_without_its_proposals() {
    let engine = Engine::default();
    let module = Module::new(&engine, "(module (memory 1) (memory 1) (func))").unwrap();
    let code: Vec<u64> = module
        .precompile()
        .chunks(8)
        .map(|chunk| {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(bytes)
        })
        .collect();
    // SAFETY: any `u64` is eight bytes.
    let code = unsafe { std::slice::from_raw_parts(code.as_ptr().cast::<u8>(), code.len() * 8) };
    assert!(Module::fits(&engine, code));
    let without = Engine::new(Config::new().wasm_multi_memory(false));
    assert!(!Module::fits(&without, code));
    let unused = Engine::new(Config::new().wasm_memory64(false));
    assert!(Module::fits(&unused, code));
}

#[test]
fn names_of_proposals() {
    for proposal in Proposal::ALL {
        assert_eq!(Proposal::from_name(proposal.name()), Some(*proposal));
    }
    assert_eq!(
        Proposal::from_name("multi_memory"),
        Some(Proposal::MultiMemory)
    );
    assert_eq!(Proposal::from_name("simd2"), None);
    let config = Config::new().wasm_proposal(Proposal::Gc, true);
    assert!(!config.proposals().contains(Proposal::Gc));
}
