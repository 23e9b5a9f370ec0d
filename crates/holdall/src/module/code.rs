//! The code of one function as an engine holds it. Does not know instances.

use std::ops::Deref;

use holdall_core::lower::{self, LowerError, Target};

use super::ModuleInner;
use crate::ir::Word;
use crate::limits::{Full, Heap, Refusal, Watch};
use crate::trap::TrapCode;

/// The executor of this build.
pub const HERE: Target = Target {
    sequences: cfg!(sequences),
    big_endian: cfg!(target_endian = "big"),
};

/// The lowered code of one function.
#[derive(Debug)]
pub(crate) struct Code {
    /// A header word, then the instructions. The last instruction never falls through.
    pub(crate) words: Words,
}

/// Where code words are.
#[derive(Debug)]
pub(crate) enum Words {
    /// In the engine's memory: they were made here.
    Own(allocator_api2::boxed::Box<[Word], Heap>),
    /// In the program: they were lowered before.
    Program(&'static [Word]),
}

impl Deref for Words {
    type Target = [Word];

    fn deref(&self) -> &[Word] {
        match self {
            Self::Own(words) => words,
            Self::Program(words) => words,
        }
    }
}

impl Code {
    /// Lowers the defined function `index` (imported functions not counted).
    pub(crate) fn lower(
        module: &ModuleInner,
        index: u32,
        watch: &mut Watch<'_>,
    ) -> Result<Self, CodeError> {
        let engine = &module.engine;
        let words = lower::words(&module.sections, engine.settings(), index, HERE, watch)?;
        let words = engine.heap().boxed(words).map_err(CodeError::NoRoom)?;
        Ok(Self {
            words: Words::Own(words),
        })
    }
}

/// Why a valid function has no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodeError {
    /// The engine's pool has no room for the code.
    #[error("no room for its lowered code: {0}")]
    NoRoom(Refusal),
    /// The account that has the module has no room for the code.
    #[error(transparent)]
    Full(#[from] Full),
    /// The function could not be lowered.
    #[error(transparent)]
    Lower(#[from] LowerError),
}

impl CodeError {
    /// What the first call of the function traps with.
    pub(crate) fn trap_code(self) -> TrapCode {
        match self {
            Self::NoRoom(_) | Self::Full(_) => TrapCode::OutOfMemory,
            Self::Lower(LowerError::Ended(code)) => code,
            Self::Lower(LowerError::Unreadable) => TrapCode::Unreachable,
        }
    }
}

#[cfg(test)]
mod tests {
    use holdall_core::lower::OPT_LEVELS_WITH_SEQUENCES;

    /// Code is lowered for a build by the constant, and the build's executor is made by the script's
    /// copy of it.
    #[test]
    fn the_build_script_knows_which_builds_have_sequences() {
        let of_script = env!("HOLDALL_OPT_LEVELS_WITH_SEQUENCES");
        assert_eq!(of_script, OPT_LEVELS_WITH_SEQUENCES.join(" "));
    }
}
