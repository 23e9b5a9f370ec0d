//! The nodes of a tree, the names they have, and the limits on both. Paths are not known here:
//! every function takes a directory and a name in it.

mod contents;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::super::{FileType, Filestat};
use crate::fault::{Errno, Result};

/// Each tree is a device of its own, far from those of operating systems, so that device and inode
/// together name a file.
pub(super) const DEVICES: Range<u64> = 1 << 32..1 << 33;
/// The longest name of a directory entry, as Linux has it.
const MAX_NAME_BYTES: usize = 255;
/// What a tree holds unless its owner says otherwise.
pub(super) const DEFAULT_MAX_BYTES: u64 = 1 << 30;
pub(super) const DEFAULT_MAX_NODES: u64 = 1_000_000;

/// The inode number of a node. Numbers are given in sequence, and never again.
pub(super) type Id = u64;

/// A file system in memory. Nodes refer to one another by number, so that neither depth nor a cycle
/// needs thought when they go.
pub(super) struct Tree {
    nodes: HashMap<Id, Node>,
    next: Id,
    device: u64,
    /// Entries of all directories.
    names: u64,
    /// The place of the next entry in the order of its directory. None is given twice.
    next_place: u64,
    /// Bytes of all files that are not borrowed, and of the targets of links.
    bytes: u64,
    pub(super) max_bytes: u64,
    /// Limits the nodes, and the names too.
    pub(super) max_nodes: u64,
}

struct Node {
    kind: Kind,
    /// Names that lead here, for all but directories.
    names: u64,
    /// Descriptors that stand for it. It stays for them when its last name goes.
    opened: u64,
    times: Times,
}

#[derive(Clone, Copy)]
struct Times {
    accessed: SystemTime,
    modified: SystemTime,
    changed: SystemTime,
}

