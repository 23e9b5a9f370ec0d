//! The executors that code is lowered for. The build script takes this file by its path, to say which
//! of them this build has.

/// The optimisations of a build whose executor has handlers for sequences: these are many, and of use
/// only where they are optimised.
#[cfg_attr(
    not(feature = "build"),
    allow(dead_code, reason = "only what lowers for another build asks")
)]
pub(crate) const OPT_LEVELS_WITH_SEQUENCES: [&str; 4] = ["2", "3", "s", "z"];

/// The executor that code is lowered for, as far as executors differ: all have the same instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Whether it has handlers for sequences. It can run code without them, only slower.
    pub(crate) sequences: bool,
    /// Whether it is on a machine whose words begin with their high bytes.
    pub(crate) big_endian: bool,
}

impl Target {
    /// The executor of this build.
    pub(crate) const HERE: Self = Self {
        sequences: cfg!(sequences),
        big_endian: cfg!(target_endian = "big"),
    };
}
