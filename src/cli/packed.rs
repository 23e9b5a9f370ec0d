//! What an executable of `holdall pack` carries, for `inspect` and `unpack`.

use anyhow::Context;
use holdall::pack::{Bag, Entry, Manifest, open_whole};

use super::output::{Output, Plain};
use super::shell::{Unsayable, option, quoted};
use super::source::Root;

/// How executables begin: ELF, PE, Mach-O.
const STARTS: [&[u8]; 4] = [b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf"];

/// Whether these are the bytes of an executable.
pub(super) fn is_executable(bytes: &[u8]) -> bool {
    STARTS.iter().any(|start| bytes.starts_with(start))
}

/// What an executable carries, found to be whole.
pub(super) fn open(root: &Root) -> anyhow::Result<Bag<'_>> {
    open_whole(&root.bytes).with_context(|| format!("cannot open {}", root.origin))
}

/// Writes what an executable carries.
pub(super) fn show(root: &Root, output: &mut Output) -> anyhow::Result<()> {
    let bag = open(root)?;
    let manifest = bag.manifest();
    output.line(format_args!(
        "{}: {} bytes, packed by holdall {}",
        Plain(&root.file_name),
        root.bytes.len(),
        manifest.holdall
    ))?;
    output.line(format_args!("root: {}", Plain(manifest.root)))?;
    let calls: Vec<_> = manifest
        .invoke
        .iter()
        .map(|name| Plain(name).to_string())
        .collect();
    if calls.is_empty() {
        output.line("calls: _start")?;
    } else {
        output.line(format_args!("calls: {}", calls.join(", ")))?;
    }
    if !manifest.args.is_empty() {
        let args: Vec<_> = manifest.args.iter().map(|arg| shown(quoted(arg))).collect();
        output.line(format_args!("arguments: {}", args.join(" ")))?;
    }
    output.line("modules")?;
    let modules = manifest.modules.iter().map(|module| {
        [
            Plain(module.name).to_string(),
            format!("{} bytes", module.module.size_bytes()),
            format!("code {} bytes", module.code.size_bytes()),
            format!("sha256 {}", hexadecimal(&module.sha256)),
        ]
    });
    output.table(&modules.collect::<Vec<_>>())?;
    if !manifest.dirs.is_empty() {
        output.line("directories")?;
        let dirs = manifest.dirs.iter().map(|dir| {
            let files = dir.entries.iter().filter_map(|(_, entry)| match entry {
                Entry::File(part) => Some(part.size_bytes()),
                _ => None,
            });
            [
                Plain(dir.guest).to_string(),
                format!("{} files", files.clone().count()),
                format!("{} bytes", files.sum::<u64>()),
            ]
        });
        output.table(&dirs.collect::<Vec<_>>())?;
    }
    if let Some(state) = manifest.state {
        let size_bytes = state.bytes.size_bytes();
        output.line(format_args!("initialised: {size_bytes} bytes of memories"))?;
    }
    let options = options(manifest);
    if options.is_empty() {
        return output.line("granted: nothing but arguments, streams, clocks and randomness");
    }
    output.line("granted, and how limited")?;
    for option in options {
        output.line(format_args!("    {}", shown(option)))?;
    }
    Ok(())
}

/// The options of `holdall pack` that say how it is run, but for what it holds.
pub(super) fn options(manifest: &Manifest<'_>) -> Vec<Result<String, Unsayable>> {
    let policy = manifest.policy.options().into_iter();
    let mut options: Vec<_> = policy
        .map(|(name, value)| match value {
            Some(value) => option(name, &value),
            None => Ok(name.to_owned()),
        })
        .collect();
    for (from, to) in &manifest.aliases {
        options.push(option("--alias", &format!("{from}={to}")));
    }
    if manifest.compatible_versions {
        options.push(Ok("--compatible-versions".to_owned()));
    }
    for name in &manifest.used_exports {
        options.push(option("--use-exports", name));
    }
    options
}

/// What a shell takes; what none takes is said in words.
fn shown(option: Result<String, Unsayable>) -> String {
    option.unwrap_or_else(|unsayable| unsayable.to_string())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
