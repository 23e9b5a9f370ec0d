//! The manifest of a bag: which part is what, and how the program is run. Plain data.

use holdall::{Naming, Result};
use serde::{Deserialize, Serialize};

use crate::bag::{BagError, Part};
use crate::policy::Policy;
use crate::wrong;

/// What is in a bag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest<'a> {
    /// The version of holdall that packed it.
    pub holdall: &'a str,
    /// The modules, in the order of their names.
    #[serde(borrow)]
    pub modules: Vec<PackedModule<'a>>,
    /// The name of the root.
    pub root: &'a str,
    /// The functions to call, instead of `_start`.
    pub invoke: Vec<String>,
    /// The arguments that stand before those of whoever runs it.
    pub args: Vec<String>,
    /// The aliases of module names, each with what it stands for.
    #[serde(borrow)]
    pub aliases: Vec<(&'a str, &'a str)>,
    /// Whether compatible versions satisfy imports; else those that are the same as far as they go.
    pub compatible_versions: bool,
    /// What it may reach, and what it may take.
    pub policy: Policy,
    /// Directories of files that the root can read.
    #[serde(borrow)]
    pub dirs: Vec<PackedDir<'a>>,
    /// The state that the modules begin with, in place of their initialisation.
    pub state: Option<State>,
    /// What the read-only parts of the executable's own program are: a checksum, 0 where it has none.
    pub program: u64,
    /// The names of commands that are used for their exports.
    #[serde(skip)]
    pub used_exports: Vec<&'a str>,
}

/// What follows a manifest where there is any of it, so that manifests of before stay what they are.
#[derive(Serialize, Deserialize)]
struct Later<'a> {
    #[serde(borrow)]
    used_exports: Vec<&'a str>,
}

impl<'a> Manifest<'a> {
    /// A manifest as a bag has it.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, BagError> {
        let read = || {
            let (mut manifest, rest) = postcard::take_from_bytes::<Self>(bytes)?;
            if !rest.is_empty() {
                manifest.used_exports = postcard::from_bytes::<Later<'a>>(rest)?.used_exports;
            }
            Ok(manifest)
        };
        read().map_err(|_: postcard::Error| BagError::damaged("its manifest"))
    }

    /// The manifest as a bag has it.
    ///
    /// # Panics
    ///
    /// Never: it is plain data.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = postcard::to_stdvec(self).expect("a manifest is plain data");
        if !self.used_exports.is_empty() {
            let used_exports = self.used_exports.clone();
            let later = postcard::to_stdvec(&Later { used_exports });
            bytes.extend(later.expect("a manifest is plain data"));
        }
        bytes
    }

    /// How the module names of imports are taken.
    ///
    /// # Errors
    ///
    /// When two aliases have one name.
    pub fn naming(&self) -> Result<Naming> {
        let naming = Naming::of(
            self.aliases.iter().copied(),
            self.compatible_versions,
            self.used_exports.iter().copied(),
        );
        naming.map_err(|error| wrong(error.to_string()))
    }
}

/// A module in a bag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedModule<'a> {
    /// The name that imports use.
    pub name: &'a str,
    /// The module, in the binary format.
    pub module: Part,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// Its lowered code.
    pub code: Part,
}

/// The state of a graph in a bag: the parts of a [`Snapshot`](holdall::Snapshot).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What there is.
    pub header: Part,
    /// What is in the memories.
    pub bytes: Part,
}

/// A directory in a bag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedDir<'a> {
    /// The name that the root knows it by.
    pub guest: &'a str,
    /// What is in it, in the order of the paths.
    #[serde(borrow)]
    pub entries: Vec<(&'a str, Entry<'a>)>,
}

/// Something in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry<'a> {
    /// A file.
    File(Part),
    /// A directory.
    Dir,
    /// A symbolic link to this target.
    Link(&'a str),
}
