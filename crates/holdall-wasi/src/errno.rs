//! The error numbers of WASI, and which of them an error of the operating system has.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::str::FromStr;

use holdall::Escaped;
use holdall::provide::{did_you_mean, nearest};
use wasi_common::snapshots::preview_1::types;

/// Rows of the table: a variant, its name in the interface description, and what it says. The numbers
/// count from 0.
macro_rules! errnos {
    ($($variant:ident $name:literal = $says:literal;)*) => {
        /// An error number of WASI. The names are those of its interface description.
        ///
        /// ```
        /// use holdall_wasi::Errno;
        ///
        /// assert_eq!(Errno::Nospc.to_string(), "ENOSPC");
        /// assert_eq!("nospc".parse(), Ok(Errno::Nospc));
        /// assert_eq!("ENOSPC".parse(), Ok(Errno::Nospc));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Errno {
            $(#[doc = $says] $variant,)*
        }

        impl Errno {
            /// All of them, each at its own number.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name, as `NOSPC`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

errnos! {
    Success "SUCCESS" = "Nothing went wrong.";
    TooBig "2BIG" = "Argument list too long.";
    Acces "ACCES" = "Permission denied.";
    Addrinuse "ADDRINUSE" = "Address in use.";
    Addrnotavail "ADDRNOTAVAIL" = "Address not available.";
    Afnosupport "AFNOSUPPORT" = "Address family not supported.";
    Again "AGAIN" = "Resource unavailable, or operation would block.";
    Already "ALREADY" = "Connection already in progress.";
    Badf "BADF" = "Bad file descriptor.";
    Badmsg "BADMSG" = "Bad message.";
    Busy "BUSY" = "Device or resource busy.";
    Canceled "CANCELED" = "Operation canceled.";
    Child "CHILD" = "No child processes.";
    Connaborted "CONNABORTED" = "Connection aborted.";
    Connrefused "CONNREFUSED" = "Connection refused.";
    Connreset "CONNRESET" = "Connection reset.";
    Deadlk "DEADLK" = "Resource deadlock would occur.";
    Destaddrreq "DESTADDRREQ" = "Destination address required.";
    Dom "DOM" = "Mathematics argument out of domain of function.";
    Dquot "DQUOT" = "Reserved.";
    Exist "EXIST" = "File exists.";
    Fault "FAULT" = "Bad address.";
    Fbig "FBIG" = "File too large.";
    Hostunreach "HOSTUNREACH" = "Host is unreachable.";
    Idrm "IDRM" = "Identifier removed.";
    Ilseq "ILSEQ" = "Illegal byte sequence.";
    Inprogress "INPROGRESS" = "Operation in progress.";
    Intr "INTR" = "Interrupted function.";
    Inval "INVAL" = "Invalid argument.";
    Io "IO" = "I/O error.";
    Isconn "ISCONN" = "Socket is connected.";
    Isdir "ISDIR" = "Is a directory.";
    Loop "LOOP" = "Too many levels of symbolic links.";
    Mfile "MFILE" = "File descriptor value too large.";
    Mlink "MLINK" = "Too many links.";
    Msgsize "MSGSIZE" = "Message too large.";
    Multihop "MULTIHOP" = "Reserved.";
    Nametoolong "NAMETOOLONG" = "Filename too long.";
    Netdown "NETDOWN" = "Network is down.";
    Netreset "NETRESET" = "Connection aborted by network.";
    Netunreach "NETUNREACH" = "Network unreachable.";
    Nfile "NFILE" = "Too many files open in system.";
    Nobufs "NOBUFS" = "No buffer space available.";
    Nodev "NODEV" = "No such device.";
    Noent "NOENT" = "No such file or directory.";
    Noexec "NOEXEC" = "Executable file format error.";
    Nolck "NOLCK" = "No locks available.";
    Nolink "NOLINK" = "Reserved.";
    Nomem "NOMEM" = "Not enough space.";
    Nomsg "NOMSG" = "No message of the desired type.";
    Noprotoopt "NOPROTOOPT" = "Protocol not available.";
    Nospc "NOSPC" = "No space left on device.";
    Nosys "NOSYS" = "Function not supported.";
    Notconn "NOTCONN" = "The socket is not connected.";
    Notdir "NOTDIR" = "Not a directory or a symbolic link to a directory.";
    Notempty "NOTEMPTY" = "Directory not empty.";
    Notrecoverable "NOTRECOVERABLE" = "State not recoverable.";
    Notsock "NOTSOCK" = "Not a socket.";
    Notsup "NOTSUP" = "Not supported, or operation not supported on socket.";
    Notty "NOTTY" = "Inappropriate I/O control operation.";
    Nxio "NXIO" = "No such device or address.";
    Overflow "OVERFLOW" = "Value too large to be stored in data type.";
    Ownerdead "OWNERDEAD" = "Previous owner died.";
    Perm "PERM" = "Operation not permitted.";
    Pipe "PIPE" = "Broken pipe.";
    Proto "PROTO" = "Protocol error.";
    Protonosupport "PROTONOSUPPORT" = "Protocol not supported.";
    Prototype "PROTOTYPE" = "Protocol wrong type for socket.";
    Range "RANGE" = "Result too large.";
    Rofs "ROFS" = "Read-only file system.";
    Spipe "SPIPE" = "Invalid seek.";
    Srch "SRCH" = "No such process.";
    Stale "STALE" = "Reserved.";
    Timedout "TIMEDOUT" = "Connection timed out.";
    Txtbsy "TXTBSY" = "Text file busy.";
    Xdev "XDEV" = "Cross-device link.";
    Notcapable "NOTCAPABLE" = "Capabilities insufficient.";
}

impl Errno {
    /// The error of a number.
    #[must_use]
    pub fn of_number(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// As C has it: `ENOSPC`.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{}", self.name())
    }
}

/// A text that names no [`Errno`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchErrno {
    text: String,
}

impl fmt::Display for NoSuchErrno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text.to_ascii_uppercase();
        let nearest = nearest(&text, Errno::ALL.iter().map(|errno| errno.name()));
        let text = Escaped(&self.text);
        write!(
            f,
            "WASI has no error number {text}{}",
            did_you_mean(nearest)
        )
    }
}

