//! Host functions and calls from the host: callers, typed functions, and the marshalling between
//! Rust values and slots. Does not know WASI.

mod caller;
mod def;
#[cfg(test)]
mod host_tests;
mod into_func;
mod invoke;
mod lanes;
mod slot_func;
mod typed;
mod wasm_ty;

pub use caller::Caller;
pub use into_func::{IntoFunc, WasmRet};
pub use slot_func::{SlotCaller, SlotFunc, StoreParts};
pub use typed::TypedFunc;
pub use wasm_ty::{WasmParams, WasmResults, WasmTy};

pub(crate) use def::HostDef;
pub use def::named_func;
pub(crate) use invoke::{read_vals, write_vals};
