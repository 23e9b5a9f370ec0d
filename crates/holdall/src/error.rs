//! The errors of the library, as types that a program can match on, and the way from an error to what
//! caused it.

use std::any::Any;
use std::error::Error as StdError;

use holdall_core::module::{Proposal, Proposals};

use crate::canonical::Stale;
use crate::escape::{Escaped, EscapedLines};
use crate::exception::Exception;
use crate::trap::{Trap, TrapCode};

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. One pointer wide.
///
/// [`Error::kind`] is for matching. [`Error::trap`], [`Error::exception`], [`Error::exit_code`] and
/// [`Error::downcast_ref`] find what ended a guest wherever it is in the chain of causes, also
/// where a host function put a text or an error of its own around it.
///
/// ```
/// use holdall::{Engine, Error, Func, Store, Trap};
///
/// # fn main() -> holdall::Result<()> {
/// let mut store = Store::new(&Engine::default(), ());
/// let fails = Func::wrap(&mut store, || -> Result<(), Trap> { Err(Trap::new("no more ink")) });
/// let error: Error = fails.call(&mut store, &[], &mut []).unwrap_err();
/// assert_eq!(error.to_string(), "no more ink");
/// assert!(error.trap().is_some() && error.is::<Trap>());
/// # Ok(())
/// # }
/// ```
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
    #[error(transparent)]
    Link(#[from] crate::link::LinkError),
    /// The guest trapped.
    #[error(transparent)]
    Trap(#[from] Trap),
    /// A host function returned an error, which ended the guest's execution.
    #[error(transparent)]
    Host(anyhow::Error),
    /// The guest threw an exception, or a host function did, and nobody caught it.
    #[error(transparent)]
    Exception(#[from] Exception),
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

/// The guest ended itself with an exit code, 0 included. A host function ends its guest so by
/// returning this as its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exit code {0}")]
pub struct I32Exit(pub i32);

/// The guest called a function of the host that it was not allowed to call, which ended it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "host call {}.{} is not allowed; allow it by its name, {}",
    Escaped(.module), Escaped(.function), Escaped(.function)
)]
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
    /// The module's file could not be read.
    #[error("module {name:?} could not be read: {source}")]
    File {
        /// The file's path.
        name: Box<str>,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The bytes do not follow the binary format (WebAssembly 2.0, chapter 5).
    #[error("malformed module{}: {} (at offset {offset:#x})", of_name(.name), Escaped(.message))]
    Malformed {
        /// The module's name, where it is known.
        name: Option<Box<str>>,
        /// What is wrong.
        message: Box<str>,
        /// Where in the bytes.
        offset: u64,
    },
    /// The module is well formed but not valid (WebAssembly 2.0, chapter 3).
    #[error(
        "module{} does not validate: {} (at offset {offset:#x})", of_name(.name), Escaped(.message)
    )]
    Invalid {
        /// The module's name, where it is known.
        name: Option<Box<str>>,
        /// What is wrong.
        message: Box<str>,
        /// Where in the bytes.
        offset: u64,
    },
    /// The module is valid, with proposals that are off or that holdall does not have.
    #[error(
        "module{} needs {}: {} (at offset {offset:#x}){}",
        of_name(.name), needed(*.proposals), Escaped(.message), way_out(*.proposals)
    )]
    Lacking {
        /// The module's name, where it is known.
        name: Option<Box<str>>,
        /// The proposals that the module needs and does not get.
        proposals: Proposals,
        /// What is wrong without them.
        message: Box<str>,
        /// Where in the bytes.
        offset: u64,
    },
    /// The text format could not be read.
    #[error("module{} is not readable as text: {}", of_name(.name), text_fault(.message))]
    Text {
        /// The module's name, where it is known.
        name: Option<Box<str>>,
        /// What is wrong, and where.
        message: Box<str>,
    },
    /// The module exceeds one of holdall's limits.
    #[error("module{} exceeds a limit: {}", of_name(.name), Escaped(.message))]
    Limit {
        /// The module's name, where it is known.
        name: Option<Box<str>>,
        /// Which limit, and by how much.
        message: Box<str>,
    },
}

/// What is wrong with a text: a line, and behind it the place in the text, in several lines.
fn text_fault(message: &str) -> String {
    match message.rsplit_once("\n     --> ") {
        Some((what, place)) => {
            let (what, place) = (Escaped(what), EscapedLines(place));
            format!("{what}\n     --> {place}")
        }
        None => Escaped(message).to_string(),
    }
}

