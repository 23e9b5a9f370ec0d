//! The `holdall` command: runs, lists and inspects modules, and runs test scripts. A room of its own
//! over the library's public interface; the library knows nothing of it.

mod bundle;
mod cli;
#[path = "../crates/holdall-core/src/bundle/names.rs"]
#[allow(dead_code, reason = "shared with the library, which uses more of it")]
mod names;

fn main() -> std::process::ExitCode {
    cli::main()
}
