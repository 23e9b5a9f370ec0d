//! Stores and what is in them: functions, memories, tables, globals, instances, and instantiation
//! as the specification's sequence. Does not know the names of modules.

mod backing;
mod contents;
mod context;
mod entity;
mod exceptions;
mod exnref;
mod externref;
mod func;
mod global;
mod grow;
mod instance;
mod instantiate;
mod layout;
#[cfg(all(target_os = "linux", not(miri)))]
mod mapping;
mod memory;
mod memory_data;
mod moving;
mod scope;
pub(crate) mod slot;
mod state;
#[expect(
    clippy::module_inception,
    reason = "the room is named after its main type"
)]
mod store;
mod store_core;
#[cfg(all(test, feature = "wat"))]
mod store_tests;
mod table;
mod table_data;
mod tag;

pub use context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
pub use entity::{Export, Extern};
pub use exnref::ExnRef;
pub use externref::ExternRef;
pub use func::Func;
pub use global::Global;
pub use instance::Instance;
pub use memory::Memory;
pub use store::Store;
pub use table::Table;
pub use tag::Tag;

pub(crate) use contents::StateBytes;
pub use contents::{FileBytes, Image};
pub(crate) use context::{StoreInner, fuel_and_limits, set_fuel_and_limits};
pub(crate) use exceptions::{Exceptions, NoRoom};
pub use layout::HostState;
pub(crate) use layout::{
    FuncEntry, GlobalData, HostBody, HostFunc, InstanceData, MemoryData, StoreCore, StoreId,
    TableData, TagData,
};
pub(crate) use scope::Scope;
pub use scope::split_qualified;
pub(crate) use slot::{check_val, read_val, write_val};
pub(crate) use state::{Fault, Fitting, InstanceState, capture};
