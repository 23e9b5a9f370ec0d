//! Duplicates of the process's own streams; none where they are closed. Whoever holds one can close
//! it without taking the stream from the process.

use std::fs::File;
use std::io::Result;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(windows)]
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle};

#[cfg(unix)]
pub(super) fn stdin() -> Result<Option<File>> {
    duplicate(std::io::stdin().as_fd())
}

#[cfg(unix)]
pub(super) fn stdout() -> Result<Option<File>> {
    duplicate(std::io::stdout().as_fd())
}

#[cfg(unix)]
pub(super) fn stderr() -> Result<Option<File>> {
    duplicate(std::io::stderr().as_fd())
}

#[cfg(unix)]
fn duplicate(fd: BorrowedFd<'_>) -> Result<Option<File>> {
    use rustix::io::Errno;

    match fd.try_clone_to_owned() {
        Ok(fd) => Ok(Some(fd.into())),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::BADF) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(windows)]
pub(super) fn stdin() -> Result<Option<File>> {
    duplicate(std::io::stdin().as_handle())
}

#[cfg(windows)]
pub(super) fn stdout() -> Result<Option<File>> {
    duplicate(std::io::stdout().as_handle())
}

#[cfg(windows)]
pub(super) fn stderr() -> Result<Option<File>> {
    duplicate(std::io::stderr().as_handle())
}

#[cfg(windows)]
fn duplicate(handle: BorrowedHandle<'_>) -> Result<Option<File>> {
    // A process that has a window and no console has none.
    if handle.as_raw_handle().is_null() {
        return Ok(None);
    }
    Ok(Some(handle.try_clone_to_owned()?.into()))
}
