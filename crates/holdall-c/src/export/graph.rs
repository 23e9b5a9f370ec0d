//! What `wasm_runtime_instantiate` makes: a graph of instances in a store of its own, with all that C has handles
//! to: instances, execution environments, functions, memories.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};

use holdall::{
    AsContext, AsContextMut, Caller, Error, Func, Instance, Memory, Store, StoreContextMut, ValType,
};

use super::contexts;
use super::ends::Raised;
use super::handles::{Handle, Kind, Table};
use super::heap::Heap;
use super::modules::LoadedModule;

/// The data of each store: the way from a host function to its graph.
pub(super) struct Data(NonNull<Graph>);

impl Data {
    /// The graph of the store.
    pub(super) fn graph(&self) -> NonNull<Graph> {
        self.0
    }
}

/// A store with instances that are linked to one another.
///
/// A graph is one thread's at a time: whoever uses it [enters](Graph::enter) it first. So its cells are used by
/// one thread, which may enter again from a native function that the graph's guests call.
pub(super) struct Graph {
    /// There but for the moment in which the graph is made.
    store: UnsafeCell<Option<Store<Data>>>,
    /// Whose the graph is now: a number of the thread, or 0.
    owner: AtomicUsize,
    /// Whether the graph is to go when its thread leaves it.
    doomed: Cell<bool>,
    /// The access to the store that the guest lends to the native function that runs now.
    caller: Cell<Option<NonNull<Caller<'static, Data>>>>,
    /// The environment through which the guest was called that runs now.
    env: Cell<Option<NonNull<ExecEnv>>>,
    pub(super) exception: RefCell<Option<CString>>,
    pub(super) call_stack: RefCell<String>,
    pub(super) exit_code: Cell<u32>,
    pub(super) module: Handle<LoadedModule>,
    pub(super) heap_size: u32,
    root: Cell<Option<NonNull<ModuleInst>>>,
    singleton: Cell<Option<NonNull<ExecEnv>>>,
    instances: RefCell<Vec<NonNull<ModuleInst>>>,
    envs: RefCell<Vec<NonNull<ExecEnv>>>,
    /// Environments that C destroyed while the graph was in use.
    retired: RefCell<Vec<NonNull<ExecEnv>>>,
    functions: RefCell<HashMap<Func, NonNull<Function>>>,
    memories: RefCell<HashMap<Memory, NonNull<MemoryInst>>>,
}

/// An instance of a graph: `wasm_module_inst_t`.
pub(super) struct ModuleInst {
    graph: NonNull<Graph>,
    pub(super) handle: Handle<Self>,
    pub(super) instance: Instance,
    /// The memory that addresses are in.
    pub(super) memory: Option<Memory>,
    pub(super) heap: RefCell<Heap>,
    pub(super) custom_data: Cell<*mut c_void>,
    pub(super) contexts: RefCell<HashMap<usize, *mut c_void>>,
}

/// What functions are called through: `wasm_exec_env_t`.
pub(super) struct ExecEnv {
    graph: NonNull<Graph>,
    pub(super) handle: Handle<Self>,
    /// The instance that the program made the environment for; while a native function runs, the one that called
    /// the native function.
    pub(super) inst: Cell<Option<NonNull<ModuleInst>>>,
    pub(super) attachment: Cell<*mut c_void>,
    pub(super) user_data: Cell<*mut c_void>,
}

/// A function of a graph: `wasm_function_inst_t`.
pub(super) struct Function {
    graph: NonNull<Graph>,
    pub(super) handle: Handle<Self>,
    pub(super) func: Func,
    pub(super) params: Box<[ValType]>,
    pub(super) results: Box<[ValType]>,
    /// How many words of 64 bits the arguments or the results take, whichever are more; `None` where one of them
    /// is a reference.
    pub(super) slots: Option<usize>,
}

