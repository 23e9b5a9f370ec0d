//! Checks the modules of `bundle/`, which travel in the command.

fn main() -> holdall_build::Result {
    holdall_build::Bundler::new("bundle").check()
}
