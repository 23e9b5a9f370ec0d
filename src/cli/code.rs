//! The lowered code of functions, as `holdall inspect --code` shows it.

use anyhow::bail;
use holdall::Module;
use holdall_core::bundle::nearest;
use holdall_pack::process::{Output, Plain};

use super::inspect::short;

/// Shows one function, by its index or name, or all functions that the module defines.
pub(super) fn show(
    module: &Module,
    wanted: Option<&str>,
    output: &mut Output,
) -> anyhow::Result<()> {
    let (imported, defined) = module.func_counts();
    let end = imported + defined;
    let Some(wanted) = wanted else {
        return (imported..end).try_for_each(|index| func(module, index, output));
    };
    let by_index = wanted.parse().ok().filter(|index| *index < end);
    match by_index.or_else(|| module.func_index(wanted)) {
        Some(index) if index < imported => {
            bail!(
                "function {} is imported: its code is where it comes from",
                Plain(wanted)
            )
        }
        Some(index) => func(module, index, output),
        None => bail!("no function {}{}", Plain(wanted), hint(module, wanted, end)),
    }
}

fn hint(module: &Module, wanted: &str, end: u32) -> String {
    if wanted.parse::<u32>().is_ok() {
        return format!(": the indices end before {end}");
    }
    match nearest(wanted, module.func_names()) {
        Some(nearest) => format!("; did you mean {nearest:?}?"),
        None => String::new(),
    }
}

fn func(module: &Module, index: u32, output: &mut Output) -> anyhow::Result<()> {
    let code = module.disassemble(index)?;
    let name = func_name(module, index);
    let ty = module.func_type(index).expect("it was disassembled");
    let ty = short(&ty);
    output.line(format_args!("func {index}{name} {ty}"))?;
    code.lines()
        .try_for_each(|line| output.line(format_args!("  {line}")))?;
    output.line("")
}

/// A space and the name of a function; empty where the function has no name.
pub(super) fn func_name(module: &Module, index: u32) -> String {
    let name = module.func_name(index);
    name.map_or_else(String::new, |name| format!(" {}", Plain(name)))
}
