//! Grants: what a module may reach, as a value. It holds the authority itself: directories that are
//! open, clocks that somebody got from the host.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cap_std::ambient_authority;
use cap_std::time::{MonotonicClock, SystemClock};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use wasi_common::RngCore;

use super::clocks::{Clocks, HostClocks, Time, VIRTUAL_START_NANOS};
use super::context::Context;
use super::descriptors::{ALL, Descriptor, Descriptors};
use super::fault::Fault;
use super::fs::fixed::{Fixed, Inodes};
use super::fs::host::HostDir;
use super::fs::memory::{Files, MemoryDir};
use super::fs::read_only::ReadOnly;
use super::fs::stream::{Input, Output};
use super::fs::{Dir, File};
use super::strings::Strings;
use holdall::provide::Stream;
use holdall::{Error, Result};

/// Whether what is in a directory can be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// It can be read; whatever would change it is refused with `EROFS`. On Linux, reading files
    /// of the host that the process owns leaves their access times as they are.
    #[default]
    ReadOnly,
    /// It can be read and changed.
    ReadWrite,
}

/// What a module may reach of the host. The default is nothing: no arguments and variables, closed
/// streams, no directory, no clock and no randomness.
///
/// What is not granted is refused with the number that a program expects: `EBADF` for a descriptor,
/// `EPERM` for a path that leads out of a directory, `EROFS` for a change, `ENOTCAPABLE` for clocks,
/// randomness, and rights that a descriptor does not have.
///
/// ```
/// use holdall_wasi::{Access, Files, Grants, Input, Output};
///
/// let (capture, stdout) = Output::capture();
/// let grants = Grants::new()
///     .args(["program", "--verbose"])
///     .env("HOME", "/home")
///     .stdin(Input::bytes(*b"what it reads"))
///     .stdout(stdout)
///     .files(Files::new().with("notes.txt", "its file"), "/home", Access::ReadOnly)
///     .clocks()
///     .random();
/// # let _ = (capture, grants);
/// ```
#[derive(Clone)]
#[must_use]
pub struct Grants {
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    dirs: Vec<Granted>,
    clocks: Option<Arc<HostClocks>>,
    random: bool,
    max_descriptors: usize,
    max_written_bytes: Option<u64>,
}

/// A directory, by the guest's name for it.
#[derive(Clone)]
struct Granted {
    name: Arc<str>,
    place: Place,
    access: Access,
}

#[derive(Clone)]
enum Place {
    Host(Arc<cap_std::fs::Dir>),
    Memory(Files),
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            args: Vec::new(),
            env: Vec::new(),
            stdin: Input::closed(),
            stdout: Output::closed(),
            stderr: Output::closed(),
            dirs: Vec::new(),
            clocks: None,
            random: false,
            max_descriptors: 1024,
            max_written_bytes: None,
        }
    }
}

