//! The sections of a module, for lowering and instantiation. Index spaces are those of the
//! specification: imports come first. Does not know lowered code: a function here is its body.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;
use std::time::Duration;

use wasmparser::{BinaryReader, FunctionBody, Parser, Payload};

use super::const_expr::ConstExpr;
use super::fault::Fault;
use super::from_wasmparser::FEATURES;
use super::lacking::name_proposals;
use super::name_section::NameSection;
use super::outline::Outline;
use super::precompiled::checksum;
use super::segments::{DataSegment, ElemSegment};
use super::validate::validate_bodies;
use crate::bounds::Bounds;
use crate::canonical::ModuleTypes;
use crate::clock::Clock;
use crate::trap::TrapCode;
use crate::types::{ExternType, FuncType, GlobalType, MemoryType, TableType, TagType};
use crate::watch::Watch;

/// The longest time that one letter takes when names are compared.
const TIME_OF_LETTER: Duration = Duration::from_nanos(4);

/// An import.
#[derive(Debug)]
pub struct Import {
    /// The name of the module that the import is from.
    pub module: Box<str>,
    /// The name in that module.
    pub name: Box<str>,
    /// What is imported.
    pub ty: ImportKind,
}

/// What is imported.
#[derive(Clone, Copy, Debug)]
pub enum ImportKind {
    /// A function of the type at this index.
    Func(u32),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag whose values are the parameters of the type at this index.
    Tag(u32),
}

/// What is exported, as an index into the index space of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// A function.
    Func(u32),
    /// A table.
    Table(u32),
    /// A memory.
    Memory(u32),
    /// A global.
    Global(u32),
    /// A tag.
    Tag(u32),
}

impl ExportKind {
    /// The index in the index space of its kind.
    #[must_use]
    pub fn index(self) -> u32 {
        match self {
            Self::Func(index)
            | Self::Table(index)
            | Self::Memory(index)
            | Self::Global(index)
            | Self::Tag(index) => index,
        }
    }
}

/// The index of each import in the index space of its kind.
pub fn import_indices(imports: impl Iterator<Item = ImportKind>) -> impl Iterator<Item = u32> {
    let mut next = [0; 5];
    imports.map(move |kind| {
        let next = match kind {
            ImportKind::Func(_) => &mut next[0],
            ImportKind::Table(_) => &mut next[1],
            ImportKind::Memory(_) => &mut next[2],
            ImportKind::Global(_) => &mut next[3],
            ImportKind::Tag(_) => &mut next[4],
        };
        *next += 1;
        *next - 1
    })
}

/// The sections of a module, all of them validated.
#[derive(Debug, Default)]
pub struct Sections {
    /// The whole module. Ranges elsewhere are into these bytes.
    pub bytes: Cow<'static, [u8]>,
    /// The types.
    pub types: ModuleTypes,
    /// The imports, in order.
    pub imports: Vec<Import>,
    /// The index into `types` of each function.
    pub funcs: Vec<u32>,
    /// How many of the functions are imported: the first ones.
    pub num_imported_funcs: usize,
    /// The tables.
    pub tables: Vec<TableType>,
    /// How many of the tables are imported: the first ones.
    pub num_imported_tables: usize,
    /// The memories.
    pub memories: Vec<MemoryType>,
    /// How many of the memories are imported: the first ones.
    pub num_imported_memories: usize,
    /// The globals.
    pub globals: Vec<GlobalType>,
    /// How many of the globals are imported: the first ones.
    pub num_imported_globals: usize,
    /// The index into `types` of each tag.
    pub tags: Vec<u32>,
    /// How many of the tags are imported: the first ones.
    pub num_imported_tags: usize,
    /// The initial value of the elements of each defined table; `None` is null.
    pub table_inits: Vec<Option<ConstExpr>>,
    /// The initial value of each defined global.
    pub global_inits: Vec<ConstExpr>,
    /// The exports in order. Names are distinct.
    pub exports: Vec<(Box<str>, ExportKind)>,
    /// The index of the memory that functions of the host take addresses in: the one that is
    /// exported as `memory`, else the first.
    pub main_memory: u32,
    /// The index of the start function.
    pub start: Option<u32>,
    /// The element segments.
    pub elems: Vec<ElemSegment>,
    /// How many data segments there are.
    pub num_data: usize,
    /// The indices of `exports`, ascending by name.
    exports_by_name: Box<[u32]>,
    /// The exported functions, ascending by their indices, each with the index of its first export.
    /// Made when a function's export is first asked for.
    exported_funcs: OnceLock<Box<[(u32, u32)]>>,
    /// The tail of the module, read already or when something of it is first asked for.
    tail: OnceLock<Option<Tail>>,
    /// The checksum of `bytes`, where the tail is read later.
    checksum: u64,
    is_outlined: bool,
}

