//! The engine: configuration and canonical function types, shared by modules and stores.

use std::sync::Arc;

use holdall_core::bounds::Bounds;
use holdall_core::lower::Settings;
use holdall_core::module::{Proposal, Proposals};

use crate::limits::{Account, Clock, Heap, Limits, Pool};
#[cfg(feature = "native")]
use crate::module::Cache;

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
    /// Whether functions are compiled to machine code when their module is made.
    #[cfg(feature = "native")]
    pub native: bool,
    /// Whether native code keeps addresses that a processor only guesses inside of memories and tables.
    #[cfg(feature = "native")]
    pub guarded_addresses: bool,
    /// Where native code is kept for later processes.
    #[cfg(feature = "native")]
    pub cache: Option<Cache>,
    /// For holdall's own tests: leaves functions interpreted that chance chooses, by this seed.
    #[cfg(feature = "native")]
    #[doc(hidden)]
    pub native_seed: Option<u64>,
    /// For holdall's own tests: the features of the processor that machine code may use.
    #[cfg(feature = "native")]
    #[doc(hidden)]
    pub native_features: u64,
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
    /// The proposals that modules may use.
    proposals: Proposals,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lowering: Lowering::default(),
            stack_size_bytes: 1 << 20,
            metering: false,
            canonical_nans: false,
            #[cfg(feature = "native")]
            native: false,
            #[cfg(feature = "native")]
            guarded_addresses: false,
            #[cfg(feature = "native")]
            cache: None,
            #[cfg(feature = "native")]
            native_seed: None,
            #[cfg(feature = "native")]
            native_features: u64::MAX,
            limits: Limits::default(),
            wasm_backtrace: true,
            near_operands: u16::MAX,
            pool: None,
            proposals: Proposals::AVAILABLE,
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

    /// Sets whether functions are compiled to machine code when their module is made, in the process: they then
    /// run several times faster, and the module takes longer to make. Off by default: whoever has the
    /// interpreter alone need not trust a compiler. Results, traps, limits and fuel are the same. What is not
    /// compiled stays interpreted: functions over 1 MiB, functions that are made to keep a compiler busy for more
    /// than seconds, and all of a module on systems other than Linux or processors other than x86-64 and AArch64;
    /// see [`Module::native_size`](crate::Module::native_size).
    ///
    /// Nothing ends the work on one function. Where there is a deadline ([`Limits::deadline`]), functions for
    /// which the time that is left would hardly do stay interpreted; an interruption is heeded before the next
    /// function. A panic of the compiler means that the function stays interpreted too. The process's panic hook
    /// hears of the panic, on a thread called `holdall-native`. In programs whose panics abort, the panic ends
    /// the program.
    ///
    /// The frames of native functions lie on the thread's stack. They take as much of that stack as the value
    /// stack has left ([`stack_size_bytes`](Self::stack_size_bytes)), or as the thread has, but for 256 KiB.
    #[cfg(feature = "native")]
    #[must_use]
    pub fn native(mut self, native: bool) -> Self {
        self.native = native;
        self
    }

    /// Sets whether native code keeps the addresses that a processor only guesses inside of memories and tables,
    /// so that a guest cannot have it read elsewhere on a mistaken guess and tell what was read by the time that
    /// later accesses take (Spectre, variant 1). Off by default, since each access becomes slower. Interpreted
    /// code has no such guard.
    #[cfg(feature = "native")]
    #[must_use]
    pub fn guarded_addresses(mut self, guarded: bool) -> Self {
        self.guarded_addresses = guarded;
        self
    }

    /// Sets where native code is kept, so that a later process with the same module need not compile the module
    /// again. `None`, the default: nowhere. Only an engine that compiles looks there.
    #[cfg(feature = "native")]
    #[must_use]
    pub fn cache(mut self, cache: Option<Cache>) -> Self {
        self.cache = cache;
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

    /// Sets whether modules may use `proposal`. All proposals that holdall has are on by default
    /// ([`Proposals::AVAILABLE`]). What holdall does not have stays off.
    ///
    /// A module that uses what is off is refused with an error that names the proposals
    /// ([`ModuleError::Lacking`](crate::ModuleError::Lacking)). What is off changes nothing else:
    /// modules that do not use the proposal run as they would, and the host may make memories, tables
    /// and values of any kind.
    ///
    /// ```
    /// use holdall::{Config, Engine, Module, Proposal};
    ///
    /// let engine = Engine::new(Config::new().wasm_multi_memory(false));
    /// let error = Module::new(&engine, "(module (memory 1) (memory 1))").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "module needs multi-memory, which is off: multiple memories (at offset 0xa); turn on with \
    ///      Config::wasm_multi_memory, or -W multi-memory of the command",
    /// );
    /// let config = Config::new().wasm_proposal(Proposal::MultiMemory, false);
    /// assert_eq!(config.proposals(), engine.config().proposals());
    /// ```
    #[must_use]
    pub fn wasm_proposal(mut self, proposal: Proposal, on: bool) -> Self {
        self.proposals = self.proposals.set(proposal, on);
        self
    }

    /// The proposals that modules may use.
    #[must_use]
    pub fn proposals(&self) -> Proposals {
        self.proposals
    }
}