impl Grants {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an argument. Programs take the first for their own name.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value.into()));
        self
    }

    /// Sets the standard input.
    pub fn stdin(mut self, input: Input) -> Self {
        self.stdin = input;
        self
    }

    /// Sets the standard output.
    pub fn stdout(mut self, output: Output) -> Self {
        self.stdout = output;
        self
    }

    /// Sets the standard error.
    pub fn stderr(mut self, output: Output) -> Self {
        self.stderr = output;
        self
    }

    /// Gives the standard streams of the process.
    pub fn inherit_stdio(self) -> Self {
        self.stdin(Input::inherit())
            .stdout(Output::stdout())
            .stderr(Output::stderr())
    }

    /// Gives a directory of the host, under the name that the guest is to know it by. A guest cannot
    /// leave it: not by `..`, absolute paths, symbolic links or renames, nor by races of these.
    pub fn dir(self, dir: cap_std::fs::Dir, guest_name: &str, access: Access) -> Self {
        self.place(Place::Host(Arc::new(dir)), guest_name, access)
    }

    /// Gives the directory at a path of the host, as [`Grants::dir`] does.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub fn host_dir(
        self,
        path: impl AsRef<Path>,
        guest_name: &str,
        access: Access,
    ) -> std::io::Result<Self> {
        let dir = cap_std::fs::Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(self.dir(dir, guest_name, access))
    }

    /// Gives a directory in memory. What the guest changes in it has the time of its clock, and that
    /// of 1970 where it has none.
    pub fn files(self, files: Files, guest_name: &str, access: Access) -> Self {
        self.place(Place::Memory(files), guest_name, access)
    }

    /// Gives the time of day, the time that has passed, and the time that the guest took. In a
    /// [deterministic](super::Wasi::deterministic) graph they are virtual.
    pub fn clocks(mut self) -> Self {
        self.clocks = Some(Arc::new(HostClocks {
            system: SystemClock::new(ambient_authority()),
            monotonic: MonotonicClock::new(ambient_authority()),
        }));
        self
    }

    /// Gives randomness of the host's; of a seed in a
    /// [deterministic](super::Wasi::deterministic) graph.
    pub fn random(mut self) -> Self {
        self.random = true;
        self
    }

    /// Sets how many descriptors may be open at once, standard streams and directories included;
    /// 1024 by default. More are refused with `EMFILE`.
    pub fn max_descriptors(mut self, count: usize) -> Self {
        self.max_descriptors = count;
        self
    }

    /// Sets how many bytes may be written in all, streams and the growth of files included; without
    /// end by default. More are refused with `EDQUOT`.
    pub fn max_written_bytes(mut self, size_bytes: u64) -> Self {
        self.max_written_bytes = Some(size_bytes);
        self
    }

    fn place(mut self, place: Place, guest_name: &str, access: Access) -> Self {
        self.dirs.push(Granted {
            name: guest_name.into(),
            place,
            access,
        });
        self
    }

    /// What a module gets that is granted this.
    pub(super) fn open(&self, world: &World) -> Result<Context> {
        let mut context = Context {
            descriptors: self.descriptors(world)?,
            args: Strings::default(),
            env: Strings::default(),
            clocks: self.clocks.clone().map(|clocks| match world {
                World::Host => Clocks::host(clocks),
                World::Fixed { time, .. } => Clocks::Virtual(time.clone()),
            }),
            random: self.random.then(|| world.random()),
            counted: 0,
            max_descriptors: self.max_descriptors,
            writable_bytes: self.max_written_bytes,
            watch: None,
        };
        for (index, arg) in self.args.iter().enumerate() {
            let what = || format!("argument {index} of the guest");
            push(&mut context.args, arg, what)?;
        }
        for (name, value) in &self.env {
            let what = || format!("variable {name:?} of the guest");
            if name.is_empty() || name.contains('=') {
                return Err(Error::usage(format!(
                    "{}: expected a name that is not empty and has no \"=\"",
                    what()
                )));
            }
            push(&mut context.env, &format!("{name}={value}"), what)?;
        }
        Ok(context)
    }

    fn descriptors(&self, world: &World) -> Result<Descriptors> {
        let mut descriptors = Descriptors::default();
        let stdin = world.stream("input", self.stdin.open())?;
        let stdout = world.stream("output", self.stdout.open())?;
        let stderr = world.stream("error", self.stderr.open())?;
        let stdin = stdin.map(|file| Descriptor::file(file, true, false, ALL));
        let stdout =
            stdout.map(|file| Descriptor::file(file, false, true, ALL).of_stream(Stream::Stdout));
        let stderr =
            stderr.map(|file| Descriptor::file(file, false, true, ALL).of_stream(Stream::Stderr));
        descriptors.set(0, stdin.map(|stream| stream.named("standard input")));
        descriptors.set(1, stdout.map(|stream| stream.named("standard output")));
        descriptors.set(2, stderr.map(|stream| stream.named("standard error")));
        for granted in &self.dirs {
            let dir = granted.dir(world, self.clocks.as_ref()).map_err(|error| {
                Error::resource(format!(
                    "directory {:?} of the guest cannot be opened: {error}",
                    granted.name
                ))
            })?;
            let descriptor = Descriptor::dir(dir, Some(Arc::clone(&granted.name)), ALL);
            descriptors
                .add(descriptor, self.max_descriptors)
                .map_err(|_| {
                    Error::usage(format!(
                        "directory {:?} of the guest: {} descriptors allowed, all of them in use; \
                         allow more with `Grants::max_descriptors`",
                        granted.name, self.max_descriptors
                    ))
                })?;
        }
        descriptors.set_granted();
        Ok(descriptors)
    }
}

