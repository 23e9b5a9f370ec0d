//! What happens between the guests of a store and their host, told to one observer as it happens: all that
//! somebody needs who wants to run the guests again without the host. Knows no format and no files.
//!
//! A function of the host is wrapped when it is put into a store that is observed, so that calls in other
//! stores pay nothing.

mod changes;
mod events;

use std::collections::HashMap;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use self::changes::for_each_change;
pub use self::events::{HostEvent, Numbered, Slots, Stream};
use crate::canonical::Known;
use crate::error::{Error, Result};
use crate::exec;
use crate::module::Module;
use crate::store::{
    AsContext, AsContextMut, Extern, Func, FuncEntry, Global, HostBody, Instance, InstanceData,
    Memory, MemoryData, StoreCore, Table, Tag,
};
use crate::trace::Signature;
use crate::types::{FuncType, GlobalType};

/// Who observes a store.
pub(crate) struct Observation {
    tell: Box<dyn FnMut(HostEvent<'_>) + Send>,
    /// Memories whose bytes the host could change, each with its bytes before.
    handed_out: Vec<(NonNull<MemoryData>, Vec<u8>)>,
    /// The numbers of instances and of functions of the host, by their addresses.
    numbers: HashMap<usize, u32>,
}

/// Is told what a function of the host reads and writes in its caller's memory, where somebody
/// records the store, and else does nothing.
pub struct Accesses<'a>(Option<(&'a mut Observation, u32)>);

impl Accesses<'_> {
    /// Nobody is told.
    #[must_use]
    pub fn unobserved() -> Self {
        Self(None)
    }

    /// Whether somebody is told.
    #[inline]
    #[must_use]
    pub fn are_observed(&self) -> bool {
        self.0.is_some()
    }

    /// Tells that these bytes were read, which begin at `at`.
    pub fn read(&mut self, at: u64, bytes: &[u8]) {
        if let Some((observation, memory)) = &mut self.0 {
            let memory = *memory;
            (observation.tell)(HostEvent::Read { memory, at, bytes });
        }
    }

    /// Tells that these bytes were written, which begin at `at`. `is_environment` says that they are the variables
    /// of an environment.
    pub fn written(&mut self, at: u64, bytes: &[u8], is_environment: bool) {
        if let Some((observation, memory)) = &mut self.0 {
            (observation.tell)(HostEvent::Write {
                memory: *memory,
                at,
                bytes,
                is_environment,
            });
        }
    }

    /// Tells that these bytes went to a standard stream.
    pub fn output(&mut self, stream: Stream, bytes: &[u8]) {
        if let Some((observation, _)) = &mut self.0 {
            (observation.tell)(HostEvent::Output { stream, bytes });
        }
    }
}

impl fmt::Debug for Accesses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Accesses").field(&self.0.is_some()).finish()
    }
}

