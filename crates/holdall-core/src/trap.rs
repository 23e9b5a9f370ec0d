//! Traps: why an execution of a guest ended, and where.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::escape::{Escaped, EscapedLines};

/// Why a guest's execution ended. The texts are those of the specification's reference interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum TrapCode {
    /// An `unreachable` instruction was executed.
    Unreachable,
    /// An integer division or remainder by zero.
    IntegerDivideByZero,
    /// A signed division's result, or a float's truncation, does not fit.
    IntegerOverflow,
    /// A NaN was to be converted to an integer.
    InvalidConversionToInteger,
    /// An access outside a linear memory.
    OutOfBoundsMemoryAccess,
    /// An access outside a table, or outside an element segment.
    OutOfBoundsTableAccess,
    /// `call_indirect` with an index outside the table.
    UndefinedElement,
    /// `call_indirect` of a null element.
    UninitializedElement,
    /// `call_indirect` of a function of another type.
    IndirectCallTypeMismatch,
    /// `ref.as_non_null` of a null reference.
    NullReference,
    /// `call_ref` or `return_call_ref` of a null reference.
    NullFunctionReference,
    /// `throw_ref` of a null reference.
    NullExceptionReference,
    /// `ref.cast` of a reference to a type that the reference does not have.
    CastFailure,
    /// The guest's calls are nested deeper than its stack allows.
    CallStackExhausted,
    /// A function that stands in for a missing import was called.
    MissingImport,
    /// A function of WASI panicked, which is a fault of holdall's; the detail has the panic's
    /// message. A panic in a host function of the embedder's is no trap: it unwinds through the
    /// call that the embedder made, and the store can be used afterwards.
    HostPanic,
    /// The store's fuel is used up (`Limits::fuel`).
    OutOfFuel,
    /// The store's deadline has passed (`Limits::deadline`).
    DeadlineExceeded,
    /// An `InterruptHandle` of the store was used.
    Interrupted,
    /// A function was to be lowered at its first call, and the engine's pool has no room for it; or an
    /// exception was thrown, and the store's account has no room for it.
    OutOfMemory,
    /// A function of the host ended the execution for a reason of its own ([`Trap::new`]).
    Host,
    /// An atomic access at an address that is no multiple of the access's size.
    UnalignedAtomic,
    /// `memory.atomic.wait32` or `memory.atomic.wait64` on a memory that is not shared.
    ExpectedSharedMemory,
    /// `memory.atomic.wait32` or `memory.atomic.wait64` without a timeout, which nothing could end: a store
    /// has one thread.
    EndlessWait,
}

impl TrapCode {
    /// All of them, each at its own number.
    #[doc(hidden)]
    pub const ALL: [Self; 24] = [
        Self::Unreachable,
        Self::IntegerDivideByZero,
        Self::IntegerOverflow,
        Self::InvalidConversionToInteger,
        Self::OutOfBoundsMemoryAccess,
        Self::OutOfBoundsTableAccess,
        Self::UndefinedElement,
        Self::UninitializedElement,
        Self::IndirectCallTypeMismatch,
        Self::NullReference,
        Self::NullFunctionReference,
        Self::NullExceptionReference,
        Self::CastFailure,
        Self::CallStackExhausted,
        Self::MissingImport,
        Self::HostPanic,
        Self::OutOfFuel,
        Self::DeadlineExceeded,
        Self::Interrupted,
        Self::OutOfMemory,
        Self::Host,
        Self::UnalignedAtomic,
        Self::ExpectedSharedMemory,
        Self::EndlessWait,
    ];

    /// The text of the specification.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::IntegerDivideByZero => "integer divide by zero",
            Self::IntegerOverflow => "integer overflow",
            Self::InvalidConversionToInteger => "invalid conversion to integer",
            Self::OutOfBoundsMemoryAccess => "out of bounds memory access",
            Self::OutOfBoundsTableAccess => "out of bounds table access",
            Self::UndefinedElement => "undefined element",
            Self::UninitializedElement => "uninitialized element",
            Self::IndirectCallTypeMismatch => "indirect call type mismatch",
            Self::NullReference => "null reference",
            Self::NullFunctionReference => "null function reference",
            Self::NullExceptionReference => "null exception reference",
            Self::CastFailure => "cast failure",
            Self::CallStackExhausted => "call stack exhausted",
            Self::MissingImport => "call of a missing import",
            Self::HostPanic => "host function panicked",
            Self::OutOfFuel => "out of fuel",
            Self::DeadlineExceeded => "deadline exceeded",
            Self::Interrupted => "interrupted",
            Self::OutOfMemory => "out of memory",
            Self::Host => "trap of the host",
            Self::UnalignedAtomic => "unaligned atomic",
            Self::ExpectedSharedMemory => "expected shared memory",
            Self::EndlessWait => "a wait that nothing can end: no timeout, and no other thread",
        }
    }
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for TrapCode {}