/// A memory of a graph: `wasm_memory_inst_t`.
pub(super) struct MemoryInst {
    graph: NonNull<Graph>,
    pub(super) handle: Handle<Self>,
    pub(super) memory: Memory,
}

/// A thing of a graph.
pub(super) trait OfGraph {
    /// The graph, which drops its things before itself.
    fn graph(&self) -> NonNull<Graph>;

    /// The graph, which the thread owns until the value is dropped; `None`, after a word, where another thread
    /// uses the graph now.
    #[inline]
    fn enter(&self) -> Option<Entered<'_>> {
        // SAFETY: the graph outlives the thing.
        unsafe { self.graph().as_ref() }.enter()
    }

    /// Whether the thing is of this graph.
    #[inline]
    fn is_of(&self, graph: &Graph) -> bool {
        ptr::eq(self.graph().as_ptr(), graph)
    }
}

/// Gives each kind of thing of a graph its table of handles, and the way to its graph.
macro_rules! things_of_graphs {
    ($($thing:ident: $tag:literal;)*) => {$(
        impl Kind for $thing {
            const TAG: usize = $tag;
            fn table() -> &'static Table<Self> {
                static TABLE: Table<$thing> = Table::new();
                &TABLE
            }
        }

        impl OfGraph for $thing {
            fn graph(&self) -> NonNull<Graph> {
                self.graph
            }
        }
    )*};
}
things_of_graphs! {
    ModuleInst: 1;
    ExecEnv: 2;
    Function: 3;
    MemoryInst: 4;
}

/// A graph that this thread may use.
pub(super) struct Entered<'a> {
    graph: &'a Graph,
    is_outermost: bool,
}

impl std::ops::Deref for Entered<'_> {
    type Target = Graph;

    fn deref(&self) -> &Graph {
        self.graph
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_outermost {
            return;
        }
        if self.graph.doomed.get() {
            let graph = NonNull::from(self.graph);
            // SAFETY: no handle leads to the graph any more, this thread owns it, and nothing of it runs: this
            // is the outermost of those who entered.
            return unsafe { Graph::free(graph) };
        }
        for env in self.graph.retired.take() {
            // SAFETY: its handle is gone, and no call goes through it any more.
            drop(unsafe { Box::from_raw(env.as_ptr()) });
        }
        self.graph.owner.store(0, Ordering::Release);
    }
}

/// A number of this thread, not 0, that no other thread has at the same time.
#[inline]
fn thread() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| ptr::from_ref(here).addr())
}

impl Graph {
    /// A graph without instances, whose store is as large as asked for.
    ///
    /// # Errors
    ///
    /// When there is no room for the value stack.
    pub(super) fn new(
        engine: &holdall::Engine,
        module: Handle<LoadedModule>,
        stack_size_bytes: usize,
        heap_size: u32,
    ) -> Result<NonNull<Self>, Error> {
        let graph = Box::new(Self {
            store: UnsafeCell::new(None),
            owner: AtomicUsize::new(0),
            doomed: Cell::new(false),
            caller: Cell::new(None),
            env: Cell::new(None),
            exception: RefCell::new(None),
            call_stack: RefCell::default(),
            exit_code: Cell::new(0),
            module,
            heap_size,
            root: Cell::new(None),
            singleton: Cell::new(None),
            instances: RefCell::default(),
            envs: RefCell::default(),
            retired: RefCell::default(),
            functions: RefCell::default(),
            memories: RefCell::default(),
        });
        let graph = NonNull::from(Box::leak(graph));
        let store = Store::with_stack_size(engine, Data(graph), stack_size_bytes);
        // SAFETY: nobody else knows the graph yet.
        unsafe {
            match store {
                Ok(store) => *graph.as_ref().store.get() = Some(store),
                Err(error) => {
                    drop(Box::from_raw(graph.as_ptr()));
                    return Err(error);
                }
            }
            let singleton = graph.as_ref().add_env(None);
            graph.as_ref().singleton.set(singleton);
            graph.as_ref().env.set(singleton);
        }
        Ok(graph)
    }

