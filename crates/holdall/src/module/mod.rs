//! Modules: immutable, validated, shared between stores and threads. Does not know stores,
//! instances or how modules are linked.

mod bytes;
#[cfg(feature = "native")]
mod cache;
mod code;
#[cfg(feature = "native")]
mod compile;
mod fault;
mod inner;
mod load;
#[cfg(feature = "native")]
mod mapping;
#[cfg(test)]
mod module_tests;
mod native;
mod spaces;
#[cfg(feature = "wat")]
mod wat;
mod weight;

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use holdall_core::lower::Target;
pub(crate) use holdall_core::module::{
    ConstExpr, DataMode, ElemItems, ElemMode, ElemSegment, ExportKind, Import, ImportKind,
};
use holdall_core::module::{
    Header, MemoryImage, Outline, Proposals, checksum, import_indices, write_code,
};
#[cfg(feature = "native")]
use holdall_core::native::{NativeCode, Processors};

pub use bytes::ModuleBytes;
#[cfg(feature = "native")]
pub use cache::{Cache, CacheError};
pub(crate) use code::CodeError;
pub use code::HERE;
pub(crate) use inner::ModuleInner;
pub use inner::Start;
pub(crate) use native::Function as NativeFunction;
pub use native::MachineCode;
use native::Native;
pub(crate) use weight::hold as hold_weight;

use crate::engine::Engine;
use crate::error::{Error, ModuleError, Result};
use crate::ir;
use crate::limits::Watch;
use crate::types::ExternType;

/// A WebAssembly module that was read and validated. Cloning gives another handle to the same
/// module; threads and stores may share it.
///
/// What is taken is WebAssembly 2.0, plus the proposals in
/// [`Proposals::AVAILABLE`](crate::Proposals::AVAILABLE).
#[derive(Clone)]
pub struct Module(pub(crate) Arc<ModuleInner>);

/// An import of a module: what it needs, and under which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportType<'a> {
    /// The name of the module that it is imported from.
    pub module: &'a str,
    /// Its name in that module.
    pub name: &'a str,
    /// The type that it must match.
    pub ty: ExternType,
    /// Its index in the index space of its kind.
    pub index: u32,
}

/// An export of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportType<'a> {
    /// Its name, distinct from those of the module's other exports.
    pub name: &'a str,
    /// Its type.
    pub ty: ExternType,
    /// Its index in the index space of its kind.
    pub index: u32,
}

impl<'a> ImportType<'a> {
    /// The name of the module that it is imported from.
    #[must_use]
    pub fn module(&self) -> &'a str {
        self.module
    }

    /// Its name in that module.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The type that it must match.
    #[must_use]
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

impl<'a> ExportType<'a> {
    /// Its name, distinct from those of the module's other exports.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its type.
    #[must_use]
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

const _: () = {
    const fn shared_between_threads<T: Send + Sync>() {}
    shared_between_threads::<Module>();
};

impl Module {
    /// Makes a module of its binary format (WebAssembly 2.0, chapter 5). With the feature `wat` the
    /// text format (chapter 6) is taken too. The engine's [`Limits`](crate::Limits) bound what the
    /// module may hold; its size is at most 1 GiB.
    ///
    /// The module keeps the bytes, as its own or as a copy; see [`ModuleBytes`].
    ///
    /// The time grows with the size of the module. At worst, with calls of functions of 1,000
    /// parameters and results, a byte takes about a microsecond.
    ///
    /// Every function is validated now (chapter 3); [`Config::lowering`](crate::Config) says when
    /// they are lowered to holdall's own code.
    ///
    /// # Errors
    ///
    /// [`ModuleError`](crate::ModuleError): the bytes are malformed, or do not validate, or exceed
    /// a limit.
    ///
    /// ```
    /// use holdall::{Engine, Module};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, b"\0asm\x01\0\0\0")?;
    /// assert_eq!(module.exports().len(), 0);
    /// # Ok::<(), holdall::Error>(())
    /// ```
    pub fn new(engine: &Engine, bytes: impl ModuleBytes) -> Result<Self> {
        load::load(engine, None, bytes.into_bytes()).map(|inner| Self(Arc::new(inner)))
    }

    /// [`Module::new`], of bytes that live as long as the program, such as those of `include_bytes!`:
    /// they are not copied, unless they are text.
    ///
    /// # Errors
    ///
    /// Those of [`Module::new`].
    ///
    /// ```
    /// use holdall::{Engine, Module};
    ///
    /// static EMPTY: &[u8] = b"\0asm\x01\0\0\0";
    /// let module = Module::from_static(&Engine::default(), EMPTY)?;
    /// # Ok::<(), holdall::Error>(())
    /// ```
    pub fn from_static(engine: &Engine, bytes: &'static [u8]) -> Result<Self> {
        Self::new(engine, Cow::Borrowed(bytes))
    }