impl StoreCore {
    /// Has `tell` told of all that happens from now on.
    pub(crate) fn observe(&mut self, tell: Box<dyn FnMut(HostEvent<'_>) + Send>) -> Result<()> {
        let is_empty = self.instances.is_empty()
            && self.host_entries.is_empty()
            && self.memories.is_empty()
            && self.globals.is_empty()
            && self.tables.is_empty()
            && self.tags.is_empty();
        if !is_empty {
            return Err(Error::usage(
                "expected an empty store to observe, found one with functions or instances; observe it \
                 before anything is linked",
            ));
        }
        self.observation = Some(Box::new(Observation {
            tell,
            handed_out: Vec::new(),
            numbers: HashMap::new(),
        }));
        self.count_where_observed();
        if self.growth_guard.is_some() {
            self.tell_of_guard();
        }
        Ok(())
    }

    /// Tells that the host decides which memories grow.
    pub(crate) fn tell_of_guard(&mut self) {
        self.tell(|| HostEvent::Other("decides which memories grow"));
    }

    /// Gives a store that is observed and metered a limit of fuel that is not reached, if it has none: so it is known
    /// after how much work a deadline ended a guest.
    pub(crate) fn count_where_observed(&mut self) {
        if self.observation.is_some() && self.meter.counts() && self.limits.fuel.is_none() {
            self.meter.set_fuel(Some(u64::MAX));
        }
    }

    /// Tells the observer, where there is one.
    #[inline]
    pub(crate) fn tell(&mut self, event: impl FnOnce() -> HostEvent<'static>) {
        if let Some(observation) = &mut self.observation {
            (observation.tell)(event());
        }
    }

    /// Tells of limits that were set.
    pub(crate) fn tell_of_limits(&mut self) {
        if let Some(observation) = &mut self.observation {
            (observation.tell)(HostEvent::Limits(&self.limits));
        }
    }

    /// Tells of a global that the host made, or with `is_new` false has set.
    pub(crate) fn tell_of_global(
        &mut self,
        global: NonNull<crate::store::GlobalData>,
        ty: GlobalType,
        value: [u64; 2],
        is_new: bool,
    ) {
        if let Some(observation) = &mut self.observation {
            let value = Slots {
                types: &[ty.content],
                slots: &value,
            };
            let number = position(&self.globals, global);
            (observation.tell)(match is_new {
                true => HostEvent::Global(ty, value),
                false => HostEvent::SetGlobal(number, value),
            });
        }
    }

    /// Tells of a function of the host that is about to be put into the store, and gives the body that tells of
    /// its calls.
    pub(crate) fn observe_function(
        &mut self,
        body: Arc<HostBody>,
        signature: &Signature,
        ty: &FuncType,
    ) -> Arc<HostBody> {
        let Some(observation) = &mut self.observation else {
            return body;
        };
        (observation.tell)(HostEvent::Function { signature, ty });
        let function = self.host_entries.len() as u32;
        let ty = ty.clone();
        Arc::new(
            move |core: NonNull<StoreCore>, instance: *mut InstanceData, slots: *mut u64| {
                // SAFETY: the executor lends the store to the body, which does the same for the one that it
                // wraps. The slots are those of a function of type `ty`.
                unsafe { observed(core, instance, slots, function, &ty, &*body) }
            },
        )
    }

    /// Notes the number of a function of the host that was put into the store.
    pub(crate) fn number_function(&mut self, entry: NonNull<FuncEntry>) {
        if let Some(observation) = &mut self.observation {
            let number = self.host_entries.len() as u32 - 1;
            observation.numbers.insert(entry.addr().get(), number);
        }
    }

    /// Tells of an instance that is being made.
    pub(crate) fn tell_of_instance(
        &mut self,
        module: &Module,
        label: Option<&str>,
        imports: &[Extern],
    ) {
        if self.observation.is_none() {
            return;
        }
        self.settle();
        let imports: Vec<_> = imports.iter().map(|import| self.number(*import)).collect();
        let observation = self.observation.as_mut().expect("it was there above");
        (observation.tell)(HostEvent::Instance {
            module,
            label,
            imports: &imports,
        });
    }

    /// Tells how making an instance ended.
    pub(crate) fn tell_of_end(&mut self, outcome: Result<(), &Error>) {
        let fuel = self.meter.fuel();
        if let Some(observation) = &mut self.observation {
            (observation.tell)(HostEvent::Instantiated { outcome, fuel });
        }
    }

    /// Notes the number of an instance that was just allocated.
    pub(crate) fn number_instance(&mut self, instance: NonNull<InstanceData>) {
        if let Some(observation) = &mut self.observation {
            let number = self.instances.len() as u32 - 1;
            observation.numbers.insert(instance.addr().get(), number);
        }
    }

    /// Notes what a memory holds, whose bytes the host may change from now on.
    #[cold]
    pub(crate) fn hand_out(&mut self, memory: NonNull<MemoryData>) {
        if let Some(observation) = &mut self.observation
            && observation.handed_out.iter().all(|(it, _)| *it != memory)
        {
            // SAFETY: the memory is of this core, which is borrowed here alone.
            let bytes = unsafe { memory.as_ref() }.as_slice().to_vec();
            observation.handed_out.push((memory, bytes));
        }
    }

    /// Tells of a growth that the host is about to ask for.
    pub(crate) fn tell_of_growth(&mut self, memory: NonNull<MemoryData>, pages: u64) {
        self.settle();
        let memory = position(&self.memories, memory);
        self.tell(|| HostEvent::Grow { memory, pages });
    }

    /// Tells of bytes that the host wrote.
    pub(crate) fn tell_of_write(&mut self, memory: NonNull<MemoryData>, at: usize, bytes: &[u8]) {
        if let Some(observation) = &mut self.observation {
            (observation.tell)(HostEvent::Write {
                memory: position(&self.memories, memory),
                at: at as u64,
                bytes,
                is_environment: false,
            });
        }
    }

    /// Tells what the host changed in memories that were handed out to it.
    fn settle(&mut self) {
        let Some(observation) = &mut self.observation else {
            return;
        };
        for (memory, before) in std::mem::take(&mut observation.handed_out) {
            let number = position(&self.memories, memory);
            // SAFETY: the memory is of this core, which is borrowed here alone.
            let after = unsafe { memory.as_ref() }.as_slice();
            for_each_change(&before, after, |at, bytes| {
                (observation.tell)(HostEvent::Write {
                    memory: number,
                    at: at as u64,
                    bytes,
                    is_environment: false,
                });
            });
        }
    }

    /// The number of something in this store.
    fn number(&self, item: Extern) -> Numbered {
        match item {
            Extern::Func(func) => self.number_of_func(func.entry_in(self)),
            Extern::Memory(memory) => {
                Numbered::Memory(position(&self.memories, memory.data_in(self)))
            }
            Extern::Table(table) => Numbered::Table(position(&self.tables, table.data_in(self))),
            Extern::Global(global) => {
                Numbered::Global(position(&self.globals, global.data_in(self)))
            }
            Extern::Tag(tag) => Numbered::Tag(position(&self.tags, tag.data_in(self))),
        }
    }

    fn number_of_func(&self, entry: NonNull<FuncEntry>) -> Numbered {
        // SAFETY: the entry is of this core; what is read of it does not change.
        let (instance, index) = unsafe { (entry.as_ref().instance, entry.as_ref().index()) };
        match instance.is_null() {
            true => Numbered::Host(self.number_at(entry.addr().get())),
            false => Numbered::Func {
                instance: self.number_at(instance.addr()),
                index,
            },
        }
    }

    fn number_at(&self, address: usize) -> u32 {
        let observation = self.observation.as_ref();
        let number = observation.and_then(|it| it.numbers.get(&address));
        number.copied().unwrap_or(u32::MAX)
    }

    /// What a [`SlotFunc`](crate::provide::SlotFunc) tells of its accesses, which are to this memory.
    ///
    /// # Safety
    ///
    /// As for [`StoreParts`](crate::provide::StoreParts): nothing else of the core's observation is in use for `'a`.
    pub(crate) unsafe fn accesses<'a>(
        core: *mut Self,
        memory: Option<NonNull<MemoryData>>,
    ) -> Accesses<'a> {
        // SAFETY: the caller's duty.
        unsafe {
            let number = match ((*core).observation.is_some(), memory) {
                (true, Some(memory)) => position(&(*core).memories, memory),
                _ => 0,
            };
            let observation = &mut (*core).observation;
            Accesses(observation.as_deref_mut().map(|it| (it, number)))
        }
    }
}

