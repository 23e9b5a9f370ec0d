//! The handle to an instance, and the look-up of its exports.

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::bundle::nearest;
use crate::error::{Error, Result};
use crate::exec;
use crate::host::{TypedFunc, WasmParams, WasmResults};
use crate::module::{ExportKind, Module};
use crate::observe::HostEvent;
use crate::store::instantiate::{allocate, instantiate};
use crate::store::scope::split_qualified;
use crate::store::{
    AsContext, AsContextMut, Export, Extern, Func, Global, InstanceData, InstanceState, Memory,
    Scope, StoreContext, StoreCore, StoreId, Table, Tag,
};
use crate::trap::Frame;

/// An instance of a module in a store.
///
/// Equal handles are handles to the same instance.
///
/// # Panics
///
/// Every method panics when it is given another store than the instance's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Instance {
    store: StoreId,
    data: NonNull<InstanceData>,
}

// SAFETY: the address is only followed with a borrow of the store that owns the instance, which
// `address_in` checks; apart from that a handle is two numbers.
unsafe impl Send for Instance {}
// SAFETY: as for `Send`.
unsafe impl Sync for Instance {}

impl Instance {
    /// Instantiates a module with these imports, in the order of the module's import section, and
    /// runs its start function (WebAssembly 2.0, 4.5.4 "Instantiation"). A
    /// [`Linker`](crate::link::Linker) finds the imports by their names.
    ///
    /// What a guest did before it trapped stays: segments that were written, and the instance
    /// itself, whose functions may be in a table of another instance.
    ///
    /// # Errors
    ///
    /// When the imports are too few, too many, or not of the types that the module declares; when
    /// the module is of another engine than the store; when there is no room, or a limit of the
    /// store forbids the instance; when a segment does not fit; when the start function traps or a
    /// host function that it calls returns an error.
    ///
    /// # Panics
    ///
    /// When an import is of another store.
    pub fn new(context: impl AsContextMut, module: &Module, imports: &[Extern]) -> Result<Self> {
        Self::instantiate_with(context, module, imports, None, None)
    }

    /// [`Instance::new`], with the name of the instance in backtraces (`label`), and with the graph
    /// whose modules `$module$function` can name (`scope`).
    pub(crate) fn instantiate_with(
        mut context: impl AsContextMut,
        module: &Module,
        imports: &[Extern],
        label: Option<Arc<str>>,
        scope: Option<Arc<Scope>>,
    ) -> Result<Self> {
        let mut context = context.as_context_mut();
        context
            .core_mut()
            .tell_of_instance(module, label.as_deref(), imports);
        let born = instantiate(context.core_mut(), module, imports, label, scope);
        let born = born.and_then(|(instance, start)| {
            if let Some(start) = start {
                let entry = start.entry_in(context.core());
                // SAFETY: `start` is a function of this store, which is borrowed here alone and not
                // used before the call returns; a start function has neither parameters nor results
                // (validation sees to it), so no slot is needed.
                unsafe { exec::execute(context.core_ptr(), entry, [].as_mut_ptr()) }?;
            }
            Ok(instance)
        });
        context.core_mut().tell_of_end(born.as_ref().map(drop));
        born
    }

    /// Makes an instance of a module that is to get this state. No code of the module runs. The
    /// state is still to be [restored](crate::store::Fitting::restore), once all instances of the
    /// graph exist.
    pub(crate) fn allocate_with(
        mut context: impl AsContextMut,
        module: &Module,
        imports: &[Extern],
        label: Option<Arc<str>>,
        scope: Option<Arc<Scope>>,
        state: &InstanceState,
    ) -> Result<Self> {
        let mut context = context.as_context_mut();
        let core = context.core_mut();
        core.tell(|| HostEvent::Other("began with the state of a snapshot"));
        let data = allocate(core, module, imports, label, scope, Some(state))?;
        Ok(Self::from_data(core.id, data))
    }

    /// The export of this name.
    pub fn get_export(&self, context: impl AsContext, name: &str) -> Option<Extern> {
        self.export_in(context.as_context().core(), name)
    }

    /// The exported function of this name.
    ///
    /// `$module$function` is the function that another module of the same graph exports, where the
    /// graph was linked by a [`Linker`](crate::link::Linker). The text up to the second `$` is the
    /// module's name, all the rest the function's. An export of exactly this name comes first.
    pub fn get_func(&self, context: impl AsContext, name: &str) -> Option<Func> {
        let context = context.as_context();
        let core = context.core();
        if let Some(export) = self.export_in(core, name) {
            return export.into_func();
        }
        let (module, function) = split_qualified(name)?;
        let scope = self.data(core).scope.as_ref()?;
        scope.get(module)?.export_in(core, function)?.into_func()
    }

    /// The function that [`Instance::get_func`] finds, to be called with Rust values.
    ///
    /// # Errors
    ///
    /// When there is no such function, or when it is of another type.
    pub fn get_typed_func<P: WasmParams, R: WasmResults>(
        &self,
        context: impl AsContext,
        name: &str,
    ) -> Result<TypedFunc<P, R>> {
        let context = context.as_context();
        let func = self
            .get_func(&context, name)
            .ok_or_else(|| self.no_such_func(context.core(), name))?;
        func.typed(&context)
            .map_err(|error| Error::usage(format!("function {name:?}: {error}")))
    }

    /// The exported memory of this name.
    pub fn get_memory(&self, context: impl AsContext, name: &str) -> Option<Memory> {
        self.get_export(context, name)?.into_memory()
    }

