//! WASI as programs and embedders meet it: each test has a guest make calls, and its name says what is
//! broken when it fails.

#[macro_use]
extern crate holdall_dev;

use holdall_dev::wasi::{abi, guest};

#[cfg(target_os = "linux")]
mod against_linux;
mod any_arguments;
mod bad_input;
mod bad_values;
mod defects;
mod deterministic;
mod folder {
    holdall_dev::folder!();
}
mod grants;
mod hostile;
mod jail;
mod listing;
mod modules;
mod paths;
mod place;
mod preview0;
mod prices;
mod race;
mod read_only;
mod rights;
#[cfg(target_os = "linux")]
mod shared_streams;
mod snapshot;
mod streams;