/// What is found in the sections from the first one with code or data on.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// The data segments.
    pub(super) data: Vec<DataSegment>,
    /// Where the bodies of the defined functions lie in the module's bytes, from their declarations of
    /// locals on.
    pub(super) bodies: Vec<Range<usize>>,
    /// Where the contents of the name section lie in the module's bytes.
    pub(super) name_section: Option<Range<usize>>,
}

impl Sections {
    /// Reads and validates a module, in the binary format.
    ///
    /// # Errors
    /// What is wrong with the bytes, which bound they exceed, or that the time is up.
    pub fn read(bytes: Cow<'static, [u8]>, bounds: &Bounds, clock: &Clock) -> Result<Self, Fault> {
        let mut sections = Self::validated(&bytes, bounds, clock)?;
        sections.bytes = bytes;
        sections.index_exports(clock)?;
        Ok(sections)
    }

    /// Reads a module that was validated before.
    ///
    /// # Errors
    /// The bytes are no module after all, or the time is up.
    pub fn trusted(bytes: &'static [u8], clock: &Clock) -> Result<Self, Fault> {
        let mut sections = Self::parse_trusted(bytes, clock)?;
        sections.bytes = Cow::Borrowed(bytes);
        sections.index_exports(clock)?;
        Ok(sections)
    }

    /// Reads the head of a module that was validated before. The tail is read when something of it is
    /// asked for, if all bytes have the checksum that is given, and else never.
    ///
    /// # Errors
    /// The bytes are not those that the outline is of, or the time is up.
    pub fn outlined(
        bytes: &'static [u8],
        outline: Outline,
        checksum: u64,
        clock: &Clock,
    ) -> Result<Self, Fault> {
        let mut sections = Self::parse_head(outline.head(bytes)?, clock)?;
        // Each data segment takes two bytes at least.
        sections.num_data = usize::try_from(outline.num_data)
            .ok()
            .filter(|count| *count <= bytes.len() / 2)
            .ok_or_else(Outline::misfit)?;
        (sections.checksum, sections.is_outlined) = (checksum, true);
        sections.bytes = Cow::Borrowed(bytes);
        sections.index_exports(clock)?;
        Ok(sections)
    }

    /// Keeps the tail, which was read with the rest.
    pub(super) fn set_tail(&mut self, tail: Tail) {
        self.num_data = tail.data.len();
        self.tail = OnceLock::from(Some(tail));
    }

    /// The tail of the module; `None` where its bytes are not those that were validated.
    fn tail(&self) -> Option<&Tail> {
        let read = || {
            let is_whole = checksum(&self.bytes) == self.checksum;
            is_whole.then(|| Tail::read(&self.bytes).ok()).flatten()
        };
        self.tail.get_or_init(read).as_ref()
    }

    /// The data segments; `None` where the module is damaged, and that was not found out before.
    #[must_use]
    pub fn data(&self) -> Option<&[DataSegment]> {
        Some(&self.tail()?.data)
    }

    /// The bytes of a data segment; none in a damaged module.
    #[must_use]
    pub fn data_bytes(&self, index: u32) -> &[u8] {
        let data = self.data().map(|data| data[index as usize].range.clone());
        data.map_or(&[], |range| &self.bytes[range])
    }

    /// Whether the tail of the module is read only where something of it is asked for. All data segments
    /// are active then.
    #[must_use]
    pub fn is_outlined(&self) -> bool {
        self.is_outlined
    }

    /// How many functions the module defines.
    #[must_use]
    pub fn num_defined_funcs(&self) -> usize {
        self.funcs.len() - self.num_imported_funcs
    }

    /// The size of all bodies in bytes.
    #[must_use]
    pub fn bodies_bytes(&self) -> usize {
        let tail = self.tail();
        tail.map_or(0, |tail| tail.bodies.iter().map(Range::len).sum())
    }

    /// Validates a module, and keeps nothing of it.
    ///
    /// # Errors
    /// Those of [`Sections::read`].
    pub fn validate(bytes: &[u8], bounds: &Bounds, clock: &Clock) -> Result<(), Fault> {
        Self::validated(bytes, bounds, clock).map(drop)
    }

    /// Reads and validates everything, without keeping the bytes. The fault names what the module lacks.
    pub(crate) fn validated(bytes: &[u8], bounds: &Bounds, clock: &Clock) -> Result<Self, Fault> {
        let read = Self::parse(bytes, bounds, clock).and_then(|(sections, bodies)| {
            validate_bodies(bodies, bounds, clock)?;
            Ok(sections)
        });
        read.map_err(|fault| name_proposals(fault, bytes, bounds, clock))
    }

