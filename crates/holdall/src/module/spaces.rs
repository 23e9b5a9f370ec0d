//! What a module holds by index, for tools and for people: index spaces, names of functions, custom
//! sections. Does not know what they are shown for.

use super::{ExportKind, Module};
use crate::types::{FuncType, GlobalType, MemoryType, TableType, TagType};

impl Module {
    /// The binary format of the module, also where it was made of text.
    #[must_use]
    pub fn binary(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The types that the module declares.
    #[must_use]
    pub fn types(&self) -> &[FuncType] {
        &self.0.types
    }

    /// How many functions there are: imported ones, whose indices come first, and defined ones.
    #[must_use]
    pub fn func_counts(&self) -> (u32, u32) {
        // The function index space has at most 2,000,000 entries.
        let imported = self.0.num_imported_funcs as u32;
        (imported, self.0.funcs.len() as u32 - imported)
    }

    /// The type of the function at an index of the function index space.
    #[must_use]
    pub fn func_type(&self, func_index: u32) -> Option<&FuncType> {
        let ty = *self.0.funcs.get(func_index as usize)?;
        Some(&self.0.types[ty as usize])
    }

    /// What a function is called: by the name section, else by its first export.
    #[must_use]
    pub fn func_name(&self, func_index: u32) -> Option<&str> {
        let exported = || self.0.export_of_func(func_index);
        self.0.func_name(func_index).or_else(exported)
    }

    /// The index of the function that is exported under a name, else of the first that the name
    /// section calls so.
    #[must_use]
    pub fn func_index(&self, name: &str) -> Option<u32> {
        match self.0.export(name) {
            Some(ExportKind::Func(index)) => Some(index),
            // The section may name functions that are not there.
            _ => {
                let named = self.0.names().func_index(&self.0.bytes, name);
                named.filter(|index| (*index as usize) < self.0.funcs.len())
            }
        }
    }

    /// Every name of a function: those of exports, then those of the name section.
    pub fn func_names(&self) -> impl Iterator<Item = &str> {
        let exports = self.0.exports.iter();
        let exported = exports.filter(|(_, kind)| matches!(kind, ExportKind::Func(_)));
        exported
            .map(|(name, _)| &**name)
            .chain(self.0.names().funcs(&self.0.bytes))
    }

    /// The tables, imported ones first.
    #[must_use]
    pub fn tables(&self) -> &[TableType] {
        &self.0.tables
    }

    /// What the name section calls the table at an index.
    #[must_use]
    pub fn table_name(&self, index: u32) -> Option<&str> {
        self.item_name(ExportKind::Table(index))
    }

    /// What the name section calls the memory at an index.
    #[must_use]
    pub fn memory_name(&self, index: u32) -> Option<&str> {
        self.item_name(ExportKind::Memory(index))
    }

    /// What the name section calls the global at an index.
    #[must_use]
    pub fn global_name(&self, index: u32) -> Option<&str> {
        self.item_name(ExportKind::Global(index))
    }

    /// What the name section calls the tag at an index.
    #[must_use]
    pub fn tag_name(&self, index: u32) -> Option<&str> {
        self.item_name(ExportKind::Tag(index))
    }

    fn item_name(&self, item: ExportKind) -> Option<&str> {
        self.0.names().item(&self.0.bytes, item)
    }

    /// The memories, imported ones first.
    #[must_use]
    pub fn memories(&self) -> &[MemoryType] {
        &self.0.memories
    }

    /// The globals, imported ones first.
    #[must_use]
    pub fn globals(&self) -> &[GlobalType] {
        &self.0.globals
    }

    /// The types of the tags, imported ones first.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = TagType> + '_ {
        let types = self.0.tags.iter().map(|ty| &self.0.types[*ty as usize]);
        types.map(|ty| TagType::new(ty.clone()))
    }

    /// The index of the start function.
    #[must_use]
    pub fn start(&self) -> Option<u32> {
        self.0.start
    }

    /// How many element segments and how many data segments there are.
    #[must_use]
    pub fn segment_counts(&self) -> (usize, usize) {
        (self.0.elems.len(), self.0.num_data)
    }

    /// The custom sections in order: their names and contents.
    pub fn custom_sections(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.custom_sections()
    }
}
