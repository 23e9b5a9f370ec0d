//! The proposals that extended the first version of WebAssembly: their names, wasmparser's flags for
//! each, and whether holdall has them. Knows nothing of modules.

use std::fmt;

use wasmparser::WasmFeatures;

/// Defines [`Proposal`] from one row a proposal: what it adds, its name, wasmparser's flags, and
/// whether holdall has it.
macro_rules! proposals {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, [$($flag:ident)|*], $has:literal;)*) => {
        /// A proposal that extended WebAssembly after its first version.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Proposal {
            $($(#[$doc])* $variant,)*
        }

        impl Proposal {
            /// Every proposal that holdall knows by name, from the oldest on.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The proposal's name, as the field writes it: `tail-call`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Whether holdall has the proposal.
            #[must_use]
            pub const fn is_available(self) -> bool {
                match self {
                    $(Self::$variant => $has,)*
                }
            }

            /// wasmparser's flags for the proposal.
            const fn flags(self) -> WasmFeatures {
                match self {
                    $(Self::$variant => WasmFeatures::empty()$(.union(WasmFeatures::$flag))*,)*
                }
            }
        }
    };
}

proposals! {
    /// Globals that can be written are imported and exported.
    MutableGlobal, "mutable-global", [MUTABLE_GLOBAL], true;
    /// Instructions that extend the sign of a part of an integer.
    SignExtension, "sign-extension", [SIGN_EXTENSION], true;
    /// Conversions of floats to integers that do not trap.
    SaturatingFloatToInt, "saturating-float-to-int", [SATURATING_FLOAT_TO_INT], true;
    /// Functions and blocks with several results, blocks with parameters.
    MultiValue, "multi-value", [MULTI_VALUE], true;
    /// Instructions over ranges of memories and tables, passive segments.
    BulkMemory, "bulk-memory", [BULK_MEMORY], true;
    /// References as values, several tables, instructions on tables.
    ReferenceTypes, "reference-types", [REFERENCE_TYPES], true;
    /// Vectors of 128 bits.
    Simd, "simd", [SIMD], true;
    /// Vector instructions whose results may differ between machines. Here they are the same on all:
    /// those of the standard's deterministic profile.
    RelaxedSimd, "relaxed-simd", [RELAXED_SIMD], true;
    /// Arithmetic in constant expressions.
    ExtendedConst, "extended-const", [EXTENDED_CONST], true;
    /// Calls that give up the frame of their caller.
    TailCall, "tail-call", [TAIL_CALL], true;
    /// References to functions of a known type; and, of the proposal `gc`, what needs no heap:
    /// recursive and declared types of functions, and casts of references to functions.
    FunctionReferences, "function-references", [FUNCTION_REFERENCES | GC], true;
    /// Several memories in a module.
    MultiMemory, "multi-memory", [MULTI_MEMORY], true;
    /// Memories and tables with 64-bit addresses.
    Memory64, "memory64", [MEMORY64], true;
    /// Tags, and exceptions that `try_table` catches.
    Exceptions, "exceptions", [EXCEPTIONS], true;
    /// Exceptions that `try`, `catch` and `delegate` catch, which came before `try_table`.
    LegacyExceptions, "legacy-exceptions", [LEGACY_EXCEPTIONS], true;
    /// Shared memories and atomic instructions.
    Threads, "threads", [THREADS], true;
    /// Integer arithmetic with results of 128 bits.
    WideArithmetic, "wide-arithmetic", [WIDE_ARITHMETIC], true;
    /// Memories whose pages have a size of their own.
    CustomPageSizes, "custom-page-sizes", [CUSTOM_PAGE_SIZES], true;
    /// Imports that name their module once for several.
    CompactImports, "compact-imports", [COMPACT_IMPORTS], true;
    /// Structs, arrays and small integers on a garbage-collected heap.
    Gc, "gc", [GC], false;
    /// Types that describe others, and exact types.
    CustomDescriptors, "custom-descriptors", [CUSTOM_DESCRIPTORS], false;
    /// Continuations.
    StackSwitching, "stack-switching", [STACK_SWITCHING], false;
    /// Globals, tables, functions and the heap shared between threads.
    SharedEverythingThreads, "shared-everything-threads", [SHARED_EVERYTHING_THREADS], false;
    /// Memory ordering weaker than sequential consistency.
    AcquireReleaseAtomics, "acquire-release-atomics", [ACQUIRE_RELEASE_ATOMICS], false;
    /// Instructions that give pages of a memory back.
    MemoryControl, "memory-control", [MEMORY_CONTROL], false;
    /// Loads and stores of several bytes of an array.
    MultibyteArrayAccess, "multibyte-array-access", [MULTIBYTE_ARRAY_ACCESS], false;
    /// Components, which are made of modules.
    ComponentModel, "component-model", [], false;
}

