//! What the active data segments make of a memory, as blocks that can lie in a file as the memory has
//! them. Does not know stores.

use super::const_expr::{ConstExpr, ConstOp};
use super::sections::Sections;
use super::segments::DataMode;

/// The size of a block. A page of the usual size has 16 blocks.
pub const BLOCK_BYTES: usize = 4096;

/// Blocks of zeros between others, up to this many, are kept: each piece costs two calls of the system.
const GAP_BLOCKS: usize = 15;

/// Less is copied sooner than mapped.
const LEAST_BYTES: usize = 65_536;

/// The most bytes of an image for each byte of its module, where a few bytes of data far apart would else
/// take a block each.
const MOST_BYTES_FOR_ONE: usize = 2;

/// Consecutive blocks of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// The number of the first block.
    pub first: u64,
    /// The number of blocks.
    pub count: u64,
}

/// What a module's memory 0 holds when all active data segments were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryImage {
    /// The blocks that are not all zeros, ascending.
    pub pieces: Vec<Blocks>,
    /// The bytes of all pieces, one piece after another.
    pub bytes: Vec<u8>,
}

impl MemoryImage {
    /// The image of a module; `None` where the module alone does not tell what the memory will hold:
    /// where the memory or an offset is imported, a segment does not fit or is of another memory, or
    /// there is no data. Little data is better left to the segments, and so is what has large gaps.
    #[must_use]
    pub fn of(module: &Sections) -> Option<Self> {
        let memory = module.memories.first()?;
        let data = module.data()?;
        if module.num_imported_memories > 0 || data.is_empty() {
            return None;
        }
        let size = memory.min.checked_mul(memory.page_size())?;
        let mut placed = Vec::with_capacity(data.len());
        for segment in data {
            let DataMode::Active { memory: 0, offset } = &segment.mode else {
                return None;
            };
            let offset = constant(module, offset)?;
            let bytes = &module.bytes[segment.range.clone()];
            let end = offset.checked_add(bytes.len() as u64)?;
            if end > size {
                return None;
            }
            placed.push((offset, bytes));
        }
        let pieces = pieces(&placed);
        let blocks: u64 = pieces.iter().map(|piece| piece.count).sum();
        let len = usize::try_from(blocks).ok()?.checked_mul(BLOCK_BYTES)?;
        let most = module.bytes.len().saturating_mul(MOST_BYTES_FOR_ONE);
        if !(LEAST_BYTES..=most).contains(&len) {
            return None;
        }
        // Where the first block of each piece lies in the bytes.
        let starts = pieces.iter().scan(0, |next, piece| {
            let start = *next;
            *next += piece.count as usize * BLOCK_BYTES;
            Some(start)
        });
        let starts: Vec<usize> = starts.collect();
        let mut bytes = vec![0; len];
        for (offset, data) in placed.into_iter().filter(|(_, data)| !data.is_empty()) {
            let block = offset / BLOCK_BYTES as u64;
            let piece = pieces.partition_point(|piece| piece.first <= block) - 1;
            let at = offset - pieces[piece].first * BLOCK_BYTES as u64;
            let at = starts[piece] + at as usize;
            bytes[at..at + data.len()].copy_from_slice(data);
        }
        Some(Self { pieces, bytes })
    }
}

/// The blocks that these bytes at these offsets touch, small gaps included.
fn pieces(placed: &[(u64, &[u8])]) -> Vec<Blocks> {
    let touched = placed.iter().filter(|(_, bytes)| !bytes.is_empty());
    let touched = touched.map(|(offset, bytes)| {
        let last = offset + bytes.len() as u64 - 1;
        (offset / BLOCK_BYTES as u64, last / BLOCK_BYTES as u64 + 1)
    });
    let mut touched: Vec<(u64, u64)> = touched.collect();
    touched.sort_unstable();
    let mut pieces: Vec<Blocks> = Vec::new();
    for (first, end) in touched {
        match pieces.last_mut() {
            Some(last) if first <= last.first + last.count + GAP_BLOCKS as u64 => {
                last.count = last.count.max(end - last.first);
            }
            _ => pieces.push(Blocks {
                first,
                count: end - first,
            }),
        }
    }
    pieces
}

/// The value of an expression that depends on nothing imported.
fn constant(module: &Sections, expr: &ConstExpr) -> Option<u64> {
    let ops = match expr {
        ConstExpr::One(op) => std::slice::from_ref(op),
        ConstExpr::Many(ops) => ops,
        ConstExpr::V128(_) => return None,
    };
    let depends = |op: &ConstOp| matches!(op, ConstOp::GlobalGet(_) | ConstOp::RefFunc(_));
    if ops.iter().any(depends) {
        return global(module, ops);
    }
    Some(expr.eval(|_| 0, |_| 0))
}

/// The value of an expression that is a global of the module, with a constant of its own.
fn global(module: &Sections, ops: &[ConstOp]) -> Option<u64> {
    let [ConstOp::GlobalGet(index)] = ops else {
        return None;
    };
    let defined = (*index as usize).checked_sub(module.num_imported_globals)?;
    let init = module.global_inits.get(defined)?;
    let ConstExpr::One(ConstOp::I32Const(_) | ConstOp::I64Const(_)) = init else {
        return None;
    };
    Some(init.eval(|_| 0, |_| 0))
}
