//! The store: everything that guests can change, and the embedder's data beside it.

use std::fmt;
use std::marker::PhantomData;

use crate::engine::Engine;
use crate::error::Result;
use crate::limits::InterruptHandle;
use crate::store::{
    Extern, ExternRef, Func, Global, Instance, Memory, StoreCore, StoreInner, Table,
    fuel_and_limits, set_fuel_and_limits,
};
use crate::trace::TraceEvent;

/// All functions, memories, tables, globals and instances of a group of guests, and data of the
/// embedder's own that host functions reach through their
/// [`Caller`](crate::host::Caller).
///
/// What is in a store lives until the store is dropped. A store can go from thread to thread, and
/// threads may share a store to look at what is in it while nothing runs. Functions, memories and
/// the like are handles into the store: they are `Copy`, `Send` and `Sync`, and are used together
/// with the store.
///
/// ```
/// use holdall::{Engine, Module, Instance, Store};
///
/// # fn main() -> holdall::Result<()> {
/// let engine = Engine::default();
/// let mut store = Store::new(&engine, "the embedder's data");
/// let module = Module::new(&engine, b"\0asm\x01\0\0\0")?;
/// let instance = Instance::new(&mut store, &module, &[])?;
/// assert_eq!(instance.exports(&store).len(), 0);
/// assert_eq!(*store.data(), "the embedder's data");
/// # Ok(())
/// # }
/// ```
///
/// The data keeps its exact type, lifetimes included:
///
/// ```compile_fail
/// fn shorten<'a>(store: holdall::Store<&'static str>) -> holdall::Store<&'a str> {
///     store
/// }
/// ```
pub struct Store<T> {
    inner: Box<StoreInner<T>>,
    /// A host function takes the data to be of exactly the `T` that the function was made for, so a
    /// store must not pass for a store of a subtype or supertype of `T`.
    invariant: PhantomData<fn(T) -> T>,
}

impl<T> Store<T> {
    /// An empty store.
    ///
    /// # Panics
    ///
    /// When there is no room for the value stack, or the engine's limits need metering and the
    /// engine does not meter; see [`Store::try_new`].
    #[must_use]
    pub fn new(engine: &Engine, data: T) -> Self {
        match Self::try_new(engine, data) {
            Ok(store) => store,
            Err(error) => panic!("{error}; `Store::try_new` returns this as an error"),
        }
    }

    /// An empty store.
    ///
    /// # Errors
    ///
    /// When there is no room for the value stack, whose size is in the engine's configuration; when
    /// the configuration has fuel or a deadline among its limits, but no metering.
    pub fn try_new(engine: &Engine, data: T) -> Result<Self> {
        Ok(Self::of(StoreCore::new(engine)?, data))
    }

    /// An empty store whose value stack has this size, not the one in the engine's configuration
    /// ([`Config::stack_size_bytes`](crate::Config::stack_size_bytes)).
    ///
    /// # Errors
    ///
    /// Those of [`Store::try_new`].
    pub fn with_stack_size(engine: &Engine, data: T, stack_size_bytes: usize) -> Result<Self> {
        let core = StoreCore::with_stack_size(engine, stack_size_bytes)?;
        Ok(Self::of(core, data))
    }

    fn of(core: StoreCore, data: T) -> Self {
        Self {
            inner: Box::new(StoreInner { core, data }),
            invariant: PhantomData,
        }
    }

    set_fuel_and_limits!();

    /// Tells `tracer` of every call that leaves its module: of calls of host functions after their
    /// end, of calls of other modules' functions when they begin. A tracer that panics is not
    /// called again.
    pub fn trace(&mut self, tracer: impl FnMut(&TraceEvent) + Send + 'static) {
        self.inner.core.tracer = Some(Box::new(tracer));
        self.inner.core.leave_native();
    }

    /// Has `allows` say whether a memory may grow from a size to another, both in bytes, where the
    /// memory's maximum and the store's limits allow it. Where it says no, the growth fails as at a
    /// limit: `memory.grow` gives -1, [`Memory::grow`] is an error. One that panics says no. It
    /// replaces an earlier one, and is not asked where nothing would grow.
    ///
    /// ```
    /// use holdall::{Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module (memory 1)
    ///     (func (export "grow") (result i32) (memory.grow (i32.const 1))))"#)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let grow = instance.get_typed_func::<(), i32>(&store, "grow")?;
    /// store.guard_growth(|_from, to| to <= 2 << 16);
    /// assert_eq!(grow.call(&mut store, ())?, 1);
    /// assert_eq!(grow.call(&mut store, ())?, -1);
    /// # Ok::<(), holdall::Error>(())
    /// ```
    pub fn guard_growth(&mut self, allows: impl Fn(usize, usize) -> bool + Send + Sync + 'static) {
        self.inner.core.growth_guard = Some(Box::new(allows));
        self.inner.core.tell_of_guard();
    }

    /// The embedder's data, to change it.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner.data
    }

    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        &self.inner.data
    }

    /// The embedder's data; the rest of the store is dropped.
    #[must_use]
    pub fn into_data(self) -> T {
        let StoreInner { core, data } = *self.inner;
        drop(core);
        data
    }

    fuel_and_limits!();

    /// A handle that ends this store's executions from another thread.
    ///
    /// # Errors
    ///
    /// When the engine does not meter ([`Config::metering`](crate::Config::metering)).
    pub fn interrupt_handle(&self) -> Result<InterruptHandle> {
        self.inner.core.meter.interrupt_handle()
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.inner.core.engine
    }

    pub(super) fn core(&self) -> &StoreCore {
        &self.inner.core
    }

    fn core_mut(&mut self) -> &mut StoreCore {
        &mut self.inner.core
    }

    pub(crate) fn inner(&self) -> &StoreInner<T> {
        &self.inner
    }

    pub(crate) fn inner_mut(&mut self) -> &mut StoreInner<T> {
        &mut self.inner
    }
}

const _: () = {
    const fn goes_between_threads<T: Send>() {}
    const fn shared_between_threads<T: Send + Sync>() {}
    goes_between_threads::<Store<std::cell::Cell<u8>>>();
    shared_between_threads::<Store<u8>>();
    shared_between_threads::<Func>();
    shared_between_threads::<Memory>();
    shared_between_threads::<Table>();
    shared_between_threads::<Global>();
    shared_between_threads::<Instance>();
    shared_between_threads::<Extern>();
    shared_between_threads::<ExternRef>();
};

impl<T: Default> Default for Store<T> {
    fn default() -> Self {
        Self::new(&Engine::default(), T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("core", self.core())
            .field("data", self.data())
            .finish()
    }
}
