//! Ends a process whose time is over and that did not end by itself: it may wait in the operating system,
//! for a disk or for the reader of a pipe, or work in a library.
//!
//! A guest traps at its deadline, and loading ends there too. The watchdog waits a little longer, then
//! prints the same message and ends the process with the same exit code. It has a thread of its own, which
//! exists only where there is a timeout.

use std::io::{self, Write};
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use holdall::{Trap, TrapCode};

use super::report;

/// How long after its deadline a process may still end by itself.
const GRACE: Duration = Duration::from_millis(60);
/// The most time for writing the last message, where standard error is ready to take one.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Watches the time of this process, from when the watchdog was made until it is dropped.
#[derive(Debug)]
pub struct Watchdog {
    program: String,
    begun: Instant,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    watch: Mutex<Watch>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Watch {
    /// When the process ends. `None` where there is no timeout, and once the process has ended by
    /// itself.
    end: Option<Instant>,
    is_watched: bool,
}

impl Watchdog {
    /// Starts the time. `program` is the name at the start of the last message.
    pub fn new(program: &str) -> Self {
        Self {
            program: program.to_owned(),
            begun: Instant::now(),
            shared: Arc::default(),
        }
    }

    /// Ends the process soon after this time, counted from [`Watchdog::new`]; `None` takes a timeout back.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn limit(&self, timeout: Option<Duration>) -> anyhow::Result<()> {
        let end = timeout.and_then(|timeout| self.begun.checked_add(timeout)?.checked_add(GRACE));
        let mut watch = self.shared.lock();
        watch.end = end;
        self.shared.changed.notify_one();
        if end.is_some() && !watch.is_watched {
            let (program, shared) = (self.program.clone(), Arc::clone(&self.shared));
            thread::Builder::new()
                .spawn(move || shared.watch(&program))
                .context("cannot watch the time")?;
            watch.is_watched = true;
        }
        Ok(())
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().end = None;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the deadline, and ends the process; returns when the timeout was taken back.
    fn watch(&self, program: &str) {
        let mut watch = self.lock();
        while let Some(end) = watch.end {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // The lock stays taken, so that no other thread ends the process meanwhile.
                end_process(program);
            }
            let waited = self.changed.wait_timeout(watch, left);
            (watch, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        watch.is_watched = false;
    }
}

/// Prints the message of a guest's deadline, if standard error takes it soon, and ends the process.
fn end_process(program: &str) -> ! {
    let error = anyhow::Error::new(Trap::from(TrapCode::DeadlineExceeded));
    let text = report::text(program, &error);
    if takes_text() {
        let (said, is_said) = mpsc::channel();
        let teller = thread::Builder::new().spawn(move || {
            // A thread of its own, because another one may hold the lock of standard error and wait.
            let _ = io::stderr().write_all(text.as_bytes());
            let _ = said.send(());
        });
        if teller.is_ok() {
            let _ = is_said.recv_timeout(LAST_WORD);
        }
    }
    process::exit(i32::from(report::TRAP))
}

/// Whether standard error has room for some text now.
fn takes_text() -> bool {
    #[cfg(unix)]
    {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let stderr = io::stderr();
        let mut ready = [PollFd::new(&stderr, PollFlags::OUT)];
        poll(&mut ready, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
    #[cfg(not(unix))]
    true
}
