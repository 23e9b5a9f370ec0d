//! Readers: where the bytes of a module come from, by its name, and where they go back to. Knows
//! names and bytes, not what is in them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::bundle::Bundle;
use crate::engine::Engine;
use crate::error::Result;
use crate::module::{Module, ModuleBytes};

/// Finds the bytes of modules by their names.
///
/// A [`Linker`](super::Linker) asks for each name once in a graph. It gives each buffer that `read`
/// returned to `destroy` exactly once, unless the reader does not [want the buffer
/// back](Self::wants_back): at once when the load that the buffer was read for fails, otherwise
/// when the linker is dropped, the newest buffer first. A module outlives its buffer: it keeps a
/// copy of the bytes, or the `'static` bytes of a `Cow::Borrowed`.
pub trait ModuleReader: Send + Sync {
    /// The bytes of the module of this name: the binary format or, with the feature `wat`, text.
    /// `None` where the reader has no such module.
    ///
    /// # Errors
    /// Why a module that may be there cannot be read. The error ends the load; no other reader is
    /// asked.
    fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError>;

    /// [`ModuleReader::read`] with a limit: a module of more than `most_bytes` bytes may be refused
    /// before it is read, with [`ReadError::TooLarge`]. As provided, this method ignores the limit.
    ///
    /// # Errors
    /// Those of `read`.
    fn read_within(
        &self,
        name: &str,
        most_bytes: usize,
    ) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        let _ = most_bytes;
        self.read(name)
    }

    /// Whether [`destroy`](Self::destroy) is to get the buffer that `read` gave out under this
    /// name. If so, the module is made of a copy. If not, the module takes the buffer over, and
    /// `destroy` gets the buffer only when no module could be made.
    fn wants_back(&self, name: &str, bytes: &[u8]) -> bool {
        let _ = (name, bytes);
        true
    }

    /// Makes the module of bytes that `read` gave out under this name. A reader that has more than
    /// the bytes, such as their lowered code, can make the module of that.
    ///
    /// # Errors
    /// Those of [`Module::named`].
    fn module(&self, engine: &Engine, name: &str, bytes: Cow<'static, [u8]>) -> Result<Module> {
        Module::named(engine, name, bytes)
    }

    /// What the module of these bytes weighs in an account, in bytes. A reader that trusts what it has may
    /// know it without a look at all of the module.
    #[doc(hidden)]
    #[allow(
        clippy::ptr_arg,
        reason = "bytes that are a part of the program are not weighed"
    )]
    fn weight(&self, name: &str, bytes: &Cow<'static, [u8]>) -> usize {
        let _ = name;
        holdall_core::module::reckon(bytes)
    }

    /// Takes back a buffer that `read` gave out under this name.
    fn destroy(&self, name: &str, bytes: Cow<'static, [u8]>) {
        let _ = (name, bytes);
    }

    /// How messages call the reader: `the bundle`, `directory "modules"`.
    fn describe(&self) -> String;

    /// Names that the reader knows. They serve to find a version that an import asks for
    /// (`mathlib@1.2`) where no module has just that name, to suggest the nearest name, and to
    /// notice a definition by the host that shadows a module. The list may be incomplete: versions
    /// that it leaves out are not found. A linker asks for it at most once in a load, and only
    /// where it has to.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Why a reader could not give a module's bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The name leads out of what the reader may read.
    #[error("the name {name:?} is not confined to {within}: {reason}")]
    Confined {
        /// The name.
        name: String,
        /// What the reader may read.
        within: String,
        /// What is wrong with the name.
        reason: &'static str,
    },
    /// The module is larger than the reader reads.
    #[error("{name:?} is too large: expected at most {limit_bytes} bytes, found more")]
    TooLarge {
        /// The name.
        name: String,
        /// The most bytes that the reader reads.
        limit_bytes: u64,
    },
    /// The operating system's reason.
    #[error("{name:?} could not be read: {source}")]
    Io {
        /// The name.
        name: String,
        /// The reason.
        source: std::io::Error,
    },
    /// Any other reason.
    #[error(transparent)]
    Other(Box<dyn StdError + Send + Sync>),
}

