//! What a binary module holds that [`holdall::Module`] does not tell: its own index spaces, for
//! people to read. The module was validated before, so that nothing is checked here twice.

use std::collections::HashMap;

use anyhow::bail;
use holdall::{
    ExternType, FuncType, GlobalType, HeapType, MemoryType, Mutability, RefType, TableType, ValType,
};
use wasmparser::{BinaryReader, ExternalKind, Name, NameSectionReader, Parser, Payload, TypeRef};

/// The parts of a module, each by its index. Imported ones come first.
#[derive(Default)]
pub(super) struct Sections {
    pub(super) types: Vec<FuncType>,
    /// The indices of the functions' types.
    pub(super) funcs: Vec<u32>,
    pub(super) imported_funcs: usize,
    pub(super) tables: Vec<ExternType>,
    pub(super) memories: Vec<ExternType>,
    pub(super) globals: Vec<ExternType>,
    /// The imports' indices, each within its kind.
    pub(super) imports: Vec<usize>,
    pub(super) exports: Vec<(String, ExternalKind, u32)>,
    pub(super) start: Option<u32>,
    pub(super) element_segments: u32,
    pub(super) data_segments: u32,
    /// Names, and sizes in bytes.
    pub(super) customs: Vec<(String, usize)>,
    /// What the name section calls the functions.
    pub(super) func_names: HashMap<u32, String>,
}

impl Sections {
    /// Reads a binary module.
    pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Self> {
        let mut sections = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            sections.take(payload?)?;
        }
        Ok(sections)
    }

    fn take(&mut self, payload: Payload<'_>) -> anyhow::Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    self.types.push(func_type(&ty?)?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.take_import(import?.ty)?;
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.funcs.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(table_type(table?.ty)?);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory_type(memory?));
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.globals.push(global_type(global?.ty)?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let export = (export.name.to_owned(), export.kind, export.index);
                    self.exports.push(export);
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => self.element_segments = section.count(),
            Payload::DataSection(section) => self.data_segments = section.count(),
            Payload::CustomSection(section) => {
                if section.name() == "name" {
                    // A broken name section is no name section, and no fault of the module.
                    self.func_names = func_names(section.data()).unwrap_or_default();
                }
                let custom = (section.name().to_owned(), section.data().len());
                self.customs.push(custom);
            }
            _ => {}
        }
        Ok(())
    }

    fn take_import(&mut self, ty: TypeRef) -> anyhow::Result<()> {
        let index = match ty {
            TypeRef::Func(ty) => {
                self.imported_funcs += 1;
                push(&mut self.funcs, ty)
            }
            TypeRef::Table(ty) => push(&mut self.tables, table_type(ty)?),
            TypeRef::Memory(ty) => push(&mut self.memories, memory_type(ty)),
            TypeRef::Global(ty) => push(&mut self.globals, global_type(ty)?),
            other => bail!("an import of {other:?} is not supported"),
        };
        self.imports.push(index);
        Ok(())
    }

    /// The function that `text` means: its index, else the name that it is exported under, else
    /// the name that the module's name section has for it.
    pub(super) fn func(&self, text: &str) -> Option<u32> {
        let index = text.parse().ok();
        let by_index = index.filter(|index| (*index as usize) < self.funcs.len());
        let exported = || {
            let exports = self.exports.iter();
            let mut funcs = exports.filter(|(_, kind, _)| *kind == ExternalKind::Func);
            funcs
                .find(|(name, ..)| name == text)
                .map(|(.., index)| *index)
        };
        let named = || {
            let names = self.func_names.iter();
            names
                .filter(|(_, name)| *name == text)
                .map(|(index, _)| *index)
                .min()
        };
        by_index.or_else(exported).or_else(named)
    }

    /// The name to call a function by: the name section's, else an export's.
    pub(super) fn func_name(&self, index: u32) -> Option<&str> {
        let exported = || {
            let mut exports = self.exports.iter();
            let export = exports.find(|(_, kind, at)| (*kind, *at) == (ExternalKind::Func, index));
            export.map(|(name, ..)| name)
        };
        let name = self.func_names.get(&index).or_else(exported);
        name.map(String::as_str)
    }

    /// The type of a function.
    pub(super) fn func_type(&self, index: u32) -> &FuncType {
        &self.types[self.funcs[index as usize] as usize]
    }
}

/// Adds to an index space, and gives the index.
fn push<T>(space: &mut Vec<T>, item: T) -> usize {
    space.push(item);
    space.len() - 1
}

fn func_names(section: &[u8]) -> wasmparser::Result<HashMap<u32, String>> {
    let mut names = HashMap::new();
    for subsection in NameSectionReader::new(BinaryReader::new(section, 0)) {
        if let Name::Function(map) = subsection? {
            for naming in map {
                let naming = naming?;
                names.insert(naming.index, naming.name.to_owned());
            }
        }
    }
    Ok(names)
}

fn val_type(ty: wasmparser::ValType) -> anyhow::Result<ValType> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(ty)?),
    })
}

fn ref_type(ty: wasmparser::RefType) -> anyhow::Result<RefType> {
    let heap = match ty {
        _ if ty.is_func_ref() => HeapType::Func,
        _ if ty.is_extern_ref() => HeapType::Extern,
        _ => bail!("the reference type {ty} is not supported"),
    };
    Ok(RefType {
        nullable: ty.is_nullable(),
        heap,
    })
}

fn func_type(ty: &wasmparser::FuncType) -> anyhow::Result<FuncType> {
    let all = |types: &[wasmparser::ValType]| -> anyhow::Result<Vec<ValType>> {
        types.iter().map(|ty| val_type(*ty)).collect()
    };
    Ok(FuncType::new(all(ty.params())?, all(ty.results())?))
}

fn table_type(ty: wasmparser::TableType) -> anyhow::Result<ExternType> {
    Ok(ExternType::Table(TableType {
        element: ref_type(ty.element_type)?,
        min: ty.initial,
        max: ty.maximum,
        is_64: ty.table64,
    }))
}

fn memory_type(ty: wasmparser::MemoryType) -> ExternType {
    ExternType::Memory(MemoryType {
        min: ty.initial,
        max: ty.maximum,
        is_64: ty.memory64,
    })
}

fn global_type(ty: wasmparser::GlobalType) -> anyhow::Result<ExternType> {
    let mutability = if ty.mutable {
        Mutability::Var
    } else {
        Mutability::Const
    };
    Ok(ExternType::Global(GlobalType {
        content: val_type(ty.content_type)?,
        mutability,
    }))
}
