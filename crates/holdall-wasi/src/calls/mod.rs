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
use super::memory::Memory;

/// A path in the caller's memory. The system looks up each name in it, so each byte costs a unit.
pub(super) fn path<'m>(memory: &'m Memory<'_>, at: Ptr, len: u32) -> Result<&'m str> {
    if len as usize > MAX_PATH_BYTES {
        return Err(Errno::Nametoolong.into());
    }
    memory.owe(len.into());
    std::str::from_utf8(memory.bytes(at, len)?).map_err(|_| Errno::Ilseq.into())
}
