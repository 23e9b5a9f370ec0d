//! A case: what a run of a subject is given.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use holdall::Limits;
use holdall_wasi::{Access, Grants};

use crate::error::Result;
use crate::fault::Fault;
use crate::mock::Mock;
use crate::modules::Subject;
use crate::outcome::Outcome;
use crate::session::Session;
use crate::value::Value;

/// How long a case may run where it does not say.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// What a run of a [`Subject`] is given. What is not given is denied: files, variables, all of the host.
/// The subject always has its standard streams, clocks and randomness, which are the case's own: time
/// is virtual, and randomness follows from the seed. Modules that it needs have only what
/// [`Case::grant`] or [`Case::share_wasi`] gives them.
///
/// A case can be run any number of times, on any thread. Each run has a store, a world and files of its
/// own, and comes to the same outcome, unless closures of mocks see to something else.
///
/// ```
/// use holdall_test::{Case, Modules};
///
/// let app = Modules::new().wat(r#"(module
///     (import "wasi_snapshot_preview1" "fd_write"
///         (func $write (param i32 i32 i32 i32) (result i32)))
///     (memory (export "memory") 1)
///     (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
///     (func (export "_start") (drop (call $write
///         (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#)?;
/// let outcome = Case::program(&app).run()?;
/// outcome.assert_exit(0);
/// assert_eq!(outcome.stdout(), "hello\n");
/// # Ok::<(), holdall_test::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Case {
    pub(crate) subject: Subject,
    pub(crate) entry: Entry,
    pub(crate) args: Vec<Value>,
    pub(crate) argv0: Option<String>,
    pub(crate) grants: Grants,
    pub(crate) others: Vec<(String, Grants)>,
    /// Modules with grants of their own that write to the case's streams.
    pub(crate) writers: Vec<String>,
    /// Modules with grants of their own that reach the case's files.
    pub(crate) filers: Vec<String>,
    pub(crate) shares: bool,
    pub(crate) stdin: Vec<u8>,
    /// What is in memory, by the guest's paths.
    pub(crate) files: Vec<(String, Node)>,
    pub(crate) host_dirs: Vec<(PathBuf, String, Access)>,
    pub(crate) access: Access,
    pub(crate) mocks: Vec<Mock>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) seed: u64,
    pub(crate) start: Option<SystemTime>,
    pub(crate) limits: Limits,
    pub(crate) timeout: Duration,
    pub(crate) traces: bool,
}

/// Something in memory that a path leads to.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    File(Vec<u8>),
    Dir,
    /// A symbolic link to this.
    Link(String),
}

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A program's `_start`.
    Program,
    /// An export, or `$module$function`.
    Func(String),
}

impl Case {
    /// Runs a program: its `_start`.
    pub fn program(subject: &Subject) -> Self {
        Self::of(subject, Entry::Program)
    }

    /// Calls a function that the subject exports, or with `$module$function` one that a module exports
    /// which the subject needs.
    pub fn call(subject: &Subject, function: impl Into<String>) -> Self {
        Self::of(subject, Entry::Func(function.into()))
    }

    fn of(subject: &Subject, entry: Entry) -> Self {
        Self {
            subject: subject.clone(),
            entry,
            args: Vec::new(),
            argv0: None,
            grants: Grants::new().clocks().random(),
            others: Vec::new(),
            writers: Vec::new(),
            filers: Vec::new(),
            shares: false,
            stdin: Vec::new(),
            files: Vec::new(),
            host_dirs: Vec::new(),
            access: Access::ReadWrite,
            mocks: Vec::new(),
            faults: Vec::new(),
            seed: 0,
            start: None,
            limits: Limits::new(),
            timeout: DEFAULT_TIMEOUT,
            traces: false,
        }
    }

