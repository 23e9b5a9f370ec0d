//! Packs a program: fills a bag with modules and their code, directories and a policy, and puts it into a
//! runtime.

use std::collections::BTreeMap;

use cap_std::fs::Dir;
#[cfg(feature = "native")]
use holdall::Proposal;
use holdall::{Module, Naming, Result, Snapshot, Versions};
use holdall_core::module::{MemoryImage, Outline, checksum};
#[cfg(feature = "native")]
use holdall_core::native::{NativeCode, Processors, TEXT_ALIGNMENT};
use holdall_wasi::Files;
use sha2::{Digest, Sha256};

use crate::bag::{Filling, Part, Parts};
use crate::manifest::{
    Entry, Manifest, ModuleStart, Native, PackedDir, PackedImage, PackedModule, PackedNative, State,
};
use crate::policy::Policy;
use crate::runtime::Runtime;
use crate::tree::{self, Place, Source};
use crate::wrong;

/// A program that is being packed.
#[derive(Debug)]
pub struct Packer<'a> {
    runtime: &'a Runtime,
    filling: Filling,
    /// The machine code.
    code: Parts,
    /// What the machine code was made for, where there is some.
    native: Option<Native>,
    modules: BTreeMap<String, Packed>,
    dirs: Vec<(String, BTreeMap<String, Found>)>,
    state: Option<State>,
    left_out: Option<Place>,
}

/// A file, directory or link that belongs in an embedded directory, but that the host's file system cannot
/// hold under its name.
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
    start: Option<(ModuleStart, Option<MemoryImage>)>,
    native: Option<PackedNative>,
}

/// What is at a path of a directory that was added, with a file's bytes in the bag.
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
    /// Arguments of the program, before those of the process.
    pub args: &'a [String],
    /// How module names in imports are resolved.
    pub naming: &'a Naming,
    /// What the program may reach, and how much it may use.
    pub policy: &'a Policy,
}

impl<'a> Packer<'a> {
    /// An empty program, to be put into this runtime.
    #[must_use]
    pub fn new(runtime: &'a Runtime) -> Self {
        Self {
            runtime,
            filling: Filling::new(),
            code: Parts::default(),
            native: None,
            modules: BTreeMap::new(),
            dirs: Vec::new(),
            state: None,
            left_out: None,
        }
    }

    /// Adds a module under the name that imports use, and lowers it.
    pub fn module(&mut self, name: &str, module: &Module) {
        self.add(name, module, None, &|_| true);
    }

    /// [`Packer::module`], with functions compiled for these processors, which are of the runtime's instruction
    /// set ([`Runtime::native_isa`]). Those that are not covered are lowered. `begins` is told of each function
    /// when its turn comes, by its index among those that the module defines, from many threads.
    #[cfg(feature = "native")]
    pub fn native_module(
        &mut self,
        name: &str,
        module: &Module,
        processors: Processors,
        begins: &(dyn Fn(u32) + Sync),
    ) {
        let (code, tables) = module.compile_for(processors, begins);
        let NativeCode {
            isa,
            features,
            settings,
            functions,
            text,
            ..
        } = code;
        if text.is_empty() {
            return self.module(name, module);
        }
        self.native = Some(Native {
            isa: isa.number(),
            features,
            guarded_addresses: settings.guarded_addresses,
        });
        let native = PackedNative {
            tables: self.filling.part(&tables),
            text: self.code.add(&text, TEXT_ALIGNMENT),
            functions: functions.iter().flatten().count() as u64,
            of: functions.len() as u64,
            catches: catches(module),
        };
        let is_interpreted = |index: u32| functions[index as usize].is_none();
        self.add(name, module, Some(native), &is_interpreted);
    }

    /// Adds a module, with the lowered code of the functions that are `wanted`.
    fn add(
        &mut self,
        name: &str,
        module: &Module,
        native: Option<PackedNative>,
        wanted: &(dyn Fn(u32) -> bool + Sync),
    ) {
        let bytes = module.binary();
        let target = self.runtime.target;
        let packed = Packed {
            module: self.filling.part(bytes),
            sha256: Sha256::digest(bytes).into(),
            code: self.filling.part(&module.precompile_for(target, wanted)),
            start: module
                .outline()
                .map(|outline| start_of(bytes, outline, module)),
            native,
        };
        self.modules.insert(name.to_owned(), packed);
    }

