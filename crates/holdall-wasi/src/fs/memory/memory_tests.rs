//! What only a tree in memory has: limits, a clock, and the embedder's view. What it has in common
//! with a directory of the host is in `against_host`.

use std::io::IoSlice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::{Dir, FdFlags, File, FileType, Node, OFlags, Open, listed};
use super::*;

fn at_epoch() -> Clock {
    Arc::new(|| SystemTime::UNIX_EPOCH)
}

pub(super) fn memory() -> (Files, MemoryDir) {
    let files = Files::new();
    let dir = MemoryDir::new(&files, at_epoch());
    (files, dir)
}

pub(super) fn open(how: OFlags, write: bool) -> Open {
    Open {
        follow: true,
        how,
        read: true,
        write,
        flags: FdFlags::empty(),
    }
}

pub(super) fn file(dir: &dyn Dir, path: &str, open: Open) -> Result<Box<dyn File>> {
    match dir.open(path, open)? {
        Node::File(file) => Ok(file),
        Node::Dir(_) => Err(Errno::Isdir.into()),
    }
}

pub(super) fn subdir(dir: &dyn Dir, path: &str) -> Result<Arc<dyn Dir>> {
    match dir.open(path, open(OFlags::DIRECTORY, false))? {
        Node::Dir(dir) => Ok(dir),
        Node::File(_) => Err(Errno::Notdir.into()),
    }
}

pub(super) fn errno<T>(result: Result<T>) -> Option<Errno> {
    match result {
        Ok(_) => None,
        Err(Fault::Errno(errno)) => Some(errno),
        Err(Fault::End(error)) => panic!("the guest would end: {error}"),
    }
}

fn write(file: &mut dyn File, bytes: &[u8]) -> Result<usize> {
    file.write(
        &[IoSlice::new(bytes)],
        &holdall::provide::Meter::new(&holdall::Limits::new(), false),
    )
}

pub(super) fn contents(file: &mut dyn File) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 1 << 16];
    let size = file.read_at(&mut bytes, 0)?;
    bytes.truncate(size);
    Ok(bytes)
}

#[test]
fn limit_of_bytes_ends_a_write_where_it_is() {
    let files = Files::new().limit_bytes(10);
    let dir = MemoryDir::new(&files, at_epoch());
    let mut a = file(&dir, "a", open(OFlags::CREATE, true)).unwrap();
    assert_eq!(write(&mut *a, b"1234567").unwrap(), 7);
    assert_eq!(errno(dir.symlink("four", "l")), Some(Errno::Nospc));
    assert_eq!(write(&mut *a, b"1234567").unwrap(), 3);
    assert_eq!(errno(write(&mut *a, b"1")), Some(Errno::Nospc));
    assert_eq!(errno(a.set_size(11)), Some(Errno::Nospc));
    // What is there can be written over, and what goes makes room.
    assert_eq!(a.write_at(&[IoSlice::new(b"abc")], 7).unwrap(), 3);
    dir.unlink("a").unwrap();
    assert_eq!(errno(dir.symlink("four", "l")), Some(Errno::Nospc));
    drop(a);
    dir.symlink("four", "l").unwrap();
    // A hole is as long as what it stands for.
    let mut b = file(&dir, "b", open(OFlags::CREATE, true)).unwrap();
    assert_eq!(
        errno(b.write_at(&[IoSlice::new(b"1")], 6)),
        Some(Errno::Nospc)
    );
    assert_eq!(errno(b.set_size(u64::MAX / 2)), Some(Errno::Nospc));
    assert_eq!(b.write_at(&[IoSlice::new(b"12")], 5).unwrap(), 1);
    assert_eq!(contents(&mut *b).unwrap(), b"\0\0\0\0\x001");
    assert!(files.write("c", "1").is_err());
}