impl ReadError {
    /// An error with a reason of the reader's own.
    pub fn other(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Other(reason.into())
    }
}

impl<R: ModuleReader + ?Sized> ModuleReader for Arc<R> {
    fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        R::read(self, name)
    }

    fn read_within(
        &self,
        name: &str,
        most_bytes: usize,
    ) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        R::read_within(self, name, most_bytes)
    }

    fn wants_back(&self, name: &str, bytes: &[u8]) -> bool {
        R::wants_back(self, name, bytes)
    }

    fn module(&self, engine: &Engine, name: &str, bytes: Cow<'static, [u8]>) -> Result<Module> {
        R::module(self, engine, name, bytes)
    }

    fn weight(&self, name: &str, bytes: &Cow<'static, [u8]>) -> usize {
        R::weight(self, name, bytes)
    }

    fn destroy(&self, name: &str, bytes: Cow<'static, [u8]>) {
        R::destroy(self, name, bytes);
    }

    fn describe(&self) -> String {
        R::describe(self)
    }

    fn names(&self) -> Vec<String> {
        R::names(self)
    }
}

/// Reads from a [`Bundle`]: gives out the program's own bytes, and has nothing to take back.
#[derive(Clone, Debug)]
pub struct BundleReader {
    bundle: Bundle,
}

impl BundleReader {
    /// A reader of a bundle's modules: `BundleReader::new(&BUNDLE)`.
    #[must_use]
    pub fn new(bundle: impl Into<Bundle>) -> Self {
        Self {
            bundle: bundle.into(),
        }
    }
}

impl ModuleReader for BundleReader {
    fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        let module = self.bundle.find(name);
        Ok(module.map(|module| Cow::Borrowed(module.bytes())))
    }

    fn wants_back(&self, _name: &str, _bytes: &[u8]) -> bool {
        false
    }

    fn module(&self, engine: &Engine, name: &str, bytes: Cow<'static, [u8]>) -> Result<Module> {
        match self.bundle.find(name) {
            Some(bundled) if std::ptr::eq(bundled.bytes(), &*bytes) => bundled.module(engine),
            _ => Module::named(engine, name, bytes),
        }
    }

    fn describe(&self) -> String {
        "the bundle".to_owned()
    }

    fn names(&self) -> Vec<String> {
        let names = self.bundle.modules().iter().map(|module| module.name());
        names.map(ToOwned::to_owned).collect()
    }
}

/// Reads from memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryReader {
    modules: BTreeMap<String, Cow<'static, [u8]>>,
}

impl MemoryReader {
    /// A reader that has no modules yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The reader with one more module, in the binary format or, with the feature `wat`, text; it
    /// replaces one of the same name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, bytes: impl ModuleBytes) -> Self {
        self.modules.insert(name.into(), bytes.into_bytes());
        self
    }
}

impl ModuleReader for MemoryReader {
    fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        Ok(self.modules.get(name).cloned())
    }

    fn read_within(
        &self,
        name: &str,
        most_bytes: usize,
    ) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        match self.modules.get(name) {
            Some(Cow::Owned(bytes)) if bytes.len() > most_bytes => Err(ReadError::TooLarge {
                name: name.to_owned(),
                limit_bytes: most_bytes as u64,
            }),
            found => Ok(found.cloned()),
        }
    }

    fn wants_back(&self, _name: &str, _bytes: &[u8]) -> bool {
        false
    }

    fn describe(&self) -> String {
        "the modules in memory".to_owned()
    }

    fn names(&self) -> Vec<String> {
        self.modules.keys().cloned().collect()
    }
}

/// Two functions as a reader: WAMR's module reader and module destroyer.
pub struct FnReader<R, D> {
    read: R,
    destroy: D,
}

impl<R, D> FnReader<R, D>
where
    R: Fn(&str) -> Result<Option<Cow<'static, [u8]>>, ReadError> + Send + Sync,
    D: Fn(&str, Cow<'static, [u8]>) + Send + Sync,
{
    /// A reader of a function that finds bytes and one that takes them back.
    pub fn new(read: R, destroy: D) -> Self {
        Self { read, destroy }
    }
}

impl<R, D> fmt::Debug for FnReader<R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnReader").finish_non_exhaustive()
    }
}

