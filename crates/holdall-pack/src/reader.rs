//! The modules of a bag, for a linker. Modules that travel in the bag are trusted: they were validated and
//! lowered when they were packed, and are not again. Nothing here reaches the validator.

use std::borrow::Cow;
use std::sync::Arc;

use holdall::internal::{Image, MachineCode, Start};
use holdall::{Engine, Module, ModuleReader, ReadError, Result};

use holdall_core::module::{Blocks, Outline, reckon};

use crate::bag::{Bag, BagError, machine_code_of, memory_of};
use crate::manifest::{ModuleStart, PackedModule, PackedNative};
use crate::wrong;

/// A module reader over a [`Bag`] that travels in the running program.
#[derive(Clone, Debug)]
pub struct BagReader {
    bag: Arc<Bag<'static>>,
    /// The machine code of the modules, which the processor can execute.
    code: &'static [u8],
}

impl BagReader {
    /// A reader of a bag's modules. `code` is the segment that has their machine code; empty where there is
    /// none.
    ///
    /// # Safety
    ///
    /// [`Packer`](crate::Packer) made the bag: the code of each module in it is what
    /// [`Module::precompile`] made of that module, and so is the machine code in `code`, which the processor can
    /// execute. Checksums find damage, not malice: a bag of another origin breaks this promise. What guests alone use
    /// the reader gives out unchecked: [`Bag::check_guests`] has found it whole before a module is instantiated.
    #[must_use]
    pub unsafe fn new(bag: Arc<Bag<'static>>, code: &'static [u8]) -> Self {
        Self { bag, code }
    }

    fn find(&self, name: &str) -> Option<&PackedModule<'static>> {
        let modules = &self.bag.manifest().modules;
        let at = modules.binary_search_by_key(&name, |module| module.name);
        Some(&modules[at.ok()?])
    }

    /// The machine code of a module, which is not checked.
    fn native(&self, name: &str, packed: &PackedNative) -> Result<MachineCode, BagError> {
        let what = || machine_code_of(name);
        let text = packed.text.of(self.code);
        Ok(MachineCode {
            tables: self.bag.unchecked(&packed.tables, what)?,
            text: text.ok_or_else(|| BagError::Damaged(what()))?,
        })
    }

    /// What is known of a module for its start, with the image of its memory, which is not checked.
    fn start(&self, name: &str, packed: &ModuleStart) -> Result<Start, BagError> {
        let image = packed.image.as_ref().map(|packed| {
            let what = || memory_of(name);
            let pieces = packed.pieces.iter();
            let pieces = pieces.map(|&(first, count)| Blocks { first, count });
            let pieces = pieces.collect();
            Ok(match self.bag.part_in_file(&packed.bytes) {
                Some(bytes) => Image::in_file(pieces, bytes),
                None => Image::new(pieces, self.bag.unchecked(&packed.bytes, what)?),
            })
        });
        Ok(Start {
            outline: Outline {
                head_bytes: packed.head.0,
                weight: packed.weight,
                num_data: packed.num_data,
            },
            image: image.transpose()?,
        })
    }
}

impl ModuleReader for BagReader {
    fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        let Some(packed) = self.find(name) else {
            return Ok(None);
        };
        let what = || format!("module {name:?}");
        let catches = packed.native.as_ref().is_some_and(|native| native.catches);
        let bytes = match &packed.start {
            // The rest is checked when something of it is asked for.
            Some(start) if !catches => self.bag.part_by_head(&packed.module, start.head, what),
            _ => self.bag.part(&packed.module, what),
        };
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
        let start = packed.start.as_ref().map(|start| self.start(name, start));
        let start = start
            .transpose()
            .map_err(|error| wrong(error.to_string()))?;
        let native = packed.native.as_ref();
        let native = native.map(|native| self.native(name, native));
        let native = native
            .transpose()
            .map_err(|error| wrong(error.to_string()))?;
        let checksum = packed.module.check;
        // SAFETY: module and code were packed together, and are as they were packed: who made the reader
        // promised the first, and checksums say the second. `read`, which gave out these very bytes, has
        // compared theirs, or those of the head. The engine compares the rest before it reads it.
        unsafe { Module::precompiled_of(engine, name, bytes, checksum, code, start, native) }
    }

    fn weight(&self, name: &str, bytes: &Cow<'static, [u8]>) -> usize {
        let start = self.find(name).and_then(|packed| packed.start.as_ref());
        let known = start.and_then(|start| usize::try_from(start.weight).ok());
        known.unwrap_or_else(|| reckon(bytes))
    }

    fn describe(&self) -> String {
        "what travels in the executable".to_owned()
    }

    fn names(&self) -> Vec<String> {
        let modules = self.bag.manifest().modules.iter();
        modules.map(|module| module.name.to_owned()).collect()
    }
}
