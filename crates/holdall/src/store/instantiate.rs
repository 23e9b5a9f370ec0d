//! Instantiation, as the sequence of the specification (WebAssembly 2.0, 4.5.4): check the imports;
//! allocate; evaluate; write the active segments; name the start function.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::limits::{Held, Meter, Work};
use crate::module::{ConstExpr, DataMode, ElemItems, ElemMode, ElemSegment, Module, ModuleInner};
use crate::store::layout::{self, Bytes};
use crate::store::slot::entry_slot;
use crate::store::store_core::own;
use crate::store::{
    Extern, Func, FuncEntry, GlobalData, Instance, InstanceData, InstanceState, MemoryData, Scope,
    StoreCore, TableData, TagData,
};
use crate::trap::{Trap, TrapCode};
use crate::types::ValType;

/// The index spaces of an instance while they are filled: imports first, then definitions.
struct Spaces {
    funcs: Vec<NonNull<FuncEntry>>,
    tables: Vec<NonNull<TableData>>,
    memories: Vec<NonNull<MemoryData>>,
    globals: Vec<NonNull<GlobalData>>,
    tags: Vec<NonNull<TagData>>,
}

/// Instantiates a module up to its start function, which is returned to be run.
///
/// When a segment does not fit, or the time is up, the segments before it stay written, and a part
/// of the segment that was being written. The instance stays allocated: its functions may be in a
/// table of another instance.
pub(super) fn instantiate(
    core: &mut StoreCore,
    module: &Module,
    imports: &[Extern],
    label: Option<Arc<str>>,
    scope: Option<Arc<Scope>>,
) -> Result<(Instance, Option<Func>)> {
    let instance = allocate(core, module, imports, label, scope, None)?;
    // SAFETY: `instance`, and its tables and memories, are of `core`, which is borrowed here alone.
    unsafe {
        write_elements(instance, module.inner(), &core.meter)?;
        write_data(instance, module.inner(), &core.meter)?;
        let start = module.inner().start;
        let start = start.map(|index| (&(*instance.as_ptr()).funcs)[index as usize]);
        Ok((
            Instance::from_data(core.id, instance),
            start.map(|entry| Func::from_entry(core.id, entry)),
        ))
    }
}

/// Makes the instance of a module; with `state`, memories and tables get the sizes that the state
/// has. No segment is written, nothing runs.
pub(super) fn allocate(
    core: &mut StoreCore,
    module: &Module,
    imports: &[Extern],
    label: Option<Arc<str>>,
    scope: Option<Arc<Scope>>,
    state: Option<&InstanceState>,
) -> Result<NonNull<InstanceData>> {
    check_imports(core, module.inner(), imports)?;
    core.limits.check_instances(core.instances.len(), 1)?;
    module.inner().weight.hold_in(&core.account)?;
    let held = core
        .account
        .hold(instance_bytes(module.inner()), "an instance")?;
    let mut spaces = Spaces::of_imports(core, imports);
    allocate_tables_and_memories(core, module.inner(), &mut spaces, state)?;
    // From here on only the time can be up, and then the instance is complete.
    let instance = allocate_instance(core, module, label, scope, &mut spaces, held);
    allocate_tags(core, module.inner(), instance, &mut spaces);
    evaluate_globals(core, module.inner(), &mut spaces);
    // SAFETY: `instance`, and the tables of `spaces`, are of `core`, which is borrowed here alone.
    unsafe {
        let initialised = initialise_tables(module.inner(), &spaces, &core.meter);
        fill_instance(instance, module.inner(), spaces);
        initialised.map_err(|code| core.meter.trap(code))?;
    }
    Ok(instance)
}

/// Steps 1 to 4: as many imports as are declared, each of a type that matches.
fn check_imports(core: &StoreCore, module: &ModuleInner, imports: &[Extern]) -> Result<()> {
    let name = quoted(module);
    if !module.engine.same(&core.engine) {
        return Err(Error::usage(format!(
            "module{name} and the store are of different engines; make both with the same one"
        )));
    }
    if imports.len() != module.imports.len() {
        return Err(Error::usage(format!(
            "module{name}: expected {} imports, found {}",
            module.imports.len(),
            imports.len()
        )));
    }
    for (index, (import, found)) in module.imports.iter().zip(imports).enumerate() {
        core.assert_owns("import", found.store());
        let (expected, found) = (module.import_type(import), found.ty_in(core));
        if !found.matches(&expected) {
            let (from, item) = (&import.module, &import.name);
            return Err(Error::usage(format!(
                "import {index} {from:?}.{item:?} of module{name}: incompatible import type: \
                 expected {expected}, found {found}"
            )));
        }
    }
    Ok(())
}

