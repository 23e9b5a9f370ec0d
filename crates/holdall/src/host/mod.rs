//! Host functions and calls from the host: callers, typed functions, and the marshalling between
//! Rust values and slots. Does not know WASI.

mod bare;
mod caller;
mod def;
#[cfg(test)]
mod host_tests;
mod into_func;
mod invoke;
mod typed;
mod wasm_ty;

pub use caller::Caller;
pub use into_func::{IntoFunc, WasmRet};
pub use typed::TypedFunc;
pub use wasm_ty::{WasmParams, WasmResults, WasmTy};

pub use bare::{BareCaller, BareFunc, BareParts};
pub(crate) use def::HostDef;
