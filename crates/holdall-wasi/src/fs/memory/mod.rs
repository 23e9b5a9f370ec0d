//! Files and directories in memory: [`Files`], which the embedder fills and reads, and what a
//! program opens of it. A tree knows no clock and no host: its times come from whoever opens it.

mod file;
mod memory_dir;
mod tree;
mod walk;

#[cfg(all(test, target_os = "linux"))]
mod against_host;
#[cfg(test)]
mod memory_tests;

use std::borrow::Cow;
use std::io::{Error, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

pub(crate) use memory_dir::MemoryDir;

use super::MAX_PATH_BYTES;
use super::NewTime;
use crate::fault::{Errno, Fault, Result};
use tree::{Id, New, Tree};
use walk::{End, Walked};

/// What tells the time of what is done to files.
pub(crate) type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// A tree of files and directories in memory, for programs to read and to write.
///
/// A clone is another handle of the same tree: what a program writes can be read with
/// [`read`](Self::read) through any of them, while it runs and afterwards.
///
/// Paths are relative, with `/` between names of at most 255 bytes, and are no longer than
/// 4,095 bytes. What the embedder puts into a tree is of the time 1970-01-01 00:00:00 UTC.
///
/// ```
/// use holdall_wasi::Files;
///
/// let files = Files::new()
///     .with("etc/motd", "hello")
///     .with("empty", "");
/// assert_eq!(files.read("etc/motd").as_deref(), Some(&b"hello"[..]));
/// assert_eq!(files.paths(), ["empty", "etc/motd"]);
/// ```
#[derive(Clone)]
pub struct Files {
    tree: Arc<Mutex<Tree>>,
}

impl Files {
    /// An empty tree.
    pub fn new() -> Self {
        Self {
            tree: Arc::new(Mutex::new(Tree::new())),
        }
    }

    /// The files of a directory that [`include_dir`](https://docs.rs/include_dir) embeds in the
    /// program. Their bytes stay where they are, and count for nothing, until something writes to
    /// them.
    ///
    /// # Panics
    ///
    /// Panics if there are more than 1,000,000 of them, or if one has a name or a path that is too
    /// long for a tree.
    pub fn embedded(dir: &include_dir::Dir<'static>) -> Self {
        let files = Self::new();
        let mut dirs = vec![dir.clone()];
        while let Some(dir) = dirs.pop() {
            for file in dir.files() {
                files.plant(&slashed(file.path()), Cow::Borrowed(file.contents()));
            }
            for dir in dir.dirs() {
                let path = slashed(dir.path());
                let made = files.make_dirs(&mut files.tree(), &path);
                made.unwrap_or_else(|fault| panic!("{}", error(&path, &fault)));
                dirs.push(dir.clone());
            }
        }
        files
    }

    /// Adds a file, and the directories that lead to it.
    ///
    /// # Panics
    ///
    /// Panics where [`write`](Self::write) has an error.
    #[must_use]
    pub fn with(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.plant(path, Cow::Owned(bytes.into()));
        self
    }

    /// Limits the bytes of all files and of the targets of all symbolic links together to
    /// `max_bytes`; 1 GiB unless this is called. A write beyond gives the program `ENOSPC`. What a
    /// tree already holds stays. Files that grow allocate up to twice the memory that they need.
    #[must_use]
    pub fn limit_bytes(self, max_bytes: u64) -> Self {
        self.tree().max_bytes = max_bytes;
        self
    }

    /// Limits the files, directories and symbolic links together to `max_nodes`, and their names to
    /// as many; the root counts. One more gives the program `ENOSPC`. 1,000,000 unless this is
    /// called.
    #[must_use]
    pub fn limit_nodes(self, max_nodes: u64) -> Self {
        self.tree().max_nodes = max_nodes;
        self
    }

    /// Writes a file, which is created if there is none, as are the directories that lead to it.
    ///
    /// # Errors
    ///
    /// An error if the path is absolute, empty, too long, leads out of the tree or through a file,
    /// or names a directory, and if the tree's limits allow no more.
    pub fn write(&self, path: &str, bytes: impl Into<Vec<u8>>) -> std::io::Result<()> {
        self.put(path, Cow::Owned(bytes.into()))
            .map_err(|fault| error(path, &fault))
    }

    /// Writes a file whose bytes the program has: they stay where they are, and count for nothing,
    /// until something writes to them.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write).
    pub fn write_static(&self, path: &str, bytes: &'static [u8]) -> std::io::Result<()> {
        self.put(path, Cow::Borrowed(bytes))
            .map_err(|fault| error(path, &fault))
    }

    /// Makes a directory, and those that lead to it, where they are not there.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write).
    pub fn make_dir(&self, path: &str) -> std::io::Result<()> {
        self.make_dirs(&mut self.tree(), path)
            .map_err(|fault| error(path, &fault))
    }

    /// Makes a symbolic link to `target`, and the directories that lead to it. Where it leads is
    /// looked at when it is followed, and never out of the tree.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write), and when there is something of that name already.
    pub fn link(&self, path: &str, target: &str) -> std::io::Result<()> {
        let make = || {
            let mut tree = self.tree();
            walk::check(path)?;
            if let Some((dir, _)) = path.rsplit_once('/') {
                self.make_dirs(&mut tree, dir)?;
            }
            let end = End {
                follow: false,
                create: true,
            };
            match walk::walk(&tree, Tree::ROOT, path, end)? {
                Walked::Missing { dir, name } => {
                    tree.add(dir, &name, New::Link(target), SystemTime::UNIX_EPOCH)?;
                    Ok(())
                }
                Walked::Node(_) => Err(Errno::Exist.into()),
            }
        };
        make().map_err(|fault: Fault| error(path, &fault))
    }

    /// Removes a file, a symbolic link, or a directory with all that is in it.
    ///
    /// # Errors
    ///
    /// An error if there is nothing of that name, or the path is none that a tree can have.
    pub fn remove(&self, path: &str) -> std::io::Result<()> {
        self.take(path).map_err(|fault| error(path, &fault))
    }

    /// The bytes of a file; `None` if there is no file of that path. Symbolic links are followed
    /// within the tree.
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        let tree = self.tree();
        let id = walk::resolve(&tree, Tree::ROOT, path, true).ok()?;
        Some(tree.file(id).ok()?.to_vec())
    }

    /// The paths of all files and symbolic links, sorted. What only a longer path than 4,095 bytes
    /// could name is left out.
    pub fn paths(&self) -> Vec<String> {
        let tree = self.tree();
        let mut paths = Vec::new();
        let mut dirs = vec![(Tree::ROOT, String::new())];
        while let Some((dir, path)) = dirs.pop() {
            for (name, id) in tree.list(dir).into_iter().flatten() {
                if path.len() + name.len() > MAX_PATH_BYTES {
                    continue;
                }
                let path = format!("{path}{name}");
                if tree.is_dir(id) {
                    dirs.push((id, path + "/"));
                } else {
                    paths.push(path);
                }
            }
        }
        paths.sort_unstable();
        paths
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        lock(&self.tree)
    }

    fn plant(&self, path: &str, bytes: Cow<'static, [u8]>) {
        if let Err(fault) = self.put(path, bytes) {
            panic!("{}", error(path, &fault));
        }
    }

    fn put(&self, path: &str, bytes: Cow<'static, [u8]>) -> Result<()> {
        let mut tree = self.tree();
        let end = End {
            follow: true,
            create: true,
        };
        walk::check(path)?;
        if let Some((dir, _)) = path.rsplit_once('/') {
            self.make_dirs(&mut tree, dir)?;
        }
        match walk::walk(&tree, Tree::ROOT, path, end)? {
            Walked::Missing { dir, name } => {
                tree.add(dir, &name, New::File(bytes), SystemTime::UNIX_EPOCH)?;
            }
            Walked::Node(id) => {
                tree.resize(id, 0, SystemTime::UNIX_EPOCH)?;
                let (written, _) =
                    tree.write(id, None, &[IoSlice::new(&bytes)], SystemTime::UNIX_EPOCH)?;
                if written < bytes.len() {
                    return Err(Errno::Nospc.into());
                }
            }
        }
        Ok(())
    }

    fn make_dirs(&self, tree: &mut Tree, path: &str) -> Result<()> {
        walk::check(path)?;
        let end = End {
            follow: true,
            create: false,
        };
        let slashes = path.match_indices('/').map(|(at, _)| at);
        for length in slashes.chain([path.len()]) {
            if let Walked::Missing { dir, name } =
                walk::walk(tree, Tree::ROOT, &path[..length], end)?
            {
                tree.add(dir, &name, New::Dir, SystemTime::UNIX_EPOCH)?;
            }
        }
        Ok(())
    }

    fn take(&self, path: &str) -> Result<()> {
        let mut tree = self.tree();
        let now = SystemTime::UNIX_EPOCH;
        let (dir, name) = walk::parent(&tree, Tree::ROOT, walk::strip(path))?;
        let name = name.ok_or(Errno::Busy)?;
        let id = tree.entry(dir, name)?;
        // Directories are emptied from the innermost out, with no recursion that depth could
        // exhaust.
        let mut at = id;
        while tree.is_dir(id) {
            let first = tree.list(at)?.next();
            let Some((name, inner)) = first.map(|(name, inner)| (name.to_owned(), inner)) else {
                if at == id {
                    return tree.remove_dir(dir, name, now);
                }
                at = tree.parent(at)?;
                continue;
            };
            if !tree.is_dir(inner) {
                tree.unlink(at, &name, now)?;
            } else if tree.list(inner)?.next().is_none() {
                tree.remove_dir(at, &name, now)?;
            } else {
                at = inner;
            }
        }
        tree.unlink(dir, name, now)
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tree = self.tree();
        f.debug_struct("Files")
            .field("nodes", &tree.nodes())
            .field("bytes", &tree.bytes())
            .finish_non_exhaustive()
    }
}

