//! `wasi_snapshot_preview1`. The names of functions and parameters, and their order, are those of
//! its interface description; strings and lists are an address and a count.

use wasi_common::snapshots::preview_1::types::{
    Advice, Clockid, Fdflags, Fstflags, Lookupflags, Oflags, Riflags, Rights, Sdflags, Whence,
};

use super::super::calls::{args, clock, fd, io, path, poll, process, sock};
use super::arg::Ptr;
use super::{Function, functions};

pub(super) const FUNCTIONS: &[Function] = functions! {
    args_get(argv: Ptr, argv_buf: Ptr) = args::args_get;
    args_sizes_get(argc: Ptr, argv_buf_size: Ptr) = args::args_sizes_get;
    environ_get(environ: Ptr, environ_buf: Ptr) = args::environ_get;
    environ_sizes_get(environc: Ptr, environ_buf_size: Ptr) = args::environ_sizes_get;

    clock_res_get(id: Clockid, resolution: Ptr) = clock::clock_res_get;
    clock_time_get(id: Clockid, precision: u64, time: Ptr) = clock::clock_time_get;

    fd_advise(fd: u32, offset: u64, len: u64, advice: Advice) = fd::fd_advise;
    fd_allocate(fd: u32, offset: u64, len: u64) = fd::fd_allocate;
    fd_close(fd: u32) = fd::fd_close;
    fd_datasync(fd: u32) = fd::fd_datasync;
    fd_fdstat_get(fd: u32, stat: Ptr) = fd::fd_fdstat_get;
    fd_fdstat_set_flags(fd: u32, flags: Fdflags) = fd::fd_fdstat_set_flags;
    fd_fdstat_set_rights(fd: u32, fs_rights_base: Rights, fs_rights_inheriting: Rights)
        = fd::fd_fdstat_set_rights;
    fd_filestat_get(fd: u32, buf: Ptr) = fd::fd_filestat_get;
    fd_filestat_set_size(fd: u32, size: u64) = fd::fd_filestat_set_size;
    fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, fst_flags: Fstflags)
        = fd::fd_filestat_set_times;
    fd_pread(fd: u32, iovs: Ptr, iovs_len: u32, offset: u64, nread: Ptr) = io::fd_pread;
    fd_prestat_get(fd: u32, buf: Ptr) = fd::fd_prestat_get;
    fd_prestat_dir_name(fd: u32, path: Ptr, path_len: u32) = fd::fd_prestat_dir_name;
    fd_pwrite(fd: u32, iovs: Ptr, iovs_len: u32, offset: u64, nwritten: Ptr) = io::fd_pwrite;
    fd_read(fd: u32, iovs: Ptr, iovs_len: u32, nread: Ptr) = io::fd_read;
    fd_readdir(fd: u32, buf: Ptr, buf_len: u32, cookie: u64, bufused: Ptr) = fd::fd_readdir;
    fd_renumber(fd: u32, to: u32) = fd::fd_renumber;
    fd_seek(fd: u32, offset: i64, whence: Whence, newoffset: Ptr) = io::fd_seek;
    fd_sync(fd: u32) = fd::fd_sync;
    fd_tell(fd: u32, offset: Ptr) = io::fd_tell;
    fd_write(fd: u32, iovs: Ptr, iovs_len: u32, nwritten: Ptr) = io::fd_write;

    path_create_directory(fd: u32, path: Ptr, path_len: u32) = path::path_create_directory;
    path_filestat_get(fd: u32, flags: Lookupflags, path: Ptr, path_len: u32, buf: Ptr)
        = path::path_filestat_get;
    path_filestat_set_times(
        fd: u32, flags: Lookupflags, path: Ptr, path_len: u32, atim: u64, mtim: u64,
        fst_flags: Fstflags
    ) = path::path_filestat_set_times;
    path_link(
        old_fd: u32, old_flags: Lookupflags, old_path: Ptr, old_path_len: u32, new_fd: u32,
        new_path: Ptr, new_path_len: u32
    ) = path::path_link;
    path_open(
        fd: u32, dirflags: Lookupflags, path: Ptr, path_len: u32, oflags: Oflags,
        fs_rights_base: Rights, fs_rights_inheriting: Rights, fdflags: Fdflags, opened_fd: Ptr
    ) = path::path_open;
    path_readlink(fd: u32, path: Ptr, path_len: u32, buf: Ptr, buf_len: u32, bufused: Ptr)
        = path::path_readlink;
    path_remove_directory(fd: u32, path: Ptr, path_len: u32) = path::path_remove_directory;
    path_rename(
        fd: u32, old_path: Ptr, old_path_len: u32, new_fd: u32, new_path: Ptr, new_path_len: u32
    ) = path::path_rename;
    path_symlink(old_path: Ptr, old_path_len: u32, fd: u32, new_path: Ptr, new_path_len: u32)
        = path::path_symlink;
    path_unlink_file(fd: u32, path: Ptr, path_len: u32) = path::path_unlink_file;

    poll_oneoff(subscriptions: Ptr, events: Ptr, nsubscriptions: u32, nevents: Ptr)
        = poll::poll_oneoff;

    #[NEVER_RETURNS]
    proc_exit(rval: u32) = process::proc_exit;
    proc_raise(sig: u32) = process::proc_raise;
    sched_yield() = process::sched_yield;
    random_get(buf: Ptr, buf_len: u32) = process::random_get;

    sock_accept(fd: u32, flags: Fdflags, opened_fd: Ptr) = sock::sock_accept;
    sock_recv(
        fd: u32, ri_data: Ptr, ri_data_len: u32, ri_flags: Riflags, ro_datalen: Ptr, ro_flags: Ptr
    ) = sock::sock_recv;
    sock_send(fd: u32, si_data: Ptr, si_data_len: u32, si_flags: u32, so_datalen: Ptr)
        = sock::sock_send;
    sock_shutdown(fd: u32, how: Sdflags) = sock::sock_shutdown;
};
