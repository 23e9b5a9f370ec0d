//! An open directory of a tree in memory.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use super::super::reasons::{last, slash, vacant};
use super::super::{Dir, Entries, Filestat, Listed, NewTime, Node, OFlags, Open, Work};
use super::file::MemoryFile;
use super::tree::{New, Tree};
use super::walk::{self, End, Walked};
use super::{Clock, Files, Handle, at};
use crate::fault::{Errno, Result};
use crate::fs::MAX_PATH_BYTES;

/// A directory in memory. Paths lead nowhere but below it, even when it is not the tree's root.
pub(crate) struct MemoryDir(Handle);

impl MemoryDir {
    /// The root of a tree, where what is done is done at the times that `clock` tells.
    pub(crate) fn new(files: &Files, clock: Clock) -> Self {
        let root = Handle::new(&files.tree, &mut files.tree(), Tree::ROOT, &clock);
        Self(root)
    }

    /// The directory of another descriptor, which has to be one of the same tree.
    fn same_tree<'a>(&self, dir: &'a dyn Dir) -> Result<&'a Self> {
        match dir.target()?.downcast_ref::<Self>() {
            Some(dir) if Arc::ptr_eq(&dir.0.tree, &self.0.tree) => Ok(dir),
            _ => Err(Errno::Xdev.into()),
        }
    }
}

impl Dir for MemoryDir {
    fn target(&self) -> Result<&dyn Any> {
        Ok(self)
    }