impl Spaces {
    /// The imports, each in its index space. The imports were found to be of `core`.
    fn of_imports(core: &StoreCore, imports: &[Extern]) -> Self {
        let mut spaces = Self {
            funcs: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
        };
        for import in imports {
            match import {
                Extern::Func(func) => spaces.funcs.push(func.entry_in(core)),
                Extern::Table(table) => spaces.tables.push(table.data_in(core)),
                Extern::Memory(memory) => spaces.memories.push(memory.data_in(core)),
                Extern::Global(global) => spaces.globals.push(global.data_in(core)),
                Extern::Tag(tag) => spaces.tags.push(tag.data_in(core)),
            }
        }
        spaces
    }

    /// The value of a constant expression, whose indices are below those of the spaces as they are
    /// now (validation sees to it).
    fn eval(&self, expr: &ConstExpr) -> u64 {
        expr.eval(
            // SAFETY: the globals are of the core that is being borrowed to instantiate, and
            // nobody writes to them now.
            |index| unsafe { (*self.globals[index as usize].as_ptr()).value[0] },
            |index| entry_slot(self.funcs[index as usize]),
        )
    }

    /// The value of a constant expression that is a vector.
    fn eval_vector(&self, expr: &ConstExpr) -> [u64; 2] {
        // SAFETY: as for `eval`.
        expr.eval_vector(|index| unsafe { (*self.globals[index as usize].as_ptr()).value })
    }
}

/// What an instance of a module takes beside its memories and tables.
fn instance_bytes(module: &ModuleInner) -> usize {
    let addresses = module.funcs.len() + module.globals.len() + module.tables.len();
    let addresses = addresses + module.memories.len() + module.tags.len();
    let elements: usize = module.elems.iter().map(ElemSegment::item_count).sum();
    // What a module declares is in memory, and far below what would wrap.
    size_of::<InstanceData>()
        + size_of::<FuncEntry>() * module.num_defined_funcs()
        + size_of::<GlobalData>() * module.global_inits.len()
        + size_of::<TagData>() * (module.tags.len() - module.num_imported_tags)
        + size_of::<u64>() * (addresses + elements)
        + size_of::<Option<Box<[u64]>>>() * module.elems.len()
        + module.num_data
}

/// Allocates the defined tables and memories. If there is no room for all of them, none is kept.
fn allocate_tables_and_memories(
    core: &mut StoreCore,
    module: &ModuleInner,
    spaces: &mut Spaces,
    state: Option<&InstanceState>,
) -> Result<()> {
    let mark = core.mark();
    let tables = module.tables[module.num_imported_tables..].iter();
    let memories = module.memories[module.num_imported_memories..].iter();
    let allocate = || {
        for (at, ty) in tables.enumerate() {
            let elements = state.map_or(ty.min, |state| state.table_size(at));
            spaces.tables.push(core.add_table(*ty, elements, 0)?);
        }
        for (at, ty) in memories.enumerate() {
            let pages = state.map_or(ty.min, |state| state.memory_pages(at));
            spaces.memories.push(core.add_memory(*ty, pages)?);
        }
        Ok(())
    };
    let allocated = allocate();
    if allocated.is_err() {
        // SAFETY: only `spaces` has the addresses of what is freed, and the caller drops `spaces`
        // now.
        unsafe { core.forget_since(mark) };
    }
    allocated
}

/// Allocates the instance and its functions. The other index spaces are still missing in it.
fn allocate_instance(
    core: &mut StoreCore,
    module: &Module,
    label: Option<Arc<str>>,
    scope: Option<Arc<Scope>>,
    spaces: &mut Spaces,
    held: Held,
) -> NonNull<InstanceData> {
    let inner = module.inner();
    if inner.native.is_some() {
        core.native.prepare();
    }
    let data = InstanceData {
        entries: std::ptr::null_mut(),
        memory: Cell::new(Bytes::NONE),
        sigs: inner.types.ids().as_ptr(),
        runtime: &raw mut *core.native,
        spaces: layout::Spaces::NONE,
        first_memory: std::ptr::null(),
        defined: (0..inner.num_defined_funcs())
            .map(|at| defined_func(inner, at, core.tracer.is_none()))
            .collect(),
        funcs: Box::default(),
        globals: Box::default(),
        memories: Box::default(),
        tables: Box::default(),
        tags: Box::default(),
        elems: Box::default(),
        data_dropped: vec![false; inner.num_data].into(),
        module: module.clone(),
        label,
        scope,
        _held: held,
    };
    let instance = own(&mut core.instances, data);
    core.number_instance(instance);
    // SAFETY: `instance` was allocated just now; nobody else knows it. The entries' addresses are
    // taken once the instance has its final place, and the box of entries is only used through
    // these addresses from now on.
    unsafe {
        let data = &mut *instance.as_ptr();
        let entries = data.defined.as_mut_ptr();
        data.entries = entries;
        for at in 0..inner.num_defined_funcs() {
            let entry = entries.add(at);
            (*entry).instance = instance.as_ptr();
            spaces.funcs.push(NonNull::new_unchecked(entry));
        }
    }
    instance
}

