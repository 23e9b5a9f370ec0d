//! For host interfaces whose functions differ from importer to importer, such as WASI's: what a module
//! reaches through them depends on who imports. Programs define host functions with a
//! [`Linker`](crate::Linker); this is for crates that bring a whole interface.
//!
//! A [`Provider`] is given to a linker ([`Linker::set_provider`](crate::Linker::set_provider)). For each
//! graph of modules that the linker brings to life the provider begins a [`Provision`], which makes a
//! [`BareFunc`] for each import. A bare function works on slots of 64 bits, and reaches the memory of its
//! caller, the store's meter and the store's account at the same time.

pub use crate::host::{BareCaller, BareFunc, BareParts};
pub use crate::limits::{Account, Full, Held, Meter, PART_BYTES};
pub use crate::link::{Importer, Provider, Provision};
pub use crate::store::HostState;
pub use crate::trace::{Param, Shown, Signature};
pub use holdall_core::bundle::{did_you_mean, nearest};
