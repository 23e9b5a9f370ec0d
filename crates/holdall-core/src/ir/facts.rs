//! What the last step of the lowering must know of opcodes, derived from the instruction table.

use super::{OPCODES, Row, Shape, Word};

/// What there is to know of an opcode.
#[derive(Clone, Copy)]
struct Facts {
    /// How many words the instruction takes, without the targets of a `br_table`.
    words: u8,
    /// Whether the instruction leaves its result in the accumulator alone. The opcode after this one
    /// stores the result as well.
    acc_only: bool,
    /// True for instructions that never fall through to the next word: branches, returns, traps.
    ends_line: bool,
}

/// The facts of each opcode of a single instruction, by opcode.
static FACTS: [Facts; OPCODES] = {
    let mut facts = [Facts {
        words: 0,
        acc_only: false,
        ends_line: false,
    }; OPCODES];
    let (mut row, mut op) = (0, 0);
    while row < Row::ALL.len() {
        let shape = Row::ALL[row].shape();
        let layout = shape.layout();
        let mut mode = 0;
        while mode < layout.opcodes() {
            facts[op] = Facts {
                words: 1 + match shape {
                    Shape::Simple(fields) | Shape::Plain(fields) => more_words(fields.as_bytes()),
                    _ => {
                        let named = more_words(layout.text.as_bytes());
                        let wide = layout.is_wide(mode) as u8;
                        if named > wide { named } else { wide }
                    }
                },
                acc_only: layout.is_acc_only(mode),
                ends_line: ends_line(Row::ALL[row]),
            };
            op += 1;
            mode += 1;
        }
        row += 1;
    }
    facts
};

const fn ends_line(row: Row) -> bool {
    matches!(
        row,
        Row::Br
            | Row::BrTableS
            | Row::BrTableA
            | Row::Return
            | Row::ReturnS
            | Row::ReturnI
            | Row::ReturnUnsignedI
            | Row::ReturnA
            | Row::ReturnF32A
            | Row::ReturnF64A
            | Row::Unreachable
    )
}

/// How many words the fields of a row name besides the first: `#W`, `#w` and `#h` are in the second,
/// `#X`, `#x` and `#y` in the third.
const fn more_words(fields: &[u8]) -> u8 {
    let (mut words, mut at) = (0, 1);
    while at < fields.len() {
        let named = match (fields[at - 1], fields[at]) {
            (b'#', b'W' | b'w' | b'h') => 1,
            (b'#', b'X' | b'x' | b'y') => 2,
            _ => 0,
        };
        if named > words {
            words = named;
        }
        at += 1;
    }
    words
}

fn facts(op: u16) -> Facts {
    FACTS[usize::from(op)]
}

/// How many words an instruction takes, from its first word. The opcode is that of a single instruction,
/// not of a sequence.
#[inline]
pub fn length(word: Word) -> usize {
    let table = if word.op == Row::BrTableS.op(0) || word.op == Row::BrTableA.op(0) {
        word.long() as usize + 1
    } else {
        0
    };
    usize::from(facts(word.op).words) + table
}

/// The opcode that does the same as `op` and also stores the result in the slot `a`. None unless `op`
/// leaves its result in the accumulator alone.
#[inline]
pub fn storing(op: u16) -> Option<u16> {
    facts(op).acc_only.then(|| op + 1)
}

/// Whether an instruction of this opcode never falls through to the next word.
#[inline]
pub fn goes_elsewhere(op: u16) -> bool {
    facts(op).ends_line
}