    fn open(&self, path: &str, open: Open) -> Result<Node> {
        let Open {
            follow,
            how,
            read,
            write,
            flags,
        } = open;
        let create = how.contains(OFlags::CREATE);
        let exclusive = create && how.contains(OFlags::EXCLUSIVE);
        let truncate = how.contains(OFlags::TRUNCATE);
        let as_dir = how.contains(OFlags::DIRECTORY);
        if as_dir && create {
            return Err(Errno::Inval.into());
        }
        let now = self.0.now();
        let mut tree = self.0.tree();
        let end = End {
            follow: follow && !exclusive,
            create,
        };
        let id = match walk::walk(&tree, self.0.id, path, end)? {
            Walked::Node(_) if exclusive => return Err(Errno::Exist.into()),
            Walked::Node(id) => id,
            Walked::Missing { dir, name } if create => {
                tree.add(dir, &name, New::File(Cow::Owned(Vec::new())), now)?
            }
            Walked::Missing { .. } => return Err(Errno::Noent.into()),
        };
        if as_dir && !tree.is_dir(id) {
            return Err(Errno::Notdir.into());
        }
        if tree.target(id).is_some() {
            return Err(Errno::Loop.into());
        }
        if tree.is_dir(id) {
            if create || write || truncate {
                return Err(Errno::Isdir.into());
            }
            let handle = Handle::new(&self.0.tree, &mut tree, id, &self.0.clock);
            return Ok(Node::Dir(Arc::new(Self(handle))));
        }
        if truncate {
            tree.resize(id, 0, now)?;
        }
        Ok(Node::File(Box::new(MemoryFile {
            handle: Handle::new(&self.0.tree, &mut tree, id, &self.0.clock),
            position: 0,
            flags,
            read,
            write,
        })))
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(self.0.tree().stat(self.0.id))
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat> {
        let tree = self.0.tree();
        let id = walk::resolve(&tree, self.0.id, path, follow)?;
        Ok(tree.stat(id))
    }

    fn is_empty(&self) -> Result<bool> {
        Ok(self.0.tree().list(self.0.id)?.next().is_none())
    }

    fn entries(&self) -> Result<Box<dyn Entries>> {
        let tree = &mut self.0.tree();
        let handle = Handle::new(&self.0.tree, tree, self.0.id, &self.0.clock);
        Ok(Box::new(MemoryEntries {
            handle,
            end: tree.next_place(),
        }))
    }

    fn read_link(&self, path: &str) -> Result<String> {
        let tree = self.0.tree();
        let (dir, name) = walk::parent(&tree, self.0.id, path)?;
        let id = tree.entry(dir, name.ok_or(Errno::Inval)?)?;
        let target = tree.target(id).ok_or(Errno::Inval)?;
        Ok(target.to_owned())
    }

    fn set_times(
        &self,
        path: &str,
        accessed: Option<NewTime>,
        modified: Option<NewTime>,
        follow: bool,
    ) -> Result<()> {
        let now = self.0.now();
        let mut tree = self.0.tree();
        let id = walk::resolve(&tree, self.0.id, path, follow)?;
        tree.set_times(id, at(accessed, now), at(modified, now), now);
        Ok(())
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        let now = self.0.now();
        let mut tree = self.0.tree();
        let (dir, name) = walk::parent(&tree, self.0.id, walk::strip(path))?;
        tree.add(dir, name.ok_or(Errno::Exist)?, New::Dir, now)?;
        Ok(())
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        if last(path) == ".." && self.stat_at(path, true).is_ok() {
            return Err(Errno::Notempty.into());
        }
        let now = self.0.now();
        let mut tree = self.0.tree();
        let (dir, name) = walk::parent(&tree, self.0.id, walk::strip(path))?;
        tree.remove_dir(dir, name.ok_or(Errno::Inval)?, now)
    }

    fn unlink(&self, path: &str) -> Result<()> {
        if path.ends_with('/') {
            return Err(slash(self, path));
        }
        let now = self.0.now();
        let mut tree = self.0.tree();
        let (dir, name) = walk::parent(&tree, self.0.id, path)?;
        tree.unlink(dir, name.ok_or(Errno::Isdir)?, now)
    }

    fn symlink(&self, target: &str, path: &str) -> Result<()> {
        if target.starts_with('/') {
            return Err(Errno::Perm.into());
        }
        if target.is_empty() {
            return Err(Errno::Noent.into());
        }
        if path.ends_with('/') {
            return vacant(self, path);
        }
        let now = self.0.now();
        let mut tree = self.0.tree();
        let (dir, name) = walk::parent(&tree, self.0.id, path)?;
        if target.contains('\0') {
            return Err(Errno::Inval.into());
        }
        if target.len() > MAX_PATH_BYTES {
            return Err(Errno::Nametoolong.into());
        }
        tree.add(dir, name.ok_or(Errno::Exist)?, New::Link(target), now)?;
        Ok(())
    }

    fn link(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()> {
        let to = self.same_tree(to)?;
        self.stat_at(from, false)?;
        if path.ends_with('/') {
            return vacant(to, path);
        }
        let now = self.0.now();
        let mut tree = self.0.tree();
        let (from_dir, from_name) = walk::parent(&tree, self.0.id, from)?;
        let (to_dir, to_name) = walk::parent(&tree, to.0.id, path)?;
        let id = match from_name {
            Some(name) => tree.entry(from_dir, name)?,
            None => from_dir,
        };
        tree.link(id, to_dir, to_name.ok_or(Errno::Exist)?, now)
    }

    fn rename(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()> {
        let to = self.same_tree(to)?;
        let now = self.0.now();
        let mut tree = self.0.tree();
        let as_dir = from.ends_with('/') || path.ends_with('/');
        let (from_dir, from_name) = walk::parent(&tree, self.0.id, walk::strip(from))?;
        let (to_dir, to_name) = walk::parent(&tree, to.0.id, walk::strip(path))?;
        // A path that ends in `.` or `..` gives a directory no name to take away.
        let from_name = from_name.ok_or(Errno::Busy)?;
        let to_name = to_name.ok_or(Errno::Busy)?;
        tree.rename((from_dir, from_name), (to_dir, to_name), as_dir, now)
    }
}

/// The entries of a directory in memory.
struct MemoryEntries {
    handle: Handle,
    /// Where the entries end that were there at the beginning: what a program adds while it lists
    /// is not listed, as that might never end.
    end: u64,
}

impl Entries for MemoryEntries {
    fn read(&mut self, from: u64, _: &mut Work<'_>) -> Result<Vec<Listed>> {
        /// As many entries are given at once.
        const PIECE: usize = 64;

        let tree = self.handle.tree();
        if from == 0 {
            self.end = tree.next_place();
        }
        let own = [(0, "."), (1, "..")].map(|(place, name)| (place, name, self.handle.id));
        let own = own.into_iter().skip_while(|(place, ..)| *place < from);
        let others = tree.list_from(self.handle.id, from)?;
        let entries = own.chain(others.take_while(|(place, ..)| *place < self.end));
        let listed = entries.take(PIECE).map(|(place, name, id)| Listed {
            name: name.to_owned(),
            inode: id,
            filetype: tree.filetype(id),
            next: place + 1,
        });
        Ok(listed.collect())
    }
}
