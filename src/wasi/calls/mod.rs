//! The functions of WASI, a file for each family. Their names are those of its interface
//! description; the table that calls them is [`abi`](super::abi).

pub(super) mod args;
pub(super) mod clock;
pub(super) mod fd;
pub(super) mod io;
pub(super) mod path;
pub(super) mod poll;
pub(super) mod process;
pub(super) mod sock;
pub(super) mod unstable;

use super::abi::{Call, Ptr};
use super::fault::{Errno, Fault, Result};
use super::fs::MAX_PATH_BYTES;

/// What moving so many bytes costs, in units of fuel: as much as the bulk instructions take for it.
fn units(bytes: usize) -> u64 {
    bytes as u64 / 64
}

/// A path in the caller's memory.
pub(super) fn path<'m>(memory: &'m wiggle::GuestMemory<'_>, at: Ptr, len: u32) -> Result<&'m str> {
    if len as usize > MAX_PATH_BYTES {
        return Err(Errno::Nametoolong.into());
    }
    let path = memory.as_str(wiggle::GuestPtr::new((at.0, len)))?;
    path.ok_or_else(|| Errno::Fault.into())
}
