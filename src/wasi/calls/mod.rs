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

use wiggle::{GuestMemory, GuestPtr};

use super::abi::{Call, Ptr};
use super::fault::{Errno, Fault, Result};
use super::fs::MAX_PATH_BYTES;

/// What moving so many bytes costs, in units of fuel: as much as the bulk instructions take for it.
fn units(bytes: usize) -> u64 {
    bytes as u64 / 64
}

/// Bytes in the caller's memory. No bytes are anywhere: their address is not looked at.
fn bytes<'m>(memory: &'m GuestMemory<'_>, at: Ptr, len: u32) -> Result<&'m [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    let bytes = memory.as_slice(GuestPtr::new((at.0, len)))?;
    bytes.ok_or_else(|| Errno::Fault.into())
}

/// Bytes in the caller's memory, to be written. No bytes are anywhere.
fn bytes_mut<'m>(memory: &'m mut GuestMemory<'_>, at: Ptr, len: u32) -> Result<&'m mut [u8]> {
    if len == 0 {
        return Ok(&mut []);
    }
    let bytes = memory.as_slice_mut(GuestPtr::new((at.0, len)))?;
    bytes.ok_or_else(|| Errno::Fault.into())
}

/// A path in the caller's memory.
pub(super) fn path<'m>(memory: &'m GuestMemory<'_>, at: Ptr, len: u32) -> Result<&'m str> {
    if len as usize > MAX_PATH_BYTES {
        return Err(Errno::Nametoolong.into());
    }
    std::str::from_utf8(bytes(memory, at, len)?).map_err(|_| Errno::Ilseq.into())
}
