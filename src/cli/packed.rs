//! What an executable of `holdall pack` carries, for `inspect` and `unpack`.

use std::fs::metadata;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use cap_fs_ext::OpenOptionsSyncExt;
use cap_std::ambient_authority;
use cap_std::fs::{File, OpenOptions};
use holdall_core::native::Isa;
use holdall_pack::process::{Output, Plain};
use holdall_pack::{BagError, Entry, Executable, Manifest};

use super::shell::{Unsayable, option, quoted};
use super::source;

/// The first bytes of executables: ELF, PE, Mach-O in either byte order.
const STARTS: [&[u8]; 4] = [b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf"];

/// Whether bytes begin as an executable does.
pub(super) fn is_executable(bytes: &[u8]) -> bool {
    STARTS.iter().any(|start| bytes.starts_with(start))
}

/// Whether an executable is in a file. A pipe is not read: its bytes can be read only once.
pub(super) fn is_executable_file(path: &Path) -> bool {
    let mut start = [0; 4];
    file(path)
        .ok()
        .flatten()
        .is_some_and(|mut file| file.read_exact(&mut start).is_ok() && is_executable(&start))
}

/// Opens and checks the executable at a path.
pub(super) fn open(path: &Path) -> anyhow::Result<Executable> {
    let label = path.to_string_lossy();
    let file = file(path).with_context(|| format!("cannot read {}", Plain(&label)))?;
    let executable = match file {
        Some(file) => Executable::open(file.into_std()),
        None => Executable::in_memory(source::read_or_wait(path, source::MAX_FILE_BYTES)?),
    };
    whole(executable, &Plain(&label).to_string())
}

/// Opens and checks the executable that has these bytes. `origin` says where they are from.
pub(super) fn in_memory(bytes: Vec<u8>, origin: &str) -> anyhow::Result<Executable> {
    whole(Executable::in_memory(bytes), origin)
}

fn whole(executable: Result<Executable, BagError>, origin: &str) -> anyhow::Result<Executable> {
    executable
        .and_then(|executable| executable.check().map(|()| executable))
        .with_context(|| format!("cannot open {origin}"))
}

/// The file at a path; `None` where that is a pipe or a device.
fn file(path: &Path) -> anyhow::Result<Option<File>> {
    if !metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut options = OpenOptions::new();
    // The file may have been replaced by a pipe that nobody writes to.
    options.read(true).nonblock(true);
    let file = File::open_ambient_with(path, &options, ambient_authority())?;
    ensure!(file.metadata()?.is_file(), "it is no file any more");
    Ok(Some(file))
}

/// Prints what an executable carries.
pub(super) fn show(
    executable: &Executable,
    file_name: &str,
    output: &mut Output,
) -> anyhow::Result<()> {
    let manifest = executable.manifest();
    output.line(format_args!(
        "{}: {} bytes, packed by holdall {}",
        Plain(file_name),
        executable.size_bytes(),
        Plain(manifest.holdall)
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
    show_native(&manifest, output)?;
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
                format!("{} bytes", files.fold(0, u64::saturating_add)),
            ]
        });
        output.table(&dirs.collect::<Vec<_>>())?;
    }
    if let Some(state) = manifest.state {
        let size_bytes = state.bytes.size_bytes();
        output.line(format_args!("initialised: {size_bytes} bytes of memories"))?;
    }
    let options = options(&manifest);
    if options.is_empty() {
        return output.line("granted: nothing but arguments, streams, clocks and randomness");
    }
    output.line("granted, and how limited")?;
    for (name, value) in options {
        let option = match value {
            Some(value) => shown(option(name, &value)),
            None => name.to_owned(),
        };
        output.line(format_args!("    {option}"))?;
    }
    Ok(())
}

/// Prints which functions are native, and on which processors.
fn show_native(manifest: &Manifest<'_>, output: &mut Output) -> anyhow::Result<()> {
    let Some(native) = manifest.native else {
        return Ok(());
    };
    let (isa, needs) = match native.processors() {
        None => ("unknown", "unknown processors".to_owned()),
        Some(needed) => (
            match needed.isa {
                Isa::X86_64 => "x86-64",
                Isa::Aarch64 => "AArch64",
                _ => "unknown",
            },
            match needed.names() {
                names if names.is_empty() => "any processor".to_owned(),
                names => format!("processors with {names}"),
            },
        ),
    };
    let guarded = if native.guarded_addresses {
        ", guessed addresses guarded"
    } else {
        ""
    };
    output.line(format_args!("native code: {isa}, for {needs}{guarded}"))?;
    let rows = manifest.modules.iter().map(|module| {
        let name = Plain(module.name).to_string();
        let Some(native) = &module.native else {
            return [name, "interpreted".to_owned(), String::new()];
        };
        let interpreted = native.of.saturating_sub(native.functions);
        [
            name,
            format!("{} bytes", native.text.size_bytes()),
            format!(
                "{} of {} functions, {interpreted} interpreted",
                native.functions, native.of
            ),
        ]
    });
    output.table(&rows.collect::<Vec<_>>())
}

/// The options of `holdall pack` that make the machine code of an executable.
pub(super) fn native_options(manifest: &Manifest<'_>) -> Vec<(&'static str, Option<String>)> {
    let Some(native) = manifest.native else {
        return Vec::new();
    };
    let mut options = vec![("--native", None)];
    if let Some(processors) = native.processors().filter(|it| it.features != 0) {
        options.push(("--cpu", Some(processors.to_string())));
    }
    if native.guarded_addresses {
        options.push(("--guarded-addresses", None));
    }
    options
}

/// The options of `holdall pack` that say how the program is run, with their values. Options that say
/// what it holds are not among them.
pub(super) fn options(manifest: &Manifest<'_>) -> Vec<(&'static str, Option<String>)> {
    let mut options = manifest.policy.options();
    for (from, to) in &manifest.aliases {
        options.push(("--alias", Some(format!("{from}={to}"))));
    }
    if manifest.compatible_versions {
        options.push(("--compatible-versions", None));
    }
    for name in &manifest.used_exports {
        options.push(("--use-exports", Some((*name).to_owned())));
    }
    options
}

/// An option as a shell takes it, or in words where no shell does.
fn shown(option: Result<String, Unsayable>) -> String {
    option.unwrap_or_else(|unsayable| unsayable.to_string())
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
