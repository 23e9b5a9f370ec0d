//! A bundle of modules inside the program: names, bytes, hashes, lowered code. Knows include_dir and
//! what a build script recorded.

use std::borrow::Cow;

use holdall_core::module::checksum;
use include_dir::Dir;

use super::Naming;
use super::emitted::Native;
use crate::engine::Engine;
use crate::error::Result;
use crate::link::BundleReader;
use crate::module::{MachineCode, Module};

/// Modules that travel inside the program.
///
/// A program embeds its modules with [`include_bundle!`](crate::include_bundle): the modules that
/// its build script checked and emitted with the crate `holdall-build`.
/// ```ignore
/// static BUNDLE: holdall::Bundle = holdall::include_bundle!();
/// linker.set_reader(BUNDLE.reader());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// In the order of their names.
    pub(super) modules: Cow<'static, [BundledModule]>,
    /// The index of the root among the modules.
    pub(super) root: Option<usize>,
    pub(super) aliases: &'static [(&'static str, &'static str)],
    pub(super) compatible_versions: bool,
    pub(super) used_exports: &'static [&'static str],
}

impl From<&Self> for Bundle {
    fn from(bundle: &Self) -> Self {
        bundle.clone()
    }
}

/// A module of a [`Bundle`].
#[derive(Clone, Copy, Debug)]
pub struct BundledModule {
    pub(super) name: &'static str,
    pub(super) bytes: &'static [u8],
    pub(super) sha256: Option<&'static str>,
    pub(super) code: Option<&'static [u8]>,
    pub(super) native: Option<Native>,
}

impl Bundle {
    /// The `.wasm` files directly in an embedded directory, under their names without `.wasm`. The
    /// modules are checked only if the program's build script called
    /// [`check_bundle`](crate::check_bundle) or `holdall_build::Bundler::check`.
    #[must_use]
    pub fn from_dir(dir: &'static Dir<'static>) -> Self {
        let mut modules: Vec<BundledModule> = dir
            .files()
            .filter_map(|file| {
                Some(BundledModule {
                    name: file.path().file_name()?.to_str()?.strip_suffix(".wasm")?,
                    bytes: file.contents(),
                    sha256: None,
                    code: None,
                    native: None,
                })
            })
            .collect();
        modules.sort_by_key(|module| module.name);
        Self {
            modules: modules.into(),
            ..Self::default()
        }
    }

    /// The modules, in the order of their names.
    #[must_use]
    pub fn modules(&self) -> &[BundledModule] {
        &self.modules
    }

    /// The module of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&BundledModule> {
        let at = self
            .modules
            .binary_search_by_key(&name, |module| module.name)
            .ok()?;
        Some(&self.modules[at])
    }

    /// The module that the build script named as the root, for the program to begin with. Nothing
    /// else depends on it.
    #[must_use]
    pub fn root(&self) -> Option<&BundledModule> {
        self.modules.get(self.root?)
    }

    /// How imports name these modules, as the build script checked them: for
    /// [`Linker::set_naming`](crate::Linker::set_naming). Without a build script's record, names
    /// are taken as they are.
    #[must_use]
    pub fn naming(&self) -> Naming {
        let naming = Naming::of(
            self.aliases.iter().copied(),
            self.compatible_versions,
            self.used_exports.iter().copied(),
        );
        naming.expect("it was one naming before")
    }

    /// A reader that gives out these modules without copying them.
    #[must_use]
    pub fn reader(&self) -> BundleReader {
        BundleReader::new(self.clone())
    }
}

impl BundledModule {
    /// A placeholder for a module.
    pub(super) const EMPTY: Self = Self {
        name: "",
        bytes: &[],
        sha256: None,
        code: None,
        native: None,
    };

    /// The name that imports use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The module.
    #[must_use]
    pub fn bytes(&self) -> &'static [u8] {
        self.bytes
    }

    /// The size in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The SHA-256 of the bytes in hexadecimal, as the build script recorded it. `None` for modules
    /// that no build script has seen.
    #[must_use]
    pub fn sha256(&self) -> Option<&'static str> {
        self.sha256
    }

    /// The lowered code that the build script made of the module. `None` where functions are
    /// lowered when they are called.
    #[must_use]
    pub fn code(&self) -> Option<&'static [u8]> {
        self.code
    }

    /// Whether the build script made machine code of the module beside the lowered code.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.native.is_some()
    }

    /// The module for an engine. Where the bundle has lowered code that fits the engine, the module
    /// is made of that code, and of the machine code if that fits engine and processor; else the module is
    /// validated, as modules from elsewhere are.
    ///
    /// # Errors
    ///
    /// Those of [`Module::new`].
    pub fn module(&self, engine: &Engine) -> Result<Module> {
        match self.code {
            Some(code) if Module::fits(engine, code) => {
                let bytes = self.bytes;
                let native = self.native.map(|native| MachineCode {
                    tables: native.tables,
                    text: (native.text)(),
                });
                let checksum = checksum(bytes);
                // SAFETY: only `emitted::modules` makes a module with code; its callers promise
                // that the code was made of these bytes. All of them are constants.
                unsafe {
                    let name = self.name;
                    Module::precompiled_of(engine, name, bytes, checksum, code, None, native)
                }
            }
            _ => Module::named(engine, self.name, Cow::Borrowed(self.bytes)),
        }
    }
}
