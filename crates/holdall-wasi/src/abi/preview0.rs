//! `wasi_unstable`, preview 0: what differs from preview 1, which has the rest.

use wasi_common::snapshots::preview_0::types::Whence;
use wasi_common::snapshots::preview_1::types::Lookupflags;

use super::super::calls::unstable;
use super::arg::Ptr;
use super::{Function, functions};

pub(super) const FUNCTIONS: &[Function] = functions! {
    fd_filestat_get(fd: u32, buf: Ptr) = unstable::fd_filestat_get;
    fd_seek(fd: u32, offset: i64, whence: Whence, newoffset: Ptr) = unstable::fd_seek;
    path_filestat_get(fd: u32, flags: Lookupflags, path: Ptr, path_len: u32, buf: Ptr)
        = unstable::path_filestat_get;
    poll_oneoff(subscriptions: Ptr, events: Ptr, nsubscriptions: u32, nevents: Ptr)
        = unstable::poll_oneoff;
};

/// Whether preview 1's function of this name is preview 0's too.
pub(super) fn shares(name: &str) -> bool {
    name != "sock_accept" && FUNCTIONS.iter().all(|own| own.name != name)
}
