//! A program that is recorded while it runs: the recording's file, and what is said of it at the end.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use holdall::Store;
use holdall::provide::Stream;
use holdall_record::{Recorded, Recorder};

use super::output::{Output, Plain};
use super::report::with_unwritten;

/// A recording that is being written to a file.
#[derive(Debug)]
pub struct Recording {
    recorded: Recorded<File>,
    path: PathBuf,
}

impl Recording {
    /// Records a store that has nothing in it yet, to a new file at `path` that only its owner may read. `tell` makes
    /// settings. What `output` prints from now on is recorded too.
    ///
    /// # Errors
    ///
    /// When the file cannot be made, or is something other than a file.
    pub fn start(
        path: &Path,
        store: &mut Store<()>,
        output: &mut Output,
        set: impl FnOnce(Recorder<'_, (), File>) -> Recorder<'_, (), File>,
    ) -> anyhow::Result<Self> {
        let file = create(path).with_context(|| cannot_write(path))?;
        let recorded = set(Recorder::new(store, file)).start()?;
        let print = recorded.printer();
        output.tell(move |bytes| print(Stream::Stdout, bytes));
        Ok(Self {
            recorded,
            path: path.to_owned(),
        })
    }

    /// Ends the recording of a run with this outcome. A recording that could not be written whole makes the run fail,
    /// whatever the program's exit code was.
    ///
    /// # Errors
    ///
    /// The outcome's error, or else why the recording could not be written.
    pub fn finish(self, outcome: anyhow::Result<()>) -> anyhow::Result<()> {
        let Err(failure) = self.recorded.finish() else {
            return outcome;
        };
        let failure = anyhow::Error::new(failure).context(cannot_write(&self.path));
        with_unwritten(failure, outcome)
    }
}

fn cannot_write(path: &Path) -> String {
    format!(
        "cannot write the recording to {}",
        Plain(&path.to_string_lossy())
    )
}

/// Makes a file, or empties one that is there.
fn create(path: &Path) -> anyhow::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A named pipe without a reader is an error, and is not waited for.
        options.mode(0o600).custom_flags(libc::O_NONBLOCK);
    }
    let file = options.open(path)?;
    ensure!(
        file.metadata()?.is_file(),
        "expected a file to write to, found something else"
    );
    Ok(file)
}
