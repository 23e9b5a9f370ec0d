//! The linker against the behaviour table of multi-module, row by row: a test's name says what is
//! broken when it fails.

#[path = "../support/bundle.rs"]
mod bundle;
mod failures;
mod instances;
mod names;
#[cfg(feature = "serde")]
#[path = "../support/ops.rs"]
#[allow(dead_code, unreachable_pub, reason = "not every test needs all of it")]
mod ops;
mod orders;
#[cfg(feature = "serde")]
#[path = "../differential/program/mod.rs"]
#[allow(unreachable_pub, reason = "other tests have it too")]
mod program;
mod qualified;
mod readers;
mod registry;
mod resolution;
#[cfg(feature = "serde")]
use holdall_dev::rng;
mod sharing;
mod sizes;
#[cfg(feature = "serde")]
mod snapshot;
mod types;

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use holdall::{
    Config, Engine, Error, ErrorKind, FnReader, GraphError, Instance, LinkError, Linker, Module,
    Pool, Store,
};

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, event: impl Into<String>) {
        self.0.lock().unwrap().push(event.into());
    }

    /// What happened since the last time, in one line.
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(", ")
    }
}

/// A linker and a store, and what its reader was asked and given back.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<()>,
    pub(crate) store: Store<()>,
    pub(crate) log: Log,
}

impl Bench {
    /// With a reader that has modules of these names and texts.
    pub(crate) fn new(modules: &[(&str, &str)]) -> Self {
        let mut bench = Self::without_reader();
        bench.read(modules);
        bench
    }

    pub(crate) fn without_reader() -> Self {
        let engine = Engine::new(config());
        Self {
            linker: Linker::new(&engine),
            store: Store::new(&engine, ()),
            log: Log::default(),
            engine,
        }
    }

    /// Sets a reader that has modules of these names and texts.
    pub(crate) fn read(&mut self, modules: &[(&str, &str)]) {
        let modules: Vec<(String, String)> = modules
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        let (reads, destroys) = (self.log.clone(), self.log.clone());
        self.linker.set_reader(FnReader::new(
            move |name: &str| {
                reads.add(format!("read {name}"));
                let found = modules.iter().find(|(known, _)| known == name);
                Ok(found.map(|(_, text)| Cow::Owned(text.clone().into_bytes())))
            },
            move |name: &str, bytes: Cow<'static, [u8]>| {
                assert!(bytes.starts_with(b"("), "the buffer comes back as it was");
                destroys.add(format!("destroy {name}"));
            },
        ));
    }

    pub(crate) fn module(&self, text: &str) -> Module {
        Module::new(&self.engine, text.as_bytes().to_vec()).unwrap()
    }

    pub(crate) fn named(&self, name: &str, text: &str) -> Module {
        Module::named(&self.engine, name, text.as_bytes().to_vec()).unwrap()
    }

    /// Instantiates a root of this text.
    pub(crate) fn root(&mut self, text: &str) -> Result<Instance, Error> {
        let module = self.module(text);
        self.linker.instantiate(&mut self.store, &module)
    }

    /// Calls a function that takes nothing and gives an `i32`.
    pub(crate) fn call(&mut self, instance: Instance, name: &str) -> Result<i32, Error> {
        let func = instance.get_typed_func::<(), i32>(&self.store, name)?;
        func.call(&mut self.store, ())
    }

    /// Calls all of these functions.
    pub(crate) fn calls(&mut self, instance: Instance, names: &[&str]) -> Vec<i32> {
        let calls = names.iter().map(|name| self.call(instance, name).unwrap());
        calls.collect()
    }

    /// The text of the error of a root of this text.
    pub(crate) fn root_error(&mut self, text: &str) -> String {
        text_of(&self.root(text).unwrap_err())
    }
}

/// The default; with `HOLDALL_POOL_BYTES`, in a pool of that many bytes.
fn config() -> Config {
    match std::env::var("HOLDALL_POOL_BYTES") {
        Ok(size_bytes) => Config::new().pool(Pool::new(size_bytes.parse().unwrap()).unwrap()),
        Err(_) => Config::new(),
    }
}

/// An error with all its causes.
pub(crate) fn text_of(error: &Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| {
        error.source()
    });
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

pub(crate) fn link_error(error: &Error) -> &LinkError {
    match error.kind() {
        ErrorKind::Link(error) => error,
        other => panic!("expected a link error, found {other:?}"),
    }
}

pub(crate) fn graph_error(error: &Error) -> &GraphError {
    match link_error(error) {
        LinkError::Graph(error) => error,
        other => panic!("expected an error of the graph, found {other:?}"),
    }
}

/// A module that exports a function under a name that gives a number.
pub(crate) fn gives(name: &str, number: i32) -> String {
    format!(r#"(module (func (export "{name}") (result i32) (i32.const {number})))"#)
}

/// A module that exports what it imports.
pub(crate) fn passes_on(from: &str, name: &str) -> String {
    format!(
        r#"(module (import "{from}" "{name}" (func $f (result i32))) (export "{name}" (func $f)))"#
    )
}