/// A switch of [`Config`] for each proposal that holdall has.
macro_rules! switches {
    ($($name:ident: $proposal:ident, $what:literal;)*) => {
        impl Config {
            $(
                #[doc = concat!("Sets whether modules may use ", $what, ".")]
                ///
                /// On by default; see [`Config::wasm_proposal`].
                #[must_use]
                pub fn $name(self, on: bool) -> Self {
                    self.wasm_proposal(Proposal::$proposal, on)
                }
            )*
        }

        #[cfg(test)]
        const SWITCHES: &[(&str, Proposal)] = &[$((stringify!($name), Proposal::$proposal)),*];
    };
}

switches! {
    wasm_mutable_global: MutableGlobal, "imported and exported globals that can be written";
    wasm_sign_extension: SignExtension, "instructions that extend a part of an integer";
    wasm_saturating_float_to_int: SaturatingFloatToInt, "conversions to integers that do not trap";
    wasm_multi_value: MultiValue, "functions and blocks with several results";
    wasm_bulk_memory: BulkMemory, "instructions over ranges of memories and tables";
    wasm_reference_types: ReferenceTypes, "references as values, and several tables";
    wasm_simd: Simd, "vectors of 128 bits";
    wasm_relaxed_simd: RelaxedSimd, "the relaxed instructions on vectors";
    wasm_extended_const: ExtendedConst, "arithmetic in constant expressions";
    wasm_tail_call: TailCall, "tail calls";
    wasm_function_references: FunctionReferences, "typed references to functions";
    wasm_multi_memory: MultiMemory, "several memories";
    wasm_memory64: Memory64, "memories and tables with 64-bit addresses";
    wasm_exceptions: Exceptions, "exceptions";
    wasm_legacy_exceptions: LegacyExceptions, "the older instructions for exceptions";
    wasm_threads: Threads, "shared memories and atomic instructions";
    wasm_wide_arithmetic: WideArithmetic, "integer arithmetic with results of 128 bits";
    wasm_custom_page_sizes: CustomPageSizes, "memories with a page size of their own";
    wasm_compact_imports: CompactImports, "imports that name their module once for several";
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
}

impl Engine {
    /// An engine with this configuration, which is given by value or by reference.
    #[must_use]
    pub fn new(config: impl Into<Config>) -> Self {
        Self {
            inner: Arc::new(Inner {
                config: config.into(),
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

    /// What a module may hold.
    pub(crate) fn bounds(&self) -> Bounds {
        self.config().limits.bounds(self.config().proposals)
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_proposal_has_the_switch_that_errors_name() {
        for proposal in Proposals::AVAILABLE.iter() {
            let switch = SWITCHES.iter().find(|(_, of)| *of == proposal);
            let (name, _) = switch.unwrap_or_else(|| panic!("{proposal} has no switch"));
            assert_eq!(*name, proposal.switch());
        }
    }
}
