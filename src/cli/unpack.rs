//! `holdall unpack`: what an executable carries, as files.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use holdall::pack::{Bag, Entry};

use super::output::{Output, Plain};
use super::packed;
use super::shell::{Unsayable, option, quoted};
use super::source::{MAX_FILE_BYTES, Sources};

/// Give the parts of an executable of `holdall pack` back as files
#[derive(Debug, clap::Args)]
#[command(after_help = "\
DIR gets the modules in DIR/modules, the embedded directories in DIR/files, the state of --preinit
in DIR/state, and in DIR/command.txt the command that packs them again, but for --preinit. In names
of files, characters that would lead elsewhere are %-escaped.")]
pub(super) struct Args {
    /// An executable of `holdall pack`
    app: PathBuf,
    /// A directory, which is made, or is there and empty
    dir: PathBuf,
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<()> {
    let root = Sources::of_the_bundle(false).root(&args.app, MAX_FILE_BYTES)?;
    let bag = packed::open(&root)?;
    let label = args.dir.to_string_lossy();
    let wrote = empty_dir(&args.dir).and_then(|dir| write(&bag, &dir));
    wrote.with_context(|| format!("cannot unpack into {}", Plain(&label)))?;
    let manifest = bag.manifest();
    output.line(format_args!(
        "modules: {}, directories: {}, in {}",
        manifest.modules.len(),
        manifest.dirs.len(),
        Plain(&label)
    ))
}

/// The directory at a path, which has nothing in it yet.
fn empty_dir(path: &Path) -> anyhow::Result<Dir> {
    std::fs::create_dir_all(path)?;
    let dir = Dir::open_ambient_dir(path, ambient_authority())?;
    if dir.entries()?.next().is_some() {
        return Err(anyhow!("it is not empty; name another one"));
    }
    Ok(dir)
}

fn write(bag: &Bag<'_>, dir: &Dir) -> anyhow::Result<()> {
    let manifest = bag.manifest();
    for module in &manifest.modules {
        let bytes = bag.part(&module.module, || format!("module {:?}", module.name))?;
        put(dir, &module_path(module.name), |path| {
            dir.write(path, bytes)
        })?;
    }
    for packed in &manifest.dirs {
        let below = dir_path(packed.guest);
        dir.create_dir_all(&below).with_context(|| below.clone())?;
        for (path, entry) in &packed.entries {
            let path = format!("{below}/{}", file_path(path));
            match entry {
                Entry::File(part) => {
                    let bytes = bag.part(part, || format!("file {path:?}"))?;
                    put(dir, &path, |path| dir.write(path, bytes))?;
                }
                Entry::Dir => put(dir, &path, |path| dir.create_dir_all(path))?,
                Entry::Link(target) => put(dir, &path, |path| dir.symlink(target, path))?,
            }
        }
    }
    if let Some(state) = manifest.state {
        for (path, part) in [
            ("state/header", state.header),
            ("state/memories", state.bytes),
        ] {
            let bytes = bag.part(&part, || "the state".to_owned())?;
            put(dir, path, |path| dir.write(path, bytes))?;
        }
    }
    put(dir, "command.txt", |path| dir.write(path, command(bag)))
}

/// Makes something at a path, and the directories that lead to it.
fn put(dir: &Dir, path: &str, make: impl FnOnce(&str) -> io::Result<()>) -> anyhow::Result<()> {
    let above = path
        .rsplit_once('/')
        .map_or(Ok(()), |(above, _)| dir.create_dir_all(above));
    above
        .and_then(|()| make(path))
        .with_context(|| format!("{}", Plain(path)))
}

/// The command that packs it again, in the directory; or a remark that no command does.
fn command(bag: &Bag<'_>) -> String {
    words(bag).map_or_else(
        |unsayable| format!("# there is no form that every shell reads of {unsayable}\n"),
        |words| words.join(" \\\n  ") + "\n",
    )
}

fn words(bag: &Bag<'_>) -> Result<Vec<String>, Unsayable> {
    let manifest = bag.manifest();
    let mut words = vec![
        format!("holdall pack {}", quoted(&module_path(manifest.root))?),
        "-o APP --no-bundle".to_owned(),
    ];
    for module in &manifest.modules {
        if module.name != manifest.root {
            let value = format!("{}={}", module.name, module_path(module.name));
            words.push(option("--module", &value)?);
        }
    }
    for dir in &manifest.dirs {
        let value = format!("{}::{}", dir_path(dir.guest), dir.guest);
        words.push(option("--embed", &value)?);
    }
    for name in &manifest.invoke {
        words.push(option("--invoke", name)?);
    }
    for option in packed::options(manifest) {
        words.push(option?);
    }
    if !manifest.args.is_empty() {
        words.push("--".to_owned());
        for arg in &manifest.args {
            words.push(quoted(arg)?);
        }
    }
    Ok(words)
}

fn module_path(name: &str) -> String {
    format!("modules/{}.wasm", file_path(name))
}

fn dir_path(guest: &str) -> String {
    let path = file_path(guest.trim_start_matches('/'));
    format!("files/{path}").trim_end_matches('/').to_owned()
}

/// A name as a path below a directory: `/` keeps its meaning, and nothing else has any.
fn file_path(name: &str) -> String {
    let mut path = String::new();
    for (at, part) in name.split('/').enumerate() {
        if at > 0 {
            path.push('/');
        }
        let is_special = part.is_empty() || part.chars().all(|char| char == '.');
        for char in part.chars() {
            if char.is_control() || "%\\:*?\"<>|".contains(char) || is_special {
                let mut bytes = [0; 4];
                for byte in char.encode_utf8(&mut bytes).bytes() {
                    path += &format!("%{byte:02x}");
                }
            } else {
                path.push(char);
            }
        }
        if part.is_empty() {
            path.push('%');
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_lead_nowhere_else() {
        for (name, expected) in [
            ("mA", "mA"),
            ("lib/zlib@1.2.3", "lib/zlib@1.2.3"),
            ("..", "%2e%2e"),
            ("../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd"),
            ("/etc", "%/etc"),
            ("a//b", "a/%/b"),
            ("", "%"),
            ("50%", "50%25"),
            ("c:\\x", "c%3a%5cx"),
            ("a\0b", "a%00b"),
        ] {
            assert_eq!(file_path(name), expected, "{name:?}");
        }
        assert_eq!(dir_path("/"), "files/%");
        assert_eq!(dir_path("/usr/lib"), "files/usr/lib");
        assert_eq!(dir_path("."), "files/%2e");
    }
}
