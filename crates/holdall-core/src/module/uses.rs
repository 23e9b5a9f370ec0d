//! Which proposals a module uses: what of its sections, types and instructions the first version of
//! WebAssembly does not have. Reads a module in one pass, and validates nothing.

use wasmparser::{
    AbstractHeapType, BinaryReader, BlockType, CompositeInnerType, ConstExpr, DataKind, Element,
    ElementItems, ElementKind, ExternalKind, FunctionBody, HeapType, Imports, MemoryType, Operator,
    Payload, RecGroup, RefType, Result, TableInit, TableType, TypeRef, ValType,
};

use super::parse::parser;
use super::proposals::{Proposal, Proposals};
use crate::trap::TrapCode;
use crate::watch::Watch;

/// The bytes are no module, or there was no time to read them.
#[derive(Debug)]
pub(super) struct Stopped;

impl From<wasmparser::Error> for Stopped {
    fn from(_: wasmparser::Error) -> Self {
        Self
    }
}

impl From<TrapCode> for Stopped {
    fn from(_: TrapCode) -> Self {
        Self
    }
}

impl Proposals {
    /// The proposals that a valid module uses: those that first had an instruction, a type, a kind
    /// of section or of entry that is in the module. What a module declares counts, whether it is
    /// ever reached or not; what a custom section says does not. One proposal may stand on another:
    /// who uses `relaxed-simd` uses `simd` as well.
    ///
    /// Reads the whole module, as fast as it is validated. Of bytes that are no module, what lies in
    /// front of the fault counts.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut scan = Scan::new(bytes);
        let _ = scan.module(&mut Watch::nothing());
        scan.found
    }
}

/// The proposals that a valid module uses; of a module that is not valid, what it seems to use.
pub(super) fn uses(bytes: &[u8], watch: &mut Watch<'_>) -> Result<Proposals, Stopped> {
    let mut scan = Scan::new(bytes);
    scan.module(watch)?;
    Ok(scan.found)
}

/// The proposals found so far, and what the meaning of later sections depends on.
struct Scan<'a> {
    bytes: &'a [u8],
    found: Proposals,
    tables: usize,
    memories: usize,
    imported_globals: u32,
    /// Whether each global can be written, by its index.
    writable_globals: Vec<bool>,
}

