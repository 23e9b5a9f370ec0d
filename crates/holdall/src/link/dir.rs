//! The reader over a directory. It reads through a [`Dir`] that it was handed, which cannot be left;
//! names that would try are refused before the file system sees them.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path};

use cap_fs_ext::OpenOptionsSyncExt;
use cap_std::fs::{Dir, File, OpenOptions};

use super::reader::{ModuleReader, ReadError};

/// What may follow a module's name in the directory, in the order in which it is looked for.
#[cfg(feature = "wat")]
const EXTENSIONS: &[&str] = &["wasm", "wat"];
#[cfg(not(feature = "wat"))]
const EXTENSIONS: &[&str] = &["wasm"];

/// Reads `name.wasm`, else (with the feature `wat`) `name.wat`, in a directory. A name may lead into
/// a directory below (`math/add`), with `/`; it can not lead out, and neither can symbolic links. The
/// versions of a module (`math@1.2.3`) are found by a part of their number when they are directly in
/// the directory; those below it only by their whole names.
#[derive(Debug)]
pub struct DirReader {
    dir: Dir,
    label: String,
    limit_bytes: u64,
}

impl DirReader {
    /// The size above which modules are refused, where [`limit_bytes`](Self::limit_bytes) sets no
    /// other: 256 MiB.
    pub const DEFAULT_LIMIT_BYTES: u64 = 256 << 20;

    /// A reader of this directory. `label` is how messages call it: its path, as a rule.
    #[must_use]
    pub fn new(dir: Dir, label: impl Into<String>) -> Self {
        Self {
            dir,
            label: label.into(),
            limit_bytes: Self::DEFAULT_LIMIT_BYTES,
        }
    }

    /// Sets the size in bytes above which modules are refused.
    #[must_use]
    pub fn limit_bytes(mut self, limit_bytes: u64) -> Self {
        self.limit_bytes = limit_bytes;
        self
    }

    /// The bytes of a file of at most `limit` bytes; `None` where there is no file.
    fn file(&self, name: &str, path: &str, limit: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let io = |error: io::Error| match error.kind() {
            // cap-std's own refusal, unlike the operating system's, has no error number.
            ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
                self.confined(name, "it leads out through a symbolic link")
            }
            _ => ReadError::Io {
                name: name.to_owned(),
                source: error,
            },
        };
        let too_large = || ReadError::TooLarge {
            name: name.to_owned(),
            limit_bytes: limit,
        };
        let Some((file, size)) = regular_file(&self.dir, path).map_err(io)? else {
            return Ok(None);
        };
        if size > limit {
            return Err(too_large());
        }
        // Room for the whole file at once: a buffer that grows takes twice as much on the way.
        let mut bytes = Vec::new();
        let room = usize::try_from(size).unwrap_or(usize::MAX);
        bytes
            .try_reserve_exact(room.saturating_add(1))
            .map_err(|_| io(ErrorKind::OutOfMemory.into()))?;
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(io)?;
        if bytes.len() as u64 > limit {
            return Err(too_large());
        }
        Ok(Some(bytes))
    }

    fn confined(&self, name: &str, reason: &'static str) -> ReadError {
        ReadError::Confined {
            name: name.to_owned(),
            within: self.describe(),
            reason,
        }
    }
}

/// Opens a regular file of a directory to read it, and gives its size in bytes. `None` where the
/// path has nothing, or something other than a regular file. Never waits: the path may become a
/// pipe at any time, so opening does not wait, and what was opened is checked again.
pub(crate) fn regular_file(dir: &Dir, path: &str) -> io::Result<Option<(File, u64)>> {
    let absent =
        |error: &io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    // Merely opening a device may have effects, so the kind of file is checked before.
    match dir.metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut options = OpenOptions::new();
    options.read(true).nonblock(true);
    #[cfg(target_os = "linux")]
    {
        use cap_std::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed());
    }
    let file = match dir.open_with(path, &options) {
        Ok(file) => file,
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then(|| (file, metadata.len())))
}

/// Why a name cannot be the name of a file in the directory, where it cannot. Each file has one
/// name: `x`, and neither `./x` nor `sub/../x`.
fn fault_of(name: &str) -> Option<&'static str> {
    let path = Path::new(name);
    if path.has_root() || matches!(path.components().next(), Some(Component::Prefix(_))) {
        return Some("it is an absolute path");
    }
    if name.split(['/', '\\']).any(|part| part == "..") {
        return Some("\"..\" may lead out");
    }
    if name.contains(['\0', '\\']) {
        return Some("it has a character that no module name has");
    }
    if name.split('/').any(|part| part.is_empty() || part == ".") {
        return Some("it has an empty part");
    }
    None
}

impl ModuleReader for DirReader {
    fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        self.read_within(name, usize::MAX)
    }

    fn read_within(
        &self,
        name: &str,
        most_bytes: usize,
    ) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        let limit = self.limit_bytes.min(most_bytes as u64);
        if let Some(reason) = fault_of(name) {
            return Err(self.confined(name, reason));
        }
        for extension in EXTENSIONS {
            if let Some(bytes) = self.file(name, &format!("{name}.{extension}"), limit)? {
                return Ok(Some(Cow::Owned(bytes)));
            }
        }
        Ok(None)
    }

    fn wants_back(&self, _name: &str, _bytes: &[u8]) -> bool {
        false
    }

    fn describe(&self) -> String {
        format!("directory {:?}", self.label)
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = self.dir.entries() else {
            return Vec::new();
        };
        let files = entries.filter_map(|entry| {
            let file = entry.ok()?.file_name();
            let (name, extension) = file.to_str()?.rsplit_once('.')?;
            EXTENSIONS.contains(&extension).then(|| name.to_owned())
        });
        let mut names: Vec<String> = files.collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::fault_of;

    #[test]
    fn names_that_lead_out_or_are_spelt_twice_are_refused() {
        for name in [
            "../x",
            "a/../x",
            "a/../../x",
            "..",
            "/x",
            "./x",
            "a//x",
            "a/",
            "",
            "a\\x",
            "a\0",
        ] {
            assert!(fault_of(name).is_some(), "{name:?}");
        }
        for name in ["x", "a/x", "..x", "x..", "x.y", "é"] {
            assert_eq!(fault_of(name), None, "{name:?}");
        }
    }
}
