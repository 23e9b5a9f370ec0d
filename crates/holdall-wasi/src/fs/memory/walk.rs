//! The way from a directory along a path, which never leads out of that directory: neither by `..`,
//! nor by a symbolic link, nor by a slash at the beginning. Numbers of errors, and which of two
//! comes first, are those of Linux below cap-std.

use super::tree::{Id, Tree};
use crate::fault::{Errno, Result};
use crate::fs::{MAX_LINKS, MAX_PATH_BYTES};

/// How to treat the end of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// A symbolic link there is followed.
    pub(super) follow: bool,
    /// A file is going to be created if there is none.
    pub(super) create: bool,
}

/// Where a path leads.
pub(super) enum Walked {
    Node(Id),
    /// To a name that does not exist, in a directory that does.
    Missing {
        dir: Id,
        name: String,
    },
}

/// The node at the end of a path.
pub(super) fn resolve(tree: &Tree, start: Id, path: &str, follow: bool) -> Result<Id> {
    let create = false;
    match walk(tree, start, path, End { follow, create })? {
        Walked::Node(id) => Ok(id),
        Walked::Missing { .. } => Err(Errno::Noent.into()),
    }
}

/// The directory that a path leads to but for its last name, and that name. There is none where
/// the path says by its end that it means a directory: then the directory is itself the end.
pub(super) fn parent<'p>(tree: &Tree, start: Id, path: &'p str) -> Result<(Id, Option<&'p str>)> {
    check(path)?;
    let (dir, name) = match path.rsplit_once('/') {
        _ if path == "." => return Ok((start, None)),
        Some((_, "" | "." | "..")) => (path, None),
        None if path == ".." => (path, None),
        None => return Ok((start, Some(path))),
        Some((dir, name)) => (dir, Some(name)),
    };
    let dir = resolve(tree, start, dir, true)?;
    if !tree.is_dir(dir) {
        return Err(Errno::Notdir.into());
    }
    Ok((dir, name))
}

/// A path without the slashes at its end, for what takes them for no more than the mark of a
/// directory.
pub(super) fn strip(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" if !path.is_empty() => "/",
        path => path,
    }
}

/// Whether it is a path at all, and one that begins in the tree.
pub(super) fn check(path: &str) -> Result<()> {
    if path.is_empty() {
        return Err(Errno::Noent.into());
    }
    if path.contains('\0') {
        return Err(Errno::Inval.into());
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(Errno::Nametoolong.into());
    }
    if path.starts_with('/') {
        return Err(Errno::Perm.into());
    }
    Ok(())
}

/// Goes along a path.
pub(super) fn walk<'t>(tree: &'t Tree, start: Id, path: &'t str, end: End) -> Result<Walked> {
    check(path)?;
    let mut at = start;
    let mut links = 0;
    // A slash at the end asks for a directory.
    let mut as_dir = false;
    // What is left of the path, and of each link on the way; the innermost last.
    let mut rests = vec![path];
    while let Some(text) = rests.pop() {
        let (name, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
        let next = rest.trim_start_matches('/');
        if !next.is_empty() {
            rests.push(next);
        }
        let is_last = rests.is_empty();
        as_dir |= is_last && !rest.is_empty();
        if name == "." || name == ".." {
            let parent = tree.parent(at)?;
            if name == ".." {
                if at == start {
                    return Err(Errno::Perm.into());
                }
                at = parent;
            }
            continue;
        }
        if as_dir && end.create && tree.is_dir(at) {
            return Err(Errno::Isdir.into());
        }
        let Some(id) = tree.lookup(at, name)? else {
            if !is_last {
                return Err(Errno::Noent.into());
            }
            let name = name.to_owned();
            return Ok(Walked::Missing { dir: at, name });
        };
        match tree.target(id) {
            Some(target) if !is_last || end.follow || as_dir => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::Loop.into());
                }
                if target.starts_with('/') {
                    return Err(Errno::Perm.into());
                }
                rests.push(target);
            }
            _ => at = id,
        }
    }
    if as_dir && !tree.is_dir(at) {
        return Err(Errno::Notdir.into());
    }
    Ok(Walked::Node(at))
}
