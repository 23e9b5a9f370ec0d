//! For build scripts: the modules of a directory become a part of the program. They are checked as the
//! linker would check them, so that what does not fit fails the build. Does not know the executor.
//!
//! ```toml
//! [dependencies]
//! holdall = "0.1"
//! [build-dependencies]
//! holdall-build = "0.1"
//! ```
//! ```no_run
//! // build.rs
//! fn main() -> holdall_build::Result {
//!     holdall_build::Bundler::new("bundle").root("app").emit()
//! }
//! ```
//! ```ignore
//! // src/main.rs
//! static BUNDLE: holdall::Bundle = holdall::include_bundle!();
//! ```

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod folder;
#[cfg(feature = "native")]
mod native;
mod outcome;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{env, fs};

use holdall_core::bounds::Bounds;
use holdall_core::bundle::BundledFile;
use holdall_core::clock::Clock;
use holdall_core::lower::{OPT_LEVELS_WITH_SEQUENCES, Settings, Target};
use holdall_core::module::{Proposals, Sections, write_code};

use folder::Folder;
use record::Recorded;

pub use holdall_core::bundle::{AliasError, Naming, Versions};
pub use holdall_core::module::Proposal;
pub use outcome::{Error, Result};

/// Whether this build script has emitted a bundle.
static EMITTED: AtomicBool = AtomicBool::new(false);

/// A directory of modules that becomes a part of the program: each `.wasm` file, under its name
/// without the extension. A file `host.txt` says which imports the host defines, a line each:
/// ```text
/// "wasi_snapshot_preview1"                # everything under this module name
/// "env"."now"                             # one name, of whatever type the modules import
/// "env"."log" (func (param i32 i32))      # one name of this type
/// ```
/// Other files are left alone.
#[derive(Clone, Debug)]
pub struct Bundler {
    dir: PathBuf,
    root: Option<String>,
    lazy: BTreeSet<String>,
    naming: Naming,
    settings: Settings,
    proposals: Proposals,
    #[cfg(feature = "native")]
    native: native::Wanted,
}

