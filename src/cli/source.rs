//! Where modules come from: paths and bundled names on the command line, and the readers that find the
//! modules which those need.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use holdall::{ChainReader, DirReader, Linker, Module};
use holdall_core::bundle::{is_builtin, nearest};
use holdall_pack::process::Plain;

use super::packed;
use crate::bundle::BUNDLE;

/// The largest file that is read, in bytes: the largest module that the library takes.
pub(super) const MAX_FILE_BYTES: usize = 1 << 30;

/// The options that say where modules are found.
#[derive(Debug, clap::Args)]
pub(super) struct Sources {
    /// Ask this directory, and nothing outside it, for the modules that MODULE needs; may be
    /// repeated
    #[arg(long, value_name = "DIR")]
    module_path: Vec<PathBuf>,
    /// Do not ask the modules that travel in this binary
    #[arg(long)]
    no_bundle: bool,
}

/// The module that a command line names.
pub(super) struct Root {
    /// The bundled name, or the file's name without its extension.
    pub(super) name: String,
    /// The file's name, or the bundled name: the program's argument 0.
    pub(super) file_name: String,
    pub(super) bytes: Cow<'static, [u8]>,
    /// Where the module comes from, for messages.
    pub(super) origin: String,
}

impl Root {
    /// Makes the module, and registers it under its name unless that is a name of the host. So
    /// `$name$function` finds the root module, and an import of it is a circle.
    pub(super) fn register(self, linker: &mut Linker<()>) -> anyhow::Result<Module> {
        ensure!(
            !packed::is_executable(&self.bytes),
            "{} is an executable and no module: run it by itself; `holdall inspect` shows what it \
             carries",
            self.origin
        );
        let module = Module::named(linker.engine(), &self.name, self.bytes)?;
        if linker.find(&self.name).is_none() && !is_builtin(&self.name) {
            linker.register(&self.name, &module)?;
        }
        Ok(module)
    }
}

impl Sources {
    /// Whether modules can be found nowhere: no directory was given, and the bundle is left out.
    pub(super) fn is_empty(&self) -> bool {
        self.module_path.is_empty() && self.no_bundle
    }

    /// The directories.
    pub(super) fn module_path(&self) -> &[PathBuf] {
        &self.module_path
    }

    /// The bytes of the modules that travel in this binary, unless they are left out.
    pub(super) fn bundled_modules(&self) -> Vec<&'static [u8]> {
        match self.no_bundle {
            true => Vec::new(),
            false => BUNDLE
                .modules()
                .iter()
                .map(|module| module.bytes())
                .collect(),
        }
    }

    /// A reader of the directories, then of the bundle.
    pub(super) fn reader(&self) -> anyhow::Result<ChainReader> {
        let mut chain = ChainReader::new();
        for path in &self.module_path {
            let label = path.to_string_lossy();
            let dir = Dir::open_ambient_dir(path, ambient_authority())
                .with_context(|| format!("cannot open directory {}", Plain(&label)))?;
            chain = chain.with(DirReader::new(dir, label));
        }
        if !self.no_bundle {
            chain = chain.with(BUNDLE.reader());
        }
        Ok(chain)
    }

    /// Whether `module` means a file and not a bundled module.
    pub(super) fn is_file(&self, module: &Path) -> bool {
        is_path(module)
            || module
                .to_str()
                .is_none_or(|name| self.bundled(name).is_none())
    }

    /// Reads the root module. A text that looks like a path is a path. Any other text is a bundled name,
    /// or else a path. `most_bytes` is the largest file that is read.
    pub(super) fn root(&self, module: &Path, most_bytes: usize) -> anyhow::Result<Root> {
        if !is_path(module) {
            if let Some(root) = module.to_str().and_then(|name| self.bundled(name)) {
                return Ok(root);
            }
            if !module.exists() {
                return Err(self.no_such_module(module));
            }
        }
        let label = module.to_string_lossy();
        let bytes = read_or_wait(module, most_bytes).map_err(|error| {
            match self.bundled_instead(module) {
                Some(name) => error.context(format!(
                    "no file {}; did you mean the bundled module {name:?}?",
                    Plain(&label)
                )),
                None => error,
            }
        })?;
        let name = module.file_stem().unwrap_or_default();
        Ok(Root {
            name: name.to_string_lossy().into_owned(),
            file_name: module
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            bytes: bytes.into(),
            origin: Plain(&label).to_string(),
        })
    }

    fn bundled(&self, name: &str) -> Option<Root> {
        let bundle = (!self.no_bundle).then_some(&BUNDLE)?;
        let module = bundle.find(name)?;
        Some(Root {
            name: module.name().to_owned(),
            file_name: module.name().to_owned(),
            bytes: module.bytes().into(),
            origin: "the bundle".to_owned(),
        })
    }

    /// The bundled module that may have been meant by the path of a missing file.
    fn bundled_instead(&self, path: &Path) -> Option<String> {
        let name = path.file_stem()?.to_str()?;
        let meant = !path.exists() && self.bundled(name).is_some();
        meant.then(|| name.to_owned())
    }

    fn no_such_module(&self, name: &Path) -> anyhow::Error {
        let name = name.to_string_lossy();
        if self.no_bundle {
            return anyhow!("no module {}: there is no such file", Plain(&name));
        }
        let bundled = BUNDLE.modules().iter().map(|module| module.name());
        let nearest = nearest(&name, bundled.clone());
        let way_out = match nearest {
            Some(nearest) => format!("did you mean {nearest:?}?"),
            None => "`holdall list` shows what is bundled".to_owned(),
        };
        anyhow!(
            "no module {}: it is neither bundled nor a file; {way_out}",
            Plain(&name)
        )
    }
}

