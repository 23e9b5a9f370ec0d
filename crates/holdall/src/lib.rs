//! holdall: one bag for WebAssembly modules.
//!
//! A program's modules travel inside its binary; they are linked to one another when they load,
//! from their import sections alone; each runs in an interpreter and can reach only what it was
//! handed.

#![cfg_attr(
    not(feature = "run"),
    allow(
        dead_code,
        unused_imports,
        reason = "not every room that is needed without the executor is cut to what is"
    )
)]

#[cfg(all(doctest, feature = "wat"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(feature = "build")]
#[path = "../../holdall-build/src/lib.rs"]
pub mod build;
mod bundle;
#[path = "../../holdall-core/src/lower/mod.rs"]
mod compile;
mod engine;
mod error;
#[path = "../../holdall-core/src/escape.rs"]
mod escape;
#[cfg(feature = "run")]
mod exec;
#[cfg(feature = "run")]
mod host;
#[path = "../../holdall-core/src/ir/mod.rs"]
mod ir;
mod limits;
#[cfg(feature = "run")]
mod link;
mod module;
#[cfg(feature = "run")]
#[path = "../../holdall-core/src/numeric/mod.rs"]
mod numeric;
#[cfg(feature = "pack")]
#[path = "../../holdall-pack/src/lib.rs"]
pub mod pack;
mod sigs;
#[cfg(feature = "run")]
mod store;
#[cfg(feature = "run")]
pub mod text;
#[cfg(feature = "run")]
mod trace;
#[path = "../../holdall-core/src/trap.rs"]
mod trap;
#[path = "../../holdall-core/src/types.rs"]
mod types;
#[cfg(feature = "run")]
mod value;
#[cfg(feature = "wasi")]
#[path = "../../holdall-wasi/src/lib.rs"]
mod wasi;
#[cfg(feature = "wast")]
#[path = "../../holdall-wast/src/lib.rs"]
pub mod wast;

#[cfg(feature = "run")]
#[doc(hidden)]
pub use bundle::emitted as __emitted;
pub use bundle::{
    AliasError, BundleError, BundledFile, Found, GraphError, HostManifest, HostManifestError,
    ImportFailure, NameIndex, Naming, Versions, check_bundle, check_bundle_with,
};
#[cfg(feature = "run")]
pub use bundle::{Bundle, BundledModule};
pub use engine::{Config, Engine, Lowering};
pub use error::{Error, ErrorKind, HostCallDenied, I32Exit, ModuleError, Result};
pub use escape::{Escaped, EscapedLines};
#[cfg(feature = "run")]
pub use host::{Caller, IntoFunc, TypedFunc, WasmParams, WasmResults, WasmRet, WasmTy};
pub use limits::{InterruptHandle, Limits, Pool};
#[cfg(feature = "fs")]
pub use link::DirReader;
#[cfg(feature = "run")]
pub use link::{
    BundleReader, ChainReader, FnReader, InstancePre, LinkError, Linker, MemoryReader,
    ModuleReader, ReadError, Registry, RegistryError, Snapshot, SnapshotError,
};
pub use module::{ExportType, ImportType, Module, ModuleBytes};
#[cfg(feature = "run")]
pub use store::{
    AsContext, AsContextMut, Export, Extern, ExternRef, Func, Global, Instance, Memory, Store,
    StoreContext, StoreContextMut, Table, split_qualified,
};
#[cfg(feature = "run")]
pub use trace::TraceEvent;
pub use trap::{Frame, Trap, TrapCode};
pub use types::{
    ExternType, FuncType, GlobalType, HeapType, MemoryType, Mutability, RefType, TableType, ValType,
};
#[cfg(feature = "run")]
pub use value::Val;
#[cfg(feature = "wasi")]
pub use wasi::{
    Access, Asked, Audit, Capture, Files, Grants, Input, Need, Needed, Output, PipeWriter, Wasi,
};
