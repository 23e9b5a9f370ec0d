//! Folders on disk, and places that guests are granted: a folder, or a tree in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use holdall_wasi::{Access, Files, Grants};

pub(crate) use crate::folder::Folder;

impl Folder {
    /// The folder with one more folder in it.
    pub(crate) fn with_dir(self, path: &str) -> Self {
        fs::create_dir_all(self.path().join(path)).expect("it is ours");
        self
    }

    /// The folder with a symbolic link.
    #[cfg(unix)]
    pub(crate) fn with_link(self, path: &str, target: &str) -> Self {
        std::os::unix::fs::symlink(target, self.path().join(path)).expect("it is ours");
        self
    }

    /// All that is in it: paths, contents, targets and times of change.
    pub(crate) fn everything(&self) -> BTreeMap<PathBuf, String> {
        Self::everything_below(self.path())
    }

    /// All that is in a folder of the host.
    pub(crate) fn everything_below(path: &Path) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut dirs = vec![path.to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(&dir).expect("it is ours") {
                let path = entry.expect("it is ours").path();
                let metadata = path.symlink_metadata().expect("it is ours");
                let modified = metadata.modified().expect("Linux has it");
                let contents = if metadata.is_symlink() {
                    format!("-> {:?}", fs::read_link(&path).expect("it is ours"))
                } else if metadata.is_dir() {
                    dirs.push(path.clone());
                    "a folder".to_owned()
                } else {
                    let bytes = fs::read(&path).expect("it is ours");
                    String::from_utf8_lossy(&bytes).into_owned()
                };
                found.insert(path, format!("{contents}, of {modified:?}"));
            }
        }
        found
    }
}

/// A place that a guest is granted.
pub(crate) enum Place {
    Host(Folder),
    Memory(Files),
}

impl Place {
    /// An empty folder, and an empty tree in memory. `name` is the test's.
    pub(crate) fn both(name: &str) -> [Self; 2] {
        [Self::Host(Folder::new(name)), Self::Memory(Files::new())]
    }

    /// The place with one more file; `path` may lead into folders below.
    pub(crate) fn with(self, path: &str, contents: &str) -> Self {
        match self {
            Self::Host(folder) => Self::Host(folder.with(path, contents)),
            Self::Memory(files) => Self::Memory(files.with(path, contents)),
        }
    }

    /// Grants it, as the guest's `/`.
    pub(crate) fn grant(&self, access: Access) -> Grants {
        match self {
            Self::Host(folder) => Grants::new().host_dir(folder.path(), "/", access).unwrap(),
            Self::Memory(files) => Grants::new().files(files.clone(), "/", access),
        }
    }

    /// For messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Host(_) => "host",
            Self::Memory(_) => "memory",
        }
    }

    /// All that is in it.
    pub(crate) fn everything(&self) -> BTreeMap<PathBuf, String> {
        match self {
            Self::Host(folder) => folder.everything(),
            Self::Memory(files) => {
                // Directories are counted among the nodes.
                let counts = (PathBuf::from("/"), format!("{files:?}"));
                let read = |path: String| {
                    let bytes = files.read(&path).unwrap_or_default();
                    (path.into(), String::from_utf8_lossy(&bytes).into_owned())
                };
                files
                    .paths()
                    .into_iter()
                    .map(read)
                    .chain([counts])
                    .collect()
            }
        }
    }
}
