//! A line on a terminal that says what a long command is doing. The line is removed at the end.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use holdall::Escaped;

/// How long a command works before the line appears.
const AFTER: Duration = Duration::from_secs(1);
/// How often the line is written again.
const EVERY: Duration = Duration::from_millis(100);
/// The longest line, in characters: one that fits on every terminal.
const COLUMNS: usize = 79;

/// Shows what is being done, on a terminal, from the first second until it is dropped.
pub(super) struct Progress {
    shared: Arc<Shared>,
    teller: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    doing: Mutex<Doing>,
    is_over: Condvar,
}

#[derive(Default)]
struct Doing {
    what: String,
    is_over: bool,
}

impl Progress {
    /// Starts the thread that writes the line, if standard error is a terminal.
    pub(super) fn new() -> Self {
        let shared = Arc::new(Shared::default());
        let telling = Arc::clone(&shared);
        let teller = io::stderr()
            .is_terminal()
            .then(|| thread::Builder::new().spawn(move || telling.tell()).ok());
        Self {
            shared,
            teller: teller.flatten(),
        }
    }

    /// Sets what the line says.
    pub(super) fn tell(&self, what: impl Display) {
        if self.teller.is_some() {
            self.shared.doing().what = what.to_string();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shared.doing().is_over = true;
        self.shared.is_over.notify_one();
        if let Some(teller) = self.teller.take() {
            let _ = teller.join();
        }
    }
}

impl Shared {
    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the line again and again until the command is over, then removes it.
    fn tell(&self) {
        let mut doing = self.doing();
        let (mut wait, mut width) = (AFTER, 0);
        loop {
            let waited = self
                .is_over
                .wait_timeout_while(doing, wait, |doing| !doing.is_over);
            (doing, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if doing.is_over {
                break;
            }
            let line = format!("holdall: {}", Escaped(&doing.what));
            let line: String = line.chars().take(COLUMNS).collect();
            // What standard error does not take is lost.
            let _ = write!(io::stderr(), "\r{line:width$}");
            (wait, width) = (EVERY, line.chars().count());
        }
        if width > 0 {
            let _ = write!(io::stderr(), "\r{:width$}\r", "");
        }
    }
}
