//! A linked program: a root, what it needs, and the calls of its functions.

use anyhow::{anyhow, bail};
use holdall::text::{format_results, parse_args};
use holdall::{ExternType, Func, Instance, Linker, Module, Store, Val};

use super::output::{Output, Plain};
use super::source::Root;
use crate::names;

/// At most this many functions are named by an error.
const MAX_NAMED: usize = 20;

/// The linked modules in their store.
pub(super) struct Program {
    store: Store<()>,
    linker: Linker<()>,
    root: Module,
    instance: Instance,
}

impl Program {
    /// Links a root with the modules that it needs, and runs their start functions.
    pub(super) fn link(
        mut store: Store<()>,
        mut linker: Linker<()>,
        root: Root,
    ) -> anyhow::Result<Self> {
        let Root { name, bytes, .. } = root;
        let root = Module::named(store.engine(), &name, bytes)?;
        // So that `$name$function` finds the root, and a module that imports it closes a circle.
        if linker.find(&name).is_none() && !names::is_builtin(&name) {
            linker.register(&name, &root)?;
        }
        let instance = linker.instantiate(&mut store, &root)?;
        Ok(Self {
            store,
            linker,
            root,
            instance,
        })
    }

    /// That a module of this name is among those that are linked.
    pub(super) fn check_linked(&self, name: &str) -> anyhow::Result<()> {
        if self.linker.find(name).is_some() {
            return Ok(());
        }
        let nearest = match names::nearest(name, self.linker.registry().names()) {
            Some(nearest) => format!("; did you mean {nearest:?}?"),
            None => String::new(),
        };
        bail!(
            "--grant: no module {} is among those that run{nearest}",
            Plain(name)
        )
    }

    /// Runs a command: calls `_start`, and prints nothing of its own.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        let Some(ExternType::Func(_)) = self.root.export("_start") else {
            let funcs = self.functions();
            bail!("lookup function _start failed; name a function with --invoke: {funcs}");
        };
        let start = self.look_up("_start")?;
        self.results(start, &[])?;
        Ok(())
    }

    /// The function of a name: an export, or `$module$function`.
    pub(super) fn look_up(&mut self, name: &str) -> anyhow::Result<Func> {
        let found = self.instance.get_func(&mut self.store, name);
        found.ok_or_else(|| anyhow!("lookup function {name} failed{}", self.hint(name)))
    }

    /// Calls a function, and prints its results on a line.
    pub(super) fn call(
        &mut self,
        func: Func,
        args: &[String],
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let results = self.results(func, args)?;
        output.line(format_results(&self.store, &results))?;
        output.flush()
    }

    fn results(&mut self, func: Func, args: &[String]) -> anyhow::Result<Vec<Val>> {
        let ty = func.ty(&self.store);
        let args = parse_args(&mut self.store, &ty, args)?;
        let results = ty.results().iter();
        let mut results: Vec<_> = results.map(|ty| Val::default_of(*ty)).collect();
        func.call(&mut self.store, &args, &mut results)?;
        Ok(results)
    }

    /// What may have been meant by a name that is no function's.
    fn hint(&self, name: &str) -> String {
        if let Some(ty) = self.root.export(name) {
            return format!(": the export is {ty}");
        }
        let qualified = name.strip_prefix('$').and_then(|rest| rest.split_once('$'));
        let Some((module, func)) = qualified else {
            return nearest(name, "", &self.root);
        };
        match self.linker.find(module) {
            Some(found) => match found.export(func) {
                Some(ty) => format!(": the export is {ty}"),
                None => nearest(func, &format!("${module}$"), found),
            },
            None => format!(": no module {} is linked", Plain(module)),
        }
    }

    /// The functions that can be invoked.
    fn functions(&self) -> String {
        let names: Vec<_> = functions(&self.root).collect();
        let shown: Vec<_> = names
            .iter()
            .take(MAX_NAMED)
            .map(|name| Plain(name).to_string())
            .collect();
        let shown = shown.join(", ");
        match names.len() {
            0 => "the module exports none".to_owned(),
            1..=MAX_NAMED => shown,
            all => format!("{shown} and {} more", all - MAX_NAMED),
        }
    }
}

fn functions(module: &Module) -> impl Iterator<Item = &str> {
    let exports = module.exports();
    exports.filter_map(|export| matches!(export.ty, ExternType::Func(_)).then_some(export.name))
}

fn nearest(name: &str, prefix: &str, module: &Module) -> String {
    match names::nearest(name, functions(module)) {
        Some(nearest) => format!("; did you mean {prefix}{nearest}?"),
        None => String::new(),
    }
}