impl Proposal {
    /// The proposal of a name; a name with `_` in place of `-` is taken too.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.replace('_', "-");
        let named = |proposal: &&Self| proposal.name() == name;
        Self::ALL.iter().find(named).copied()
    }

    /// The name of the proposal's switch in the configuration of an engine.
    #[must_use]
    pub fn switch(self) -> String {
        format!("wasm_{}", self.name().replace('-', "_"))
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of proposals; empty by default.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Proposals(u64);

const _: () = assert!(Proposal::ALL.len() <= 64);

impl Proposals {
    /// No proposal.
    pub const NONE: Self = Self(0);

    /// All proposals that holdall has.
    pub const AVAILABLE: Self = {
        let mut set = Self::NONE;
        let mut at = 0;
        while at < Proposal::ALL.len() {
            if Proposal::ALL[at].is_available() {
                set = set.with(Proposal::ALL[at]);
            }
            at += 1;
        }
        set
    };

    /// All proposals that holdall knows by name.
    pub(crate) const KNOWN: Self = Self(u64::MAX >> (64 - Proposal::ALL.len()));

    /// The set and `proposal`.
    #[must_use]
    pub const fn with(self, proposal: Proposal) -> Self {
        Self(self.0 | 1 << proposal as u32)
    }

    /// The set without `proposal`.
    #[must_use]
    pub const fn without(self, proposal: Proposal) -> Self {
        Self(self.0 & !(1 << proposal as u32))
    }

    /// The set with `proposal` where that is `on` and holdall has it, else without.
    #[must_use]
    pub const fn set(self, proposal: Proposal, on: bool) -> Self {
        if on && proposal.is_available() {
            self.with(proposal)
        } else {
            self.without(proposal)
        }
    }

    /// The proposals of the set that are not in `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether `proposal` is in the set.
    #[must_use]
    pub const fn contains(self, proposal: Proposal) -> bool {
        self.0 & 1 << proposal as u32 != 0
    }

    /// Whether there is no proposal in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The proposals of the set, in the order of [`Proposal::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Proposal> {
        let all = Proposal::ALL.iter().copied();
        all.filter(move |proposal| self.contains(*proposal))
    }

    /// wasmparser's flags for the first version of WebAssembly with these proposals.
    pub(crate) const fn features(self) -> WasmFeatures {
        // Gates `externref` too; the collected types themselves are `GC`.
        let mut features = WasmFeatures::FLOATS.union(WasmFeatures::GC_TYPES);
        let mut at = 0;
        while at < Proposal::ALL.len() {
            if self.contains(Proposal::ALL[at]) {
                features = features.union(Proposal::ALL[at].flags());
            }
            at += 1;
        }
        features
    }

    /// The set as a number, which means the same in each build of this version only.
    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }

    /// The set of [`Proposals::to_bits`].
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) fn insert(&mut self, proposal: Proposal) {
        *self = self.with(proposal);
    }
}

impl FromIterator<Proposal> for Proposals {
    fn from_iter<I: IntoIterator<Item = Proposal>>(proposals: I) -> Self {
        proposals.into_iter().fold(Self::NONE, Self::with)
    }
}

/// The names in the order of [`Proposal::ALL`], with a space between: `simd tail-call`.
impl fmt::Display for Proposals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, proposal) in self.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{proposal}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Proposals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
