//! Whether what an executable claims to hold can become files, and how much room they take. A hostile
//! executable may claim anything; both answers take time in proportion to the length of the claim.

use std::cmp::Ordering;
use std::collections::HashSet;

use anyhow::{Context, ensure};
use holdall_pack::process::Plain;
use holdall_pack::{Entry, Manifest, PackedDir, is_below, stays};

/// What a file, directory or link counts for, in bytes, beside its contents.
const ENTRY_BYTES: u64 = 512;

/// Checks that the contents can become files: each name is there once, nothing is below a file or a link,
/// and no link leads out of its directory.
pub(super) fn check(manifest: &Manifest<'_>) -> anyhow::Result<()> {
    let mut names = HashSet::new();
    for module in &manifest.modules {
        let is_new = names.insert(module.name);
        ensure!(is_new, "there are two modules {}", Plain(module.name));
    }
    let root = Plain(manifest.root);
    ensure!(
        names.contains(manifest.root),
        "there is no module {root}, which is its root"
    );
    for dir in &manifest.dirs {
        check_dir(dir).with_context(|| format!("directory {}", Plain(dir.guest)))?;
    }
    Ok(())
}

fn check_dir(dir: &PackedDir<'_>) -> anyhow::Result<()> {
    let mut before = None;
    // The last file or link: nothing can be below one.
    let mut end: Option<&str> = None;
    for (path, entry) in in_order(dir) {
        let path = *path;
        ensure!(is_below(path), "{} is no path of a file", Plain(path));
        ensure!(before != Some(path), "{} is there twice", Plain(path));
        before = Some(path);
        if let Some(end) = end.filter(|end| is_within(path, end)) {
            let end = Plain(end);
            anyhow::bail!("{} is below {end}, which is no directory", Plain(path));
        }
        if !matches!(entry, Entry::Dir) {
            end = Some(path);
        }
        if let Entry::Link(target) = entry {
            ensure!(
                stays(path, target),
                "link {} leads out of the directory: to {}",
                Plain(path),
                Plain(target)
            );
        }
    }
    Ok(())
}

/// How many bytes all files take: their contents, and [`ENTRY_BYTES`] for each file and directory.
pub(super) fn size_bytes(manifest: &Manifest<'_>) -> u64 {
    let mut all = 0_u64;
    let mut add = |size_bytes: u64, nodes: usize| {
        let nodes = ENTRY_BYTES.saturating_mul(nodes as u64);
        all = all.saturating_add(size_bytes).saturating_add(nodes);
    };
    for module in &manifest.modules {
        add(module.module.size_bytes(), names(module.name).count());
    }
    for dir in &manifest.dirs {
        add(0, names(dir.guest).count().max(1));
        let mut before = "";
        for (path, entry) in in_order(dir) {
            let size_bytes = match entry {
                Entry::File(part) => part.size_bytes(),
                Entry::Dir | Entry::Link(_) => 0,
            };
            // Directories that this path has in common with the path before are counted already.
            let shared = names(path).zip(names(before));
            let shared = shared.take_while(|(own, before)| own == before).count();
            add(size_bytes, names(path).count() - shared);
            before = path;
        }
    }
    if let Some(state) = manifest.state {
        add(state.header.size_bytes(), 1);
        add(state.bytes.size_bytes(), 1);
    }
    all
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

/// The entries of a directory, ordered so that what lies below a directory follows it directly.
pub(super) fn in_order<'d, 'a>(dir: &'d PackedDir<'a>) -> Vec<&'d (&'a str, Entry<'a>)> {
    let mut entries: Vec<_> = dir.entries.iter().collect();
    entries.sort_by(|one, other| by_names(one.0, other.0));
    entries
}

/// Compares two paths name by name, so that the end of a name sorts before any character.
fn by_names(one: &str, other: &str) -> Ordering {
    one.split('/').cmp(other.split('/'))
}

/// Whether a path lies below another one.
pub(super) fn is_within(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.starts_with('/'))
}
