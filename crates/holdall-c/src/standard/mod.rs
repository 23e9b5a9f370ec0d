//! `wasm.h`: the standard C interface of WebAssembly engines.
//!
//! Every handle of C's is an [`object::Object`], and every type of what can be imported and exported is a
//! [`types::Externtype`]. A handle holds its [`home::Home`]: the store, which says through what the store can be
//! used, so that functions of C's can call back into the store that runs them.

pub(crate) mod failure;
mod frame;
pub(crate) mod func;
pub(crate) mod home;
pub(crate) mod instance;
mod module;
pub(crate) mod object;
mod parts;
pub(crate) mod trap;
pub(crate) mod types;
mod value;
pub(crate) mod vec;
