//! The `holdall` command: runs, lists and inspects modules, and runs test scripts. A room of its own
//! over the library's public interface; the library knows nothing of it.

mod bundle;
mod cli;
use holdall_core::bundle as names;

fn main() -> std::process::ExitCode {
    cli::main()
}
