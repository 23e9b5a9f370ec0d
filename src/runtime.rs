//! The program that packed executables are made of: it runs what it carries. All of it is library code,
//! which the command has too; here is nothing else, so that it is small.

fn main() -> std::process::ExitCode {
    holdall_pack::start()
}