#[test]
fn limit_of_nodes_counts_names_and_nodes() {
    let files = Files::new().limit_nodes(3);
    let dir = MemoryDir::new(&files, at_epoch());
    dir.create_dir("d").unwrap();
    drop(file(&dir, "d/f", open(OFlags::CREATE, true)).unwrap());
    assert_eq!(errno(dir.create_dir("e")), Some(Errno::Nospc));
    dir.link("d/f", &dir, "g").unwrap();
    assert_eq!(errno(dir.link("d/f", &dir, "h")), Some(Errno::Nospc));
    // A name moves even where there may be no more of them.
    let files = files.limit_nodes(1);
    dir.rename("g", &dir, "h").unwrap();
    assert_eq!(files.paths(), ["d/f", "h"]);
    dir.unlink("h").unwrap();
    dir.unlink("d/f").unwrap();
    dir.remove_dir("d").unwrap();
    assert_eq!(files.tree().nodes(), 1);
    assert_eq!(files.tree().bytes(), 0);
}

#[test]
fn directory_that_is_removed_while_open_takes_no_entries() {
    let (_files, root) = memory();
    root.create_dir("a").unwrap();
    root.create_dir("a/b").unwrap();
    let b = subdir(&root, "a/b").unwrap();
    root.remove_dir("a/b").unwrap();
    root.remove_dir("a").unwrap();
    assert_eq!(b.stat().unwrap().nlink, 0);
    assert_eq!(errno(b.create_dir("c")), Some(Errno::Noent));
    assert_eq!(
        errno(file(&*b, "c", open(OFlags::CREATE, true))),
        Some(Errno::Noent)
    );
    assert_eq!(errno(root.rename("c", &*b, "c")), Some(Errno::Noent));
    assert_eq!(errno(b.stat_at("../x", true)), Some(Errno::Perm));
    assert!(listed(&*b).unwrap().is_empty());
    assert_eq!(b.stat_at(".", true).unwrap().filetype, FileType::Directory);
}

#[test]
fn links_do_not_lead_out_of_a_directory_inside_the_tree() {
    let (files, root) = memory();
    let files = files.with("secret", "s").with("jail/in", "i");
    root.symlink("../secret", "jail/out").unwrap();
    root.symlink("../jail/in", "jail/around").unwrap();
    root.symlink("in", "jail/l0").unwrap();
    for i in 1..=40 {
        root.symlink(&format!("l{}", i - 1), &format!("jail/l{i}"))
            .unwrap();
    }
    let jail = subdir(&root, "jail").unwrap();
    assert_eq!(errno(jail.stat_at("out", true)), Some(Errno::Perm));
    assert_eq!(errno(jail.stat_at("around", true)), Some(Errno::Perm));
    assert_eq!(errno(root.stat_at("jail/out", true)), None);
    assert_eq!(errno(jail.stat_at("l39", true)), None);
    assert_eq!(errno(jail.stat_at("l40", true)), Some(Errno::Loop));
    assert_eq!(errno(root.symlink("/etc", "e")), Some(Errno::Perm));
    assert_eq!(files.read("jail/around").as_deref(), Some(&b"i"[..]));
    assert_eq!(errno(root.rename("jail", &*jail, "x")), Some(Errno::Inval));
    let (_other_files, other) = memory();
    assert_eq!(errno(root.rename("secret", &other, "x")), Some(Errno::Xdev));
}