    fn index_exports(&mut self, clock: &Clock) -> Result<(), TrapCode> {
        let exports = &self.exports;
        // In the worst case, names begin alike and are compared to their ends, once for each
        // halving.
        let names: usize = exports.iter().map(|(name, _)| name.len() + 1).sum();
        let halvings = usize::BITS - exports.len().leading_zeros();
        clock.admit(
            TIME_OF_LETTER
                .saturating_mul(halvings)
                .saturating_mul(names as u32),
        )?;
        let mut by_name: Box<[u32]> = (0..).take(exports.len()).collect();
        by_name.sort_unstable_by_key(|at| &exports[*at as usize].0);
        self.exports_by_name = by_name;
        let main_memory = self.export("memory").and_then(|export| match export {
            ExportKind::Memory(index) => Some(index),
            _ => None,
        });
        self.main_memory = main_memory.unwrap_or(0);
        Ok(())
    }

    /// The type of the function at an index of the function index space.
    #[must_use]
    pub fn func_type(&self, func_index: u32) -> &FuncType {
        &self.types[self.funcs[func_index as usize] as usize]
    }

    /// The function type of the tag at an index of the tag index space.
    #[must_use]
    pub fn tag_type(&self, tag_index: u32) -> &FuncType {
        &self.types[self.tags[tag_index as usize] as usize]
    }

    /// The index of a defined function in the function index space.
    #[must_use]
    pub fn func_index(&self, defined_index: u32) -> u32 {
        // The function index space has at most 2,000,000 entries.
        defined_index + self.num_imported_funcs as u32
    }

    /// The body of a defined function. Readers of the body give offsets into the module's bytes,
    /// and read with holdall's features of WebAssembly.
    #[must_use]
    pub fn body(&self, defined_index: u32) -> FunctionBody<'_> {
        let tail = self.tail();
        // No function has an empty body: in a damaged module it cannot be read, and the lowering says so.
        let range = tail.map_or(0..0, |tail| tail.bodies[defined_index as usize].clone());
        let offset = range.start as u64;
        FunctionBody::new(BinaryReader::new_features(
            &self.bytes[range],
            offset,
            FEATURES,
        ))
    }

    /// The export of this name.
    #[must_use]
    pub fn export(&self, name: &str) -> Option<ExportKind> {
        let at = self
            .exports_by_name
            .binary_search_by_key(&name, |at| &self.exports[*at as usize].0)
            .ok()?;
        Some(self.exports[self.exports_by_name[at] as usize].1)
    }

    /// The name of the first export of the function at an index.
    #[must_use]
    pub fn export_of_func(&self, func_index: u32) -> Option<&str> {
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

    /// Each import as an index into the index space of its kind, in the order of the imports.
    pub fn import_places(&self) -> impl Iterator<Item = ExportKind> {
        let kinds = self.imports.iter().map(|import| import.ty);
        let indices = import_indices(kinds.clone());
        kinds.zip(indices).map(|(kind, index)| match kind {
            ImportKind::Func(_) => ExportKind::Func(index),
            ImportKind::Table(_) => ExportKind::Table(index),
            ImportKind::Memory(_) => ExportKind::Memory(index),
            ImportKind::Global(_) => ExportKind::Global(index),
            ImportKind::Tag(_) => ExportKind::Tag(index),
        })
    }

    /// The type of an import.
    #[must_use]
    pub fn import_type(&self, import: &Import) -> ExternType {
        match import.ty {
            ImportKind::Func(ty) => ExternType::Func(self.types[ty as usize].clone()),
            ImportKind::Table(ty) => ExternType::Table(ty),
            ImportKind::Memory(ty) => ExternType::Memory(ty),
            ImportKind::Global(ty) => ExternType::Global(ty),
            ImportKind::Tag(ty) => ExternType::Tag(TagType::new(self.types[ty as usize].clone())),
        }
    }

    /// The type of an export.
    #[must_use]
    pub fn export_type(&self, export: ExportKind) -> ExternType {
        match export {
            ExportKind::Func(index) => ExternType::Func(self.func_type(index).clone()),
            ExportKind::Table(index) => ExternType::Table(self.tables[index as usize]),
            ExportKind::Memory(index) => ExternType::Memory(self.memories[index as usize]),
            ExportKind::Global(index) => ExternType::Global(self.globals[index as usize]),
            ExportKind::Tag(index) => ExternType::Tag(TagType::new(self.tag_type(index).clone())),
        }
    }

    /// The custom sections in order: their names and contents.
    pub fn custom_sections(&self) -> impl Iterator<Item = (&str, &[u8])> {
        // The module was validated, so that every payload is readable.
        let payloads = Parser::new(0).parse_all(&self.bytes);
        payloads.filter_map(|payload| match payload {
            Ok(Payload::CustomSection(section)) => Some((section.name(), section.data())),
            _ => None,
        })
    }

    /// The names that the name section gives; none where there is no such section, or a broken one.
    ///
    /// # Errors
    /// Where the time is up.
    pub fn names(&self, watch: &mut Watch<'_>) -> Result<NameSection, TrapCode> {
        match self.tail().and_then(|tail| tail.name_section.as_ref()) {
            Some(range) => NameSection::read(&self.bytes, range.clone(), watch),
            None => Ok(NameSection::default()),
        }
    }
}
