//! The table of sequences: instructions that are executed by one handler where they follow one another,
//! each in one of its modes, shorter ones first. What is left of a sequence when its last instruction
//! is taken away is in the table too.
//!
//! Chosen by `cargo bench --bench sequences` from what programs execute, and not to be edited by hand.

/// Calls the macro `$then` with the whole table.
#[rustfmt::skip]
macro_rules! for_each_sequence {
    ($then:ident) => {
        $then! {
            Int(I32Shl A I ToSlot) Int(I32Add A S ToSlot);
        }
    };
}
pub(crate) use for_each_sequence;
