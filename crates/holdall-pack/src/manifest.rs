//! The manifest of a bag: what each part is, and how the program is run. Plain data.

use holdall::{Naming, Proposal, Result};
use serde::{Deserialize, Serialize};

use crate::bag::{BagError, Part};
use crate::policy::Policy;
use crate::wrong;

/// What a bag holds, and how the program in it is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest<'a> {
    /// The version of holdall that packed the bag.
    pub holdall: &'a str,
    /// The modules, in the order of their names.
    #[serde(borrow)]
    pub modules: Vec<PackedModule<'a>>,
    /// The name of the root module.
    pub root: &'a str,
    /// The functions to call, instead of `_start`.
    pub invoke: Vec<String>,
    /// Arguments of the program, before those of the process.
    pub args: Vec<String>,
    /// The aliases of module names, each with the name that it stands for.
    #[serde(borrow)]
    pub aliases: Vec<(&'a str, &'a str)>,
    /// Whether any compatible version satisfies an import; else the version must be the one that the
    /// import names, in all components that it gives.
    pub compatible_versions: bool,
    /// What the program may reach, and how much it may use.
    pub policy: Policy,
    /// Embedded directories, which the root module can read.
    #[serde(borrow)]
    pub dirs: Vec<PackedDir<'a>>,
    /// The state that the modules begin with, in place of their initialisation.
    pub state: Option<State>,
    /// The checksum of the read-only segments of the executable's own program; 0 where the format of the
    /// executable has no such segments.
    pub program: u64,
    /// The names of commands that other modules use for their exports.
    #[serde(skip)]
    pub used_exports: Vec<&'a str>,
}

/// What follows a manifest, and only where it is not empty. Manifests that were written before it was
/// added so stay readable.
#[derive(Serialize, Deserialize)]
struct Later<'a> {
    #[serde(borrow)]
    used_exports: Vec<&'a str>,
}

/// What follows [`Later`], and only where it is not empty.
#[derive(Serialize, Deserialize)]
struct Latest<'a> {
    /// The names of the proposals that the policy has off.
    #[serde(borrow)]
    off: Vec<&'a str>,
}

impl<'a> Manifest<'a> {
    /// Decodes the manifest of a bag.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, BagError> {
        let read = || {
            let (mut manifest, rest) = postcard::take_from_bytes::<Self>(bytes)?;
            if rest.is_empty() {
                return Ok(manifest);
            }
            let (later, rest) = postcard::take_from_bytes::<Later<'a>>(rest)?;
            manifest.used_exports = later.used_exports;
            if !rest.is_empty() {
                let off = postcard::from_bytes::<Latest<'a>>(rest)?.off;
                let named = off.into_iter().map(Proposal::from_name);
                manifest.policy.off = named
                    .collect::<Option<_>>()
                    .ok_or(postcard::Error::SerdeDeCustom)?;
            }
            Ok(manifest)
        };
        read().map_err(|_: postcard::Error| BagError::damaged("its manifest"))
    }

    /// Encodes the manifest for a bag.
    ///
    /// # Panics
    ///
    /// Never: a manifest is plain data.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = postcard::to_stdvec(self).expect("a manifest is plain data");
        let off: Vec<_> = self.policy.off.iter().map(Proposal::name).collect();
        if !self.used_exports.is_empty() || !off.is_empty() {
            let used_exports = self.used_exports.clone();
            let later = postcard::to_stdvec(&Later { used_exports });
            bytes.extend(later.expect("a manifest is plain data"));
        }
        if !off.is_empty() {
            let latest = postcard::to_stdvec(&Latest { off });
            bytes.extend(latest.expect("a manifest is plain data"));
        }
        bytes
    }

    /// How module names in imports are resolved.
    ///
    /// # Errors
    ///
    /// When one name is an alias of two others.
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
    /// The SHA-256 of the module.
    pub sha256: [u8; 32],
    /// The lowered code of the module.
    pub code: Part,
}

/// The state of a graph in a bag: the parts of a [`Snapshot`](holdall::Snapshot).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Which modules, tables and globals there are, with their values.
    pub header: Part,
    /// The bytes of the memories.
    pub bytes: Part,
}

/// A directory in a bag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedDir<'a> {
    /// The root module's name for the directory.
    pub guest: &'a str,
    /// The paths in the directory, in their order, and what is there.
    #[serde(borrow)]
    pub entries: Vec<(&'a str, Entry<'a>)>,
}

/// What is at a path of an embedded directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry<'a> {
    /// A file.
    File(Part),
    /// A directory.
    Dir,
    /// A symbolic link to this target.
    Link(&'a str),
}