    /// Gives an argument more: to the program, or to the function that is called. Text becomes a value
    /// of the function's parameter, as `holdall run --invoke` takes it.
    pub fn arg(mut self, arg: impl Into<Value>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Gives these arguments too.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a program's argument 0; otherwise it is the name of the subject's file.
    pub fn argv0(mut self, name: impl Into<String>) -> Self {
        self.argv0 = Some(name.into());
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.grants = self.grants.env(name, value);
        self
    }

    /// Sets what is read from the standard input; otherwise it is at its end.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Gives a file in memory, by the guest's path: absolute, or as the program says it. The program
    /// gets the directory `/`, which is in memory, with all files and directories that the case gives,
    /// and can change what is in it ([`Case::read_only`]).
    pub fn file(mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.into(), Node::File(bytes.into())));
        self
    }

    /// Gives an empty directory in memory, by the guest's path; see [`Case::file`].
    pub fn dir(mut self, path: impl Into<String>) -> Self {
        self.files.push((path.into(), Node::Dir));
        self
    }

    /// Gives a symbolic link in memory, by the guest's path; see [`Case::file`].
    pub fn link(mut self, path: impl Into<String>, target: impl Into<String>) -> Self {
        self.files.push((path.into(), Node::Link(target.into())));
        self
    }

    /// Lets the program only read the files in memory.
    pub fn read_only(mut self) -> Self {
        self.access = Access::ReadOnly;
        self
    }

    /// Gives a directory of the host, by the guest's name for it. It is opened anew in each run.
    pub fn host_dir(
        mut self,
        path: impl Into<PathBuf>,
        guest_name: impl Into<String>,
        access: Access,
    ) -> Self {
        self.host_dirs
            .push((path.into(), guest_name.into(), access));
        self
    }

    /// Gives a module that the subject needs grants of its own; otherwise it has none.
    pub fn grant(mut self, module: impl Into<String>, grants: Grants) -> Self {
        self.others.push((module.into(), grants));
        self
    }

    /// Lets a module that the subject needs write to the standard output and error of the case, beside what
    /// [`Case::grant`] gives it.
    pub fn grant_output(mut self, module: impl Into<String>) -> Self {
        self.writers.push(module.into());
        self
    }

    /// Gives a module that the subject needs the files of the case, beside what [`Case::grant`] gives it.
    pub fn grant_files(mut self, module: impl Into<String>) -> Self {
        self.filers.push(module.into());
        self
    }

    /// Lets all modules share what the subject was granted: for programs that were split into modules.
    pub fn share_wasi(mut self) -> Self {
        self.shares = true;
        self
    }

    /// Puts a mock in the place of a function that modules import.
    pub fn mock(mut self, mock: Mock) -> Self {
        self.mocks.push(mock);
        self
    }

    /// Has something go wrong.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Sets the seed, from which all that is random follows: what programs get for randomness, and
    /// faults that are left to chance. 0 unless this is called.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the time of day at the start; 2000-01-01 00:00:00 UTC unless this is called.
    pub fn time(mut self, start: SystemTime) -> Self {
        self.start = Some(start);
        self
    }

    /// Sets what the guests may take together. Its fuel is what [`Case::fuel`] sets; a deadline in it
    /// is not looked at, for [`Case::timeout`] says how long each run may take.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Limits the work of the guests, in units of fuel.
    pub fn fuel(mut self, units: u64) -> Self {
        self.limits = self.limits.fuel(units);
        self
    }

    /// Limits the bytes that guests make the host hold.
    pub fn max_memory(mut self, size_bytes: usize) -> Self {
        self.limits = self.limits.memory_bytes(size_bytes);
        self
    }

    /// Limits how long a run may take of the host's time, all calls of a session together; a minute
    /// unless this is called. The guest traps then.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Has the outcome keep the calls that leave their modules ([`Outcome::trace`]), up to 10,000.
    pub fn trace(mut self, traces: bool) -> Self {
        self.traces = traces;
        self
    }

    /// Runs the case.
    ///
    /// # Errors
    ///
    /// When the case cannot be run: functions that nobody defines, mocks that fit no import, modules
    /// that do not link. What the guest does, a trap too, is the outcome.
    pub fn run(&self) -> Result<Outcome> {
        let mut session = self.start()?;
        session.enter()?;
        Ok(session.outcome())
    }

    /// Instantiates the subject, for as many calls as a test makes. Neither `_start` nor the function
    /// of [`Case::call`] is called.
    ///
    /// # Errors
    ///
    /// As [`Case::run`].
    pub fn start(&self) -> Result<Session> {
        Session::start(self)
    }
}

const _: () = {
    const fn shared_between_threads<T: Send + Sync>() {}
    shared_between_threads::<Case>();
    shared_between_threads::<Outcome>();
};
