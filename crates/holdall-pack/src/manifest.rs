//! The manifest of a bag: what each part is, and how the program is run. Plain data.

use holdall::{Naming, Proposal, Result};
use holdall_core::native::{Isa, Processors};
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
    /// What the machine code in the executable was made for; `None` where there is none.
    #[serde(skip)]
    pub native: Option<Native>,
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

/// What follows [`Latest`], and only where a module has a start.
#[derive(Serialize, Deserialize)]
struct Starts {
    /// For each module, in their order.
    starts: Vec<Option<ModuleStart>>,
}

/// What follows [`Starts`], and only where there is machine code, or something behind it.
#[derive(Serialize, Deserialize)]
struct Natives {
    /// With the number 0 for the instruction set where there is no machine code.
    native: Native,
    /// For each module, in their order.
    modules: Vec<Option<PackedNative>>,
}

/// What follows [`Natives`], and only where something is allowed.
#[derive(Serialize, Deserialize)]
struct Allowed {
    /// Whether the program may be recorded.
    record: bool,
}

/// What the machine code in an executable was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Native {
    /// The number of the instruction set ([`Isa::number`]).
    pub isa: u32,
    /// What the code needs beyond the baseline of the instruction set: a bit for each
    /// [`Feature`](holdall_core::native::Feature).
    pub features: u64,
    /// Whether addresses that a processor only guesses are kept inside of memories and tables.
    pub guarded_addresses: bool,
}

impl Native {
    /// The processors that can execute the code; `None` where this version of holdall does not know them.
    #[must_use]
    pub fn processors(&self) -> Option<Processors> {
        let features = self.features;
        Isa::from_number(self.isa).map(|isa| Processors { isa, features })
    }
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
                let (Latest { off }, rest) = postcard::take_from_bytes(rest)?;
                let named = off.into_iter().map(Proposal::from_name);
                manifest.policy.off = named
                    .collect::<Option<_>>()
                    .ok_or(postcard::Error::SerdeDeCustom)?;
                manifest.take_starts(rest)?;
            }
            Ok(manifest)
        };
        read().map_err(|_: postcard::Error| BagError::damaged("its manifest"))
    }

    /// Decodes what follows the names of proposals.
    fn take_starts(&mut self, bytes: &[u8]) -> Result<(), postcard::Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (Starts { starts }, rest) = postcard::take_from_bytes(bytes)?;
        if starts.len() != self.modules.len() {
            return Err(postcard::Error::SerdeDeCustom);
        }
        for (module, start) in self.modules.iter_mut().zip(starts) {
            module.start = start;
        }
        self.take_natives(rest)
    }

    /// Decodes what follows the starts.
    fn take_natives(&mut self, bytes: &[u8]) -> Result<(), postcard::Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (Natives { native, modules }, rest) = postcard::take_from_bytes(bytes)?;
        if modules.len() != self.modules.len() {
            return Err(postcard::Error::SerdeDeCustom);
        }
        self.native = (native.isa != 0).then_some(native);
        if !rest.is_empty() {
            let Allowed { record } = postcard::from_bytes(rest)?;
            self.policy.allows_record = record;
        }
        for (module, native) in self.modules.iter_mut().zip(modules) {
            module.native = native;
        }
        Ok(())
    }

    /// Encodes the manifest for a bag.
    ///
    /// # Panics
    ///
    /// Never: a manifest is plain data.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = postcard::to_stdvec(self).expect("a manifest is plain data");
        let off: Vec<_> = self.policy.off.iter().map(Proposal::name).collect();
        let starts: Vec<_> = self.modules.iter().map(|it| it.start.clone()).collect();
        let record = self.policy.allows_record;
        let has_natives = self.native.is_some() || record;
        let has_starts = starts.iter().any(Option::is_some) || has_natives;
        let has_latest = has_starts || !off.is_empty();
        if !self.used_exports.is_empty() || has_latest {
            let used_exports = self.used_exports.clone();
            let later = postcard::to_stdvec(&Later { used_exports });
            bytes.extend(later.expect("a manifest is plain data"));
        }
        if has_latest {
            let latest = postcard::to_stdvec(&Latest { off });
            bytes.extend(latest.expect("a manifest is plain data"));
        }
        if has_starts {
            let starts = postcard::to_stdvec(&Starts { starts });
            bytes.extend(starts.expect("a manifest is plain data"));
        }
        if has_natives {
            let native = self.native.unwrap_or(Native {
                isa: 0,
                features: 0,
                guarded_addresses: false,
            });
            let modules = self.modules.iter().map(|it| it.native.clone()).collect();
            let natives = postcard::to_stdvec(&Natives { native, modules });
            bytes.extend(natives.expect("a manifest is plain data"));
        }
        if record {
            let allowed = postcard::to_stdvec(&Allowed { record });
            bytes.extend(allowed.expect("a manifest is plain data"));
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
    /// What spares the module being read as a whole when the program starts.
    #[serde(skip)]
    pub start: Option<ModuleStart>,
    /// The machine code of the module. The lowered code has none of the functions that are native.
    #[serde(skip)]
    pub native: Option<PackedNative>,
}

impl PackedModule<'_> {
    /// What the module's memory holds at first.
    pub(crate) fn image(&self) -> Option<&PackedImage> {
        self.start.as_ref()?.image.as_ref()
    }
}

/// The machine code of a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedNative {
    /// The tables.
    pub tables: Part,
    /// The text, in the segment of machine code.
    pub text: Part,
    /// How many functions are native.
    pub functions: u64,
    /// How many functions the module defines.
    pub of: u64,
    /// Whether functions catch exceptions: which, their bodies say.
    pub catches: bool,
}

/// What is known of a module when a program starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleStart {
    /// The size in bytes of the module's head, the sections before code and data, and its checksum.
    pub(crate) head: (u64, u64),
    /// What the module weighs in an account, in bytes.
    pub(crate) weight: u64,
    /// The number of its data segments, all of them active.
    pub(crate) num_data: u64,
    /// What its memory holds at first.
    pub image: Option<PackedImage>,
}

/// What a memory holds at first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedImage {
    /// Runs of blocks of 4,096 bytes: the number of the first, and how many there are.
    pub(crate) pieces: Vec<(u64, u64)>,
    /// The bytes of all blocks.
    pub bytes: Part,
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
