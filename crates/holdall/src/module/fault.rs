//! Why a module could not be made, before the module's name is put to it.

use std::fmt::Display;

use holdall_core::lower::LowerError;
use holdall_core::module as core;
use holdall_core::module::Unfit;

use super::code::CodeError;
use crate::error::{Error, ModuleError};
use crate::limits::{Full, Watch};
use crate::trap::TrapCode;

/// Why a module could not be made.
#[derive(Debug)]
pub(super) enum Fault {
    /// What is wrong with the bytes.
    Bytes(core::Fault),
    /// The text format could not be read.
    #[cfg_attr(not(feature = "wat"), expect(dead_code, reason = "text is not read"))]
    Text(String),
    /// The engine, or an account, has no room for the module.
    NoRoom(String),
    /// The precompiled code of the module is not for this engine.
    Unfit(Unfit),
}

impl From<core::Fault> for Fault {
    fn from(fault: core::Fault) -> Self {
        Self::Bytes(fault)
    }
}

impl From<TrapCode> for Fault {
    fn from(code: TrapCode) -> Self {
        Self::Bytes(code.into())
    }
}

impl From<Full> for Fault {
    fn from(full: Full) -> Self {
        Self::NoRoom(full.to_string())
    }
}

impl From<Unfit> for Fault {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl Fault {
    pub(super) fn malformed_at(message: impl Into<String>, offset: u64) -> Self {
        Self::Bytes(core::Fault::malformed_at(message, offset))
    }

    /// The fault of a function body that could not be lowered.
    pub(super) fn not_lowered(func: impl Display, error: CodeError) -> Self {
        let message = format!("function {func}: {error}");
        match error {
            CodeError::NoRoom(_) | CodeError::Full(_) => Self::NoRoom(message),
            CodeError::Lower(LowerError::Ended(code)) => code.into(),
            CodeError::Lower(LowerError::Unreadable) => core::Fault::Limit(message).into(),
        }
    }

    /// The library's error, with the module's name.
    pub(super) fn of_module(self, name: Option<&str>) -> Error {
        let shown = name.map_or_else(String::new, |name| format!(" {name:?}"));
        let name: Option<Box<str>> = name.map(Box::from);
        let error = match self {
            Self::Bytes(core::Fault::Malformed { message, offset }) => ModuleError::Malformed {
                name,
                message: message.into(),
                offset,
            },
            Self::Bytes(core::Fault::Invalid { message, offset }) => ModuleError::Invalid {
                name,
                message: message.into(),
                offset,
            },
            Self::Bytes(core::Fault::Lacking {
                proposals,
                message,
                offset,
            }) => ModuleError::Lacking {
                name,
                proposals,
                message: message.into(),
                offset,
            },
            Self::Bytes(core::Fault::Limit(message)) => ModuleError::Limit {
                name,
                message: message.into(),
            },
            Self::Bytes(core::Fault::Ended(code)) => {
                return Watch::trap(code, &format!("loading module{shown}")).into();
            }
            Self::Text(message) => ModuleError::Text {
                name,
                message: message.into(),
            },
            Self::NoRoom(message) => return Error::resource(format!("module{shown}: {message}")),
            Self::Unfit(unfit) => return Error::usage(format!("module{shown}: {unfit}")),
        };
        error.into()
    }
}
