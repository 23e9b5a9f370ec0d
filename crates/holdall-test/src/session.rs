//! A run that is going on: instances in a store of their own, which a test calls.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use holdall::provide::{did_you_mean, nearest};
use holdall::text::format_val;
use holdall::{ErrorKind, ExternType, FuncType, Instance, LinkError, Linker, Store, Val};
use holdall_wasi::{Files, Time};

use crate::case::{Case, Entry};
use crate::error::{Error, Result};
use crate::fault::Armed;
use crate::mock::{Running, types_of_mocks};
use crate::modules::Subject;
use crate::outcome::{End, Outcome};
use crate::value::{IntoValues, Value};
use crate::world::World;

/// The fuel of a case that does not limit it: no guest ever uses as much.
const ENDLESS_FUEL: u64 = 1 << 62;
/// The most lines of a trace that are kept.
const MAX_TRACED: usize = 10_000;

/// A run that is going on: a subject that was instantiated once, and is called as often as a test
/// likes. Made by [`Case::start`].
///
/// ```
/// use holdall_test::{Case, Modules, Val};
///
/// let counter = Modules::new().wat(r#"(module
///     (global $n (mut i32) (i32.const 0))
///     (func (export "next") (result i32)
///         (global.set $n (i32.add (global.get $n) (i32.const 1)))
///         (global.get $n)))"#)?;
/// let mut session = Case::call(&counter, "next").start()?;
/// assert_eq!(session.call("next", ())?, [Val::I32(1)]);
/// assert_eq!(session.call("next", ())?, [Val::I32(2)]);
/// # Ok::<(), holdall_test::Error>(())
/// ```
pub struct Session {
    case: Case,
    store: Store<()>,
    /// None where the subject did not come to life.
    instance: Option<Instance>,
    world: World,
    time: Time,
    mocks: Vec<Running>,
    faults: Armed,
    /// The fuel at the start.
    fuel: u64,
    /// How the last call ended, and what it gave.
    end: End,
    results: Vec<Val>,
    trace: Arc<Mutex<Vec<String>>>,
}

impl Session {
    pub(crate) fn start(case: &Case) -> Result<Self> {
        let types = types_of_mocks(&case.subject, &case.mocks)?;
        let mut linker = case.subject.linker();
        let mut store = Store::try_new(linker.engine(), ())?;
        let fuel = case.limits.fuel.unwrap_or(ENDLESS_FUEL);
        let limits = case.limits.clone().fuel(fuel).timeout(case.timeout);
        store.limits(limits)?;
        let trace = Arc::<Mutex<Vec<String>>>::default();
        if case.traces {
            let lines = Arc::clone(&trace);
            store.trace(move |event| {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() < MAX_TRACED {
                    lines.push(event.to_string());
                }
            });
        }
        let time = Time::new();
        if let Some(start) = case.start {
            time.set(start);
        }
        let faults = Armed::new(&case.faults, case.seed, &time)?;
        faults.guard(&mut store);
        let world = World::of(case, &time, &faults)?;
        holdall_wasi::add_to_linker(&mut linker, world.wasi());
        let mocks = Running::define(&case.mocks, &types, &mut linker, &mut store, &time)?;
        let mut session = Self {
            case: case.clone(),
            store,
            instance: None,
            world,
            time,
            mocks,
            faults,
            fuel,
            end: End::Returned,
            results: Vec::new(),
            trace,
        };
        session.instantiate(&linker)?;
        Ok(session)
    }

    fn instantiate(&mut self, linker: &Linker<()>) -> Result<()> {
        match linker.instantiate(&mut self.store, self.case.subject.module()) {
            Ok(instance) => self.instance = Some(instance),
            Err(error) => match error.kind() {
                // What does not start, of the subject itself or of what it needs, is the guest's doing.
                ErrorKind::Link(LinkError::Start { .. })
                | ErrorKind::Trap(_)
                | ErrorKind::Exit(_)
                | ErrorKind::Exception(_)
                | ErrorKind::Host(_) => self.end = End::of(&error),
                _ => return Err(error.into()),
            },
        }
        Ok(())
    }

