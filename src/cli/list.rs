//! `holdall list`: the modules that travel in this binary.

use holdall::{Engine, Module};
use holdall_pack::process::{Output, Plain};
use sha2::{Digest, Sha256};

use crate::bundle::BUNDLE;

use super::packed::hexadecimal;

/// List the bundled modules: name, size, SHA-256, imports, exports
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args, output: &mut Output) -> anyhow::Result<()> {
    let engine = Engine::default();
    let modules = BUNDLE.modules();
    for bundled in modules {
        let name = Plain(bundled.name());
        let size = bundled.size_bytes();
        let sha256 = hexadecimal(&Sha256::digest(bundled.bytes()));
        output.line(format_args!("{name}: {size} bytes, sha256 {sha256}"))?;
        let module = bundled.module(&engine)?;
        interface(&module, output)?;
    }
    if modules.is_empty() {
        output.line("no module travels in this binary")?;
    }
    Ok(())
}

/// The imports and exports of a module, one to a line.
fn interface(module: &Module, output: &mut Output) -> anyhow::Result<()> {
    let imports = module.imports().map(|import| {
        let name = format!("{}.{}", Plain(import.module), Plain(import.name));
        ["import".to_owned(), name, import.ty.to_string()]
    });
    let exports = module.exports().map(|export| {
        let name = Plain(export.name).to_string();
        ["export".to_owned(), name, export.ty.to_string()]
    });
    output.table(&imports.chain(exports).collect::<Vec<_>>())
}
