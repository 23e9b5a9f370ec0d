//! Which number of WASI's an error of the operating system has.

use std::io::{Error, ErrorKind};

use super::fault::Errno;

/// The number of an error; `EIO` for what WASI has no number for.
pub(super) fn of_io(error: &Error) -> Errno {
    #[cfg(unix)]
    if let Some(errno) = error.raw_os_error().and_then(of_system) {
        return errno;
    }
    match error.kind() {
        ErrorKind::NotFound => Errno::Noent,
        // cap-std's own, where a path leads out of a directory.
        ErrorKind::PermissionDenied => Errno::Perm,
        ErrorKind::AlreadyExists => Errno::Exist,
        ErrorKind::InvalidInput => Errno::Inval,
        ErrorKind::WouldBlock => Errno::Again,
        ErrorKind::NotADirectory => Errno::Notdir,
        ErrorKind::IsADirectory => Errno::Isdir,
        ErrorKind::DirectoryNotEmpty => Errno::Notempty,
        ErrorKind::ReadOnlyFilesystem => Errno::Rofs,
        ErrorKind::StorageFull => Errno::Nospc,
        ErrorKind::BrokenPipe => Errno::Pipe,
        ErrorKind::Interrupted => Errno::Intr,
        ErrorKind::Unsupported => Errno::Notsup,
        ErrorKind::CrossesDevices => Errno::Xdev,
        ErrorKind::TooManyLinks => Errno::Mlink,
        ErrorKind::InvalidFilename => Errno::Nametoolong,
        ErrorKind::FileTooLarge => Errno::Fbig,
        ErrorKind::QuotaExceeded => Errno::Dquot,
        ErrorKind::ResourceBusy => Errno::Busy,
        ErrorKind::ExecutableFileBusy => Errno::Txtbsy,
        _ => Errno::Io,
    }
}

/// The numbers that system calls of files give; WASI's have the same names.
#[cfg(unix)]
fn of_system(number: i32) -> Option<Errno> {
    use rustix::io::Errno as System;
    macro_rules! same {
        ($($system:ident $wasi:ident),*) => {
            match System::from_raw_os_error(number) {
                $(System::$system => Some(Errno::$wasi),)*
                _ => None,
            }
        };
    }
    same!(
        TOOBIG TooBig, ACCESS Acces, AGAIN Again, BADF Badf, BUSY Busy, DEADLK Deadlk, DQUOT Dquot,
        EXIST Exist, FAULT Fault, FBIG Fbig, ILSEQ Ilseq, INTR Intr, INVAL Inval, IO Io,
        ISDIR Isdir, LOOP Loop, MFILE Mfile, MLINK Mlink, NAMETOOLONG Nametoolong, NFILE Nfile,
        NODEV Nodev, NOENT Noent, NOLCK Nolck, NOMEM Nomem, NOSPC Nospc, NOSYS Nosys,
        NOTDIR Notdir, NOTEMPTY Notempty, NOTSUP Notsup, NOTTY Notty, NXIO Nxio,
        OVERFLOW Overflow, PERM Perm, PIPE Pipe, RANGE Range, ROFS Rofs, SPIPE Spipe, SRCH Srch,
        STALE Stale, TIMEDOUT Timedout, TXTBSY Txtbsy, XDEV Xdev
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn numbers_of_the_system_have_wasis_of_the_same_name() {
        for (system, wasi) in [
            (rustix::io::Errno::NOENT, Errno::Noent),
            (rustix::io::Errno::LOOP, Errno::Loop),
            (rustix::io::Errno::NAMETOOLONG, Errno::Nametoolong),
            (rustix::io::Errno::ROFS, Errno::Rofs),
            (rustix::io::Errno::XDEV, Errno::Xdev),
            // One that WASI has no name for.
            (rustix::io::Errno::NOTBLK, Errno::Io),
        ] {
            assert_eq!(of_io(&system.into()), wasi, "{system:?}");
        }
    }

    #[test]
    fn errors_without_a_number_go_by_their_kind() {
        for (kind, wasi) in [
            (ErrorKind::PermissionDenied, Errno::Perm),
            (ErrorKind::NotADirectory, Errno::Notdir),
            (ErrorKind::Other, Errno::Io),
        ] {
            assert_eq!(of_io(&kind.into()), wasi, "{kind:?}");
        }
    }
}
