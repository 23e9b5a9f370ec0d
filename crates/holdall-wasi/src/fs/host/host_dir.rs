//! Directories of the host: cap-std's, which keeps every path within its directory.

use std::any::Any;
use std::sync::Arc;

use cap_fs_ext::{
    DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt,
    SystemTimeSpec,
};
use cap_std::fs::OpenOptions;
use cap_std::time::SystemTime;
use wasi_common::WasiFile;
use wasi_common::sync::file as common_file;

use super::entries::HostEntries;
use super::{HostFile, filestat, has_position, keep_access_time};
use crate::fault::{Errno, Result};
use crate::fs::reasons::{last, parent, slash, strip, vacant};
use crate::fs::stream::HostStream;
use crate::fs::{Dir, Entries, FdFlags, File, FileType, Filestat, NewTime, Node, OFlags, Open};

/// A directory of the host.
pub(crate) struct HostDir {
    dir: cap_std::fs::Dir,
    /// Whether access times stay as they are, where the system allows that. All that is opened
    /// through the directory has this too.
    keeps_access_times: bool,
}

impl HostDir {
    pub(crate) fn new(dir: cap_std::fs::Dir) -> Self {
        Self {
            dir,
            keeps_access_times: false,
        }
    }

    /// A directory to be read only: reading what is in it changes no access times, where the system
    /// allows that.
    pub(crate) fn only_read(dir: cap_std::fs::Dir) -> Self {
        Self {
            dir,
            keeps_access_times: true,
        }
    }

    /// Opens the directory to be listed.
    fn listing(&self) -> Result<HostEntries> {
        let entries = HostEntries::of(&self.dir)?;
        if self.keeps_access_times {
            entries.keep_access_time();
        }
        Ok(entries)
    }

    /// The directory of another descriptor, which has to be one of the host too.
    fn of(dir: &dyn Dir) -> Result<&Self> {
        dir.target()?
            .downcast_ref()
            .ok_or_else(|| Errno::Xdev.into())
    }

    /// Opens what is at a path, whatever it is.
    fn open_any(&self, path: &str, mut open: Open) -> Result<cap_std::fs::File> {
        match self.dir.open_with(path, &options(&open)) {
            // Where Linux has no `openat2`, cap-std walks by itself, and takes a link at the end
            // for what is no directory.
            Err(error)
                if error.kind() == std::io::ErrorKind::NotADirectory
                    && open.how.contains(OFlags::DIRECTORY)
                    && open.follow
                    && self.stat_at(path, true).is_ok_and(|stat| stat.is_dir()) =>
            {
                open.how.remove(OFlags::DIRECTORY);
                Ok(self.dir.open_with(path, &options(&open))?)
            }
            opened => Ok(opened?),
        }
    }
}

/// What the system is asked for, which is what the program asks for and no more: who only reads a
/// file needs no right to write it, although it would have been created.
#[cfg(unix)]
fn options(open: &Open) -> OpenOptions {
    use cap_std::fs::OpenOptionsExt;
    use rustix::fs::OFlags as System;

    // No terminal becomes this process's by being opened.
    let mut system = System::NOCTTY;
    for (flag, is_set) in [
        (System::CREATE, open.how.contains(OFlags::CREATE)),
        (System::EXCL, open.how.contains(OFlags::EXCLUSIVE)),
        (System::TRUNC, open.how.contains(OFlags::TRUNCATE)),
        (System::DIRECTORY, open.how.contains(OFlags::DIRECTORY)),
        (System::APPEND, open.flags.contains(FdFlags::APPEND)),
    ] {
        system.set(flag, is_set);
    }
    let mut options = shared_options(open);
    options
        .write(open.write)
        .custom_flags(system.bits().cast_signed());
    options
}

/// What the system is asked for: the right to write too, where a file may have to be created.
#[cfg(not(unix))]
fn options(open: &Open) -> OpenOptions {
    let creates = open.how.contains(OFlags::CREATE);
    let truncates = open.how.contains(OFlags::TRUNCATE);
    let append = open.flags.contains(FdFlags::APPEND) && !open.how.contains(OFlags::DIRECTORY);
    let mut options = shared_options(open);
    options
        .write(open.write || creates || truncates)
        .append(append)
        .create(creates)
        .create_new(creates && open.how.contains(OFlags::EXCLUSIVE))
        // cap-std does not truncate what it appends to.
        .truncate(truncates && !append);
    options
}

fn shared_options(open: &Open) -> OpenOptions {
    let sync = FdFlags::SYNC | FdFlags::RSYNC;
    let mut options = OpenOptions::new();
    options
        .maybe_dir(true)
        .follow(if open.follow {
            FollowSymlinks::Yes
        } else {
            FollowSymlinks::No
        })
        .read(open.read || !open.write)
        .sync(open.flags.intersects(sync))
        .dsync(open.flags.contains(FdFlags::DSYNC))
        // To open a pipe could wait for ever, where nobody could end it.
        .nonblock(true);
    options
}

impl Dir for HostDir {
    fn target(&self) -> Result<&dyn Any> {
        Ok(self)
    }

