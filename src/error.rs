//! The errors of the library, as types that a program can match on.

use crate::trap::Trap;

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. One pointer wide.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<ErrorKind>);

/// The kinds of [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A module's bytes are not a module, or not a valid one, or exceed a limit.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// A module's imports could not be satisfied.
    #[cfg(feature = "run")]
    #[error(transparent)]
    Link(#[from] crate::link::LinkError),
    /// The guest trapped.
    #[error(transparent)]
    Trap(#[from] Trap),
    /// A host function returned an error, which ended the guest's execution.
    #[cfg(feature = "run")]
    #[error(transparent)]
    Host(anyhow::Error),
    /// The guest ended itself with an exit code (WASI's `proc_exit`).
    #[error(transparent)]
    Exit(#[from] I32Exit),
    /// The guest called a function of the host that it was not allowed to call.
    #[error(transparent)]
    Denied(#[from] HostCallDenied),
    /// The library was asked for something that does not exist, or with the wrong arguments.
    #[error("{0}")]
    Usage(String),
    /// The host or the engine's pool has no room, or a limit of the store forbids it.
    #[error("{0}")]
    Resource(String),
}

/// The guest ended itself: an orderly end, 0 included, of which a host function tells by returning
/// this as its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exit code {0}")]
pub struct I32Exit(pub i32);

/// The guest called a function of the host that it was not allowed to call, which ended it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("host call {module}.{function} is not allowed; allow it by its name, {function}")]
pub struct HostCallDenied {
    /// The name of the module that the function was imported from.
    pub module: String,
    /// The function's name.
    pub function: String,
}

/// Why bytes are not a module that holdall takes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// The bytes do not follow the binary format (WebAssembly 2.0, chapter 5).
    #[error("malformed module{}: {message} (at offset {offset:#x})", of_name(.name))]
    Malformed {
        /// The module's name, where it is known.
        name: Option<Box<str>>,
        /// What is wrong.
        message: Box<str>,
        /// Where in the bytes.
        offset: u64,
    },
    /// The module is well formed and not valid (WebAssembly 2.0, chapter 3).
    #[error("module{} does not validate: {message} (at offset {offset:#x})", of_name(.name))]
    Invalid {
        /// The module's name, where it is known.
        name: Option<Box<str>>,
        /// What is wrong.
        message: Box<str>,
        /// Where in the bytes.
        offset: u64,
    },
    /// The text format could not be read.
    #[error("module{} is not readable as text: {message}", of_name(.name))]
    Text {
        /// The module's name, where it is known.
        name: Option<Box<str>>,
        /// What is wrong, and where.
        message: Box<str>,
    },
    /// The module exceeds one of holdall's limits.
    #[error("module{} exceeds a limit: {message}", of_name(.name))]
    Limit {
        /// The module's name, where it is known.
        name: Option<Box<str>>,
        /// Which limit, and by how much.
        message: Box<str>,
    },
}

fn of_name(name: &Option<Box<str>>) -> String {
    name.as_ref()
        .map_or_else(String::new, |name| format!(" {name:?}"))
}

impl Error {
    /// The kind, for matching.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// The kind, by value.
    #[must_use]
    pub fn into_kind(self) -> ErrorKind {
        *self.0
    }

    /// The trap, where it is one, of a module or of one that it needs.
    #[must_use]
    pub fn trap(&self) -> Option<&Trap> {
        match self.cause() {
            ErrorKind::Trap(trap) => Some(trap),
            _ => None,
        }
    }

    /// The exit code, where the guest ended itself, or a module that it needs did as it started.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        match self.cause() {
            ErrorKind::Exit(I32Exit(code)) => Some(*code),
            _ => None,
        }
    }

    /// The call of the host that was not allowed, where that ended the guest, or a module that it
    /// needs as it started.
    #[must_use]
    pub fn denied(&self) -> Option<&HostCallDenied> {
        match self.cause() {
            ErrorKind::Denied(denied) => Some(denied),
            _ => None,
        }
    }

    /// The kind; of a module that did not start, why it did not.
    fn cause(&self) -> &ErrorKind {
        match self.kind() {
            #[cfg(feature = "run")]
            ErrorKind::Link(crate::link::LinkError::Start { source, .. }) => source.cause(),
            kind => kind,
        }
    }

    /// The trap that it is itself.
    pub(crate) fn trap_mut(&mut self) -> Option<&mut Trap> {
        match &mut *self.0 {
            ErrorKind::Trap(trap) => Some(trap),
            _ => None,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        ErrorKind::Usage(message.into()).into()
    }

    pub(crate) fn resource(message: impl Into<String>) -> Self {
        ErrorKind::Resource(message.into()).into()
    }

    /// The error of a host function. An [`Error`] of this library that passed through the host
    /// function keeps its kind, and so does the guest's own end.
    #[cfg(feature = "run")]
    pub(crate) fn host(error: anyhow::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(error) => return error,
            Err(error) => error,
        };
        let error = match error.downcast::<I32Exit>() {
            Ok(exit) => return exit.into(),
            Err(error) => error,
        };
        match error.downcast::<HostCallDenied>() {
            Ok(denied) => denied.into(),
            Err(error) => ErrorKind::Host(error).into(),
        }
    }
}

impl<E: Into<ErrorKind>> From<E> for Error {
    fn from(kind: E) -> Self {
        Self(Box::new(kind.into()))
    }
}
