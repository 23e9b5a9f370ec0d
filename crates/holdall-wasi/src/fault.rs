//! How a WASI function ends when it does not succeed: with an error number for the program, or with
//! the end of the guest's execution.

use wasi_common::snapshots::preview_1::types;
use wiggle::GuestError;

use super::errno;
use holdall::Error;
use holdall::provide::Full;
use holdall::{Trap, TrapCode};

pub(crate) use errno::Errno;

/// The result of a WASI function, and of everything below one.
pub(crate) type Result<T = (), E = Fault> = std::result::Result<T, E>;

/// Why a WASI function did not succeed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The program gets this number.
    Errno(Errno),
    /// The guest's execution ends.
    End(anyhow::Error),
}

impl Fault {
    /// Whether it is this number.
    pub(crate) fn is(&self, errno: Errno) -> bool {
        matches!(self, Self::Errno(found) if *found == errno)
    }
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Trap> for Fault {
    fn from(trap: Trap) -> Self {
        Self::End(Error::from(trap).into())
    }
}

/// A pointer outside of memory or not aligned traps, as the documentation of WASI's interface
/// language asks for (witx-docs, "Pointers"); every other bad value has a number.
impl From<GuestError> for Fault {
    fn from(error: GuestError) -> Self {
        match error {
            GuestError::PtrOverflow
            | GuestError::PtrOutOfBounds(_)
            | GuestError::PtrNotAligned(..) => Trap::from(TrapCode::OutOfBoundsMemoryAccess)
                .with_detail(format!("argument of a WASI function: {error}"))
                .into(),
            GuestError::InvalidUtf8(_) => Errno::Ilseq.into(),
            GuestError::TryFromIntError(_) => Errno::Overflow.into(),
            GuestError::InFunc { err, .. } => (*err).into(),
            GuestError::InvalidFlagValue(_)
            | GuestError::InvalidEnumValue(_)
            | GuestError::SliceLengthsDiffer => Errno::Inval.into(),
        }
    }
}

/// What the operating system says and WASI has no number for is an I/O error, never the end of the
/// guest.
impl From<wasi_common::Error> for Fault {
    fn from(error: wasi_common::Error) -> Self {
        let errno: Result<types::Errno, _> = error.downcast();
        Self::Errno(errno.map_or(Errno::Io, Errno::from))
    }
}

/// Without an error of anyhow's on the way, which would take a backtrace where the process is told
/// to have them.
impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        errno::of_io(&error).into()
    }
}

/// What a guest makes the host keep has no more room.
impl From<Full> for Fault {
    fn from(_: Full) -> Self {
        Errno::Nomem.into()
    }
}

impl From<std::num::TryFromIntError> for Fault {
    fn from(_: std::num::TryFromIntError) -> Self {
        Errno::Overflow.into()
    }
}
