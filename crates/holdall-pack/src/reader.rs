//! The modules of a bag as a linker asks for them. Only what travels in the bag is trusted: it is
//! neither validated nor lowered, and so nothing here reaches the validator.

use std::borrow::Cow;

use holdall::{Engine, Module, ModuleReader, ReadError, Result};

use crate::bag::Bag;
use crate::manifest::PackedModule;
use crate::wrong;

/// Reads from a [`Bag`] that travels in the program.
#[derive(Clone, Debug)]
pub struct BagReader {
    bag: Bag<'static>,
}

impl BagReader {
    /// A reader of a bag's modules.
    ///
    /// # Safety
    ///
    /// The bag was made by [`Filling`](super::Filling), and each module's code by
    /// [`Module::precompile`] of it. Checksums find damage, not malice: a bag that came from
    /// elsewhere is not for this.
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
        // SAFETY: both are as they were packed, together: who made the reader said so. The bytes have
        // the checksum of their part, since `read` gave them out.
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
