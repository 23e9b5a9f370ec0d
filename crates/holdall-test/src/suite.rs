//! Files of tests as one suite: found, read, and run side by side.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use holdall::{Config, Limits};
use holdall_wast::Script;

use crate::find::{Found, find};
use crate::manifest::{Complaint, Manifest, Subjects};
use crate::report::{Report, Summary, Tested, Verdict};

/// How long a script may take.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(60);

/// The tests of files and directories.
///
/// ```no_run
/// use holdall_test::{Format, RunOptions, Suite};
///
/// let suite = Suite::find(&["tests/modules".into()]).map_err(|complaints| format!("{complaints:?}"))?;
/// let mut out = std::io::stdout();
/// let mut report = Format::Human.report(&mut out, false);
/// let summary = suite.run(&RunOptions::default(), &mut *report)?;
/// assert!(summary.is_success());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Suite {
    tests: Vec<Test>,
    filtered_out: usize,
    manifests: Vec<Arc<Manifest>>,
}

/// One test of a suite: a case of a manifest, or a script.
#[derive(Clone, Debug)]
pub struct Test {
    file: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Case(Arc<Manifest>, usize),
    Script(PathBuf),
}

/// How tests are run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunOptions {
    /// How many tests run at the same time; as many as the machine has cores by default.
    pub jobs: usize,
    /// Under how many seeds each case runs; 1 by default.
    pub seeds: u64,
    /// The first seed, in place of the one that a case has.
    pub seed: Option<u64>,
    /// Whether nothing more is run once a test has failed.
    pub fail_fast: bool,
    /// Whether a case that fails runs again, for a trace of its calls.
    pub trace_failed: bool,
    /// Whether snapshots are written.
    pub bless: bool,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            jobs: std::thread::available_parallelism().map_or(1, Into::into),
            seeds: 1,
            seed: None,
            fail_fast: false,
            trace_failed: false,
            bless: false,
        }
    }
}

impl Suite {
    /// The tests of all manifests (`*.test.toml`) and scripts (`*.wast`) among `paths` and below them, in
    /// the order of the paths and of names. Symbolic links are followed, hidden directories are not looked
    /// into, and nothing is taken twice.
    ///
    /// # Errors
    ///
    /// All that is wrong with the paths and the manifests.
    pub fn find(paths: &[PathBuf]) -> Result<Self, Vec<Complaint>> {
        let mut suite = Self {
            tests: Vec::new(),
            filtered_out: 0,
            manifests: Vec::new(),
        };
        let mut complaints = Vec::new();
        let mut subjects = Subjects::default();
        for found in find(paths)? {
            match found {
                Found::Manifest(path) => match Manifest::read(&path, &mut subjects) {
                    Ok(manifest) => suite.add(Arc::new(manifest)),
                    Err(wrong) => complaints.extend(wrong),
                },
                Found::Script(path) => suite.tests.push(Test {
                    file: path.display().to_string(),
                    kind: Kind::Script(path),
                }),
            }
        }
        if complaints.is_empty() {
            Ok(suite)
        } else {
            Err(complaints)
        }
    }

    fn add(&mut self, manifest: Arc<Manifest>) {
        let tests = (0..manifest.cases.len()).map(|index| Test {
            file: manifest.file.clone(),
            kind: Kind::Case(Arc::clone(&manifest), index),
        });
        self.tests.extend(tests);
        self.manifests.push(manifest);
    }

    /// Leaves out all tests whose names have none of `texts` in them; none where there are no texts.
    pub fn filter<S: AsRef<str>>(&mut self, texts: &[S]) {
        if texts.is_empty() {
            return;
        }
        let before = self.tests.len();
        self.tests.retain(|test| {
            let name = test.name();
            texts.iter().any(|text| name.contains(text.as_ref()))
        });
        self.filtered_out += before - self.tests.len();
    }

    /// The tests, in their order.
    #[must_use]
    pub fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// The snapshots beside the manifests that no case compares with, filtered out or not.
    #[must_use]
    pub fn stale_snapshots(&self) -> Vec<PathBuf> {
        let manifests = self.manifests.iter();
        manifests.flat_map(|it| it.stale_snapshots()).collect()
    }

    /// Runs the tests side by side, and tells of them in their order.
    ///
    /// # Errors
    ///
    /// Those of the report.
    pub fn run(&self, options: &RunOptions, report: &mut dyn Report) -> io::Result<Summary> {
        let start = Instant::now();
        let mut summary = Summary {
            filtered_out: self.filtered_out,
            ..Summary::default()
        };
        report.begin(self.tests.len())?;
        let next = AtomicUsize::new(0);
        let (send, receive) = mpsc::channel();
        let told = std::thread::scope(|scope| {
            for _ in 0..options.jobs.clamp(1, self.tests.len().max(1)) {
                let (send, next) = (send.clone(), &next);
                scope.spawn(move || {
                    while let index = next.fetch_add(1, Ordering::Relaxed)
                        && let Some(test) = self.tests.get(index)
                        // Nobody listens any more where a test failed that was to be the last.
                        && send.send((index, test.run(options))).is_ok()
                    {}
                });
            }
            drop(send);
            let mut ended: Vec<Option<Tested>> = vec![None; self.tests.len()];
            let mut told = 0;
            let mut tell = |receive: mpsc::Receiver<(usize, Tested)>| -> io::Result<()> {
                for (index, tested) in receive {
                    ended[index] = Some(tested);
                    while let Some(tested) = ended.get_mut(told).and_then(Option::take) {
                        told += 1;
                        summary.count(&tested);
                        report.tested(&tested)?;
                        if options.fail_fast && summary.failed > 0 {
                            return Ok(());
                        }
                    }
                }
                Ok(())
            };
            let outcome = tell(receive);
            // Those that run end, and no more begin.
            next.store(self.tests.len(), Ordering::Relaxed);
            outcome.map(|()| told)
        })?;
        summary.not_run = self.tests.len() - told;
        summary.time = start.elapsed();
        report.end(&summary)?;
        Ok(summary)
    }
}

impl Test {
    /// The test's name: `FILE::CASE`, and `FILE` for a script.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::Case(manifest, index) => {
                format!("{}::{}", self.file, manifest.cases[*index].name)
            }
            Kind::Script(_) => self.file.clone(),
        }
    }

    /// Why the test is not run, where its manifest says that it is not.
    #[must_use]
    pub fn skipped(&self) -> Option<&str> {
        match &self.kind {
            Kind::Case(manifest, index) => manifest.cases[*index].skip.as_deref(),
            Kind::Script(_) => None,
        }
    }

    /// Runs the test.
    #[must_use]
    pub fn run(&self, options: &RunOptions) -> Tested {
        let start = Instant::now();
        let (case, verdict) = match &self.kind {
            Kind::Case(manifest, index) => {
                let case = &manifest.cases[*index];
                (Some(case.name.clone()), case.run(manifest, options))
            }
            Kind::Script(path) => (None, run_script(&self.file, path)),
        };
        Tested {
            file: self.file.clone(),
            case,
            verdict,
            time: start.elapsed(),
        }
    }
}

fn run_script(name: &str, path: &Path) -> Verdict {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Verdict::Failed(format!("{name}: {error}")),
    };
    let limits = Limits::new().timeout(SCRIPT_TIMEOUT);
    let config = Config::new().metering(true).limits(limits);
    let report = Script::run(name, &text, &config);
    let lines: Vec<_> = report.failures.iter().map(ToString::to_string).collect();
    if lines.is_empty() {
        Verdict::Passed
    } else {
        Verdict::Failed(lines.join("\n"))
    }
}
