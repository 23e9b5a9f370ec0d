//! A module's imports and exports, read from its bytes and validated, for checks without a store.
//! Knows the crate's sections and types.

use std::collections::BTreeMap;

use crate::bounds::Bounds;
use crate::canonical::ModuleTypes;
use crate::clock::Clock;
use crate::module::{Fault, Proposals, Sections};
use crate::types::ExternType;

/// What a module imports and what it exports.
#[derive(Debug)]
pub(super) struct Interface {
    /// Module name, name and type of each import, in order.
    pub imports: Vec<(String, String, ExternType)>,
    /// The type of each export, and its index in the index space of its kind.
    pub exports: BTreeMap<String, (ExternType, u32)>,
    /// Whether the module has a start function.
    pub has_start: bool,
    /// What the types above refer to.
    _types: ModuleTypes,
}

impl Interface {
    /// Validates a module that may use `proposals`, and reads its interface.
    ///
    /// # Errors
    /// What is wrong with the bytes, and where.
    pub(super) fn read(bytes: &[u8], proposals: Proposals) -> Result<Self, String> {
        let bounds = Bounds {
            proposals,
            ..Bounds::default()
        };
        let sections = Sections::validated(bytes, &bounds, &Clock::default()).map_err(told)?;
        let imports = sections.imports.iter().map(|import| {
            let ty = sections.import_type(import);
            (import.module.to_string(), import.name.to_string(), ty)
        });
        let exports = sections.exports.iter().map(|(name, kind)| {
            let named = (sections.export_type(*kind), kind.index());
            (name.to_string(), named)
        });
        Ok(Self {
            imports: imports.collect(),
            exports: exports.collect(),
            has_start: sections.start.is_some(),
            _types: sections.types,
        })
    }
}

/// A fault as the check of a bundle tells it.
fn told(fault: Fault) -> String {
    match fault {
        Fault::Malformed { message, offset } | Fault::Invalid { message, offset } => {
            format!("{message} (at offset {offset:#x})")
        }
        Fault::Lacking {
            proposals,
            message,
            offset,
        } => format!("needs {proposals}: {message} (at offset {offset:#x})"),
        Fault::Limit(message) => message,
        Fault::Ended(code) => code.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_module_is_refused_with_reason_and_offset() {
        for bytes in [
            &b""[..],
            b"\0asm",
            b"\0asm\x01\0\0\0\xff",
            b"(module)",
            b"\0asm\x0d\0\x01\0",
        ] {
            let error = Interface::read(bytes, Proposals::AVAILABLE).unwrap_err();
            assert!(error.contains("(at offset 0x"), "{error}");
        }
        let empty = Interface::read(b"\0asm\x01\0\0\0", Proposals::AVAILABLE).unwrap();
        assert!(empty.imports.is_empty() && empty.exports.is_empty());
    }

    #[test]
    fn imports_keep_their_order_and_exports_of_imports_their_type() {
        let bytes = wat::parse_str(
            r#"(module
                (import "b" "f" (func $f (param i32)))
                (import "a" "m" (memory 1 2))
                (export "again" (func $f))
                (global (export "g") (mut i64) (i64.const 0))
                (table (export "t") 3 externref))"#,
        )
        .unwrap();
        let interface = Interface::read(&bytes, Proposals::AVAILABLE).unwrap();
        let imports: Vec<String> = interface
            .imports
            .iter()
            .map(|(module, name, ty)| format!("{module}.{name} {ty}"))
            .collect();
        assert_eq!(imports, ["b.f (func (param i32))", "a.m (memory 1 2)"]);
        let exports: Vec<String> = interface
            .exports
            .iter()
            .map(|(name, (ty, _))| format!("{name} {ty}"))
            .collect();
        assert_eq!(
            exports,
            [
                "again (func (param i32))",
                "g (global (mut i64))",
                "t (table 3 externref)"
            ]
        );
    }
}
