//! Filling a bag: modules with their code, directories of files, the policy.

use std::collections::BTreeMap;
use std::io::{self, Read};

use cap_fs_ext::DirExt;
use cap_std::fs::Dir;
use sha2::{Digest, Sha256};

use super::bag::{Filling, Part};
use super::manifest::{Entry, Manifest, PackedDir, PackedModule, State};
use super::policy::Policy;
use super::runtime::Runtime;
use crate::bundle::{Naming, Versions};
use crate::error::{Error, Result};
use crate::link::Snapshot;
use crate::module::Module;
use crate::wasi::{Files, MAX_PATH_BYTES};

/// A program that is being packed.
#[derive(Debug)]
pub struct Packer<'a> {
    runtime: &'a Runtime<'a>,
    filling: Filling,
    modules: BTreeMap<String, Packed>,
    dirs: Vec<(String, BTreeMap<String, Found>)>,
    state: Option<State>,
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
pub struct Program<'a> {
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
    pub fn new(runtime: &'a Runtime<'a>) -> Self {
        Self {
            runtime,
            filling: Filling::new(),
            modules: BTreeMap::new(),
            dirs: Vec::new(),
            state: None,
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

    /// Adds a directory with all that is in it, under the name that the root is to know it by.
    /// Symbolic links stay links.
    ///
    /// # Errors
    ///
    /// When something in it cannot be read, is neither file, directory nor link, has a name that is
    /// no text (UTF-8) or a path that is too long, or is a link that leads out of it. The error names
    /// it.
    pub fn dir(&mut self, guest: &str, dir: Dir) -> Result<()> {
        let mut entries = BTreeMap::new();
        let mut dirs = vec![(String::new(), dir)];
        while let Some((path, dir)) = dirs.pop() {
            for (name, kind) in sorted(&dir).map_err(|error| cannot_read(&path, &error))? {
                let path = format!("{path}{name}");
                if path.len() > MAX_PATH_BYTES {
                    return Err(Error::usage(format!(
                        "{path:?} is longer than the {MAX_PATH_BYTES} bytes that a guest can name"
                    )));
                }
                let found = if kind.is_dir() {
                    let below = dir.open_dir_nofollow(&name);
                    let below = below.map_err(|error| cannot_read(&path, &error))?;
                    dirs.push((format!("{path}/"), below));
                    Found::Dir
                } else if kind.is_file() {
                    let bytes = read(&dir, &name).map_err(|error| cannot_read(&path, &error))?;
                    Found::File(self.filling.part(&bytes))
                } else if kind.is_symlink() {
                    Found::Link(target(&dir, &name, &path)?)
                } else {
                    return Err(Error::usage(format!(
                        "{path:?} is neither a file nor a directory nor a symbolic link"
                    )));
                };
                entries.insert(path, found);
            }
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
    pub fn executable(self, program: &Program<'_>) -> Result<Vec<u8>> {
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
            root: program.root,
            invoke: program.invoke.to_vec(),
            args: program.args.to_vec(),
            aliases: program.naming.aliases().collect(),
            compatible_versions: program.naming.versions == Versions::Compatible,
            used_exports: program.naming.used_exports().collect(),
            policy: program.policy.clone(),
            dirs: dirs.collect(),
            state: self.state,
            program: self.runtime.checksum(),
        };
        self.runtime.carry(&self.filling.close(&manifest))
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

/// What is in a directory, by name.
fn sorted(dir: &Dir) -> io::Result<BTreeMap<String, cap_std::fs::FileType>> {
    let mut entries = BTreeMap::new();
    for entry in dir.entries()? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| io::Error::other(format!("the name {name:?} is no text (UTF-8)")))?;
        entries.insert(name, entry.file_type()?);
    }
    Ok(entries)
}

fn read(dir: &Dir, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    dir.open(name)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where a symbolic link at a path leads, which is within the directory.
fn target(dir: &Dir, name: &str, path: &str) -> Result<String> {
    let target = dir
        .read_link_contents(name)
        .map_err(|error| cannot_read(path, &error))?;
    let target = target.into_os_string().into_string().ok();
    let depth = path.matches('/').count();
    target.filter(|target| stays(depth, target)).ok_or_else(|| {
        Error::usage(format!(
            "{path:?} is a symbolic link that leads out of the directory; put in its place what it \
             leads to"
        ))
    })
}

/// Whether a link in a directory so deep leads to somewhere in the tree.
fn stays(depth: usize, target: &str) -> bool {
    let mut depth = depth as i64;
    for name in target.split('/') {
        match name {
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
        if depth < 0 {
            return false;
        }
    }
    !target.starts_with('/')
}

fn cannot_read(path: &str, error: &io::Error) -> Error {
    let path = if path.is_empty() { "it" } else { path };
    Error::resource(format!("{path:?} cannot be read: {error}"))
}
