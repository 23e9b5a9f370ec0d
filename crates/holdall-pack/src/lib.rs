//! What travels inside an executable: modules with their lowered code, files, and the policy under
//! which they run. For the `holdall` command, which packs it, and for its runtime.
//!
//! ```text
//! Packer ──► bag ──► Runtime::carry ──► executable ──► Bag::open ──► BagReader, Files, Policy
//! ```

mod bag;
#[cfg(feature = "packer")]
mod elf;
#[cfg(feature = "packer")]
mod executable;
mod files;
mod manifest;
mod mark;
#[cfg(feature = "packer")]
mod packer;
mod policy;
mod reader;
#[cfg(feature = "packer")]
mod runtime;
#[cfg(feature = "packer")]
mod tree;

pub use bag::{ALIGN_BYTES, Bag, BagError, Filling, Part};
#[cfg(feature = "packer")]
pub use executable::Executable;
pub use manifest::{Entry, Manifest, PackedDir, PackedModule, State};
pub use mark::{Mark, SECTION, checksum};
#[cfg(feature = "packer")]
pub use packer::{Kept, Packer, Program};
pub use policy::{DirGrant, EnvGrant, Grant, Policy};
pub use reader::BagReader;
#[cfg(feature = "packer")]
pub use runtime::Runtime;
#[cfg(feature = "packer")]
pub use tree::{Place, is_below, read_file, stays};
