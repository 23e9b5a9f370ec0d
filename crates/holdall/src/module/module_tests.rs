//! Tests of the whole room: bytes in, module or error out.

use std::borrow::Cow;

use super::Module;
use crate::engine::{Config, Engine, Lowering};
use crate::error::{ErrorKind, ModuleError, Result};

/// The header of a module.
const HEADER: &[u8] = b"\0asm\x01\0\0\0";

/// A type `[] -> []`, a function of it exported as "f", a memory, and the body: a module around code.
fn with_body(code: &[u8]) -> Vec<u8> {
    let body_len = u8::try_from(code.len() + 1).unwrap();
    let mut bytes = HEADER.to_vec();
    bytes.extend(b"\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\0\x07\x05\x01\x01f\0\0");
    bytes.extend([10, body_len + 2, 1, body_len, 0]);
    bytes.extend(code);
    bytes
}

fn load(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Module> {
    Module::new(&Engine::default(), bytes.into())
}

fn error(bytes: impl Into<Cow<'static, [u8]>>) -> ModuleError {
    match load(bytes).expect_err("a bad module").into_kind() {
        ErrorKind::Module(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_empty_module_has_nothing() {
    let module = load(HEADER).unwrap();
    assert_eq!(module.imports().len(), 0);
    assert_eq!(module.exports().len(), 0);
    assert_eq!(module.export(""), None);
    assert_eq!(module.name(), None);
    assert!(module.same(&module.clone()));
    assert!(!module.same(&load(HEADER).unwrap()));
}

#[test]
fn static_bytes_are_not_copied() {
    let module = load(HEADER).unwrap();
    assert!(std::ptr::eq(module.inner().bytes.as_ptr(), HEADER.as_ptr()));
}

#[test]
fn a_body_is_a_range_of_the_modules_bytes() {
    let module = load(with_body(b"\x01\x0b")).unwrap();
    let body = module.inner().body(0);
    assert_eq!(body.as_bytes(), b"\0\x01\x0b");
    let offset = usize::try_from(body.range().start).unwrap();
    assert_eq!(&module.inner().bytes[offset..], b"\0\x01\x0b");
}

#[test]
fn an_undecodable_body_is_malformed_and_an_ill_typed_one_is_invalid() {
    assert!(matches!(
        error(with_body(b"\xff\x0b")),
        ModuleError::Malformed { .. }
    ));
    assert!(matches!(
        error(with_body(b"\x01")),
        ModuleError::Malformed { .. }
    ));
    assert!(matches!(
        error(with_body(b"\x1a\x0b")),
        ModuleError::Invalid { .. }
    ));
    // memory.init without the data count section.
    assert!(matches!(
        error(with_body(b"\x41\0\x41\0\x41\0\xfc\x08\0\0\x0b")),
        ModuleError::Malformed { .. }
    ));
}

#[test]
fn a_component_is_refused_by_its_name() {
    let message = error(b"\0asm\x0d\0\x01\0").to_string();
    assert!(
        message.contains("this is a component; holdall runs core modules"),
        "{message}"
    );
}

#[test]
fn bytes_that_are_neither_binary_nor_text_are_malformed() {
    for bytes in [
        &b""[..],
        b"\0",
        b"\0asm",
        b"\0asm\x01\0\0",
        b"\x7fELF",
        b"module)",
    ] {
        let error = error(bytes);
        assert!(matches!(error, ModuleError::Malformed { .. }), "{error}");
    }
}

#[test]
fn the_given_name_is_in_the_error() {
    let error = Module::named(&Engine::default(), "app", b"\0asm\x02\0\0\0").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("malformed module \"app\": unknown binary version"),
        "{error}"
    );
}

#[test]
fn the_given_name_wins_over_the_name_section() {
    let bytes = [HEADER, b"\0\x09\x04name\0\x02\x01m"].concat();
    assert_eq!(load(bytes.clone()).unwrap().name(), Some("m"));
    let named = Module::named(&Engine::default(), "app", bytes).unwrap();
    assert_eq!(named.name(), Some("app"));
}

#[test]
fn a_broken_name_section_does_not_stop_a_module() {
    let module = load([HEADER, b"\0\x07\x04name\0\x05"].concat()).unwrap();
    assert_eq!(module.name(), None);
}

#[test]
fn validate_agrees_with_new_and_takes_borrowed_bytes() {
    let engine = Engine::default();
    Module::validate(&engine, with_body(b"\x0b")).unwrap();
    Module::validate(&engine, with_body(b"\x1a\x0b")).unwrap_err();
}

#[test]
#[cfg_attr(miri, ignore = "slow, and all of it is safe code")]
fn every_truncation_and_every_flipped_byte_is_answered() {
    let engine = Engine::default();
    let bytes = with_body(b"\x03\x40\x41\x00\x0d\x00\x0b\x0b");
    Module::validate(&engine, &bytes).unwrap();
    for end in 0..bytes.len() {
        let _ = Module::validate(&engine, &bytes[..end]);
    }
    let mut bytes = bytes;
    for at in 0..bytes.len() {
        let good = bytes[at];
        for bad in 0..=u8::MAX {
            bytes[at] = bad;
            let _ = Module::validate(&engine, &bytes);
        }
        bytes[at] = good;
    }
}

#[test]
#[cfg_attr(miri, ignore = "slow, and all of it is safe code")]
fn a_constant_expression_has_a_limit_and_no_recursion() {
    let global = |adds: usize| {
        let mut init = b"\x7f\0".to_vec();
        init.extend(b"\x41\x01".repeat(adds + 1));
        init.extend(b"\x6a".repeat(adds));
        init.push(0x0b);
        let mut section = vec![1];
        section.extend(init);
        let mut bytes = [HEADER, b"\x06"].concat();
        let len = section.len();
        bytes.extend([len as u8 | 0x80, (len >> 7) as u8 | 0x80, (len >> 14) as u8]);
        bytes.extend(section);
        bytes
    };
    let module = load(global(4_000)).unwrap();
    let value = module.inner().global_inits[0].eval(|_| unreachable!(), |_| unreachable!());
    assert_eq!(value, 4_001);
    assert!(matches!(error(global(5_000)), ModuleError::Limit { .. }));
}

/// Modules that wasm-smith makes of these features are all taken and lowered, and their parts are
/// those that went in.
#[test]
#[cfg_attr(miri, ignore = "slow, and all of it is safe code")]
fn generated_modules_are_taken() {
    let config = wasm_smith::Config {
        bulk_memory_enabled: true,
        reference_types_enabled: true,
        tail_call_enabled: true,
        extended_const_enabled: true,
        simd_enabled: true,
        relaxed_simd_enabled: true,
        memory64_enabled: false,
        threads_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        shared_everything_threads_enabled: false,
        max_memories: 1,
        max_tables: 4,
        ..wasm_smith::Config::default()
    };
    let engine = Engine::new(Config::new().lowering(Lowering::Eager));
    let mut state = 1_u64;
    for _ in 0..100 {
        let entropy: Vec<u8> = std::iter::repeat_with(|| {
            // Knuth's MMIX generator.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(2_000)
        .collect();
        let mut entropy = arbitrary::Unstructured::new(&entropy);
        let bytes = wasm_smith::Module::new(config.clone(), &mut entropy)
            .unwrap()
            .to_bytes();
        let module = Module::new(&engine, bytes).unwrap();
        for export in module.exports() {
            assert_eq!(module.export(export.name), Some(export.ty));
        }
        let inner = module.inner();
        assert_eq!(
            inner.funcs.len(),
            inner.num_imported_funcs + inner.num_defined_funcs()
        );
        assert_eq!(inner.stubs.len(), inner.code.len());
        assert!(inner.code.iter().all(|code| code.get().is_some()));
        assert_eq!(
            inner.globals.len(),
            inner.num_imported_globals + inner.global_inits.len()
        );
        assert_eq!(
            inner.tables.len(),
            inner.num_imported_tables + inner.table_inits.len()
        );
    }
}

#[cfg(feature = "wat")]
mod text {
    use super::super::{DataMode, ElemItems, ElemMode, ExportKind};
    use super::{error, load};
    use crate::error::ModuleError;
    use crate::types::{ExternType, FuncType, ValType};

    const ALL: &str = r#"(module $all
        (import "env" "log" (func $log (param i32)))
        (import "env" "base" (global $base i32))
        (import "env" "table" (table $t 1 funcref))
        (memory (export "memory") 1 2)
        (global (export "g") (mut i64) (i64.const -7))
        (global i32 (i32.add (global.get $base) (i32.const 4)))
        (table $own 3 externref)
        (func $run (export "run") (param i32 i64) (result f64) (f64.const 1))
        (func $start)
        (start $start)
        (elem (table $t) (i32.const 0) func $log $run)
        (elem externref (ref.null extern))
        (elem declare func $start)
        (data (i32.add (global.get $base) (i32.const 1)) "hello")
        (data "passive"))"#;

    #[test]
    fn imports_and_exports_keep_their_order_and_types() {
        let module = load(ALL.as_bytes()).unwrap();
        let imports: Vec<_> = module
            .imports()
            .map(|import| format!("{}.{} {}", import.module, import.name, import.ty))
            .collect();
        assert_eq!(
            imports,
            [
                "env.log (func (param i32))",
                "env.base (global i32)",
                "env.table (table 1 funcref)"
            ]
        );
        let exports: Vec<_> = module
            .exports()
            .map(|export| format!("{} {}", export.name, export.ty))
            .collect();
        assert_eq!(
            exports,
            [
                "memory (memory 1 2)",
                "g (global (mut i64))",
                "run (func (param i32 i64) (result f64))"
            ]
        );
        assert_eq!(
            module.export("run"),
            Some(ExternType::Func(FuncType::new(
                [ValType::I32, ValType::I64],
                [ValType::F64]
            )))
        );
        assert_eq!(module.export("ru"), None);
    }

    #[test]
    fn index_spaces_begin_with_the_imports() {
        let module = load(ALL.as_bytes()).unwrap();
        let inner = module.inner();
        assert_eq!(
            (inner.num_imported_funcs, inner.funcs.len(), inner.start),
            (1, 3, Some(2))
        );
        assert_eq!((inner.num_imported_tables, inner.tables.len()), (1, 2));
        assert_eq!((inner.num_imported_globals, inner.globals.len()), (1, 3));
        assert_eq!(inner.export("run"), Some(ExportKind::Func(1)));
        assert_eq!(inner.export("g"), Some(ExportKind::Global(1)));
        assert_eq!(inner.func_name(0), Some("log"));
        assert_eq!(inner.func_name(2), Some("start"));
        assert_eq!(inner.func_index(1), 2);
        assert_eq!(module.name(), Some("all"));
        let mut types = crate::canonical::Uses::default();
        assert_eq!(Ok(inner.func_sig(0)), types.take(inner.func_type(0)));
    }

    #[test]
    fn segments_keep_their_modes_items_and_bytes() {
        let module = load(ALL.as_bytes()).unwrap();
        let inner = module.inner();
        let [active, passive, declared] = &inner.elems[..] else {
            panic!("{:?}", inner.elems)
        };
        assert!(matches!(active.mode, ElemMode::Active { table: 0, .. }));
        assert!(matches!(&active.items, ElemItems::Funcs(funcs) if **funcs == [0, 1]));
        assert!(matches!(passive.mode, ElemMode::Passive));
        assert!(matches!(&passive.items, ElemItems::Exprs(exprs) if exprs.len() == 1));
        assert!(matches!(declared.mode, ElemMode::Declared));

        let [hello, rest] = inner.data().unwrap() else {
            panic!("{:?}", inner.data())
        };
        assert_eq!(&inner.bytes[hello.range.clone()], b"hello");
        assert_eq!(&inner.bytes[rest.range.clone()], b"passive");
        assert!(matches!(rest.mode, DataMode::Passive));
        let DataMode::Active { memory: 0, offset } = &hello.mode else {
            panic!("{hello:?}")
        };
        assert_eq!(offset.eval(|_| 9, |_| unreachable!()), 10);
    }

    #[test]
    fn a_text_error_says_line_and_column() {
        let ModuleError::Text { message, .. } = error(&b"(module\n  (func i32.oops))"[..]) else {
            panic!("text was expected to fail as text")
        };
        assert!(message.contains(":2:9"), "{message}");
    }

    #[test]
    fn text_may_begin_with_comments() {
        load(&b" ;; a comment\n(; another ;) (module)"[..]).unwrap();
    }
}