impl Bundler {
    /// The modules in a directory, whose path begins where the package's `Cargo.toml` is.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            root: None,
            lazy: BTreeSet::new(),
            naming: Naming::new(),
            settings: Settings::default(),
            proposals: Proposals::AVAILABLE,
            #[cfg(feature = "native")]
            native: native::Wanted::default(),
        }
    }

    /// Names the module that the program begins with: what `holdall::Bundle::root` gives.
    #[must_use]
    pub fn root(mut self, name: impl Into<String>) -> Self {
        self.root = Some(name.into());
        self
    }

    /// Embeds a module without lowered code: its functions are lowered when they are called. The
    /// program is smaller, and the module is validated and lowered each time that it runs. May be
    /// called for any number of modules.
    #[must_use]
    pub fn lazy(mut self, name: impl Into<String>) -> Self {
        self.lazy.insert(name.into());
        self
    }

    /// Says how imports name the modules: aliases, and which versions satisfy an import. The
    /// modules are checked with this naming. The program's linker has to be given it as well:
    /// `linker.set_naming(BUNDLE.naming())`.
    #[must_use]
    pub fn naming(mut self, naming: Naming) -> Self {
        self.naming = naming;
        self
    }

    /// Lets a module be used for its exports by others although it is a command, with a function
    /// `_start`; see [`Naming::use_exports`]. May be called for any number of modules. The
    /// program's linker has to be given the naming as well: `linker.set_naming(BUNDLE.naming())`.
    #[must_use]
    pub fn use_exports(mut self, name: &str) -> Self {
        self.naming.use_exports(name);
        self
    }

    /// Lowers the modules for engines that meter: the value has to be that of `Config::metering` of
    /// the program's engine. In another engine, functions are lowered at their first call.
    #[must_use]
    pub fn metering(mut self, metering: bool) -> Self {
        self.settings.metering = metering;
        self
    }

    /// Lowers the modules for engines that make NaNs canonical: the value has to be that of
    /// `Config::canonical_nans` of the program's engine. In another engine, functions are lowered
    /// at their first call.
    #[must_use]
    pub fn canonical_nans(mut self, canonical: bool) -> Self {
        self.settings.canonical_nans = canonical;
        self
    }

    /// Sets whether the modules may use a proposal, as `Config::wasm_proposal` sets it for the program's
    /// engine; see there. All proposals that holdall has are on by default. A module that uses what is
    /// off is a fault.
    #[must_use]
    pub fn wasm_proposal(mut self, proposal: Proposal, on: bool) -> Self {
        self.proposals = self.proposals.set(proposal, on);
        self
    }

    /// Compiles modules to machine code, which is linked into the program as its own code is: there they run
    /// several times faster than interpreted. The code is for all processors of the program's target that have
    /// what the program itself is compiled for. For a target that is not covered, cargo is told, and the modules
    /// are interpreted. May be called more than once.
    #[cfg(feature = "native")]
    #[must_use]
    pub fn native<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.native.names.extend(names.into_iter().map(Into::into));
        self
    }

    /// [`Bundler::native`] for all modules that are not [`lazy`](Self::lazy).
    #[cfg(feature = "native")]
    #[must_use]
    pub fn native_all(mut self) -> Self {
        self.native.all = true;
        self
    }

    /// Sets whether native code keeps addresses that a processor only guesses inside of memories and tables, as
    /// `Config::guarded_addresses` says; the code is slower then. An engine that asks for that takes no other code.
    #[cfg(feature = "native")]
    #[must_use]
    pub fn guarded_addresses(mut self, guarded: bool) -> Self {
        self.native.guarded_addresses = guarded;
        self
    }

    /// Checks the modules, and emits nothing. For a program that embeds the directory itself with
    /// `include_dir!`, and makes a `holdall::Bundle` of that.
    pub fn check(self) -> Result {
        self.try_check().into()
    }

    /// [`Bundler::check`], with the faults as an error. Cargo is not told of them.
    ///
    /// # Errors
    /// Everything that is wrong with the modules; that the directory cannot be read, or has no module
    /// of a name that was given; that this is not a build script.
    pub fn try_check(self) -> std::result::Result<(), Error> {
        let root = variable("CARGO_MANIFEST_DIR")?;
        self.watch(&root);
        self.read(&root).map(drop)
    }

    /// Checks the modules, emits them for `include_bundle!`, and has cargo run the build script again
    /// when a file of the directory changes, comes or goes.
    ///
    /// Cargo is told the faults where `main` returns the result. A build script that does more
    /// calls [`Bundler::try_emit`].
    pub fn emit(self) -> Result {
        self.try_emit().into()
    }

    /// [`Bundler::emit`], with the faults as an error. Cargo is not told of them.
    ///
    /// # Errors
    /// Everything that is wrong with the modules; that the directory cannot be read, or has no module
    /// of a name that was given; that this is not a build script, or has emitted a bundle already.
    pub fn try_emit(self) -> std::result::Result<(), Error> {
        let root = variable("CARGO_MANIFEST_DIR")?;
        let out = variable("OUT_DIR")?;
        if EMITTED.swap(true, Ordering::Relaxed) {
            return Err(Error::of(
                "a bundle was emitted already: a package has one, with all of its modules",
            ));
        }
        self.watch(&root);
        self.write(&root, &out)
    }

    /// Has cargo run the build script again when a file of the directory changes, comes or goes.
    fn watch(&self, root: &Path) {
        for path in folder::watched(root, &self.dir) {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }

    /// The modules of the package at `root`, and the index of the root module among them.
    fn read(&self, root: &Path) -> std::result::Result<(Folder, Option<usize>), Error> {
        let folder = Folder::read(root, &self.dir, &self.naming, self.proposals)?;
        let mut faults = folder.faults.clone();
        let mut find = |setting, name: &String| {
            let found = folder.find(setting, name);
            found.map_err(|fault| faults.push(fault)).ok()
        };
        let root_at = self.root.as_ref().and_then(|name| find("root", name));
        for name in &self.lazy {
            find("lazy", name);
        }
        #[cfg(feature = "native")]
        for name in &self.native.names {
            find("native", name);
        }
        if faults.is_empty() {
            Ok((folder, root_at))
        } else {
            Err(faults.into())
        }
    }

    /// Emits the bundle of the package at `root` to the directory `out`.
    fn write(&self, root: &Path, out: &Path) -> std::result::Result<(), Error> {
        let (folder, root_at) = self.read(root)?;
        #[cfg(feature = "native")]
        let mut compiler = native::Compiler::of(self)?;
        let mut modules = Vec::new();
        for (at, file) in folder.files.iter().enumerate() {
            let put = |extension: &str, bytes: &[u8]| {
                let path = out.join(format!("holdall_bundle.{at}.{extension}"));
                write(&path, bytes).map(|()| path)
            };
            let is_lazy = self.lazy.contains(&file.name);
            let code = (!is_lazy).then(|| code_of(file, self.settings)).flatten();
            #[cfg(feature = "native")]
            let native = match code.is_some() && self.native.has(&file.name) {
                true => compiler.compile(file, |tables| put("native", tables))?,
                false => None,
            };
            #[cfg(not(feature = "native"))]
            let native = None;
            modules.push(Recorded {
                name: &file.name,
                sha256: record::sha256(&file.bytes),
                bytes: put("wasm", &file.bytes)?,
                code: code.map(|code| put("code", &code)).transpose()?,
                native,
            });
        }
        #[cfg(feature = "native")]
        compiler.link(out)?;
        let text = record::expression(&modules, root_at, &self.naming)?;
        write(&out.join(record::FILE), text.as_bytes())
    }
}

/// The lowered code of a checked module, for the program that is being built. `None` where the
/// module exceeds a limit: the program is told when it uses the module.
fn code_of(file: &BundledFile, settings: Settings) -> Option<Vec<u8>> {
    let bytes = file.bytes.clone().into();
    let sections = Sections::read(bytes, &Bounds::default(), &Clock::default()).ok()?;
    let is = |variable: &str, values: &[&str]| {
        env::var(variable).is_ok_and(|value| values.contains(&value.as_str()))
    };
    let target = Target {
        sequences: is("OPT_LEVEL", &OPT_LEVELS_WITH_SEQUENCES),
        big_endian: is("CARGO_CFG_TARGET_ENDIAN", &["big"]),
    };
    Some(write_code(&sections, settings, target, &|_| true))
}

/// The value of a variable that cargo sets for build scripts.
fn variable(name: &str) -> std::result::Result<PathBuf, Error> {
    let value = env::var_os(name).ok_or_else(|| {
        format!(
            "the variable {name} is not set: `holdall-build` is for build scripts, which cargo runs"
        )
    })?;
    Ok(value.into())
}

fn write(path: &Path, bytes: &[u8]) -> std::result::Result<(), Error> {
    fs::write(path, bytes)
        .map_err(|error| format!("{}: could not be written: {error}", path.display()).into())
}

/// A folder for what tests write, where cargo puts what it builds.
#[cfg(test)]
fn beside_the_tests() -> PathBuf {
    let own = env::current_exe().expect("the tests are a program");
    own.with_file_name("holdall-build-tests")
}
