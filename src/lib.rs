//! holdall: one bag for WebAssembly modules.
//!
//! A program's modules travel inside its binary; they are linked to one another when they load,
//! from their import sections alone; each runs in an interpreter and can reach only what it was
//! handed.

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
mod trap;
mod types;
mod value;
#[cfg(feature = "wast")]
pub mod wast;

pub use bundle::*;
pub use engine::{Config, Engine, Lowering};
pub use error::{Error, ErrorKind, ModuleError, Result};
pub use host::*;
pub use limits::Limits;
pub use link::*;
pub use module::*;
pub use store::{
    AsContext, AsContextMut, Extern, ExternRef, Func, Global, Instance, Memory, Store, StoreContext,
    StoreContextMut, Table,
};
pub use trap::{Frame, Trap, TrapCode};
pub use types::{
    ExternType, FuncType, GlobalType, HeapType, MemoryType, Mutability, RefType, TableType, ValType,
};
pub use value::Val;