    /// The graph, which the thread owns until the value is dropped; `None`, after a word, where another thread
    /// uses the graph now.
    #[inline]
    pub(super) fn enter(&self) -> Option<Entered<'_>> {
        let here = thread();
        let before = self
            .owner
            .compare_exchange(0, here, Ordering::Acquire, Ordering::Relaxed);
        let is_outermost = match before {
            Ok(_) => true,
            Err(owner) if owner == here => false,
            Err(_) => {
                self.busy();
                return None;
            }
        };
        Some(Entered {
            graph: self,
            is_outermost,
        })
    }

    #[cold]
    fn busy(&self) {
        super::log::say(
            super::log::Level::Error,
            format_args!(
                "an instance is in use by another thread; instances are for one thread at a time"
            ),
        );
    }

    /// Whether a thread uses the graph now.
    pub(super) fn is_in_use(&self) -> bool {
        self.owner.load(Ordering::Acquire) != 0
    }

    /// Takes all handles away, and frees the graph: at once where nothing of it runs, else when its thread leaves.
    pub(super) fn destroy(entered: &Entered<'_>) {
        let instances = entered.instances.borrow().clone();
        for inst in instances {
            contexts::end(inst);
        }
        // SAFETY: the things are alive until the graph is freed.
        unsafe {
            for inst in entered.instances.borrow().iter() {
                inst.as_ref().handle.remove();
            }
            for env in entered.envs.borrow().iter() {
                env.as_ref().handle.remove();
            }
            for function in entered.functions.borrow().values() {
                function.as_ref().handle.remove();
            }
            for memory in entered.memories.borrow().values() {
                memory.as_ref().handle.remove();
            }
        }
        entered.doomed.set(true);
    }

    /// # Safety
    ///
    /// No handle leads to the graph or its things, and nobody uses them.
    unsafe fn free(graph: NonNull<Self>) {
        // SAFETY: the caller's duty; all things were made by `Box`.
        unsafe {
            let graph = Box::from_raw(graph.as_ptr());
            for inst in graph.instances.take() {
                drop(Box::from_raw(inst.as_ptr()));
            }
            for env in graph.envs.take().into_iter().chain(graph.retired.take()) {
                drop(Box::from_raw(env.as_ptr()));
            }
            for (_, function) in graph.functions.take() {
                drop(Box::from_raw(function.as_ptr()));
            }
            for (_, memory) in graph.memories.take() {
                drop(Box::from_raw(memory.as_ptr()));
            }
        }
    }
}

