//! The state of a graph's instances as plain data: what a snapshot holds, how it is captured, and
//! how it is brought back. Knows instances by their numbers in the graph, and no names of modules.

mod capture;
mod restore;
#[cfg(all(test, feature = "wat"))]
mod state_tests;

pub(crate) use capture::capture;
pub(crate) use restore::Fitting;

/// Pieces of memories begin at multiples of this, and have sizes that are. A page has 16 blocks.
const BLOCK_BYTES: usize = 4096;

/// What guests can change of what an instance defines. All else is the module's: an instance that
/// is made anew has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct InstanceState {
    /// The defined memories.
    memories: Vec<MemoryState>,
    /// The defined tables.
    tables: Vec<TableState>,
    /// The values of those defined globals that are mutable.
    globals: Vec<GlobalState>,
    /// The element segments that the guest dropped. An active one drops itself.
    dropped_elems: Vec<u32>,
    /// The data segments that the guest dropped. An active one drops itself.
    dropped_data: Vec<u32>,
}

/// A memory. What is in no piece is zero; the bytes of all pieces follow one another, elsewhere.
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
    /// How many there are.
    count: u64,
}

/// A table. What is in no piece is null.
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

/// The value of a global; of a float the bits.
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

/// A function, as an instance of the graph knows it: one that it defines, or, where that is not of
/// the graph, one that it imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct FuncRef {
    /// The number of the instance in the graph.
    instance: u32,
    /// The index in its function index space.
    index: u32,
}

/// Why the state of an instance can not be captured, or is not that of a module.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The number of the instance in the graph.
    pub(crate) instance: usize,
    /// What is wrong, as it follows the name of the module.
    pub(crate) what: String,
}
