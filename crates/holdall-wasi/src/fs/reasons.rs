//! Why something cannot be made or removed at a path, as Linux says it.

use super::Dir;
use crate::fault::{Errno, Fault, Result};

/// That there is nothing at a path, where something else than a directory could be.
pub(super) fn vacant(dir: &dyn Dir, path: &str) -> Result<()> {
    match dir.stat_at(strip(path), false) {
        Ok(_) => Err(Errno::Exist.into()),
        Err(fault) if fault.is(Errno::Noent) => {
            parent(dir, path)?;
            // Only a directory can come to be called `new/`.
            match path.ends_with('/') {
                true => Err(Errno::Noent.into()),
                false => Ok(()),
            }
        }
        Err(fault) => Err(fault),
    }
}

/// Why nothing is removed by `name/` that is no directory.
pub(super) fn slash(dir: &dyn Dir, path: &str) -> Fault {
    match dir.stat_at(strip(path), false) {
        Ok(stat) if stat.is_dir() => Errno::Isdir.into(),
        Ok(_) => Errno::Notdir.into(),
        Err(fault) => fault,
    }
}

/// That the directory is there which a path's last name is in.
pub(super) fn parent(dir: &dyn Dir, path: &str) -> Result<()> {
    if path.is_empty() {
        return Err(Errno::Noent.into());
    }
    match dir.stat_at(above(path), true)?.is_dir() {
        true => Ok(()),
        false => Err(Errno::Notdir.into()),
    }
}

/// The path of the directory which a path's last name is in.
pub(super) fn above(path: &str) -> &str {
    match strip(path).rsplit_once('/') {
        Some(("", _)) => "/",
        Some((above, _)) => above,
        None => ".",
    }
}

/// The last name of a path, which may be `.` or `..`.
pub(super) fn last(path: &str) -> &str {
    let path = strip(path);
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

/// A path without the slashes at its end.
pub(super) fn strip(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" if !path.is_empty() => "/",
        path => path,
    }
}