/// One function on the guest's call stack when it trapped.
///
/// A name has at most [`Frame::MAX_NAME_BYTES`] bytes. Names and offsets that are not found within
/// 20 ms, for all frames of the trap together, are left out. Offsets are found by lowering the
/// function again, so that large functions far out may have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The name under which the module was loaded, else the name that it gives itself.
    pub module: Option<Arc<str>>,
    /// The index of the function in its module's function index space.
    pub func_index: u32,
    /// The function's name, from the module's name section.
    pub func_name: Option<Arc<str>>,
    /// The offset in the module's bytes of the instruction that trapped or called.
    pub offset: Option<u64>,
    /// The same offset in the function's body, which begins with the declarations of its locals.
    pub func_offset: Option<u64>,
    /// The instance that the function is of.
    #[doc(hidden)]
    pub instance: Whose,
}

/// Which instance of a store a frame is of: the address of the instance, for the store alone to know. It is no
/// part of a frame's identity: all are equal.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Whose(pub usize);

impl PartialEq for Whose {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Whose {}

impl Frame {
    /// The most bytes of a name that a frame keeps. Of a longer name the frame keeps the beginning
    /// and `…`.
    pub const MAX_NAME_BYTES: usize = 256;

    /// A name as a frame keeps it.
    #[doc(hidden)]
    #[must_use]
    pub fn name(name: &str) -> Arc<str> {
        const MORE: &str = "…";
        if name.len() <= Self::MAX_NAME_BYTES {
            return name.into();
        }
        let end = name.floor_char_boundary(Self::MAX_NAME_BYTES - MORE.len());
        [&name[..end], MORE].concat().into()
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names are the guest's to choose: they must not control a terminal.
        match &self.module {
            Some(name) => write!(f, "{}!", Escaped(name))?,
            None => f.write_str("<unnamed>!")?,
        }
        match &self.func_name {
            Some(name) => Escaped(name).fmt(f)?,
            None => write!(f, "<func {}>", self.func_index)?,
        }
        self.offset.map_or(Ok(()), |at| write!(f, " @ {at:#x}"))
    }
}

/// A trap: its reason, and the guest's calls at that moment, innermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    code: TrapCode,
    detail: Option<Box<str>>,
    frames: Vec<Frame>,
    looks: Looks,
}

/// How long names and offsets of one trap's frames are looked for.
const LOOKS: Duration = Duration::from_millis(20);

/// The moment until which they are looked for. It is no part of a trap's identity: all are equal.
#[derive(Clone, Copy, Debug)]
struct Looks(Option<Instant>);

impl PartialEq for Looks {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Looks {}

impl Trap {
    /// At most this many frames of a backtrace are kept.
    pub const MAX_FRAMES: usize = 64;

    /// A trap for a reason of the host's own, which `message` tells. For a host function to return.
    /// The code is [`TrapCode::Host`].
    ///
    /// A trap for a reason of the specification is made of its code:
    /// `Trap::from(TrapCode::Unreachable)`.
    #[must_use]
    pub fn new(message: impl Into<Box<str>>) -> Self {
        Self::from(TrapCode::Host).with_detail(message)
    }

    /// The trap with a text that tells more than its code. The text replaces an earlier one.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Box<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The moment until which names and offsets of the trap's frames are looked for. The moment is
    /// set at the first call, and holds for all executions that the trap passes through.
    #[doc(hidden)]
    pub fn looks_until(&mut self) -> Instant {
        let Looks(until) = &mut self.looks;
        *until.get_or_insert_with(|| Instant::now() + LOOKS)
    }

    /// How many more frames the trap can keep.
    #[doc(hidden)]
    #[must_use]
    pub fn room(&self) -> usize {
        Self::MAX_FRAMES.saturating_sub(self.frames.len())
    }

    /// Adds the calls that led to the trap, or to the host function that the trap passed through, as many as
    /// the trap has [`room`](Self::room) for.
    #[doc(hidden)]
    pub fn add_callers(&mut self, frames: Vec<Frame>) {
        self.frames.extend(frames.into_iter().take(self.room()));
    }

    /// The reason.
    #[must_use]
    pub fn code(&self) -> TrapCode {
        self.code
    }

    /// What is told beyond the code, such as the message of [`Trap::new`], or the limit that was
    /// reached.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// [`Trap::code`], by reference.
    #[doc(hidden)]
    #[must_use]
    pub fn code_ref(&self) -> &TrapCode {
        &self.code
    }

    /// The calls that led here, innermost first, at most [`Trap::MAX_FRAMES`].
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }
}

impl From<TrapCode> for Trap {
    fn from(code: TrapCode) -> Self {
        Self {
            code,
            detail: None,
            frames: Vec::new(),
            looks: Looks(None),
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(message) if self.code == TrapCode::Host => EscapedLines(message).fmt(f)?,
            Some(detail) => write!(f, "{}: {}", self.code, Escaped(detail))?,
            None => self.code.fmt(f)?,
        }
        for (depth, frame) in self.frames.iter().enumerate() {
            write!(f, "\n  {depth}: {frame}")?;
        }
        if self.frames.len() == Self::MAX_FRAMES {
            write!(f, "\n  (the innermost {} frames)", Self::MAX_FRAMES)?;
        }
        Ok(())
    }
}

impl std::error::Error for Trap {}