impl Entered<'_> {
    /// Whether a native function of this graph runs, to which this thread will return.
    pub(super) fn is_nested(&self) -> bool {
        self.graph.caller.get().is_some()
    }

    /// Uses the store.
    pub(super) fn with<R>(&self, body: impl FnOnce(StoreContextMut<'_, Data>) -> R) -> R {
        // Nobody else has access while the body runs: it would have to take it from here.
        let caller = self.graph.caller.take();
        let _back = Restore(&self.graph.caller, caller);
        match caller {
            // SAFETY: the native function that lent it is still running, and uses it only through here; it was
            // taken out of the cell, so that this is the only use.
            Some(caller) => body(unsafe { &mut *caller.as_ptr() }.as_context_mut()),
            None => {
                // SAFETY: this thread owns the graph. No guest runs above, for a guest that runs a native
                // function has lent its access, and none runs otherwise while C calls.
                let store = unsafe { &mut *self.graph.store.get() };
                body(store.as_mut().expect("the store is there").as_context_mut())
            }
        }
    }

    /// Runs a native function's body: what is called meanwhile has the caller's access to the store, through the
    /// environment of the running call, which has the calling instance and this attachment for so long.
    ///
    /// An exception that the body sets is an error.
    pub(super) fn lend<R>(
        &self,
        caller: &mut Caller<'_, Data>,
        inst: Option<NonNull<ModuleInst>>,
        attachment: *mut c_void,
        body: impl FnOnce(&ExecEnv) -> R,
    ) -> anyhow::Result<R> {
        let env = self
            .graph
            .env
            .get()
            .expect("a graph has an environment from the start");
        // SAFETY: an environment that is in use is only freed when the outermost call has ended.
        let env = unsafe { env.as_ref() };
        let inst = inst.or(self.graph.root.get());
        let _inst = Restore(&env.inst, env.inst.replace(inst));
        let _attachment = Restore(&env.attachment, env.attachment.replace(attachment));
        let lent = NonNull::from(caller).cast();
        let _caller = Restore(&self.graph.caller, self.graph.caller.replace(Some(lent)));
        let result = body(env);
        if self.graph.exception.borrow().is_some() {
            return Err(Raised.into());
        }
        Ok(result)
    }

    /// Calls a function with arguments in slots, where results will be. False, with the exception set, where the
    /// call did not end as it should.
    ///
    /// # Safety
    ///
    /// There are as many slots as `function` says, with arguments of its types.
    pub(super) unsafe fn call(
        &self,
        env: &ExecEnv,
        function: &Function,
        slots: &mut [u64],
    ) -> bool {
        if !self.may_call() {
            return false;
        }
        let _env = Restore(
            &self.graph.env,
            self.graph.env.replace(Some(NonNull::from(env))),
        );
        // SAFETY: the caller's duty.
        let called = self.with(|store| unsafe { function.func.call_unchecked(store, slots) });
        called.is_ok() || self.ended(&called.expect_err("it is no success"))
    }

    /// What C knows an instance as.
    pub(super) fn inst(&self, instance: Instance) -> &ModuleInst {
        let inst = self.with(|store| self.inst_in(&store, instance));
        // SAFETY: a graph's things live as long as the graph.
        unsafe { inst.as_ref() }
    }

    /// As [`Entered::inst`], for whoever has access to the store already.
    #[inline]
    pub(super) fn inst_in(
        &self,
        store: impl AsContext<Data = Data>,
        instance: Instance,
    ) -> NonNull<ModuleInst> {
        for inst in self.graph.instances.borrow().iter() {
            // SAFETY: a graph's things live as long as the graph.
            if unsafe { inst.as_ref() }.instance == instance {
                return *inst;
            }
        }
        let memory = instance.main_memory(store);
        let inst = add(|handle| ModuleInst {
            graph: NonNull::from(self.graph),
            handle,
            instance,
            memory,
            heap: RefCell::new(Heap::new(self.graph.heap_size)),
            custom_data: Cell::new(ptr::null_mut()),
            contexts: RefCell::default(),
        });
        self.graph.instances.borrow_mut().push(inst);
        inst
    }

    /// Makes an instance the root.
    pub(super) fn set_root(&self, instance: Instance) -> &ModuleInst {
        let root = self.inst(instance);
        self.graph.root.set(Some(NonNull::from(root)));
        self.singleton().inst.set(Some(NonNull::from(root)));
        root
    }

    /// The address of [`Entered::root`].
    pub(super) fn root_address(&self) -> Option<NonNull<ModuleInst>> {
        self.graph.root.get()
    }

    /// The instance that the program asked for, where it is there yet.
    pub(super) fn root(&self) -> Option<&ModuleInst> {
        // SAFETY: a graph's things live as long as the graph.
        self.graph.root.get().map(|root| unsafe { root.as_ref() })
    }

    /// The environment for calls that name none.
    pub(super) fn singleton(&self) -> &ExecEnv {
        let singleton = self
            .graph
            .singleton
            .get()
            .expect("a graph has one from the start");
        // SAFETY: a graph's things live as long as the graph.
        unsafe { singleton.as_ref() }
    }

    /// An environment for an instance.
    pub(super) fn add_env(&self, inst: &ModuleInst) -> &ExecEnv {
        let env = self.graph.add_env(Some(NonNull::from(inst)));
        // SAFETY: it was just made, and lives as long as the graph or until C destroys it.
        unsafe { env.expect("it was made").as_ref() }
    }

    /// Destroys an environment, unless it is the graph's own.
    pub(super) fn remove_env(&self, env: &ExecEnv) {
        let address = NonNull::from(env);
        if self.graph.singleton.get() == Some(address) || env.handle.remove().is_none() {
            return;
        }
        self.graph
            .envs
            .borrow_mut()
            .retain(|other| *other != address);
        self.graph.retired.borrow_mut().push(address);
    }

    /// What C knows a function as.
    pub(super) fn function(&self, func: Func) -> &Function {
        let known = self.graph.functions.borrow().get(&func).copied();
        let function = known.unwrap_or_else(|| {
            let ty = self.with(|store| func.ty(&store));
            let numbers = ty.params().iter().chain(ty.results()).all(is_number);
            let slots = |types: &[ValType]| types.iter().map(slots).sum::<usize>();
            let slots = numbers.then(|| slots(ty.params()).max(slots(ty.results())));
            let made = add(|handle| Function {
                graph: NonNull::from(self.graph),
                handle,
                func,
                params: ty.params().into(),
                results: ty.results().into(),
                slots,
            });
            self.graph.functions.borrow_mut().insert(func, made);
            made
        });
        // SAFETY: a graph's things live as long as the graph.
        unsafe { function.as_ref() }
    }

    /// What C knows a memory as.
    pub(super) fn memory(&self, memory: Memory) -> &MemoryInst {
        let mut memories = self.graph.memories.borrow_mut();
        let inst = memories.entry(memory).or_insert_with(|| {
            add(|handle| MemoryInst {
                graph: NonNull::from(self.graph),
                handle,
                memory,
            })
        });
        // SAFETY: a graph's things live as long as the graph.
        unsafe { inst.as_ref() }
    }
}

