//! The open descriptors of a module: numbers, what they stand for, and the rights to it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::SeekFrom;
use std::sync::Arc;

use wasi_common::snapshots::preview_1::types::Rights;

use super::fault::{Errno, Result};
use super::fs::{Dir, File, Node};
use super::listing::Listing;
use holdall::provide::Stream;

/// The first number that is not a standard stream's.
pub(super) const FIRST: u32 = 3;

/// An open descriptor.
pub(super) struct Descriptor {
    pub(super) kind: Kind,
    /// What may be done with it; [`fd_fdstat_set_rights`](super::calls::fd) takes away.
    pub(super) base: Rights,
    /// What may be done with what is opened through it.
    pub(super) inheriting: Rights,
    /// What a message calls it: the name of a granted directory, and a path from there.
    pub(super) name: Arc<str>,
    /// Whether the guest has it as it was granted: it neither opened nor changed it.
    pub(super) is_as_granted: bool,
    /// The standard stream that it was granted as, for output.
    pub(super) stream: Option<Stream>,
}

/// What a descriptor stands for.
pub(super) enum Kind {
    File(Box<dyn File>),
    Dir(OpenDir),
}

/// A directory that is open.
pub(super) struct OpenDir {
    pub(super) dir: Arc<dyn Dir>,
    /// What the guest calls it, where it was granted.
    pub(super) preopen: Option<Arc<str>>,
    /// The listing that the guest began.
    pub(super) listing: Option<Listing>,
}

impl Descriptor {
    /// A file or a stream, to be read and written as it says.
    pub(super) fn file(
        mut file: Box<dyn File>,
        read: bool,
        write: bool,
        inheriting: Rights,
    ) -> Self {
        let mut base = FILE & inheriting;
        if !read {
            base.remove(Rights::FD_READ);
        }
        if !write {
            base.remove(Rights::FD_WRITE);
        }
        // By these a program tells a terminal, which has no position, from other devices.
        if !file.is_seekable() {
            base.remove(Rights::FD_SEEK);
            if file.seek(SeekFrom::Current(0)).is_err() {
                base.remove(Rights::FD_TELL);
            }
        }
        Self {
            kind: Kind::File(file),
            base,
            inheriting: Rights::empty(),
            name: Arc::default(),
            is_as_granted: false,
            stream: None,
        }
    }

    /// A directory, with its guest's name where it is granted.
    pub(super) fn dir(dir: Arc<dyn Dir>, preopen: Option<Arc<str>>, inheriting: Rights) -> Self {
        Self {
            name: preopen.clone().unwrap_or_default(),
            kind: Kind::Dir(OpenDir {
                dir,
                preopen,
                listing: None,
            }),
            base: DIR & inheriting,
            inheriting,
            is_as_granted: false,
            stream: None,
        }
    }

    /// What was opened through a directory, and inherits rights of the directory.
    pub(super) fn of(node: Node, read: bool, write: bool, inheriting: Rights) -> Self {
        match node {
            Node::File(file) => Self::file(file, read, write, inheriting),
            Node::Dir(dir) => Self::dir(dir, None, inheriting),
        }
    }

    /// The descriptor, which is this standard stream.
    pub(super) fn of_stream(mut self, stream: Stream) -> Self {
        self.stream = Some(stream);
        self
    }

    /// The descriptor, called so.
    pub(super) fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }
}

/// What can be done with a file.
const FILE: Rights = Rights::FD_DATASYNC
    .union(Rights::FD_READ)
    .union(Rights::FD_SEEK)
    .union(Rights::FD_FDSTAT_SET_FLAGS)
    .union(Rights::FD_SYNC)
    .union(Rights::FD_TELL)
    .union(Rights::FD_WRITE)
    .union(Rights::FD_ADVISE)
    .union(Rights::FD_ALLOCATE)
    .union(Rights::FD_FILESTAT_GET)
    .union(Rights::FD_FILESTAT_SET_SIZE)
    .union(Rights::FD_FILESTAT_SET_TIMES)
    .union(Rights::POLL_FD_READWRITE);

/// What can be done with a directory.
const DIR: Rights = Rights::PATH_CREATE_DIRECTORY
    .union(Rights::PATH_CREATE_FILE)
    .union(Rights::PATH_LINK_SOURCE)
    .union(Rights::PATH_LINK_TARGET)
    .union(Rights::PATH_OPEN)
    .union(Rights::FD_READDIR)
    .union(Rights::PATH_READLINK)
    .union(Rights::PATH_RENAME_SOURCE)
    .union(Rights::PATH_RENAME_TARGET)
    .union(Rights::PATH_FILESTAT_GET)
    .union(Rights::PATH_FILESTAT_SET_SIZE)
    .union(Rights::PATH_FILESTAT_SET_TIMES)
    .union(Rights::FD_FILESTAT_GET)
    .union(Rights::FD_FILESTAT_SET_TIMES)
    .union(Rights::PATH_SYMLINK)
    .union(Rights::PATH_REMOVE_DIRECTORY)
    .union(Rights::PATH_UNLINK_FILE);

/// What can be done with a granted directory and all that is below it.
pub(super) const ALL: Rights = FILE.union(DIR);

/// The descriptors of a module. A new one gets the lowest number that is free.
#[derive(Default)]
pub(super) struct Descriptors {
    slots: Vec<Option<Descriptor>>,
    /// The numbers below the end that are free, but for those of standard streams.
    free: BinaryHeap<Reverse<u32>>,
    open: usize,
    /// The names of those that were granted, at their numbers.
    granted: Vec<Option<Arc<str>>>,
}

