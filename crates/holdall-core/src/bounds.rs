//! The bounds of loading: what a module may hold. Some bounds are set by the embedder ([`Bounds`]),
//! others are fixed. wasmparser's own bounds hold as well, among them 1,000,000 types, functions,
//! imports, exports and globals each, 100,000 tables, element segments and data segments each,
//! 1,000 parameters and results of a function, 50,000 locals, 7,654,321 bytes of a function body,
//! 100,000 bytes of an import's or export's name.

use crate::module::Proposals;

/// The greatest size of a module, in bytes: 1 GiB. Offsets into a module fit in 32 bits.
pub const MAX_MODULE_BYTES: usize = 1 << 30;

/// How many bytes the names of a module's imports may take beyond the bytes of their section, where each
/// import has the name of its module for itself: 4 MiB. Imports that share that name in the section could
/// otherwise make much out of few bytes.
pub(crate) const MAX_SHARED_NAME_BYTES: u64 = 4 << 20;

/// The greatest length of a constant expression, in instructions without its `end`.
pub(crate) const MAX_CONST_EXPR_OPS: usize = 10_000;

/// How many locals and operands a function may have at once. Only calls or blocks with many results
/// lead to more: the greatest body has room for 3,827,160 operands of two bytes each. A frame with
/// this many values takes 32 MiB of a value stack, or 64 MiB where all are vectors.
pub(crate) const MAX_FRAME_VALUES: u32 = 1 << 22;

/// How many slots the locals of a function may take: two for a `v128`, one for any other. Together with
/// parameters, results and the link they fit in the 16 bits by which code words name slots.
pub(crate) const MAX_LOCAL_SLOTS: u32 = 60_000;

// Indices of WebAssembly are 32 bits wide; this makes `as usize` on them lossless everywhere.
const _: () = assert!(usize::BITS >= 32, "holdall needs 32-bit addresses");

/// What one module may hold. A module that would hold more is refused when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of a module. [`MAX_MODULE_BYTES`] holds too where this is larger.
    pub module_bytes: usize,
    /// Functions of a module, imported ones included.
    pub functions: usize,
    /// Locals of a function, parameters included.
    pub locals: usize,
    /// Blocks, loops and conditionals of a function that are nested in one another.
    pub nesting: usize,
    /// Modules of a graph.
    pub modules: usize,
    /// The proposals that a module may use.
    pub proposals: Proposals,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            module_bytes: MAX_MODULE_BYTES,
            functions: 1_000_000,
            locals: 50_000,
            nesting: 100_000,
            modules: 65_536,
            proposals: Proposals::AVAILABLE,
        }
    }
}

impl Bounds {
    /// Checks that a module may have `size_bytes` bytes.
    ///
    /// # Errors
    /// A message with the bound, what it allows, what was found, and how to raise the bound.
    pub fn check_module_bytes(&self, size_bytes: usize) -> Result<(), String> {
        let bound = self.module_bytes.min(MAX_MODULE_BYTES);
        check("module_bytes", "bytes of a module", bound, size_bytes)
    }

    /// Checks that a module may have `count` functions, imported ones included.
    ///
    /// # Errors
    /// As for [`Bounds::check_module_bytes`].
    pub(crate) fn check_functions(&self, count: usize) -> Result<(), String> {
        check("functions", "functions of a module", self.functions, count)
    }

    /// Checks that a function may have `count` locals, parameters included.
    ///
    /// # Errors
    /// As for [`Bounds::check_module_bytes`].
    pub(crate) fn check_locals(&self, count: usize) -> Result<(), String> {
        check("locals", "locals of a function", self.locals, count)
    }

    /// Checks that blocks may be nested `depth` deep.
    ///
    /// # Errors
    /// As for [`Bounds::check_module_bytes`].
    #[inline]
    pub(crate) fn check_nesting(&self, depth: usize) -> Result<(), String> {
        check(
            "nesting",
            "nested blocks of a function",
            self.nesting,
            depth,
        )
    }
}

#[inline]
fn check(name: &str, unit: &str, bound: usize, found: usize) -> Result<(), String> {
    if found <= bound {
        Ok(())
    } else {
        Err(refusal(name, unit, bound, found))
    }
}

#[cold]
fn refusal(name: &str, unit: &str, bound: usize, found: usize) -> String {
    format!(
        "limit `{name}` of the engine: {bound} {unit} allowed, {found} asked for; raise it with \
         `Limits::{name}` in `Config::limits`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_may_have_as_much_as_its_bound_and_not_more() {
        let bounds = Bounds {
            module_bytes: 8,
            functions: 2,
            locals: 3,
            nesting: 0,
            ..Bounds::default()
        };
        for (check, bound) in [
            (Bounds::check_module_bytes as fn(&Bounds, usize) -> _, 8),
            (Bounds::check_functions, 2),
            (Bounds::check_locals, 3),
            (Bounds::check_nesting, 0),
        ] {
            check(&bounds, bound).unwrap();
            check(&bounds, bound + 1).unwrap_err();
        }
        assert_eq!(
            bounds.check_functions(5).unwrap_err(),
            "limit `functions` of the engine: 2 functions of a module allowed, 5 asked for; raise \
             it with `Limits::functions` in `Config::limits`"
        );
        let most = Bounds {
            module_bytes: usize::MAX,
            ..Bounds::default()
        };
        most.check_module_bytes(MAX_MODULE_BYTES + 1).unwrap_err();
    }
}
