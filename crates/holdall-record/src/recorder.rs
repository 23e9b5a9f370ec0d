//! Recording: a store is observed, and what happens is written.

use std::io::{self, Write};
use std::sync::Arc;

use holdall::provide::record::{HostEvent, Slots, module_bytes, observe};
use holdall::provide::{Shown, Signature, Stream};
use holdall::{Engine, FuncType, Limits, Module, Mutability, Result, Store};
use sha2::{Digest, Sha256};

use crate::failure::{end_of, end_of_host};
use crate::format::{
    End, FORMAT, Function, Header, How, Import, LimitsRecord, ModuleRecord, PIECE_BYTES, Record,
    Seen, Settings, Type, Value,
};
use crate::writer::Writer;

/// What stands in place of each byte of a value that is not to be recorded.
const FILLER: u8 = b'x';

/// Records what the host answers to the guests of a store, for [`Recording`](crate::Recording) to replay.
///
/// What is recorded: the arguments and results of each call between guests and host, what the host wrote to the
/// guests' memories (so the program's arguments, its environment, the parts of files that it read, the time), what
/// guests wrote to standard output and error, and of all else that the host read the first 256 bytes or a checksum.
/// Whoever has a recording has these. It is written while the guests run: what happened up to some 50 ms before the
/// process is ended can be replayed.
///
/// ```
/// use holdall::{Config, Engine, Linker, Module, Store};
/// use holdall_record::{Recorder, Recording};
///
/// let engine = Engine::new(Config::new().canonical_nans(true));
/// let module = Module::new(&engine, br#"(module
///     (import "host" "now" (func $now (result i64)))
///     (func (export "later") (result i64) (i64.add (call $now) (i64.const 1))))"#.as_slice())?;
/// let mut store = Store::new(&engine, ());
/// let recorder = Recorder::new(&mut store, Vec::new()).with_modules(true).start()?;
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("host", "now", || 41_i64)?;
/// let instance = linker.instantiate(&mut store, &module)?;
/// let later = instance.get_typed_func::<(), i64>(&store, "later")?;
/// assert_eq!(later.call(&mut store, ())?, 42);
///
/// let recording = Recording::from_bytes(recorder.finish()?)?;
/// let outcome = recording.replay().run()?;
/// assert_eq!(outcome.results("later"), Some("0x2a:i64"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "recording begins with `start`"]
#[derive(Debug)]
pub struct Recorder<'a, T, W> {
    store: &'a mut Store<T>,
    to: W,
    with_modules: bool,
    redacts: bool,
    program: String,
}

/// A recording that is being written.
#[derive(Debug)]
pub struct Recorded<W: Write + Send + 'static> {
    writer: Arc<Writer<W>>,
}

impl<'a, T, W: Write + Send + 'static> Recorder<'a, T, W> {
    /// A recorder of a store that has nothing in it yet, which writes to `to`. The engine should make all NaNs
    /// [canonical](holdall::Config::canonical_nans), else a recording may not replay on another kind of processor.
    pub fn new(store: &'a mut Store<T>, to: W) -> Self {
        Self {
            store,
            to,
            with_modules: false,
            redacts: false,
            program: "holdall".to_owned(),
        }
    }

    /// Sets whether the modules themselves are recorded, not only their hashes. Off by default.
    pub fn with_modules(mut self, with: bool) -> Self {
        self.with_modules = with;
        self
    }

    /// Sets whether the values of the environment's variables, as WASI hands them to guests, are replaced by filler
    /// of the same length. Off by default. What a guest does with a value is recorded as ever, and a guest that
    /// depends on one leaves the recording there when it is replayed.
    pub fn redact_env(mut self, redacts: bool) -> Self {
        self.redacts = redacts;
        self
    }

    /// Sets what messages of a replay call the program; `holdall` by default.
    pub fn program(mut self, name: &str) -> Self {
        self.program = name.to_owned();
        self
    }

    /// Records from now on. The store's limits have to be set already. In an engine that meters, a store without a
    /// limit of fuel gets one that is not reached, so that it is known where a deadline ended a guest.
    ///
    /// # Errors
    ///
    /// When there is something in the store already.
    pub fn start(self) -> Result<Recorded<W>> {
        let engine = self.store.engine().clone();
        let header = Header {
            format: FORMAT,
            holdall: env!("CARGO_PKG_VERSION").to_owned(),
            program: self.program,
            settings: settings(&engine, self.store.current_limits()),
            is_redacted: self.redacts,
        };
        let writer = Writer::start(self.to, &header);
        let mut tap = Tap {
            writer: Arc::clone(&writer),
            with_modules: self.with_modules,
            redacts: self.redacts,
            modules: Vec::new(),
            functions: Vec::new(),
            metering: engine.config().metering,
            open: Vec::new(),
            last_failure: None,
        };
        observe(&mut *self.store, move |event| tap.take(event))?;
        Ok(Recorded { writer })
    }
}