enum Kind {
    /// Borrowed from the program's image until somebody writes.
    File(Cow<'static, [u8]>),
    Dir(Entries),
    /// A symbolic link and what it holds.
    Link(Box<str>),
}

struct Entries {
    parent: Id,
    /// Its name is gone, and no other name will ever be in it.
    removed: bool,
    subdirectories: u64,
    names: BTreeMap<Arc<str>, Entry>,
    /// The names in the order in which they came, by which they are listed: a place among them
    /// stays one, whatever comes and goes.
    order: BTreeMap<u64, Arc<str>>,
}

#[derive(Clone, Copy)]
struct Entry {
    id: Id,
    /// Its place in the order.
    place: u64,
}

/// What a new name is to be of.
pub(super) enum New<'a> {
    File(Cow<'static, [u8]>),
    Dir,
    Link(&'a str),
}

impl Tree {
    /// The root of every tree.
    pub(super) const ROOT: Id = 1;
    /// The first place of an entry in the order of a directory. Those before are for `.` and `..`.
    pub(super) const FIRST_PLACE: u64 = 2;

    pub(super) fn new() -> Self {
        static NEXT_DEVICE: AtomicU64 = AtomicU64::new(DEVICES.start);
        let root = Node {
            kind: Kind::Dir(Entries::of(Self::ROOT)),
            names: 0,
            opened: 0,
            times: Times::all(SystemTime::UNIX_EPOCH),
        };
        Self {
            nodes: HashMap::from([(Self::ROOT, root)]),
            next: Self::ROOT + 1,
            device: NEXT_DEVICE.fetch_add(1, Ordering::Relaxed),
            names: 0,
            next_place: Self::FIRST_PLACE,
            bytes: 0,
            max_bytes: DEFAULT_MAX_BYTES,
            max_nodes: DEFAULT_MAX_NODES,
        }
    }

    /// Gives `dir` a new entry.
    pub(super) fn add(&mut self, dir: Id, name: &str, new: New<'_>, now: SystemTime) -> Result<Id> {
        if self.lookup(dir, name)?.is_some() {
            return Err(Errno::Exist.into());
        }
        if self.nodes.len() as u64 >= self.max_nodes || self.names >= self.max_nodes {
            return Err(Errno::Nospc.into());
        }
        let kind = match new {
            New::File(bytes) => Kind::File(bytes),
            New::Dir => Kind::Dir(Entries::of(dir)),
            New::Link(target) => Kind::Link(target.into()),
        };
        let bytes = kind.bytes();
        if bytes > self.room() {
            return Err(Errno::Nospc.into());
        }
        let id = self.next;
        self.nodes.insert(
            id,
            Node {
                kind,
                names: 0,
                opened: 0,
                times: Times::all(now),
            },
        );
        self.attach(dir, name, id, now);
        self.next += 1;
        self.bytes += bytes;
        Ok(id)
    }

    /// Gives a file or a link another name.
    pub(super) fn link(&mut self, id: Id, dir: Id, name: &str, now: SystemTime) -> Result<()> {
        if self.lookup(dir, name)?.is_some() {
            return Err(Errno::Exist.into());
        }
        if self.is_dir(id) {
            return Err(Errno::Perm.into());
        }
        if self.names >= self.max_nodes {
            return Err(Errno::Nospc.into());
        }
        self.attach(dir, name, id, now);
        self.node_mut(id).times.changed = now;
        Ok(())
    }

    /// Takes away the name of a file or a link.
    pub(super) fn unlink(&mut self, dir: Id, name: &str, now: SystemTime) -> Result<()> {
        let id = self.entry(dir, name)?;
        if self.is_dir(id) {
            return Err(Errno::Isdir.into());
        }
        self.detach(dir, name, now);
        self.node_mut(id).times.changed = now;
        self.drop_if_unused(id);
        Ok(())
    }

    /// Removes an empty directory.
    pub(super) fn remove_dir(&mut self, dir: Id, name: &str, now: SystemTime) -> Result<()> {
        let id = self.entry(dir, name)?;
        self.check_empty(id)?;
        self.detach(dir, name, now);
        self.entries_mut(id).removed = true;
        self.drop_if_unused(id);
        Ok(())
    }

    /// Moves an entry to where there may be one that it can replace. With `as_dir` it has to be a
    /// directory, because a path ended in a slash.
    pub(super) fn rename(
        &mut self,
        (old_dir, old_name): (Id, &str),
        (new_dir, new_name): (Id, &str),
        as_dir: bool,
        now: SystemTime,
    ) -> Result<()> {
        let old = self.entry(old_dir, old_name)?;
        let new = self.lookup(new_dir, new_name)?;
        let moves_dir = self.is_dir(old);
        if as_dir && !moves_dir {
            return Err(Errno::Notdir.into());
        }
        if moves_dir && self.is_within(new_dir, old) {
            return Err(Errno::Inval.into());
        }
        if let Some(new) = new {
            if self.is_dir(new) && self.is_within(old_dir, new) {
                return Err(Errno::Notempty.into());
            }
            if new == old {
                return Ok(());
            }
            match (moves_dir, self.is_dir(new)) {
                (false, false) => self.unlink(new_dir, new_name, now)?,
                (false, true) => return Err(Errno::Isdir.into()),
                (true, _) => self.remove_dir(new_dir, new_name, now)?,
            }
        }
        self.detach(old_dir, old_name, now);
        self.attach(new_dir, new_name, old, now);
        let node = self.node_mut(old);
        node.times.changed = now;
        if let Kind::Dir(entries) = &mut node.kind {
            entries.parent = new_dir;
        }
        Ok(())
    }

    pub(super) fn set_times(
        &mut self,
        id: Id,
        accessed: Option<SystemTime>,
        modified: Option<SystemTime>,
        now: SystemTime,
    ) {
        let times = &mut self.node_mut(id).times;
        times.accessed = accessed.unwrap_or(times.accessed);
        times.modified = modified.unwrap_or(times.modified);
        times.changed = now;
    }

    /// One descriptor more stands for the node.
    pub(super) fn open(&mut self, id: Id) {
        self.node_mut(id).opened += 1;
    }

    /// One descriptor less does.
    pub(super) fn close(&mut self, id: Id) {
        self.node_mut(id).opened -= 1;
        self.drop_if_unused(id);
    }

    pub(super) fn stat(&self, id: Id) -> Filestat {
        let node = self.node(id);
        let (size, nlink) = match &node.kind {
            Kind::File(bytes) => (bytes.len() as u64, node.names),
            Kind::Link(target) => (target.len() as u64, node.names),
            Kind::Dir(entries) if entries.removed => (0, 0),
            Kind::Dir(entries) => (0, 2 + entries.subdirectories),
        };
        Filestat {
            device_id: self.device,
            inode: id,
            filetype: self.filetype(id),
            nlink,
            size,
            atim: Some(node.times.accessed),
            mtim: Some(node.times.modified),
            ctim: Some(node.times.changed),
            // No number is given again.
            born: None,
        }
    }

    pub(super) fn filetype(&self, id: Id) -> FileType {
        match self.node(id).kind {
            Kind::File(_) => FileType::RegularFile,
            Kind::Dir(_) => FileType::Directory,
            Kind::Link(_) => FileType::SymbolicLink,
        }
    }

    pub(super) fn is_dir(&self, id: Id) -> bool {
        matches!(self.node(id).kind, Kind::Dir(_))
    }

    /// What a symbolic link holds.
    pub(super) fn target(&self, id: Id) -> Option<&str> {
        match &self.node(id).kind {
            Kind::Link(target) => Some(target),
            _ => None,
        }
    }

    /// The entries of a directory, in the order of their names.
    pub(super) fn list(&self, dir: Id) -> Result<impl Iterator<Item = (&str, Id)>> {
        let names = &self.entries(dir)?.names;
        Ok(names.iter().map(|(name, entry)| (&**name, entry.id)))
    }

    /// The entries of a directory from a place on, in the order in which they came: the place of
    /// each, its name, and what it stands for.
    pub(super) fn list_from(
        &self,
        dir: Id,
        place: u64,
    ) -> Result<impl Iterator<Item = (u64, &str, Id)>> {
        let Entries { order, names, .. } = self.entries(dir)?;
        let entries = order.range(place..);
        Ok(entries.map(|(place, name)| (*place, &**name, names[name].id)))
    }

    /// A place behind those of all entries that there are.
    pub(super) fn next_place(&self) -> u64 {
        self.next_place
    }

    /// The directory that holds a directory; the root holds itself.
    pub(super) fn parent(&self, dir: Id) -> Result<Id> {
        Ok(self.entries(dir)?.parent)
    }

    /// What an existing name in a directory stands for.
    pub(super) fn entry(&self, dir: Id, name: &str) -> Result<Id> {
        self.lookup(dir, name)?.ok_or_else(|| Errno::Noent.into())
    }

    /// What a name in a directory stands for.
    pub(super) fn lookup(&self, dir: Id, name: &str) -> Result<Option<Id>> {
        let entries = self.entries(dir)?;
        if entries.removed {
            return Err(Errno::Noent.into());
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(Errno::Nametoolong.into());
        }
        Ok(entries.names.get(name).map(|entry| entry.id))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    fn entries(&self, dir: Id) -> Result<&Entries> {
        match &self.node(dir).kind {
            Kind::Dir(entries) => Ok(entries),
            _ => Err(Errno::Notdir.into()),
        }
    }

    fn check_empty(&self, dir: Id) -> Result<()> {
        if self.entries(dir)?.names.is_empty() {
            Ok(())
        } else {
            Err(Errno::Notempty.into())
        }
    }

    /// Whether a directory is another one, or somewhere below it.
    fn is_within(&self, mut dir: Id, other: Id) -> bool {
        while dir != other {
            match self.parent(dir) {
                Ok(parent) if parent != dir => dir = parent,
                _ => return false,
            }
        }
        true
    }

    fn room(&self) -> u64 {
        self.max_bytes.saturating_sub(self.bytes)
    }

    fn attach(&mut self, dir: Id, name: &str, id: Id, now: SystemTime) {
        self.names += 1;
        self.node_mut(id).names += 1;
        let subdirectories = u64::from(self.is_dir(id));
        let place = self.next_place;
        self.next_place += 1;
        let name: Arc<str> = name.into();
        let entries = self.entries_mut(dir);
        entries.order.insert(place, Arc::clone(&name));
        entries.names.insert(name, Entry { id, place });
        entries.subdirectories += subdirectories;
        self.node_mut(dir).times.write(now);
    }

    /// Takes a name away that is there. What it stood for is left to the caller.
    fn detach(&mut self, dir: Id, name: &str, now: SystemTime) {
        let entries = self.entries_mut(dir);
        let Entry { id, place } = entries.names.remove(name).expect("found before");
        entries.order.remove(&place);
        self.names -= 1;
        self.node_mut(id).names -= 1;
        let subdirectories = u64::from(self.is_dir(id));
        self.entries_mut(dir).subdirectories -= subdirectories;
        self.node_mut(dir).times.write(now);
    }

    fn drop_if_unused(&mut self, id: Id) {
        let node = self.node(id);
        if node.names == 0 && node.opened == 0 && id != Self::ROOT {
            self.bytes -= node.kind.bytes();
            self.nodes.remove(&id);
        }
    }

    fn node(&self, id: Id) -> &Node {
        self.nodes.get(&id).expect(HELD)
    }

    fn node_mut(&mut self, id: Id) -> &mut Node {
        self.nodes.get_mut(&id).expect(HELD)
    }

    fn entries_mut(&mut self, dir: Id) -> &mut Entries {
        match &mut self.node_mut(dir).kind {
            Kind::Dir(entries) => entries,
            _ => unreachable!("only directories have entries"),
        }
    }
}

/// Why a number always has its node.
const HELD: &str = "a node is there as long as a name or a descriptor is";

impl Kind {
    /// What counts against the limit.
    fn bytes(&self) -> u64 {
        match self {
            Self::File(Cow::Owned(bytes)) => bytes.len() as u64,
            Self::Link(target) => target.len() as u64,
            Self::File(Cow::Borrowed(_)) | Self::Dir(_) => 0,
        }
    }
}

impl Entries {
    fn of(parent: Id) -> Self {
        Self {
            parent,
            removed: false,
            subdirectories: 0,
            names: BTreeMap::new(),
            order: BTreeMap::new(),
        }
    }
}

impl Times {
    fn all(now: SystemTime) -> Self {
        Self {
            accessed: now,
            modified: now,
            changed: now,
        }
    }

    fn write(&mut self, now: SystemTime) {
        self.modified = now;
        self.changed = now;
    }
}
