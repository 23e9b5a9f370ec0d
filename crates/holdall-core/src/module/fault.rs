//! What is wrong with a module's bytes, before the module's name is put to it. Knows which of
//! wasmparser's errors are malformations and which are failures of validation, which its error
//! type does not say.

use std::fmt::Display;

use wasmparser::FunctionBody;

use super::precompiled::Unfit;
use crate::compile::LowerError;
use crate::error::{Error, ModuleError};
use crate::limits::{Full, Watch};
use crate::trap::TrapCode;

/// What is wrong with a module's bytes.
#[derive(Debug)]
pub(super) enum Fault {
    /// The bytes do not follow the format.
    Malformed { message: String, offset: u64 },
    /// The module does not validate.
    Invalid { message: String, offset: u64 },
    /// The text format could not be read.
    #[cfg_attr(not(feature = "wat"), expect(dead_code, reason = "text is not read"))]
    Text(String),
    /// A limit is exceeded.
    Limit(String),
    /// The engine, or an account, has no room for it.
    NoRoom(String),
    /// The time is up that there was for it.
    Ended(TrapCode),
    /// The code that was made of it before is not for this engine.
    Unfit(Unfit),
}

impl From<Full> for Fault {
    fn from(full: Full) -> Self {
        Self::NoRoom(full.to_string())
    }
}

impl Fault {
    /// The error of a reader.
    pub(super) fn malformed(error: wasmparser::Error) -> Self {
        Self::limit(&error).unwrap_or_else(|| Self::malformed_at(error.message(), error.offset()))
    }

    /// The error of the validator outside function bodies.
    pub(super) fn invalid(error: wasmparser::Error) -> Self {
        Self::limit(&error).unwrap_or_else(|| Self::invalid_at(error.message(), error.offset()))
    }

    /// The error where it says that a limit of wasmparser's is exceeded.
    fn limit(error: &wasmparser::Error) -> Option<Self> {
        const TEXTS: [&str; 6] = [
            "exceeds limit of",
            "exceeds the limit of",
            "locals exceed maximum",
            "string size out of bounds",
            "number of elements is out of bounds",
            "too many data segments",
        ];
        let message = error.message();
        TEXTS
            .iter()
            .any(|text| message.contains(text))
            .then(|| Self::Limit(format!("{message} (at offset {:#x})", error.offset())))
    }

    /// The error of the validator in a function body, which reads and validates in one: the body is
    /// malformed if it cannot be read on its own either.
    pub(super) fn in_body(error: wasmparser::Error, body: &FunctionBody<'_>) -> Self {
        // The one malformation that reading a body alone does not find (WebAssembly 2.0, 5.5.16).
        let needs_data_count = error.message() == "data count section required";
        if needs_data_count || read_through(body).is_err() {
            Self::malformed(error)
        } else {
            Self::invalid(error)
        }
    }

    pub(super) fn malformed_at(message: impl Into<String>, offset: u64) -> Self {
        Self::Malformed {
            message: message.into(),
            offset,
        }
    }

    pub(super) fn invalid_at(message: impl Into<String>, offset: u64) -> Self {
        Self::Invalid {
            message: message.into(),
            offset,
        }
    }

    /// The fault of a function that exceeds a limit.
    pub(super) fn in_func(func: impl Display, message: impl Display) -> Self {
        Self::Limit(format!("function {func}: {message}"))
    }

    /// The fault of a function body that could not be lowered.
    pub(super) fn not_lowered(func: impl Display, error: LowerError) -> Self {
        let message = format!("function {func}: {error}");
        match error {
            LowerError::NoRoom(_) | LowerError::Full(_) => Self::NoRoom(message),
            LowerError::Ended(code) => Self::Ended(code),
            LowerError::Unreadable => Self::Limit(message),
        }
    }

    /// The library's error, with the module's name.
    pub(super) fn of_module(self, name: Option<&str>) -> Error {
        let name: Option<Box<str>> = name.map(Box::from);
        match self {
            Self::Malformed { message, offset } => ModuleError::Malformed {
                name,
                message: message.into(),
                offset,
            },
            Self::Invalid { message, offset } => ModuleError::Invalid {
                name,
                message: message.into(),
                offset,
            },
            Self::Text(message) => ModuleError::Text {
                name,
                message: message.into(),
            },
            Self::Limit(message) => ModuleError::Limit {
                name,
                message: message.into(),
            },
            Self::NoRoom(message) => {
                let name = name.map_or_else(String::new, |name| format!(" {name:?}"));
                return Error::resource(format!("module{name}: {message}"));
            }
            Self::Ended(code) => {
                let name = name.map_or_else(String::new, |name| format!(" {name:?}"));
                return Watch::trap(code, &format!("loading module{name}")).into();
            }
            Self::Unfit(unfit) => {
                let name = name.map_or_else(String::new, |name| format!(" {name:?}"));
                return Error::usage(format!("module{name}: {unfit}"));
            }
        }
        .into()
    }
}

impl From<TrapCode> for Fault {
    fn from(code: TrapCode) -> Self {
        Self::Ended(code)
    }
}

/// Reads a function body without validating it.
fn read_through(body: &FunctionBody<'_>) -> wasmparser::Result<()> {
    for local in body.get_locals_reader()? {
        local?;
    }
    let mut ops = body.get_operators_reader()?;
    while !ops.eof() {
        ops.read()?;
    }
    ops.finish()
}
