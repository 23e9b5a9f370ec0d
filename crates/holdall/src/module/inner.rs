//! What a module is made of, for lowering and instantiation. Index spaces are those of the
//! specification: imports come first. Does not know stores.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use wasmparser::{BinaryReader, FunctionBody};

use super::const_expr::ConstExpr;
use super::convert::FEATURES;
use super::names::Names;
use super::segments::{DataSegment, ElemSegment};
use super::spaces::import_indices;
use super::weight::Weight;
use crate::compile::{self, Code, LowerError};
use crate::engine::Engine;
use crate::ir::Word;
use crate::limits::Watch;
use crate::sigs::{SigId, Sigs};
use crate::types::{ExternType, FuncType, GlobalType, MemoryType, TableType};

/// An import.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) module: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) ty: ImportKind,
}

/// What an import is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ImportKind {
    /// A function of the type at this index.
    Func(u32),
    Table(TableType),
    Memory(MemoryType),
    Global(GlobalType),
}

/// What an export is, as an index into its index space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportKind {
    Func(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
}

/// The parts of a module, all of them validated.
pub(crate) struct ModuleInner {
    pub(crate) engine: Engine,
    /// The name under which the module was loaded.
    pub(crate) name: Option<Arc<str>>,
    /// The whole module. Ranges elsewhere are into it.
    pub(crate) bytes: Cow<'static, [u8]>,
    /// The types.
    pub(crate) types: Vec<FuncType>,
    /// The canonical numbers of `types`.
    pub(crate) sigs: Sigs,
    pub(crate) imports: Vec<Import>,
    /// The index into `types` of each function.
    pub(crate) funcs: Vec<u32>,
    pub(crate) num_imported_funcs: usize,
    pub(crate) tables: Vec<TableType>,
    pub(crate) num_imported_tables: usize,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) num_imported_memories: usize,
    pub(crate) globals: Vec<GlobalType>,
    pub(crate) num_imported_globals: usize,
    /// Of the defined tables; `None` is null in every element.
    pub(crate) table_inits: Vec<Option<ConstExpr>>,
    /// Of the defined globals.
    pub(crate) global_inits: Vec<ConstExpr>,
    /// The exports in order. Names are distinct.
    pub(crate) exports: Vec<(Box<str>, ExportKind)>,
    /// The indices of `exports`, ascending by name.
    pub(super) exports_by_name: Box<[u32]>,
    /// The exported functions, ascending by their indices, each with the index of its first export.
    /// Made for the first that asks for a function's export.
    pub(super) exported_funcs: OnceLock<Box<[(u32, u32)]>>,
    /// The memory that functions of the host mean when they are given an address: the one that is
    /// exported as `memory`, else the first.
    pub(crate) main_memory: u32,
    /// The index of the start function.
    pub(crate) start: Option<u32>,
    pub(crate) elems: Vec<ElemSegment>,
    pub(crate) data: Vec<DataSegment>,
    /// Where the bodies of the defined functions are, from their declarations of locals on.
    pub(crate) bodies: Vec<Range<usize>>,
    /// The lowered code of the defined functions, as far as they are lowered.
    pub(crate) code: Box<[OnceLock<Code>]>,
    /// The defined functions that were lowered here, by the addresses of their code words.
    pub(super) by_address: Mutex<BTreeMap<usize, usize>>,
    /// What stands in for the code of each defined function before its first call.
    pub(crate) stubs: Box<[[Word; 2]]>,
    /// Where the contents of the name section are.
    pub(super) name_section: Option<Range<usize>>,
    pub(super) names: OnceLock<Names>,
    /// What all of this takes of the host's memory.
    pub(crate) weight: Weight,
}

impl ModuleInner {
    /// The type of the function at an index of the function index space.
    pub(crate) fn func_type(&self, func_index: u32) -> &FuncType {
        &self.types[self.funcs[func_index as usize] as usize]
    }

    /// The canonical type of the function at an index of the function index space.
    pub(crate) fn func_sig(&self, func_index: u32) -> SigId {
        self.sigs[self.funcs[func_index as usize] as usize]
    }

    /// What the name section calls the function at an index of the function index space.
    pub(crate) fn func_name(&self, func_index: u32) -> Option<&str> {
        self.names().func(&self.bytes, func_index)
    }

