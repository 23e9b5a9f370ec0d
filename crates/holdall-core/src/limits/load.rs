//! The limits of loading that nobody sets and wasmparser does not have, and one default that the
//! build script needs too, which takes this file by its path. Those of wasmparser hold as well:
//! among them 1,000,000 types, functions, imports, exports and globals each, 100,000 tables, element
//! segments and data segments each, 1,000 parameters and results of a function, 50,000 locals,
//! 7,654,321 bytes of a function body, 100,000 bytes of an import's or export's name.

/// The greatest size of a module, in bytes: 1 GiB. Offsets into a module fit in 32 bits.
pub(crate) const MAX_MODULE_BYTES: usize = 1 << 30;

/// How many modules a graph may have, where nobody says otherwise.
pub(crate) const DEFAULT_MODULES: usize = 65_536;

/// The greatest length of a constant expression, in instructions without its `end`.
pub(crate) const MAX_CONST_EXPR_OPS: usize = 10_000;

/// How many locals and operands a function may have at once. A function needs calls or blocks with many
/// results to have more: 3,827,160 operands of two bytes each fit in the greatest body. A frame of as
/// many takes 32 MiB of a value stack.
pub(crate) const MAX_FRAME_VALUES: u32 = 1 << 22;

// Indices of WebAssembly are 32 bits wide; this makes `as usize` on them lossless everywhere.
const _: () = assert!(usize::BITS >= 32, "holdall needs 32-bit addresses");
