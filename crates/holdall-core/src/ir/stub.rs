//! The code of functions that have no lowered code of their own: functions of the host, functions that wait
//! for their first call, and native ones.

use super::{Header, Row, Word};

/// The code of a host function with these numbers of parameter and result slots.
pub fn host_code(param_slots: usize, result_slots: usize) -> Box<[Word]> {
    let header = Header::bare(param_slots, result_slots);
    Box::new([
        header.word(),
        Word::with_long(Row::Host.op(0), header.link, 0),
    ])
}

/// The code that stands in for the defined function `index` until its first call lowers it.
pub fn lazy_stub(param_slots: usize, result_slots: usize, index: u32) -> [Word; 2] {
    let header = Header::bare(param_slots, result_slots);
    [header.word(), Word::with_long(Row::Lazy.op(0), 0, index)]
}

/// The code that stands for the defined function `index`, which is native.
pub fn native_stub(param_slots: usize, result_slots: usize, index: u32) -> [Word; 2] {
    let header = Header::bare(param_slots, result_slots);
    let word = Word::with_long(Row::Native.op(0), header.link, index);
    [header.word(), word]
}
