//! Checks the modules in `bundle/`, and makes them a part of the program.

fn main() -> holdall_build::Result {
    holdall_build::Bundler::new("bundle").root("app").emit()
}
