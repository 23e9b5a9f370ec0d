//! The snapshots of a manifest: files below its directory, which are compared with, and which are written
//! only where that is asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use cap_tempfile::TempFile;

use crate::expect::Snapshots;

/// The directory beside manifests that has a directory of snapshots for each of them.
const SNAPSHOTS: &str = "snapshots";

/// Where the snapshots of a manifest are: `snapshots/app/` beside `app.test.toml`.
#[derive(Debug)]
pub(crate) struct SnapshotDir {
    /// The manifest's directory.
    dir: PathBuf,
    /// The directory of its snapshots, below.
    below: PathBuf,
    /// What was written, by paths below: two cases that have one snapshot have to agree.
    written: Mutex<BTreeMap<PathBuf, Vec<u8>>>,
}

impl SnapshotDir {
    /// The snapshots of the manifest that is called `name`, in `dir`.
    pub(crate) fn new(dir: &Path, name: &str) -> Self {
        Self {
            dir: dir.to_owned(),
            below: Path::new(SNAPSHOTS).join(name),
            written: Mutex::default(),
        }
    }

    /// The path of a snapshot, for people.
    pub(crate) fn path(&self, name: &Path) -> PathBuf {
        self.dir.join(&self.below).join(name)
    }

    /// The manifest's directory: nothing outside of it is read or written.
    fn open(&self) -> io::Result<Dir> {
        let dir = if self.dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &self.dir
        };
        Dir::open_ambient_dir(dir, ambient_authority())
    }

    fn read(&self, name: &Path) -> io::Result<Vec<u8>> {
        self.open()?.read(self.below.join(name))
    }

    /// Writes a snapshot as a whole: whoever reads it meanwhile finds the old one or the new one.
    fn write(&self, name: &Path, bytes: &[u8]) -> Result<(), String> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.get(name).is_some_and(|before| before != bytes) {
            return Err("another case has just written something else there".to_owned());
        }
        let write = || {
            let dir = self.open()?;
            let path = self.below.join(name);
            if dir.read(&path).is_ok_and(|there| there == bytes) {
                return Ok(());
            }
            let parent = path.parent().unwrap_or(Path::new("."));
            dir.create_dir_all(parent)?;
            let dir = dir.open_dir(parent)?;
            let mut file = TempFile::new(&dir)?;
            file.write_all(bytes)?;
            file.replace(path.file_name().unwrap_or_default())
        };
        write().map_err(|error| error.to_string())?;
        written.insert(name.to_owned(), bytes.to_owned());
        Ok(())
    }

    /// The snapshots that there are and that `is_used` does not know, sorted.
    pub(crate) fn stale(&self, is_used: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let mut stale = Vec::new();
        let Ok(root) = self.open().and_then(|dir| dir.open_dir(&self.below)) else {
            return stale;
        };
        let mut dirs = vec![(root, PathBuf::new())];
        while let Some((dir, path)) = dirs.pop() {
            for entry in dir.entries().into_iter().flatten().flatten() {
                let path = path.join(entry.file_name());
                // A link to a directory is no snapshot and has none.
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => {
                        dirs.extend(entry.open_dir().ok().map(|dir| (dir, path)));
                    }
                    Ok(kind) if kind.is_file() && !is_used(&path) => stale.push(path),
                    _ => {}
                }
            }
        }
        stale.sort();
        stale.iter().map(|name| self.path(name)).collect()
    }
}

/// The snapshots of one run of a case.
#[derive(Debug)]
pub(crate) struct RunSnapshots<'a> {
    dir: &'a SnapshotDir,
    bless: bool,
    /// What was found where a snapshot was expected, and is another.
    others: RefCell<Vec<(PathBuf, Vec<u8>)>>,
}

impl<'a> RunSnapshots<'a> {
    /// With `bless`, everything that is found is right, until it is [written](Self::write).
    pub(crate) fn new(dir: &'a SnapshotDir, bless: bool) -> Self {
        Self {
            dir,
            bless,
            others: RefCell::default(),
        }
    }

    /// The snapshots that are not what was found.
    pub(crate) fn others(&self) -> Vec<PathBuf> {
        self.others
            .borrow()
            .iter()
            .map(|(name, _)| self.dir.path(name))
            .collect()
    }

    /// Writes what was found.
    pub(crate) fn write(&self) -> Result<(), String> {
        for (name, found) in &*self.others.borrow() {
            self.dir.write(name, found).map_err(|reason| {
                format!(
                    "snapshot {} cannot be written: {reason}",
                    self.dir.path(name).display()
                )
            })?;
        }
        Ok(())
    }
}

impl Snapshots for RunSnapshots<'_> {
    fn expected(&self, name: &Path, found: &[u8]) -> Result<Vec<u8>, String> {
        let expected = self.dir.read(name);
        if !matches!(&expected, Ok(expected) if expected == found) {
            self.others
                .borrow_mut()
                .push((name.to_owned(), found.to_owned()));
        }
        match expected {
            _ if self.bless => Ok(found.to_owned()),
            Ok(expected) => Ok(expected),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err("no such snapshot yet".to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
