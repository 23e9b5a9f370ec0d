//! Mocks in a run: each becomes a host function of the case's linker.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use holdall::text::format_val;
use holdall::{
    Caller, Engine, Func, FuncType, Instance, Linker, Module, Store, Trap, TrapCode, Val, ValType,
};
use holdall_wasi::Time;

use super::{Answer, ArgCheck, Mock, MockCaller, MockLog, MockedCall};
use crate::error::{Error, Result};
use crate::value::Value;

/// A mock in a run.
#[derive(Debug)]
pub(crate) struct Running(Arc<Mutex<MockLog>>);

/// A module whose functions are mocks.
pub(super) struct MockModule {
    bytes: Vec<u8>,
    /// The module, as it was made last: most often all cases have one engine.
    made: Mutex<Option<Module>>,
}

impl MockModule {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            made: Mutex::new(None),
        }
    }

    fn make(&self, engine: &Engine) -> holdall::Result<Module> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some(module) if module.engine().same(engine) => Ok(module.clone()),
            _ => {
                let module = Module::new(engine, &*self.bytes)?;
                Ok(made.insert(module).clone())
            }
        }
    }
}

/// What a mock does, with values of its function's types.
enum Ready {
    Results(Vec<Val>),
    Each(Vec<Vec<Val>>),
    Call(Arc<super::Closure>),
    Func(Func),
    Trap(String),
}

impl Running {
    /// Puts mocks of functions of these types into the place of what modules import.
    pub(crate) fn define(
        mocks: &[Mock],
        types: &[FuncType],
        linker: &mut Linker<()>,
        store: &mut Store<()>,
        time: &Time,
    ) -> Result<Vec<Self>> {
        // The modules of mocks come to life before any mock is there.
        let mut instances = Vec::new();
        let mut readies = Vec::with_capacity(mocks.len());
        for (mock, ty) in mocks.iter().zip(types) {
            mock.check_args(ty)?;
            readies.push(mock.ready(linker, store, ty, &mut instances)?);
        }
        let mocks = mocks.iter().zip(types).zip(readies);
        mocks
            .map(|((mock, ty), ready)| mock.define(linker, ready, ty, time))
            .collect()
    }

    /// What the mock was asked so far.
    pub(crate) fn log(&self) -> MockLog {
        locked(&self.0).clone()
    }
}

