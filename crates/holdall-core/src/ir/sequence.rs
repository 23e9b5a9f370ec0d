//! Sequences: instructions that follow one another and share a handler.
//!
//! An opcode of a sequence takes the place of its first instruction's; the words stay as they are, so
//! that each instruction of it is still there to be branched to.

use super::{OPCODES, Row, Shape, Token};

/// The opcode of a row in the mode that the table of sequences spells. One call for each instruction of
/// the table, which is what the compiler is quick with.
const fn spelled(row: Row, tokens: &[Token]) -> u16 {
    row.op(row.shape().layout().mode_of(tokens))
}

macro_rules! opcodes {
    ($([$($shape:ident($row:ident $($token:ident)*))*])*) => {
        /// The opcodes of each sequence's instructions. The opcode of a sequence is its place in this
        /// list, counted from `OPCODES` on.
        const SEQUENCES: &[&[u16]] = &[$(&[$(spelled(Row::$row, &[$(Token::$token),*])),*]),*];
    };
}

// The macro `for_each_sequence`, which the build script makes of `sequences/table.txt`.
include!(concat!(env!("OUT_DIR"), "/sequences.rs"));
pub use for_each_sequence;

for_each_sequence!(opcodes);

/// How many opcodes there are, with those of sequences.
const ALL_OPCODES: usize = OPCODES + SEQUENCES.len();

/// The longer sequences, by the opcode of the shorter one or of the first instruction and by that of
/// the instruction after it: a hash table of three opcodes an entry, open addressed.
static LONGER: [[u16; 3]; LONGER_LEN] = longer();
const LONGER_LEN: usize = (2 * SEQUENCES.len() + 2).next_power_of_two();
/// No instruction's opcode: it marks what is empty.
const NONE: u16 = u16::MAX;
const _: () = assert!(ALL_OPCODES < NONE as usize);

const fn hash(before: u16, next: u16) -> u32 {
    let key = ((before as u64) << 16 | next as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (key >> 32) as u32
}

const fn place(before: u16, next: u16) -> usize {
    hash(before, next) as usize % LONGER_LEN
}

const fn find(table: &[[u16; 3]; LONGER_LEN], before: u16, next: u16) -> usize {
    let mut at = place(before, next);
    while table[at][2] != NONE && !(table[at][0] == before && table[at][1] == next) {
        at = (at + 1) % LONGER_LEN;
    }
    at
}

const fn longer() -> [[u16; 3]; LONGER_LEN] {
    let mut table = [[NONE; 3]; LONGER_LEN];
    let mut sequence = 0;
    while sequence < SEQUENCES.len() {
        let ops = SEQUENCES[sequence];
        let mut before = ops[0];
        let mut at = 1;
        while at < ops.len() - 1 {
            before = table[find(&table, before, ops[at])][2];
            assert!(
                before != NONE,
                "what a sequence extends comes before it in the table"
            );
            at += 1;
        }
        let entry = find(&table, before, ops[at]);
        assert!(table[entry][2] == NONE, "a sequence is in the table twice");
        table[entry] = [before, ops[at], (OPCODES + sequence) as u16];
        sequence += 1;
    }
    table
}

/// A bit for each hash of two opcodes that begin something longer: small enough to be at hand, so that
/// most of what is in vain ends here.
static MAYBE: [u64; MAYBE_BITS / 64] = {
    let mut maybe = [0; MAYBE_BITS / 64];
    let mut entry = 0;
    while entry < LONGER_LEN {
        let [before, next, op] = LONGER[entry];
        if op != NONE {
            let bit = hash(before, next) as usize % MAYBE_BITS;
            maybe[bit / 64] |= 1 << (bit % 64);
        }
        entry += 1;
    }
    maybe
};
const MAYBE_BITS: usize = (8 * LONGER_LEN).next_multiple_of(64);

/// The opcode of the sequence of `before`, an instruction's or a sequence's opcode, and an instruction
/// after it, where there is one.
#[inline]
pub fn longer_sequence(before: u16, next: u16) -> Option<u16> {
    let bit = hash(before, next) as usize % MAYBE_BITS;
    if MAYBE[bit / 64] >> (bit % 64) & 1 == 0 {
        return None;
    }
    let found = LONGER[find(&LONGER, before, next)][2];
    (found != NONE).then_some(found)
}

/// The opcodes of the instructions that the handler of an opcode executes.
pub fn instructions_of(op: &u16) -> &[u16] {
    let sequence = usize::from(*op)
        .checked_sub(OPCODES)
        .and_then(|at| SEQUENCES.get(at));
    sequence.copied().unwrap_or(std::slice::from_ref(op))
}

/// An opcode's instruction as the table of sequences spells it, or `-` where no sequence can hold it;
/// none for what is no opcode of a single instruction.
pub fn spelling(op: u16) -> Option<String> {
    let (row, mode) = Row::of(op)?;
    let shape = match row.shape() {
        Shape::Plain(_) => return Some("-".to_owned()),
        Shape::Simple(_) => "Simple".to_owned(),
        shape => format!("{shape:?}"),
    };
    let tokens = row.shape().layout().spelling(mode);
    let tokens: String = tokens.map(|token| format!(" {token:?}")).collect();
    Some(format!("{shape}({row:?}{tokens})"))
}

#[cfg(test)]
mod tests {
    use super::super::goes_elsewhere;
    use super::*;

    #[test]
    fn every_sequence_is_found_by_its_instructions() {
        for (op, instructions) in (OPCODES as u16..).zip(SEQUENCES) {
            let (first, rest) = instructions.split_first().expect("a sequence is not empty");
            let found = rest
                .iter()
                .try_fold(*first, |before, next| longer_sequence(before, *next));
            assert_eq!(found, Some(op), "{instructions:?}");
            assert_eq!(instructions_of(&op), *instructions);
            assert!(!rest.is_empty());
        }
    }

    #[test]
    fn no_sequence_goes_on_after_an_instruction_that_never_does() {
        for instructions in SEQUENCES {
            let (_, before_last) = instructions.split_last().expect("a sequence is not empty");
            assert!(
                !before_last.iter().any(|op| goes_elsewhere(*op)),
                "{instructions:?}"
            );
        }
    }

    #[test]
    fn an_opcode_that_is_no_sequence_is_its_own_instruction() {
        for op in [0, OPCODES as u16 - 1, ALL_OPCODES as u16] {
            assert_eq!(instructions_of(&op), [op]);
        }
    }
}
