//! How a program that links modules and runs them is a process: its standard output, the time that it
//! may take, its last word and its exit code. Packed executables and the command `holdall` share it, so
//! that a program behaves the same in both.

mod linked;
mod output;
mod recording;
mod report;
mod watchdog;

pub use linked::{Program, check_function, check_linked, check_start};
pub use output::{Output, Paragraph, Plain};
pub use recording::Recording;
pub use report::{report, with_unwritten};
pub use watchdog::Watchdog;
