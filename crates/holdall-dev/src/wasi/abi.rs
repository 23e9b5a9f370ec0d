//! Numbers and layouts of WASI as its interface description has them, written out here so that
//! they are not those of the library that is tested.

use std::fmt;

/// The functions of preview 1 with their parameters: `i` for an `i32`, `I` for an `i64`, `p` for an
/// address, and `w` for one that has to be a multiple of 4. All but `proc_exit` give an `i32`.
pub const FUNCTIONS: [(&str, &str); 46] = [
    ("args_get", "wp"),
    ("args_sizes_get", "ww"),
    ("environ_get", "wp"),
    ("environ_sizes_get", "ww"),
    ("clock_res_get", "iw"),
    ("clock_time_get", "iIw"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "iw"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "iw"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iwiIw"),
    ("fd_prestat_get", "iw"),
    ("fd_prestat_dir_name", "ipi"),
    ("fd_pwrite", "iwiIw"),
    ("fd_read", "iwiw"),
    ("fd_readdir", "ipiIw"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIiw"),
    ("fd_sync", "i"),
    ("fd_tell", "iw"),
    ("fd_write", "iwiw"),
    ("path_create_directory", "ipi"),
    ("path_filestat_get", "iipiw"),
    ("path_filestat_set_times", "iipiIIi"),
    ("path_link", "iipiipi"),
    ("path_open", "iipiiIIiw"),
    ("path_readlink", "ipipiw"),
    ("path_remove_directory", "ipi"),
    ("path_rename", "ipiipi"),
    ("path_symlink", "piipi"),
    ("path_unlink_file", "ipi"),
    ("poll_oneoff", "wwiw"),
    ("proc_exit", "i"),
    ("proc_raise", "i"),
    ("sched_yield", ""),
    ("random_get", "pi"),
    ("sock_accept", "iiw"),
    ("sock_recv", "iwiiww"),
    ("sock_send", "iwiiw"),
    ("sock_shutdown", "ii"),
];

/// A number that a function of WASI gives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Errno(pub u32);

macro_rules! errnos {
    ($($name:ident = $number:literal;)*) => {
        $(pub const $name: Errno = Errno($number);)*

        impl fmt::Debug for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $($number => f.write_str(stringify!($name)),)*
                    other => write!(f, "errno {other}"),
                }
            }
        }
    };
}
errnos! {
    SUCCESS = 0;
    AGAIN = 6;
    BADF = 8;
    BUSY = 10;
    DQUOT = 19;
    EXIST = 20;
    FBIG = 22;
    ILSEQ = 25;
    INVAL = 28;
    IO = 29;
    ISDIR = 31;
    LOOP = 32;
    MFILE = 33;
    NAMETOOLONG = 37;
    NOENT = 44;
    NOMEM = 48;
    NOSPC = 51;
    NOTDIR = 54;
    NOTEMPTY = 55;
    NOTSOCK = 57;
    NOTSUP = 58;
    OVERFLOW = 61;
    PERM = 63;
    PIPE = 64;
    ROFS = 69;
    SPIPE = 70;
    TXTBSY = 74;
    XDEV = 75;
    NOTCAPABLE = 76;
}

pub const FD_READ: u64 = 1 << 1;
pub const FD_WRITE: u64 = 1 << 6;
pub const PATH_OPEN: u64 = 1 << 13;

pub const REALTIME: u32 = 0;
pub const MONOTONIC: u32 = 1;

pub const DIRECTORY_TYPE: u8 = 3;
pub const REGULAR_FILE: u8 = 4;

/// How a path is opened; several joined by `|`. A symbolic link at its end is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    pub oflags: u32,
    pub rights: u64,
    pub fdflags: u32,
    /// Not at all where this is set.
    pub no_follow: bool,
}

const NOTHING: Open = Open {
    oflags: 0,
    rights: 0,
    fdflags: 0,
    no_follow: false,
};

const fn oflags(oflags: u32) -> Open {
    Open { oflags, ..NOTHING }
}

pub const READ: Open = Open {
    rights: FD_READ,
    ..NOTHING
};
pub const WRITE: Open = Open {
    rights: FD_WRITE,
    ..NOTHING
};
pub const CREATE: Open = oflags(1);
pub const DIRECTORY: Open = oflags(2);
pub const EXCLUSIVE: Open = oflags(4);
pub const TRUNCATE: Open = oflags(8);
pub const APPEND: Open = Open {
    fdflags: 1,
    ..NOTHING
};
pub const NO_FOLLOW: Open = Open {
    no_follow: true,
    ..NOTHING
};

impl std::ops::BitOr for Open {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            oflags: self.oflags | other.oflags,
            rights: self.rights | other.rights,
            fdflags: self.fdflags | other.fdflags,
            no_follow: self.no_follow | other.no_follow,
        }
    }
}

/// What `poll_oneoff` is asked to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nanoseconds from now.
    After(u32, u64),
    /// A time.
    At(u32, u64),
    Read(u32),
    Write(u32),
}

impl Wanted {
    const TAG: usize = 8;
    const FLAGS_AFTER_PRECISION: usize = 8;

    /// The subscription; `clock` is where a clock's number stands, which preview 0 has after an
    /// identifier.
    fn lay_out(self, userdata: u64, clock: usize, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, &userdata.to_le_bytes());
        match self {
            Self::After(id, nanos) | Self::At(id, nanos) => {
                let precision = clock + 16;
                put(clock, &id.to_le_bytes());
                put(clock + 8, &nanos.to_le_bytes());
                let absolute = u16::from(matches!(self, Self::At(..)));
                let flags = precision + Self::FLAGS_AFTER_PRECISION;
                put(flags, &absolute.to_le_bytes());
            }
            Self::Read(fd) | Self::Write(fd) => {
                let tag = if matches!(self, Self::Read(_)) { 1 } else { 2 };
                put(Self::TAG, &[tag]);
                put(16, &fd.to_le_bytes());
            }
        }
        bytes
    }

    /// As preview 1 lays it out.
    pub fn preview1(self, userdata: u64) -> Vec<u8> {
        self.lay_out(userdata, 16, 48)
    }

    /// As preview 0 lays it out.
    pub fn preview0(self, userdata: u64) -> Vec<u8> {
        self.lay_out(userdata, 24, 56)
    }
}

/// An event of `poll_oneoff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub userdata: u64,
    pub errno: Errno,
    /// 0 for a clock, 1 for reading, 2 for writing.
    pub kind: u8,
    pub bytes: u64,
    pub hangup: bool,
}

impl Event {
    pub const SIZE: usize = 32;

    pub fn of(bytes: &[u8]) -> Self {
        Self {
            userdata: u64_at(bytes, 0),
            errno: Errno(u16_at(bytes, 8).into()),
            kind: bytes[10],
            bytes: u64_at(bytes, 16),
            hangup: u16_at(bytes, 24) & 1 != 0,
        }
    }
}

/// What preview 1 tells of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub device: u64,
    pub inode: u64,
    pub filetype: u8,
    pub links: u64,
    pub size: u64,
    /// Accessed, modified, changed.
    pub times: [u64; 3],
}

impl Stat {
    pub const SIZE: usize = 64;

    pub fn of(bytes: &[u8]) -> Self {
        Self {
            device: u64_at(bytes, 0),
            inode: u64_at(bytes, 8),
            filetype: bytes[16],
            links: u64_at(bytes, 24),
            size: u64_at(bytes, 32),
            times: [40, 48, 56].map(|at| u64_at(bytes, at)),
        }
    }
}

pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}
