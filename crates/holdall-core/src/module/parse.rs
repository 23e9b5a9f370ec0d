//! The sections of a binary module (WebAssembly 2.0, 5.5), read once by us and validated at once by
//! wasmparser; function bodies are only found. Does not know engines, lowering or names of modules.

use std::ops::Range;
use std::time::Duration;

use wasmparser::{
    Chunk, CompositeInnerType, ElementItems, ElementKind, ExternalKind, FuncToValidate,
    FunctionBody, Parser, Payload, RecGroup, TableInit, TypeRef, ValidPayload, Validator,
    ValidatorResources, WasmFeatures,
};

use super::const_expr::ConstExpr;
use super::fault::Fault;
use super::from_wasmparser::{self, FEATURES, Indices, Unsupported};
use super::outline::Outline;
use super::sections::{ExportKind, Import, ImportKind, Sections, Tail};
use super::segments::{DataMode, DataSegment, ElemItems, ElemMode, ElemSegment};
use crate::bounds::{Bounds, MAX_SHARED_NAME_BYTES};
use crate::clock::Clock;
use crate::trap::TrapCode;
use crate::types::TypeId;
use crate::watch::Watch;

/// Counts the entries of sections that are read, and adds up the longest time that wasmparser may
/// take to validate them: it validates a section in one go. The times are those of a slow machine,
/// in nanoseconds.
pub(super) struct Reading<'w> {
    watch: Watch<'w>,
    nanos: u64,
}

impl<'w> Reading<'w> {
    /// A byte of any section.
    const OF_BYTE: u64 = 400;
    const OF_INDEX: u64 = 20;
    const OF_CONST_OP: u64 = 20;
    const OF_CONST_EXPR: u64 = 300;
    const OF_SEGMENT: u64 = 300;

    fn new(clock: &'w Clock) -> Self {
        let watch = clock.watch();
        Self { watch, nanos: 0 }
    }

    /// Checks that there is time to validate what was read since the last call.
    fn admit(&mut self) -> Result<(), TrapCode> {
        let nanos = std::mem::take(&mut self.nanos);
        // Reading the clock takes time too, and a module may have a million small payloads.
        if nanos < 100_000 {
            return self.watch.step(1);
        }
        self.watch.admit(Duration::from_nanos(nanos))
    }

    /// Counts an entry whose validation takes `nanos` nanoseconds.
    pub(super) fn entry(&mut self, nanos: u64) -> Result<(), TrapCode> {
        self.nanos = self.nanos.saturating_add(nanos);
        self.watch.step(1)
    }

    /// Counts a constant expression, without its instructions.
    pub(super) fn const_expr(&mut self) -> Result<(), TrapCode> {
        self.entry(Self::OF_CONST_EXPR)
    }

    /// Counts an instruction of a constant expression.
    pub(super) fn const_op(&mut self) -> Result<(), TrapCode> {
        self.entry(Self::OF_CONST_OP)
    }

    /// Counts one of `count` entries, which are looked up by name; this one's name has `letters`
    /// letters.
    fn named(&mut self, count: u32, letters: usize) -> Result<(), TrapCode> {
        let letters = letters as u64;
        self.watch.step(letters as usize / 1_000)?;
        self.entry(1_000 + halvings(count) * (30 + letters / 4))
    }

    /// Counts one of `count` function types, which are looked up among themselves; this one has
    /// `values` parameters and results.
    fn func_type(&mut self, count: u32, values: usize) -> Result<(), TrapCode> {
        self.entry(1_000 + halvings(count) * (400 + 5 * values as u64))
    }
}

/// How often a number of entries can be halved: the comparisons of a look-up.
fn halvings(count: u32) -> u64 {
    u64::from(u32::BITS - count.leading_zeros())
}

/// A function body with its validator.
pub(super) type Body<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

