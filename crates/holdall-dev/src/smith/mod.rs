//! Modules of wasm-smith, and what can be seen of one that runs in holdall: for comparisons with other machines,
//! and of native with interpreted code.

mod modules;
mod run;
pub mod seen;

pub use modules::module;
pub use run::{config, run};
