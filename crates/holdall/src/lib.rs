//! holdall: one bag for WebAssembly modules.
//!
//! A program's modules travel inside its binary; they are linked to one another when they load,
//! from their import sections alone; each runs in an interpreter and can reach only what it was
//! handed.

#[cfg(all(doctest, feature = "wat"))]
#[doc = include_str!("../README.md")]
struct Readme;

pub use holdall_core::module::{Proposal, Proposals};
use holdall_core::{canonical, escape, ir, numeric, trap, types};

mod bundle;
mod engine;
mod error;
mod exception;
mod exec;
mod host;
mod limits;
mod link;
mod module;
mod observe;
pub mod provide;
mod store;
pub mod text;
mod trace;
mod value;

/// What the engine shares with holdall's packer, which is built with this very version. No other crate
/// should use it: it changes with every version.
#[doc(hidden)]
pub mod internal {
    pub use crate::module::{HERE, MachineCode, Start};
    pub use crate::store::{FileBytes, Image};
    #[cfg(feature = "native")]
    pub use holdall_native::THREAD as COMPILER_THREAD;
}

#[doc(hidden)]
pub use bundle::emitted as __emitted;
pub use bundle::{
    AliasError, BundleError, BundledFile, Found, GraphError, HostManifest, HostManifestError,
    ImportFailure, NameIndex, Naming, Versions, check_bundle, check_bundle_with,
};
pub use bundle::{Bundle, BundledModule};
pub use engine::{Config, Engine, Lowering};
pub use error::{Error, ErrorKind, HostCallDenied, I32Exit, ModuleError, Result};
pub use escape::{Escaped, EscapedLines};
pub use exception::Exception;
pub use host::{Caller, IntoFunc, TypedFunc, WasmParams, WasmResults, WasmRet, WasmTy};
pub use limits::{InterruptHandle, Limits, Pool, PoolBytes};
#[cfg(feature = "fs")]
pub use link::DirReader;
pub use link::{
    BundleReader, ChainReader, FnReader, GraphImport, ImportSource, InstancePre, LinkError, Linker,
    MemoryReader, ModuleReader, ReadError, Registry, RegistryError, Snapshot, SnapshotError,
};
#[cfg(feature = "native")]
pub use module::{Cache, CacheError};
pub use module::{ExportType, ImportType, Module, ModuleBytes};
pub use store::{
    AsContext, AsContextMut, ExnRef, Export, Extern, ExternRef, Func, Global, Instance, Memory,
    Store, StoreContext, StoreContextMut, Table, Tag, split_qualified,
};
pub use trace::TraceEvent;
pub use trap::{Frame, Trap, TrapCode};
pub use types::{
    ExternType, FuncType, GlobalType, HeapType, MemoryType, Mutability, RefKind, RefType,
    TableType, TagType, TypeId, ValType,
};
pub use value::Val;
