//! The `holdall` command: runs, lists and inspects modules, and runs test scripts. A room of its own
//! over the library's public interface; the library knows nothing of it.

mod cli;
#[path = "bundle/names.rs"]
#[allow(dead_code, reason = "shared with the library, which uses more of it")]
mod names;

fn main() -> std::process::ExitCode {
    // What a guest asks for in vain is an error in the libraries below, a hundred times a second,
    // and each would take a backtrace that nobody sees. Panics keep theirs (`RUST_BACKTRACE`).
    if std::env::var_os("RUST_LIB_BACKTRACE").is_none() {
        // SAFETY: the process has one thread yet.
        unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
    }
    cli::main()
}
