//! Checks the modules in `bundle/`, and makes them a part of the program.

fn main() -> holdall::build::Result {
    holdall::build::Bundle::new("bundle").root("app").emit()
}