impl Descriptors {
    /// Puts a standard stream, or nothing, at its number.
    pub(super) fn set(&mut self, fd: u32, descriptor: Option<Descriptor>) {
        let at = fd as usize;
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        self.open += usize::from(descriptor.is_some());
        self.open -= usize::from(self.slots[at].is_some());
        self.slots[at] = descriptor;
    }

    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Notes that those that are open are what was granted.
    pub(super) fn set_granted(&mut self) {
        let slots = self.slots.iter_mut().map(|slot| {
            let descriptor = slot.as_mut()?;
            descriptor.is_as_granted = true;
            Some(Arc::clone(&descriptor.name))
        });
        self.granted = slots.collect();
    }

    /// The first descriptor that is not as it was granted, and what is different: a guest that gets
    /// the same grants anew would not find it so.
    ///
    /// Those that were granted can not have changed places and still be all of them: what takes the
    /// place of another closes it.
    pub(super) fn changed(&self) -> Option<String> {
        (0..self.slots.len()).find_map(|fd| {
            let found = self.slots[fd].as_ref();
            let granted = self.granted.get(fd).and_then(Option::as_ref);
            let (name, what) = match (found, granted) {
                (None, None) => return None,
                (Some(found), _) if found.is_as_granted => return None,
                (Some(found), Some(name)) if found.name == *name => (name, "was changed"),
                (Some(found), _) => (&found.name, "is open"),
                (None, Some(name)) => (name, "was closed"),
            };
            let is_stream = fd < FIRST as usize && granted == Some(name);
            Some(match is_stream {
                true => format!("descriptor {fd} ({name}) {what}"),
                false => format!("descriptor {fd} ({name:?}) {what}"),
            })
        })
    }

    /// Adds a descriptor, unless `most` are open already.
    pub(super) fn add(&mut self, descriptor: Descriptor, most: usize) -> Result<u32> {
        if self.open >= most {
            return Err(Errno::Mfile.into());
        }
        if self.slots.len() < FIRST as usize {
            self.slots.resize_with(FIRST as usize, || None);
        }
        self.open += 1;
        if let Some(Reverse(fd)) = self.free.pop() {
            self.slots[fd as usize] = Some(descriptor);
            return Ok(fd);
        }
        let fd = u32::try_from(self.slots.len())?;
        self.slots.push(Some(descriptor));
        Ok(fd)
    }

    /// Takes a descriptor away.
    pub(super) fn remove(&mut self, fd: u32) -> Result<Descriptor> {
        let slot = self.slots.get_mut(fd as usize).ok_or(Errno::Badf)?;
        let descriptor = slot.take().ok_or(Errno::Badf)?;
        self.open -= 1;
        if fd >= FIRST {
            self.free.push(Reverse(fd));
        }
        Ok(descriptor)
    }

    /// Gives what is at `from` the number `to`, which has to be open too; what was there is closed.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<()> {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            let moved = self.remove(from)?;
            self.set(to, Some(moved));
        }
        Ok(())
    }

    pub(super) fn get(&mut self, fd: u32) -> Result<&mut Descriptor> {
        let slot = self.slots.get_mut(fd as usize);
        slot.and_then(Option::as_mut)
            .ok_or_else(|| Errno::Badf.into())
    }

    pub(super) fn peek(&self, fd: u32) -> Option<&Descriptor> {
        self.slots.get(fd as usize)?.as_ref()
    }

    /// The standard stream for output that a number was granted as, whichever number it has now.
    pub(super) fn stream(&self, fd: u32) -> Option<Stream> {
        self.peek(fd)?.stream
    }

    /// The file of a number, to do something that needs a right.
    pub(super) fn file(&mut self, fd: u32, right: Rights) -> Result<&mut Box<dyn File>> {
        let descriptor = self.get(fd)?;
        let Kind::File(file) = &mut descriptor.kind else {
            return Err(Errno::Isdir.into());
        };
        if !descriptor.base.contains(right) {
            return Err(missing(right, &**file).into());
        }
        Ok(file)
    }

    /// The directory of a number, to do something that needs a right; gives it with its number's
    /// rights to what is below.
    pub(super) fn dir(&mut self, fd: u32, right: Rights) -> Result<(Arc<dyn Dir>, Rights)> {
        let inheriting = self.get(fd)?.inheriting;
        let dir = Arc::clone(&self.open_dir(fd, right)?.dir);
        Ok((dir, inheriting))
    }

    /// The open directory of a number, to do something that needs a right.
    pub(super) fn open_dir(&mut self, fd: u32, right: Rights) -> Result<&mut OpenDir> {
        let descriptor = self.get(fd)?;
        let Kind::Dir(dir) = &mut descriptor.kind else {
            return Err(Errno::Notdir.into());
        };
        if !descriptor.base.contains(right) {
            return Err(Errno::Notcapable.into());
        }
        Ok(dir)
    }
}

/// What a program expects when it does what a file was not opened for.
fn missing(right: Rights, file: &dyn File) -> Errno {
    if right.intersects(Rights::FD_READ | Rights::FD_WRITE) {
        Errno::Badf
    } else if right.intersects(Rights::FD_SEEK | Rights::FD_TELL) && !file.is_seekable() {
        Errno::Spipe
    } else {
        Errno::Notcapable
    }
}
