//! What is wrong with a module's bytes, before the module's name is put to it. Knows which of
//! wasmparser's errors are malformations and which are failures of validation: wasmparser's error
//! type does not say.

use std::fmt::Display;

use wasmparser::FunctionBody;

use super::proposals::Proposals;
use crate::trap::TrapCode;

/// What is wrong with a module's bytes.
#[derive(Debug)]
pub enum Fault {
    /// The bytes do not follow the format.
    Malformed {
        /// What is wrong.
        message: String,
        /// Where, in bytes from the module's beginning.
        offset: u64,
    },
    /// The module does not validate.
    Invalid {
        /// What is wrong.
        message: String,
        /// Where, in bytes from the module's beginning.
        offset: u64,
    },
    /// The module is valid with proposals that are off, or that holdall does not have.
    Lacking {
        /// The proposals that the module needs and does not get.
        proposals: Proposals,
        /// What is wrong without them.
        message: String,
        /// Where, in bytes from the module's beginning.
        offset: u64,
    },
    /// A limit is exceeded.
    Limit(String),
    /// The time is up, or the work was interrupted.
    Ended(TrapCode),
}

impl Fault {
    /// The error of a reader.
    pub(crate) fn malformed(error: wasmparser::Error) -> Self {
        Self::limit(&error).unwrap_or_else(|| Self::malformed_at(error.message(), error.offset()))
    }

    /// The error of the validator outside function bodies.
    pub(crate) fn invalid(error: wasmparser::Error) -> Self {
        Self::limit(&error).unwrap_or_else(|| Self::invalid_at(error.message(), error.offset()))
    }

    /// The fault, where the error says that a limit of wasmparser's is exceeded.
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

    /// The error of the validator in a function body. The validator reads and validates at once:
    /// the body is malformed if it cannot be read without validation either.
    pub(super) fn in_body(error: wasmparser::Error, body: &FunctionBody<'_>) -> Self {
        // The one malformation that reading without validation does not find (WebAssembly 2.0,
        // 5.5.16).
        let needs_data_count = error.message() == "data count section required";
        if needs_data_count || read_through(body).is_err() {
            Self::malformed(error)
        } else {
            Self::invalid(error)
        }
    }

    /// A fault of the format at an offset.
    pub fn malformed_at(message: impl Into<String>, offset: u64) -> Self {
        Self::Malformed {
            message: message.into(),
            offset,
        }
    }

    /// A failure of validation at an offset.
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
