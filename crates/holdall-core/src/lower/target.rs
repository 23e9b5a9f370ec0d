//! The executors that code is lowered for.

/// The optimisations of a build whose executor has handlers for sequences: these are many, and of use
/// only where they are optimised.
pub const OPT_LEVELS_WITH_SEQUENCES: [&str; 4] = ["2", "3", "s", "z"];

/// The executor that code is lowered for, as far as executors differ: all have the same instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether it has handlers for sequences. It can run code without them, only slower.
    pub sequences: bool,
    /// Whether it is on a machine whose words begin with their high bytes.
    pub big_endian: bool,
}