/// The proposals that a module needs, and why it does not get them.
fn needed(proposals: Proposals) -> String {
    let off: Proposals = proposals.iter().filter(|it| it.is_available()).collect();
    let missing = proposals.difference(off);
    let and = |proposals: Proposals| proposals.to_string().replace(' ', " and ");
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("{}, which holdall does not have", and(missing)));
    }
    if !off.is_empty() {
        let verb = if off.iter().count() == 1 { "is" } else { "are" };
        parts.push(format!("{}, which {verb} off", and(off)));
    }
    parts.join(", and ")
}

/// What to do where all that a module needs is only off.
fn way_out(proposals: Proposals) -> String {
    if !proposals.iter().all(Proposal::is_available) {
        return String::new();
    }
    let each = |switch: fn(Proposal) -> String, and: &str| {
        let switches: Vec<_> = proposals.iter().map(switch).collect();
        switches.join(and)
    };
    let of_config = each(|it| format!("Config::{}", it.switch()), " and ");
    let of_command = each(|it| it.to_string(), ",");
    format!("; turn on with {of_config}, or -W {of_command} of the command")
}

fn of_name(name: &Option<Box<str>>) -> String {
    name.as_ref()
        .map_or_else(String::new, |name| format!(" {name:?}"))
}

impl Error {
    /// An error of the program's own, for a host function to return.
    #[must_use]
    pub fn new(error: impl StdError + Send + Sync + 'static) -> Self {
        ErrorKind::from(anyhow::Error::new(error)).into()
    }

    /// An error that is a text, for a host function to return.
    #[must_use]
    pub fn msg(message: impl std::fmt::Display + std::fmt::Debug + Send + Sync + 'static) -> Self {
        ErrorKind::Host(anyhow::Error::msg(message)).into()
    }

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

    /// The trap, where a trap ended the guest or kept a module from starting: the error itself, or
    /// one of its causes.
    #[must_use]
    pub fn trap(&self) -> Option<&Trap> {
        self.find()
    }

    /// The exception that nobody in the guest caught: the error itself, or one of its causes.
    #[must_use]
    pub fn exception(&self) -> Option<&Exception> {
        self.find()
    }

