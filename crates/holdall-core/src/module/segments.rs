//! Element and data segments of a module (WebAssembly 2.0, 2.5.6 and 2.5.7). Does not know what
//! becomes of segments in an instance.

use std::ops::Range;

use super::const_expr::ConstExpr;

/// An element segment: references for tables. Only the validator needs to know the type of the
/// references.
#[derive(Debug)]
pub struct ElemSegment {
    /// What happens to the segment at instantiation.
    pub mode: ElemMode,
    /// The elements.
    pub items: ElemItems,
}

impl ElemSegment {
    /// How many elements the segment has.
    #[must_use]
    pub fn item_count(&self) -> usize {
        match &self.items {
            ElemItems::Funcs(funcs) => funcs.len(),
            ElemItems::Exprs(exprs) => exprs.len(),
        }
    }
}

/// What happens to an element segment at instantiation.
#[derive(Debug)]
pub enum ElemMode {
    /// Nothing; `table.init` uses it.
    Passive,
    /// The segment is dropped; it only declares functions for `ref.func`.
    Declared,
    /// The segment is copied into a table at an offset, and dropped.
    Active {
        /// The index of the table.
        table: u32,
        /// The index of the first element in the table.
        offset: ConstExpr,
    },
}

/// The elements of an element segment.
#[derive(Debug)]
pub enum ElemItems {
    /// References to the functions of these indices.
    Funcs(Box<[u32]>),
    /// The values of these expressions.
    Exprs(Box<[ConstExpr]>),
}

/// A data segment: bytes for linear memories.
#[derive(Debug)]
pub struct DataSegment {
    /// What happens to the segment at instantiation.
    pub mode: DataMode,
    /// Where the bytes lie in the module's bytes.
    pub range: Range<usize>,
}

/// What happens to a data segment at instantiation.
#[derive(Debug)]
pub enum DataMode {
    /// Nothing; `memory.init` uses it.
    Passive,
    /// The segment is copied into a memory at an offset, and dropped.
    Active {
        /// The index of the memory.
        memory: u32,
        /// The address of the first byte in the memory.
        offset: ConstExpr,
    },
}
