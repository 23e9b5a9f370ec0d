//! What of holdall needs no executor: types, traps, the bounds of loading, the semantics of numeric
//! instructions, the sections of modules and their validation, the instruction table, lowering, the
//! formats of lowered and of native code, and the check of a bundle.
//!
//! The crate is the ground on which holdall's other crates stand; programs want the crate `holdall`,
//! build scripts `holdall-build`. What is public here may change with every version.

pub mod bounds;
pub mod bundle;
pub mod canonical;
pub mod clock;
pub mod escape;
pub mod ir;
pub mod lower;
pub mod module;
pub mod native;
pub mod numeric;
pub mod trap;
pub mod types;
pub mod watch;
