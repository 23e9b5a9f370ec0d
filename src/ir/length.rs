//! What lowered code's own last step must know of opcodes: how many words an instruction takes, and
//! which opcodes differ only in that one stores its result.

use super::{
    Addr, CMP_PAIRS, FLOAT_PAIRS, INT_PAIRS, LOAD_MODES, OPCODES, Row, STORE_MODES, Shape, Src,
    Word,
};

/// Of each opcode but those of sequences; a `br_table` has its table besides.
static LENGTHS: [u8; OPCODES] = {
    let mut lengths = [0; OPCODES];
    let (mut row, mut op) = (0, 0);
    while row < Row::ALL.len() {
        let shape = Row::ALL[row].shape();
        let mut mode = 0;
        while mode < shape.modes() {
            lengths[op] = of_shape(shape, mode as usize);
            op += 1;
            mode += 1;
        }
        row += 1;
    }
    lengths
};

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
    matches!(addr, Addr::SW | Addr::AW | Addr::K) as u8
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

/// Whether each opcode is a mode that leaves its result in the accumulator alone; the mode after it
/// stores it as well.
static ACC_ONLY: [bool; OPCODES] = {
    let mut acc_only = [false; OPCODES];
    let (mut row, mut op) = (0, 0);
    while row < Row::ALL.len() {
        let shape = Row::ALL[row].shape();
        let mut mode = 0;
        while mode < shape.modes() {
            acc_only[op] = shape.has_result() && mode % 2 == 0;
            op += 1;
            mode += 1;
        }
        row += 1;
    }
    acc_only
};

/// Of an opcode that leaves its result in the accumulator alone, the one that stores it as well.
#[inline]
pub(crate) fn storing(op: u16) -> Option<u16> {
    ACC_ONLY[usize::from(op)].then(|| op + 1)
}

/// How many words the instruction takes that begins with `word`, whose opcode is no sequence's.
#[inline]
pub(crate) fn length(word: Word) -> usize {
    let table = if word.op == Row::BrTableS.op(0) || word.op == Row::BrTableA.op(0) {
        (word.long() as usize + 1).div_ceil(2)
    } else {
        0
    };
    usize::from(LENGTHS[usize::from(word.op)]) + table
}
