//! The directory of a bundle: `.wasm` files, each a module under its file's name, and `host.txt`,
//! which says what the host defines. Does not know what becomes of the files.

use std::fs;
use std::path::{Path, PathBuf};

use holdall_core::bundle::{
    BundledFile, HostManifest, Naming, check_bundle_with, did_you_mean, nearest,
};
use holdall_core::escape::Escaped;
use holdall_core::module::Proposals;

/// The manifest's file.
const HOST: &str = "host.txt";

/// What is in the directory of a bundle.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: PathBuf,
    /// The modules, in the order of their names.
    pub(crate) files: Vec<BundledFile>,
    /// Everything that is wrong with the files. Each fault is a line that begins with the path of
    /// its file.
    pub(crate) faults: Vec<String>,
}

impl Folder {
    /// Reads the directory `dir` in `root`, and checks the modules for a linker with this naming, in
    /// an engine that takes modules which use `proposals`. Faults name files by their paths from `root` on.
    ///
    /// # Errors
    /// Where there is no such directory, or it cannot be read.
    pub(crate) fn read(
        root: &Path,
        dir: &Path,
        naming: &Naming,
        proposals: Proposals,
    ) -> Result<Self, String> {
        let paths = list(&root.join(dir)).map_err(|error| {
            Escaped(&format!(
                "{}: expected a directory of modules, found none: {error}",
                dir.display()
            ))
            .to_string()
        })?;
        let mut files = Vec::new();
        let mut host = HostManifest::default();
        let mut faults = Vec::new();
        for path in paths {
            if let Err(fault) = take(&path, &mut files, &mut host) {
                let file = path.file_name().unwrap_or_default();
                faults.push(format!("{}: {fault}", file.display()));
            }
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        if let Err(errors) = check_bundle_with(&files, &host, naming, proposals) {
            faults.extend(errors.iter().flat_map(|error| error.lines()));
        }
        let faults = faults
            .iter()
            .map(|fault| Escaped(&format!("{}/{fault}", dir.display())).to_string())
            .collect();
        Ok(Self {
            dir: dir.to_owned(),
            files,
            faults,
        })
    }

    /// The index in `files` of the module `name`, which the build script gave to `setting`.
    ///
    /// # Errors
    /// A line that says that there is no such module.
    pub(crate) fn find(&self, setting: &str, name: &str) -> Result<usize, String> {
        let at = self
            .files
            .binary_search_by_key(&name, |file| &file.name)
            .ok();
        at.ok_or_else(|| {
            let nearest = nearest(name, self.files.iter().map(|file| &*file.name));
            Escaped(&format!(
                "{}: expected a module {name:?}, which `{setting}` names, found none{}",
                self.dir.display(),
                did_you_mean(nearest)
            ))
            .to_string()
        })
    }
}

/// The paths that a build script has to watch to run again when a file of the directory changes,
/// comes or goes: the directory and all that is in it.
pub(crate) fn watched(root: &Path, dir: &Path) -> Vec<PathBuf> {
    // A directory that does not exist is watched too: cargo takes it for changed.
    let paths = list(&root.join(dir)).unwrap_or_default();
    let names = paths.iter().filter_map(|path| path.file_name());
    // Cargo is told each path in a line. A name with a line break is left out: the directory is
    // watched anyway.
    let names = names.filter(|name| !name.to_string_lossy().contains(char::is_control));
    let mut watched = vec![dir.to_owned()];
    watched.extend(names.map(|name| dir.join(name)));
    watched
}

/// The paths of what is in a directory, in the order of the names.
fn list(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir)?.map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = entries.collect::<std::io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// Adds what is at a path to `files` or `host`; the error says what is wrong with it.
fn take(path: &Path, files: &mut Vec<BundledFile>, host: &mut HostManifest) -> Result<(), String> {
    let file = path.file_name().unwrap_or_default();
    if path.is_dir() {
        return Err("expected modules and host.txt, found a directory".to_owned());
    }
    if file == HOST {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        *host = HostManifest::parse(&text).map_err(|error| error.to_string())?;
        return Ok(());
    }
    if !file.as_encoded_bytes().ends_with(b".wasm") {
        return Ok(());
    }
    let Some(name) = file.to_str().and_then(|file| file.strip_suffix(".wasm")) else {
        return Err("the name is not UTF-8, as names of modules are; rename the file".to_owned());
    };
    files.push(BundledFile {
        name: name.to_owned(),
        bytes: fs::read(path).map_err(|error| error.to_string())?,
    });
    Ok(())
}
