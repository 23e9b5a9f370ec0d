//! A directory that keeps native code from one process to the next: which directories and files are believed,
//! and how an entry is read and written. Does not know what the code is, nor how it is made.
//!
//! Code from a file is executed, so an entry is believed where nobody but the process's own user can have written
//! it: whoever can write that user's files can have that user's processes execute anything already. An entry is
//! read into memory, and not mapped from its file: what was checked must not change afterwards, and a file that
//! becomes shorter must not end the process.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, OpenOptions};
use holdall_core::module::checksum;

/// What an entry begins with: this, its key, and the checksum of what follows.
const MAGIC: [u8; 8] = *b"holdkept";
const HEADER_BYTES: usize = MAGIC.len() + size_of::<Key>() + size_of::<u64>();

/// What an entry is of: a digest of all that the code depends on.
pub(super) type Key = [u8; 32];

/// A directory in which an engine keeps the native code that it makes, for later processes too; see
/// [`Config::cache`](crate::Config::cache).
///
/// Each module has an entry for each combination of settings, processor and version of holdall. Entries are never
/// removed: the directory, or files in it, may be removed at any time. Processes that use one directory at once
/// do not disturb one another. An entry that is damaged is made anew.
///
/// The directory and its entries are believed where the user that runs the process owns them and nobody else may
/// write to them.
#[derive(Clone)]
pub struct Cache {
    dir: Arc<Dir>,
    path: PathBuf,
    tell: Arc<dyn Fn(&CacheError) + Send + Sync>,
    /// Whether `tell` was called.
    told: Arc<Once>,
}

/// Why a directory cannot keep native code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The directory could not be opened or made.
    #[error("cache directory {}: could not be opened", path.display())]
    Unopened {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may have written to the directory.
    #[error("cache directory {}: expected {expected}, found {found}; {way_out}", path.display())]
    Untrusted {
        /// The directory.
        path: PathBuf,
        /// What the directory was expected to be.
        expected: &'static str,
        /// What the directory is.
        found: String,
        /// What to do about it.
        way_out: String,
    },
    /// An entry could not be written.
    #[error("cache directory {}: native code could not be kept", path.display())]
    Unwritten {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl CacheError {
    /// Whether the file system has no room or takes no changes: a fault of the directory's surroundings, without
    /// which the cache would work.
    #[must_use]
    pub fn is_full_or_read_only(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let (Self::Unopened { source, .. } | Self::Unwritten { source, .. }) = self else {
            return false;
        };
        matches!(
            source.kind(),
            QuotaExceeded | ReadOnlyFilesystem | StorageFull
        )
    }
}

impl Cache {
    /// The cache in a directory. One that is not there is made, for the process's own user alone.
    ///
    /// # Errors
    /// The directory cannot be opened or made; it is a symbolic link; another user owns it or may write to it.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, CacheError> {
        // A slash at the end would have a link followed.
        let path: PathBuf = path.as_ref().components().collect();
        let dir = open(&path).map_err(|source| {
            let path = path.clone();
            CacheError::Unopened { path, source }
        })?;
        let untrusted = |expected, found: String, way_out: String| CacheError::Untrusted {
            path: path.clone(),
            expected,
            found,
            way_out,
        };
        let dir = dir.ok_or_else(|| {
            let way_out = "name the directory that the link leads to".to_owned();
            untrusted("a directory", "a symbolic link".to_owned(), way_out)
        })?;
        let metadata = dir.dir_metadata().map_err(|source| {
            let path = path.clone();
            CacheError::Unopened { path, source }
        })?;
        check(&metadata).map_err(|fault| {
            let way_out = match &fault {
                Fault::Writable(_) => format!("say chmod go-w {}", path.display()),
                Fault::Foreign(_) => "choose a directory of your own".to_owned(),
            };
            untrusted(
                "a directory of the user's own, to which nobody else can write",
                fault.to_string(),
                way_out,
            )
        })?;
        Ok(Self {
            dir: Arc::new(dir),
            path,
            tell: Arc::new(|_| {}),
            told: Arc::new(Once::new()),
        })
    }

    /// Has `tell` called the first time that native code cannot be kept. Nothing else comes of that: the module
    /// is there, and the next process makes the code again.
    #[must_use]
    pub fn on_failure(self, tell: impl Fn(&CacheError) + Send + Sync + 'static) -> Self {
        Self {
            tell: Arc::new(tell),
            told: Arc::new(Once::new()),
            ..self
        }
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.path
    }

    /// What is kept under a key, if it can be believed, is whole and has at most so many bytes.
    pub(super) fn read(&self, key: &Key, most_bytes: usize) -> Option<Vec<u8>> {
        let mut options = OpenOptions::new();
        // Nobody waits for what may be a pipe.
        options.read(true).nonblock(true).follow(FollowSymlinks::No);
        let mut file = self.dir.open_with(file_name(key), &options).ok()?;
        let metadata = file.metadata().ok()?;
        let size = usize::try_from(metadata.len()).ok()?;
        let size = size.checked_sub(HEADER_BYTES)?;
        if !metadata.is_file() || check(&metadata).is_err() || size > most_bytes {
            return None;
        }
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header).ok()?;
        let mut kept = vec![0; size];
        file.read_exact(&mut kept).ok()?;
        (header == header_of(key, &kept)).then_some(kept)
    }

    /// Keeps something under a key, in place of what is kept there.
    pub(super) fn write(&self, key: &Key, kept: &[&[u8]]) {
        if let Err(source) = self.replace(key, &kept.concat()) {
            let path = self.path.clone();
            let error = CacheError::Unwritten { path, source };
            self.told.call_once(|| (self.tell)(&error));
        }
    }

    /// Writes an entry to a file of its own, which takes the entry's name when it is whole.
    fn replace(&self, key: &Key, kept: &[u8]) -> io::Result<()> {
        let name = file_name(key);
        let number = RandomState::new().build_hasher().finish();
        let temporary = format!("{name}.{number:016x}");
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = self.dir.open_with(&temporary, &options)?;
        let write = || {
            file.write_all(&header_of(key, kept))?;
            file.write_all(kept)?;
            self.dir.rename(&temporary, &self.dir, name)
        };
        write().inspect_err(|_| drop(self.dir.remove_file(&temporary)))
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("directory", &self.path)
            .finish_non_exhaustive()
    }
}

