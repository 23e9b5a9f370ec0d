//! What travels inside an executable: modules with their lowered code, files, and the policy under
//! which they run. For the `holdall` command, which packs it, and for its runtime.
//!
//! ```text
//! Packer ──► bag ──► Runtime::carry ──► executable ──► Bag::open ──► BagReader, Files, Policy
//! ```

mod bag;
#[cfg(feature = "packer")]
mod elf;
mod files;
mod manifest;
mod mark;
#[cfg(feature = "packer")]
mod packer;
mod policy;
mod reader;
#[cfg(feature = "packer")]
mod runtime;

pub use bag::{ALIGN_BYTES, Bag, BagError, Filling, Part};
pub use manifest::{Entry, Manifest, PackedDir, PackedModule, State};
pub use mark::{Mark, SECTION, checksum};
#[cfg(feature = "packer")]
pub use packer::{Packer, Program};
pub use policy::{DirGrant, EnvGrant, Grant, Policy};
pub use reader::BagReader;
#[cfg(feature = "packer")]
pub use runtime::{Runtime, open_whole};
