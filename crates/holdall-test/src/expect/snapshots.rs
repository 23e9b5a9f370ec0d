//! Snapshots: what was written once, and is compared with from then on.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where snapshots are.
pub trait Snapshots {
    /// The bytes of the snapshot of a path; `found` is what it is about to be compared with.
    ///
    /// # Errors
    ///
    /// Why there are none, in words that can follow "expected a snapshot, found".
    fn expected(&self, path: &Path, found: &[u8]) -> Result<Vec<u8>, String>;
}

/// Snapshots that are files below a directory. They are read, and never written.
#[derive(Clone, Debug)]
pub struct SnapshotFiles {
    dir: PathBuf,
}

impl SnapshotFiles {
    /// Files whose paths are relative to this directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }
}

impl Snapshots for SnapshotFiles {
    fn expected(&self, path: &Path, _: &[u8]) -> Result<Vec<u8>, String> {
        std::fs::read(self.dir.join(path)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => "no such file".to_owned(),
            _ => error.to_string(),
        })
    }
}
