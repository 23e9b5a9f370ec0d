//! A tree in memory against a directory of the host: the same random operations have the same
//! results, errors included. The host is Linux, whose choice of errors trees follow.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io::{IoSlice, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::host::HostDir;
use super::super::{Dir, FdFlags, File, FileType, Filestat, Node, OFlags, Open, listed};
use super::memory_tests::{contents, errno, file, memory, open, subdir};
use super::*;

/// A directory of the host that goes away at the end of a test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("holdall-memory-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn dir(&self) -> HostDir {
        let authority = cap_std::ambient_authority();
        let dir = cap_std::fs::Dir::open_ambient_dir(&self.0, authority).unwrap();
        HostDir::new(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Marsaglia's xorshift: the same operations at every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A path of few names, so that what one operation makes the next ones meet.
fn path(random: &mut Random, slash: bool) -> String {
    if random.one_in(100) {
        let long = "n".repeat(256);
        return random
            .pick(&["", "/", "/a", "..", "../a", ".", &long])
            .to_owned();
    }
    let mut path = String::new();
    for _ in 0..random.below(3) {
        path += random.pick(&["a", "b", "c", "d", "a", "b", ".", ".."]);
        path += random.pick(&["/", "/", "//"]);
    }
    path += random.pick(&["a", "b", "c", "d", "a", "b", "c", "d", "a", "b", "."]);
    if slash && random.one_in(6) {
        path += random.pick(&["/", "/", "//", "/.", "/.."]);
    }
    path
}

/// One of two file systems, with what is open in it.
struct Side<'a> {
    root: &'a dyn Dir,
    dirs: Vec<Arc<dyn Dir>>,
    files: Vec<Box<dyn File>>,
    /// The numbers of errors so far.
    refusals: BTreeSet<String>,
}

impl Side<'_> {
    fn dir(&self, index: usize) -> &dyn Dir {
        if self.dirs.is_empty() || index == 0 {
            return self.root;
        }
        &*self.dirs[index % self.dirs.len()]
    }
}

