//! What a module asked for, folded into the smallest grants that would do.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Needed;
use super::place::{common, holds, join};
use crate::grants::Access;

/// What a module asked for.
#[derive(Default)]
pub(super) struct Asks {
    dirs: Vec<Dir>,
    /// All but directories.
    others: BTreeSet<Needed>,
}

/// What was asked of a granted directory.
struct Dir {
    name: Arc<str>,
    /// Whether the module asked for the name.
    named: bool,
    /// The deepest directory below that holds all that was read, and the one that holds all that
    /// was to be changed.
    read: Option<String>,
    changed: Option<String>,
    /// Whether a path turned: a second grant within the first could be looked up in its place.
    turns: bool,
}

impl Asks {
    /// The directories that the module was granted, which are the same each time.
    pub(super) fn set_granted(&mut self, names: &[Arc<str>]) {
        let known = self.dirs.len();
        self.dirs.extend(names.iter().skip(known).map(|name| Dir {
            name: Arc::clone(name),
            named: false,
            read: None,
            changed: None,
            turns: false,
        }));
    }

    /// The module asked for the name of a directory.
    pub(super) fn set_named(&mut self, grant: usize) {
        self.dirs[grant].named = true;
    }

    /// The module asked for something that the directory `held_by` holds.
    pub(super) fn add_dir(&mut self, grant: usize, held_by: &str, turns: bool, access: Access) {
        let dir = &mut self.dirs[grant];
        dir.turns |= turns;
        let all = match access {
            Access::ReadOnly => &mut dir.read,
            Access::ReadWrite => &mut dir.changed,
        };
        *all = Some(match all {
            Some(all) => common(all, held_by).to_owned(),
            None => held_by.to_owned(),
        });
    }

    pub(super) fn add(&mut self, what: Needed) {
        self.others.insert(what);
    }

    pub(super) fn needs(&self) -> Vec<Needed> {
        // Numbers stay what they are only while everything before is there as well.
        let by_number = self
            .dirs
            .iter()
            .rposition(|dir| !dir.named && dir.is_asked());
        let mut needs = Vec::new();
        for (grant, dir) in self.dirs.iter().enumerate() {
            let mut need = |below: &str, access| {
                needs.push(Needed::Dir {
                    grant,
                    below: below.to_owned(),
                    guest_path: if below.is_empty() {
                        dir.name.to_string()
                    } else {
                        join(&dir.name, below)
                    },
                    access,
                });
            };
            if by_number.is_some_and(|last| grant <= last) {
                need("", dir.access());
                continue;
            }
            if let (true, Some(read), Some(changed)) = (dir.turns, &dir.read, &dir.changed) {
                need(common(read, changed), Access::ReadWrite);
                continue;
            }
            let changed = dir.changed.as_deref();
            if let Some(read) = &dir.read
                && !changed.is_some_and(|changed| holds(changed, read))
            {
                need(read, Access::ReadOnly);
            }
            if let Some(changed) = changed {
                need(changed, Access::ReadWrite);
            }
        }
        needs.extend(self.others.iter().cloned());
        needs
    }
}

impl Dir {
    fn is_asked(&self) -> bool {
        self.read.is_some() || self.changed.is_some()
    }

    fn access(&self) -> Access {
        match self.changed {
            Some(_) => Access::ReadWrite,
            None => Access::ReadOnly,
        }
    }
}