/// The name of an entry's file.
fn file_name(key: &Key) -> String {
    let digits = key.iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<String>() + ".native"
}

fn header_of(key: &Key, kept: &[u8]) -> [u8; HEADER_BYTES] {
    let checksum = checksum(kept).to_le_bytes();
    let header = [&MAGIC[..], key, &checksum].concat();
    header.try_into().expect("the parts have this size")
}

/// Opens a directory, which is made if it is not there. `None` where the path is a symbolic link.
fn open(path: &Path) -> io::Result<Option<Dir>> {
    let Some(name) = path.file_name() else {
        return Dir::open_ambient_dir(path, ambient_authority()).map(Some);
    };
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.recursive(true).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let above = match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    let above = Dir::open_ambient_dir(above, ambient_authority())?;
    match above.open_dir_nofollow(name) {
        Err(_) if above.symlink_metadata(name)?.is_symlink() => Ok(None),
        opened => opened.map(Some),
    }
}

/// Why a directory or a file is not believed.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// The user who owns it.
    #[error("{0}")]
    Foreign(String),
    /// The mode.
    #[error("the mode {0:03o}")]
    Writable(u32),
}

/// Checks that nobody but the process's own user can have written to a file or a directory.
#[cfg(unix)]
fn check(metadata: &Metadata) -> Result<(), Fault> {
    use cap_std::fs::MetadataExt;

    let user = rustix::process::geteuid().as_raw();
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if owner != user {
        return Err(Fault::Foreign(format!("one of the user {owner}")));
    }
    match mode & 0o022 {
        0 => Ok(()),
        _ => Err(Fault::Writable(mode)),
    }
}

/// Nothing is believed on systems where native code does not run.
#[cfg(not(unix))]
fn check(_: &Metadata) -> Result<(), Fault> {
    Err(Fault::Foreign("one whose owner is not known".to_owned()))
}
