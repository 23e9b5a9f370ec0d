//! The state of a graph's instances as plain data: what a snapshot holds, how it is captured, and
//! how it is brought back. Knows instances by their numbers in the graph, and no names of modules.

mod capture;
mod restore;
#[cfg(all(test, feature = "wat"))]
mod state_tests;

pub(crate) use capture::capture;
pub(crate) use restore::Fitting;

// Pieces of memories begin at multiples of a block's size, and their sizes are multiples of it. Where pages
// are smaller, a memory may end within a block, whose rest is kept as zeros.
use holdall_core::module::BLOCK_BYTES;

/// What guests can change in what an instance defines. All else comes from the module, for a new
/// instance too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct InstanceState {
    /// The defined memories.
    memories: Vec<MemoryState>,
    /// The defined tables.
    tables: Vec<TableState>,
    /// The values of those defined globals that are mutable.
    globals: Vec<GlobalState>,
    /// The passive element segments that the guest dropped. Instantiation drops the others itself.
    dropped_elems: Vec<u32>,
    /// The passive data segments that the guest dropped. Instantiation drops the active ones
    /// itself.
    dropped_data: Vec<u32>,
}

/// A memory. Bytes in no piece are zero. The bytes of all pieces are kept elsewhere, one piece
/// after another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct MemoryState {
    pages: u64,
    /// Ascending.
    pieces: Vec<BytePiece>,
}

/// Consecutive blocks of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct BytePiece {
    /// The number of the first block.
    first: u64,
    /// The number of blocks.
    count: u64,
}

/// A table. Elements in no piece are null.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct TableState {
    /// The size in elements.
    size: u64,
    /// Ascending.
    pieces: Vec<RefPiece>,
}

/// Consecutive elements of a table, none of them null.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct RefPiece {
    /// The index of the first element.
    first: u64,
    funcs: Vec<FuncRef>,
}

/// The value of a global; floats as their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum GlobalState {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    V128(u128),
    Null,
    Func(FuncRef),
}

/// A function, by its index in an instance of the graph: the instance that defines the function,
/// or, for a function from outside the graph, an instance that imports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct FuncRef {
    /// The number of the instance in the graph.
    instance: u32,
    /// The index in its function index space.
    index: u32,
}

/// Why the state of an instance can not be captured, or does not fit its module.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The number of the instance in the graph.
    pub(crate) instance: usize,
    /// What is wrong, in words that can follow the name of the module.
    pub(crate) what: String,
}
