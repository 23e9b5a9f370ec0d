//! Why a case could not be run. What the guest itself does, a trap too, is its outcome and no error.

use std::fmt;
use std::path::PathBuf;

use holdall::{Escaped, ExternType, FuncType, ValType};

use crate::outcome::End;

/// The result of what this crate does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a case could not be run, or a session not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A module could not be loaded or linked, or something could not be had of the host.
    #[error(transparent)]
    Engine(#[from] holdall::Error),
    /// A file or a directory of the host could not be read.
    #[error("{} could not be read: {source}", Escaped(&.path.to_string_lossy()))]
    File {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Functions that modules import, and that nobody defines.
    #[error(transparent)]
    Missing(#[from] MissingImports),
    /// A mock that is for no function that a module imports, or does not fit the function.
    #[error("mock {}.{}: {reason}", Escaped(.module), Escaped(.name))]
    Mock {
        /// The module name of the mock.
        module: String,
        /// The name of the mock in it.
        name: String,
        /// What is wrong, and the way out.
        reason: String,
    },
    /// A recording could not be run again, or its modules do something else than what is recorded.
    #[error(transparent)]
    Replay(#[from] holdall_record::ReplayError),
    /// A case says what cannot be: a function that there is not, arguments that do not fit.
    #[error("{0}")]
    Usage(String),
    /// The guest ended: it trapped, exited, or a mock returned an error. Only calls of a
    /// [`Session`](crate::Session) tell this as an error.
    #[error(transparent)]
    Ended(#[from] End),
}

impl Error {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }
}

/// All functions that modules of a graph import and that no module, no host and no mock defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingImports {
    pub(crate) imports: Vec<MissingImport>,
}

/// A function that is imported, and that nobody defines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingImport {
    /// The modules that import the function.
    pub importers: Vec<String>,
    /// The module name that imports say.
    pub module: String,
    /// The name of the function in it.
    pub name: String,
    /// The type of the function.
    pub ty: FuncType,
}

impl MissingImports {
    /// The functions, in the order of their modules and names.
    #[must_use]
    pub fn imports(&self) -> &[MissingImport] {
        &self.imports
    }
}

impl MissingImport {
    /// The line that mocks the function in Rust:
    /// `.mock(Mock::func("env", "now").returns([Val::I64(0)]))`.
    #[must_use]
    pub fn rust(&self) -> String {
        let (module, name) = (&self.module, &self.name);
        let results = self.ty.results();
        let mock = format!("Mock::func({module:?}, {name:?})");
        if results.is_empty() {
            return format!(".mock({mock})");
        }
        // A reference can only be written as text.
        let has_references = results.iter().any(|ty| matches!(ty, ValType::Ref(_)));
        let zero = if has_references { zero_text } else { zero };
        let results: Vec<_> = results.iter().map(zero).collect();
        format!(".mock({mock}.returns([{}]))", results.join(", "))
    }
}

fn zero_text(ty: &ValType) -> &'static str {
    match ty {
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => "\"0\"",
        ValType::V128 => r#""0\\0""#,
        ValType::Ref(_) => "\"null\"",
    }
}

fn zero(ty: &ValType) -> &'static str {
    match ty {
        ValType::I32 => "Val::I32(0)",
        ValType::I64 => "Val::I64(0)",
        ValType::F32 => "Val::F32(0)",
        ValType::F64 => "Val::F64(0)",
        ValType::V128 => "Val::V128(0)",
        ValType::Ref(_) => zero_text(ty),
    }
}

impl fmt::Display for MissingImports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.imports.len();
        let (functions, them) = match count {
            1 => ("function".to_owned(), "it"),
            _ => (format!("{count} functions"), "them"),
        };
        write!(
            f,
            "no module, no host and no mock defines the {functions} that modules import; mock {them}:"
        )?;
        for import in &self.imports {
            let ty = ExternType::Func(import.ty.clone());
            write!(
                f,
                "\n  {}.{}: {ty}, for {}\n    {}",
                Escaped(&import.module),
                Escaped(&import.name),
                Escaped(&import.importers.join(", ")),
                Escaped(&import.rust())
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for MissingImports {}
