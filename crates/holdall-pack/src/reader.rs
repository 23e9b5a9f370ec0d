//! The modules of a bag, for a linker. Modules that travel in the bag are trusted: they were validated and
//! lowered when they were packed, and are not again. Nothing here reaches the validator.

use std::borrow::Cow;

use holdall::{Engine, Module, ModuleReader, ReadError, Result};

use crate::bag::Bag;
use crate::manifest::PackedModule;
use crate::wrong;

/// A module reader over a [`Bag`] that travels in the running program.
#[derive(Clone, Debug)]
pub struct BagReader {
    bag: Bag<'static>,
}

impl BagReader {
    /// A reader of a bag's modules.
    ///
    /// # Safety
    ///
    /// [`Packer`](crate::Packer) made the bag: the code of each module in it is what
    /// [`Module::precompile`] made of that module. Checksums find damage, not malice: a bag of another
    /// origin breaks this promise.
    #[must_use]
    pub unsafe fn new(bag: Bag<'static>) -> Self {
        Self { bag }
    }

    fn find(&self, name: &str) -> Option<&PackedModule<'static>> {
        let modules = &self.bag.manifest().modules;
        let at = modules.binary_search_by_key(&name, |module| module.name);
        Some(&modules[at.ok()?])
    }
}

impl ModuleReader for BagReader {
    fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        let Some(packed) = self.find(name) else {
            return Ok(None);
        };
        let bytes = self.bag.part(&packed.module, || format!("module {name:?}"));
        Ok(Some(bytes.map_err(ReadError::other)?.into()))
    }

    fn module(&self, engine: &Engine, name: &str, bytes: Cow<'static, [u8]>) -> Result<Module> {
        let own = self.find(name).zip(match bytes {
            Cow::Borrowed(bytes) => Some(bytes),
            Cow::Owned(_) => None,
        });
        let own = own.filter(|(packed, bytes)| self.bag.has(bytes, &packed.module));
        let Some((packed, bytes)) = own else {
            let message = format!("module {name:?} is not what its reader gave out");
            return Err(wrong(message));
        };
        let code = self
            .bag
            .part(&packed.code, || format!("the code of module {name:?}"));
        let code = code.map_err(|error| wrong(error.to_string()))?;
        let checksum = packed.module.check;
        // SAFETY: module and code were packed together, and are as they were packed: who made the reader
        // promised the first, and checksums say the second. `read`, which gave out these very bytes, has
        // compared theirs.
        unsafe { Module::precompiled_of(engine, name, bytes, checksum, code) }
    }

    fn describe(&self) -> String {
        "what travels in the executable".to_owned()
    }

    fn names(&self) -> Vec<String> {
        let modules = self.bag.manifest().modules.iter();
        modules.map(|module| module.name.to_owned()).collect()
    }
}
