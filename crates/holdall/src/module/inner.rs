//! A module at run time: its sections, and the code of its functions. Does not know stores.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use holdall_core::module::{ExportKind, NameSection, Outline, Sections};

use super::code::{Code, CodeError};
use super::native::Native;
use super::weight::Weight;
use crate::engine::Engine;
use crate::ir::Word;
use crate::limits::Watch;
use crate::store::Image;
use crate::types::TypeId;

/// What spares a module that travels in a program being read as a whole when the program starts.
#[derive(Debug)]
pub struct Start {
    /// What the packer noted of the module.
    pub outline: Outline,
    /// What the module's memory holds at first.
    pub image: Option<Image>,
}

/// The parts of a module, all of them validated.
pub(crate) struct ModuleInner {
    pub(crate) engine: Engine,
    /// The name under which the module was loaded.
    pub(crate) name: Option<Arc<str>>,
    /// What the module is made of.
    pub(super) sections: Sections,
    /// The lowered code of the defined functions, as far as they are lowered.
    pub(crate) code: Box<[OnceLock<Code>]>,
    /// The defined functions that were lowered here, by the addresses of their code words; beside native code
    /// those too that were lowered before.
    pub(super) by_address: Mutex<BTreeMap<usize, usize>>,
    /// What stands in for the code of each defined function before its first call.
    pub(crate) stubs: Box<[[Word; 2]]>,
    /// The native code, where there is some.
    pub(crate) native: Option<Native>,
    pub(super) names: OnceLock<NameSection>,
    /// What memory 0 holds at first, in place of what the data segments say.
    pub(crate) image: Option<Image>,
    /// What all of this takes of the host's memory.
    pub(crate) weight: Weight,
}

impl Deref for ModuleInner {
    type Target = Sections;

    fn deref(&self) -> &Sections {
        &self.sections
    }
}

impl ModuleInner {
    /// The canonical type of the function at an index of the function index space.
    pub(crate) fn func_sig(&self, func_index: u32) -> TypeId {
        self.types.ids()[self.funcs[func_index as usize] as usize]
    }

    /// What the name section calls the function at an index of the function index space.
    pub(crate) fn func_name(&self, func_index: u32) -> Option<&str> {
        self.names().func(&self.bytes, func_index)
    }

    /// The name of the first export of the tag at an index.
    pub(crate) fn name_of_tag(&self, tag_index: u32) -> Option<&str> {
        let mut exports = self.exports.iter();
        let export = exports.find(|(_, export)| *export == ExportKind::Tag(tag_index));
        Some(&export?.0)
    }

    /// The name under which the module was loaded, else the one of its name section.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name
            .as_deref()
            .or_else(|| self.names().module(&self.bytes))
    }

    /// The lowered code of a defined function, which is lowered now if it is not yet. Where two
    /// threads lower a function at once, both get the code of the thread that was first. The code
    /// stays where it is for as long as the module lives.
    ///
    /// # Errors
    ///
    /// Where the account that has the module or the engine's pool has no room, or the time is up.
    /// Nothing is kept then, and a later call may lower the function.
    pub(crate) fn code(
        &self,
        defined_index: u32,
        watch: &mut Watch<'_>,
    ) -> Result<&Code, CodeError> {
        let cell = &self.code[defined_index as usize];
        if let Some(code) = cell.get() {
            return Ok(code);
        }
        let lowered = Code::lower(self, defined_index, watch).and_then(|code| {
            let bytes = size_of_val(&*code.words);
            self.weight.grow(bytes, "lowered code")?;
            Ok(code)
        });
        match lowered {
            Ok(code) => {
                let code = cell.get_or_init(|| code);
                let by_address = self.by_address.lock();
                by_address
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(code.words.as_ptr().addr(), defined_index as usize);
                Ok(code)
            }
            // Another thread may have had the room or the time that this one lacked.
            Err(error) => cell.get().ok_or(error),
        }
    }

    /// The lowered code of a defined function, or what lowers the function at its first call.
    pub(crate) fn lowered_or_stub(&self, defined_index: usize) -> *const Word {
        match self.code[defined_index].get() {
            Some(code) => code.words.as_ptr(),
            None => self.stubs[defined_index].as_ptr(),
        }
    }

    /// The defined function whose lowered code has the word at this address, and its code words.
    pub(crate) fn function_at(&self, word: *const Word) -> Option<(u32, &[Word])> {
        let address = word.addr();
        let lowered = {
            let by_address = self.by_address.lock();
            let by_address = by_address.unwrap_or_else(PoisonError::into_inner);
            by_address
                .range(..=address)
                .next_back()
                .map(|(_, index)| *index)
        };
        // Precompiled code lies in the order of its functions, and is that of all functions.
        let starts_before = |code: &OnceLock<Code>| {
            code.get()
                .is_some_and(|code| code.words.as_ptr().addr() <= address)
        };
        let from_before = || self.code.partition_point(starts_before).checked_sub(1);
        let index = lowered.or_else(from_before)?;
        let words: &[Word] = &self.code[index].get()?.words;
        let is_inside = words.as_ptr_range().contains(&word);
        Some((u32::try_from(index).ok()?, words)).filter(|_| is_inside)
    }

    pub(super) fn names(&self) -> &NameSection {
        let names = self.names_in_time(&mut Watch::nothing());
        names.expect("nothing ends the work")
    }

    /// The names that the name section gives, where they can be read in time.
    pub(crate) fn names_in_time(&self, watch: &mut Watch<'_>) -> Option<&NameSection> {
        if let Some(names) = self.names.get() {
            return Some(names);
        }
        let mut names = self.sections.names(watch).ok()?;
        let bytes = names.size_bytes();
        if self.weight.grow(bytes, "the names of functions").is_err() {
            names = NameSection::default();
        }
        Some(self.names.get_or_init(|| names))
    }
}