impl<R, D> ModuleReader for FnReader<R, D>
where
    R: Fn(&str) -> Result<Option<Cow<'static, [u8]>>, ReadError> + Send + Sync,
    D: Fn(&str, Cow<'static, [u8]>) + Send + Sync,
{
    fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        (self.read)(name)
    }

    fn destroy(&self, name: &str, bytes: Cow<'static, [u8]>) {
        (self.destroy)(name, bytes);
    }

    fn describe(&self) -> String {
        "the program's module reader".to_owned()
    }
}

/// Asks readers in order; the first that has a module gives it, and gets its buffer back.
#[derive(Default)]
pub struct ChainReader {
    readers: Vec<Arc<dyn ModuleReader>>,
    /// Which reader gave out each buffer that is not back yet.
    given: Mutex<HashMap<Buffer, Vec<usize>>>,
}

/// A buffer by name, address and length. Two readers can give out the same `'static` bytes: then
/// there are two entries, and it does not matter which is whose.
#[derive(PartialEq, Eq, Hash)]
struct Buffer(Box<str>, usize, usize);

impl Buffer {
    fn of(name: &str, bytes: &[u8]) -> Self {
        Self(name.into(), bytes.as_ptr().addr(), bytes.len())
    }
}

impl ChainReader {
    /// A chain of no readers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The chain with one more reader, asked after those before it.
    #[must_use]
    pub fn with(mut self, reader: impl ModuleReader + 'static) -> Self {
        self.readers.push(Arc::new(reader));
        self
    }

    /// The reader that gave out a buffer; the last one where several did.
    fn reader_of(&self, buffer: &Buffer) -> Option<&Arc<dyn ModuleReader>> {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        self.readers.get(*given.get(buffer)?.last()?)
    }

    /// Forgets that a buffer was given out; returns the reader that gave it.
    fn forget(&self, buffer: &Buffer) -> Option<&Arc<dyn ModuleReader>> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let readers = given.get_mut(buffer)?;
        let reader = readers.pop();
        if readers.is_empty() {
            given.remove(buffer);
        }
        self.readers.get(reader?)
    }
}

impl fmt::Debug for ChainReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readers = self.readers.iter().map(|reader| reader.describe());
        f.debug_tuple("ChainReader")
            .field(&readers.collect::<Vec<_>>())
            .finish()
    }
}

impl ModuleReader for ChainReader {
    fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        self.read_within(name, usize::MAX)
    }

    fn read_within(
        &self,
        name: &str,
        most_bytes: usize,
    ) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        for (at, reader) in self.readers.iter().enumerate() {
            if let Some(bytes) = reader.read_within(name, most_bytes)? {
                let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
                given.entry(Buffer::of(name, &bytes)).or_default().push(at);
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn wants_back(&self, name: &str, bytes: &[u8]) -> bool {
        let reader = self.reader_of(&Buffer::of(name, bytes));
        reader.is_some_and(|reader| reader.wants_back(name, bytes))
    }

    fn module(&self, engine: &Engine, name: &str, bytes: Cow<'static, [u8]>) -> Result<Module> {
        let buffer = Buffer::of(name, &bytes);
        match self.reader_of(&buffer) {
            Some(reader) => {
                if !reader.wants_back(name, &bytes) {
                    self.forget(&buffer);
                }
                reader.module(engine, name, bytes)
            }
            // Bytes that are a copy of what a reader gave out.
            None => Module::named(engine, name, bytes),
        }
    }

    fn destroy(&self, name: &str, bytes: Cow<'static, [u8]>) {
        // The reader may be slow, and may ask the chain again: no lock is held.
        if let Some(reader) = self.forget(&Buffer::of(name, &bytes)) {
            reader.destroy(name, bytes);
        }
    }

    fn describe(&self) -> String {
        let readers: Vec<String> = self
            .readers
            .iter()
            .map(|reader| reader.describe())
            .collect();
        match readers.as_slice() {
            [] => "a chain of no readers".to_owned(),
            readers => readers.join(", "),
        }
    }

    fn names(&self) -> Vec<String> {
        self.readers
            .iter()
            .flat_map(|reader| reader.names())
            .collect()
    }
}