/// Runs an operation on both sides and gives its results, which have to be the same.
fn both<T: Debug + PartialEq>(
    what: &str,
    sides: &mut [Side<'_>; 2],
    mut operation: impl FnMut(&mut Side<'_>) -> Result<T>,
) {
    let [host, memory] = sides
        .each_mut()
        .map(|side| operation(side).map_err(|fault| errno::<T>(Err(fault)).expect("a number")));
    assert!(host == memory, "{what}: host {host:?}, memory {memory:?}");
    if let Err(errno) = memory {
        sides[1].refusals.insert(format!("{errno:?}"));
    }
}

/// What both sides can say of a file or a directory in the same words.
fn described(stat: &Filestat) -> (FileType, u64, u64) {
    match stat.filetype {
        // Sizes of directories, and whether they count their subdirectories, are the file
        // system's.
        FileType::Directory => (stat.filetype, 0, 0),
        _ => (stat.filetype, stat.size, stat.nlink),
    }
}

/// A path, what can be said of what is there, and what it holds.
type Entry = (String, (FileType, u64, u64), Vec<u8>);

/// Everything below a directory.
fn everything(dir: &dyn Dir) -> Result<Vec<Entry>> {
    let mut listed = listed(dir)?;
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    let mut all = Vec::new();
    for entry in listed {
        let stat = dir.stat_at(&entry.name, false)?;
        assert_eq!(stat.filetype, entry.filetype);
        assert_eq!(stat.inode, entry.inode);
        let bytes = match stat.filetype {
            FileType::SymbolicLink => dir.read_link(&entry.name)?.into_bytes(),
            FileType::RegularFile => {
                contents(&mut *file(dir, &entry.name, open(OFlags::empty(), false))?)?
            }
            _ => Vec::new(),
        };
        all.push((entry.name.clone(), described(&stat), bytes));
        if stat.filetype == FileType::Directory {
            let below = everything(&*subdir(dir, &entry.name)?)?;
            all.extend(
                below
                    .into_iter()
                    .map(|(name, stat, bytes)| (format!("{}/{name}", entry.name), stat, bytes)),
            );
        }
    }
    Ok(all)
}

/// Runs random operations on both, and gives the numbers of the errors that both gave.
fn compare(seed: u64, steps: usize) -> BTreeSet<String> {
    let scratch = Scratch::new();
    let host = scratch.dir();
    let (_files, memory) = memory();
    let side = |root| Side {
        root,
        dirs: Vec::new(),
        files: Vec::new(),
        refusals: BTreeSet::new(),
    };
    let mut sides = [side(&host as &dyn Dir), side(&memory)];
    let random = &mut Random(seed);
    for step in 0..steps {
        operate(step, random, &mut sides);
        if step % 64 == 0 {
            both(&format!("step {step}: tree"), &mut sides, |side| {
                everything(side.root)
            });
        }
    }
    both("tree at the end", &mut sides, |side| everything(side.root));
    let [_, memory] = sides;
    memory.refusals
}

/// One random operation.
fn operate(step: usize, random: &mut Random, sides: &mut [Side<'_>; 2]) {
    let at = if random.one_in(3) {
        random.below(64)
    } else {
        0
    };
    let kind = random.below(20);
    let a = path(random, true);
    let b = path(random, kind != 6);
    let follow = random.one_in(2);
    let what = format!("step {step}: {kind} in {at} {a:?} {b:?} follow {follow}");
    match kind {
        0..=4 => {
            let flag = |flag, set| if set { flag } else { OFlags::empty() };
            let how = match random.below(4) {
                0 => OFlags::DIRECTORY | flag(OFlags::TRUNCATE, random.one_in(6)),
                _ => {
                    flag(OFlags::CREATE, random.one_in(2))
                        | flag(OFlags::EXCLUSIVE, random.one_in(6))
                        | flag(OFlags::TRUNCATE, random.one_in(6))
                }
            };
            let write = random.one_in(2);
            let append = write && random.one_in(4);
            let how = Open {
                follow,
                how,
                read: !write || random.one_in(2),
                write,
                flags: if append {
                    FdFlags::APPEND
                } else {
                    FdFlags::empty()
                },
            };
            let keep = random.below(16);
            both(&format!("{what} {how:?}"), sides, |side| {
                match side.dir(at).open(&a, how)? {
                    Node::Dir(dir) => {
                        let stat = described(&dir.stat()?);
                        if side.dirs.len() < 16 {
                            side.dirs.push(dir);
                        } else {
                            side.dirs[keep] = dir;
                        }
                        Ok(stat)
                    }
                    Node::File(file) => {
                        let stat = described(&file.stat()?);
                        if side.files.len() < 16 {
                            side.files.push(file);
                        } else {
                            side.files[keep] = file;
                        }
                        Ok(stat)
                    }
                }
            });
        }
        5 => {
            // cap-std takes `link/` for `link` where it does not follow, and finds files by
            // `file/`.
            let follow = follow || a.ends_with(['/', '.']);
            both(&what, sides, |side| {
                Ok(described(&side.dir(at).stat_at(&a, follow)?))
            });
        }
        6 => {
            let to = random.below(64);
            both(&what, sides, |side| {
                side.dir(at).rename(&a, side.dir(to), &b)
            });
        }
        7 => both(&what, sides, |side| side.dir(at).unlink(&a)),
        8 => {
            // cap-std removes no directory by `name/`.
            let a = a.trim_end_matches('/');
            both(&what, sides, |side| side.dir(at).remove_dir(a));
        }
        9 | 10 => both(&what, sides, |side| side.dir(at).create_dir(&a)),
        11 => {
            let target = random.pick(&[a.as_str(), "a", "b/", "../c", "./d/.", "loop"]);
            both(&what, sides, |side| side.dir(at).symlink(target, &b));
        }
        12 => {
            let to = random.below(64);
            both(&what, sides, |side| side.dir(at).link(&a, side.dir(to), &b));
        }
        13 => both(&what, sides, |side| side.dir(at).read_link(&a)),
        14 => both(&what, sides, |side| {
            let mut names: Vec<_> = listed(side.dir(at))?.into_iter().map(|e| e.name).collect();
            names.sort();
            Ok(names)
        }),
        15 => {
            let time = NewTime::At(SystemTime::UNIX_EPOCH + Duration::from_secs(step as u64));
            let follow = follow || a.ends_with(['/', '.']);
            both(&what, sides, |side| {
                let dir = side.dir(at);
                dir.set_times(&a, None, Some(time), follow)?;
                Ok(dir.stat_at(&a, follow)?.mtim)
            });
        }
        _ => use_file(&what, random, sides),
    }
}

/// One random operation on an open file.
fn use_file(what: &str, random: &mut Random, sides: &mut [Side<'_>; 2]) {
    if sides[0].files.is_empty() {
        return;
    }
    let index = random.below(sides[0].files.len());
    let kind = random.below(8);
    let bytes = vec![b'a' + random.below(26) as u8; random.below(300)];
    let at = match random.below(20) {
        0 => random.pick(&[u64::MAX, i64::MAX as u64 + 1]),
        1 => 5000,
        _ => random.below(600) as u64,
    };
    let what = &format!(
        "{what}: file {index} kind {kind} at {at} {} bytes",
        bytes.len()
    );
    let halves = bytes.split_at(bytes.len() / 2);
    let bufs = [IoSlice::new(halves.0), IoSlice::new(halves.1)];
    let mut buf = vec![0; bytes.len()];
    // How far beyond the end a position may be is the file system's.
    let by = random.below(5000) as i64;
    let to = match random.below(3) {
        0 => SeekFrom::Start(at),
        1 => SeekFrom::Current(by - 2500),
        _ => SeekFrom::End(1000 - by),
    };
    both(what, sides, |side| {
        let file = &mut side.files[index];
        match kind {
            0 => {
                let size = file.read(
                    &mut buf,
                    &holdall::provide::Meter::new(&holdall::Limits::new(), false),
                )?;
                return Ok((size as u64, buf[..size].to_vec()));
            }
            1 => {
                let size = file.read_at(&mut buf, at)?;
                return Ok((size as u64, buf[..size].to_vec()));
            }
            2 | 3 => Ok(file.write(
                &bufs,
                &holdall::provide::Meter::new(&holdall::Limits::new(), false),
            )? as u64),
            4 => Ok(file.write_at(&bufs, at)? as u64),
            5 => file.seek(to),
            6 => file.set_size(at).map(|()| 0),
            _ => {
                let mut stat = described(&file.stat()?);
                stat.2 += u64::from(file.flags()?.bits());
                return Ok((stat.1, vec![stat.2 as u8]));
            }
        }
        .map(|number| (number, Vec::new()))
    });
    both(what, sides, |side| {
        side.files[index].seek(SeekFrom::Current(0))
    });
}

#[test]
fn random_operations_have_the_results_of_the_host() {
    let mut refusals = BTreeSet::new();
    for seed in 1..=8 {
        refusals.extend(compare(seed * 0x9e37_79b9, 4000));
    }
    // The operations come near everything that can be refused.
    let all = [
        "Badf",
        "Busy",
        "Exist",
        "Inval",
        "Isdir",
        "Loop",
        "Nametoolong",
        "Noent",
        "Notdir",
        "Notempty",
        "Perm",
    ];
    assert_eq!(refusals, all.map(str::to_owned).into());
}
