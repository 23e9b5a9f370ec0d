//! A guest that calls WASI, and the numbers of WASI that are not taken from what is tested.

pub mod abi;
pub mod guest;
