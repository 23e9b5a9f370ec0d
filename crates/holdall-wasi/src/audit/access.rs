//! What the row of a function and its arguments say that a call does: reads, or changes.

use wasi_common::snapshots::preview_1::types::{Fdflags, Oflags, Rights};

use crate::abi::Function;
use crate::grants::Access;

/// What has to be granted for a call to do what it is asked to, of descriptors and paths.
pub(super) fn access(function: &Function, slots: &[u64]) -> Option<Access> {
    match function.name {
        "fd_allocate"
        | "fd_filestat_set_size"
        | "fd_filestat_set_times"
        | "fd_pwrite"
        | "fd_write"
        | "path_create_directory"
        | "path_filestat_set_times"
        | "path_link"
        | "path_remove_directory"
        | "path_rename"
        | "path_symlink"
        | "path_unlink_file"
        | "sock_send" => Some(Access::ReadWrite),
        "path_open" => Some(access_to_open(function, slots)),
        "fd_advise"
        | "fd_datasync"
        | "fd_fdstat_set_flags"
        | "fd_filestat_get"
        | "fd_pread"
        | "fd_read"
        | "fd_readdir"
        | "fd_seek"
        | "fd_sync"
        | "fd_tell"
        | "path_filestat_get"
        | "path_readlink"
        | "sock_accept"
        | "sock_recv"
        | "sock_shutdown" => Some(Access::ReadOnly),
        // The rest asks about descriptors themselves, or for nothing that has one.
        _ => None,
    }
}

/// A file that is to be written, made, or cut, can be changed, however the call ends.
fn access_to_open(function: &Function, slots: &[u64]) -> Access {
    let flag = |name| argument(function, slots, name).unwrap_or_default();
    let rights = Rights::FD_WRITE.bits();
    let changes = u64::from(flag("fs_rights_base")) & rights != 0
        || flag("oflags") & u32::from((Oflags::CREAT | Oflags::TRUNC).bits()) != 0
        || flag("fdflags") & u32::from(Fdflags::APPEND.bits()) != 0;
    if changes {
        Access::ReadWrite
    } else {
        Access::ReadOnly
    }
}

/// The low half of the argument of a name.
pub(super) fn argument(function: &Function, slots: &[u64], name: &str) -> Option<u32> {
    let index = function.params.iter().position(|param| param.name == name);
    index.map(|index| low(slots[index]))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "an i32 stands in a slot's low half"
)]
pub(super) fn low(slot: u64) -> u32 {
    slot as u32
}
