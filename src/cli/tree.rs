//! The dependency tree of a module. Nothing is instantiated. Where the linker would stop with an error,
//! the tree goes on: a module that is missing or wrong is a leaf that says so.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use holdall::{Engine, ExternType, Module, ModuleReader, NameIndex, Naming};
use holdall_core::bundle::{is_builtin, is_wasi, nearest};
use holdall_pack::process::{Output, Plain};

/// The deepest level that is shown: each level indents its lines further.
const MAX_DEPTH: usize = 100;

/// At most this many versions of a missing module are shown.
const MAX_VERSIONS: usize = 3;

/// A module on the path from the root to the module that is shown now.
struct Branch {
    name: String,
    /// The module names in its imports that are still to be shown, the next one last.
    needs: Vec<String>,
    /// How many imports it has from each module.
    imports: HashMap<String, usize>,
}

/// Shows the modules that `root` needs, each with those that it needs itself, in import order.
pub(super) struct Tree<'a> {
    engine: &'a Engine,
    reader: &'a dyn ModuleReader,
    naming: &'a Naming,
    /// The names that the reader knows. They are listed when first asked for.
    index: OnceCell<NameIndex>,
}

impl<'a> Tree<'a> {
    /// A tree of the modules that a reader finds, with this naming.
    pub(super) fn new(
        engine: &'a Engine,
        reader: &'a dyn ModuleReader,
        naming: &'a Naming,
    ) -> Self {
        Self {
            engine,
            reader,
            naming,
            index: OnceCell::new(),
        }
    }

    /// Prints the tree. The walk has a stack of its own, which no depth of modules overflows.
    pub(super) fn show(
        &self,
        name: &str,
        root: &Module,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        output.line(format_args!("  {}", Plain(name)))?;
        let mut shown = HashSet::from([name.to_owned()]);
        let mut host = Vec::new();
        let mut path = vec![Branch::new(name, root)];
        while let Some(deepest) = path.last_mut() {
            let Some(imported) = deepest.needs.pop() else {
                path.pop();
                continue;
            };
            let name = self.stands_for(&deepest.name, &imported);
            if is_wasi(&name) {
                let imports = deepest.imports[&imported];
                let imports = format!("imports from {}: {imports}", Plain(&imported));
                host.push([Plain(&deepest.name).to_string(), imports]);
            }
            let (remark, branch) = if path.iter().any(|branch| branch.name == name) {
                ("a circle: it needs what needs it".to_owned(), None)
            } else if shown.contains(&name) {
                ("see above".to_owned(), None)
            } else {
                match self.open(&name) {
                    Ok(module) => {
                        let (remark, branch) = below(&path, Branch::new(&name, &module));
                        let remarks = [self.of_command(&name, &imported, &module), remark];
                        let remarks = remarks.iter().filter(|remark| !remark.is_empty());
                        let remarks: Vec<&str> = remarks.map(String::as_str).collect();
                        (remarks.join("; "), branch)
                    }
                    Err(remark) => (remark, None),
                }
            };
            let dash = if remark.is_empty() { "" } else { "  -- " };
            let title = if name == imported {
                Plain(&name).to_string()
            } else {
                format!("{} -> {}", Plain(&imported), Plain(&name))
            };
            output.line(format_args!("  {}{title}{dash}{remark}", lines(&path)))?;
            shown.insert(name);
            path.extend(branch);
        }
        if !host.is_empty() {
            output.line("reaches the host, as far as it is granted to")?;
            output.table(&host)?;
        }
        Ok(())
    }

    /// The name of the module that an import from `module` in `importer` means.
    fn stands_for(&self, importer: &str, module: &str) -> String {
        let alias = self.naming.target(module).map(|to| self.own(to));
        match alias {
            // An alias does not apply to the module that it names.
            Some(to) if to != importer => to,
            _ => self.own(module),
        }
        .to_owned()
    }

    /// The name of the module that satisfies a name. The two differ where the name gives a version.
    fn own<'n>(&'n self, name: &'n str) -> &'n str {
        // The reader's names are listed only if they can matter.
        let found = name
            .contains('@')
            .then(|| self.index().find(name, self.naming.versions));
        found.flatten().unwrap_or(name)
    }

    fn index(&self) -> &NameIndex {
        self.index
            .get_or_init(|| NameIndex::new(self.reader.names()))
    }

    /// The module of a name, or the reason why there is none.
    fn open(&self, name: &str) -> Result<Module, String> {
        if is_builtin(name) {
            return Err("the host's".to_owned());
        }
        match self.reader.read(name) {
            Ok(Some(bytes)) => {
                Module::named(self.engine, name, bytes).map_err(|error| error.to_string())
            }
            Ok(None) => Err(self.missing(name)),
            Err(error) => Err(format!("cannot be read: {error}")),
        }
    }

    /// The remark for a module that is a command and is needed as a library.
    fn of_command(&self, name: &str, imported: &str, module: &Module) -> String {
        if !matches!(module.export("_start"), Some(ExternType::Func(_))) {
            return String::new();
        }
        let asked = self.naming.target(imported).unwrap_or(imported);
        if self.naming.uses_exports(name) || self.naming.uses_exports(asked) {
            return "a command, used for its exports".to_owned();
        }
        format!("a command; --use-exports {} uses its exports", Plain(name))
    }

    fn missing(&self, name: &str) -> String {
        let versions = self.index().highest(name, MAX_VERSIONS);
        if !versions.is_empty() {
            let versions: Vec<String> = versions.iter().map(|name| format!("{name:?}")).collect();
            return format!("missing; there is {}", versions.join(", "));
        }
        match nearest(name, self.index().names()) {
            Some(nearest) => format!("missing; did you mean {nearest:?}?"),
            None => "missing".to_owned(),
        }
    }
}

impl Branch {
    fn new(name: &str, module: &Module) -> Self {
        let mut imports = HashMap::new();
        let mut needs = Vec::new();
        for import in module.imports() {
            match imports.get_mut(import.module) {
                Some(count) => *count += 1,
                None => {
                    imports.insert(import.module.to_owned(), 1);
                    needs.push(import.module.to_owned());
                }
            }
        }
        needs.reverse();
        Self {
            name: name.to_owned(),
            needs,
            imports,
        }
    }
}

/// The remark for the module at the end of `path`, and the module itself where its imports are shown too.
fn below(path: &[Branch], branch: Branch) -> (String, Option<Branch>) {
    if path.len() < MAX_DEPTH || branch.needs.is_empty() {
        return (String::new(), Some(branch));
    }
    ("what it needs is too deep to show".to_owned(), None)
}

/// The branches of the tree before the next module of `path`.
fn lines(path: &[Branch]) -> String {
    let mut text = String::new();
    for (depth, branch) in path.iter().enumerate() {
        text += match (branch.needs.is_empty(), depth + 1 == path.len()) {
            (false, false) => "│   ",
            (true, false) => "    ",
            (false, true) => "├── ",
            (true, true) => "└── ",
        };
    }
    text
}
