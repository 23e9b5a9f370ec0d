//! Compiles C programs against the headers and the library as they are here, with sanitizers, and runs them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A language that the headers are to be read as. All warnings are errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    C99,
    Cxx17,
}

/// Which of the two libraries a program is linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    Shared,
    Static,
}

/// A C program of this package's `tests/c/`.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    source: PathBuf,
    language: Language,
    library: Library,
    flags: Vec<OsString>,
    sanitized: bool,
    compiler: Option<String>,
    current_dir: Option<PathBuf>,
}

impl Program {
    /// The program whose source is this file of `tests/c/`, as C99, with the shared library, under
    /// AddressSanitizer with its search for leaks and UndefinedBehaviorSanitizer where the compiler has them.
    pub(crate) fn new(source: &str) -> Self {
        Self {
            source: package().join("tests/c").join(source),
            language: Language::C99,
            library: Library::Shared,
            flags: vec![],
            sanitized: true,
            compiler: None,
            current_dir: None,
        }
    }

    /// Reads the source as another language.
    pub(crate) fn language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    /// Links another library.
    pub(crate) fn library(mut self, library: Library) -> Self {
        self.library = library;
        self
    }

    /// Adds a flag for the compiler.
    pub(crate) fn flag(mut self, flag: impl Into<OsString>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// Leaves the sanitizers out.
    pub(crate) fn plain(mut self) -> Self {
        self.sanitized = false;
        self
    }

    /// Takes this compiler, not the usual one of the language.
    pub(crate) fn compiler(mut self, compiler: &str) -> Self {
        self.compiler = Some(compiler.to_owned());
        self
    }

    /// Runs the program in this directory.
    pub(crate) fn current_dir(mut self, dir: &Path) -> Self {
        self.current_dir = Some(dir.to_owned());
        self
    }

    /// Compiles the program. `None`, after a word on standard error, where the compiler is not there.
    ///
    /// # Panics
    ///
    /// When the compiler has anything to say.
    pub(crate) fn compile(&self) -> Option<PathBuf> {
        let compiler = self
            .compiler
            .clone()
            .unwrap_or_else(|| match self.language {
                Language::C99 => std::env::var("CC").unwrap_or_else(|_| "cc".into()),
                Language::Cxx17 => std::env::var("CXX").unwrap_or_else(|_| "c++".into()),
            });
        if Command::new(&compiler).arg("--version").output().is_err() {
            eprintln!(
                "skipped: there is no compiler {compiler:?}; install one, or name it in CC and CXX"
            );
            return None;
        }
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let stem = self.source.file_stem().unwrap().to_string_lossy();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let program = scratch().join(format!("{stem}-{}-{number}", std::process::id()));
        let mut command = Command::new(&compiler);
        match self.language {
            Language::C99 => command.args(["-x", "c", "-std=c99"]),
            Language::Cxx17 => command.args(["-x", "c++", "-std=c++17"]),
        };
        command.args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-O1"]);
        command.arg("-I").arg(package().join("include"));
        if self.sanitized && has_sanitizers(&compiler) {
            command.args(SANITIZERS);
        }
        command.args(&self.flags);
        command.arg(&self.source).args(["-x", "none"]);
        let libraries = libraries();
        match self.library {
            Library::Shared => {
                let mut rpath = OsString::from("-Wl,-rpath,");
                rpath.push(&libraries);
                command.arg(libraries.join("libholdall_c.so")).arg(rpath);
            }
            Library::Static => {
                command.arg(libraries.join("libholdall_c.a"));
            }
        }
        command.args(["-lpthread", "-lm", "-ldl", "-lrt", "-lutil", "-lgcc_s"]);
        let output = command.arg("-o").arg(&program).output().unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{} does not compile with {compiler} as {:?}:\n{}",
            self.source.display(),
            self.language,
            String::from_utf8_lossy(&output.stderr)
        );
        Some(program)
    }

    /// Compiles the program and runs it with these arguments. `None` where the compiler is not there.
    pub(crate) fn output(&self, args: &[&str]) -> Option<Output> {
        let program = self.compile()?;
        let mut command = Command::new(&program);
        if let Some(dir) = &self.current_dir {
            command.current_dir(dir);
        }
        let output = command
            .args(args)
            .env(
                "ASAN_OPTIONS",
                "detect_leaks=1:detect_stack_use_after_return=1",
            )
            .env("UBSAN_OPTIONS", "print_stacktrace=1")
            .output()
            .unwrap();
        let _ = std::fs::remove_file(program);
        Some(output)
    }

    /// Compiles the program and runs it; it has to end with 0, print this, and say nothing on standard error.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub(crate) fn prints(&self, expected: &str) {
        let Some(output) = self.output(&[]) else {
            return;
        };
        let [stdout, stderr] =
            [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
        assert!(
            output.status.success() && stderr.is_empty() && stdout == expected,
            "{} ends with {}\n--- expected on standard output\n{expected}\n--- found\n{stdout}\n\
             --- on standard error\n{stderr}",
            self.source.display(),
            output.status
        );
    }
}

const SANITIZERS: [&str; 3] = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
];

/// Whether a program that is compiled with sanitizers runs here.
fn has_sanitizers(compiler: &str) -> bool {
    static KNOWN: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());
    let try_it = || {
        let source = scratch().join(format!("sanitized-{}.c", std::process::id()));
        let program = source.with_extension("");
        std::fs::write(&source, "int main(void) { return 0; }\n").unwrap();
        let mut command = Command::new(compiler);
        let command = command.args(SANITIZERS).args(["-x", "c"]).arg(&source);
        let compiled = command.arg("-o").arg(&program).output();
        let runs = compiled.is_ok_and(|it| it.status.success())
            && Command::new(&program)
                .output()
                .is_ok_and(|it| it.status.success());
        if !runs {
            eprintln!("without sanitizers: {compiler:?} has none that work here");
        }
        runs
    };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *known.entry(compiler.to_owned()).or_insert_with(try_it)
}

/// This package's directory.
pub(crate) fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A directory for what tests make.
pub(crate) fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The directory that cargo has built the libraries to: the one of this test.
fn libraries() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().to_owned()
}

/// Makes a directory of modules, each a name and its text, as `NAME.wasm`.
///
/// # Panics
///
/// When a text is no module.
pub(crate) fn modules(folder: &str, modules: &[(&str, &str)]) -> PathBuf {
    let folder = scratch().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in modules {
        let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        std::fs::write(folder.join(name).with_extension("wasm"), bytes).unwrap();
    }
    folder
}
