//! Native code that a directory keeps: which directories are taken, what is believed of their contents, and that
//! whatever else lies there is made anew.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use holdall::{Cache, Config, Engine, Instance, Module, Store};
use holdall_core::module::checksum;
use holdall_core::native::Isa;

const NUMBER: i32 = 0x1234_5678;
/// What an entry has before the code: what it is, its key, its checksum.
const HEADER_BYTES: usize = 8 + 32 + 8;

/// An empty folder of a test's own.
fn folder(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn module(number: i32) -> String {
    format!("(module (func (export \"f\") (result i32) (i32.const {number})))")
}

/// What the function of a module gives, in an engine with a cache.
fn call(cache: &Cache, config: Config, text: &str) -> i32 {
    let engine = Engine::new(config.native(true).cache(Some(cache.clone())));
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let function = instance.get_typed_func::<(), i32>(&mut store, "f");
    function.unwrap().call(&mut store, ()).unwrap()
}

fn run(cache: &Cache) {
    assert_eq!(call(cache, Config::new(), &module(NUMBER)), NUMBER);
}

fn cache_in(folder: &Path) -> Cache {
    Cache::new(folder.join("kept")).unwrap()
}

fn entries(cache: &Cache) -> Vec<PathBuf> {
    let files = fs::read_dir(cache.directory()).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort_unstable();
    files
}

/// The one entry of a cache.
fn entry(cache: &Cache) -> PathBuf {
    let entries = entries(cache);
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].clone()
}

fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).unwrap().ino()
}

#[test]
fn what_is_kept_is_taken_and_not_made_again() {
    let folder = folder("cache_hit");
    let cache = cache_in(&folder);
    run(&cache);
    if Isa::HERE.is_none() {
        return;
    }
    let entry = entry(&cache);
    let before = inode(&entry);
    run(&cache);
    run(&cache_in(&folder));
    assert_eq!(inode(&entry), before);

    // Another number in the code, and what is executed gives it.
    let mut bytes = fs::read(&entry).unwrap();
    let at = bytes
        .windows(4)
        .rposition(|four| four == NUMBER.to_le_bytes());
    let Some(at) = at.filter(|_| cfg!(target_arch = "x86_64")) else {
        return;
    };
    bytes[at] ^= 1;
    let sum = checksum(&bytes[HEADER_BYTES..]).to_le_bytes();
    bytes[HEADER_BYTES - 8..HEADER_BYTES].copy_from_slice(&sum);
    fs::write(&entry, bytes).unwrap();
    assert_eq!(call(&cache, Config::new(), &module(NUMBER)), NUMBER ^ 1);
}

#[test]
fn each_module_and_each_setting_has_an_entry_of_its_own() {
    let folder = folder("cache_keys");
    let cache = cache_in(&folder);
    let configs = [
        Config::new(),
        Config::new().metering(true),
        Config::new().canonical_nans(true),
        Config::new().guarded_addresses(true),
    ];
    for round in 0..2 {
        for config in &configs {
            assert_eq!(call(&cache, config.clone(), &module(1)), 1);
            assert_eq!(call(&cache, config.clone(), &module(2)), 2);
        }
        let expected = Isa::HERE.map_or(0, |_| 2 * configs.len());
        assert_eq!(entries(&cache).len(), expected, "round {round}");
    }
}

#[test]
fn an_entry_that_is_damaged_or_not_to_be_believed_is_made_anew() {
    let folder = folder("cache_damage");
    let cache = cache_in(&folder);
    run(&cache);
    if Isa::HERE.is_none() {
        return;
    }
    let entry = entry(&cache);
    let whole = fs::read(&entry).unwrap();
    let other = folder.join("other");
    type Damage<'a> = (&'static str, Box<dyn Fn() + 'a>);
    let damages: Vec<Damage<'_>> = vec![
        ("empty", Box::new(|| fs::write(&entry, []).unwrap())),
        (
            "cut off",
            Box::new(|| fs::write(&entry, &whole[..whole.len() - 1]).unwrap()),
        ),
        (
            "a header alone",
            Box::new(|| fs::write(&entry, &whole[..HEADER_BYTES]).unwrap()),
        ),
        (
            "less than a header",
            Box::new(|| fs::write(&entry, &whole[..9]).unwrap()),
        ),
        (
            "longer",
            Box::new(|| fs::write(&entry, [&whole[..], &[0]].concat()).unwrap()),
        ),
        (
            "too large",
            Box::new(|| {
                let file = fs::File::options().write(true).open(&entry).unwrap();
                file.set_len(1 << 40).unwrap();
            }),
        ),
        (
            "for others to write",
            Box::new(|| {
                fs::set_permissions(&entry, fs::Permissions::from_mode(0o620)).unwrap();
            }),
        ),
        (
            "a link to a whole one",
            Box::new(|| {
                fs::rename(&entry, &other).unwrap();
                symlink(&other, &entry).unwrap();
            }),
        ),
        (
            "a link to nowhere",
            Box::new(|| {
                fs::remove_file(&entry).unwrap();
                symlink("/nowhere/at/all", &entry).unwrap();
            }),
        ),
        (
            "a pipe",
            Box::new(|| {
                fs::remove_file(&entry).unwrap();
                let kind = rustix::fs::FileType::Fifo;
                let mode = rustix::fs::Mode::from_raw_mode(0o600);
                rustix::fs::mknodat(rustix::fs::CWD, &entry, kind, mode, 0).unwrap();
            }),
        ),
    ];
    for (name, damage) in damages {
        damage();
        run(&cache);
        let metadata = fs::symlink_metadata(&entry).unwrap();
        assert!(
            metadata.is_file() && !metadata.file_type().is_fifo(),
            "{name}"
        );
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
        assert!(fs::read(&entry).unwrap() == whole, "{name}");
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&entry, bytes).unwrap();
        run(&cache);
        assert!(fs::read(&entry).unwrap() == whole, "byte {at}");
    }
}

