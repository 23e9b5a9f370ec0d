//! A directory that can be read and not changed, whatever the one behind it can: every change is
//! refused with `EROFS`.

use std::any::Any;
use std::sync::Arc;

use super::reasons::{above, last, parent, slash, strip, vacant};
use super::{
    Dir, Entries, FdFlags, File, FileType, Filestat, Interest, MAX_LINKS, NewTime, Node, OFlags,
    Open, Readiness,
};
use crate::fault::{Errno, Fault, Result};
use holdall::provide::Meter;

/// A directory through which nothing below the directory can be changed.
pub(crate) struct ReadOnly(pub(crate) Arc<dyn Dir>);

const REFUSED: Result<()> = Err(Fault::Errno(Errno::Rofs));

impl Dir for ReadOnly {
    fn target(&self) -> Result<&dyn Any> {
        Err(Errno::Rofs.into())
    }

    fn open(&self, path: &str, mut open: Open) -> Result<Node> {
        let how = open.how;
        let creates = how.contains(OFlags::CREATE);
        let appends = open.flags.contains(FdFlags::APPEND);
        let writes = open.write || appends || how.contains(OFlags::TRUNCATE);
        if creates || writes {
            let exclusive = creates && how.contains(OFlags::EXCLUSIVE);
            let as_dir = how.contains(OFlags::DIRECTORY);
            if creates && as_dir {
                return Err(Errno::Inval.into());
            }
            // What would be created is what a link at the end leads to.
            let end = match creates && open.follow && !exclusive {
                true => end(&*self.0, path),
                false => path.to_owned(),
            };
            if creates && end.ends_with('/') && !matches!(last(&end), "." | "..") {
                parent(&*self.0, &end)?;
                return Err(Errno::Isdir.into());
            }
            match self.0.stat_at(path, open.follow && !exclusive) {
                Ok(_) if exclusive => return Err(Errno::Exist.into()),
                Ok(stat) if as_dir && !stat.is_dir() => return Err(Errno::Notdir.into()),
                Ok(stat) if stat.is_dir() => return Err(Errno::Isdir.into()),
                Ok(stat) if stat.filetype == FileType::SymbolicLink => {
                    return Err(Errno::Loop.into());
                }
                Ok(_) if writes => return Err(Errno::Rofs.into()),
                // What is there already need not be created.
                Ok(_) => open.how.remove(OFlags::CREATE),
                Err(fault) if creates && fault.is(Errno::Noent) => {
                    parent(&*self.0, &end)?;
                    return Err(Errno::Rofs.into());
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(match self.0.open(path, open)? {
            Node::File(file) => Node::File(Box::new(ReadOnlyFile(file))),
            Node::Dir(dir) => Node::Dir(Arc::new(Self(dir))),
        })
    }

    fn stat(&self) -> Result<Filestat> {
        self.0.stat()
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat> {
        self.0.stat_at(path, follow)
    }

    fn is_empty(&self) -> Result<bool> {
        self.0.is_empty()
    }

    fn entries(&self) -> Result<Box<dyn Entries>> {
        self.0.entries()
    }

    fn read_link(&self, path: &str) -> Result<String> {
        self.0.read_link(path)
    }

    fn set_times(
        &self,
        path: &str,
        _: Option<NewTime>,
        _: Option<NewTime>,
        follow: bool,
    ) -> Result<()> {
        self.0.stat_at(path, follow)?;
        REFUSED
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        vacant(&*self.0, strip(path))?;
        REFUSED
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        let stat = self.0.stat_at(strip(path), false)?;
        match last(path) {
            _ if !stat.is_dir() => Err(Errno::Notdir.into()),
            "." => Err(Errno::Inval.into()),
            ".." => Err(Errno::Notempty.into()),
            _ if !is_empty(&*self.0, path)? => Err(Errno::Notempty.into()),
            _ => REFUSED,
        }
    }

    fn unlink(&self, path: &str) -> Result<()> {
        if path.ends_with('/') {
            return Err(slash(&*self.0, path));
        }
        match self.0.stat_at(path, false)?.is_dir() {
            true => Err(Errno::Isdir.into()),
            false => REFUSED,
        }
    }

    fn symlink(&self, target: &str, path: &str) -> Result<()> {
        if target.starts_with('/') {
            return Err(Errno::Perm.into());
        }
        if target.is_empty() {
            return Err(Errno::Noent.into());
        }
        vacant(&*self.0, path)?;
        REFUSED
    }

    fn link(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()> {
        refuse_link(self, from, to, path)
    }

    fn rename(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()> {
        refuse_rename(self, from, to, path)
    }
}

/// Why a link between two directories is not made where one of the two takes no changes.
pub(crate) fn refuse_link(from: &dyn Dir, old: &str, to: &dyn Dir, new: &str) -> Result<()> {
    let stat = from.stat_at(old, false)?;
    vacant(to, new)?;
    if stat.is_dir() {
        return Err(Errno::Perm.into());
    }
    REFUSED
}

/// Why nothing is moved between two directories where one of the two takes no changes.
pub(crate) fn refuse_rename(from: &dyn Dir, old: &str, to: &dyn Dir, new: &str) -> Result<()> {
    let has_name = |path| !matches!(last(path), "." | "..");
    let as_dir = old.ends_with('/') || new.ends_with('/');
    for (dir, path) in [(from, old), (to, new)] {
        match has_name(path) {
            true => parent(dir, path)?,
            false => {
                dir.stat_at(path, true)?;
            }
        }
    }
    if !has_name(old) || !has_name(new) {
        return Err(Errno::Busy.into());
    }
    let moved = from.stat_at(strip(old), false)?;
    let replaced = match to.stat_at(strip(new), false) {
        Ok(stat) => Some(stat),
        Err(fault) if fault.is(Errno::Noent) => None,
        Err(fault) => return Err(fault),
    };
    if as_dir && !moved.is_dir() {
        return Err(Errno::Notdir.into());
    }
    let is_moved = |stat: &Filestat| is_same(stat, &moved);
    if moved.is_dir() && is_below(to, new, &moved) {
        return Err(Errno::Inval.into());
    }
    if replaced
        .as_ref()
        .is_some_and(|stat| is_below(from, old, stat))
    {
        return Err(Errno::Notempty.into());
    }
    match replaced {
        Some(stat) if is_moved(&stat) => REFUSED,
        Some(stat) if moved.is_dir() && !stat.is_dir() => Err(Errno::Notdir.into()),
        Some(stat) if !moved.is_dir() && stat.is_dir() => Err(Errno::Isdir.into()),
        Some(stat) if stat.is_dir() && !is_empty(to, new)? => Err(Errno::Notempty.into()),
        _ => REFUSED,
    }
}

fn is_same(a: &Filestat, b: &Filestat) -> bool {
    (a.device_id, a.inode) == (b.device_id, b.inode)
}

/// Whether a path leads through this.
fn is_below(dir: &dyn Dir, path: &str, through: &Filestat) -> bool {
    let mut above = strip(path).match_indices('/').map(|(at, _)| &path[..at]);
    above.any(|path| {
        let stat = dir.stat_at(path, true);
        stat.is_ok_and(|stat| is_same(&stat, through))
    })
}

/// The path that a link at the end of a path leads to, and so on until there is no link.
fn end(dir: &dyn Dir, path: &str) -> String {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match dir.read_link(&path) {
            Ok(target) if !path.ends_with('/') && !target.starts_with('/') => {
                path = format!("{}/{target}", above(&path));
            }
            _ => break,
        }
    }
    path
}

/// Whether a directory has no entries but those that all have.
fn is_empty(dir: &dyn Dir, path: &str) -> Result<bool> {
    let open = Open {
        follow: false,
        how: OFlags::DIRECTORY,
        read: true,
        write: false,
        flags: FdFlags::empty(),
    };
    let Node::Dir(dir) = dir.open(path, open)? else {
        return Err(Errno::Notdir.into());
    };
    dir.is_empty()
}

/// A file of such a directory.
struct ReadOnlyFile(Box<dyn File>);

impl File for ReadOnlyFile {
    fn filetype(&self) -> Result<FileType> {
        self.0.filetype()
    }

    fn stat(&self) -> Result<Filestat> {
        self.0.stat()
    }

    fn is_seekable(&self) -> bool {
        self.0.is_seekable()
    }

    fn readiness(&self, interest: Interest) -> Readiness<'_> {
        self.0.readiness(interest)
    }

    fn read(&mut self, buf: &mut [u8], meter: &Meter) -> Result<usize> {
        self.0.read(buf, meter)
    }

    fn read_at(&mut self, buf: &mut [u8], at: u64) -> Result<usize> {
        self.0.read_at(buf, at)
    }

    fn write(&mut self, _: &[std::io::IoSlice<'_>], _: &Meter) -> Result<usize> {
        Err(Errno::Rofs.into())
    }

    fn write_at(&mut self, _: &[std::io::IoSlice<'_>], _: u64) -> Result<usize> {
        Err(Errno::Rofs.into())
    }

    fn seek(&mut self, to: std::io::SeekFrom) -> Result<u64> {
        self.0.seek(to)
    }

    fn flags(&self) -> Result<FdFlags> {
        self.0.flags()
    }

    fn set_flags(&mut self, flags: FdFlags) -> Result<()> {
        self.0.set_flags(flags)
    }

    fn set_size(&mut self, _: u64) -> Result<()> {
        REFUSED
    }

    fn set_times(&mut self, _: Option<NewTime>, _: Option<NewTime>) -> Result<()> {
        REFUSED
    }

    fn advise(&self, at: u64, len: u64, advice: super::Advice) -> Result<()> {
        self.0.advise(at, len, advice)
    }

    fn sync(&self, all: bool, meter: &Meter) -> Result<()> {
        self.0.sync(all, meter)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::memory::{Files, MemoryDir};
    use super::*;

    fn place() -> MemoryDir {
        let files = Files::new().with("file", "f").with("dir/inner", "i");
        files.make_dir("empty").unwrap();
        files.make_dir("dir/below").unwrap();
        files.link("to_file", "file").unwrap();
        files.link("to_dir", "dir").unwrap();
        files.link("dangling", "none").unwrap();
        files.link("to_file_slash", "file/").unwrap();
        files.link("to_none_slash", "dir/../none/").unwrap();
        files.link("to_below_none", "none/x").unwrap();
        files.link("loop", "loop").unwrap();
        MemoryDir::new(&files, Arc::new(|| SystemTime::UNIX_EPOCH))
    }

    const PATHS: [&str; 30] = [
        "",
        ".",
        "..",
        "/",
        "file",
        "file/",
        "file/x",
        "dir",
        "dir/",
        "dir/.",
        "dir/..",
        "empty",
        "empty/",
        "none",
        "none/",
        "none/x",
        "to_file",
        "to_file/",
        "to_dir",
        "to_dir/",
        "to_dir/new",
        "dangling",
        "dangling/",
        "loop",
        "loop/x",
        "dir/below/new",
        "dir/inner",
        "to_file_slash",
        "to_none_slash",
        "to_below_none",
    ];

    /// What an operation gives where changes are taken, and where they are not.
    fn check(what: &str, wrong: &mut Vec<String>, operation: impl Fn(&dyn Dir) -> Result<bool>) {
        let errno = |result: Result<bool>| match result {
            Ok(false) => Errno::Success,
            Ok(true) => Errno::Rofs,
            Err(Fault::Errno(errno)) => errno,
            Err(Fault::End(error)) => panic!("{error}"),
        };
        let writable = errno(operation(&place()));
        let read_only = errno(operation(&ReadOnly(Arc::new(place()))));
        if writable != read_only {
            wrong.push(format!("{what}: {writable:?}, read-only {read_only:?}"));
        }
    }

    #[test]
    fn what_would_fail_anyway_fails_for_its_own_reason() {
        let mut wrong = Vec::new();
        for a in PATHS {
            for follow in [false, true] {
                for bits in 0..16 {
                    for write in [false, true] {
                        let how = OFlags::from_bits_truncate(bits);
                        let open = Open {
                            follow,
                            how,
                            read: true,
                            write,
                            flags: FdFlags::empty(),
                        };
                        let what = format!("open {a:?} follow {follow} {how:?} write {write}");
                        check(&what, &mut wrong, |dir| {
                            let creates = dir.stat_at(a, follow).is_err();
                            dir.open(a, open)?;
                            Ok(write || how.contains(OFlags::TRUNCATE) || creates)
                        });
                    }
                }
                check(&format!("set_times {a:?} {follow}"), &mut wrong, |dir| {
                    dir.set_times(a, None, Some(NewTime::Now), follow)?;
                    Ok(true)
                });
            }
            type Change = fn(&dyn Dir, &str) -> Result<()>;
            let changes: [(&str, Change); 5] = [
                ("create_dir", |dir, path| dir.create_dir(path)),
                ("remove_dir", |dir, path| dir.remove_dir(path)),
                ("unlink", |dir, path| dir.unlink(path)),
                ("symlink", |dir, path| dir.symlink("target", path)),
                ("symlink to nothing", |dir, path| dir.symlink("", path)),
            ];
            for (name, change) in changes {
                check(&format!("{name} {a:?}"), &mut wrong, |dir| {
                    change(dir, a)?;
                    Ok(true)
                });
            }
            for b in PATHS {
                check(&format!("link {a:?} {b:?}"), &mut wrong, |dir| {
                    dir.link(a, dir, b)?;
                    Ok(true)
                });
                check(&format!("rename {a:?} {b:?}"), &mut wrong, |dir| {
                    dir.rename(a, dir, b)?;
                    Ok(true)
                });
            }
        }
        assert!(wrong.is_empty(), "{} of them: {wrong:#?}", wrong.len());
    }
}
