//! The engine: configuration and canonical function types, shared by modules and stores.

use std::sync::Arc;

use holdall_core::lower::Settings;

use crate::limits::{Account, Clock, Heap, Limits, Pool};
use crate::sigs::Canonical;
use crate::sigs::SigId;
use crate::types::FuncType;

/// When function bodies are lowered to code words. In both cases all bodies are validated when the
/// module is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lowering {
    /// Each function is lowered at its first call.
    #[default]
    Lazy,
    /// All functions are lowered when the module is made.
    Eager,
}

/// The configuration of an [`Engine`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// When function bodies are lowered.
    pub lowering: Lowering,
    /// The size of each store's value stack, in bytes; rounded down to whole slots of 8 bytes.
    /// It bounds the depth of the guest's calls.
    pub stack_size_bytes: usize,
    /// Whether guests' work is metered, so that it can be limited and interrupted.
    pub metering: bool,
    /// Whether every NaN that a guest computes is the positive canonical one.
    pub canonical_nans: bool,
    /// What a module may hold, and the first limits of each store.
    pub limits: Limits,
    /// Whether traps keep the calls that led to them.
    pub wasm_backtrace: bool,
    /// For holdall's own tests: how many operands of a frame code words name directly, at most as
    /// many as they can name.
    #[doc(hidden)]
    pub near_operands: u16,
    /// Where the engine takes its memory from; `None`, the default, is the host's allocator.
    pub pool: Option<Pool>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lowering: Lowering::default(),
            stack_size_bytes: 1 << 20,
            metering: false,
            canonical_nans: false,
            limits: Limits::default(),
            wasm_backtrace: true,
            near_operands: u16::MAX,
            pool: None,
        }
    }
}

impl From<&Self> for Config {
    fn from(config: &Self) -> Self {
        config.clone()
    }
}

impl Config {
    /// The default configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets when function bodies are lowered.
    #[must_use]
    pub fn lowering(mut self, lowering: Lowering) -> Self {
        self.lowering = lowering;
        self
    }

    /// Sets the size of each store's value stack, in bytes.
    #[must_use]
    pub fn stack_size_bytes(mut self, size_bytes: usize) -> Self {
        self.stack_size_bytes = size_bytes;
        self
    }

    /// Sets whether guests' work is metered. Off by default, since metering takes some percent of
    /// the time. Only an engine that meters lets a store have [`Limits::fuel`] and
    /// [`Limits::deadline`], and be interrupted
    /// ([`Store::interrupt_handle`](crate::Store::interrupt_handle)).
    ///
    /// ```
    /// use holdall::{Config, Engine, Limits, Store};
    ///
    /// let engine = Engine::new(Config::new().metering(true));
    /// let mut store = Store::new(&engine, ());
    /// store.limits(Limits::new().fuel(1_000_000))?;
    /// assert_eq!(store.fuel(), Some(1_000_000));
    /// # Ok::<(), holdall::Error>(())
    /// ```
    #[must_use]
    pub fn metering(mut self, metering: bool) -> Self {
        self.metering = metering;
        self
    }

    /// Sets whether every NaN that an instruction computes is the positive canonical one, so that
    /// results do not depend on the machine; WebAssembly leaves sign and payload open in most cases
    /// (2.0, 4.3.3 "NaN Propagation"). Off by default, since each of these instructions is followed
    /// by one more. NaNs that are constants, arguments or in memory stay what they are, and so do
    /// those that `neg`, `abs` and `copysign` pass on.
    #[must_use]
    pub fn canonical_nans(mut self, canonical: bool) -> Self {
        self.canonical_nans = canonical;
        self
    }

    /// Sets what a module may hold, and the first limits of each store; see [`Limits`]. Each store
    /// gets the fuel; the deadline is the same moment for all stores.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets whether a trap keeps the calls that led to it ([`Trap::frames`](crate::Trap::frames)),
    /// as it does by default. The calls are found when the trap happens, within some 20 ms.
    #[must_use]
    pub fn wasm_backtrace(mut self, keep: bool) -> Self {
        self.wasm_backtrace = keep;
        self
    }

