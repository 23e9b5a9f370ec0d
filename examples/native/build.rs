//! Checks the modules of `examples/ship`, compiles them, and makes them a part of the program.

fn main() -> holdall_build::Result {
    holdall_build::Bundler::new("../ship/bundle")
        .root("app")
        .native_all()
        .emit()
}