    /// [`Module::new`], of a file of the host, which is read once and not past the engine's limit
    /// ([`Limits::module_bytes`](crate::Limits::module_bytes)).
    ///
    /// # Errors
    ///
    /// [`ModuleError::File`](crate::ModuleError::File) when the file cannot be read; those of
    /// [`Module::new`], which name the file.
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = path.to_string_lossy();
        let limit = engine.config().limits.module_bytes as u64;
        let mut bytes = Vec::new();
        let read = File::open(path)
            .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes));
        read.map_err(|source| ModuleError::File {
            name: (&*name).into(),
            source,
        })?;
        Self::new(engine, bytes).map_err(|error| error.of_module(&name))
    }

    /// [`Module::new`], with a name that errors and backtraces use in place of the one that the
    /// module may give itself.
    ///
    /// # Errors
    ///
    /// Those of [`Module::new`], which name the module.
    ///
    /// ```
    /// use holdall::{Engine, Module};
    ///
    /// let error = Module::named(&Engine::default(), "app", b"\0asm\x02\0\0\0").unwrap_err();
    /// assert!(error.to_string().starts_with("malformed module \"app\": unknown binary version"));
    /// ```
    pub fn named(engine: &Engine, name: &str, bytes: impl ModuleBytes) -> Result<Self> {
        load::load(engine, Some(name), bytes.into_bytes()).map(|inner| Self(Arc::new(inner)))
    }

    /// The lowered code of all functions, for [`Module::precompiled`]. The code is for this version
    /// of holdall, for machines of this byte order, and for engines with the same
    /// [`Config::metering`](crate::Config) and [`Config::canonical_nans`](crate::Config). The same
    /// module gives the same bytes.
    #[must_use]
    pub fn precompile(&self) -> Vec<u8> {
        self.precompile_for(HERE, &|_| true)
    }

    /// [`Module::precompile`], for another executor than that of this program, of the functions that are
    /// `wanted`, by their indices among those that the module defines. Others are lowered when they are called.
    #[doc(hidden)]
    #[must_use]
    pub fn precompile_for(&self, target: Target, wanted: &(dyn Fn(u32) -> bool + Sync)) -> Vec<u8> {
        write_code(&self.0.sections, self.0.engine.settings(), target, wanted)
    }

    /// Makes machine code of the functions for other processors than that of this program, and its tables.
    /// `begins` is told of each function that the module defines when its turn comes, from many threads.
    #[cfg(feature = "native")]
    #[doc(hidden)]
    #[must_use]
    pub fn compile_for(
        &self,
        processors: Processors,
        begins: &(dyn Fn(u32) + Sync),
    ) -> (NativeCode, Vec<u8>) {
        compile::compile_for(&self.0.sections, &self.0.engine, processors, begins)
    }

    /// What a packer notes of the module.
    #[doc(hidden)]
    #[must_use]
    pub fn outline(&self) -> Option<Outline> {
        Outline::of(&self.0.sections)
    }

    /// What memory 0 holds when the active data segments were written, where that is known now and is
    /// worth being kept.
    #[doc(hidden)]
    #[must_use]
    pub fn memory_image(&self) -> Option<MemoryImage> {
        MemoryImage::of(&self.0.sections)
    }

    /// Whether [`Module::precompiled`] takes this code in such an engine: whether it was made for
    /// its configuration and by this build of holdall, and lies at an address that is a multiple
    /// of 8.
    #[must_use]
    pub fn fits(engine: &Engine, code: &[u8]) -> bool {
        Header::of(engine.settings(), engine.config().proposals(), HERE, code).is_ok()
    }

    /// Makes a module of the bytes of an earlier [`Module`], and of the code that
    /// [`Module::precompile`] gave for that module. Nothing is validated or lowered again, and the
    /// code runs where it lies. In a program that carries both, CPython's module is ready in some
    /// milliseconds.
    ///
    /// The code holds a checksum of the bytes that it was lowered from. This checksum is compared
    /// with the one of `bytes`, at the speed of memory, so that bytes and code that do not belong
    /// together are noticed.
    ///
    /// # Errors
    ///
    /// When the code is for another engine (see [`Module::fits`]), or was made of other bytes.
    ///
    /// # Safety
    ///
    /// [`Module::precompile`] made `code` of a module of these `bytes`, and neither was changed
    /// since. Anything else is undefined behaviour: the checksum finds mistakes, not forgeries. Use
    /// this for what travels inside the program, not for what comes from elsewhere.
    pub unsafe fn precompiled(
        engine: &Engine,
        name: &str,
        bytes: &'static [u8],
        code: &'static [u8],
    ) -> Result<Self> {
        // SAFETY: passed on from the caller.
        unsafe { Self::precompiled_of(engine, name, bytes, checksum(bytes), code, None, None) }
    }

    /// [`Module::precompiled`], where the checksum of `bytes` is known already. With `start` only the head
    /// of the module is read now. The rest is read when something of it is asked for, if all bytes have
    /// that checksum.
    ///
    /// Functions with machine code in `native` are native. Where that code does not fit, they are interpreted
    /// if `code` has the lowered code of all functions.
    ///
    /// # Errors
    ///
    /// Those of [`Module::precompiled`]; or `native` does not fit, and `code` has not all functions.
    ///
    /// # Safety
    ///
    /// As for [`Module::precompiled`]. `native` was made of these bytes too, by `holdall-native`. Where its
    /// tables are those of this build and processor, the processor can execute its text.
    #[doc(hidden)]
    pub unsafe fn precompiled_of(
        engine: &Engine,
        name: &str,
        bytes: &'static [u8],
        checksum: u64,
        code: &'static [u8],
        start: Option<Start>,
        native: Option<MachineCode>,
    ) -> Result<Self> {
        // SAFETY: passed on from the caller.
        let inner =
            unsafe { load::precompiled(engine, name, bytes, checksum, code, start, native) }?;
        Ok(Self(Arc::new(inner)))
    }

    /// Validates what [`Module::new`] would take, and lowers and keeps nothing. A module that
    /// validates may still exceed a limit of lowering.
    ///
    /// # Errors
    ///
    /// Those of [`Module::new`].
    pub fn validate(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<()> {
        load::validate(engine, bytes.as_ref())
    }

    /// The proposals that the module uses, whatever the engine takes; see [`Proposals::of`].
    #[must_use]
    pub fn proposals(&self) -> Proposals {
        Proposals::of(&self.0.bytes)
    }

    /// The module in the binary format: the bytes that it was made of, unless these were text.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// How many of the module's functions are native, and how many bytes their machine code takes.
    #[must_use]
    pub fn native_size(&self) -> (usize, usize) {
        self.0.native.as_ref().map_or((0, 0), Native::size)
    }

    /// The engine that the module was made with.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The name that it was given by [`Module::named`], else the one in its name section.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// The imports, in order. The same two names may occur more than once.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        let imports = self.0.imports.iter();
        let indices = import_indices(imports.clone().map(|import| import.ty));
        let indices: Vec<u32> = indices.collect();
        imports.zip(indices).map(|(import, index)| ImportType {
            module: &import.module,
            name: &import.name,
            ty: self.0.import_type(import),
            index,
        })
    }

    /// The exports, in order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> {
        self.0.exports.iter().map(|(name, export)| ExportType {
            name,
            ty: self.0.export_type(*export),
            index: export.index(),
        })
    }

    /// The type of the export of this name.
    #[must_use]
    pub fn export(&self, name: &str) -> Option<ExternType> {
        let export = self.0.export(name)?;
        Some(self.0.export_type(export))
    }

    /// [`Module::export`], under the name that [`Instance`](crate::Instance) has for it.
    #[must_use]
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        self.export(name)
    }

    /// Whether both are handles to the same module, made by the same call.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The lowered code of the function at an index of the function index space, as text: an
    /// instruction a line. Its form is for reading, and may change at any time.
    ///
    /// # Errors
    ///
    /// Where there is no such function, it is imported, or the engine's pool has no room for its code.
    pub fn disassemble(&self, func_index: u32) -> Result<String> {
        let inner = self.inner();
        if func_index as usize >= inner.funcs.len() {
            return Err(Error::usage(format!(
                "no function {func_index}: the module has {}",
                inner.funcs.len()
            )));
        }
        let Some(defined_index) = func_index.checked_sub(inner.num_imported_funcs as u32) else {
            return Err(Error::usage(format!("function {func_index} is imported")));
        };
        let code = inner
            .code(defined_index, &mut Watch::nothing())
            .map_err(|error| Error::resource(format!("function {func_index}: {error}")))?;
        Ok(ir::disassemble(&code.words))
    }

    /// The parts of the module.
    #[inline]
    pub(crate) fn inner(&self) -> &ModuleInner {
        &self.0
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name())
            .field("imports", &self.0.imports.len())
            .field("exports", &self.0.exports.len())
            .finish_non_exhaustive()
    }
}