impl<'a> Scan<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            found: Proposals::NONE,
            tables: 0,
            memories: 0,
            imported_globals: 0,
            writable_globals: Vec::new(),
        }
    }

    fn module(&mut self, watch: &mut Watch<'_>) -> Result<(), Stopped> {
        for payload in parser(Proposals::KNOWN.features()).parse_all(self.bytes) {
            self.payload(payload?, watch)?;
        }
        Ok(())
    }

    fn payload(&mut self, payload: Payload<'_>, watch: &mut Watch<'_>) -> Result<(), Stopped> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    watch.step(1)?;
                    self.rec_group(&group?);
                }
            }
            Payload::ImportSection(section) => {
                for group in section {
                    watch.step(1)?;
                    self.imports(group?, watch)?;
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    watch.step(1)?;
                    let table = table?;
                    self.table(table.ty);
                    if let TableInit::Expr(init) = table.init {
                        self.found.insert(Proposal::FunctionReferences);
                        self.const_expr(&init, watch)?;
                    }
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    watch.step(1)?;
                    self.memory(memory?);
                }
            }
            Payload::TagSection(_) => self.found.insert(Proposal::Exceptions),
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    self.global(global.ty);
                    self.const_expr(&global.init_expr, watch)?;
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    watch.step(1)?;
                    let export = export?;
                    let global = self.writable_globals.get(export.index as usize);
                    match export.kind {
                        ExternalKind::Global if global == Some(&true) => {
                            self.found.insert(Proposal::MutableGlobal);
                        }
                        ExternalKind::FuncExact => self.found.insert(Proposal::CustomDescriptors),
                        ExternalKind::Tag => self.found.insert(Proposal::Exceptions),
                        _ => {}
                    }
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    self.element(element?, watch)?;
                }
            }
            Payload::DataCountSection { .. } => self.found.insert(Proposal::BulkMemory),
            Payload::DataSection(section) => {
                for segment in section {
                    watch.step(1)?;
                    match segment?.kind {
                        DataKind::Passive => self.found.insert(Proposal::BulkMemory),
                        DataKind::Active { offset_expr, .. } => {
                            self.const_expr(&offset_expr, watch)?;
                        }
                    }
                }
            }
            Payload::CodeSectionEntry(body) => self.body(&body, watch)?,
            _ => {}
        }
        Ok(())
    }

    fn imports(&mut self, group: Imports<'_>, watch: &mut Watch<'_>) -> Result<(), Stopped> {
        match group {
            Imports::Single(_, import) => self.import(import.ty),
            Imports::Compact1 { items, .. } => {
                self.found.insert(Proposal::CompactImports);
                for item in items {
                    watch.step(1)?;
                    self.import(item?.ty);
                }
            }
            Imports::Compact2 { ty, names, .. } => {
                self.found.insert(Proposal::CompactImports);
                for name in names {
                    watch.step(1)?;
                    name?;
                    self.import(ty);
                }
            }
        }
        Ok(())
    }

    fn import(&mut self, ty: TypeRef) {
        match ty {
            TypeRef::Func(_) => {}
            TypeRef::FuncExact(_) => self.found.insert(Proposal::CustomDescriptors),
            TypeRef::Table(ty) => self.table(ty),
            TypeRef::Memory(ty) => self.memory(ty),
            TypeRef::Global(ty) => {
                if ty.mutable {
                    self.found.insert(Proposal::MutableGlobal);
                }
                self.imported_globals += 1;
                self.global(ty);
            }
            TypeRef::Tag(_) => self.found.insert(Proposal::Exceptions),
        }
    }

    fn element(&mut self, element: Element<'_>, watch: &mut Watch<'_>) -> Result<(), Stopped> {
        watch.step(1)?;
        match element.kind {
            ElementKind::Passive | ElementKind::Declared => {
                self.found.insert(Proposal::BulkMemory);
            }
            ElementKind::Active { offset_expr, .. } => self.const_expr(&offset_expr, watch)?,
        }
        if let ElementItems::Expressions(ty, items) = element.items {
            self.ref_type(ty);
            for item in items {
                self.const_expr(&item?, watch)?;
            }
        }
        Ok(())
    }

    // Types.

    fn rec_group(&mut self, group: &RecGroup) {
        if group.is_explicit_rec_group() {
            self.found.insert(Proposal::FunctionReferences);
        }
        for ty in group.types() {
            if !ty.is_final || !ty.supertype_idxs.is_empty() {
                self.found.insert(Proposal::FunctionReferences);
            }
            let composite = &ty.composite_type;
            if composite.shared {
                self.found.insert(Proposal::SharedEverythingThreads);
            }
            if composite.descriptor_idx.is_some() || composite.describes_idx.is_some() {
                self.found.insert(Proposal::CustomDescriptors);
            }
            match &composite.inner {
                CompositeInnerType::Func(ty) => {
                    if ty.results().len() > 1 {
                        self.found.insert(Proposal::MultiValue);
                    }
                    for ty in ty.params().iter().chain(ty.results()) {
                        self.val_type(*ty);
                    }
                }
                CompositeInnerType::Array(_) | CompositeInnerType::Struct(_) => {
                    self.found.insert(Proposal::Gc);
                }
                CompositeInnerType::Cont(_) => self.found.insert(Proposal::StackSwitching),
            }
        }
    }

    fn table(&mut self, ty: TableType) {
        self.tables += 1;
        if self.tables > 1 {
            self.found.insert(Proposal::ReferenceTypes);
        }
        if ty.element_type != RefType::FUNCREF {
            self.ref_type(ty.element_type);
        }
        if ty.table64 {
            self.found.insert(Proposal::Memory64);
        }
        if ty.shared {
            self.found.insert(Proposal::SharedEverythingThreads);
        }
    }

    fn memory(&mut self, ty: MemoryType) {
        self.memories += 1;
        if self.memories > 1 {
            self.found.insert(Proposal::MultiMemory);
        }
        if ty.memory64 {
            self.found.insert(Proposal::Memory64);
        }
        if ty.shared {
            self.found.insert(Proposal::Threads);
        }
        if ty.page_size_log2.is_some() {
            self.found.insert(Proposal::CustomPageSizes);
        }
    }

    fn global(&mut self, ty: wasmparser::GlobalType) {
        self.writable_globals.push(ty.mutable);
        self.val_type(ty.content_type);
        if ty.shared {
            self.found.insert(Proposal::SharedEverythingThreads);
        }
    }

    fn val_type(&mut self, ty: ValType) {
        match ty {
            ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => {}
            ValType::V128 => self.found.insert(Proposal::Simd),
            ValType::Ref(ty) => self.ref_type(ty),
        }
    }

    fn ref_type(&mut self, ty: RefType) {
        self.found.insert(Proposal::ReferenceTypes);
        if !ty.is_nullable() {
            self.found.insert(Proposal::FunctionReferences);
        }
        self.heap_type(ty.heap_type());
    }

    fn heap_type(&mut self, ty: HeapType) {
        let (shared, ty) = match ty {
            HeapType::Abstract { shared, ty } => (shared, ty),
            // What kind of type it is stands in the type section.
            HeapType::Concrete(_) => return self.found.insert(Proposal::FunctionReferences),
            HeapType::Exact(_) => return self.found.insert(Proposal::CustomDescriptors),
        };
        if shared {
            self.found.insert(Proposal::SharedEverythingThreads);
        }
        self.found.insert(match ty {
            AbstractHeapType::Func | AbstractHeapType::Extern => Proposal::ReferenceTypes,
            AbstractHeapType::NoFunc | AbstractHeapType::NoExtern => Proposal::FunctionReferences,
            AbstractHeapType::Exn | AbstractHeapType::NoExn => Proposal::Exceptions,
            AbstractHeapType::Cont | AbstractHeapType::NoCont => Proposal::StackSwitching,
            AbstractHeapType::Any
            | AbstractHeapType::None
            | AbstractHeapType::Eq
            | AbstractHeapType::Struct
            | AbstractHeapType::Array
            | AbstractHeapType::I31 => Proposal::Gc,
        });
    }

    fn block_type(&mut self, ty: BlockType) {
        match ty {
            BlockType::Empty => {}
            BlockType::Type(ty) => self.val_type(ty),
            BlockType::FuncType(_) => self.found.insert(Proposal::MultiValue),
        }
    }

    // Instructions.

    fn const_expr(&mut self, expr: &ConstExpr<'_>, watch: &mut Watch<'_>) -> Result<(), Stopped> {
        let mut ops = expr.get_operators_reader();
        while !ops.eof() {
            watch.step(1)?;
            let op = ops.read()?;
            match op {
                Operator::I32Add
                | Operator::I32Sub
                | Operator::I32Mul
                | Operator::I64Add
                | Operator::I64Sub
                | Operator::I64Mul => self.found.insert(Proposal::ExtendedConst),
                Operator::GlobalGet { global_index } if global_index >= self.imported_globals => {
                    self.found.insert(Proposal::FunctionReferences);
                }
                _ => self.operator(&op),
            }
        }
        Ok(())
    }

    fn body(&mut self, body: &FunctionBody<'_>, watch: &mut Watch<'_>) -> Result<(), Stopped> {
        for local in body.get_locals_reader()? {
            watch.step(1)?;
            self.val_type(local?.1);
        }
        let mut ops = body.get_operators_reader()?;
        while !ops.eof() {
            watch.step(1)?;
            let op = ops.read()?;
            if let Operator::CallIndirect { .. } = op {
                self.table_index_before(&ops.get_binary_reader());
            }
            self.operator(&op);
        }
        Ok(())
    }

    /// Tells a table index in front of the reader that takes more than one byte, as linkers write
    /// it. The first version of WebAssembly had a byte there, which was 0.
    fn table_index_before(&mut self, reader: &BinaryReader<'_>) {
        let end = reader.original_position() as usize;
        if self.bytes[end - 2] & 0x80 != 0 {
            self.found.insert(Proposal::ReferenceTypes);
        }
    }

    fn operator(&mut self, op: &Operator<'_>) {
        match op {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                return self.block_type(*blockty);
            }
            Operator::Try { blockty } => self.block_type(*blockty),
            Operator::TryTable { try_table } => self.block_type(try_table.ty),
            Operator::TypedSelect { ty } => self.val_type(*ty),
            Operator::RefNull { hty } => self.heap_type(*hty),
            Operator::RefTestNonNull { hty }
            | Operator::RefTestNullable { hty }
            | Operator::RefCastNonNull { hty }
            | Operator::RefCastNullable { hty } => {
                self.found.insert(Proposal::FunctionReferences);
                return self.heap_type(*hty);
            }
            Operator::BrOnCast {
                from_ref_type,
                to_ref_type,
                ..
            }
            | Operator::BrOnCastFail {
                from_ref_type,
                to_ref_type,
                ..
            } => {
                self.found.insert(Proposal::FunctionReferences);
                self.ref_type(*from_ref_type);
                return self.ref_type(*to_ref_type);
            }
            Operator::ReturnCallRef { .. } => self.found.insert(Proposal::TailCall),
            Operator::AtomicFence { ordering } if *ordering != wasmparser::Ordering::SeqCst => {
                self.found.insert(Proposal::AcquireReleaseAtomics);
            }
            _ => {}
        }
        if let Some(proposal) = of_operator(op) {
            self.found.insert(proposal);
            if proposal == Proposal::RelaxedSimd {
                self.found.insert(Proposal::Simd);
            }
        }
    }
}

