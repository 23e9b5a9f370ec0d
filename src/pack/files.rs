//! Directories in a bag: read from the host when it is filled, and served from memory when it is open.

use super::bag::{Bag, BagError};
use super::manifest::{Entry, PackedDir};
use crate::wasi::Files;

impl Bag<'static> {
    /// The directories, by the root's names for them, with all their files: checked, and as they lie
    /// in the bag.
    ///
    /// # Errors
    ///
    /// [`BagError::Damaged`] when a file is not as it was packed.
    pub fn files(&self) -> Result<Vec<(&'static str, Files)>, BagError> {
        let dirs = self.manifest().dirs.iter();
        dirs.map(|dir| Ok((dir.guest, self.tree(dir)?))).collect()
    }

    fn tree(&self, dir: &PackedDir<'static>) -> Result<Files, BagError> {
        let files = Files::new().limit_nodes(u64::MAX);
        for (path, entry) in &dir.entries {
            let name = || format!("file {:?} of {:?}", path, dir.guest);
            let added = match entry {
                Entry::File(part) => files.write_static(path, self.part(part, name)?),
                Entry::Dir => files.make_dir(path),
                Entry::Link(target) => files.link(path, target),
            };
            added.map_err(|_| BagError::Damaged(name()))?;
        }
        Ok(files)
    }
}
