//! The instruction table, code words, stubs and disassembly. Does not know the executor.

mod disasm;
mod facts;
mod handlers;
mod sequence;
mod shape;
mod stub;
mod table;
mod word;

pub use disasm::disassemble;
pub use facts::{goes_elsewhere, length, storing};
pub use handlers::{Clause, HandlerRef, HandlerTable, Handlers, HandlersMark, TryId, instructions};
pub use sequence::{for_each_sequence, instructions_of, longer_sequence, spelling};
pub use shape::{
    Addr, CMP_PAIRS, FLOAT_PAIRS, Field, INT_PAIRS, LOAD_IN_MODES, LOAD_MODES, Layout,
    SELECT_PAIRS, STORE_IN_MODES, STORE_MODES, Shape, Src, Token, UNARY_SRCS, VECTOR_COMMUTING,
    VECTOR_LANES, VECTOR_PAIRS, VECTOR_SHIFTS, VECTOR_SRCS, VECTOR_STORES, VECTOR_STORES_IN,
    VECTOR_TRIPLES,
};
pub use stub::{host_code, lazy_stub, native_stub};
pub use table::for_each_op;
pub use word::{Header, Word};

/// The type of a cast that all references of the operand's kind pass, but for null.
pub const CAST_TO_ALL: u32 = u32::MAX;
/// The type of a cast that no reference passes, but for null. Types of a module have lower indices.
pub const CAST_TO_NOTHING: u32 = u32::MAX - 1;

macro_rules! shape {
    (Plain($fields:literal, $handler:ident)) => {
        Shape::Plain($fields)
    };
    (Simple($fields:literal)) => {
        Shape::Simple($fields)
    };
    ($shape:ident($($rest:tt)*)) => {
        Shape::$shape
    };
}

macro_rules! rows {
    ($($name:ident $text:literal $shape:ident($($args:tt)*);)*) => {
        /// An operation of the instruction table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Row {
            $(#[doc = concat!("`", $text, "`")] $name),*
        }

        impl Row {
            /// Every row, in the table's order.
            pub const ALL: &[Self] = &[$(Self::$name),*];
            const TEXTS: &[&str] = &[$($text),*];
            const SHAPES: &[Shape] = &[$(shape!($shape($($args)*))),*];
        }
    };
}
for_each_op!(rows);

/// How many opcodes single instructions have. The opcodes of sequences follow them.
pub const OPCODES: usize = BASES[Row::ALL.len()] as usize;

/// The first opcode of each row. The last entry is the number of opcodes.
const BASES: [u16; Row::ALL.len() + 1] = {
    let mut bases = [0; Row::ALL.len() + 1];
    let mut row = 0;
    while row < Row::ALL.len() {
        bases[row + 1] = bases[row] + Row::SHAPES[row].layout().opcodes();
        row += 1;
    }
    bases
};

impl Row {
    /// The opcode of this row in a mode, which the row's shape has.
    pub const fn op(self, mode: u16) -> u16 {
        BASES[self as usize] + mode
    }

    /// The row and the mode of an opcode.
    pub fn of(op: u16) -> Option<(Self, u16)> {
        let row = BASES.partition_point(|base| *base <= op).checked_sub(1)?;
        Some((*Self::ALL.get(row)?, op - BASES[row]))
    }

    /// The shape of the row.
    pub const fn shape(self) -> Shape {
        Self::SHAPES[self as usize]
    }

    /// The name of the operation in disassembled code.
    pub const fn text(self) -> &'static str {
        Self::TEXTS[self as usize]
    }

    /// The row that is `distance` rows below this one in the table.
    pub const fn after(self, distance: usize) -> Self {
        Self::ALL[self as usize + distance]
    }

    /// Whether this row is one of those from `first` to `last`.
    pub fn within(self, first: Self, last: Self) -> bool {
        (first..=last).contains(&self)
    }

    /// Whether this row is an integer operator, comparison or store that reads only the low 32 bits of its
    /// operands, or fewer.
    pub fn takes_32_bits(self) -> bool {
        self.within(Self::I32Add, Self::I32Rotr)
            || self.within(Self::I32Eq, Self::I32LeU)
            || self.within(Self::Store8, Self::Store32)
            || self.within(Self::Store8In, Self::Store32In)
    }

    /// The comparison that holds exactly where this one does not; none for a row that is no comparison.
    /// The table lists each comparison next to its negation.
    pub fn negated(self) -> Option<Self> {
        let first = [Self::I32Eq, Self::F32Eq]
            .into_iter()
            .zip([Self::I64LeU, Self::F64NotLe])
            .find(|(first, last)| self.within(*first, *last))?
            .0 as usize;
        Some(Self::ALL[((self as usize - first) ^ 1) + first])
    }

    /// The integer comparison that gives the same result as this one when the operands are exchanged.
    pub fn mirrored(self) -> Self {
        let of_type = if self < Self::I64Eq {
            Self::I32Eq
        } else {
            Self::I64Eq
        };
        // The order within a type: eq ne lt_s ge_s lt_u ge_u gt_s le_s gt_u le_u.
        const MIRROR: [usize; 10] = [0, 1, 6, 7, 8, 9, 2, 3, 4, 5];
        of_type.after(MIRROR[self as usize - of_type as usize])
    }

    /// The load or store in a memory that the instruction names, for a load or store in memory 0. The
    /// table lists both in the same order.
    pub fn in_any_memory(self) -> Self {
        Self::I32LoadIn.after(match self.within(Self::I32Load, Self::F64Load) {
            true => self as usize - Self::I32Load as usize,
            false => {
                Self::Store8In as usize - Self::I32LoadIn as usize + self as usize
                    - Self::Store8 as usize
            }
        })
    }

    /// The branch that is taken where this comparison holds; none for a row that is no comparison. The
    /// table lists the branches in the order of the comparisons.
    pub fn branch(self) -> Option<Self> {
        if self.within(Self::I32Eq, Self::I64LeU) {
            Some(Self::BrI32Eq.after(self as usize - Self::I32Eq as usize))
        } else if self.within(Self::F32Eq, Self::F64NotLe) {
            Some(Self::BrF32Eq.after(self as usize - Self::F32Eq as usize))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opcode_belongs_to_the_row_that_made_it() {
        let mut op = 0;
        for row in Row::ALL {
            for mode in 0..row.shape().layout().opcodes() {
                assert_eq!(row.op(mode), op);
                assert_eq!(Row::of(op), Some((*row, mode)));
                op += 1;
            }
        }
        assert_eq!(op as usize, OPCODES);
        assert_eq!(Row::of(op), None);
    }

    #[test]
    fn comparisons_negate_mirror_and_branch_within_their_type() {
        for row in Row::ALL {
            let Some(negated) = row.negated() else {
                assert_eq!(row.branch(), None);
                continue;
            };
            assert_eq!(negated.negated(), Some(*row));
            let branch = row.branch().expect("a comparison can be branched on");
            assert_eq!(branch.text(), format!("br.{}", row.text()));
            if row.shape() == Shape::Cmp {
                assert_eq!(row.mirrored().mirrored(), *row);
            }
        }
        assert_eq!(Row::I64LtU.negated(), Some(Row::I64GeU));
        assert_eq!(Row::I64LtU.mirrored(), Row::I64GtU);
        assert_eq!(Row::I32LeS.mirrored(), Row::I32GeS);
        assert_eq!(Row::F64Lt.negated(), Some(Row::F64NotLt));
    }
}
