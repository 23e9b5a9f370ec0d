//! Audits: what the modules of a graph asked of the host, call by call ([`watch`]), and the smallest
//! grants that would have let them ([`needs`]). Derives what a call asks for from the table of
//! functions and from the open descriptors; does nothing that a module could notice.

mod access;
#[cfg(test)]
mod audit_tests;
mod needs;
pub(super) mod place;
pub(super) mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::grants::Access;
use needs::Asks;

/// A record of what modules ask of the host, for [`Wasi::audit`](super::Wasi::audit). It tells each
/// call when it has ended, and knows at any time the smallest grants that would have let all of
/// them pass. One record is for one [`Wasi`](super::Wasi); clones are the same record.
///
/// What a program's own library refuses, such as a path below no directory that was granted, is no
/// call and appears nowhere: an audit narrows grants that are wide enough.
///
/// ```
/// use holdall::{Engine, Linker, Module, Store};
/// use holdall_wasi::{Access, Audit, Files, Grants, Needed, Wasi};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, br#"(module
///     (import "wasi_snapshot_preview1" "path_unlink_file"
///         (func $unlink (param i32 i32 i32) (result i32)))
///     (memory (export "memory") 1)
///     (data (i32.const 0) "old.txt")
///     (func (export "_start") (drop (call $unlink
///         (i32.const 3) (i32.const 0) (i32.const 7)))))"#.as_slice())?;
///
/// let (tell, told) = std::sync::mpsc::channel();
/// let audit = Audit::new(move |asked| drop(tell.send(asked.clone())));
/// let files = Files::new().with("old.txt", "");
/// let grants = Grants::new().files(files, "/data", Access::ReadOnly);
/// let mut linker = Linker::new(&engine);
/// holdall_wasi::add_to_linker(&mut linker, Wasi::new(grants).audit(audit.clone()));
/// let mut store = Store::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &module)?;
/// instance.get_typed_func::<(), ()>(&store, "_start")?.call(&mut store, ())?;
///
/// let asked = told.recv().unwrap();
/// assert_eq!((asked.call, &*asked.paths[0]), ("path_unlink_file", "/data/old.txt"));
/// assert_eq!(asked.errno.as_deref(), Some("EROFS"));
/// let needs = audit.needs();
/// assert!(matches!(needs[0].what, Needed::Dir { access: Access::ReadWrite, .. }));
/// # Ok::<(), holdall::Error>(())
/// ```
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

/// Who is told of each call.
type Sink = Box<dyn FnMut(&Asked) + Send>;

struct Inner {
    sink: Mutex<Sink>,
    /// By whose grants were asked; the root's come first.
    asks: Mutex<BTreeMap<Option<Arc<str>>, Asks>>,
}

/// A call that asked something of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// The module whose grants were asked, by the name that it was granted them under; `None` for
    /// those of [`Wasi::new`](super::Wasi::new).
    pub module: Option<Arc<str>>,
    /// The function's name, such as `path_open`.
    pub call: &'static str,
    /// The descriptors that the call named, open or not; 0, 1 and 2 are the standard streams.
    pub descriptors: Vec<u32>,
    /// The paths that it asked for, as the guest would write them from its root: of each the name
    /// of the granted directory, and what is below, without `.` and `..`. Symbolic links are not
    /// followed. A descriptor of a file or a directory has the path that it was opened by. At most
    /// two.
    pub paths: Vec<String>,
    /// What was to be done with descriptors and paths: to read, or to change as well. `None` where
    /// nothing has to be granted for it.
    pub access: Option<Access>,
    /// The name of the error number that it got, such as `ENOENT`. `None` where it succeeded, or
    /// ended the guest.
    pub errno: Option<String>,
}

/// A grant that a run could not have done without.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Need {
    /// The module that needs it; `None` for the grants of [`Wasi::new`](super::Wasi::new).
    pub module: Option<Arc<str>>,
    /// What it needs.
    pub what: Needed,
}

/// What a module needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Needed {
    /// A directory: a granted one, or one below.
    Dir {
        /// Which of the directories that the module was granted, in their order, from 0.
        grant: usize,
        /// The path from there, without links; empty for the granted directory itself.
        below: String,
        /// What the guest is to know it by.
        guest_path: String,
        /// Whether anything in it was to be changed.
        access: Access,
    },
    /// The arguments.
    Args,
    /// The environment, as it was granted.
    Env,
    /// The standard input.
    Stdin,
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
    /// The clocks.
    Clocks,
    /// Randomness.
    Random,
}

impl Audit {
    /// A record that tells `sink` each call, on the thread that runs the guest, which waits for it.
    pub fn new(sink: impl FnMut(&Asked) + Send + 'static) -> Self {
        Self(Arc::new(Inner {
            sink: Mutex::new(Box::new(sink)),
            asks: Mutex::default(),
        }))
    }

    /// The smallest grants that would have let everything pass that was asked until now. The order
    /// is that in which they should be granted: the root's first, directories before the rest.
    ///
    /// Of each granted directory that was asked for something, it is the deepest directory that
    /// holds all of it, to be changed only where something that changes was asked, refused or not.
    /// Where what was changed lies deeper than what was read, or elsewhere, there are two, unless a
    /// path led through a link or turned back by `..`. A module that did not ask for a directory's
    /// name must know it by its number: it gets the whole one, and those with lower numbers.
    pub fn needs(&self) -> Vec<Need> {
        let asks = lock(&self.0.asks);
        let needs = asks.iter().flat_map(|(module, asks)| {
            asks.needs().into_iter().map(|what| Need {
                module: module.clone(),
                what,
            })
        });
        needs.collect()
    }

    fn tell(&self, asked: &Asked) {
        lock(&self.0.sink)(asked);
    }

    /// Changes what is known of a module's asks.
    fn note(&self, module: Option<&Arc<str>>, note: impl FnOnce(&mut Asks)) {
        let mut asks = lock(&self.0.asks);
        note(asks.entry(module.cloned()).or_default());
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}

/// A sink that panicked ends its guest; the record stays as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