    /// Leaves the file at this place out of directories that are added later. This is the place of the
    /// executable that is being made, where an older one may be.
    pub fn leave_out(&mut self, place: Place) {
        self.left_out = Some(place);
    }

    /// Embeds a directory of the host, with all that is in it. `guest` is the root module's name for it.
    /// Symbolic links stay links. `kept` is what the directory has beside, by its path in the directory.
    ///
    /// # Errors
    ///
    /// When something in the directory cannot be read, is neither file, directory nor link, has a name
    /// that is not UTF-8 or a path that is too long, or is a link that leads out of the directory, and
    /// when a path is there twice. The error names the path.
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
        // In the order of the paths, wherever the bytes come from: the same directory so gives the same bag.
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

    /// The embedded directories, as the root module will find them.
    ///
    /// # Panics
    ///
    /// Never: a directory in memory can hold whatever a directory of the host holds.
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

    /// Has the modules begin with this state, in place of their initialisation.
    pub fn state(&mut self, snapshot: &Snapshot) {
        let (header, bytes) = snapshot.to_parts();
        self.state = Some(State {
            header: self.filling.part(&header),
            bytes: self.filling.pages(bytes),
        });
    }

    /// The bytes of the packed executable.
    ///
    /// # Errors
    ///
    /// When the runtime is of no format that can carry a bag, or the bag is too large for a manifest.
    pub fn executable(mut self, launch: &Launch<'_>) -> Result<Vec<u8>> {
        let modules = self.modules.iter().map(|(name, packed)| PackedModule {
            name,
            module: packed.module,
            sha256: packed.sha256,
            code: packed.code,
            start: start(&mut self.filling, packed, self.state.is_some()),
            native: packed.native.clone(),
        });
        let modules = modules.collect();
        let dirs = self.dirs.iter().map(|(guest, entries)| PackedDir {
            guest,
            entries: entries
                .iter()
                .map(|(path, found)| (&**path, found.entry()))
                .collect(),
        });
        let manifest = Manifest {
            holdall: env!("CARGO_PKG_VERSION"),
            modules,
            root: launch.root,
            invoke: launch.invoke.to_vec(),
            args: launch.args.to_vec(),
            aliases: launch.naming.aliases().collect(),
            compatible_versions: launch.naming.versions == Versions::Compatible,
            used_exports: launch.naming.used_exports().collect(),
            policy: launch.policy.clone(),
            dirs: dirs.collect(),
            state: self.state,
            program: self.runtime.checksum(self.native.is_some()),
            native: self.native,
        };
        let bag = self.filling.close(&manifest)?;
        self.runtime.carry(&bag, &self.code.bytes)
    }
}

/// Whether functions of a module may catch exceptions.
#[cfg(feature = "native")]
fn catches(module: &Module) -> bool {
    let uses = module.proposals();
    uses.contains(Proposal::Exceptions) || uses.contains(Proposal::LegacyExceptions)
}

/// What is noted of a module, and the image of its memory.
fn start_of(bytes: &[u8], outline: Outline, module: &Module) -> (ModuleStart, Option<MemoryImage>) {
    let head = outline.head(bytes).map_or(0, checksum);
    let start = ModuleStart {
        head: (outline.head_bytes, head),
        weight: outline.weight,
        num_data: outline.num_data,
        image: None,
    };
    (start, module.memory_image())
}

/// The start of a module. The image is packed where the modules do not begin with a state of their own.
/// Where they have neither, the data segments are read when the program starts, and so is the whole module.
fn start(filling: &mut Filling, packed: &Packed, has_state: bool) -> Option<ModuleStart> {
    let (start, image) = packed.start.as_ref()?;
    if has_state {
        return Some(start.clone());
    }
    let image = image.as_ref()?;
    let pieces = image.pieces.iter().map(|piece| (piece.first, piece.count));
    let image = PackedImage {
        pieces: pieces.collect(),
        bytes: filling.pages(&image.bytes),
    };
    Some(ModuleStart {
        image: Some(image),
        ..start.clone()
    })
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