impl Mock {
    /// Defines the mock in a linker, as a function of this type.
    fn define(
        &self,
        linker: &mut Linker<()>,
        ready: Ready,
        ty: &FuncType,
        time: &Time,
    ) -> Result<Running> {
        let log = MockLog::new(&self.module, &self.name, self.count, self.expects());
        let log = Arc::new(Mutex::new(log));
        let running = Running(Arc::clone(&log));
        let (mock, time) = (self.clone(), time.clone());
        let call = move |caller: Caller<'_, ()>, args: &[Val], results: &mut [Val]| {
            let nth = mock.note(&log, &caller, args);
            let mut caller = MockCaller {
                caller,
                time: time.clone(),
                nth,
            };
            // A panic is a failure of this case, and not the end of all tests.
            let answer = || mock.answer(&ready, &mut caller, args, results);
            match catch_unwind(AssertUnwindSafe(answer)) {
                Ok(result) => result,
                Err(panic) => Err(panicked(&mock, &*panic)),
            }
        };
        linker.allow_shadowing(true);
        linker.func_new(&self.module, &self.name, ty.clone(), call)?;
        Ok(running)
    }

    /// Notes a call and what is wrong with its arguments; gives its number, counted from 1.
    fn note(&self, log: &Mutex<MockLog>, caller: &Caller<'_, ()>, args: &[Val]) -> u64 {
        let args_text: Vec<_> = args.iter().map(|arg| format_val(caller, arg)).collect();
        let listed = format!("({})", args_text.join(", "));
        let mut wrong = Vec::new();
        for check in &self.args {
            match check {
                ArgCheck::All(values) => {
                    let mut fit = values.iter().zip(args.iter().zip(&args_text));
                    if !fit.all(|(value, (arg, text))| value.fits(arg, text)) {
                        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                        wrong.push((format!("({})", values.join(", ")), listed.clone()));
                    }
                }
                ArgCheck::One(at, value) => {
                    if !value.fits(&args[*at], &args_text[*at]) {
                        let found = format!("{} in {listed}", args_text[*at]);
                        wrong.push((format!("{value} as argument {at}"), found));
                    }
                }
                ArgCheck::Predicate(is_right) => {
                    // One that panics is not true of the arguments.
                    let is_right = catch_unwind(AssertUnwindSafe(|| is_right(args)));
                    if !is_right.unwrap_or(false) {
                        let expected = "arguments that the test's condition is true of";
                        wrong.push((expected.to_owned(), listed.clone()));
                    }
                }
            }
        }
        let mut log = locked(log);
        let nth = log.add(MockedCall {
            args: args.to_vec(),
            args_text,
        });
        for (expected, found) in wrong {
            log.add_wrong(expected, found);
        }
        nth
    }

    fn answer(
        &self,
        ready: &Ready,
        caller: &mut MockCaller<'_>,
        args: &[Val],
        results: &mut [Val],
    ) -> anyhow::Result<()> {
        for (at, bytes) in &self.writes {
            let address = match args[*at] {
                Val::I32(address) => address.cast_unsigned(),
                _ => unreachable!("it was checked to be an address"),
            };
            caller.write(address, bytes)?;
        }
        match ready {
            Ready::Results(values) => results.copy_from_slice(values),
            Ready::Each(calls) => {
                let nth = usize::try_from(caller.nth)? - 1;
                let values = calls.get(nth).ok_or_else(|| self.exhausted(calls.len()))?;
                results.copy_from_slice(values);
            }
            Ready::Call(closure) => {
                let values = closure(caller, args)?;
                if values.len() != results.len() {
                    anyhow::bail!(
                        "mock {}.{}: expected {} results of the closure, found {}",
                        self.module,
                        self.name,
                        results.len(),
                        values.len()
                    );
                }
                results.copy_from_slice(&values);
            }
            Ready::Func(func) => func.call(&mut caller.caller, args, results)?,
            Ready::Trap(message) => return Err(Trap::new(message.as_str()).into()),
        }
        Ok(())
    }

    #[cold]
    fn exhausted(&self, count: usize) -> anyhow::Error {
        anyhow::anyhow!(
            "mock {}.{}: it has results for {count} calls, and is called once more",
            self.module,
            self.name
        )
    }

    /// What the mock does, checked against the type of its function. The instances are those of
    /// modules of mocks, which are made where there is none yet.
    fn ready(
        &self,
        linker: &Linker<()>,
        store: &mut Store<()>,
        ty: &FuncType,
        instances: &mut Vec<(Arc<MockModule>, Instance)>,
    ) -> Result<Ready> {
        Ok(match &self.answer {
            Answer::Results(values) => Ready::Results(self.results(store, ty, values)?),
            Answer::Each(calls) => {
                let calls = calls.iter().map(|values| self.results(store, ty, values));
                Ready::Each(calls.collect::<Result<_>>()?)
            }
            Answer::Call(closure) => Ready::Call(Arc::clone(closure)),
            Answer::Module { module, function } => {
                let mut known = instances.iter();
                let instance = match known.find(|(known, _)| known.bytes == module.bytes) {
                    Some((_, instance)) => *instance,
                    None => {
                        let made = module.make(linker.engine());
                        let made = made.and_then(|it| linker.instantiate(&mut *store, &it));
                        let instance = made.map_err(|error| {
                            let chain: Vec<_> = error.chain().map(ToString::to_string).collect();
                            self.wrong(format!("its module: {}", chain.join(": ")))
                        })?;
                        instances.push((Arc::clone(module), instance));
                        instance
                    }
                };
                self.function(store, instance, function, ty)?
            }
            Answer::Trap(message) => Ready::Trap(message.clone()),
        })
    }

    /// A function of the mock's module.
    fn function(
        &self,
        store: &mut Store<()>,
        instance: Instance,
        name: &str,
        ty: &FuncType,
    ) -> Result<Ready> {
        let Some(func) = instance.get_func(&mut *store, name) else {
            return Err(self.wrong(format!("its module exports no function {name:?}")));
        };
        let found = func.ty(&mut *store);
        if found != *ty {
            return Err(self.wrong(format!(
                "expected {ty}, as modules import it, found {found} as {name:?} of its module"
            )));
        }
        Ok(Ready::Func(func))
    }

    fn results(&self, store: &mut Store<()>, ty: &FuncType, values: &[Value]) -> Result<Vec<Val>> {
        if values.len() != ty.results().len() {
            return Err(self.wrong(format!(
                "expected as many results as {ty} has, found {}",
                values.len()
            )));
        }
        let pairs = values.iter().zip(ty.results()).enumerate();
        pairs
            .map(|(at, (value, ty))| {
                let val = value.to_val(store, *ty);
                val.map_err(|reason| self.wrong(format!("result {at}: {reason}")))
            })
            .collect()
    }

    /// That what is said of arguments fits the type.
    fn check_args(&self, ty: &FuncType) -> Result<()> {
        let params = ty.params();
        for (at, _) in &self.writes {
            if params.get(*at) != Some(&ValType::I32) {
                return Err(self.wrong(format!(
                    "expected an address (i32) as argument {at}, counted from 0, to write to, found {ty}"
                )));
            }
        }
        for check in &self.args {
            match check {
                ArgCheck::All(values) if values.len() != params.len() => {
                    return Err(self.wrong(format!(
                        "expected as many arguments as {ty} has, found {}",
                        values.len()
                    )));
                }
                ArgCheck::One(at, _) if *at >= params.len() => {
                    return Err(self.wrong(format!(
                        "expected an argument below {}, counted from 0, found {at}",
                        params.len()
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn wrong(&self, reason: impl Into<String>) -> Error {
        Error::Mock {
            module: self.module.clone(),
            name: self.name.clone(),
            reason: reason.into(),
        }
    }
}

#[cold]
fn panicked(mock: &Mock, panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("without a word");
    let detail = format!("mock {}.{}: {text}", mock.module, mock.name);
    Trap::from(TrapCode::HostPanic).with_detail(detail).into()
}

/// A panic leaves a log as it is.
fn locked(log: &Mutex<MockLog>) -> MutexGuard<'_, MockLog> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
