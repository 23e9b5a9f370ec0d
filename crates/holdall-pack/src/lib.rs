//! One executable of WebAssembly modules: they travel in it with their lowered code, with files, and
//! with the policy under which they run. The command `holdall` stands on this crate, which packs
//! executables, looks into them, and is what one does when it starts ([`start`]).
//!
//! ```text
//! Packer ──► bag, code ──► Runtime::carry ──► executable ──► Bag::open ──► BagReader, Files, Policy
//! ```

mod bag;
mod elf;
mod executable;
mod files;
mod image;
mod manifest;
mod mark;
mod packer;
mod policy;
pub mod process;
mod reader;
mod runtime;
mod start;
mod tree;

use holdall::{Error, ErrorKind};

pub use bag::{Bag, BagError, Filling, Part};
pub use executable::Executable;
pub use manifest::{
    Entry, Manifest, ModuleStart, Native, PackedDir, PackedImage, PackedModule, PackedNative, State,
};
pub use packer::{Kept, Launch, Packer};
pub use policy::{DirGrant, EnvGrant, Grant, Policy};
pub use reader::BagReader;
pub use runtime::Runtime;
pub use start::{start, start_if_packed};
pub use tree::{Place, is_below, read_file, stays};

/// The error for something that cannot be packed, or is not what it should be.
fn wrong(message: impl Into<String>) -> Error {
    ErrorKind::Usage(message.into()).into()
}

/// The error for something that the host cannot read, or has no room for.
fn no_room(message: impl Into<String>) -> Error {
    ErrorKind::Resource(message.into()).into()
}