    /// For holdall's own tests: lowers functions with more than `operands` operands as if code
    /// words of the usual form could not name their operands.
    #[doc(hidden)]
    #[must_use]
    pub fn near_operands(mut self, operands: u16) -> Self {
        self.near_operands = operands;
        self
    }

    /// Makes the linear memories, tables, value stacks and lowered code of all stores and modules
    /// come from `pool` only. The rest of what a module or a store holds (a module's bytes and what
    /// they declare, instances, globals, what WASI keeps) is the host's. All of it together, the
    /// parts of the pool included, is at most the pool's size and [`Limits::BESIDE_BYTES`], unless
    /// [`Limits::memory_bytes`] says otherwise.
    ///
    /// When the pool has no room, `memory.grow` and `table.grow` give -1, and making a store, a
    /// memory, a table or an instance is an error that says how much was asked for, is used and is
    /// left. Lowering a function at its first call ends in the trap
    /// [`TrapCode::OutOfMemory`](crate::TrapCode::OutOfMemory). Whatever was there works on.
    ///
    /// A store takes its value stack at once; see [`Config::stack_size_bytes`].
    #[must_use]
    pub fn pool(mut self, pool: Pool) -> Self {
        self.pool = Some(pool);
        self
    }
}

/// What modules and stores share. Cloning gives another handle to the same engine.
#[derive(Debug, Default)]
pub struct Engine {
    inner: Arc<Inner>,
    /// What ends the work that is done with this handle. Clones of the handle have no clock.
    clock: Option<Arc<Clock>>,
}

impl Clone for Engine {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            clock: None,
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    config: Config,
    types: Canonical,
}

impl Engine {
    /// An engine with this configuration, which is given by value or by reference.
    #[must_use]
    pub fn new(config: impl Into<Config>) -> Self {
        Self {
            inner: Arc::new(Inner {
                config: config.into(),
                types: Canonical::default(),
            }),
            clock: None,
        }
    }

    /// A handle to the engine that loads modules under a clock.
    pub(crate) fn under(&self, clock: Clock) -> Self {
        Self {
            clock: Some(Arc::new(clock)),
            ..self.clone()
        }
    }

    /// What ends the loading of a module: the clock of this handle, else the deadline of the
    /// configuration.
    pub(crate) fn clock(&self) -> Arc<Clock> {
        let of_config = || Arc::new(Clock::new(self.config().limits.deadline, None));
        self.clock.clone().unwrap_or_else(of_config)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The settings that the lowered code of the engine's modules depends on.
    pub(crate) fn settings(&self) -> Settings {
        let config = self.config();
        Settings {
            metering: config.metering,
            canonical_nans: config.canonical_nans,
            near_operands: config.near_operands,
        }
    }

    /// An account that holds nothing, under the limits of the configuration.
    pub(crate) fn account(&self) -> Account {
        Account::new(&self.config().limits, self.config().pool.as_ref())
    }

    /// The most bytes that guests make the host hold under the limits of the configuration:
    /// [`Limits::memory_bytes`], or the size of the pool, and [`Limits::BESIDE_BYTES`];
    /// `usize::MAX` where there is neither. Larger files need not be read as modules.
    #[must_use]
    pub fn most_held_bytes(&self) -> usize {
        self.account().left()
    }

    /// Where the memory of stores and modules comes from.
    pub(crate) fn heap(&self) -> Heap {
        Heap::new(self.config().pool.clone())
    }

    /// Whether both are handles to the same engine.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The canonical function types.
    pub(crate) fn canonical(&self) -> &Canonical {
        &self.inner.types
    }

    /// The function type of a canonical number, which a module or a store of this engine uses.
    pub(crate) fn func_type(&self, id: SigId) -> Arc<FuncType> {
        self.canonical().func_type(id)
    }
}
