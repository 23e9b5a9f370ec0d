//! The `holdall` command: runs, lists and inspects modules, and runs test scripts. A room of its own
//! over the library's public interface; the library knows nothing of it.

mod bundle;
mod cli;

fn main() -> std::process::ExitCode {
    // An executable that was packed of the command itself is the program that it carries.
    holdall_pack::start_if_packed().unwrap_or_else(cli::main)
}