impl fmt::Debug for Grants {
    /// Values of variables may be secrets: they are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let env: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        let dirs: Vec<_> = self
            .dirs
            .iter()
            .map(|dir| (&dir.name, dir.access))
            .collect();
        f.debug_struct("Grants")
            .field("args", &self.args)
            .field("env", &env)
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .field("dirs", &dirs)
            .field("clocks", &self.clocks.is_some())
            .field("random", &self.random)
            .field("max_descriptors", &self.max_descriptors)
            .field("max_written_bytes", &self.max_written_bytes)
            .finish()
    }
}

impl Granted {
    fn dir(
        &self,
        world: &World,
        clocks: Option<&Arc<HostClocks>>,
    ) -> std::io::Result<Arc<dyn Dir>> {
        let dir: Arc<dyn Dir> = match (&self.place, self.access) {
            (Place::Host(dir), Access::ReadOnly) => Arc::new(HostDir::only_read(dir.try_clone()?)),
            (Place::Host(dir), Access::ReadWrite) => Arc::new(HostDir::new(dir.try_clone()?)),
            (Place::Memory(files), _) => Arc::new(MemoryDir::new(files, file_clock(clocks))),
        };
        let dir = match world {
            World::Host => dir,
            World::Fixed { inodes, .. } => {
                Arc::new(Fixed::new(dir, Arc::clone(inodes), fixed_time()))
            }
        };
        Ok(match self.access {
            Access::ReadOnly => Arc::new(ReadOnly(dir)),
            Access::ReadWrite => dir,
        })
    }
}

/// Where what is granted comes from.
pub(super) enum World {
    /// The host.
    Host,
    /// A world in which nothing but the guests happens, for the modules of one graph.
    Fixed {
        time: Time,
        inodes: Arc<Inodes>,
        random: Box<RefCell<ChaCha12Rng>>,
    },
}

impl World {
    pub(super) fn fixed(seed: u64, time: Time) -> Self {
        Self::Fixed {
            time,
            inodes: Arc::default(),
            random: Box::new(ChaCha12Rng::seed_from_u64(seed).into()),
        }
    }

    /// The randomness of one more module. In a fixed world each has a stream of its own, so that
    /// what one takes does not change what another gets.
    fn random(&self) -> Box<dyn RngCore + Send + Sync> {
        match self {
            Self::Host => wasi_common::sync::random_ctx(),
            Self::Fixed { random, .. } => {
                let mut next = random.borrow_mut();
                let stream = next.get_stream();
                next.set_stream(stream + 1);
                let mut own = next.clone();
                own.set_stream(stream);
                Box::new(own)
            }
        }
    }

    /// A standard stream that was opened, or why it was not.
    fn stream(
        &self,
        name: &str,
        opened: Result<Option<Box<dyn File>>, Fault>,
    ) -> Result<Option<Box<dyn File>>> {
        let file = opened.map_err(|fault| {
            Error::resource(format!(
                "standard {name} of the guest cannot be opened: {fault:?}"
            ))
        })?;
        Ok(match self {
            Self::Host => file,
            Self::Fixed { inodes, .. } => {
                file.map(|file| Fixed::file(file, Arc::clone(inodes), fixed_time()))
            }
        })
    }
}

/// What sets the times of files in memory: a clock that is granted. Without one a file's time would
/// tell what no clock does, so it is 1970.
fn file_clock(clocks: Option<&Arc<HostClocks>>) -> Arc<dyn Fn() -> SystemTime + Send + Sync> {
    match clocks.cloned() {
        Some(clocks) => Arc::new(move || clocks.system.now().into_std()),
        None => Arc::new(|| SystemTime::UNIX_EPOCH),
    }
}

/// The time of all files in a fixed world.
fn fixed_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(VIRTUAL_START_NANOS)
}

fn push(strings: &mut Strings, string: &str, what: impl Fn() -> String) -> Result<()> {
    if string.contains('\0') {
        return Err(Error::usage(format!(
            "{}: expected no zero byte in it",
            what()
        )));
    }
    strings.push(string).map_err(|_| {
        Error::usage(format!(
            "{}: expected all of them to take less than 4 GiB",
            what()
        ))
    })
}
