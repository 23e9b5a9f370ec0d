//! Filling a bag: modules with their code, directories of files, the policy.

use std::collections::BTreeMap;

use cap_std::fs::Dir;
use holdall::{Module, Naming, Result, Snapshot, Versions};
use holdall_wasi::Files;
use sha2::{Digest, Sha256};

use crate::bag::{Filling, Part};
use crate::manifest::{Entry, Manifest, PackedDir, PackedModule, State};
use crate::policy::Policy;
use crate::runtime::Runtime;
use crate::tree::{self, Place, Source};
use crate::wrong;

/// A program that is being packed.
#[derive(Debug)]
pub struct Packer<'a> {
    runtime: &'a Runtime,
    filling: Filling,
    modules: BTreeMap<String, Packed>,
    dirs: Vec<(String, BTreeMap<String, Found>)>,
    state: Option<State>,
    left_out: Option<Place>,
}

/// Something of a directory that is not in it, since the file system cannot hold it.
#[derive(Clone, Debug)]
pub enum Kept {
    /// A file.
    File(Vec<u8>),
    /// A directory.
    Dir,
    /// A symbolic link to this target.
    Link(String),
}

#[derive(Debug)]
struct Packed {
    module: Part,
    sha256: [u8; 32],
    code: Part,
}

/// Something that was found in a directory.
#[derive(Debug)]
enum Found {
    File(Part),
    Dir,
    Link(String),
}

/// How a packed program is run.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    /// The name of the root among the modules.
    pub root: &'a str,
    /// The functions to call, instead of `_start`.
    pub invoke: &'a [String],
    /// The arguments that stand before those of whoever runs it.
    pub args: &'a [String],
    /// How the module names of imports are taken.
    pub naming: &'a Naming,
    /// What it may reach, and what it may take.
    pub policy: &'a Policy,
}

impl<'a> Packer<'a> {
    /// Nothing yet, for this runtime.
    #[must_use]
    pub fn new(runtime: &'a Runtime) -> Self {
        Self {
            runtime,
            filling: Filling::new(),
            modules: BTreeMap::new(),
            dirs: Vec::new(),
            state: None,
            left_out: None,
        }
    }

    /// Adds a module under the name that imports use, and lowers it.
    pub fn module(&mut self, name: &str, module: &Module) {
        let bytes = module.binary();
        let packed = Packed {
            module: self.filling.part(bytes),
            sha256: Sha256::digest(bytes).into(),
            code: self
                .filling
                .part(&module.precompile_for(self.runtime.target)),
        };
        self.modules.insert(name.to_owned(), packed);
    }

    /// Leaves what is at this place out of the directories that are added: the executable that is being
    /// made, or the one that it replaces.
    pub fn leave_out(&mut self, place: Place) {
        self.left_out = Some(place);
    }

    /// Adds a directory with all that is in it, under the name that the root is to know it by.
    /// Symbolic links stay links. `kept` is what else the directory has, by its path in it: what the
    /// file system cannot hold under its name.
    ///
    /// # Errors
    ///
    /// When something in it cannot be read, is neither file, directory nor link, has a name that is
    /// no text (UTF-8) or a path that is too long, or is a link that leads out of it, and when something
    /// is there twice. The error names it.
    pub fn dir(
        &mut self,
        guest: &str,
        dir: &Dir,
        kept: impl IntoIterator<Item = (String, Kept)>,
    ) -> Result<()> {
        let mut sources = tree::read(dir, self.left_out.as_ref())?;
        for (path, kept) in kept {
            tree::check_path(&path)?;
            let source = match kept {
                Kept::File(bytes) => Source::Kept(bytes),
                Kept::Dir => Source::Dir,
                Kept::Link(target) => Source::Link(tree::check_link(&path, target)?),
            };
            if sources.contains_key(&path) {
                return Err(wrong(format!("{path:?} is there twice")));
            }
            sources.insert(path, source);
        }
        // In the order of the paths, whoever has the bytes: so the same directory gives the same parts.
        let mut entries = BTreeMap::new();
        for (path, source) in sources {
            let found = match source {
                Source::File => match tree::read_unless(dir, &path, self.left_out.as_ref())? {
                    Some(bytes) => Found::File(self.filling.part(&bytes)),
                    None => continue,
                },
                Source::Kept(bytes) => Found::File(self.filling.part(&bytes)),
                Source::Dir => Found::Dir,
                Source::Link(target) => Found::Link(target),
            };
            entries.insert(path, found);
        }
        self.dirs.push((guest.to_owned(), entries));
        Ok(())
    }

    /// The directories, as the root will find them.
    ///
    /// # Panics
    ///
    /// Never: what a directory of the host holds, one in memory can hold.
    #[must_use]
    pub fn files(&self) -> Vec<(&str, Files)> {
        let dirs = self.dirs.iter();
        dirs.map(|(guest, entries)| {
            let files = Files::new().limit_nodes(u64::MAX).limit_bytes(u64::MAX);
            for (path, found) in entries {
                let added = match found {
                    Found::File(part) => files.write(path, self.filling.bytes(part)),
                    Found::Dir => files.make_dir(path),
                    Found::Link(target) => files.link(path, target),
                };
                added.expect("paths of a directory are paths");
            }
            (guest.as_str(), files)
        })
        .collect()
    }

    /// Lets the modules begin with a state, in place of their initialisation.
    pub fn state(&mut self, snapshot: &Snapshot) {
        let (header, bytes) = snapshot.to_parts();
        self.state = Some(State {
            header: self.filling.part(&header),
            bytes: self.filling.part(bytes),
        });
    }

    /// The executable.
    ///
    /// # Errors
    ///
    /// When the runtime is of no format that can carry something, or carries something already.
    pub fn executable(self, launch: &Launch<'_>) -> Result<Vec<u8>> {
        let modules = self.modules.iter().map(|(name, packed)| PackedModule {
            name,
            module: packed.module,
            sha256: packed.sha256,
            code: packed.code,
        });
        let dirs = self.dirs.iter().map(|(guest, entries)| PackedDir {
            guest,
            entries: entries
                .iter()
                .map(|(path, found)| (&**path, found.entry()))
                .collect(),
        });
        let manifest = Manifest {
            holdall: env!("CARGO_PKG_VERSION"),
            modules: modules.collect(),
            root: launch.root,
            invoke: launch.invoke.to_vec(),
            args: launch.args.to_vec(),
            aliases: launch.naming.aliases().collect(),
            compatible_versions: launch.naming.versions == Versions::Compatible,
            used_exports: launch.naming.used_exports().collect(),
            policy: launch.policy.clone(),
            dirs: dirs.collect(),
            state: self.state,
            program: self.runtime.checksum(),
        };
        self.runtime.carry(&self.filling.close(&manifest)?)
    }
}

impl Found {
    fn entry(&self) -> Entry<'_> {
        match self {
            Self::File(part) => Entry::File(*part),
            Self::Dir => Entry::Dir,
            Self::Link(target) => Entry::Link(target),
        }
    }
}
