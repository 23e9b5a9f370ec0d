//! The features of WebAssembly that holdall takes, and wasmparser's types as ours. Knows nothing of
//! the crate but types and their canonical numbers.

use std::fmt;

use wasmparser::{AbstractHeapType, CompositeInnerType, UnpackedIndex, WasmFeatures};

use super::proposals::Proposals;
use crate::canonical::SubType;
use crate::types::{
    FuncType, GlobalType, HeapType, MemoryType, Mutability, RefType, TableType, TypeId, ValType,
};

/// What readers of modules that were validated take: all proposals that holdall has.
pub(crate) const FEATURES: WasmFeatures = Proposals::AVAILABLE.features();

/// A type that holdall does not have, or that the module does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsupported(String);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsupported {}

/// The types that indices of a module stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Indices<'a> {
    /// The types that were declared.
    pub(crate) declared: &'a [TypeId],
    /// How many types the group has that is being declared.
    pub(crate) group: u32,
}

impl<'a> Indices<'a> {
    /// Those of types that are all declared.
    pub(crate) fn of(declared: &'a [TypeId]) -> Self {
        Self { declared, group: 0 }
    }

    fn get(self, index: u32) -> Result<TypeId, Unsupported> {
        if let Some(id) = self.declared.get(index as usize) {
            return Ok(*id);
        }
        // The module has at most 1,000,000 types.
        match index - self.declared.len() as u32 {
            place if place < self.group => Ok(TypeId::in_group(place)),
            _ => Err(Unsupported(format!("unknown type {index}"))),
        }
    }

    fn get_packed(self, index: UnpackedIndex) -> Result<TypeId, Unsupported> {
        match index {
            UnpackedIndex::Module(index) => self.get(index),
            _ => unsupported("the index of a validator"),
        }
    }
}

fn unsupported<T>(what: impl Into<String>) -> Result<T, Unsupported> {
    Err(Unsupported(format!("{} is not supported", what.into())))
}

/// wasmparser's heap type as ours.
pub(crate) fn heap_type(
    ty: wasmparser::HeapType,
    indices: Indices<'_>,
) -> Result<HeapType, Unsupported> {
    use wasmparser::HeapType::{Abstract, Concrete};
    match ty {
        Concrete(index) => Ok(HeapType::ConcreteFunc(indices.get_packed(index)?)),
        Abstract { shared: false, ty } => Ok(match ty {
            AbstractHeapType::Func => HeapType::Func,
            AbstractHeapType::NoFunc => HeapType::NoFunc,
            AbstractHeapType::Extern => HeapType::Extern,
            AbstractHeapType::NoExtern => HeapType::NoExtern,
            AbstractHeapType::Exn => HeapType::Exn,
            AbstractHeapType::NoExn => HeapType::NoExn,
            other => return no_heap(name_of(other)),
        }),
        _ => unsupported("a shared or exact reference type"),
    }
}

fn name_of(ty: AbstractHeapType) -> &'static str {
    match ty {
        AbstractHeapType::Any => "any",
        AbstractHeapType::Eq => "eq",
        AbstractHeapType::I31 => "i31",
        AbstractHeapType::Struct => "struct",
        AbstractHeapType::Array => "array",
        AbstractHeapType::None => "none",
        _ => "cont",
    }
}

/// The error of what is on the garbage-collected heap.
fn no_heap<T>(what: &str) -> Result<T, Unsupported> {
    unsupported(format!(
        "the type {what}, which needs a garbage-collected heap (proposal gc),"
    ))
}

/// wasmparser's reference type as ours.
pub(crate) fn ref_type(
    ty: wasmparser::RefType,
    indices: Indices<'_>,
) -> Result<RefType, Unsupported> {
    Ok(RefType {
        nullable: ty.is_nullable(),
        heap: heap_type(ty.heap_type(), indices)?,
    })
}

/// wasmparser's type of a recursion group as ours.
pub(crate) fn sub_type(
    ty: &wasmparser::SubType,
    indices: Indices<'_>,
) -> Result<SubType, Unsupported> {
    let composite = &ty.composite_type;
    if composite.shared {
        return unsupported("a shared function type");
    }
    if composite.descriptor_idx.is_some() || composite.describes_idx.is_some() {
        return unsupported("a type that describes another");
    }
    let func = match &composite.inner {
        CompositeInnerType::Func(ty) => func_type(ty, indices)?,
        CompositeInnerType::Array(_) => return no_heap("array"),
        CompositeInnerType::Struct(_) => return no_heap("struct"),
        CompositeInnerType::Cont(_) => return unsupported("a continuation type"),
    };
    let supertype = ty.supertype_idxs.first();
    let supertype = supertype.map(|index| indices.get_packed(index.unpack()));
    Ok(SubType {
        func,
        is_final: ty.is_final,
        supertype: supertype.transpose()?,
    })
}

/// wasmparser's value type as ours.
pub(crate) fn val_type(
    ty: wasmparser::ValType,
    indices: Indices<'_>,
) -> Result<ValType, Unsupported> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(ty, indices)?),
    })
}

/// wasmparser's function type as ours.
pub(crate) fn func_type(
    ty: &wasmparser::FuncType,
    indices: Indices<'_>,
) -> Result<FuncType, Unsupported> {
    let all = |types: &[wasmparser::ValType]| {
        types
            .iter()
            .map(|ty| val_type(*ty, indices))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(FuncType::new(all(ty.params())?, all(ty.results())?))
}

/// wasmparser's table type as ours.
pub(crate) fn table_type(
    ty: wasmparser::TableType,
    indices: Indices<'_>,
) -> Result<TableType, Unsupported> {
    if ty.shared {
        return unsupported("a shared table");
    }
    Ok(TableType {
        element: ref_type(ty.element_type, indices)?,
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
pub(crate) fn global_type(
    ty: wasmparser::GlobalType,
    indices: Indices<'_>,
) -> Result<GlobalType, Unsupported> {
    if ty.shared {
        return unsupported("a shared global");
    }
    Ok(GlobalType {
        content: val_type(ty.content_type, indices)?,
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

    const NONE: Indices<'_> = Indices {
        declared: &[],
        group: 0,
    };

    #[test]
    fn types_of_other_proposals_are_refused_not_panicked_on() {
        let refused = ref_type(wasmparser::RefType::ANYREF, NONE).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the type any, which needs a garbage-collected heap (proposal gc), is not supported"
        );
        let shared = wasmparser::GlobalType {
            content_type: wasmparser::ValType::I32,
            mutable: false,
            shared: true,
        };
        global_type(shared, NONE).unwrap_err();
    }

    #[test]
    fn reference_types_keep_their_nullability() {
        let funcref = ref_type(wasmparser::RefType::FUNCREF, NONE);
        assert_eq!(funcref, Ok(RefType::FUNCREF));
        let external = ref_type(wasmparser::RefType::EXTERN, NONE);
        assert!(!external.unwrap().nullable);
    }
}
