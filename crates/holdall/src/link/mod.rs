//! Linking by name: readers that find modules' bytes, the registry of names, and the linker that
//! satisfies imports from the host, the registry and the readers. Knows nothing of WASI and of how
//! code is executed; authority over files is a `Dir` that was handed in.

mod buffers;
mod by_name;
mod by_store;
mod define;
mod definitions;
#[cfg(feature = "fs")]
mod dir;
mod graph_imports;
mod instantiate_graph;
mod learn;
mod link_error;
mod linker;
mod load_graph;
mod provider;
mod reader;
mod registry;
mod snapshot;

#[cfg(feature = "fs")]
pub use dir::DirReader;
pub use graph_imports::{GraphImport, ImportSource};
pub use link_error::LinkError;
pub use linker::{InstancePre, Linker};
pub use provider::{Importer, Provider, Provision};
pub use reader::{BundleReader, ChainReader, FnReader, MemoryReader, ModuleReader, ReadError};
pub use registry::{Registry, RegistryError};
pub use snapshot::{Snapshot, SnapshotError};