impl<W: Write + Send + 'static> Recorded<W> {
    /// Records something that the host itself printed, so that a replay prints it too.
    pub fn output(&self, stream: Stream, bytes: &[u8]) {
        self.printer()(stream, bytes);
    }

    /// What [`Recorded::output`] does, as a function to give away.
    pub fn printer(&self) -> impl Fn(Stream, &[u8]) + Send + Sync + use<W> {
        let writer = Arc::clone(&self.writer);
        move |stream, bytes| {
            let is_error = stream == Stream::Stderr;
            for bytes in bytes.chunks(PIECE_BYTES) {
                let bytes = bytes.into();
                writer.put(&Record::Output { is_error, bytes });
            }
        }
    }

    /// Ends the recording, and gives back what it was written to. What happens in the store from now on is not
    /// recorded.
    ///
    /// # Errors
    ///
    /// When something could not be written: the recording then ends before it.
    pub fn finish(self) -> io::Result<W> {
        self.writer.put(&Record::End);
        self.writer.finish()
    }
}

impl<W: Write + Send + 'static> Drop for Recorded<W> {
    fn drop(&mut self) {
        // Nothing happens where it was finished.
        drop(self.writer.finish());
    }
}

/// Makes records of events.
struct Tap<W> {
    writer: Arc<Writer<W>>,
    with_modules: bool,
    redacts: bool,
    /// The modules that were recorded, at their numbers.
    modules: Vec<Module>,
    functions: Vec<Errno>,
    metering: bool,
    /// The calls of the host's functions that have not ended.
    open: Vec<Open>,
    /// The error of the last call into a guest, while a function of the host could pass it on.
    last_failure: Option<End>,
}

/// What the only result of a function of the host means, where it is the number of an error.
type Errno = Option<fn(u64) -> String>;

/// Something that runs, and the fuel at its start: the host, or a guest within.
struct Open {
    function: Option<u32>,
    fuel: Option<u64>,
    /// What guests within took.
    guests: u64,
}