/// The proposal of a group of wasmparser's table of instructions.
macro_rules! of_group {
    (mvp) => {
        None
    };
    (sign_extension) => {
        Some(Proposal::SignExtension)
    };
    (gc) => {
        Some(Proposal::Gc)
    };
    (custom_descriptors) => {
        Some(Proposal::CustomDescriptors)
    };
    (saturating_float_to_int) => {
        Some(Proposal::SaturatingFloatToInt)
    };
    (bulk_memory) => {
        Some(Proposal::BulkMemory)
    };
    (reference_types) => {
        Some(Proposal::ReferenceTypes)
    };
    (tail_call) => {
        Some(Proposal::TailCall)
    };
    (memory_control) => {
        Some(Proposal::MemoryControl)
    };
    (threads) => {
        Some(Proposal::Threads)
    };
    (simd) => {
        Some(Proposal::Simd)
    };
    (relaxed_simd) => {
        Some(Proposal::RelaxedSimd)
    };
    (exceptions) => {
        Some(Proposal::Exceptions)
    };
    (legacy_exceptions) => {
        Some(Proposal::LegacyExceptions)
    };
    (shared_everything_threads) => {
        Some(Proposal::SharedEverythingThreads)
    };
    (function_references) => {
        Some(Proposal::FunctionReferences)
    };
    (stack_switching) => {
        Some(Proposal::StackSwitching)
    };
    (wide_arithmetic) => {
        Some(Proposal::WideArithmetic)
    };
    (acquire_release_atomics) => {
        Some(Proposal::AcquireReleaseAtomics)
    };
}

macro_rules! define_of_operator {
    ($(@$group:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($_:tt)*))*) => {
        /// The proposal that added an instruction; `None` where the first version had it.
        fn of_operator(op: &Operator<'_>) -> Option<Proposal> {
            match op {
                $(Operator::$op { .. } => of_group!($group),)*
                _ => None,
            }
        }
    };
}

wasmparser::for_each_operator!(define_of_operator);