/// Whether a module argument can only be a path.
fn is_path(module: &Path) -> bool {
    let extension = module.extension();
    extension.is_some_and(|extension| extension == "wasm" || extension == "wat")
        || module.to_string_lossy().contains(std::path::is_separator)
}

/// The bytes of a file that the command line names, at most `most_bytes`. It does not wait for the writer
/// of a named pipe, which is refused. A pipe without a name has a writer already, and is read.
pub(super) fn read(path: &Path, most_bytes: usize) -> anyhow::Result<Vec<u8>> {
    read_from(path, most_bytes, open_file)
}

/// [`read`], for MODULE, which may be a named pipe: the command waits for its writer.
pub(super) fn read_or_wait(path: &Path, most_bytes: usize) -> anyhow::Result<Vec<u8>> {
    read_from(path, most_bytes, |path| Ok(File::open(path)?))
}

fn read_from(
    path: &Path,
    most_bytes: usize,
    open: impl FnOnce(&Path) -> anyhow::Result<File>,
) -> anyhow::Result<Vec<u8>> {
    let label = path.to_string_lossy();
    let read = || {
        let file = open(path)?;
        let is_dir = file.metadata()?.is_dir();
        ensure!(!is_dir, "expected a file, found a directory");
        read_all(file, most_bytes)
    };
    read().with_context(|| format!("cannot read {}", Plain(&label)))
}

/// Opens a file to read it, without waiting for the writer of a pipe.
fn open_file(path: &Path) -> anyhow::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
        let mut options = File::options();
        let file = options.read(true).custom_flags(libc::O_NONBLOCK);
        let file = file.open(path)?;
        let kind = file.metadata()?.file_type();
        if !kind.is_fifo() {
            return Ok(file);
        }
        let has_name = path.canonicalize().is_ok();
        ensure!(!has_name, "expected a file, found a named pipe");
    }
    Ok(File::open(path)?)
}

/// Opens a file for writing, and empties it. A pipe is opened only if it has a reader already.
pub(super) fn create(path: &Path) -> anyhow::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        let file = options.custom_flags(libc::O_NONBLOCK).open(path);
        let file = file.map_err(|error| match error.raw_os_error() {
            Some(libc::ENXIO) => anyhow!("nobody reads the pipe"),
            _ => error.into(),
        })?;
        if !file.metadata()?.file_type().is_fifo() {
            return Ok(file);
        }
        // Opened again so that writes wait for a slow reader, and before the first one is closed.
        let waiting = File::options().write(true).open(path)?;
        drop(file);
        Ok(waiting)
    }
    #[cfg(not(unix))]
    Ok(File::create(path)?)
}

/// All bytes of a file or stream; an error where there are more than `most_bytes`.
pub(super) fn read_all(source: impl Read, most_bytes: usize) -> anyhow::Result<Vec<u8>> {
    let most_bytes = most_bytes.min(MAX_FILE_BYTES);
    let mut bytes = Vec::new();
    source.take(most_bytes as u64 + 1).read_to_end(&mut bytes)?;
    let fits = bytes.len() <= most_bytes;
    ensure!(fits, "expected at most {most_bytes} bytes, found more");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_path_is_one() {
        for path in ["a.wasm", "a.wat", "./mC", "dir/mC", "/mC"] {
            assert!(is_path(Path::new(path)), "{path:?}");
        }
        for name in ["mC", "wasm", "mC.txt", ".wasm"] {
            assert!(!is_path(Path::new(name)), "{name:?}");
        }
    }
}
