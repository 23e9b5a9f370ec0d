//! Others that change what a path leads to while a guest uses it.
#![cfg(unix)]

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use holdall_wasi::{Access, Files, Grants};

use crate::abi::{CREATE, DIRECTORY, READ, SUCCESS, TRUNCATE, WRITE};
use crate::guest::Guest;
use crate::place::Folder;

/// For how long they race.
const TIME: Duration = Duration::from_millis(300);

/// Swaps, as long as it lives, a directory and a symbolic link at a path, as a hostile process of
/// the host could.
struct Swapper {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<u64>>,
}

impl Swapper {
    fn new(jail: PathBuf) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let path = |name: &str| jail.join(name);
            let rename = |from, to| std::fs::rename(path(from), path(to)).unwrap();
            let mut swaps = 0;
            while !stopped.load(Ordering::Relaxed) {
                rename("swapped", "kept_dir");
                rename("kept_link", "swapped");
                std::hint::spin_loop();
                rename("swapped", "kept_link");
                rename("kept_dir", "swapped");
                swaps += 2;
            }
            swaps
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }

    /// Stops, and tells how often it swapped.
    fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is stopped once");
        thread.join().unwrap()
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_race_of_a_directory_and_a_link_does_not_lead_out() {
    let folder = Folder::new("race")
        .with("outside/file", "outside")
        .with("outside/victim", "outside")
        .with_dir("outside/empty")
        .with("jail/swapped/file", "inside")
        .with("jail/mine", "mine")
        .with_link("jail/kept_link", "../outside");
    let outside = Folder::everything_below(&folder.path().join("outside"));
    let jail = folder.path().join("jail");
    let grants = Grants::new()
        .host_dir(&jail, "/", Access::ReadWrite)
        .unwrap();
    let mut guest = Guest::new(grants);
    let swapper = Swapper::new(jail);
    let start = Instant::now();
    let [good, refused] = [const { Cell::new(0) }; 2];
    let count = |done: bool| {
        let counter = if done { &good } else { &refused };
        counter.set(counter.get() + 1);
    };
    while start.elapsed() < TIME || (good.get() < 20 && start.elapsed() < TIME * 20) {
        match guest.open(3, "swapped/file", READ) {
            Ok(file) => {
                let read = guest.read(file, 99).unwrap();
                assert_eq!(read, b"inside");
                call!(guest.fd_close(file));
                count(true);
            }
            Err(_) => count(false),
        }
        if let Ok(file) = guest.open(3, "swapped/file", READ | WRITE) {
            guest.write(file, b"inside").unwrap();
            call!(guest.fd_close(file));
        }
        if let Ok(file) = guest.open(3, "swapped/new", WRITE | CREATE | TRUNCATE) {
            guest.write(file, b"new").unwrap();
            call!(guest.fd_close(file));
        }
        if let Ok(stat) = guest.stat(3, "swapped/victim") {
            panic!("it sees what is outside: {stat:?}");
        }
        if let Ok(dir) = guest.open(3, "swapped", DIRECTORY) {
            let names = guest.names(dir);
            assert!(!names.contains(&"victim".to_owned()), "{names:?}");
            call!(guest.fd_close(dir));
        }
        for errno in [
            call!(guest.path_rename(3, "mine", 3, "swapped/mine")),
            call!(guest.path_rename(3, "swapped/mine", 3, "mine")),
            call!(guest.path_link(3, 0, "swapped/file", 3, "linked")),
            call!(guest.path_create_directory(3, "swapped/made")),
            call!(guest.path_remove_directory(3, "swapped/made")),
            call!(guest.path_symlink("file", 3, "swapped/symbolic")),
            call!(guest.path_unlink_file(3, "swapped/symbolic")),
            call!(guest.path_filestat_set_times(3, 1, "swapped/file", 5, 5, 5)),
        ] {
            count(errno == SUCCESS);
        }
        // None of these is inside.
        for errno in [
            call!(guest.path_rename(3, "swapped/victim", 3, "stolen")),
            call!(guest.path_link(3, 0, "swapped/victim", 3, "stolen")),
            call!(guest.path_unlink_file(3, "swapped/victim")),
            call!(guest.path_remove_directory(3, "swapped/empty")),
            call!(guest.path_filestat_set_times(3, 1, "swapped/victim", 5, 5, 5)),
        ] {
            assert_ne!(errno, SUCCESS);
        }
        if let Ok(file) = guest.open(3, "linked", READ) {
            assert_eq!(guest.read(file, 99).unwrap(), b"inside");
            call!(guest.fd_close(file));
            assert_eq!(call!(guest.path_unlink_file(3, "linked")), SUCCESS);
        }
    }
    let swaps = swapper.stop();
    let (good, refused) = (good.get(), refused.get());
    assert_eq!(
        Folder::everything_below(&folder.path().join("outside")),
        outside
    );
    assert!(
        good >= 20 && refused >= 20 && swaps >= 100,
        "a race: {good}, {refused}, {swaps}"
    );
}

