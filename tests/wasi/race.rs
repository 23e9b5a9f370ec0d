//! A process of the host that changes what a path leads to while a guest uses it.
#![cfg(unix)]

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use holdall::{Access, Grants};

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