/// What a descriptor of a tree holds: it keeps its node there.
struct Handle {
    tree: Arc<Mutex<Tree>>,
    id: Id,
    clock: Clock,
}

impl Handle {
    fn new(shared: &Arc<Mutex<Tree>>, tree: &mut Tree, id: Id, clock: &Clock) -> Self {
        tree.open(id);
        Self {
            tree: shared.clone(),
            id,
            clock: clock.clone(),
        }
    }

    /// The time. To be asked before the tree is, since it is somebody else's code.
    fn now(&self) -> SystemTime {
        (self.clock)()
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        lock(&self.tree)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.tree().close(self.id);
    }
}

/// The time that a file is to have.
fn at(time: Option<NewTime>, now: SystemTime) -> Option<SystemTime> {
    time.map(|time| match time {
        NewTime::Now => now,
        NewTime::At(time) => time,
    })
}

/// A thread that panicked leaves a tree as it is, which at worst lacks its last change.
fn lock(tree: &Mutex<Tree>) -> MutexGuard<'_, Tree> {
    tree.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A path of another system, as trees have them.
fn slashed(path: &std::path::Path) -> String {
    let names = path.iter().map(|name| name.to_string_lossy());
    names.collect::<Vec<_>>().join("/")
}

fn error(path: &str, fault: &Fault) -> Error {
    let (kind, found) = match fault {
        Fault::Errno(Errno::Noent) if path.is_empty() => (ErrorKind::InvalidInput, "empty"),
        Fault::Errno(Errno::Noent) => (ErrorKind::NotFound, "nothing of that name"),
        Fault::Errno(Errno::Notdir) => (ErrorKind::NotADirectory, "a file on the way"),
        Fault::Errno(Errno::Isdir) => (ErrorKind::IsADirectory, "a directory"),
        Fault::Errno(Errno::Nospc) => (ErrorKind::StorageFull, "the limit of the tree"),
        Fault::Errno(Errno::Nametoolong) => (ErrorKind::InvalidFilename, "too long a name"),
        Fault::Errno(Errno::Perm) => (ErrorKind::PermissionDenied, "a way out of the tree"),
        Fault::Errno(Errno::Loop) => (ErrorKind::Other, "more than 40 symbolic links"),
        Fault::Errno(Errno::Exist) => (ErrorKind::AlreadyExists, "something of that name"),
        Fault::Errno(Errno::Busy) => (ErrorKind::InvalidInput, "no name at its end"),
        _ => (ErrorKind::InvalidInput, "not a path of a tree"),
    };
    Error::new(kind, format!("path {path:?} in memory: found {found}"))
}