    /// The memory of this index in the instance's index space, exported or not. For interfaces that know
    /// memories by their indices.
    pub fn memory_at(&self, context: impl AsContext, index: u32) -> Option<Memory> {
        let data = self.data(context.as_context().core());
        let memory = data.memories.get(index as usize)?;
        Some(Memory::from_data(self.store, *memory))
    }

    /// The table of this index in the instance's index space, exported or not; as [`Instance::memory_at`].
    pub fn table_at(&self, context: impl AsContext, index: u32) -> Option<Table> {
        let data = self.data(context.as_context().core());
        let table = data.tables.get(index as usize)?;
        Some(Table::from_data(self.store, *table))
    }

    /// The memory that functions of the host take addresses in: the one that is exported as `memory`, else the
    /// first. `None` where the instance has no memory.
    pub fn main_memory(&self, context: impl AsContext) -> Option<Memory> {
        let context = context.as_context();
        let index = self.data(context.core()).module.inner().main_memory;
        self.memory_at(context, index)
    }

    /// The exported table of this name.
    pub fn get_table(&self, context: impl AsContext, name: &str) -> Option<Table> {
        self.get_export(context, name)?.into_table()
    }

    /// The exported global of this name.
    pub fn get_global(&self, context: impl AsContext, name: &str) -> Option<Global> {
        self.get_export(context, name)?.into_global()
    }

    /// The exported tag of this name.
    pub fn get_tag(&self, context: impl AsContext, name: &str) -> Option<Tag> {
        self.get_export(context, name)?.into_tag()
    }

    /// The exports, in the order of the module.
    pub fn exports<'a, T: 'a>(
        &self,
        context: impl Into<StoreContext<'a, T>>,
    ) -> impl ExactSizeIterator<Item = Export<'a>> + 'a {
        let core = context.into().core();
        let (id, data) = (self.store, self.data(core));
        let exports = &data.module.inner().exports;
        exports
            .iter()
            .map(move |(name, kind)| Export::new(name, entity(id, data, *kind)))
    }

    /// The module of the instance.
    pub fn module(&self, context: impl AsContext) -> Module {
        self.data(context.as_context().core()).module.clone()
    }

    /// The instance that a function of a backtrace is of; `None` where the frame is of another store.
    #[doc(hidden)]
    pub fn of_frame(context: impl AsContext, frame: &Frame) -> Option<Self> {
        let context = context.as_context();
        let core = context.core();
        let mut instances = core.instances.iter();
        let found = instances.find(|it| it.as_ptr().addr() == frame.instance.0)?;
        Some(Self::from_data(core.id, *found))
    }

    pub(crate) fn from_data(store: StoreId, data: NonNull<InstanceData>) -> Self {
        Self { store, data }
    }

    pub(crate) fn export_in(&self, core: &StoreCore, name: &str) -> Option<Extern> {
        let data = self.data(core);
        let kind = data.module.inner().export(name)?;
        Some(entity(self.store, data, kind))
    }

    /// What the imports of the instance's module are linked to, in their order.
    pub(crate) fn imports_in<'a>(&self, core: &'a StoreCore) -> impl Iterator<Item = Extern> + 'a {
        let (id, data) = (self.store, self.data(core));
        let imports = data.module.inner().import_places();
        imports.map(move |place| entity(id, data, place))
    }

    /// The address of the instance, checked to be one that `core` keeps.
    pub(super) fn address_in(&self, core: &StoreCore) -> NonNull<InstanceData> {
        core.assert_owns("instance", self.store);
        self.data
    }

    /// The instance's parts.
    pub(crate) fn data<'a>(&self, core: &'a StoreCore) -> &'a InstanceData {
        // SAFETY: `address_in` finds the instance to be of `core`, which is borrowed for `'a`, so
        // that nothing changes the instance.
        unsafe { &*self.address_in(core).as_ptr() }
    }

    #[cold]
    fn no_such_func(&self, core: &StoreCore, name: &str) -> Error {
        let data = self.data(core);
        let module = data.label.as_deref().or(data.module.name());
        let of_module = module.map_or_else(String::new, |module| format!(" {module:?}"));
        let nearest = nearest_func(data.module.inner(), name)
            .map_or_else(String::new, |found| format!("; did you mean {found:?}?"));
        Error::usage(format!(
            "module{of_module} exports no function {name:?}{nearest}"
        ))
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instance").field(&self.data).finish()
    }
}

/// The handle to an entry of one of the index spaces of an instance of store `id`.
fn entity(id: StoreId, data: &InstanceData, kind: ExportKind) -> Extern {
    match kind {
        ExportKind::Func(index) => Func::from_entry(id, data.funcs[index as usize]).into(),
        ExportKind::Table(index) => Table::from_data(id, data.tables[index as usize]).into(),
        ExportKind::Memory(index) => Memory::from_data(id, data.memories[index as usize]).into(),
        ExportKind::Global(index) => Global::from_data(id, data.globals[index as usize]).into(),
        ExportKind::Tag(index) => Tag::from_data(id, data.tags[index as usize]).into(),
    }
}

/// The exported function whose name was most likely meant by `name`.
fn nearest_func<'a>(module: &'a crate::module::ModuleInner, name: &str) -> Option<&'a str> {
    let funcs = module.exports.iter().filter_map(|export| match export {
        (found, ExportKind::Func(_)) => Some(&**found),
        _ => None,
    });
    nearest(name, funcs)
}
