//! How much a module or a store may take, in room and in time: what the embedder sets ([`Limits`]),
//! the refusals (`ask`), what a store's guests hold (`account`), the meter of a store's executions
//! (`meter`), work on many bytes (`work`), and the pool of an engine (`pool`, `ranges`, `heap`).
//! Knows numbers, names and bytes only, nothing of modules.

mod account;
mod ask;
mod heap;
mod meter;
mod pool;
mod ranges;
mod work;

use std::time::{Duration, Instant};

use holdall_core::bounds::Bounds;
pub(crate) use holdall_core::clock::Clock;
use holdall_core::module::Proposals;
pub(crate) use holdall_core::watch::{Ends, Watch};

pub use meter::InterruptHandle;
pub use pool::{Pool, PoolBytes};

pub use account::{Account, Full, Held};
pub(crate) use heap::Heap;
pub use meter::{Meter, PART_BYTES};
pub(crate) use pool::Placed;
pub(crate) use pool::Refusal;
pub(crate) use ranges::End;
pub(crate) use work::Work;

/// What the guests of one store may take together, in room and in time, and what a module may hold.
///
/// [`Store::limits`](crate::Store::limits) sets them for a store. The last five, from
/// [`module_bytes`](Self::module_bytes) on, are about modules, which exist before any store: they
/// hold where they are set for an engine, by [`Config::limits`](crate::Config::limits), which also
/// sets the first limits of its stores.
///
/// A limit on room that is reached makes an instantiation return an error, `memory.grow` and
/// `table.grow` give -1 (WebAssembly 2.0, 4.4.7 and 4.4.6), and the embedder's own calls return an
/// error that names the limit. A limit on time ends an execution with a trap
/// ([`OutOfFuel`](crate::TrapCode::OutOfFuel),
/// [`DeadlineExceeded`](crate::TrapCode::DeadlineExceeded)), and needs an engine that meters
/// ([`Config::metering`](crate::Config::metering)). A module past its bounds is refused when it is
/// made ([`ModuleError::Limit`](crate::ModuleError::Limit)).
///
/// ```
/// let limits = holdall::Limits::new()
///     .memory_bytes(64 << 20)
///     .instances(16);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes that guests make the host hold; `None`, the default, sets no limit where the engine
    /// has no [`pool`](crate::Config::pool), and else allows as much as the pool has. All linear
    /// memories together have at most this many bytes. All that is counted has at most
    /// [`BESIDE_BYTES`](Self::BESIDE_BYTES) more, so that a module fits beside its memory.
    ///
    /// Counted are, for each store:
    /// - linear memories;
    /// - tables, 8 bytes for each element that there is room for;
    /// - modules that a [`Linker`](crate::Linker) has loaded for it, and those of its instances:
    ///   their bytes, unless these are a part of the program, and what is made of them. What is
    ///   made of a module is reckoned before anything is made: 512 bytes for each import, 768 for
    ///   each type, 128 for each function, 96 for each global, element segment and data segment, 64
    ///   for each table, memory, tag and export, and 16 for each byte of the sections of types, tables,
    ///   globals and elements. Names of functions and lowered code are added when they are made. A
    ///   module is counted once, in the store that holds it first, for as long as the module lives;
    /// - instances: their functions, globals, tags and element segments;
    /// - exceptions that guests threw and that may still be referred to: some 80 bytes each, and 8 for
    ///   each slot of their values where there are more than two;
    /// - what WASI keeps for guests: output that is captured (`Output::capture`), with the room
    ///   that it has to grow; of a directory that is listed, the entries that were read last
    ///   (some 10 KiB), and all of them where the graph is deterministic.
    ///
    /// Not counted are what the embedder makes (host functions, `externref`s, its own data and
    /// readers), the value stack ([`Config::stack_size_bytes`](crate::Config::stack_size_bytes)), and
    /// what is there only while something is made of it: a module's text, what validation and lowering
    /// keep of one function, the message of an error.
    ///
    /// In [`Config::limits`](crate::Config::limits) it also bounds each module of the engine by itself,
    /// and together those that [`Linker::load`](crate::Linker::load) loads for no store.
    pub memory_bytes: Option<usize>,
    /// Bytes of each linear memory; `None`, the default, leaves it at the 4 GiB that 32-bit
    /// addresses reach, and with 64-bit addresses at what the host gives.
    pub memory_bytes_each: Option<usize>,
    /// Elements of all tables together, of 8 bytes each; 50,000,000 by default.
    pub table_elements: usize,
    /// Elements of each table, of 8 bytes each; 10,000,000 by default.
    pub table_elements_each: usize,
    /// Instances of modules, including those whose instantiation trapped; 100,000 by default.
    pub instances: usize,
    /// Linear memories; 100,000 by default.
    pub memories: usize,
    /// Tables; 100,000 by default.
    pub tables: usize,
    /// Units of work of all executions together; `None`, the default, sets no limit.
    ///
    /// A unit is about one instruction of a guest. A function's instructions outside of its loops
    /// are charged when the function is entered, the instructions of a loop at each turn, and those
    /// of a `br_table`'s arm when the arm is entered. So instructions that another branch skips are
    /// charged too. 64 bytes, or 8 elements, of a bulk instruction cost one unit more, and so do
    /// those that growth writes or moves. An exception costs a unit for each call that it leaves, and
    /// one for each clause that is asked whether it catches. A function of WASI takes a unit for each access to
    /// memory, and for each 64 bytes that it moves. The same calls of the same modules take the
    /// same fuel, whenever functions are lowered and on every machine; another version of holdall
    /// may charge otherwise.
    pub fuel: Option<u64>,
    /// When executions end; `None`, the default, lets them go on. A guest that is past it traps
    /// within milliseconds, also when it sleeps or waits in a function of WASI; a host function of
    /// the embedder's that blocks is not woken.
    pub deadline: Option<Instant>,
    /// Descriptors that WASI has open at the same time, for files, directories and streams of all
    /// modules; 1,024 by default. Granted descriptors count, and are never refused.
    pub open_descriptors: usize,
    /// Bytes that one call of a host function of WASI may move; 16 MiB by default.
    pub bytes_per_call: usize,
    /// Bytes of a module, in the binary and in the text format; 1 GiB by default, which is also the
    /// most that holdall takes.
    pub module_bytes: usize,
    /// Functions of a module, imported ones included; 1,000,000 by default, which is also the most
    /// that holdall takes.
    pub functions: usize,
    /// Locals of a function, parameters included; 50,000 by default, which is also the most that
    /// holdall takes.
    pub locals: usize,
    /// Blocks, loops and conditionals of a function that are nested in one another; 100,000 by
    /// default.
    pub nesting: usize,
    /// Modules that are loaded for one graph; 65,536 by default.
    pub modules: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let Bounds {
            module_bytes,
            functions,
            locals,
            nesting,
            modules,
            proposals: _,
        } = Bounds::default();
        Self {
            memory_bytes: None,
            memory_bytes_each: None,
            table_elements: 50_000_000,
            table_elements_each: 10_000_000,
            instances: 100_000,
            memories: 100_000,
            tables: 100_000,
            fuel: None,
            deadline: None,
            open_descriptors: 1024,
            bytes_per_call: 16 << 20,
            module_bytes,
            functions,
            locals,
            nesting,
            modules,
        }
    }
}