impl<W: Write + Send + 'static> Tap<W> {
    fn take(&mut self, event: HostEvent<'_>) {
        match event {
            HostEvent::Function { signature, ty } => self.function(signature, ty),
            HostEvent::Memory(ty) => self.put(&Record::Memory {
                min: ty.min,
                max: ty.max,
                is_64: ty.is_64,
                shared: ty.shared,
                page_size_log2: ty.page_size_log2,
            }),
            HostEvent::Global(ty, value) => self.put(&Record::Global {
                is_mutable: ty.mutability == Mutability::Var,
                value: first(value),
            }),
            HostEvent::Instance {
                module,
                label,
                imports,
            } => {
                let number = self.module(module);
                let named = module.imports().zip(imports);
                let imports = named.map(|(import, place)| Import {
                    module: import.module().to_owned(),
                    name: import.name().to_owned(),
                    place: (*place).into(),
                });
                self.put(&Record::Instance {
                    module: number,
                    label: label.map(str::to_owned),
                    imports: imports.collect(),
                });
            }
            HostEvent::Instantiated { outcome, fuel } => {
                let end = match outcome {
                    Ok(()) => End::Results(Vec::new()),
                    Err(error) => end_of(error),
                };
                self.put(&Record::Instantiated { end, fuel });
            }
            HostEvent::Call {
                func,
                export,
                args,
                fuel,
            } => {
                self.open.push(Open {
                    function: None,
                    fuel,
                    guests: 0,
                });
                self.put(&Record::Call {
                    func: func.into(),
                    export: export.map(str::to_owned),
                    args: values(args),
                });
            }
            HostEvent::Returned { outcome, fuel } => {
                let taken = self.open.pop().map_or(0, |guest| taken(guest.fuel, fuel));
                if let Some(host) = self.open.last_mut() {
                    host.guests += taken;
                }
                let end = match outcome {
                    Ok(results) => End::Results(values(results)),
                    Err(error) => end_of(error),
                };
                self.last_failure = matches!(end, End::Error(_)).then(|| end.clone());
                self.put(&Record::Returned { end, fuel });
            }
            HostEvent::HostCall {
                function,
                caller,
                args,
                fuel,
            } => {
                self.last_failure = None;
                self.open.push(Open {
                    function: Some(function),
                    fuel,
                    guests: 0,
                });
                self.put(&Record::HostCall {
                    function,
                    caller,
                    args: values(args),
                });
            }
            HostEvent::HostReturned { outcome, fuel } => self.host_returned(outcome, fuel),
            HostEvent::Read { memory, at, bytes } => self.put(&Record::Read {
                memory,
                at,
                bytes: Seen::of(bytes),
            }),
            HostEvent::Write {
                memory,
                at,
                bytes,
                is_environment,
            } => {
                if is_environment && self.redacts {
                    return self.write(memory, at, &redacted(bytes));
                }
                self.write(memory, at, bytes);
            }
            HostEvent::Output { stream, bytes } => {
                let is_error = stream == Stream::Stderr;
                for bytes in bytes.chunks(PIECE_BYTES) {
                    let bytes = bytes.into();
                    self.put(&Record::Output { is_error, bytes });
                }
            }
            HostEvent::Grow { memory, pages } => self.put(&Record::Grow { memory, pages }),
            HostEvent::SetGlobal(global, value) => self.put(&Record::SetGlobal {
                global,
                value: first(value),
            }),
            HostEvent::Limits(limits) => {
                // What was taken before is of no matter any more.
                let record = limits_record(limits, self.metering);
                for open in &mut self.open {
                    (open.fuel, open.guests) = (record.fuel, 0);
                }
                self.put(&Record::Limits(record));
            }
            HostEvent::Other(what) => self.put(&Record::Other(what.to_owned())),
            _ => self.put(&Record::Other(
                "did something that is not recorded".to_owned(),
            )),
        }
    }

    fn host_returned(&mut self, outcome: Result<Slots<'_>, &anyhow::Error>, fuel: Option<u64>) {
        let host = self.open.pop();
        let spent = host
            .as_ref()
            .map_or(0, |host| taken(host.fuel, fuel).saturating_sub(host.guests));
        let errno = host
            .and_then(|host| host.function)
            .and_then(|function| *self.functions.get(function as usize)?);
        let mut name = None;
        let end = match outcome {
            Ok(results) => {
                let results = values(results);
                if let (Some(errno), Some(Value::I32(number @ 1..))) = (errno, results.first()) {
                    name = Some(errno((*number).into()));
                }
                End::Results(results)
            }
            Err(error) => {
                let end = end_of_host(error);
                match self.last_failure.take() == Some(end.clone()) {
                    true => End::Passed,
                    false => end,
                }
            }
        };
        self.put(&Record::HostReturned {
            end,
            errno: name,
            spent,
        });
    }

    fn function(&mut self, signature: &Signature, ty: &FuncType) {
        self.functions.push(signature.errno());
        let named = signature.params().iter().map(|param| {
            let how = match param.shown {
                Shown::Unsigned => How::Unsigned,
                Shown::Signed => How::Signed,
                Shown::Hex => How::Hex,
            };
            (param.name.to_owned(), how)
        });
        self.put(&Record::Function(Function {
            name: signature.name().to_owned(),
            params: ty.params().iter().map(|ty| Type::of(*ty)).collect(),
            results: ty.results().iter().map(|ty| Type::of(*ty)).collect(),
            named: named.collect(),
            success: signature.errno().map(|errno| errno(0)),
        }));
    }

    /// The number of a module, which is recorded when it comes for the first time.
    fn module(&mut self, module: &Module) -> u32 {
        let known = self.modules.iter().position(|it| it.same(module));
        if let Some(at) = known {
            return at as u32;
        }
        let bytes = module_bytes(module);
        self.put(&Record::Module(ModuleRecord {
            sha256: Sha256::digest(bytes).into(),
            size_bytes: bytes.len() as u64,
            name: module.name().map(str::to_owned),
        }));
        if self.with_modules {
            for piece in bytes.chunks(PIECE_BYTES) {
                self.put(&Record::ModuleBytes(piece.into()));
            }
        }
        self.modules.push(module.clone());
        self.modules.len() as u32 - 1
    }

    fn write(&self, memory: u32, at: u64, bytes: &[u8]) {
        for (piece, bytes) in bytes.chunks(PIECE_BYTES).enumerate() {
            self.put(&Record::Write {
                memory,
                at: at + (piece * PIECE_BYTES) as u64,
                bytes: bytes.into(),
            });
        }
    }

    fn put(&self, record: &Record<'_>) {
        self.writer.put(record);
    }
}