    /// The exit code, where the guest ended itself, or where a module that it needs did so at its
    /// start.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        self.find::<I32Exit>().map(|exit| exit.0)
    }

    /// The call of the host that was not allowed, where such a call ended the guest, or a module
    /// that it needs at its start.
    #[must_use]
    pub fn denied(&self) -> Option<&HostCallDenied> {
        self.find()
    }

    /// The error of type `E` that this error is, or that is one of its causes: [`Trap`],
    /// [`TrapCode`], [`I32Exit`], a [`ModuleError`], a [`LinkError`](crate::LinkError), or what a
    /// host function returned.
    #[must_use]
    pub fn downcast_ref<E: StdError + Send + Sync + 'static>(&self) -> Option<&E> {
        if let ErrorKind::Host(error) = self.kind()
            && let Some(found) = error.downcast_ref()
        {
            return Some(found);
        }
        self.find().or_else(|| {
            let code: &dyn Any = self.trap()?.code_ref();
            code.downcast_ref()
        })
    }

    /// Whether there is an error of type `E` for [`Error::downcast_ref`].
    #[must_use]
    pub fn is<E: StdError + Send + Sync + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The error of type `E`, by value, where this error is an `E`, or a host function returned an
    /// `E`, whatever text the function put around it.
    ///
    /// # Errors
    /// This error, where it is no `E`. So it is also where an `E` is only the
    /// [`source`](std::error::Error::source) of another error, which owns the `E`.
    pub fn downcast<E: StdError + Send + Sync + 'static>(self) -> Result<E, Self> {
        fn of<S: Any, E: Any>(error: S, back: impl FnOnce(S) -> ErrorKind) -> Result<E, Error> {
            let mut error = Some(error);
            let any: &mut dyn Any = &mut error;
            match any.downcast_mut::<Option<E>>().and_then(Option::take) {
                Some(found) => Ok(found),
                None => Err(back(error.expect("it was not taken")).into()),
            }
        }
        match self.into_kind() {
            ErrorKind::Module(error) => of(error, ErrorKind::Module),
            ErrorKind::Link(error) => of(error, ErrorKind::Link),
            ErrorKind::Trap(trap) => of(trap, ErrorKind::Trap),
            ErrorKind::Host(error) => error
                .downcast()
                .map_err(|error| ErrorKind::Host(error).into()),
            ErrorKind::Exception(thrown) => of(thrown, ErrorKind::Exception),
            ErrorKind::Exit(exit) => of(exit, ErrorKind::Exit),
            ErrorKind::Denied(denied) => of(denied, ErrorKind::Denied),
            kind @ (ErrorKind::Usage(_) | ErrorKind::Resource(_)) => Err(kind.into()),
        }
    }

    /// This error, then its causes, each the cause of the one before.
    pub fn chain(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        std::iter::successors(Some(self.inner()), |&error| {
            let source = error.source()?;
            // An error of this library stands for what its kind holds.
            Some(source.downcast_ref().map_or(source, Self::inner))
        })
    }

    /// The last of [`Error::chain`]: the first cause.
    #[must_use]
    pub fn root_cause(&self) -> &(dyn StdError + 'static) {
        self.chain().last().unwrap_or(self)
    }

    /// The first error of type `E` in the chain.
    fn find<E: StdError + 'static>(&self) -> Option<&E> {
        self.chain().find_map(|error| error.downcast_ref())
    }

    /// What the kind holds, where that is an error itself; else the kind.
    fn inner(&self) -> &(dyn StdError + 'static) {
        match self.kind() {
            ErrorKind::Module(error) => error,
            ErrorKind::Link(error) => error,
            ErrorKind::Trap(trap) => trap,
            ErrorKind::Host(error) => &**error,
            ErrorKind::Exception(thrown) => thrown,
            ErrorKind::Exit(exit) => exit,
            ErrorKind::Denied(denied) => denied,
            kind @ (ErrorKind::Usage(_) | ErrorKind::Resource(_)) => kind,
        }
    }

    /// The error with the name of its module, where the error has no name yet.
    pub(crate) fn of_module(mut self, of: &str) -> Self {
        if let ErrorKind::Module(
            ModuleError::Malformed { name, .. }
            | ModuleError::Invalid { name, .. }
            | ModuleError::Lacking { name, .. }
            | ModuleError::Text { name, .. }
            | ModuleError::Limit { name, .. },
        ) = &mut *self.0
        {
            name.get_or_insert_with(|| of.into());
        }
        self
    }

    /// The exception that this error is.
    pub(crate) fn exception_mut(&mut self) -> Option<&mut Exception> {
        match &mut *self.0 {
            ErrorKind::Exception(exception) => Some(exception),
            _ => None,
        }
    }

    /// The trap that this error is, whatever text a host function put around the trap.
    pub(crate) fn trap_mut(&mut self) -> Option<&mut Trap> {
        match &mut *self.0 {
            ErrorKind::Trap(trap) => Some(trap),
            ErrorKind::Host(error) => {
                if error.is::<Self>() {
                    error.downcast_mut::<Self>()?.trap_mut()
                } else {
                    error.downcast_mut()
                }
            }
            _ => None,
        }
    }

    /// An error of the kind [`ErrorKind::Usage`]: something was used as it cannot be.
    pub fn usage(message: impl Into<String>) -> Self {
        ErrorKind::Usage(message.into()).into()
    }

    /// An error of the kind [`ErrorKind::Resource`]: there is no room for what was asked for.
    pub fn resource(message: impl Into<String>) -> Self {
        ErrorKind::Resource(message.into()).into()
    }
}

/// The error of a host function. An [`Error`], a [`Trap`], an [`Exception`] or the guest's own end keeps
/// its kind where nothing was put around it.
impl From<anyhow::Error> for ErrorKind {
    fn from(error: anyhow::Error) -> Self {
        /// The error as an `E`, where nothing was put around the `E`.
        fn bare<E: StdError + Send + Sync + 'static>(
            error: anyhow::Error,
        ) -> Result<E, anyhow::Error> {
            let outermost: &(dyn StdError + 'static) = &*error;
            if outermost.is::<E>() {
                error.downcast()
            } else {
                Err(error)
            }
        }
        bare::<Error>(error)
            .map(Error::into_kind)
            .or_else(|error| bare::<Trap>(error).map(Self::from))
            .or_else(|error| bare::<TrapCode>(error).map(Self::from))
            .or_else(|error| bare::<Exception>(error).map(Self::from))
            .or_else(|error| bare::<I32Exit>(error).map(Self::from))
            .or_else(|error| bare::<HostCallDenied>(error).map(Self::from))
            .unwrap_or_else(Self::Host)
    }
}

/// A type that was kept longer than the modules that declare it.
impl From<Stale> for ErrorKind {
    fn from(stale: Stale) -> Self {
        Self::Usage(stale.to_string())
    }
}

impl From<TrapCode> for ErrorKind {
    fn from(code: TrapCode) -> Self {
        Trap::from(code).into()
    }
}

impl<E: Into<ErrorKind>> From<E> for Error {
    fn from(kind: E) -> Self {
        Self(Box::new(kind.into()))
    }
}
