//! The lowered code of functions, as `holdall inspect --code` shows it.

use anyhow::bail;
use holdall::Module;

use super::output::{Output, Plain};
use super::sections::Sections;
use crate::names;

/// Shows the function that `wanted` means (an index, or a name), or all functions that the module
/// defines.
pub(super) fn show(
    module: &Module,
    sections: &Sections,
    wanted: Option<&str>,
    output: &mut Output,
) -> anyhow::Result<()> {
    let imported = u32::try_from(sections.imported_funcs).expect("indices fit in 32 bits");
    let end = u32::try_from(sections.funcs.len()).expect("indices fit in 32 bits");
    let Some(wanted) = wanted else {
        return (imported..end).try_for_each(|index| func(module, sections, index, output));
    };
    match sections.func(wanted) {
        Some(index) if index < imported => {
            bail!("function {wanted} is imported: its code is where it comes from")
        }
        Some(index) => func(module, sections, index, output),
        None => bail!("no function {wanted}{}", hint(sections, wanted)),
    }
}

fn hint(sections: &Sections, wanted: &str) -> String {
    if wanted.parse::<u32>().is_ok() {
        return format!(": the indices end before {}", sections.funcs.len());
    }
    let exported = sections.exports.iter().map(|(name, ..)| name.as_str());
    let named = sections.func_names.values().map(String::as_str);
    match names::nearest(wanted, exported.chain(named)) {
        Some(nearest) => format!("; did you mean {nearest:?}?"),
        None => String::new(),
    }
}

fn func(
    module: &Module,
    sections: &Sections,
    index: u32,
    output: &mut Output,
) -> anyhow::Result<()> {
    let code = module.disassemble(index)?;
    let name = sections
        .func_name(index)
        .map(|name| format!(" {}", Plain(name)));
    let name = name.unwrap_or_default();
    let ty = sections.func_type(index);
    output.line(format_args!("func {index}{name} {ty}"))?;
    code.lines()
        .try_for_each(|line| output.line(format_args!("  {line}")))?;
    output.line("")
}