impl Sections {
    /// Reads everything, and validates everything but the function bodies, which are returned to be
    /// validated.
    pub(super) fn parse<'a>(
        bytes: &'a [u8],
        bounds: &Bounds,
        clock: &Clock,
    ) -> Result<(Self, Vec<Body<'a>>), Fault> {
        let (mut sections, mut tail) = (Self::default(), Tail::default());
        let mut bodies = Vec::new();
        let features = bounds.proposals.features();
        let mut validator = Validator::new_with_features(features);
        let mut reading = Reading::new(clock);
        for payload in parser(features).parse_all(bytes) {
            let payload = payload.map_err(Fault::malformed)?;
            let taken = sections
                .take(&payload, &mut reading)
                .and_then(|()| tail.take(&payload, &mut reading));
            // Bytes that cannot be read are malformed. Where we can read and do not take something,
            // the validator may have the better error, and goes first, unless it is too much for the
            // validator too.
            if let Err(fault @ (Fault::Malformed { .. } | Fault::Limit(_) | Fault::Ended(_))) =
                taken
            {
                return Err(fault);
            }
            if taken.is_err() {
                // The validator reads the entries behind the one that we do not take.
                reading.entry(Reading::OF_BYTE.saturating_mul(bytes.len() as u64))?;
            }
            reading.admit()?;
            if let ValidPayload::Func(func, body) =
                validator.payload(&payload).map_err(Fault::invalid)?
            {
                bodies.push((func, body));
            }
            taken?;
            bounds
                .check_functions(sections.funcs.len())
                .map_err(Fault::Limit)?;
        }
        sections.set_tail(tail);
        Ok((sections, bodies))
    }

    /// Reads a module that was validated before.
    pub(super) fn parse_trusted(bytes: &[u8], clock: &Clock) -> Result<Self, Fault> {
        let (mut sections, mut tail) = (Self::default(), Tail::default());
        let mut reading = Reading::new(clock);
        for payload in parser(FEATURES).parse_all(bytes) {
            let payload = payload.map_err(Fault::malformed)?;
            sections.take(&payload, &mut reading)?;
            tail.take(&payload, &mut reading)?;
        }
        sections.set_tail(tail);
        Ok(sections)
    }

    /// Reads the first sections of a module that was validated before.
    pub(super) fn parse_head(mut bytes: &[u8], clock: &Clock) -> Result<Self, Fault> {
        let mut sections = Self::default();
        let mut reading = Reading::new(clock);
        let mut parser = parser(FEATURES);
        while !bytes.is_empty() {
            match parser.parse(bytes, false).map_err(Fault::malformed)? {
                Chunk::NeedMoreData(_) => return Err(Outline::misfit()),
                Chunk::Parsed { consumed, payload } => {
                    sections.take(&payload, &mut reading)?;
                    bytes = &bytes[consumed..];
                }
            }
        }
        Ok(sections)
    }

    /// Takes what a section of the head holds. The section is not validated yet: memory may only be
    /// taken in proportion to the bytes of the module.
    fn take(&mut self, payload: &Payload<'_>, reading: &mut Reading<'_>) -> Result<(), Fault> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section.clone().into_iter_with_offsets() {
                    let (at, group) = group.map_err(Fault::malformed)?;
                    self.take_types(&group, section.count(), at, reading)?;
                }
            }
            Payload::ImportSection(section) => {
                let range = section.range();
                let most = range.end - range.start + MAX_SHARED_NAME_BYTES;
                let mut names = 0;
                for import in section.clone().into_imports_with_offsets() {
                    let (at, import) = import.map_err(Fault::malformed)?;
                    let letters = import.module.len() + import.name.len();
                    names += letters as u64;
                    if names > most {
                        return Err(Fault::Limit(format!(
                            "the names of its imports take more than {most} bytes, the most for a \
                             section of this size"
                        )));
                    }
                    reading.named(section.count(), letters)?;
                    self.take_import(import, at)?;
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section.clone() {
                    reading.entry(Reading::OF_INDEX)?;
                    self.funcs.push(ty.map_err(Fault::malformed)?);
                }
            }
            Payload::TableSection(section) => {
                for table in section.clone().into_iter_with_offsets() {
                    let (at, table) = table.map_err(Fault::malformed)?;
                    reading.entry(Reading::OF_INDEX)?;
                    let indices = Indices::of(self.types.ids());
                    self.tables
                        .push(ours(from_wasmparser::table_type(table.ty, indices), at)?);
                    self.table_inits.push(match table.init {
                        TableInit::RefNull => None,
                        TableInit::Expr(expr) => Some(ConstExpr::read(&expr, reading)?),
                    });
                }
            }
            Payload::MemorySection(section) => {
                for memory in section.clone().into_iter_with_offsets() {
                    let (at, memory) = memory.map_err(Fault::malformed)?;
                    self.memories
                        .push(ours(from_wasmparser::memory_type(memory), at)?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section.clone().into_iter_with_offsets() {
                    let (at, global) = global.map_err(Fault::malformed)?;
                    reading.entry(Reading::OF_INDEX)?;
                    let indices = Indices::of(self.types.ids());
                    self.globals
                        .push(ours(from_wasmparser::global_type(global.ty, indices), at)?);
                    let init = ConstExpr::read(&global.init_expr, reading)?;
                    self.global_inits.push(init);
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone().into_iter_with_offsets() {
                    let (at, export) = export.map_err(Fault::malformed)?;
                    reading.named(section.count(), export.name.len())?;
                    self.exports
                        .push((export.name.into(), export_kind(&export, at)?));
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(*func),
            Payload::ElementSection(section) => {
                for elem in section.clone().into_iter_with_offsets() {
                    let (at, elem) = elem.map_err(Fault::malformed)?;
                    let indices = Indices::of(self.types.ids());
                    self.elems.push(elem_segment(elem, indices, at, reading)?);
                }
            }
            Payload::TagSection(section) => {
                for tag in section.clone() {
                    reading.entry(Reading::OF_INDEX)?;
                    let tag = tag.map_err(Fault::malformed)?;
                    self.tags.push(tag.func_type_idx);
                }
            }
            Payload::UnknownSection { id, range, .. } => {
                let message = format!("malformed section id {id}");
                return Err(Fault::malformed_at(message, range.start));
            }
            // The validator alone needs these, or they are of the tail, or of no interest.
            _ => {}
        }
        Ok(())
    }

    /// Declares the types of a recursion group.
    fn take_types(
        &mut self,
        group: &RecGroup,
        count: u32,
        at: u64,
        reading: &mut Reading<'_>,
    ) -> Result<(), Fault> {
        let declared = self.types.ids();
        // wasmparser allows 1,000,000 types.
        let len = group.types().len() as u32;
        let mut types = Vec::with_capacity(group.types().len());
        for (ty, place) in group.types().zip(0..) {
            if let CompositeInnerType::Func(ty) = &ty.composite_type.inner {
                let values = ty.params().len() + ty.results().len();
                reading.func_type(count.saturating_add(len), values)?;
            }
            let ty = from_wasmparser::sub_type(
                ty,
                Indices {
                    declared,
                    group: len,
                },
            );
            let ty = ours(ty, at)?;
            // Else a chain of supertypes might have no end.
            if ty.supertype >= Some(TypeId::in_group(place))
                && ty.supertype < Some(TypeId::in_group(len))
            {
                let message = "unknown type: supertypes must be defined before subtypes";
                return Err(Fault::invalid_at(message, at));
            }
            types.push(ty);
        }
        // An empty group declares nothing.
        if types.is_empty() {
            return Ok(());
        }
        let declared = self.types.declare(types);
        declared.map_err(|stale| Fault::malformed_at(stale.to_string(), at))
    }

    fn take_import(&mut self, import: wasmparser::Import<'_>, at: u64) -> Result<(), Fault> {
        let indices = Indices::of(self.types.ids());
        let ty = match import.ty {
            TypeRef::Func(ty) => {
                self.funcs.push(ty);
                self.num_imported_funcs += 1;
                ImportKind::Func(ty)
            }
            TypeRef::Table(ty) => {
                let ty = ours(from_wasmparser::table_type(ty, indices), at)?;
                self.tables.push(ty);
                self.num_imported_tables += 1;
                ImportKind::Table(ty)
            }
            TypeRef::Memory(ty) => {
                let ty = ours(from_wasmparser::memory_type(ty), at)?;
                self.memories.push(ty);
                self.num_imported_memories += 1;
                ImportKind::Memory(ty)
            }
            TypeRef::Global(ty) => {
                let ty = ours(from_wasmparser::global_type(ty, indices), at)?;
                self.globals.push(ty);
                self.num_imported_globals += 1;
                ImportKind::Global(ty)
            }
            TypeRef::Tag(tag) => {
                self.tags.push(tag.func_type_idx);
                self.num_imported_tags += 1;
                ImportKind::Tag(tag.func_type_idx)
            }
            TypeRef::FuncExact(_) => {
                return Err(Fault::malformed_at("malformed import kind", at));
            }
        };
        self.imports.push(Import {
            module: import.module.into(),
            name: import.name.into(),
            ty,
        });
        Ok(())
    }
}

impl Tail {
    /// Reads the tail of a module that was validated before.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let mut tail = Self::default();
        let mut reading = Reading {
            watch: Watch::nothing(),
            nanos: 0,
        };
        for payload in parser(FEATURES).parse_all(bytes) {
            tail.take(&payload.map_err(Fault::malformed)?, &mut reading)?;
        }
        Ok(tail)
    }

    /// Takes what a section of the tail holds.
    fn take(&mut self, payload: &Payload<'_>, reading: &mut Reading<'_>) -> Result<(), Fault> {
        match payload {
            Payload::DataSection(section) => {
                for data in section.clone() {
                    let data = data.map_err(Fault::malformed)?;
                    self.data.push(data_segment(data, reading)?);
                }
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(in_bytes(body.range())),
            // A module should have one name section; of several, the first counts.
            Payload::CustomSection(section)
                if section.name() == "name" && self.name_section.is_none() =>
            {
                self.name_section = Some(in_bytes(section.data_range()));
            }
            _ => {}
        }
        Ok(())
    }
}

pub(super) fn parser(features: WasmFeatures) -> Parser {
    let mut parser = Parser::new(0);
    parser.set_features(features);
    parser
}

/// A type as ours, or a fault. The validator may have the better one.
fn ours<T>(converted: Result<T, Unsupported>, at: u64) -> Result<T, Fault> {
    converted.map_err(|error| Fault::invalid_at(error.to_string(), at))
}

fn export_kind(export: &wasmparser::Export<'_>, at: u64) -> Result<ExportKind, Fault> {
    Ok(match export.kind {
        ExternalKind::Func => ExportKind::Func(export.index),
        ExternalKind::Table => ExportKind::Table(export.index),
        ExternalKind::Memory => ExportKind::Memory(export.index),
        ExternalKind::Global => ExportKind::Global(export.index),
        ExternalKind::Tag => ExportKind::Tag(export.index),
        ExternalKind::FuncExact => {
            return Err(Fault::malformed_at("malformed export kind", at));
        }
    })
}

fn elem_segment(
    elem: wasmparser::Element<'_>,
    indices: Indices<'_>,
    at: u64,
    reading: &mut Reading<'_>,
) -> Result<ElemSegment, Fault> {
    reading.entry(Reading::OF_SEGMENT)?;
    let mode = match elem.kind {
        ElementKind::Passive => ElemMode::Passive,
        ElementKind::Declared => ElemMode::Declared,
        ElementKind::Active {
            table_index,
            offset_expr,
        } => ElemMode::Active {
            table: table_index.unwrap_or(0),
            offset: ConstExpr::read(&offset_expr, reading)?,
        },
    };
    let items = match elem.items {
        ElementItems::Functions(funcs) => {
            let funcs = funcs.into_iter().map(|func| {
                reading.entry(Reading::OF_INDEX)?;
                func.map_err(Fault::malformed)
            });
            ElemItems::Funcs(funcs.collect::<Result<_, _>>()?)
        }
        ElementItems::Expressions(ty, exprs) => {
            ours(from_wasmparser::ref_type(ty, indices), at)?;
            let exprs = exprs
                .into_iter()
                .map(|expr| ConstExpr::read(&expr.map_err(Fault::malformed)?, reading))
                .collect::<Result<_, _>>()?;
            ElemItems::Exprs(exprs)
        }
    };
    Ok(ElemSegment { mode, items })
}

fn data_segment(
    data: wasmparser::Data<'_>,
    reading: &mut Reading<'_>,
) -> Result<DataSegment, Fault> {
    reading.entry(Reading::OF_SEGMENT)?;
    let mode = match data.kind {
        wasmparser::DataKind::Passive => DataMode::Passive,
        wasmparser::DataKind::Active {
            memory_index,
            offset_expr,
        } => DataMode::Active {
            memory: memory_index,
            offset: ConstExpr::read(&offset_expr, reading)?,
        },
    };
    // A segment ends with its data.
    let range = in_bytes(data.range);
    Ok(DataSegment {
        mode,
        range: range.end - data.data.len()..range.end,
    })
}

/// A range of wasmparser's as indices into the bytes of a module, which are all in memory.
fn in_bytes(range: Range<u64>) -> Range<usize> {
    let index = |at: u64| usize::try_from(at).expect("an offset into a slice");
    index(range.start)..index(range.end)
}