/// A defined function, not yet part of an instance, native where it can be and `native` says so. Its code
/// lives as long as its module, which the instance keeps.
fn defined_func(module: &ModuleInner, at: usize, native: bool) -> FuncEntry {
    let of_module = module.native.as_ref().filter(|_| native);
    let native = of_module.and_then(|code| code.function(at));
    let code = native.map_or_else(|| module.lowered_or_stub(at), |(stub, _)| stub);
    let index = module.func_index(at as u32);
    FuncEntry {
        code: Cell::new(code),
        instance: std::ptr::null_mut(),
        body: Cell::new(native.map_or(std::ptr::null(), |(_, text)| text)),
        sig: module.func_sig(index),
    }
}

/// Allocates the defined tags. The module, which the instance keeps, keeps their types.
fn allocate_tags(
    core: &mut StoreCore,
    module: &ModuleInner,
    instance: NonNull<InstanceData>,
    spaces: &mut Spaces,
) {
    for index in module.num_imported_tags..module.tags.len() {
        let tag = TagData {
            sig: module.types.ids()[module.tags[index] as usize],
            slots: module.tag_type(index as u32).param_slots() as u32,
            instance: instance.as_ptr(),
            index: index as u32,
        };
        spaces.tags.push(core.add_tag(tag));
    }
}

/// Allocates the defined globals. Each may refer to the globals before it.
fn evaluate_globals(core: &mut StoreCore, module: &ModuleInner, spaces: &mut Spaces) {
    let types = &module.globals[module.num_imported_globals..];
    for (ty, init) in types.iter().zip(&module.global_inits) {
        let value = match ty.content {
            ValType::V128 => spaces.eval_vector(init),
            _ => [spaces.eval(init), 0],
        };
        spaces.globals.push(core.add_global(*ty, value));
    }
}

/// Fills the defined tables that have an initial value.
///
/// # Safety
///
/// The tables of `spaces` are used by nobody else.
unsafe fn initialise_tables(
    module: &ModuleInner,
    spaces: &Spaces,
    meter: &Meter,
) -> Result<(), TrapCode> {
    let mut work = Work::watched(meter);
    let defined = &spaces.tables[module.num_imported_tables..];
    for (table, init) in defined.iter().zip(&module.table_inits) {
        if let Some(init) = init {
            // SAFETY: it is used by nobody else: the caller's duty.
            let table = unsafe { &mut *table.as_ptr() };
            let value = spaces.eval(init);
            work.in_parts(table.elems.len(), size_of::<u64>(), |at, count| {
                table.elems[at..at + count].fill(value);
            })?;
        }
    }
    Ok(())
}

/// Gives the instance its index spaces and its element segments.
///
/// # Safety
///
/// `instance` is used by nobody else.
unsafe fn fill_instance(instance: NonNull<InstanceData>, module: &ModuleInner, spaces: Spaces) {
    let segments = module.elems.iter().map(|segment| match &segment.mode {
        ElemMode::Declared => None,
        ElemMode::Passive | ElemMode::Active { .. } => Some(match &segment.items {
            ElemItems::Funcs(funcs) => funcs
                .iter()
                .map(|index| entry_slot(spaces.funcs[*index as usize]))
                .collect(),
            ElemItems::Exprs(exprs) => exprs.iter().map(|expr| spaces.eval(expr)).collect(),
        }),
    });
    let elems = segments.collect();
    // SAFETY: it is used by nobody else: the caller's duty.
    let data = unsafe { &mut *instance.as_ptr() };
    data.elems = elems;
    data.funcs = spaces.funcs.into();
    data.globals = spaces.globals.into();
    data.memories = spaces.memories.into();
    if let Some(memory) = data.memories.first() {
        data.first_memory = memory.as_ptr();
        // SAFETY: the memory is used by nobody else: the caller's duty. Instances live as long as their store.
        unsafe { (*memory.as_ptr()).add_user(instance) };
    }
    data.tables = spaces.tables.into();
    data.tags = spaces.tags.into();
    data.spaces = layout::Spaces {
        funcs: data.funcs.as_ptr(),
        globals: data.globals.as_ptr(),
        memories: data.memories.as_ptr(),
        tables: data.tables.as_ptr(),
        first_global: first(&data.globals),
        first_table: first(&data.tables),
    };
}

/// The address of what is first; null where there is nothing.
fn first<T>(all: &[NonNull<T>]) -> *const T {
    all.first().map_or(std::ptr::null(), |first| first.as_ptr())
}

