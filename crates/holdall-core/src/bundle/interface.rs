//! A module's imports and exports, read from its bytes and validated, for checks without a store.
//! Knows wasmparser and the crate's types.

use std::collections::BTreeMap;

use wasmparser::types::{EntityType, Types};
use wasmparser::{Parser, Payload, Validator};

use crate::module::{Proposals, from_wasmparser, lacking};
use crate::types::{ExternType, TagType};

/// What a module imports and what it exports.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    /// Module name, name and type of each import, in order.
    pub imports: Vec<(String, String, ExternType)>,
    /// The type of each export, and its index in the index space of its kind.
    pub exports: BTreeMap<String, (ExternType, u32)>,
    /// Whether the module has a start function.
    pub has_start: bool,
}

impl Interface {
    /// Validates a module that may use `proposals`, and reads its interface.
    ///
    /// # Errors
    /// What is wrong with the bytes, and where.
    pub(super) fn read(bytes: &[u8], proposals: Proposals) -> Result<Self, String> {
        let told = |error: wasmparser::BinaryReaderError| {
            format!("{} (at offset {:#x})", error.message(), error.offset())
        };
        let types = Validator::new_with_features(proposals.features())
            .validate_all(bytes)
            .map_err(|error| match lacking(bytes, proposals) {
                Some(lacking) => format!("needs {lacking}: {}", told(error)),
                None => told(error),
            })?;
        // wasmparser's flags do not tell types of functions from those on a heap.
        let lacking = Proposals::of(bytes).difference(proposals);
        if !lacking.is_empty() {
            return Err(format!("needs {lacking}"));
        }
        let mut interface = Self {
            imports: Vec::new(),
            exports: BTreeMap::new(),
            has_start: false,
        };
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(told)? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(told)?;
                        let ty =
                            extern_type(&types, types.as_ref().entity_type_from_import(&import))?;
                        interface.imports.push((
                            import.module.to_owned(),
                            import.name.to_owned(),
                            ty,
                        ));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.map_err(told)?;
                        let ty =
                            extern_type(&types, types.as_ref().entity_type_from_export(&export))?;
                        let named = (ty, export.index);
                        interface.exports.insert(export.name.to_owned(), named);
                    }
                }
                Payload::StartSection { .. } => interface.has_start = true,
                _ => {}
            }
        }
        Ok(interface)
    }
}

/// A validated type as ours.
fn extern_type(types: &Types, ty: Option<EntityType>) -> Result<ExternType, String> {
    let ty = match ty {
        Some(EntityType::Func(id)) => {
            from_wasmparser::func_type(types[id].unwrap_func()).map(ExternType::Func)
        }
        Some(EntityType::Table(ty)) => from_wasmparser::table_type(ty).map(ExternType::Table),
        Some(EntityType::Memory(ty)) => from_wasmparser::memory_type(ty).map(ExternType::Memory),
        Some(EntityType::Global(ty)) => from_wasmparser::global_type(ty).map(ExternType::Global),
        Some(EntityType::Tag(id)) => from_wasmparser::func_type(types[id].unwrap_func())
            .map(|ty| ExternType::Tag(TagType::new(ty))),
        _ => return Err("an import or export of a kind that holdall does not have".to_owned()),
    };
    ty.map_err(|unsupported| unsupported.to_string())
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
