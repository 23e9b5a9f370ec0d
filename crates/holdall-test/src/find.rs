//! Which files are tests: manifests and scripts below given paths.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::manifest::Complaint;

/// What the name of a manifest ends in.
pub(crate) const MANIFEST: &str = ".test.toml";

/// What the name of a script ends in.
const SCRIPT: &str = ".wast";

/// A file of tests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    Manifest(PathBuf),
    Script(PathBuf),
}

impl Found {
    /// The file at a path, if its name says that it is one of tests.
    fn at(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        if name.ends_with(MANIFEST) {
            Some(Self::Manifest(path.to_owned()))
        } else if name.ends_with(SCRIPT) {
            Some(Self::Script(path.to_owned()))
        } else {
            None
        }
    }
}

/// The files of tests among `paths` and below them, in the order of the paths, and below each in that of
/// their names. Symbolic links are followed; no directory and no file is looked at twice.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<Found>, Vec<Complaint>> {
    let mut search = Search::default();
    for path in paths {
        if let Err(message) = search.look_at(path) {
            search.complaints.push(Complaint::of_file(path, message));
        }
    }
    if search.complaints.is_empty() {
        Ok(search.found)
    } else {
        Err(search.complaints)
    }
}

#[derive(Default)]
struct Search {
    found: Vec<Found>,
    /// The real paths of what was looked at.
    seen: BTreeSet<PathBuf>,
    complaints: Vec<Complaint>,
}

impl Search {
    fn look_at(&mut self, path: &Path) -> Result<(), String> {
        let what = fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file or directory".to_owned(),
            _ => error.to_string(),
        })?;
        if what.is_dir() {
            self.look_below(path);
            return Ok(());
        }
        let found = Found::at(path).ok_or_else(|| {
            format!("expected a directory, a manifest (*{MANIFEST}) or a script (*{SCRIPT})")
        })?;
        if self.is_new(path) {
            self.found.push(found);
        }
        Ok(())
    }

    fn look_below(&mut self, dir: &Path) {
        let mut dirs = vec![dir.to_owned()];
        while let Some(dir) = dirs.pop() {
            if !self.is_new(&dir) {
                continue;
            }
            let entries = fs::read_dir(&dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let mut entries = match entries {
                Ok(entries) => entries,
                Err(error) => {
                    self.complaints
                        .push(Complaint::of_file(&dir, error.to_string()));
                    continue;
                }
            };
            entries.sort_by_key(fs::DirEntry::file_name);
            let mut below = Vec::new();
            for entry in entries {
                let path = entry.path();
                let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
                // What a broken link leads to is no test.
                let Ok(what) = fs::metadata(&path) else {
                    continue;
                };
                if what.is_dir() && !is_hidden {
                    below.push(path);
                } else if what.is_file()
                    && let Some(found) = Found::at(&path)
                    && self.is_new(&path)
                {
                    self.found.push(found);
                }
            }
            dirs.extend(below.into_iter().rev());
        }
    }

    /// Whether nothing was seen before under the path's real name.
    fn is_new(&mut self, path: &Path) -> bool {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        self.seen.insert(real)
    }
}
