//! What the last step of the lowering must know of opcodes, derived from the instruction table.

use super::{
    Addr, CMP_PAIRS, FLOAT_PAIRS, INT_PAIRS, LOAD_MODES, OPCODES, Row, STORE_MODES, Shape, Src,
    Word,
};

/// What there is to know of an opcode.
#[derive(Clone, Copy)]
struct Facts {
    /// How many words the instruction takes; a `br_table` has its table besides.
    words: u8,
    /// Whether it leaves its result in the accumulator alone; the opcode after it stores it as well.
    acc_only: bool,
    /// Whether the instruction after it in the code is never the next one, or only by chance.
    ends_line: bool,
}

/// Of each opcode but those of sequences.
static FACTS: [Facts; OPCODES] = {
    let mut facts = [Facts {
        words: 0,
        acc_only: false,
        ends_line: false,
    }; OPCODES];
    let (mut row, mut op) = (0, 0);
    while row < Row::ALL.len() {
        let shape = Row::ALL[row].shape();
        let mut mode = 0;
        while mode < shape.modes() {
            facts[op] = Facts {
                words: of_shape(shape, mode as usize),
                acc_only: shape.has_result() && mode % 2 == 0,
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

const fn of_shape(shape: Shape, mode: usize) -> u8 {
    1 + match shape {
        Shape::Int => wide(INT_PAIRS[mode / 2]),
        Shape::Cmp => wide(CMP_PAIRS[mode / 2]),
        Shape::Float => wide(FLOAT_PAIRS[mode / 2]),
        Shape::Unary | Shape::Select => 0,
        Shape::Load => far(LOAD_MODES[mode / 2]),
        Shape::Store => far(STORE_MODES[mode].0),
        Shape::StoreAcc => far(LOAD_MODES[mode]),
        Shape::BrCmp => wide(CMP_PAIRS[mode]),
        Shape::BrFloat => wide(FLOAT_PAIRS[mode]),
        Shape::Simple(fields) | Shape::Plain(fields) => more_words(fields.as_bytes()),
    }
}

const fn wide(pair: (Src, Src)) -> u8 {
    matches!(pair, (Src::W, _) | (_, Src::W)) as u8
}

const fn far(addr: Addr) -> u8 {
    matches!(addr, Addr::SW | Addr::AW | Addr::BW | Addr::K) as u8
}

/// How many words the fields of a row name besides the first: `#W`, `#w` and `#h` are in the second,
/// `#x` and `#y` in the third.
const fn more_words(fields: &[u8]) -> u8 {
    let (mut words, mut at) = (0, 1);
    while at < fields.len() {
        let named = match (fields[at - 1], fields[at]) {
            (b'#', b'W' | b'w' | b'h') => 1,
            (b'#', b'x' | b'y') => 2,
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

/// How many words the instruction takes that begins with `word`, whose opcode is no sequence's.
#[inline]
pub fn length(word: Word) -> usize {
    let table = if word.op == Row::BrTableS.op(0) || word.op == Row::BrTableA.op(0) {
        word.long() as usize + 1
    } else {
        0
    };
    usize::from(facts(word.op).words) + table
}

/// Of an opcode that leaves its result in the accumulator alone, the one that stores it as well.
#[inline]
pub fn storing(op: u16) -> Option<u16> {
    facts(op).acc_only.then(|| op + 1)
}

/// Whether the instruction after one of this opcode is never the next one, or only by chance.
#[inline]
pub fn goes_elsewhere(op: u16) -> bool {
    facts(op).ends_line
}
