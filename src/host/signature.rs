//! What is known of a host function beyond its type: its name, and for those of a table the names
//! of parameters and what its result means.

#![cfg_attr(
    not(feature = "wasi"),
    allow(dead_code, reason = "WASI is the one that has tables")
)]

use std::sync::Arc;

use crate::types::ValType;

/// What traces and errors say of a host function.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) name: Arc<str>,
    /// The parameters, where their names are known.
    pub(crate) params: &'static [Param],
    /// What a result means, where it is a number of an error.
    pub(crate) errno: Option<fn(u64) -> String>,
}

/// A parameter of a host function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) ty: ValType,
    pub(crate) shown: Shown,
}

/// How a trace shows an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Unsigned,
    Signed,
    /// An address, or flags.
    Hex,
}

impl Signature {
    /// That of a function of which only the name is known.
    pub(crate) fn named(name: Arc<str>) -> Self {
        Self {
            name,
            params: &[],
            errno: None,
        }
    }
}

impl Param {
    /// The argument in a slot.
    pub(crate) fn show(&self, slot: u64) -> String {
        match self.shown {
            Shown::Unsigned => slot.to_string(),
            Shown::Signed => slot.cast_signed().to_string(),
            Shown::Hex => format!("{slot:#x}"),
        }
    }
}