#[test]
fn an_entry_of_another_module_under_this_ones_name_is_made_anew() {
    let folder = folder("cache_swapped");
    let cache = cache_in(&folder);
    run(&cache);
    if Isa::HERE.is_none() {
        return;
    }
    let mine = entry(&cache);
    call(&cache, Config::new(), &module(1));
    let others = entries(&cache).into_iter().find(|path| *path != mine);
    fs::copy(others.unwrap(), &mine).unwrap();
    run(&cache);
}

#[test]
fn a_directory_that_others_can_write_to_or_own_is_refused_with_a_way_out() {
    let folder = folder("cache_refused");
    let refused = |path: &Path, expected: &str| {
        let error = Cache::new(path).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{text}");
        assert!(text.contains(&path.display().to_string()), "{text}");
        assert!(!error.is_full_or_read_only());
    };
    let dir = folder.join("shared");
    fs::create_dir(&dir).unwrap();
    for mode in [0o770, 0o702, 0o777, 0o1777] {
        fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
        refused(
            &dir,
            &format!(
                "found the mode {mode:03o}; say chmod go-w {}",
                dir.display()
            ),
        );
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(Cache::new(&dir).is_ok());

    let link = folder.join("link");
    symlink(&dir, &link).unwrap();
    refused(&link, "a symbolic link");
    let error = Cache::new(link.join("")).unwrap_err();
    assert!(error.to_string().contains("a symbolic link"), "{error}");

    let file = folder.join("file");
    fs::write(&file, []).unwrap();
    refused(&file, "could not be opened");

    let foreign = match rustix::process::geteuid().is_root() {
        true => {
            std::os::unix::fs::chown(&dir, Some(1), None).unwrap();
            dir
        }
        false => PathBuf::from("/"),
    };
    refused(&foreign, "choose a directory of your own");
}

#[test]
fn a_directory_that_is_not_there_is_made_for_its_user_alone() {
    let folder = folder("cache_made");
    let path = folder.join("a/b");
    run(&Cache::new(&path).unwrap());
    for path in [&path, path.parent().unwrap()] {
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}

#[test]
fn what_cannot_be_kept_is_told_once_and_nothing_else_comes_of_it() {
    let folder = folder("cache_told");
    let told = Arc::new(AtomicUsize::new(0));
    let cache = cache_in(&folder);
    run(&cache);
    if Isa::HERE.is_none() {
        return;
    }
    // No file can take the place of a directory.
    let entry = entry(&cache);
    fs::remove_file(&entry).unwrap();
    fs::create_dir(&entry).unwrap();
    let count = Arc::clone(&told);
    let cache = cache.on_failure(move |error| {
        assert!(error.to_string().contains("could not be kept"), "{error}");
        count.fetch_add(1, Ordering::Relaxed);
    });
    for _ in 0..3 {
        run(&cache);
    }
    assert_eq!(told.load(Ordering::Relaxed), 1);
    // What was written meanwhile is gone.
    assert_eq!(entries(&cache), [entry]);
}

#[test]
fn those_who_use_a_directory_at_once_see_whole_entries_alone() {
    let folder = folder("cache_at_once");
    let cache = cache_in(&folder);
    run(&cache);
    if Isa::HERE.is_none() {
        return;
    }
    let entry = entry(&cache);
    let whole = fs::read(&entry).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    run(&cache_in(&folder));
                }
            });
        }
        for round in 0..200 {
            match round % 2 {
                0 => drop(fs::remove_file(&entry)),
                // Whoever reads while another writes finds one entry or the other.
                _ => assert!(fs::read(&entry).map_or(true, |bytes| bytes == whole)),
            }
        }
    });
    run(&cache);
    assert!(fs::read(&entry).unwrap() == whole);
    assert_eq!(entries(&cache), [entry]);
}
