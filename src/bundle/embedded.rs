//! A bundle of modules inside the program: names, bytes and hashes. Knows include_dir and what the
//! build script recorded.

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

use crate::link::BundleReader;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/bundle");

/// What the build script recorded of each module: name, size in bytes, SHA-256 in hexadecimal.
static MANIFEST: &[(&str, usize, &str)] = include!(concat!(env!("OUT_DIR"), "/manifest.rs"));

static EMBEDDED: LazyLock<Bundle> = LazyLock::new(|| {
    let mut bundle = Bundle::from_dir(&FILES);
    for module in &mut bundle.modules {
        let recorded = MANIFEST.iter().find(|(name, _, _)| *name == module.name);
        module.sha256 = recorded.map(|(_, _, sha256)| *sha256);
    }
    bundle
});

/// Modules that travel inside the program.
///
/// A program embeds modules of its own with include_dir, and checks them in its build script with
/// [`check_bundle`](crate::check_bundle):
/// ```ignore
/// static FILES: include_dir::Dir<'static> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/modules");
/// linker.set_reader(holdall::Bundle::from_dir(&FILES).reader());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    modules: Vec<BundledModule>,
}

/// A module of a [`Bundle`].
#[derive(Clone, Copy, Debug)]
pub struct BundledModule {
    name: &'static str,
    bytes: &'static [u8],
    sha256: Option<&'static str>,
}

impl Bundle {
    /// The modules that were in `bundle/` when holdall itself was built.
    #[must_use]
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// The `.wasm` files directly in an embedded directory, under their names without `.wasm`.
    #[must_use]
    pub fn from_dir(dir: &'static Dir<'static>) -> Self {
        let mut modules: Vec<BundledModule> = dir
            .files()
            .filter_map(|file| {
                Some(BundledModule {
                    name: file.path().file_name()?.to_str()?.strip_suffix(".wasm")?,
                    bytes: file.contents(),
                    sha256: None,
                })
            })
            .collect();
        modules.sort_by_key(|module| module.name);
        Self { modules }
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

    /// A reader that gives out these modules, uncopied.
    #[must_use]
    pub fn reader(&self) -> BundleReader {
        BundleReader::new(self.clone())
    }
}

impl BundledModule {
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
    /// that this crate's build script has not seen.
    #[must_use]
    pub fn sha256(&self) -> Option<&'static str> {
        self.sha256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_script_recorded_exactly_the_embedded_modules() {
        let embedded: Vec<_> = Bundle::embedded()
            .modules()
            .iter()
            .map(|module| (module.name(), module.size_bytes(), module.sha256().unwrap()))
            .collect();
        assert_eq!(embedded, MANIFEST);
        for (name, _, _) in MANIFEST {
            assert_eq!(Bundle::embedded().find(name).unwrap().name(), *name);
        }
        assert!(Bundle::embedded().find("no such module").is_none());
    }
}
