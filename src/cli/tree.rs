//! The dependency tree of a module, as far as it can be found. Loads nothing into a store, and goes
//! on where the linker would stop: what is missing or wrong is a leaf that says so.

use std::collections::HashSet;

use holdall::{Engine, Module, ModuleReader};

use super::output::{Output, Plain};
use crate::names;

/// Modules deeper than this are not shown: a line is as wide as its module is deep.
const MAX_DEPTH: usize = 100;

/// A module whose dependencies are being shown.
struct Branch {
    name: String,
    /// Those not shown yet, last first.
    needs: Vec<String>,
}

/// Shows the modules that `root` needs, each with those that it needs itself, in import order.
pub(super) struct Tree<'a> {
    pub(super) engine: &'a Engine,
    pub(super) reader: &'a dyn ModuleReader,
}

impl Tree<'_> {
    /// Writes the tree, with a walk that needs no native stack.
    pub(super) fn show(
        &self,
        name: &str,
        root: &Module,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        output.line(format_args!("  {}", Plain(name)))?;
        let mut shown = HashSet::from([name.to_owned()]);
        let mut path = vec![Branch::new(name, root)];
        while let Some(deepest) = path.last_mut() {
            let Some(name) = deepest.needs.pop() else {
                path.pop();
                continue;
            };
            let (remark, branch) = if path.iter().any(|branch| branch.name == name) {
                ("a circle: it needs what needs it".to_owned(), None)
            } else if shown.contains(&name) {
                ("see above".to_owned(), None)
            } else {
                match self.open(&name) {
                    Ok(module) => below(&path, Branch::new(&name, &module)),
                    Err(remark) => (remark, None),
                }
            };
            let dash = if remark.is_empty() { "" } else { "  -- " };
            output.line(format_args!(
                "  {}{}{dash}{remark}",
                lines(&path),
                Plain(&name)
            ))?;
            shown.insert(name);
            path.extend(branch);
        }
        Ok(())
    }

    /// The module of a name, or why there is none.
    fn open(&self, name: &str) -> Result<Module, String> {
        if names::is_builtin(name) {
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

    fn missing(&self, name: &str) -> String {
        let known = self.reader.names();
        match names::nearest(name, known.iter().map(String::as_str)) {
            Some(nearest) => format!("missing; did you mean {nearest:?}?"),
            None => "missing".to_owned(),
        }
    }
}

impl Branch {
    fn new(name: &str, module: &Module) -> Self {
        let mut met = HashSet::new();
        let mut needs: Vec<String> = module
            .imports()
            .filter(|import| met.insert(import.module))
            .map(|import| import.module.to_owned())
            .collect();
        needs.reverse();
        Self {
            name: name.to_owned(),
            needs,
        }
    }
}

/// What to say of a module at the end of `path`, and the module itself where the walk goes on.
fn below(path: &[Branch], branch: Branch) -> (String, Option<Branch>) {
    if path.len() < MAX_DEPTH || branch.needs.is_empty() {
        return (String::new(), Some(branch));
    }
    ("what it needs is too deep to show".to_owned(), None)
}

/// The lines that lead to the next module of `path`.
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