#[test]
fn guests_in_many_threads_share_a_tree_in_memory() {
    let files = Files::new()
        .with("a/file", "contents")
        .with("b/other", "contents");
    let grants = Grants::new().files(files.clone(), "/", Access::ReadWrite);
    let threads: Vec<_> = (0..4)
        .map(|thread: u32| {
            let grants = grants.clone();
            thread::spawn(move || {
                let mut guest = Guest::new(grants);
                let mut good = 0;
                for step in 0..500 {
                    let [from, to] = if (step + thread).is_multiple_of(2) {
                        ["a", "b"]
                    } else {
                        ["b", "a"]
                    };
                    let dir = guest.open(3, from, DIRECTORY);
                    let file = guest.open(3, &*format!("{from}/file"), READ | WRITE);
                    let moved = format!("{to}/file");
                    call!(guest.path_rename(3, "a/file", 3, &*moved));
                    call!(guest.path_rename(3, from, 3, "c"));
                    call!(guest.path_link(3, 0, "b/other", 3, &*format!("{to}/linked")));
                    call!(guest.path_unlink_file(3, "a/linked"));
                    call!(guest.path_rename(3, "c", 3, from));
                    if let Ok(file) = file {
                        assert_eq!(guest.read(file, 8).unwrap(), b"contents");
                        assert_eq!(call!(guest.fd_close(file)), SUCCESS);
                    }
                    if let Ok(dir) = dir {
                        guest.list(dir, 4096).unwrap();
                        good += 1;
                        assert_eq!(call!(guest.fd_close(dir)), SUCCESS);
                    }
                }
                good
            })
        })
        .collect();
    let good: u32 = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    assert!(good >= 100, "directories were found: {good} of 2,000");
    let found: Vec<_> = files
        .paths()
        .iter()
        .filter_map(|path| files.read(path))
        .collect();
    assert!(found.len() >= 2 && found.iter().all(|bytes| bytes == b"contents"));
}

#[test]
fn a_race_of_a_file_and_a_pipe_does_not_hang() {
    let folder = Folder::new("race_of_a_pipe")
        .with("swapped", "a file")
        .with("kept_link", "");
    let pipe = folder.path().join("kept_link");
    std::fs::remove_file(&pipe).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let grants = Grants::new()
        .host_dir(folder.path(), "/", Access::ReadWrite)
        .unwrap();
    let swapper = Swapper::new(folder.path().to_owned());
    let opens = crate::hostile::does_not_hang(move || {
        let mut guest = Guest::new(grants);
        let start = Instant::now();
        let (mut good, mut refused) = (0, 0);
        let enough = |good, refused| good >= 20 && refused >= 20;
        while start.elapsed() < TIME || (!enough(good, refused) && start.elapsed() < TIME * 20) {
            for how in [READ, WRITE, READ | WRITE] {
                match guest.open(3, "swapped", how) {
                    Ok(file) => {
                        good += 1;
                        assert_eq!(call!(guest.fd_close(file)), SUCCESS);
                    }
                    Err(_) => refused += 1,
                }
            }
        }
        (good, refused)
    });
    let swaps = swapper.stop();
    assert!(opens.0 >= 20 && opens.1 >= 20, "a race: {opens:?}, {swaps}");
}
