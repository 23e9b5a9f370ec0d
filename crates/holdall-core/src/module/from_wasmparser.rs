//! The features of WebAssembly that holdall takes, and wasmparser's types as ours. Knows nothing of
//! the crate but `types`.

use std::fmt;

use wasmparser::{AbstractHeapType, WasmFeatures};

use super::proposals::Proposals;
use crate::types::{
    FuncType, GlobalType, HeapType, MemoryType, Mutability, RefType, TableType, ValType,
};

/// What readers of modules that were validated take: all proposals that holdall has.
pub(crate) const FEATURES: WasmFeatures = Proposals::AVAILABLE.features();

/// A type that holdall does not have. No module that validates with [`FEATURES`] has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsupported(String);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not supported", self.0)
    }
}

impl std::error::Error for Unsupported {}

fn unsupported<T>(what: impl Into<String>) -> Result<T, Unsupported> {
    Err(Unsupported(what.into()))
}

/// wasmparser's reference type as ours.
pub(crate) fn ref_type(ty: wasmparser::RefType) -> Result<RefType, Unsupported> {
    let wasmparser::HeapType::Abstract {
        shared: false,
        ty: heap,
    } = ty.heap_type()
    else {
        return unsupported(format!("the reference type {ty}"));
    };
    let heap = match heap {
        AbstractHeapType::Func => HeapType::Func,
        AbstractHeapType::NoFunc => HeapType::NoFunc,
        AbstractHeapType::Extern => HeapType::Extern,
        AbstractHeapType::NoExtern => HeapType::NoExtern,
        AbstractHeapType::Exn => HeapType::Exn,
        AbstractHeapType::NoExn => HeapType::NoExn,
        _ => return unsupported(format!("the reference type {ty}")),
    };
    Ok(RefType {
        nullable: ty.is_nullable(),
        heap,
    })
}

/// wasmparser's value type as ours.
pub(crate) fn val_type(ty: wasmparser::ValType) -> Result<ValType, Unsupported> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(ty)?),
    })
}

/// wasmparser's function type as ours.
pub(crate) fn func_type(ty: &wasmparser::FuncType) -> Result<FuncType, Unsupported> {
    let all = |types: &[wasmparser::ValType]| {
        types
            .iter()
            .map(|ty| val_type(*ty))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(FuncType::new(all(ty.params())?, all(ty.results())?))
}

/// wasmparser's table type as ours.
pub(crate) fn table_type(ty: wasmparser::TableType) -> Result<TableType, Unsupported> {
    if ty.shared {
        return unsupported("a shared table");
    }
    Ok(TableType {
        element: ref_type(ty.element_type)?,
        min: ty.initial,
        max: ty.maximum,
        is_64: ty.table64,
    })
}

/// wasmparser's memory type as ours.
pub(crate) fn memory_type(ty: wasmparser::MemoryType) -> Result<MemoryType, Unsupported> {
    let page_size_log2 = match ty.page_size_log2 {
        None => MemoryType::USUAL_PAGE_SIZE_LOG2,
        Some(log2 @ (0 | 16)) => log2 as u8,
        Some(log2) => return unsupported(format!("a memory with pages of 2^{log2} bytes")),
    };
    Ok(MemoryType {
        min: ty.initial,
        max: ty.maximum,
        is_64: ty.memory64,
        shared: ty.shared,
        page_size_log2,
    })
}

/// wasmparser's global type as ours.
pub(crate) fn global_type(ty: wasmparser::GlobalType) -> Result<GlobalType, Unsupported> {
    if ty.shared {
        return unsupported("a shared global");
    }
    Ok(GlobalType {
        content: val_type(ty.content_type)?,
        mutability: if ty.mutable {
            Mutability::Var
        } else {
            Mutability::Const
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_other_proposals_are_refused_not_panicked_on() {
        let refused = ref_type(wasmparser::RefType::ANYREF).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the reference type anyref is not supported"
        );
        let shared = wasmparser::GlobalType {
            content_type: wasmparser::ValType::I32,
            mutable: false,
            shared: true,
        };
        global_type(shared).unwrap_err();
    }

    #[test]
    fn reference_types_keep_their_nullability() {
        assert_eq!(ref_type(wasmparser::RefType::FUNCREF), Ok(RefType::FUNCREF));
        assert!(!ref_type(wasmparser::RefType::EXTERN).unwrap().nullable);
    }
}