    fn open(&self, path: &str, open: Open) -> Result<Node> {
        let Open { how, flags, .. } = open;
        let creates = how.contains(OFlags::CREATE);
        let as_dir = how.contains(OFlags::DIRECTORY);
        // As Linux has it from 6.5 on; before, it made a file.
        if creates && as_dir {
            return Err(Errno::Inval.into());
        }
        let file = self.open_any(path, open)?;
        let filetype = common_file::filetype_from(&file.metadata()?.file_type());
        if filetype == FileType::Directory {
            if creates {
                return Err(Errno::Isdir.into());
            }
            let dir = cap_std::fs::Dir::from_std_file(file.into_std());
            return Ok(Node::Dir(Arc::new(Self {
                dir,
                keeps_access_times: self.keeps_access_times,
            })));
        }
        if as_dir {
            return Err(Errno::Notdir.into());
        }
        if self.keeps_access_times {
            keep_access_time(&file);
        }
        // A terminal has no position, although it may claim one.
        let file = common_file::File::from_cap_std(file);
        if filetype == FileType::CharacterDevice && (file.isatty() || !has_position(&file)) {
            let file = file.pollable().ok_or(Errno::Badf)?.try_clone_to_owned()?;
            return Ok(Node::File(Box::new(HostStream::own(file.into(), flags))));
        }
        let mut file = HostFile {
            file,
            filetype,
            keeps_access_time: self.keeps_access_times,
            nonblocking: flags.contains(FdFlags::NONBLOCK),
        };
        match filetype {
            // A device goes on to refuse to wait, as nobody could end that.
            FileType::RegularFile | FileType::CharacterDevice => {}
            // Pipes and sockets are met by chance only, and nobody is at their other end.
            _ => return Err(Errno::Notsup.into()),
        }
        if cfg!(not(unix)) && how.contains(OFlags::TRUNCATE) {
            file.set_size(0)?;
        }
        Ok(Node::File(Box::new(file)))
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(filestat(&self.dir.dir_metadata()?))
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat> {
        // cap-std drops the end of `link/` and `file/`, which mean what a directory's name means.
        let is_dir = means_dir(path);
        let stat = filestat(&if follow || is_dir {
            self.dir.metadata(path)?
        } else {
            self.dir.symlink_metadata(path)?
        });
        if is_dir && !stat.is_dir() {
            return Err(Errno::Notdir.into());
        }
        Ok(stat)
    }

    fn is_empty(&self) -> Result<bool> {
        self.listing()?.is_empty()
    }

    fn entries(&self) -> Result<Box<dyn Entries>> {
        Ok(Box::new(self.listing()?))
    }

    fn read_link(&self, path: &str) -> Result<String> {
        let target = self.dir.read_link(path)?;
        let target = target.into_os_string().into_string();
        target.map_err(|_| Errno::Ilseq.into())
    }

    fn set_times(
        &self,
        path: &str,
        accessed: Option<NewTime>,
        modified: Option<NewTime>,
        follow: bool,
    ) -> Result<()> {
        let spec = |time: Option<NewTime>| {
            time.map(|time| match time {
                NewTime::Now => SystemTimeSpec::SymbolicNow,
                NewTime::At(time) => SystemTimeSpec::Absolute(SystemTime::from_std(time)),
            })
        };
        let (accessed, modified) = (spec(accessed), spec(modified));
        // cap-std would open the file to follow a link to it, which needs rights and can wait for
        // ever: so the link's end is looked for first.
        if follow && self.stat_at(path, false)?.filetype == FileType::SymbolicLink {
            let end = self.dir.canonicalize(path)?;
            return Ok(self.dir.set_symlink_times(end, accessed, modified)?);
        }
        Ok(self.dir.set_symlink_times(path, accessed, modified)?)
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        Ok(self.dir.create_dir(path)?)
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        // cap-std takes `dir/` and `dir/..` for the `.` there, which cannot be removed.
        if last(path) == ".." && self.stat_at(path, true).is_ok() {
            return Err(Errno::Notempty.into());
        }
        Ok(self.dir.remove_dir(strip(path))?)
    }

    fn unlink(&self, path: &str) -> Result<()> {
        // cap-std takes `name/` for the `.` in it, here and in the next two.
        if path.ends_with('/') {
            return Err(slash(self, path));
        }
        Ok(self.dir.remove_file_or_symlink(path)?)
    }

    fn symlink(&self, target: &str, path: &str) -> Result<()> {
        if target.is_empty() {
            return Err(Errno::Noent.into());
        }
        if path.ends_with('/') {
            return vacant(self, path);
        }
        Ok(DirExt::symlink(&self.dir, target, path)?)
    }

    fn link(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()> {
        let to = Self::of(to)?;
        // What is wrong with what is there already comes first.
        self.stat_at(from, false)?;
        if path.ends_with('/') {
            return vacant(to, path);
        }
        Ok(self.dir.hard_link(from, &to.dir, path)?)
    }

    fn rename(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()> {
        let to = Self::of(to)?;
        // Only a directory can come to be called `new/`; cap-std drops the end of it. That a path has
        // no name at its end, as `./` has none, comes first.
        if path.ends_with('/')
            && !matches!(last(path), "." | "..")
            && parent(to, path).is_ok()
            && !self.stat_at(strip(from), false)?.is_dir()
        {
            return Err(Errno::Notdir.into());
        }
        Ok(self.dir.rename(from, &to.dir, path)?)
    }
}

/// Whether a path can only be that of a directory.
fn means_dir(path: &str) -> bool {
    path.ends_with('/') || path.ends_with("/.")
}