/// The place of an address among those of a store's list.
fn position<X>(list: &[NonNull<X>], item: NonNull<X>) -> u32 {
    let at = list.iter().position(|it| *it == item);
    at.map_or(u32::MAX, |at| at as u32)
}

/// Calls the body of a function of the host, and tells of the call.
///
/// # Safety
///
/// As for the body, which takes slots of type `ty`.
unsafe fn observed(
    mut core: NonNull<StoreCore>,
    instance: *mut InstanceData,
    slots: *mut u64,
    function: u32,
    ty: &FuncType,
    body: &HostBody,
) -> anyhow::Result<()> {
    // SAFETY: the store is the body's, and nobody's before and after it. The slots hold the arguments before, and
    // where there is no error the results after.
    unsafe {
        {
            let core = core.as_mut();
            let caller = (!instance.is_null()).then(|| core.number_at(instance.addr()));
            let fuel = core.meter.fuel();
            let args = Slots {
                types: ty.params(),
                slots: std::slice::from_raw_parts(slots, ty.param_slots()),
            };
            if let Some(observation) = &mut core.observation {
                (observation.tell)(HostEvent::HostCall {
                    function,
                    caller,
                    args,
                    fuel,
                });
            }
        }
        let result = body(core, instance, slots);
        let core = core.as_mut();
        core.settle();
        let fuel = core.meter.fuel();
        let outcome = result.as_ref().map(|()| Slots {
            types: ty.results(),
            slots: std::slice::from_raw_parts(slots, ty.result_slots()),
        });
        if let Some(observation) = &mut core.observation {
            (observation.tell)(HostEvent::HostReturned { outcome, fuel });
        }
        result
    }
}