    /// The name under which the module was loaded, else the one of its name section.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name
            .as_deref()
            .or_else(|| self.names().module(&self.bytes))
    }

    /// The index of the function index space of a defined function.
    pub(crate) fn func_index(&self, defined_index: u32) -> u32 {
        // The function index space has at most 2,000,000 entries.
        defined_index + self.num_imported_funcs as u32
    }

    /// The body of a defined function. Offsets of its readers are those of the module's bytes, and
    /// they read with [`FEATURES`].
    pub(crate) fn body(&self, defined_index: u32) -> FunctionBody<'_> {
        let range = self.bodies[defined_index as usize].clone();
        let offset = range.start as u64;
        FunctionBody::new(BinaryReader::new_features(
            &self.bytes[range],
            offset,
            FEATURES,
        ))
    }

    /// The lowered code of a defined function, which is lowered now if it is not yet. Two threads
    /// may both lower a function; they get the code of the one that was first. The code stays where
    /// it is for as long as the module lives.
    ///
    /// # Errors
    ///
    /// Where the account that has the module or the engine's pool has no room, or the time is up:
    /// nothing of it is kept then, and it may be lowered later.
    pub(crate) fn code(
        &self,
        defined_index: u32,
        watch: &mut Watch<'_>,
    ) -> Result<&Code, LowerError> {
        let cell = &self.code[defined_index as usize];
        if let Some(code) = cell.get() {
            return Ok(code);
        }
        let lowered = compile::lower(self, defined_index, watch).and_then(|code| {
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
            // There may have been room or time for the other thread's only.
            Err(error) => cell.get().ok_or(error),
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
        // Code from before is in the order of its functions.
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

    /// The export of this name.
    pub(crate) fn export(&self, name: &str) -> Option<ExportKind> {
        let at = self
            .exports_by_name
            .binary_search_by_key(&name, |at| &self.exports[*at as usize].0)
            .ok()?;
        Some(self.exports[self.exports_by_name[at] as usize].1)
    }

    /// The name of the first export of the function at an index.
    pub(crate) fn export_of_func(&self, func_index: u32) -> Option<&str> {
        let funcs = self.exported_funcs.get_or_init(|| {
            let exports = self.exports.iter().zip(0..);
            let funcs = exports.filter_map(|((_, export), at)| match export {
                ExportKind::Func(index) => Some((*index, at)),
                _ => None,
            });
            let mut funcs: Vec<_> = funcs.collect();
            funcs.sort_unstable();
            funcs.dedup_by_key(|(index, _)| *index);
            funcs.into()
        });
        let at = funcs.binary_search_by_key(&func_index, |(index, _)| *index);
        Some(&self.exports[funcs[at.ok()?].1 as usize].0)
    }

    /// What each import is, as an index into its index space.
    pub(crate) fn import_places(&self) -> impl Iterator<Item = ExportKind> {
        let kinds = self.imports.iter().map(|import| import.ty);
        let indices = import_indices(kinds.clone());
        kinds.zip(indices).map(|(kind, index)| match kind {
            ImportKind::Func(_) => ExportKind::Func(index),
            ImportKind::Table(_) => ExportKind::Table(index),
            ImportKind::Memory(_) => ExportKind::Memory(index),
            ImportKind::Global(_) => ExportKind::Global(index),
        })
    }

    /// The type of an import.
    pub(crate) fn import_type(&self, import: &Import) -> ExternType {
        match import.ty {
            ImportKind::Func(ty) => ExternType::Func(self.types[ty as usize].clone()),
            ImportKind::Table(ty) => ExternType::Table(ty),
            ImportKind::Memory(ty) => ExternType::Memory(ty),
            ImportKind::Global(ty) => ExternType::Global(ty),
        }
    }

    /// The type of an export.
    pub(crate) fn export_type(&self, export: ExportKind) -> ExternType {
        match export {
            ExportKind::Func(index) => ExternType::Func(self.func_type(index).clone()),
            ExportKind::Table(index) => ExternType::Table(self.tables[index as usize]),
            ExportKind::Memory(index) => ExternType::Memory(self.memories[index as usize]),
            ExportKind::Global(index) => ExternType::Global(self.globals[index as usize]),
        }
    }

    pub(super) fn names(&self) -> &Names {
        let names = self.names_in_time(&mut Watch::nothing());
        names.expect("nothing ends the work")
    }

    /// The names that the name section gives, where they can be read in time.
    pub(crate) fn names_in_time(&self, watch: &mut Watch<'_>) -> Option<&Names> {
        if let Some(names) = self.names.get() {
            return Some(names);
        }
        let mut names = Names::default();
        if let Some(range) = &self.name_section {
            let read = Names::read(&self.bytes, range.clone(), watch).ok()?;
            let bytes = read.size_bytes();
            if self.weight.grow(bytes, "the names of functions").is_ok() {
                names = read;
            }
        }
        Some(self.names.get_or_init(|| names))
    }
}
