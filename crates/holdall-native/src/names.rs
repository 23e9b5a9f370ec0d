//! The pieces of a text, and what Cranelift knows them by.

/// What the text consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// What is called of a defined function.
    Function(u32),
    /// The code of a defined function that may leave for another one.
    Inner(u32),
    /// The helper that leaves the instance, or native code, for functions of a type.
    Leave(u32),
    /// The entrance of a type.
    Entrance(u32),
    /// What calls a defined function from within a `try`.
    GuardOfFunction(u32),
    /// What calls the helper of a type from within a `try`.
    GuardOfLeave(u32),
    /// What calls native code of a type from within a `try`.
    GuardOfCode(u32),
    /// What is called where a function ends.
    End,
}

impl Name {
    /// The name as a pair of numbers.
    pub(crate) fn parts(self) -> (u32, u32) {
        match self {
            Self::Function(index) => (0, index),
            Self::Inner(index) => (1, index),
            Self::Leave(ty) => (2, ty),
            Self::Entrance(ty) => (3, ty),
            Self::GuardOfFunction(index) => (4, index),
            Self::GuardOfLeave(ty) => (5, ty),
            Self::GuardOfCode(ty) => (6, ty),
            Self::End => (7, 0),
        }
    }

    pub(crate) fn of(parts: (u32, u32)) -> Option<Self> {
        Some(match parts {
            (0, index) => Self::Function(index),
            (1, index) => Self::Inner(index),
            (2, ty) => Self::Leave(ty),
            (3, ty) => Self::Entrance(ty),
            (4, index) => Self::GuardOfFunction(index),
            (5, ty) => Self::GuardOfLeave(ty),
            (6, ty) => Self::GuardOfCode(ty),
            (7, _) => Self::End,
            _ => return None,
        })
    }

    /// What calls this from within a `try`.
    pub(crate) fn guard(self) -> Self {
        match self {
            Self::Function(index) => Self::GuardOfFunction(index),
            Self::Leave(ty) => Self::GuardOfLeave(ty),
            _ => unreachable!("functions call each other and helpers of types"),
        }
    }

    /// What this calls from within a `try`, if that has a name.
    pub(crate) fn guarded(self) -> Option<Self> {
        match self {
            Self::GuardOfFunction(index) => Some(Self::Function(index)),
            Self::GuardOfLeave(ty) => Some(Self::Leave(ty)),
            _ => None,
        }
    }
}
