//! Element and data segments of a module (WebAssembly 2.0, 2.5.6 and 2.5.7). Does not know what
//! becomes of them in an instance.

use std::ops::Range;

use super::const_expr::ConstExpr;

/// An element segment: references for tables. Their type is the validator's business alone.
#[derive(Debug)]
pub(crate) struct ElemSegment {
    pub(crate) mode: ElemMode,
    pub(crate) items: ElemItems,
}

impl ElemSegment {
    /// How many elements it has.
    pub(crate) fn len(&self) -> usize {
        match &self.items {
            ElemItems::Funcs(funcs) => funcs.len(),
            ElemItems::Exprs(exprs) => exprs.len(),
        }
    }
}

/// What happens to an element segment at instantiation.
#[derive(Debug)]
pub(crate) enum ElemMode {
    /// Nothing; `table.init` uses it.
    Passive,
    /// It is dropped; it only declares functions for `ref.func`.
    Declared,
    /// It is copied into a table at an offset, and dropped.
    Active { table: u32, offset: ConstExpr },
}

/// The elements of an element segment.
#[derive(Debug)]
pub(crate) enum ElemItems {
    /// References to the functions of these indices.
    Funcs(Box<[u32]>),
    /// The values of these expressions.
    Exprs(Box<[ConstExpr]>),
}

/// A data segment: bytes for linear memories.
#[derive(Debug)]
pub(crate) struct DataSegment {
    pub(crate) mode: DataMode,
    /// Where in the module's bytes.
    pub(crate) range: Range<usize>,
}

/// What happens to a data segment at instantiation.
#[derive(Debug)]
pub(crate) enum DataMode {
    /// Nothing; `memory.init` uses it.
    Passive,
    /// It is copied into a memory at an offset, and dropped.
    Active { memory: u32, offset: ConstExpr },
}
