//! Which runtime `holdall pack` makes an executable of, and what it says of that runtime.

use std::env::consts::{ARCH, EXE_SUFFIX, OS};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use holdall_pack::Runtime;
use holdall_pack::process::Plain;

use super::source;

/// The folder of the runtimes for other platforms, beside the command.
const FOLDER: &str = "runtimes";

/// A runtime of at most this size needs no hint at how a small one is made.
const SMALL_BYTES: usize = 4_000_000;

/// At most this many platforms are named by an error.
const MAX_NAMED: usize = 30;

/// The options that name a runtime.
#[derive(Debug, clap::Args)]
pub(super) struct RuntimeArgs {
    /// Make APP of the runtime in this file
    #[arg(long, value_name = "PATH")]
    runtime: Option<PathBuf>,
    /// Make APP for another platform, of the runtime in runtimes/TRIPLE beside this command
    #[arg(long, value_name = "TRIPLE", value_parser = triple, conflicts_with = "runtime")]
    target: Option<String>,
}

/// A runtime, and what is said of it.
pub(super) struct Chosen {
    pub(super) runtime: Runtime,
    path: PathBuf,
    /// Whether it is this command.
    is_own: bool,
    /// Whether modules are interpreted, though native code was asked for.
    pub(super) is_interpreting: bool,
    /// Why the runtime beside this command was not taken, where there is one.
    passed_over: Option<String>,
}

/// The name of a platform, which is the name of a folder and leads nowhere else.
fn triple(text: &str) -> Result<String, String> {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    if text.is_empty() || text.starts_with(['.', '-']) || !text.chars().all(is_plain) {
        return Err("expected a platform as `rustc --print target-list` names it".to_owned());
    }
    Ok(text.to_owned())
}

impl RuntimeArgs {
    /// The runtime that an option names; else the one beside this command; else this command.
    pub(super) fn choose(&self) -> anyhow::Result<Chosen> {
        if let Some(path) = &self.runtime {
            return Chosen::read(path);
        }
        let own = std::env::current_exe();
        let own = own.context("cannot find the file of this command; name a runtime: --runtime")?;
        if let Some(triple) = &self.target {
            return of_target(&own.with_file_name(FOLDER), triple);
        }
        let beside = own.with_file_name(file_name(EXE_SUFFIX));
        let mut passed_over = None;
        if beside.exists() {
            match Chosen::read(&beside) {
                Ok(chosen) => return Ok(chosen),
                Err(error) => passed_over = Some(format!("{error:#}")),
            }
        }
        let chosen = Chosen::read(&own)?;
        Ok(Chosen {
            is_own: true,
            passed_over,
            ..chosen
        })
    }
}

fn file_name(suffix: &str) -> String {
    format!("holdall-runtime{suffix}")
}

/// The file of the runtime for a platform.
fn file_for(folder: &Path, triple: &str) -> PathBuf {
    let suffix = if triple.contains("windows") {
        ".exe"
    } else {
        ""
    };
    folder.join(triple).join(file_name(suffix))
}

fn of_target(folder: &Path, triple: &str) -> anyhow::Result<Chosen> {
    let path = file_for(folder, triple);
    if path.exists() {
        return Chosen::read(&path);
    }
    let mut known: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|triple| file_for(folder, triple).exists())
        .collect();
    known.sort_unstable();
    let all = known.len();
    known.truncate(MAX_NAMED);
    let known: Vec<String> = known.iter().map(|it| Plain(it).to_string()).collect();
    let known = match all {
        0 => "there is none for any platform".to_owned(),
        1..=MAX_NAMED => format!("there are those for {}", known.join(", ")),
        _ => format!(
            "there are those for {} and {} more",
            known.join(", "),
            all - MAX_NAMED
        ),
    };
    bail!(
        "--target: no runtime for {triple}: {known}; `{}` makes one, which belongs at {}",
        build_command(Some(triple)),
        shown(&path)
    )
}

/// What makes a small runtime, in the sources of holdall.
fn build_command(triple: Option<&str>) -> String {
    let target = triple.map_or_else(String::new, |triple| format!(" --target {triple}"));
    format!("cargo build --profile dist --bin holdall-runtime{target}")
}

fn shown(path: &Path) -> String {
    Plain(&path.to_string_lossy()).to_string()
}

impl Chosen {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = source::read(path, source::MAX_FILE_BYTES)?;
        let runtime = Runtime::new(bytes);
        Ok(Self {
            runtime: runtime.with_context(|| format!("cannot use {}", shown(path)))?,
            path: path.to_owned(),
            is_own: false,
            is_interpreting: false,
            passed_over: None,
        })
    }
}

/// What the user is told: which runtime APP is made of, what that costs, and what would be better.
impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size_bytes = self.runtime.size_bytes();
        let megabytes = size_bytes.div_ceil(100_000) as f64 / 10.0;
        let own = if self.is_own {
            " (this command itself)"
        } else {
            ""
        };
        writeln!(f, "runtime: {}{own}, {megabytes} MB", shown(&self.path))?;
        if let Some(reason) = &self.passed_over {
            writeln!(
                f,
                "note: the runtime beside this command is not used: {reason}"
            )?;
        }
        if self.is_interpreting {
            writeln!(
                f,
                "note: --native: this runtime executes no native code: its platform is not covered, or it is \
                 of another build; modules are interpreted"
            )?;
        }
        if !self.runtime.is_optimised() {
            writeln!(
                f,
                "note: it was built without optimisation, and runs modules slowly: build with --release"
            )?;
        }
        if size_bytes > SMALL_BYTES || self.runtime.needs_libraries() {
            let musl = format!("{ARCH}-unknown-linux-musl");
            let needs = if self.runtime.needs_libraries() {
                "APP needs the C library of this system where it runs"
            } else {
                "it is a large one"
            };
            writeln!(
                f,
                "note: {needs}; `{}` in the sources of holdall makes a runtime of less than 3 MB that needs \
                 nothing: name that with --runtime",
                build_command((OS == "linux").then_some(&*musl))
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_the_name_of_a_folder_and_no_path() {
        for text in ["x86_64-unknown-linux-musl", "thumbv8m.main-none-eabi"] {
            assert_eq!(triple(text).as_deref(), Ok(text));
        }
        for text in ["", ".", "..", "a/b", "/", "-x", "a\\b", "a\nb", "\u{e9}"] {
            assert!(triple(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn runtimes_for_windows_have_an_extension() {
        for (triple, expected) in [
            ("x86_64-pc-windows-msvc", "holdall-runtime.exe"),
            ("x86_64-unknown-linux-musl", "holdall-runtime"),
        ] {
            let file = file_for(Path::new("runtimes"), triple);
            assert_eq!(file.file_name(), Some(expected.as_ref()));
        }
    }
}
