//! A directory that stands before another, and tells a program nothing that depends on the host or on
//! the moment. Entries come sorted, files have numbers in the order of their first sight, and times stand
//! still.

use std::any::Any;
use std::collections::HashMap;
use std::io::{IoSlice, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::{
    Advice, Dir, Entries, FdFlags, File, FileType, Filestat, Interest, LISTING, Listed, NewTime,
    Node, Open, Readiness, Work,
};
use crate::fault::{Errno, Result};
use holdall::provide::{Account, Held, Meter};

/// The device that all files seem to be on.
const DEVICE: u64 = 1;
/// The most files whose numbers are remembered. A program that looks at one more has all numbers
/// forgotten, and files get new ones: the table does not grow without end.
const MAX_REMEMBERED: usize = 1_000_000;

/// Small numbers for files, in the order in which they are first seen. All directories of a context
/// share one, so that a file has one number whatever way leads to it.
#[derive(Default)]
pub(crate) struct Inodes(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    numbers: HashMap<Key, u64>,
    last: u64,
}

/// What tells a file from all others. A file system may give the inode number of a file that is
/// gone to another, which then was created at another time.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    device: u64,
    inode: u64,
    born: Option<SystemTime>,
}

impl Inodes {
    fn number(&self, stat: &Filestat) -> u64 {
        let key = Key {
            device: stat.device_id,
            inode: stat.inode,
            born: stat.born,
        };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = seen.numbers.get(&key) {
            return *number;
        }
        if seen.numbers.len() >= MAX_REMEMBERED {
            seen.numbers.clear();
        }
        seen.last += 1;
        let number = seen.last;
        seen.numbers.insert(key, number);
        number
    }
}

/// What is common to a directory and everything below it.
#[derive(Clone)]
struct World {
    inodes: Arc<Inodes>,
    time: SystemTime,
}

impl World {
    fn stat(&self, mut stat: Filestat) -> Filestat {
        stat.inode = self.inodes.number(&stat);
        stat.device_id = DEVICE;
        if stat.filetype == FileType::Directory {
            // Both are the file system's own way to count.
            stat.size = 0;
            stat.nlink = 1;
        }
        stat.atim = Some(self.time);
        stat.mtim = Some(self.time);
        stat.ctim = Some(self.time);
        stat
    }
}

/// A directory that looks the same wherever and whenever it is looked at.
pub(crate) struct Fixed {
    dir: Arc<dyn Dir>,
    world: World,
}

impl Fixed {
    /// Stands before `dir`. All times are `time`.
    pub(crate) fn new(dir: Arc<dyn Dir>, inodes: Arc<Inodes>, time: SystemTime) -> Self {
        Self {
            dir,
            world: World { inodes, time },
        }
    }

    /// Stands before a file or a stream that was opened elsewhere.
    pub(crate) fn file(
        file: Box<dyn File>,
        inodes: Arc<Inodes>,
        time: SystemTime,
    ) -> Box<dyn File> {
        let world = World { inodes, time };
        Box::new(FixedFile { file, world })
    }
}

impl Dir for Fixed {
    fn target(&self) -> Result<&dyn Any> {
        self.dir.target()
    }

