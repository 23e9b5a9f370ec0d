//! What a packed program takes from its bag beside modules: directories, which are served from memory,
//! and the state that its modules begin with.

use holdall::Snapshot;
use holdall_wasi::Files;

use crate::bag::{Bag, BagError, Seen};
use crate::manifest::{Entry, PackedDir};

impl Bag<'static> {
    /// The embedded directories with their files, by the root module's names for them. The files are
    /// checked, and are not copied: they stay where they lie in the bag.
    ///
    /// # Errors
    ///
    /// [`BagError::Damaged`] when a file is not as it was packed.
    pub fn files(&self) -> Result<Vec<(&'static str, Files)>, BagError> {
        let mut seen = Seen::default();
        let dirs = self.manifest().dirs.iter();
        dirs.map(|dir| Ok((dir.guest, self.tree(dir, &mut seen)?)))
            .collect()
    }

    /// The state that the modules begin with, checked; `None` where they are initialised as usual.
    ///
    /// # Errors
    ///
    /// [`BagError::Damaged`] when the state is not as it was packed.
    pub fn state(&self) -> Result<Option<Snapshot>, BagError> {
        let Some(state) = self.manifest().state else {
            return Ok(None);
        };
        let what = || "the state that it begins with".to_owned();
        let header = self.part(&state.header, what)?;
        let bytes = self.part(&state.bytes, what)?;
        let snapshot = match self.part_in_file(&state.bytes) {
            Some(bytes) => Snapshot::from_parts_in_file(header, bytes),
            None => Snapshot::from_parts(header, bytes),
        };
        Ok(Some(snapshot.map_err(|_| BagError::Damaged(what()))?))
    }

    fn tree(&self, dir: &PackedDir<'static>, seen: &mut Seen) -> Result<Files, BagError> {
        let files = Files::new().limit_nodes(u64::MAX);
        for (path, entry) in &dir.entries {
            let name = || format!("file {:?} of {:?}", path, dir.guest);
            let added = match entry {
                Entry::File(part) => files.write_static(path, self.part_once(part, seen, name)?),
                Entry::Dir => files.make_dir(path),
                Entry::Link(target) => files.link(path, target),
            };
            added.map_err(|_| BagError::Damaged(name()))?;
        }
        Ok(files)
    }
}
