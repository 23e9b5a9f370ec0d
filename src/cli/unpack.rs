//! `holdall unpack`: writes what an executable carries as files. Names and links in the executable may be
//! hostile. Everything is written into a directory that was empty, and links are made last, so that
//! nothing is written through a link.

use std::collections::HashSet;
use std::io::{self, ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use holdall_pack::process::{Output, Plain};
use holdall_pack::{Entry, Executable, Manifest, PackedDir, Part, is_below};

use super::kept::Line;
use super::repack::{Embedded, Repack};
use super::{contents, packed};

/// Without --max-size, at most twice the size of the executable is written, or this where that is more.
const MIN_LIMIT_BYTES: u64 = 64 << 20;
/// The longest name of an embedded directory that becomes the name of a folder, in bytes.
const MAX_BASE_BYTES: usize = 255;
/// The file of the list, for `pack --kept`.
const LIST: &str = "kept.jsonl";

/// Give the parts of an executable of `holdall pack` back as files
#[derive(Debug, clap::Args)]
#[command(after_help = "\
DIR gets the modules in DIR/modules, the embedded directories in DIR/files, the state of --preinit
in DIR/state, and in DIR/command.txt the command that packs the same program again. What the file
system cannot hold under its own name is in DIR/kept under another. DIR/kept.jsonl is a list of that,
and of what no option says; the command takes it.

Links that lead out of their directory are refused, as `holdall pack` refuses them.")]
pub(super) struct Args {
    /// An executable of `holdall pack`
    app: PathBuf,
    /// A directory, which is made, or is there and empty
    dir: PathBuf,
    /// Write up to this much, in bytes or with KiB, MiB or GiB behind it; by default 64 MiB, or twice
    /// the size of APP where that is more. A file counts 512 bytes beside what it holds
    #[arg(long, value_name = "SIZE", value_parser = holdall::text::parse_size)]
    max_size: Option<usize>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<()> {
    let executable = packed::open(&args.app)?;
    let manifest = executable.manifest();
    let label = args.dir.to_string_lossy();
    let mut unpack = || {
        contents::check(&manifest)?;
        let size_bytes = contents::size_bytes(&manifest);
        let limit = MIN_LIMIT_BYTES.max(executable.size_bytes().saturating_mul(2));
        let limit = args.max_size.map_or(limit, |limit| limit as u64);
        ensure!(
            size_bytes <= limit,
            "it would take {size_bytes} bytes, and at most {limit} are taken without a question: \
             allow them with --max-size {size_bytes}"
        );
        let dir = empty_dir(&args.dir)?;
        output.line(format_args!(
            "modules: {}, directories: {}, bytes: {size_bytes}, in {}",
            manifest.modules.len(),
            manifest.dirs.len(),
            Plain(&label)
        ))?;
        output.flush()?;
        Unpacking::new(&executable, &manifest, &dir).write()
    };
    unpack().with_context(|| format!("cannot unpack into {}", Plain(&label)))
}

/// Makes the directory at a path, or takes one that is empty.
fn empty_dir(path: &Path) -> anyhow::Result<Dir> {
    std::fs::create_dir_all(path)?;
    let dir = Dir::open_ambient_dir(path, ambient_authority())?;
    if dir.entries()?.next().is_some() {
        return Err(anyhow!("it is not empty; name another one"));
    }
    Ok(dir)
}

/// An executable that is being unpacked into an empty directory.
struct Unpacking<'a> {
    executable: &'a Executable,
    manifest: &'a Manifest<'a>,
    dir: &'a Dir,
    kept: Vec<Line>,
    /// How many files were written under names of our own.
    kept_files: usize,
}

impl<'a> Unpacking<'a> {
    fn new(executable: &'a Executable, manifest: &'a Manifest<'a>, dir: &'a Dir) -> Self {
        Self {
            executable,
            manifest,
            dir,
            kept: Vec::new(),
            kept_files: 0,
        }
    }

    fn write(mut self) -> anyhow::Result<()> {
        let mut repack = Repack::new(self.manifest);
        for module in &self.manifest.modules {
            let path = format!("modules/{}.wasm", module.name);
            let what = || format!("module {:?}", module.name);
            let is_held =
                is_below(module.name) && self.file(self.dir, &path, &module.module, what)?;
            let path = if is_held {
                path
            } else {
                self.keep(&module.module, what)?
            };
            if repack.can_name(module.name) {
                repack.modules.push(path);
            } else {
                self.kept.push(Line::Module {
                    name: module.name.to_owned(),
                    file: path,
                });
                repack.modules.push(String::new());
            }
        }
        let mut taken = Taken::default();
        let mut bases = Vec::new();
        for (embed, dir) in self.manifest.dirs.iter().enumerate() {
            let base = self.base(embed, dir.guest, &mut taken)?;
            self.tree(embed, dir, &self.open(&base)?)?;
            bases.push(base);
        }
        for (embed, base) in bases.iter().enumerate() {
            self.links(embed, &self.manifest.dirs[embed], &self.open(base)?)?;
        }
        repack.embedded = bases
            .into_iter()
            .zip(&self.manifest.dirs)
            .map(|(base, dir)| Embedded {
                base,
                guest: dir.guest.to_owned(),
            })
            .collect();
        if let Some(state) = self.manifest.state {
            let (header, memories) = ("state/header", "state/memories");
            for (path, part) in [(header, state.header), (memories, state.bytes)] {
                let is_made = self.file(self.dir, path, &part, || "the state".to_owned())?;
                ensure!(is_made, "{path} cannot be made");
            }
            self.kept.push(Line::State {
                header: header.to_owned(),
                memories: memories.to_owned(),
            });
        }
        if !self.kept.is_empty() {
            let mut list = String::new();
            for line in &self.kept {
                list += &serde_json::to_string(line)?;
                list.push('\n');
            }
            self.dir.write(LIST, list).context(LIST)?;
            repack.kept = Some(LIST);
        }
        let command = repack.command()?;
        self.dir
            .write("command.txt", command)
            .context("command.txt")
    }

    fn open(&self, base: &str) -> anyhow::Result<Dir> {
        self.dir.open_dir_nofollow(base).context(base.to_owned())
    }

    /// Makes the folder for an embedded directory. It has the guest's name for the directory, unless that
    /// name leads elsewhere or into the folder of another embedded directory.
    fn base(&self, embed: usize, guest: &str, taken: &mut Taken) -> anyhow::Result<String> {
        let name = guest.trim_start_matches('/');
        let base = match name {
            "" | "." => "files".to_owned(),
            name => format!("files/{name}"),
        };
        let is_name = is_below(name) && name.len() <= MAX_BASE_BYTES;
        if (is_name || base == "files") && holds(&base) && taken.take(&base) {
            match self.dir.create_dir_all(&base) {
                Ok(()) => return Ok(base),
                Err(error) if is_of_name(&error) => {}
                Err(error) => return Err(error).context(base),
            }
        }
        let base = format!("kept/directory.{embed}");
        self.dir.create_dir_all(&base).context(base.clone())?;
        Ok(base)
    }

    /// Makes the files and directories of an embedded directory. Where a directory goes into the list, so
    /// does all that is below it.
    fn tree(&mut self, embed: usize, packed: &PackedDir<'_>, below: &Dir) -> anyhow::Result<()> {
        let mut kept_dir: Option<&str> = None;
        for (path, entry) in contents::in_order(packed) {
            let path = *path;
            let is_held = !kept_dir.is_some_and(|kept| contents::is_within(path, kept));
            match entry {
                Entry::File(part) => {
                    let what = || format!("file {path:?}");
                    if !(is_held && self.file(below, path, part, what)?) {
                        let file = self.keep(part, what)?;
                        let path = path.to_owned();
                        self.kept.push(Line::File { embed, path, file });
                    }
                }
                Entry::Dir => {
                    let made = || {
                        make(path, || {
                            above(below, path).and_then(|()| below.create_dir(path))
                        })
                    };
                    if !(is_held && made()?) {
                        if is_held {
                            kept_dir = Some(path);
                        }
                        let path = path.to_owned();
                        self.kept.push(Line::Dir { embed, path });
                    }
                }
                Entry::Link(_) => {}
            }
        }
        Ok(())
    }

    /// Makes the links of a directory. One that goes up after it went down may go up from where another
    /// link leads, and is kept.
    fn links(&mut self, embed: usize, packed: &PackedDir<'_>, below: &Dir) -> anyhow::Result<()> {
        for (path, entry) in &packed.entries {
            let Entry::Link(target) = entry else {
                continue;
            };
            let names = target.split('/').filter(|name| !matches!(*name, "" | "."));
            let goes_up_again = names
                .skip_while(|name| *name == "..")
                .any(|name| name == "..");
            let made =
                || match above(below, path).and_then(|()| DirExt::symlink(below, target, path)) {
                    Ok(()) => Ok(true),
                    Err(error) if is_of_room(&error) => Err(error).context(Plain(path).to_string()),
                    // Not all systems have links, let everybody make them, or let them lead to any name.
                    Err(_) => Ok(false),
                };
            if goes_up_again || !holds(path) || !made()? {
                self.kept.push(Line::Link {
                    embed,
                    path: (*path).to_owned(),
                    target: (*target).to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Writes a part to a file. `false` where the file system cannot hold a file of this name.
    fn file(
        &self,
        dir: &Dir,
        path: &str,
        part: &Part,
        what: impl Fn() -> String,
    ) -> anyhow::Result<bool> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create_new(true)
            .follow(FollowSymlinks::No);
        let mut file = None;
        let is_made = make(path, || {
            above(dir, path)?;
            file = Some(dir.open_with(path, &options)?);
            Ok(())
        })?;
        if let Some(mut file) = file {
            let mut write = || {
                self.executable.copy(part, &what, &mut file)?;
                file.flush()?;
                file.rewind()?;
                part.is(&mut file)
            };
            let is_whole = write().with_context(|| Plain(path).to_string())?;
            ensure!(is_whole, "{}: it was written, and is another", Plain(path));
        }
        Ok(is_made)
    }

    /// Writes a part to a file with a name of our own, and gives its path.
    fn keep(&mut self, part: &Part, what: impl Fn() -> String) -> anyhow::Result<String> {
        let path = format!("kept/file.{}", self.kept_files);
        self.kept_files += 1;
        let is_made = self.file(self.dir, &path, part, what)?;
        ensure!(is_made, "{path} cannot be made");
        Ok(path)
    }
}

/// Folders that were taken, none within another, whether or not the file system distinguishes the case of
/// letters.
#[derive(Default)]
struct Taken {
    own: HashSet<String>,
    /// What they lie in.
    above: HashSet<String>,
}

impl Taken {
    /// Takes a path, unless it is within one that was taken, or one of these within it.
    fn take(&mut self, path: &str) -> bool {
        let path = path.to_lowercase();
        let above = || paths_above(&path).map(ToOwned::to_owned);
        if self.above.contains(&path)
            || self.own.contains(&path)
            || above().any(|above| self.own.contains(&above))
        {
            return false;
        }
        self.above.extend(above());
        self.own.insert(path)
    }
}

/// The paths above a path, the nearest first.
fn paths_above(path: &str) -> impl Iterator<Item = &str> {
    let above = path.rsplit_once('/').map(|(above, _)| above);
    std::iter::successors(above, |above| Some(above.rsplit_once('/')?.0))
}

/// Makes the directories that lead to a path.
fn above(dir: &Dir, path: &str) -> io::Result<()> {
    match path.rsplit_once('/') {
        Some((above, _)) if dir.symlink_metadata(above).is_err() => dir.create_dir_all(above),
        _ => Ok(()),
    }
}

/// Makes something, and tells whether the file system can hold something at this path.
fn make(path: &str, make: impl FnOnce() -> io::Result<()>) -> anyhow::Result<bool> {
    if !holds(path) {
        return Ok(false);
    }
    match make() {
        Ok(()) => Ok(true),
        Err(error) if is_of_name(&error) => Ok(false),
        Err(error) => Err(error).with_context(|| Plain(path).to_string()),
    }
}

/// Whether something could not be made because of its name: the system takes no such name, or takes it
/// for that of something else.
fn is_of_name(error: &io::Error) -> bool {
    /// "Illegal byte sequence", which the standard library has no name for.
    const EILSEQ: i32 = if cfg!(target_os = "linux") { 84 } else { 92 };
    let kinds = [
        ErrorKind::InvalidFilename,
        ErrorKind::InvalidInput,
        ErrorKind::AlreadyExists,
        ErrorKind::NotADirectory,
    ];
    kinds.contains(&error.kind()) || error.raw_os_error() == Some(EILSEQ)
}

fn is_of_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// Whether this platform's names can say a path.
fn holds(path: &str) -> bool {
    !cfg!(windows) || path.split('/').all(is_windows_name)
}

/// Whether a file of Windows can have a name, and is nothing else under it: no device, no stream.
fn is_windows_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_uppercase();
    let is_numbered = ["COM", "LPT"].iter().any(|device| {
        let number = stem.strip_prefix(device);
        number.is_some_and(|number| number.chars().count() == 1)
    });
    let is_device = is_numbered
        || ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"].contains(&&*stem);
    let is_special = |char: char| char < ' ' || "<>:\"/\\|?*".contains(char);
    !is_device && !name.contains(is_special) && !name.ends_with(['.', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_something_else_to_windows_are_kept_beside() {
        for name in [
            "a", "a.b", "console", "com", "com10", ".a", "ü", "a b", "nul_",
        ] {
            assert!(is_windows_name(name), "{name:?}");
        }
        for name in [
            "a:b",
            "a::b",
            "what?",
            "a*",
            "say \"x\"",
            "x|y",
            "<t>",
            "a\\b",
            "a\n",
            "...",
            "a.",
            "a ",
            "nul",
            "NUL.txt",
            "Con",
            "aux.c",
            "com1",
            "LPT9.a",
            "com²",
            "nul .txt",
            "conin$",
        ] {
            assert!(!is_windows_name(name), "{name:?}");
        }
    }
}