/// Copies the active element segments into their tables, in order, and drops each.
///
/// # Safety
///
/// `instance`, and its tables, are used by nobody else.
unsafe fn write_elements(
    instance: NonNull<InstanceData>,
    module: &ModuleInner,
    meter: &Meter,
) -> Result<()> {
    let mut work = Work::watched(meter);
    for (index, segment) in module.elems.iter().enumerate() {
        let ElemMode::Active { table, offset } = &segment.mode else {
            continue;
        };
        // SAFETY: nobody else uses the instance and its tables: the caller's duty. A table is an
        // allocation of its own.
        unsafe {
            let offset = eval_in(instance, offset);
            let data = &mut *instance.as_ptr();
            let items = data.elems[index].as_deref().unwrap_or_default();
            let elems = &mut (*data.tables[*table as usize].as_ptr()).elems;
            let (n, size) = (items.len() as u64, elems.len() as u64);
            let Some(to) = place(offset, n, size) else {
                let code = TrapCode::OutOfBoundsTableAccess;
                let sizes = [n, offset, size];
                return Err(does_not_fit(code, "element", index, module, sizes));
            };
            let written = work.in_parts(items.len(), size_of::<u64>(), |at, count| {
                elems[to + at..][..count].copy_from_slice(&items[at..at + count]);
            });
            written.map_err(|code| meter.trap(code))?;
            data.elems[index] = None;
        }
    }
    Ok(())
}

/// Copies the active data segments into their memories, in order, and drops each.
///
/// # Safety
///
/// `instance`, and its memories, are used by nobody else.
unsafe fn write_data(
    instance: NonNull<InstanceData>,
    module: &ModuleInner,
    meter: &Meter,
) -> Result<()> {
    let mut work = Work::watched(meter);
    if let Some(image) = &module.image {
        // SAFETY: nobody else uses the instance and its memories: the caller's duty. A module with an
        // image defines its first memory.
        let loaded = unsafe {
            let data = &mut *instance.as_ptr();
            data.data_dropped.fill(true);
            (*data.memories[0].as_ptr()).load(&image.contents(), &mut work)
        };
        return loaded.map_err(|code| meter.trap(code).into());
    }
    let segments = module.data();
    let segments = segments.ok_or_else(|| {
        let name = quoted(module);
        Error::usage(format!(
            "module{name} is damaged: its bytes are not those that were lowered"
        ))
    })?;
    for (index, segment) in segments.iter().enumerate() {
        let DataMode::Active { memory, offset } = &segment.mode else {
            continue;
        };
        let bytes = &module.bytes[segment.range.clone()];
        // SAFETY: nobody else uses the instance and its memories: the caller's duty. A memory is an
        // allocation of its own.
        unsafe {
            let offset = eval_in(instance, offset);
            let data = &mut *instance.as_ptr();
            let memory = (*data.memories[*memory as usize].as_ptr()).as_mut_slice();
            let (n, size) = (bytes.len() as u64, memory.len() as u64);
            let Some(to) = place(offset, n, size) else {
                let code = TrapCode::OutOfBoundsMemoryAccess;
                return Err(does_not_fit(code, "data", index, module, [n, offset, size]));
            };
            let written = work.in_parts(bytes.len(), 1, |at, count| {
                memory[to + at..][..count].copy_from_slice(&bytes[at..at + count]);
            });
            written.map_err(|code| meter.trap(code))?;
            data.data_dropped[index] = true;
        }
    }
    Ok(())
}

/// The index of the first of `n` items at `offset`, if they all lie within `size`.
fn place(offset: u64, n: u64, size: u64) -> Option<usize> {
    let end = offset.checked_add(n)?;
    (end <= size).then_some(offset as usize)
}

/// The value of the offset expression of a segment of an instance.
///
/// # Safety
///
/// `instance` has its index spaces and is used by nobody else.
unsafe fn eval_in(instance: NonNull<InstanceData>, offset: &ConstExpr) -> u64 {
    // SAFETY: it is used by nobody else: the caller's duty.
    let data = unsafe { &*instance.as_ptr() };
    offset.eval(
        // SAFETY: the globals are of the same store, and nobody writes to them now.
        |index| unsafe { (*data.globals[index as usize].as_ptr()).value[0] },
        |index| entry_slot(data.funcs[index as usize]),
    )
}

#[cold]
fn does_not_fit(
    code: TrapCode,
    kind: &str,
    index: usize,
    module: &ModuleInner,
    [n, offset, size]: [u64; 3],
) -> Error {
    let name = quoted(module);
    Trap::from(code)
        .with_detail(format!(
            "{kind} segment {index} of module{name} has {n} items for offset {offset}, where the \
             size is {size}"
        ))
        .into()
}

/// The module's name in quotes, with a space before it; empty where there is no name. For errors,
/// behind the word `module`.
fn quoted(module: &ModuleInner) -> String {
    let name = module.name();
    name.map_or_else(String::new, |name| format!(" {name:?}"))
}