    /// Calls what the case calls.
    pub(crate) fn enter(&mut self) -> Result<()> {
        let result = match self.case.entry.clone() {
            Entry::Program => self.call("_start", ()),
            Entry::Func(name) => self.call(&name, self.case.args.clone()),
        };
        match result {
            Ok(_) | Err(Error::Ended(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Calls a function that the subject exports, or with `$module$function` one that a module exports
    /// which the subject needs.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] where the guest traps, exits, or was not brought to life at all: the outcome
    /// has it too. [`Error::Usage`] where there is no such function, or arguments do not fit.
    pub fn call(&mut self, function: &str, args: impl IntoValues) -> Result<Vec<Val>> {
        let Some(instance) = self.instance else {
            return Err(self.end.clone().into());
        };
        let Some(func) = instance.get_func(&mut self.store, function) else {
            return Err(no_function(&self.case.subject, function));
        };
        let ty = func.ty(&self.store);
        let args = self.arguments(function, &ty, args.into_values())?;
        let results = ty.results().iter();
        let mut results: Vec<_> = results.map(|ty| Val::default_of(*ty)).collect();
        self.results.clear();
        match func.call(&mut self.store, &args, &mut results) {
            Ok(()) => {
                self.end = End::Returned;
                self.results.clone_from(&results);
                Ok(results)
            }
            Err(error) => {
                self.end = End::of(&error);
                Err(self.end.clone().into())
            }
        }
    }

    fn arguments(&mut self, function: &str, ty: &FuncType, args: Vec<Value>) -> Result<Vec<Val>> {
        if args.len() != ty.params().len() {
            return Err(Error::usage(format!(
                "function {function:?}: expected {} arguments, as {ty} has them, found {}",
                ty.params().len(),
                args.len()
            )));
        }
        let pairs = args.iter().zip(ty.params()).enumerate();
        pairs
            .map(|(at, (arg, ty))| {
                let val = arg.to_val(&mut self.store, *ty);
                val.map_err(|reason| {
                    Error::usage(format!("function {function:?}: argument {at}: {reason}"))
                })
            })
            .collect()
    }

    /// The time of the run, which can be moved.
    #[must_use]
    pub fn time(&self) -> &Time {
        &self.time
    }

    /// The files in memory: to look at, and to change between calls.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.world.files
    }

    /// The instance of the subject, to look at its memories and globals; `None` where it did not come
    /// to life.
    #[must_use]
    pub fn instance(&self) -> Option<Instance> {
        self.instance
    }

    /// The store of the run, which the instance is used with. Its fuel is what the outcome counts.
    pub fn store(&mut self) -> &mut Store<()> {
        &mut self.store
    }

    /// What the run has come to by now. The files of the outcome are those of the session, and go on
    /// with it.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let results_text = self.results.iter().map(|val| format_val(&self.store, val));
        let left = self.store.fuel().unwrap_or_default();
        Outcome {
            end: self.end.clone(),
            results: self.results.clone(),
            results_text: results_text.collect(),
            stdout: self.world.stdout.bytes().into(),
            stderr: self.world.stderr.bytes().into(),
            files: self.world.files.clone(),
            mocks: self.mocks.iter().map(Running::log).collect(),
            faults: self.faults.fired(),
            fuel: self.fuel.saturating_sub(left),
            seed: self.case.seed,
            trace: self
                .trace
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("subject", &self.case.subject.name())
            .field("end", &self.end)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

fn no_function(subject: &Subject, name: &str) -> Error {
    let exports = subject.module().exports();
    let funcs = exports
        .filter_map(|export| matches!(export.ty(), ExternType::Func(_)).then_some(export.name()));
    let hint = did_you_mean(nearest(name, funcs));
    Error::usage(format!(
        "module {:?} exports no function {name:?}{hint}",
        subject.name()
    ))
}
