//! Sockets. No grant gives one, so every descriptor is something else.

use wasi_common::snapshots::preview_1::types::{Fdflags, Riflags, Sdflags};

use super::{Call, Errno, Ptr, Result};

/// What a function of sockets says of a descriptor that is none.
fn not_a_socket(call: &mut Call<'_>, fd: u32) -> Result<()> {
    call.context.descriptors.get(fd)?;
    Err(Errno::Notsock.into())
}

pub(crate) fn sock_accept(call: &mut Call<'_>, fd: u32, _: Fdflags, _opened: Ptr) -> Result<()> {
    not_a_socket(call, fd)
}

pub(crate) fn sock_recv(
    call: &mut Call<'_>,
    fd: u32,
    _iovs: Ptr,
    _iovs_len: u32,
    _: Riflags,
    _size: Ptr,
    _flags: Ptr,
) -> Result<()> {
    not_a_socket(call, fd)
}

pub(crate) fn sock_send(
    call: &mut Call<'_>,
    fd: u32,
    _iovs: Ptr,
    _iovs_len: u32,
    _flags: u32,
    _size: Ptr,
) -> Result<()> {
    not_a_socket(call, fd)
}

pub(crate) fn sock_shutdown(call: &mut Call<'_>, fd: u32, _: Sdflags) -> Result<()> {
    not_a_socket(call, fd)
}