/// Builder methods that set a field of the same name.
macro_rules! setters {
    ($($(#[$meta:meta])* $name:ident($arg:ident: $ty:ty) = $value:expr;)*) => {$(
        $(#[$meta])*
        #[must_use]
        pub fn $name(mut self, $arg: $ty) -> Self {
            self.$name = $value;
            self
        }
    )*};
}

impl Limits {
    /// What guests may hold beside [`memory_bytes`](Self#structfield.memory_bytes): 1 MiB.
    pub const BESIDE_BYTES: usize = 1 << 20;

    /// The default limits, which suit a guest that is trusted not to waste; see each field.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Limits the bytes that guests make the host hold; see the
        /// [field](Self#structfield.memory_bytes).
        memory_bytes(size_bytes: usize) = Some(size_bytes);
        /// Limits the bytes of each linear memory.
        memory_bytes_each(size_bytes: usize) = Some(size_bytes);
        /// Limits the elements of all tables together, of 8 bytes each.
        table_elements(elements: usize) = elements;
        /// Limits the elements of each table, of 8 bytes each.
        table_elements_each(elements: usize) = elements;
        /// Limits how many instances there are.
        instances(count: usize) = count;
        /// Limits how many linear memories there are.
        memories(count: usize) = count;
        /// Limits how many tables there are.
        tables(count: usize) = count;
        /// Limits the work of all executions together, in units of about an instruction; see the
        /// [field](Self#structfield.fuel).
        fuel(units: u64) = Some(units);
        /// Limits the time until which executions go on.
        deadline(deadline: Instant) = Some(deadline);
        /// Limits how many descriptors WASI has open at the same time.
        open_descriptors(count: usize) = count;
        /// Limits the bytes that one call of a host function of WASI may move.
        bytes_per_call(size_bytes: usize) = size_bytes;
        /// Limits the bytes of a module, 1 GiB at most.
        module_bytes(size_bytes: usize) = size_bytes;
        /// Limits the functions of a module, imported ones included, 1,000,000 at most.
        functions(count: usize) = count;
        /// Limits the locals of a function, parameters included, 50,000 at most.
        locals(count: usize) = count;
        /// Limits how deep blocks, loops and conditionals of a function are nested.
        nesting(depth: usize) = depth;
        /// Limits how many modules are loaded for one graph.
        modules(count: usize) = count;
    }

    /// What a module may hold that uses `proposals`.
    pub(crate) fn bounds(&self, proposals: Proposals) -> Bounds {
        Bounds {
            module_bytes: self.module_bytes,
            functions: self.functions,
            locals: self.locals,
            nesting: self.nesting,
            modules: self.modules,
            proposals,
        }
    }

    /// Sets the deadline to the moment `time` from now. A moment too far away for an [`Instant`]
    /// sets no deadline.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.deadline = Instant::now().checked_add(time);
        self
    }
}