    fn open(&self, path: &str, open: Open) -> Result<Node> {
        let world = self.world.clone();
        Ok(match self.dir.open(path, open)? {
            Node::File(file) => Node::File(Box::new(FixedFile { file, world })),
            Node::Dir(dir) => Node::Dir(Arc::new(Self { dir, world })),
        })
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(self.world.stat(self.dir.stat()?))
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat> {
        Ok(self.world.stat(self.dir.stat_at(path, follow)?))
    }

    fn is_empty(&self) -> Result<bool> {
        self.dir.is_empty()
    }

    fn entries(&self) -> Result<Box<dyn Entries>> {
        Ok(Box::new(Sorted {
            dir: Self {
                dir: Arc::clone(&self.dir),
                world: self.world.clone(),
            },
            entries: self.dir.entries()?,
            all: Vec::new(),
            kept: None,
        }))
    }

    fn read_link(&self, path: &str) -> Result<String> {
        self.dir.read_link(path)
    }

    fn set_times(
        &self,
        path: &str,
        accessed: Option<NewTime>,
        modified: Option<NewTime>,
        follow: bool,
    ) -> Result<()> {
        self.dir.set_times(path, accessed, modified, follow)
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        self.dir.create_dir(path)
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        self.dir.remove_dir(path)
    }

    fn unlink(&self, path: &str) -> Result<()> {
        self.dir.unlink(path)
    }

    fn symlink(&self, target: &str, path: &str) -> Result<()> {
        self.dir.symlink(target, path)
    }

    fn link(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()> {
        self.dir.link(from, to, path)
    }

    fn rename(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()> {
        self.dir.rename(from, to, path)
    }
}

/// The entries of such a directory, which has to be read whole to be sorted. Places are counted.
struct Sorted {
    dir: Fixed,
    entries: Box<dyn Entries>,
    all: Vec<Listed>,
    /// What counts for them.
    kept: Option<Held>,
}

impl Sorted {
    /// The directory as it is now.
    fn sorted(&mut self, work: &mut Work<'_>) -> Result<Vec<Listed>> {
        let kept = self.kept.insert(work.account.hold(0, LISTING)?);
        let mut found = Vec::new();
        let mut at = 0;
        loop {
            let piece = self.entries.read(at, work)?;
            let Some(last) = piece.last() else { break };
            at = last.next;
            work.pay(piece.len() as u64)?;
            kept.grow(piece.iter().map(Listed::bytes).sum(), LISTING)?;
            found.extend(piece);
        }
        let is_own = |name: &str| name == "." || name == "..";
        found.sort_unstable_by(|a, b| {
            let [a, b] = [a, b].map(|entry| (!is_own(&entry.name), &entry.name));
            a.cmp(&b)
        });
        let mut all = Vec::with_capacity(found.len());
        for entry in found {
            work.pay(1)?;
            let name = if is_own(&entry.name) {
                "."
            } else {
                &entry.name
            };
            match self.dir.stat_at(name, false) {
                Ok(stat) => all.push(Listed {
                    inode: stat.inode,
                    filetype: stat.filetype,
                    next: all.len() as u64 + 1,
                    name: entry.name,
                }),
                // It went away in between.
                Err(fault) if fault.is(Errno::Noent) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(all)
    }
}

impl Entries for Sorted {
    fn read(&mut self, from: u64, work: &mut Work<'_>) -> Result<Vec<Listed>> {
        /// As many entries are given at once.
        const PIECE: usize = 64;

        if from == 0 || self.all.is_empty() {
            self.all = Vec::new();
            self.kept = None;
            self.all = self.sorted(work)?;
        }
        let first = usize::try_from(from).unwrap_or(usize::MAX);
        let rest = self.all.get(first..).unwrap_or_default();
        Ok(rest[..rest.len().min(PIECE)].to_vec())
    }
}

/// A file of such a directory.
struct FixedFile {
    file: Box<dyn File>,
    world: World,
}

impl File for FixedFile {
    fn filetype(&self) -> Result<FileType> {
        self.file.filetype()
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(self.world.stat(self.file.stat()?))
    }

    fn is_seekable(&self) -> bool {
        self.file.is_seekable()
    }

    fn readiness(&self, interest: Interest) -> Readiness<'_> {
        self.file.readiness(interest)
    }

    fn read(&mut self, buf: &mut [u8], meter: &Meter) -> Result<usize> {
        self.file.read(buf, meter)
    }

    fn read_at(&mut self, buf: &mut [u8], at: u64) -> Result<usize> {
        self.file.read_at(buf, at)
    }

    fn write(&mut self, bufs: &[IoSlice<'_>], meter: &Meter) -> Result<usize> {
        self.file.write(bufs, meter)
    }

    fn count_in(&mut self, account: &Account) {
        self.file.count_in(account);
    }

    fn write_at(&mut self, bufs: &[IoSlice<'_>], at: u64) -> Result<usize> {
        self.file.write_at(bufs, at)
    }

    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.file.seek(to)
    }

    fn flags(&self) -> Result<FdFlags> {
        self.file.flags()
    }

    fn set_flags(&mut self, flags: FdFlags) -> Result<()> {
        self.file.set_flags(flags)
    }

    fn set_size(&mut self, size: u64) -> Result<()> {
        self.file.set_size(size)
    }

    fn set_times(&mut self, accessed: Option<NewTime>, modified: Option<NewTime>) -> Result<()> {
        self.file.set_times(accessed, modified)
    }

    fn advise(&self, at: u64, len: u64, advice: Advice) -> Result<()> {
        self.file.advise(at, len, advice)
    }

    fn sync(&self, all: bool, meter: &Meter) -> Result<()> {
        self.file.sync(all, meter)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::super::memory::{Files, MemoryDir};
    use super::super::{OFlags, listed};
    use super::*;

    fn seconds(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Two directories in memory with one table, where each thing happens at another time.
    fn fixed() -> [(Files, Fixed); 2] {
        let inodes = Arc::<Inodes>::default();
        [(); 2].map(|()| {
            let files = Files::new().with("z", "zz").with("a/b", "").with("é", "");
            let ticks = AtomicU64::new(1);
            let clock = Arc::new(move || seconds(ticks.fetch_add(1, Ordering::Relaxed)));
            let dir = Arc::new(MemoryDir::new(&files, clock));
            (files, Fixed::new(dir, Arc::clone(&inodes), seconds(7)))
        })
    }

    fn open(dir: &Fixed, path: &str, how: OFlags, write: bool) -> Node {
        let open = Open {
            follow: true,
            how,
            read: true,
            write,
            flags: FdFlags::empty(),
        };
        dir.open(path, open).unwrap()
    }

    #[test]
    fn numbers_are_in_the_order_of_first_sight() {
        let [(_, one), (_, other)] = fixed();
        assert_eq!(one.stat_at("z", true).unwrap().inode, 1);
        // The directory itself comes first.
        let listed: Vec<_> = listed(&one).unwrap();
        let seen: Vec<_> = listed.iter().map(|l| (&*l.name, l.inode)).collect();
        assert_eq!(seen, [("a", 3), ("z", 1), ("é", 4)]);
        assert_eq!(other.stat_at("z", true).unwrap().inode, 5);
        // A file that was deleted and one of the same name are two.
        one.unlink("z").unwrap();
        open(&one, "z", OFlags::CREATE, true);
        assert_eq!(one.stat_at("z", true).unwrap().inode, 6);
    }

    #[test]
    fn number_stays_when_a_file_changes() {
        let [(_, one), _] = fixed();
        let Node::File(mut file) = open(&one, "z", OFlags::empty(), true) else {
            panic!("a file");
        };
        let before = file.stat().unwrap();
        let longer = [IoSlice::new(b"longer")];
        file.write(&longer, &Meter::new(&holdall::Limits::new(), false))
            .unwrap();
        one.rename("z", &one, "a/z").unwrap();
        let after = one.stat_at("a/z", true).unwrap();
        assert_eq!(after.inode, before.inode);
        assert_eq!((before.size, after.size), (2, 6));
    }

    #[test]
    fn nothing_of_the_file_system_shows() {
        let [(_, one), _] = fixed();
        let Node::Dir(dir) = open(&one, "a", OFlags::DIRECTORY, false) else {
            panic!("a directory");
        };
        let now = Some(NewTime::Now);
        one.set_times("z", now, now, true).unwrap();
        for stat in [
            dir.stat(),
            dir.stat_at("b", true),
            one.stat(),
            one.stat_at("z", true),
        ] {
            let stat = stat.unwrap();
            assert_eq!(stat.device_id, 1);
            assert_eq!([stat.atim, stat.mtim, stat.ctim], [Some(seconds(7)); 3]);
            assert_eq!(stat.nlink, 1);
        }
    }

    #[test]
    fn rename_and_link_reach_the_directory_behind() {
        let [(files, one), (_, other)] = fixed();
        let Node::Dir(dir) = open(&one, "a", OFlags::DIRECTORY, false) else {
            panic!("a directory");
        };
        one.rename("z", &*dir, "y").unwrap();
        dir.link("y", &one, "x").unwrap();
        assert_eq!(files.paths(), ["a/b", "a/y", "x", "é"]);
        assert_eq!(one.stat_at("x", true).unwrap().nlink, 2);
        assert!(one.rename("x", &other, "x").unwrap_err().is(Errno::Xdev));
    }

    #[test]
    fn table_forgets_before_it_grows_without_end() {
        let inodes = Inodes::default();
        let stat = |inode| Filestat {
            device_id: 1,
            inode,
            filetype: FileType::RegularFile,
            nlink: 1,
            size: 0,
            atim: None,
            mtim: None,
            ctim: None,
            born: None,
        };
        for inode in 1..=MAX_REMEMBERED as u64 + 1 {
            assert_eq!(inodes.number(&stat(inode)), inode);
        }
        assert_eq!(inodes.0.lock().unwrap().numbers.len(), 1);
        assert_eq!(inodes.number(&stat(1)), MAX_REMEMBERED as u64 + 2);
    }
}
