//! What is tested: a module with all that it needs, compiled once for any number of cases.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use holdall::{
    ChainReader, Config, DirReader, Engine, GraphImport, Linker, Module, ModuleBytes, ModuleReader,
    Versions,
};
use holdall_core::bundle::is_builtin;
use holdall_wasi::Wasi;

use crate::error::{Error, Result};

/// Where the modules of a test come from. The methods [`file`](Self::file), [`bytes`](Self::bytes),
/// [`wat`](Self::wat) and [`find`](Self::find) name the module that is tested, and compile it with
/// all that it needs.
///
/// ```no_run
/// use holdall_test::Modules;
///
/// let app = Modules::new()
///     .module_path("lib")
///     .alias("log", "quiet")
///     .file("app.wasm")?;
/// # Ok::<(), holdall_test::Error>(())
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct Modules {
    config: Config,
    reader: ChainReader,
    has_reader: bool,
    paths: Vec<PathBuf>,
    preloads: Vec<(String, Preload)>,
    aliases: Vec<(String, String)>,
    versions: Versions,
    used_exports: Vec<String>,
    name: Option<String>,
}

#[derive(Debug)]
enum Preload {
    Bytes(Vec<u8>),
    File(PathBuf),
}

impl Modules {
    /// No modules but the one that is tested.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks a directory, and nothing outside of it, for the modules that others need, after those that
    /// were named before.
    pub fn module_path(mut self, dir: impl Into<PathBuf>) -> Self {
        self.paths.push(dir.into());
        self
    }

    /// Asks a reader for the modules that others need, before all directories: a bundle's
    /// (`BUNDLE.reader()`), or modules in memory ([`MemoryReader`](holdall::MemoryReader)).
    pub fn reader(mut self, reader: impl ModuleReader + 'static) -> Self {
        self.reader = self.reader.with(reader);
        self.has_reader = true;
        self
    }

    /// Registers a module under a name, for imports from the name: the binary format or text.
    pub fn preload(mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let preload = Preload::Bytes(bytes.into());
        self.preloads.push((name.into(), preload));
        self
    }

    /// Registers the module of a file under a name, for imports from the name.
    pub fn preload_file(mut self, name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        let preload = Preload::File(path.into());
        self.preloads.push((name.into(), preload));
        self
    }

    /// Takes imports from the module name `from` as if they said `to`
    /// ([`Linker::alias_imports`]).
    pub fn alias(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.aliases.push((from.into(), to.into()));
        self
    }

    /// Sets which versions satisfy an import that names one ([`Linker::versions`]).
    pub fn versions(mut self, versions: Versions) -> Self {
        self.versions = versions;
        self
    }

    /// Lets a command be used for its exports by others ([`Linker::use_exports`]).
    pub fn use_exports(mut self, name: impl Into<String>) -> Self {
        self.used_exports.push(name.into());
        self
    }

    /// Sets the configuration of the engine: proposals, the size of the stack, what modules may hold.
    /// Metering and canonical NaNs are on, whatever the configuration says.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the name of the module that is tested, which imports, backtraces and `$module$function`
    /// say. Otherwise it is the name of the file without its extension, or `app`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Tests the module of a file, in the binary format or text.
    ///
    /// # Errors
    ///
    /// When a file or a directory cannot be read, or modules cannot be linked. Functions that nobody
    /// defines are no error yet: cases can mock them.
    pub fn file(self, path: impl AsRef<Path>) -> Result<Subject> {
        let path = path.as_ref();
        let bytes = read(path)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        self.finish(&stem, &file_name, |engine, name| {
            Module::named(engine, name, bytes)
        })
    }

    /// Tests the module of these bytes, in the binary format or text.
    ///
    /// # Errors
    ///
    /// As [`Modules::file`].
    pub fn bytes(self, bytes: impl ModuleBytes) -> Result<Subject> {
        self.finish("app", "app", |engine, name| {
            Module::named(engine, name, bytes)
        })
    }

    /// Tests the module of this text.
    ///
    /// # Errors
    ///
    /// As [`Modules::file`].
    pub fn wat(self, text: &str) -> Result<Subject> {
        self.bytes(text.as_bytes().to_vec())
    }

    /// Tests the module that readers and directories have under a name.
    ///
    /// # Errors
    ///
    /// As [`Modules::file`].
    pub fn find(self, name: &str) -> Result<Subject> {
        let (linker, _) = self.linker()?;
        let root = linker.load(name)?;
        Subject::of(linker, root, name, name)
    }

    fn finish(
        self,
        name: &str,
        file_name: &str,
        module: impl FnOnce(&Engine, &str) -> holdall::Result<Module>,
    ) -> Result<Subject> {
        let (mut linker, own) = self.linker()?;
        let name = own.unwrap_or_else(|| name.to_owned());
        let root = module(linker.engine(), &name)?;
        if linker.find(&name).is_none() && !is_builtin(&name) {
            linker.register(&name, &root)?;
        }
        Subject::of(linker, root, &name, file_name)
    }

    /// A linker that knows where modules are, and the name for the one that is tested.
    fn linker(self) -> Result<(Linker<()>, Option<String>)> {
        let config = self.config.metering(true).canonical_nans(true);
        let engine = Engine::new(config);
        let mut linker = Linker::new(&engine);
        linker.versions(self.versions);
        for (from, to) in &self.aliases {
            linker.alias_imports(from, to)?;
        }
        for name in &self.used_exports {
            linker.use_exports(name);
        }
        let mut reader = self.reader;
        for path in &self.paths {
            let label = path.to_string_lossy();
            let dir = Dir::open_ambient_dir(path, ambient_authority());
            let dir = dir.map_err(|source| unread(path, source))?;
            reader = reader.with(DirReader::new(dir, label));
        }
        if self.has_reader || !self.paths.is_empty() {
            linker.set_reader(reader);
        }
        for (name, preload) in self.preloads {
            let bytes = match preload {
                Preload::Bytes(bytes) => bytes,
                Preload::File(path) => read(&path)?,
            };
            let module = Module::named(&engine, &name, bytes)?;
            linker.register(&name, &module)?;
        }
        // Whose calls what reaches is each case's to say.
        holdall_wasi::add_to_linker(&mut linker, Wasi::default());
        Ok((linker, self.name))
    }
}

/// A module with all that it needs, compiled once. Any number of cases, on any number of threads, run
/// it, each in a store of its own. Clones are the same subject.
#[derive(Clone, Debug)]
pub struct Subject(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    linker: Linker<()>,
    root: Module,
    name: String,
    file_name: String,
    imports: Vec<GraphImport>,
}

impl Subject {
    fn of(linker: Linker<()>, root: Module, name: &str, file_name: &str) -> Result<Self> {
        let imports = linker.graph_imports(&root)?;
        Ok(Self(Arc::new(Inner {
            linker,
            root,
            name: name.to_owned(),
            file_name: file_name.to_owned(),
            imports,
        })))
    }

    /// The name of the module that is tested.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The module that is tested.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.0.root
    }

    /// What the module and all that it needs import, and from whom.
    #[must_use]
    pub fn imports(&self) -> &[GraphImport] {
        &self.0.imports
    }

    /// A program's argument 0, where a case has no other.
    pub(crate) fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// A linker of its own for a case.
    pub(crate) fn linker(&self) -> Linker<()> {
        self.0.linker.clone()
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| unread(path, source))
}

fn unread(path: &Path, source: std::io::Error) -> Error {
    Error::File {
        path: path.to_owned(),
        source,
    }
}