#[test]
fn times_are_those_of_the_clock() {
    let ticks = Arc::new(AtomicU64::new(0));
    let ticking = ticks.clone();
    let second = |at| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(at));
    let clock: Clock = Arc::new(move || second(ticking.load(Ordering::Relaxed)).unwrap());
    let files = Files::new();
    let dir = MemoryDir::new(&files, clock);
    ticks.store(5, Ordering::Relaxed);
    let mut a = file(&dir, "a", open(OFlags::CREATE, true)).unwrap();
    ticks.store(7, Ordering::Relaxed);
    write(&mut *a, b"x").unwrap();
    let stat = a.stat().unwrap();
    assert_eq!(
        (stat.atim, stat.mtim, stat.ctim),
        (second(5), second(7), second(7))
    );
    assert_eq!(dir.stat().unwrap().mtim, second(5));
    let at = NewTime::At(second(100).unwrap());
    dir.set_times("a", Some(at), None, true).unwrap();
    ticks.store(9, Ordering::Relaxed);
    a.set_times(None, Some(NewTime::Now)).unwrap();
    let stat = a.stat().unwrap();
    assert_eq!(
        (stat.atim, stat.mtim, stat.ctim),
        (second(100), second(9), second(9))
    );
}

#[test]
fn embedded_files_are_borrowed_until_somebody_writes() {
    static INNER: [include_dir::DirEntry<'static>; 1] = [include_dir::DirEntry::File(
        include_dir::File::new("d/f", b"static"),
    )];
    static ALL: [include_dir::DirEntry<'static>; 2] = [
        include_dir::DirEntry::Dir(include_dir::Dir::new("d", &INNER)),
        include_dir::DirEntry::Dir(include_dir::Dir::new("empty", &[])),
    ];
    let files = Files::embedded(&include_dir::Dir::new("", &ALL));
    let dir = MemoryDir::new(&files, at_epoch());
    assert!(subdir(&dir, "empty").is_ok());
    assert_eq!(files.tree().bytes(), 0);
    let mut f = file(&dir, "d/f", open(OFlags::empty(), true)).unwrap();
    f.set_size(4).unwrap();
    assert_eq!(files.tree().bytes(), 0);
    f.write_at(&[IoSlice::new(b"o")], 1).unwrap();
    assert_eq!(files.tree().bytes(), 4);
    assert_eq!(files.read("d/f").as_deref(), Some(&b"soat"[..]));
}

#[test]
fn embedder_writes_reads_and_removes() {
    let files = Files::new().with("a/b/c", "1").with("a/d", "2");
    files.write("a/b/c", "longer").unwrap();
    assert_eq!(files.read("a/b/c").as_deref(), Some(&b"longer"[..]));
    assert_eq!(files.read("a/b"), None);
    let kind = |result: std::io::Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(files.write("a/d/e", "")), ErrorKind::NotADirectory);
    assert_eq!(kind(files.write("a/b", "")), ErrorKind::IsADirectory);
    assert_eq!(kind(files.write("/a", "")), ErrorKind::PermissionDenied);
    assert_eq!(kind(files.write("../a", "")), ErrorKind::PermissionDenied);
    assert_eq!(kind(files.write("", "")), ErrorKind::InvalidInput);
    assert_eq!(kind(files.remove("x")), ErrorKind::NotFound);
    let message = files.remove("x").unwrap_err().to_string();
    assert_eq!(message, "path \"x\" in memory: found nothing of that name");
    assert_eq!(files.clone().paths(), ["a/b/c", "a/d"]);
    files.remove("a/b").unwrap();
    files.remove("a").unwrap();
    assert!(files.paths().is_empty());
    assert_eq!(files.tree().nodes(), 1);
    assert_eq!(format!("{files:?}"), "Files { nodes: 1, bytes: 0, .. }");
}

#[test]
fn depth_that_paths_cannot_name_goes_away_in_one_removal() {
    let (files, root) = memory();
    let mut dir: Arc<dyn Dir> = Arc::new(root);
    for _ in 0..20_000 {
        dir.create_dir("d").unwrap();
        dir = subdir(&*dir, "d").unwrap();
    }
    drop(file(&*dir, "f", open(OFlags::CREATE, true)).unwrap());
    assert!(files.paths().is_empty());
    files.remove("d").unwrap();
    assert_eq!(errno(dir.create_dir("e")), Some(Errno::Noent));
    drop(dir);
    assert_eq!(files.tree().nodes(), 1);
}
