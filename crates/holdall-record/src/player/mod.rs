//! What plays a recording: it does what the recorded host did, one record after the other, and compares what the
//! guests do with what they did.

mod compare;
mod place;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use holdall::provide::record::{
    find, find_export, instance_number, instantiate, named_func, set_fuel_left,
};
use holdall::provide::{Signature, Stream};
use holdall::text::format_results;
use holdall::{
    AsContextMut, Caller, Engine, Error, Extern, ExternType, Func, FuncType, Global, GlobalType,
    Memory, MemoryType, Module, Mutability, StoreContextMut, Trap, TrapCode, Val, ValType,
};

use crate::divergence::{DivergenceKind, OtherModule, ReplayError};
use crate::failure::{end_of, with_frames_of};
use crate::format::{End, Function, Import, Place, Record, Value, stream};
use crate::modules::Modules;
use crate::recording::{Cursor, Recording};
use crate::replay::{Finder, GuestCall, Sink};
use crate::settings::limits;
use crate::show::Shower;

/// A recording may have the host call guests within functions of its own, and these call the host, so deep.
const MAX_DEPTH: usize = 64;

/// Plays a recording: shared by the functions of the host in the store.
pub(crate) struct Player {
    bytes: Arc<[u8]>,
    state: Mutex<State>,
}

pub(crate) struct State {
    cursor: Cursor,
    /// What was read of the recording, for messages.
    pub(crate) shower: Shower,
    modules: Modules,
    /// For each instance, whether its module is another one than the recorded.
    differ: Vec<bool>,
    until: Option<u64>,
    /// When the replay's own time ends, whatever the recording says of limits.
    deadline: Option<Instant>,
    /// Whether the fuel has to be the same: another version may charge otherwise.
    checks_fuel: bool,
    is_redacted: bool,
    output: Option<Box<Sink>>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) calls: Vec<GuestCall>,
    /// The fuel that was granted since, where some was.
    pub(crate) granted: Option<Option<u64>>,
    /// Why the replay is over.
    pub(crate) stop: Option<Stop>,
    /// The fuel that is left at the end of the guest that runs now, whose time ends.
    held: Option<u64>,
    depth: usize,
}

/// Why a replay is over before the run is.
pub(crate) enum Stop {
    /// The recording ends.
    Ended,
    /// It was to go no further.
    Until,
    Error(Box<ReplayError>),
}

/// The error by which a function of the host ends its guest, where the replay is over.
#[derive(Debug, thiserror::Error)]
#[error("the replay is over")]
struct Over;

type Played<T> = Result<T, Over>;
type Context<'a> = StoreContextMut<'a, ()>;

impl State {
    /// The module that stands for another one.
    pub(crate) fn other_module(&self) -> Option<OtherModule> {
        self.modules.other()
    }
}

