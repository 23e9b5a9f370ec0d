//! The entries of a directory of the host.

use crate::fault::Result;
use crate::fs::{Entries, Listed, Work};

#[cfg(target_os = "linux")]
pub(super) use linux::HostEntries;
#[cfg(not(target_os = "linux"))]
pub(super) use other::HostEntries;

/// Places are those that the system gives, which it keeps while the directory changes.
#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::CStr;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, OwnedFd};

    use rustix::fs::{
        AtFlags, FileType as Type, Mode, OFlags, RawDir, SeekFrom, fstat, openat, seek, statat,
    };
    use rustix::io::Errno as System;

    use super::{Entries, Listed, Result, Work};
    use crate::fs::FileType;
    use crate::fs::host::keep_access_time;

    /// As many bytes of entries are asked of the system at once.
    const PIECE_BYTES: usize = 4096;

    /// A directory that is open to be listed.
    pub(in crate::fs::host) struct HostEntries {
        dir: OwnedFd,
        inode: u64,
        /// Where the system goes on.
        at: u64,
    }

    impl HostEntries {
        /// The entries of this directory, whose own position stays where it is.
        pub(in crate::fs::host) fn of(dir: &cap_std::fs::Dir) -> Result<Self> {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let dir = openat(dir, c".", flags, Mode::empty()).map_err(std::io::Error::from)?;
            let inode = fstat(&dir).map_err(std::io::Error::from)?.st_ino;
            Ok(Self { dir, inode, at: 0 })
        }

        /// Has reading the entries leave the directory's access time as it is.
        pub(in crate::fs::host) fn keep_access_time(&self) {
            keep_access_time(&self.dir);
        }

        /// Whether the directory has no entries but itself and the one above.
        pub(in crate::fs::host) fn is_empty(&mut self) -> Result<bool> {
            let mut buffer = [MaybeUninit::uninit(); PIECE_BYTES];
            let mut entries = RawDir::new(self.dir.as_fd(), &mut buffer);
            while let Some(entry) = entries.next() {
                match entry {
                    Ok(entry) if [c".", c".."].contains(&entry.file_name()) => {}
                    Ok(_) => return Ok(false),
                    // A directory that was removed has no entries.
                    Err(System::NOENT) => break,
                    Err(error) => return Err(std::io::Error::from(error).into()),
                }
            }
            Ok(true)
        }

        /// An entry as the system gives it; none for a name that is no text, which cannot be told.
        fn listed(&self, name: &CStr, inode: u64, kind: Type, next: u64) -> Option<Listed> {
            let name = name.to_str().ok()?;
            let is_own = name == "." || name == "..";
            Some(Listed {
                name: name.to_owned(),
                inode: if is_own { self.inode } else { inode },
                filetype: filetype(kind),
                next,
            })
        }
    }

    impl Entries for HostEntries {
        fn read(&mut self, from: u64, work: &mut Work<'_>) -> Result<Vec<Listed>> {
            if from != self.at {
                seek(&self.dir, SeekFrom::Start(from)).map_err(std::io::Error::from)?;
                self.at = from;
            }
            let mut listed = Vec::new();
            while listed.is_empty() {
                let mut buffer = [MaybeUninit::uninit(); PIECE_BYTES];
                let mut piece = RawDir::new(self.dir.as_fd(), &mut buffer);
                loop {
                    let entry = match piece.next() {
                        Some(Ok(entry)) => entry,
                        // A directory that was removed has no entries.
                        Some(Err(System::NOENT)) | None => return Ok(listed),
                        Some(Err(error)) => return Err(std::io::Error::from(error).into()),
                    };
                    let kind = match entry.file_type() {
                        Type::Unknown => kind_of(&self.dir, entry.file_name()),
                        kind => kind,
                    };
                    self.at = entry.next_entry_cookie();
                    listed.extend(self.listed(entry.file_name(), entry.ino(), kind, self.at));
                    if piece.is_buffer_empty() {
                        break;
                    }
                }
                work.meter.check()?;
            }
            Ok(listed)
        }
    }

    /// What an entry is of, where the file system does not tell it with the name.
    fn kind_of(dir: &OwnedFd, name: &CStr) -> Type {
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW);
        stat.map_or(Type::Unknown, |stat| Type::from_raw_mode(stat.st_mode))
    }

    fn filetype(kind: Type) -> FileType {
        match kind {
            Type::RegularFile => FileType::RegularFile,
            Type::Directory => FileType::Directory,
            Type::Symlink => FileType::SymbolicLink,
            Type::CharacterDevice => FileType::CharacterDevice,
            Type::BlockDevice => FileType::BlockDevice,
            Type::Socket => FileType::SocketStream,
            Type::Fifo | Type::Unknown => FileType::Unknown,
        }
    }
}

/// Places are counted, and who goes back reads from the beginning: what the systems have is not to
/// be had in safe code.
#[cfg(not(target_os = "linux"))]
mod other {
    use cap_fs_ext::{DirEntryExt, MetadataExt};
    use cap_std::fs::{Dir, ReadDir};
    use wasi_common::sync::file::filetype_from;

    use super::{Entries, Listed, Result, Work};
    use crate::fs::FileType;

    /// As many entries are read at once.
    const PIECE: usize = 64;

    /// A directory that is open to be listed.
    pub(in crate::fs::host) struct HostEntries {
        dir: Dir,
        entries: ReadDir,
        inode: u64,
        /// How many entries were read, `.` and `..` included.
        at: u64,
    }

    impl HostEntries {
        /// The entries of this directory.
        pub(in crate::fs::host) fn of(dir: &Dir) -> Result<Self> {
            Ok(Self {
                dir: dir.try_clone()?,
                entries: dir.entries()?,
                inode: dir.dir_metadata()?.ino(),
                at: 0,
            })
        }

        /// Nothing here leaves access times as they are.
        pub(in crate::fs::host) fn keep_access_time(&self) {}

        /// Whether the directory has no entries but itself and the one above.
        pub(in crate::fs::host) fn is_empty(&mut self) -> Result<bool> {
            Ok(self.entries.next().is_none())
        }

        /// The next entry, and none at the end.
        fn next(&mut self) -> Result<Option<Listed>> {
            loop {
                let next = self.at + 1;
                if let Some(name) = [".", ".."].get(usize::try_from(self.at)?) {
                    self.at = next;
                    return Ok(Some(Listed {
                        name: (*name).to_owned(),
                        inode: self.inode,
                        filetype: FileType::Directory,
                        next,
                    }));
                }
                let Some(entry) = self.entries.next().transpose()? else {
                    return Ok(None);
                };
                self.at = next;
                // A name that is no text cannot be told, and a file that went away in between need
                // not be: neither hides the others.
                let (Ok(name), Ok(metadata)) =
                    (entry.file_name().into_string(), entry.full_metadata())
                else {
                    continue;
                };
                return Ok(Some(Listed {
                    name,
                    inode: metadata.ino(),
                    filetype: filetype_from(&metadata.file_type()),
                    next,
                }));
            }
        }
    }

    impl Entries for HostEntries {
        fn read(&mut self, from: u64, work: &mut Work<'_>) -> Result<Vec<Listed>> {
            if from == 0 || from < self.at {
                self.entries = self.dir.entries()?;
                self.at = 0;
            }
            while self.at < from {
                work.pay(1)?;
                if self.next()?.is_none() {
                    return Ok(Vec::new());
                }
            }
            let mut listed = Vec::new();
            while listed.len() < PIECE {
                let Some(entry) = self.next()? else { break };
                listed.push(entry);
            }
            Ok(listed)
        }
    }
}
