//! A directory of the host, as it is read to be packed. Another process may change the directory meanwhile.
//! That changes what is read, and nothing else: no link is followed, and no pipe is waited for.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::Path;

use cap_fs_ext::{DirExt, FollowSymlinks, MetadataExt, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, Metadata, OpenOptions};

use holdall::{Error, Result};
use holdall_wasi::MAX_PATH_BYTES;

use crate::{no_room, wrong};

/// What is at a path of a directory.
#[derive(Debug)]
pub(crate) enum Source {
    /// A file, which was not read yet.
    File,
    /// A file with these bytes, which is not in the host's directory.
    Kept(Vec<u8>),
    Dir,
    /// A symbolic link to this target, which is within the directory.
    Link(String),
}

/// A place in the file system: a name in a directory, whatever path leads there. The file at the place may
/// have other names too, which are hard links.
#[derive(Debug)]
pub struct Place {
    dir: Identity,
    name: OsString,
    file: Option<Identity>,
}

/// The number of a device, and the number of a file or directory on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

impl Place {
    /// The place of a name in a directory. There need not be a file yet.
    ///
    /// # Errors
    ///
    /// When the system does not tell the directory's identity.
    pub fn new(dir: &Dir, name: &OsStr) -> io::Result<Self> {
        let there = dir.symlink_metadata(Path::new(name)).ok();
        let is_file = |there: &Metadata| there.is_file();
        Ok(Self {
            dir: Identity::of(&dir.dir_metadata()?),
            name: name.to_owned(),
            file: there.filter(is_file).as_ref().map(Identity::of),
        })
    }

    fn is_name(&self, dir: Identity, name: &str) -> bool {
        self.dir == dir && self.name == *name
    }

    fn is_file(&self, metadata: &Metadata) -> bool {
        self.file == Some(Identity::of(metadata))
    }
}

/// All that is in a directory and below it, by path, without what is at the place that is left out.
pub(crate) fn read(root: &Dir, left_out: Option<&Place>) -> Result<BTreeMap<String, Source>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![String::new()];
    while let Some(above) = dirs.pop() {
        for (path, kind) in list(root, &above, left_out)
            .map_err(|error| cannot_read(above.trim_end_matches('/'), &error))?
        {
            check_path(&path)?;
            let source = if kind.is_dir() {
                dirs.push(format!("{path}/"));
                Source::Dir
            } else if kind.is_file() {
                Source::File
            } else if kind.is_symlink() {
                let target = root.read_link_contents(&path);
                let target = target.map_err(|error| cannot_read(&path, &error))?;
                let target = target.into_os_string().into_string();
                Source::Link(check_link(
                    &path,
                    target.unwrap_or_else(|_| "/".to_owned()),
                )?)
            } else {
                return Err(no_file(&path));
            };
            found.insert(path, source);
        }
    }
    Ok(found)
}

/// The paths of what is in one directory. `above` is the path of that directory: empty, or with a `/` at the
/// end.
fn list(
    root: &Dir,
    above: &str,
    left_out: Option<&Place>,
) -> io::Result<Vec<(String, cap_std::fs::FileType)>> {
    let dir = if above.is_empty() {
        root.try_clone()?
    } else {
        root.open_dir_nofollow(above.trim_end_matches('/'))?
    };
    let own = match left_out {
        Some(_) => Some(Identity::of(&dir.dir_metadata()?)),
        None => None,
    };
    let mut entries = Vec::new();
    for entry in dir.entries()? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| io::Error::other(format!("the name {name:?} is no text (UTF-8)")))?;
        let is_left_out = left_out
            .zip(own)
            .is_some_and(|(place, dir)| place.is_name(dir, &name));
        if !is_left_out {
            entries.push((format!("{above}{name}"), entry.file_type()?));
        }
    }
    Ok(entries)
}

/// The bytes of a file in a directory.
///
/// # Errors
///
/// When there is no file at the path, or it cannot be read.
pub fn read_file(root: &Dir, path: &str) -> Result<Vec<u8>> {
    read_unless(root, path, None).map(Option::unwrap_or_default)
}

/// The bytes of a file; `None` where the file is the one that is left out. Since it was listed the file may
/// have become a pipe: it is opened without waiting, and only then asked what it is.
pub(crate) fn read_unless(
    root: &Dir,
    path: &str,
    left_out: Option<&Place>,
) -> Result<Option<Vec<u8>>> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let cannot_read = |error: io::Error| cannot_read(path, &error);
    let mut file = root.open_with(path, &options).map_err(cannot_read)?;
    let metadata = file.metadata().map_err(cannot_read)?;
    if !metadata.is_file() {
        return Err(no_file(path));
    }
    if left_out.is_some_and(|place| place.is_file(&metadata)) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(cannot_read)?;
    Ok(Some(bytes))
}

/// Checks that a guest can name a path below the directory.
pub(crate) fn check_path(path: &str) -> Result<()> {
    if path.len() > MAX_PATH_BYTES {
        return Err(wrong(format!(
            "{path:?} is longer than the {MAX_PATH_BYTES} bytes that a guest can name"
        )));
    }
    if !is_below(path) {
        return Err(wrong(format!(
            "{path:?} is no path of a file in a directory: expected names with a / between"
        )));
    }
    Ok(())
}

/// Whether a path consists of names with `/` between, and so leads downwards only.
#[must_use]
pub fn is_below(path: &str) -> bool {
    let is_name = |name: &str| !matches!(name, "" | "." | "..");
    path.split('/').all(is_name) && !path.contains('\0')
}

/// Checks that a symbolic link at `path` stays within the directory, and gives back its target.
pub(crate) fn check_link(path: &str, target: String) -> Result<String> {
    if stays(path, &target) {
        return Ok(target);
    }
    Err(wrong(format!(
        "{path:?} is a symbolic link that leads out of the directory; put in its place what it leads to"
    )))
}

/// Whether the target of a symbolic link at `path` is within the directory, judged by names alone.
#[must_use]
pub fn stays(path: &str, target: &str) -> bool {
    let mut depth = path.matches('/').count() as i64;
    for name in target.split('/') {
        match name {
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
        if depth < 0 {
            return false;
        }
    }
    !target.starts_with('/')
}

fn no_file(path: &str) -> Error {
    wrong(format!(
        "{path:?} is neither a file nor a directory nor a symbolic link"
    ))
}

fn cannot_read(path: &str, error: &io::Error) -> Error {
    let path = if path.is_empty() { "it" } else { path };
    no_room(format!("{path:?} cannot be read: {error}"))
}