impl Player {
    pub(crate) fn new(
        recording: Recording,
        finder: Option<Box<Finder>>,
        output: Option<Box<Sink>>,
        until: Option<u64>,
        deadline: Option<Instant>,
    ) -> Arc<Self> {
        Arc::new(Self {
            bytes: Arc::clone(recording.bytes()),
            state: Mutex::new(State {
                cursor: recording.cursor(),
                shower: Shower::default(),
                differ: Vec::new(),
                until,
                deadline,
                checks_fuel: recording.header().holdall == env!("CARGO_PKG_VERSION"),
                is_redacted: recording.is_redacted(),
                modules: Modules::new(recording, finder),
                output,
                stdout: Vec::new(),
                stderr: Vec::new(),
                calls: Vec::new(),
                granted: None,
                stop: None,
                held: None,
                depth: 0,
            }),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a module that may stand for the root.
    pub(crate) fn take_root(&self, engine: &Engine, bytes: &[u8]) -> Result<(), ReplayError> {
        self.lock().modules.take_root(engine, bytes)
    }

    /// Plays all of the recording, and gives the error with which the last thing ended that the host did.
    pub(crate) fn play(self: &Arc<Self>, context: &mut Context<'_>) -> Option<Error> {
        let mut last = None;
        if self.lock().until == Some(0) {
            self.lock().stop = Some(Stop::Until);
            return None;
        }
        loop {
            match self.next() {
                Ok(Record::End) | Err(Over) => return last,
                Ok(Record::HostReturned { .. }) => {
                    self.malformed();
                    return last;
                }
                Ok(record) => {
                    if self.step(context, record, &mut last).is_err() {
                        return last;
                    }
                }
            }
        }
    }

    /// Answers a call of a function of the host as the recording does.
    fn answer(
        self: &Arc<Self>,
        number: u32,
        mut caller: Caller<'_, ()>,
        args: &[Val],
        results: &mut [Val],
    ) -> anyhow::Result<()> {
        let instance = caller.instance();
        let instance = instance.and_then(|it| instance_number(&caller, it));
        let args: Vec<_> = args.iter().map(Value::of).collect();
        self.expect_call(number, instance, &args)?;
        let context = &mut caller.as_context_mut();
        let mut last = None;
        loop {
            let record = self.next()?;
            let Record::HostReturned { end, spent, .. } = record else {
                self.step(context, record, &mut last)?;
                continue;
            };
            if let Some(fuel) = context.fuel() {
                set_fuel_left(&mut *context, fuel.saturating_sub(spent));
            }
            self.finish_call()?;
            return match end {
                End::Results(values) => {
                    if values.len() != results.len() {
                        return Err(self.malformed().into());
                    }
                    for (result, value) in results.iter_mut().zip(values) {
                        *result = value
                            .to_val(result.ty())
                            .ok_or_else(|| self.cannot("gave a reference to a guest"))?;
                    }
                    match self.before_guest(context) {
                        Some(trap) => Err(Error::from(trap).into()),
                        None => Ok(()),
                    }
                }
                End::Passed => Err(match last {
                    Some(error) => error.into(),
                    None => self.malformed().into(),
                }),
                End::Error(failure) => Err(match failure.to_error() {
                    Some(error) => error,
                    None => self.cannot("threw an exception").into(),
                }),
            };
        }
    }

    /// Does what the host did by itself. `last` gets the error of a call that failed.
    fn step(
        self: &Arc<Self>,
        context: &mut Context<'_>,
        record: Record<'_>,
        last: &mut Option<Error>,
    ) -> Played<()> {
        match record {
            Record::Function(function) => self.function(context, &function)?,
            Record::Module(_) | Record::ModuleBytes(_) => {}
            Record::Memory {
                min,
                max,
                is_64,
                shared,
                page_size_log2,
            } => {
                let ty = MemoryType {
                    min,
                    max,
                    is_64,
                    shared,
                    page_size_log2,
                };
                let made = Memory::new(&mut *context, ty).map(drop);
                made.map_err(|error| self.stop(ReplayError::Engine(error)))?;
            }
            Record::Global { is_mutable, value } => {
                let mutability = match is_mutable {
                    true => Mutability::Var,
                    false => Mutability::Const,
                };
                let value = self.number(value)?;
                let ty = GlobalType::new(value.ty(), mutability);
                let made = Global::new(&mut *context, ty, value).map(drop);
                made.map_err(|error| self.stop(ReplayError::Engine(error)))?;
            }
            Record::SetGlobal { global, value } => {
                let value = self.number(value)?;
                match find(&*context, Place::Global(global).into()) {
                    Some(Extern::Global(found)) if found.ty(&*context).content == value.ty() => {
                        let set = found.set(&mut *context, value);
                        set.map_err(|error| self.stop(ReplayError::Engine(error)))?;
                    }
                    _ => return Err(self.malformed()),
                }
            }
            Record::Instance {
                module,
                label,
                imports,
            } => *last = self.instance(context, module, label.as_deref(), &imports)?,
            Record::Call { func, export, args } => {
                *last = self.call(context, func, export.as_deref(), &args)?;
            }
            Record::Read { memory, at, bytes } => self.read(context, memory, at, &bytes)?,
            Record::Write { memory, at, bytes } => {
                let found = self.memory(context, memory)?;
                let written =
                    usize::try_from(at).map(|at| found.write(&mut *context, at, &bytes).is_ok());
                if written != Ok(true) {
                    let found = format!("a memory of {} bytes", found.data_size(&*context));
                    let recorded = format!("{} bytes written at {at:#x}", bytes.len());
                    return Err(self.diverge(DivergenceKind::Memory, recorded, found));
                }
            }
            Record::Output { is_error, bytes } => self.output(stream(is_error), &bytes),
            Record::Grow { memory, pages } => {
                let memory = self.memory(context, memory)?;
                // A refusal is the same one.
                let _ = memory.grow(&mut *context, pages);
            }
            Record::Limits(record) => {
                let deadline = self.lock().deadline;
                let set = context.limits(limits(&record, deadline));
                set.map_err(|error| self.stop(ReplayError::Engine(error)))?;
                self.lock().granted = Some(record.fuel);
            }
            Record::Other(what) => return Err(self.cannot(&what)),
            Record::HostCall { .. }
            | Record::HostReturned { .. }
            | Record::Returned { .. }
            | Record::Instantiated { .. }
            | Record::End => return Err(self.malformed()),
        }
        Ok(())
    }

    /// Makes a function of the host, which answers as the recording does.
    fn function(self: &Arc<Self>, context: &mut Context<'_>, function: &Function) -> Played<()> {
        let types = |types: &[crate::format::Type]| -> Option<Vec<ValType>> {
            types.iter().map(|ty| ty.ty()).collect()
        };
        let (Some(params), Some(results)) = (types(&function.params), types(&function.results))
        else {
            let what = format!(
                "has function {}, whose type refers to types of modules",
                function.name
            );
            return Err(self.cannot(&what));
        };
        let number = self.lock().shower.functions().len() as u32 - 1;
        let player = Arc::clone(self);
        let made = named_func(
            &mut *context,
            Signature::new(&function.name, &[], None),
            FuncType::new(params, results),
            move |caller, args, results| player.answer(number, caller, args, results),
        );
        made.map(drop)
            .map_err(|error| self.stop(ReplayError::Engine(error)))
    }

    /// Makes an instance. Gives the error where that ends with one, as it did.
    fn instance(
        self: &Arc<Self>,
        context: &mut Context<'_>,
        number: u32,
        label: Option<&str>,
        imports: &[Import],
    ) -> Played<Option<Error>> {
        let found = self.lock().modules.module(context.engine(), number);
        let (module, differs) = found.map_err(|error| self.stop(error))?;
        let externs = self.externs(context, &module, differs, imports)?;
        self.lock().differ.push(differs);
        let ended = self.before_guest(context);
        self.enter()?;
        let made = match ended {
            Some(trap) => Err(trap.into()),
            None => instantiate(&mut *context, &module, &externs, label).map(|_| Vec::new()),
        };
        self.guest_ended(context, made, "the instance")
    }

    /// What satisfies the imports of a module.
    fn externs(
        self: &Arc<Self>,
        context: &mut Context<'_>,
        module: &Module,
        differs: bool,
        recorded: &[Import],
    ) -> Played<Vec<Extern>> {
        let mut externs = Vec::new();
        for (at, import) in module.imports().enumerate() {
            let is_it = |it: &&Import| it.module == import.module() && it.name == import.name();
            let same = recorded.get(at).filter(is_it);
            let same = same.or_else(|| recorded.iter().find(is_it));
            let item = match same {
                Some(import) => self.resolve(context, import.place, &import.name),
                None => None,
            };
            let name = format!(
                "import {:?}.{:?}: {}",
                import.module(),
                import.name(),
                import.ty()
            );
            let fits = |item: &Extern| match (item.ty(&*context), import.ty()) {
                // Where a module is the recorded one, its imports fit.
                (ExternType::Func(found), ExternType::Func(expected)) => {
                    found == expected || !differs
                }
                _ => true,
            };
            match (item.filter(fits), import.ty()) {
                (Some(item), _) => externs.push(item),
                (None, ExternType::Func(ty)) if differs => {
                    externs.push(self.stranger(context, name, ty)?.into());
                }
                (None, _) => {
                    let recorded = "no such import".to_owned();
                    return Err(self.diverge(DivergenceKind::Import, recorded, name));
                }
            }
        }
        Ok(externs)
    }

    /// A function that no recorded module imported: to call it leaves the recording.
    fn stranger(
        self: &Arc<Self>,
        context: &mut Context<'_>,
        name: String,
        ty: FuncType,
    ) -> Played<Func> {
        let player = Arc::clone(self);
        let signature = Signature::new(&name, &[], None);
        let made = named_func(&mut *context, signature, ty, move |_, _, _| {
            let recorded = player.next_text();
            let found = format!("a call of {name}, which was not imported");
            Err(player.diverge(DivergenceKind::Call, recorded, found).into())
        });
        made.map_err(|error| self.stop(ReplayError::Engine(error)))
    }

    /// What a place means here: where an instance is of another module, its functions have other numbers.
    fn resolve(&self, context: &Context<'_>, place: Place, name: &str) -> Option<Extern> {
        if let Place::Func { instance, .. } = place
            && self.lock().differ.get(instance as usize) == Some(&true)
        {
            return find_export(context, instance, name);
        }
        find(context, place.into())
    }

    /// Makes a call that the host made. Gives the error where the call ends with one, as it did.
    fn call(
        self: &Arc<Self>,
        context: &mut Context<'_>,
        place: Place,
        export: Option<&str>,
        args: &[Value],
    ) -> Played<Option<Error>> {
        let name = export.unwrap_or_default();
        let Some(Extern::Func(func)) = self.resolve(context, place, name) else {
            let recorded = self.lock().shower.guest_call(place, export, args);
            let found = format!("no exported function {name:?}");
            return Err(self.diverge(DivergenceKind::Call, recorded, found));
        };
        let ty = func.ty(&*context);
        let mut values = Vec::new();
        for (at, param) in ty.params().iter().enumerate() {
            match args.get(at).copied() {
                Some(Value::Reference) => return Err(self.cannot("gave a reference to a guest")),
                Some(value) if value.to_val(*param).is_some() => {
                    values.extend(value.to_val(*param))
                }
                _ => {
                    let recorded = self.lock().shower.guest_call(place, export, args);
                    let found = format!("a function of type {ty}");
                    return Err(self.diverge(DivergenceKind::Call, recorded, found));
                }
            }
        }
        let ended = self.before_guest(context);
        let is_outermost = self.enter()? == 1;
        let mut results: Vec<_> = ty.results().iter().map(|ty| Val::default_of(*ty)).collect();
        let outcome = match ended {
            Some(trap) => Err(trap.into()),
            None => func.call(&mut *context, &values, &mut results),
        };
        let is_ok = outcome.is_ok();
        let recorded = results.iter().map(Value::of).collect();
        let what = format!("{} ", self.lock().shower.guest_call(place, export, args));
        let error = self.guest_ended(context, outcome.map(|()| recorded), &what)?;
        if is_outermost {
            self.lock().calls.push(GuestCall {
                function: name.to_owned(),
                results: is_ok.then(|| format_results(&*context, &results)),
            });
        }
        Ok(error)
    }

    /// Notes that a guest is about to run, and gives how many run then.
    fn enter(&self) -> Played<usize> {
        let mut state = self.lock();
        state.depth += 1;
        let depth = state.depth;
        drop(state);
        if depth > MAX_DEPTH {
            return Err(self.cannot("and guests called one another too deep"));
        }
        Ok(depth)
    }

    /// Compares how a guest ended with the next record.
    fn guest_ended(
        &self,
        context: &mut Context<'_>,
        mut outcome: Result<Vec<Value>, Error>,
        what: &str,
    ) -> Played<Option<Error>> {
        let mut state = self.lock();
        state.depth -= 1;
        if state.stop.is_some() {
            return Err(Over);
        }
        let (held, checks_fuel) = (state.held.take(), state.checks_fuel);
        drop(state);
        let (end, fuel) = match self.peek() {
            Some(Record::Returned { end, fuel } | Record::Instantiated { end, fuel }) => {
                (end, fuel)
            }
            Some(Record::Other(what)) => return Err(self.cannot(&what)),
            Some(_) => {
                let found = format!("{what}ended: {}", self.end_text(&outcome));
                return Err(self.diverge(DivergenceKind::End, self.next_text(), found));
            }
            None => {
                self.lock().stop = Some(Stop::Ended);
                return Err(Over);
            }
        };
        if let (Some(left), End::Error(failure), Err(error)) = (held, &end, &outcome)
            && let (Some(trap), Some(found)) = (failure.end_of_time(), error.trap())
            && found.code() == TrapCode::OutOfFuel
        {
            set_fuel_left(&mut *context, left);
            outcome = Err(with_frames_of(trap, found).into());
        }
        let found = match &outcome {
            Ok(results) => End::Results(results.clone()),
            Err(error) => end_of(error),
        };
        if found != end {
            let recorded = format!("{what}ended: {}", self.lock().shower.end(&end));
            let found = format!("{what}ended: {}", self.end_text(&outcome));
            return Err(self.diverge(DivergenceKind::End, recorded, found));
        }
        if checks_fuel && fuel != context.fuel() {
            let text = |fuel: Option<u64>| match fuel {
                Some(fuel) => format!("{fuel} units of fuel left when {what}ended"),
                None => format!("no limit of fuel when {what}ended"),
            };
            let (recorded, found) = (text(fuel), text(context.fuel()));
            return Err(self.diverge(DivergenceKind::Fuel, recorded, found));
        }
        self.next()?;
        Ok(outcome.err())
    }

    fn end_text(&self, outcome: &Result<Vec<Value>, Error>) -> String {
        let end = match outcome {
            Ok(results) => End::Results(results.clone()),
            Err(error) => end_of(error),
        };
        self.lock().shower.end(&end)
    }

    /// Gives the trap of a guest whose time was up before it did anything. Where its time is up later, without another
    /// call of the host, sees to it that the guest's fuel ends there.
    fn before_guest(&self, context: &mut Context<'_>) -> Option<Trap> {
        let (end, left) = match self.peek()? {
            Record::Returned { end, fuel } | Record::Instantiated { end, fuel } => (end, fuel?),
            _ => return None,
        };
        let End::Error(failure) = end else {
            return None;
        };
        let trap = failure.end_of_time()?;
        let used = context.fuel()?.saturating_sub(left);
        if used == 0 {
            return Some(trap);
        }
        // The charge that comes to all of it is the one that fails.
        set_fuel_left(&mut *context, used - 1);
        self.lock().held = Some(left);
        None
    }

    fn memory(&self, context: &Context<'_>, number: u32) -> Played<Memory> {
        match find(context, Place::Memory(number).into()) {
            Some(Extern::Memory(memory)) => Ok(memory),
            _ => {
                let recorded = format!("memory {number}");
                Err(self.diverge(
                    DivergenceKind::Memory,
                    recorded,
                    "no such memory".to_owned(),
                ))
            }
        }
    }

    fn output(&self, to: Stream, bytes: &[u8]) {
        let mut state = self.lock();
        match to {
            Stream::Stdout => state.stdout.extend_from_slice(bytes),
            Stream::Stderr => state.stderr.extend_from_slice(bytes),
        }
        if let Some(output) = &mut state.output {
            output(to, bytes);
        }
    }

    /// The value, which has to be a number.
    fn number(&self, value: Value) -> Played<Val> {
        let number = value.to_number();
        number.ok_or_else(|| self.cannot("used a reference"))
    }
}