impl std::error::Error for NoSuchErrno {}

/// The name, in capitals or not, with or without the `E` of C.
impl FromStr for Errno {
    type Err = NoSuchErrno;

    fn from_str(text: &str) -> Result<Self, NoSuchErrno> {
        let is_named = |name: &str| {
            Self::ALL
                .iter()
                .find(|it| it.name().eq_ignore_ascii_case(name))
        };
        let without_e = || is_named(text.strip_prefix(['E', 'e'])?);
        let found = is_named(text).or_else(without_e).copied();
        found.ok_or_else(|| NoSuchErrno {
            text: text.to_owned(),
        })
    }
}

/// The two count alike.
impl From<types::Errno> for Errno {
    fn from(errno: types::Errno) -> Self {
        Self::of_number(errno as u16).expect("both have the numbers of the interface description")
    }
}

/// The two count alike.
impl From<Errno> for types::Errno {
    fn from(errno: Errno) -> Self {
        Self::try_from(errno as u16).expect("both have the numbers of the interface description")
    }
}

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

    #[test]
    fn numbers_and_names_are_those_of_the_interface_description() {
        for number in 0..=u16::MAX {
            let described = types::Errno::try_from(number).ok();
            assert_eq!(
                Errno::of_number(number),
                described.map(Errno::from),
                "{number}"
            );
            let Some(described) = described else {
                continue;
            };
            let errno = Errno::from(described);
            assert_eq!(types::Errno::from(errno), described);
            assert_eq!(format!("{errno:?}"), format!("{described:?}"));
            for text in [errno.name().to_owned(), errno.to_string().to_lowercase()] {
                assert_eq!(text.parse(), Ok(errno), "{text}");
            }
        }
    }

    #[test]
    fn a_wrong_name_is_told_with_the_nearest() {
        let told = |text: &str| text.parse::<Errno>().unwrap_err().to_string();
        assert_eq!(
            told("NOSPAC"),
            "WASI has no error number NOSPAC; did you mean \"NOSPC\"?"
        );
        assert_eq!(told("xyzzy"), "WASI has no error number xyzzy");
    }
}