impl ModuleInst {
    /// Whether a thread uses the graph now.
    pub(super) fn is_in_use(&self) -> bool {
        // SAFETY: a graph drops its things before itself.
        unsafe { self.graph.as_ref() }.is_in_use()
    }
}

impl ExecEnv {
    /// The instance of the environment.
    pub(super) fn module_inst(&self) -> Option<&ModuleInst> {
        // SAFETY: a graph's things live as long as the graph, and both are of one.
        self.inst.get().map(|inst| unsafe { inst.as_ref() })
    }
}

impl Graph {
    fn add_env(&self, inst: Option<NonNull<ModuleInst>>) -> Option<NonNull<ExecEnv>> {
        let env = add(|handle| ExecEnv {
            graph: NonNull::from(self),
            handle,
            inst: Cell::new(inst),
            attachment: Cell::new(ptr::null_mut()),
            user_data: Cell::new(ptr::null_mut()),
        });
        self.envs.borrow_mut().push(env);
        Some(env)
    }
}

/// Makes a thing that knows its handle.
fn add<T: Kind>(make: impl FnOnce(Handle<T>) -> T) -> NonNull<T> {
    let room = NonNull::from(Box::leak(Box::<T>::new_uninit())).cast::<T>();
    // The handle is not C's before the thing is made.
    let handle = Handle::insert(room);
    // SAFETY: the room is for a `T`.
    unsafe { room.write(make(handle)) };
    room
}

/// How many words of 64 bits a value takes.
pub(super) fn slots(ty: &ValType) -> usize {
    if *ty == ValType::V128 { 2 } else { 1 }
}

pub(super) fn is_number(ty: &ValType) -> bool {
    !matches!(ty, ValType::Ref(_))
}

/// Puts a value back into a cell, also where a panic ends what the value was taken out for.
struct Restore<'a, T: Copy>(&'a Cell<T>, T);

impl<T: Copy> Drop for Restore<'_, T> {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}
