//! holdall: one bag for WebAssembly modules.
//!
//! A program's modules travel inside its binary; they are linked to one another when they load,
//! from their import sections alone; each runs in an interpreter and can reach only what it was
//! handed.

#[cfg(all(doctest, feature = "wat"))]
#[doc = include_str!("../README.md")]
struct Readme;

mod bundle;
mod compile;
mod engine;
mod error;
mod exec;
mod host;
mod ir;
mod limits;
mod link;
mod module;
mod numeric;
mod store;
pub mod text;
mod trace;
mod trap;
mod types;
mod value;
#[cfg(feature = "wasi")]
mod wasi;
#[cfg(feature = "wast")]
pub mod wast;

pub use bundle::{
    Bundle, BundleError, BundledFile, BundledModule, Found, GraphError, HostManifest,
    HostManifestError, ImportFailure, check_bundle,
};
pub use engine::{Config, Engine, Lowering};
pub use error::{Error, ErrorKind, HostCallDenied, I32Exit, ModuleError, Result};
pub use host::{Caller, IntoFunc, TypedFunc, WasmParams, WasmResults, WasmRet, WasmTy};
pub use limits::{InterruptHandle, Limits, Pool};
#[cfg(feature = "fs")]
pub use link::DirReader;
pub use link::{
    BundleReader, ChainReader, FnReader, LinkError, Linker, MemoryReader, ModuleReader, ReadError,
    Registry, RegistryError, Snapshot, SnapshotError,
};
pub use module::{ExportType, ImportType, Module};
pub use store::{
    AsContext, AsContextMut, Extern, ExternRef, Func, Global, Instance, Memory, Store,
    StoreContext, StoreContextMut, Table,
};
pub use trace::TraceEvent;
pub use trap::{Frame, Trap, TrapCode};
pub use types::{
    ExternType, FuncType, GlobalType, HeapType, MemoryType, Mutability, RefType, TableType, ValType,
};
pub use value::Val;
#[cfg(feature = "wasi")]
pub use wasi::{
    Access, Asked, Audit, Capture, Files, Grants, Input, Need, Needed, Output, PipeWriter, Wasi,
};