/// The fuel that was taken between two moments.
fn taken(before: Option<u64>, after: Option<u64>) -> u64 {
    before.unwrap_or(0).saturating_sub(after.unwrap_or(0))
}

fn values(slots: Slots<'_>) -> Vec<Value> {
    slots
        .iter()
        .map(|(ty, slots)| Value::of_slots(ty, slots))
        .collect()
}

fn first(slots: Slots<'_>) -> Value {
    let mut values = slots.iter();
    let value = values.next().map(|(ty, slots)| Value::of_slots(ty, slots));
    value.unwrap_or(Value::Reference)
}

/// Variables of an environment, with filler in place of their values.
fn redacted(variables: &[u8]) -> Vec<u8> {
    let mut is_value = false;
    let bytes = variables.iter().map(|byte| match byte {
        0 => {
            is_value = false;
            0
        }
        _ if is_value => FILLER,
        b'=' => {
            is_value = true;
            b'='
        }
        byte => *byte,
    });
    bytes.collect()
}

fn settings(engine: &Engine, limits: &Limits) -> Settings {
    let config = engine.config();
    let off = holdall::Proposals::AVAILABLE.difference(config.proposals());
    Settings {
        metering: config.metering,
        canonical_nans: config.canonical_nans,
        stack_bytes: config.stack_size_bytes as u64,
        pool_bytes: config.pool.as_ref().map(|pool| pool.size_bytes() as u64),
        limits: limits_record(limits, config.metering),
        off: off.iter().map(|it| it.name().to_owned()).collect(),
    }
}

/// Where an engine meters, a store without a limit of fuel has one that is not reached while it is observed.
fn limits_record(limits: &Limits, metering: bool) -> LimitsRecord {
    let number = |number: usize| number as u64;
    LimitsRecord {
        memory_bytes: limits.memory_bytes.map(number),
        memory_bytes_each: limits.memory_bytes_each.map(number),
        table_elements: number(limits.table_elements),
        table_elements_each: number(limits.table_elements_each),
        instances: number(limits.instances),
        memories: number(limits.memories),
        tables: number(limits.tables),
        fuel: limits.fuel.or(metering.then_some(u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn values_become_filler_of_the_same_length_and_names_stay() {
        assert_eq!(
            redacted(b"A=secret\0EMPTY=\0B==x=\0odd\0"),
            b"A=xxxxxx\0EMPTY=\0B=xxx\0odd\0"
        );
    }
}