/// Calls a function as [`exec::execute`] does, and tells of the call.
///
/// # Safety
///
/// As for [`exec::execute`].
#[cold]
#[inline(never)]
pub(crate) unsafe fn invoke(
    mut core: NonNull<StoreCore>,
    func: NonNull<FuncEntry>,
    slots: *mut u64,
) -> Result<()> {
    // SAFETY: passed on from the caller. The slots hold the arguments before, and where there is no error the
    // results after.
    unsafe {
        let ty = Known::in_use(func.as_ref().sig);
        {
            let core = core.as_mut();
            core.settle();
            let (number, fuel) = (core.number_of_func(func), core.meter.fuel());
            let instance = func.as_ref().instance;
            let export = instance.as_ref().and_then(|instance| {
                let inner = instance.module.inner();
                inner.export_of_func(func.as_ref().index())
            });
            let args = Slots {
                types: ty.params(),
                slots: std::slice::from_raw_parts(slots, ty.param_slots()),
            };
            if let Some(observation) = &mut core.observation {
                (observation.tell)(HostEvent::Call {
                    func: number,
                    export,
                    args,
                    fuel,
                });
            }
        }
        let result = exec::execute(core, func, slots);
        let core = core.as_mut();
        let fuel = core.meter.fuel();
        let outcome = result.as_ref().map(|()| Slots {
            types: ty.results(),
            slots: std::slice::from_raw_parts(slots, ty.result_slots()),
        });
        if let Some(observation) = &mut core.observation {
            (observation.tell)(HostEvent::Returned { outcome, fuel });
        }
        result
    }
}

/// Has `observer` told of all that happens between the guests of a store and their host from now on, in the order
/// in which it happens: enough to run the guests again without the host.
///
/// Functions of the host take longer then. A function that gets the whole memory of its caller, and does not say
/// what it [accesses](crate::provide::SlotCaller::parts_and_accesses), has the memory copied for it.
///
/// # Errors
///
/// When there is something in the store already.
pub fn observe(
    mut context: impl AsContextMut,
    observer: impl FnMut(HostEvent<'_>) + Send + 'static,
) -> Result<()> {
    context
        .as_context_mut()
        .core_mut()
        .observe(Box::new(observer))
}

/// What has this number in a store; `None` where nothing has.
pub fn find(context: impl AsContext, numbered: Numbered) -> Option<Extern> {
    let context = context.as_context();
    let core = context.core();
    let id = core.id;
    Some(match numbered {
        Numbered::Host(at) => Func::from_entry(id, *core.host_entries.get(at as usize)?).into(),
        Numbered::Func { instance, index } => {
            let instance = core.instances.get(instance as usize)?;
            // SAFETY: the instance is of this core; its index spaces do not change.
            let entry = unsafe { *instance.as_ref().funcs.get(index as usize)? };
            Func::from_entry(id, entry).into()
        }
        Numbered::Memory(at) => Memory::from_data(id, *core.memories.get(at as usize)?).into(),
        Numbered::Table(at) => Table::from_data(id, *core.tables.get(at as usize)?).into(),
        Numbered::Global(at) => Global::from_data(id, *core.globals.get(at as usize)?).into(),
        Numbered::Tag(at) => Tag::from_data(id, *core.tags.get(at as usize)?).into(),
    })
}

/// The export of an instance by the instance's number; `None` where there is no such instance or export.
pub fn find_export(context: impl AsContext, instance: u32, name: &str) -> Option<Extern> {
    let context = context.as_context();
    let core = context.core();
    let data = *core.instances.get(instance as usize)?;
    Instance::from_data(core.id, data).export_in(core, name)
}

/// Instantiates a module as [`Instance::new`] does, with the name of the instance in backtraces.
///
/// # Errors
///
/// Those of [`Instance::new`].
///
/// # Panics
///
/// When an import is of another store.
pub fn instantiate(
    context: impl AsContextMut,
    module: &Module,
    imports: &[Extern],
    label: Option<&str>,
) -> Result<Instance> {
    Instance::instantiate_with(context, module, imports, label.map(Arc::from), None)
}

/// The number of an instance in its store.
pub fn instance_number(context: impl AsContext, instance: Instance) -> Option<u32> {
    let context = context.as_context();
    let list = &context.core().instances;
    let at = list
        .iter()
        .position(|it| Instance::from_data(context.core().id, *it) == instance);
    at.map(|at| at as u32)
}

/// Sets how much fuel is left in a store, and leaves what was granted as it is. Nothing happens where fuel is not
/// limited.
pub fn set_fuel_left(mut context: impl AsContextMut, units: u64) {
    context.as_context_mut().core_mut().meter.set_left(units);
}

/// The bytes of a module in the binary format, of which it was made.
#[must_use]
pub fn module_bytes(module: &Module) -> &[u8] {
    &module.inner().bytes
}
