//! The two ways in which wasmtime runs code.

use anyhow::Result;
use wasmtime::{Config, Engine};

/// In its interpreter.
pub(crate) fn pulley() -> Result<Engine> {
    Engine::new(Config::new().target("pulley64")?)
}

/// As native code.
pub(crate) fn cranelift() -> Result<Engine> {
    Engine::new(&Config::new())
}
