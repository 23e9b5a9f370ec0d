//! The executors that code is lowered for.

/// The optimisation levels at which a build's executor has handlers for sequences: there are many such
/// handlers, of use only where they are optimised.
pub const OPT_LEVELS_WITH_SEQUENCES: [&str; 4] = ["2", "3", "s", "z"];

/// What of an executor matters to the code that is lowered for it. All executors have the same
/// instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether the executor has handlers for sequences. Such an executor also runs code without sequences,
    /// only slower.
    pub sequences: bool,
    /// Whether the executor's machine stores the high bytes of a word first.
    pub big_endian: bool,
}
