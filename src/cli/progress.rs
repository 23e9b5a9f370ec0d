//! What a command that takes long is doing, on a terminal: one line, which goes away at the end.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use holdall::Escaped;

/// What is done sooner is not worth a word.
const AFTER: Duration = Duration::from_secs(1);
/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(100);
/// What is longer would not stand on a line of every terminal.
const COLUMNS: usize = 79;

/// Tells what is being done until it is dropped, after the first second, and where somebody looks.
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
    /// Begins.
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

    /// Says what is done from now on.
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

    /// Writes the line until it is over, and takes it away.
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
