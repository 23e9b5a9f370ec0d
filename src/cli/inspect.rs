//! `holdall inspect`: what a module holds and what it needs.

use std::fmt::Display;
use std::path::PathBuf;

use holdall::{Engine, Module};
use holdall_pack::process::{Output, Plain};

use super::code;
use super::naming::NamingArgs;
use super::packed;
use super::proposals::ProposalArgs;
use super::source::{MAX_FILE_BYTES, Sources};
use super::tree::Tree;

/// A type beside a name is cut to this many characters: many imports and exports may have the same long
/// type. The list of types has it whole.
const MAX_TYPE_CHARS: usize = 120;

/// Show an executable of `holdall pack`, or a module: types, imports, exports, dependency tree, lowered code
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  holdall inspect app                    what an executable carries, and what it may reach
  holdall inspect mC                     everything but the code
  holdall inspect mC --code              the lowered code of every function
  holdall inspect mC --code=call_B       that of one, by its name or index
  holdall inspect app.wasm --module-path lib

The line `needs:` has the proposals that MODULE uses beyond the first version of WebAssembly, by the
names that -W takes. A proposal is used where an instruction, a type, or a kind of section or entry
is in MODULE that came with it, whether it is ever reached or not.")]
pub(super) struct Args {
    /// A .wasm or .wat path, the name of a bundled module, or an executable of `holdall pack`
    module: PathBuf,
    /// Show only the lowered code: of one function, by its index or name, or of all
    #[arg(long, value_name = "FUNC", require_equals = true)]
    code: Option<Option<String>>,
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    naming: NamingArgs,
    #[command(flatten)]
    proposals: ProposalArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<()> {
    let naming = args.naming.naming("inspect");
    let engine = Engine::new(args.proposals.config());
    if args.sources.is_file(&args.module) && packed::is_executable_file(&args.module) {
        let name = args.module.file_name().unwrap_or_default();
        let executable = packed::open(&args.module)?;
        return packed::show(&executable, &name.to_string_lossy(), output);
    }
    let root = args.sources.root(&args.module, MAX_FILE_BYTES)?;
    if packed::is_executable(&root.bytes) {
        let executable = packed::in_memory(root.bytes.into_owned(), &root.origin)?;
        return packed::show(&executable, &root.file_name, output);
    }
    let module = Module::named(&engine, &root.name, root.bytes.clone())?;
    if let Some(wanted) = &args.code {
        return code::show(&module, wanted.as_deref(), output);
    }
    let (name, size) = (Plain(&root.name), module.binary().len());
    output.line(format_args!("{name}: {size} bytes, from {}", root.origin))?;
    let needs = module.proposals();
    if !needs.is_empty() {
        output.line(format_args!("needs: {needs}"))?;
    }
    interface(&module, output)?;
    definitions(&module, output)?;
    if module.imports().len() > 0 {
        output.line("dependencies")?;
        let reader = args.sources.reader()?;
        let tree = Tree::new(&engine, &reader, &naming);
        tree.show(&root.name, &module, output)?;
    }
    Ok(())
}

/// The text of a type beside a name.
pub(super) fn short(ty: &impl Display) -> String {
    let text = ty.to_string();
    match text.char_indices().nth(MAX_TYPE_CHARS) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text,
    }
}

fn interface(module: &Module, output: &mut Output) -> anyhow::Result<()> {
    list("types", module.types(), |_| None, output)?;
    let imports = module.imports().map(|import| {
        let name = format!("{}.{}", Plain(import.module), Plain(import.name));
        [
            format!("{} {}", import.ty.kind(), import.index),
            name,
            short(&import.ty),
        ]
    });
    table("imports", imports.collect(), output)?;
    let exports = module.exports().map(|export| {
        let name = Plain(export.name).to_string();
        [
            format!("{} {}", export.ty.kind(), export.index),
            name,
            short(&export.ty),
        ]
    });
    table("exports", exports.collect(), output)
}

fn definitions(module: &Module, output: &mut Output) -> anyhow::Result<()> {
    let (imported, defined) = module.func_counts();
    if imported + defined > 0 {
        output.line(format_args!(
            "functions: {defined} defined, {imported} imported"
        ))?;
    }
    let name = |index| module.table_name(index);
    list("tables", module.tables(), name, output)?;
    let name = |index| module.memory_name(index);
    list("memories", module.memories(), name, output)?;
    let name = |index| module.global_name(index);
    list("globals", module.globals(), name, output)?;
    let name = |index| module.tag_name(index);
    list("tags", module.tags(), name, output)?;
    if let Some(start) = module.start() {
        let name = code::func_name(module, start);
        output.line(format_args!("start: func {start}{name}"))?;
    }
    let (elements, data) = module.segment_counts();
    if elements > 0 || data > 0 {
        output.line(format_args!("segments: {elements} element, {data} data"))?;
    }
    let customs = module.custom_sections();
    let customs = customs.map(|(name, contents)| {
        let size = format!("{} bytes", contents.len());
        [Plain(name).to_string(), size]
    });
    table("custom sections", customs.collect(), output)
}

/// Prints a title and an index space, unless it is empty. `name` gives the name of the item at an index,
/// which stands behind the item.
fn list<'m>(
    title: &str,
    space: impl IntoIterator<Item = impl Display>,
    name: impl Fn(u32) -> Option<&'m str>,
    output: &mut Output,
) -> anyhow::Result<()> {
    let rows = (0..).zip(space).map(|(index, item)| {
        let item = match name(index) {
            Some(name) => format!("{item} {}", Plain(name)),
            None => item.to_string(),
        };
        [index.to_string(), item]
    });
    table(title, rows.collect(), output)
}

/// Prints a title and a table, unless it is empty.
fn table<const N: usize>(
    title: &str,
    rows: Vec<[String; N]>,
    output: &mut Output,
) -> anyhow::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    output.line(title)?;
    output.table(&rows)
}
