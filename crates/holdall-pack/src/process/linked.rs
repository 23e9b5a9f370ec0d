//! A linked program: a root module with the modules that it needs, and calls of its functions.

use anyhow::{Context, anyhow, bail};
use holdall::text::{format_results, parse_args};
use holdall::{
    Escaped, ExternType, Func, Instance, Linker, Module, Snapshot, Store, Val, split_qualified,
};

use super::output::{Output, Plain};
use holdall_core::bundle::nearest;

/// An error names at most this many functions.
const MAX_NAMED: usize = 20;

/// The linked modules in their store.
#[derive(Debug)]
pub struct Program {
    store: Store<()>,
    linker: Linker<()>,
    root: Module,
    instance: Instance,
}

impl Program {
    /// Links a root module with the modules that it needs. They are initialised, or brought to the state of
    /// a snapshot.
    ///
    /// # Errors
    ///
    /// When an import is not satisfied, the initialisation fails, or the snapshot is of other modules.
    pub fn link(
        mut store: Store<()>,
        linker: Linker<()>,
        root: Module,
        state: Option<&Snapshot>,
    ) -> anyhow::Result<Self> {
        let instance = match state {
            None => linker.instantiate(&mut store, &root)?,
            Some(state) => linker.instantiate_from(&mut store, &root, state)?,
        };
        Ok(Self {
            store,
            linker,
            root,
            instance,
        })
    }

    /// Calls the functions that `invoke` names, in order, each with the arguments `args`, and prints their
    /// results. Without a name it calls `_start`, which takes no arguments. A wrong name is an error before
    /// anything runs.
    ///
    /// # Errors
    ///
    /// When there is no such function, arguments do not fit its type, the guest traps or ends itself, or
    /// standard output takes no more.
    pub fn run(
        &mut self,
        invoke: &[String],
        args: &[String],
        output: &mut Output,
    ) -> anyhow::Result<()> {
        if invoke.is_empty() {
            return self.start();
        }
        let calls = invoke.iter().map(|name| self.look_up(name));
        let calls = calls.collect::<anyhow::Result<Vec<_>>>()?;
        for func in calls {
            self.call(func, args, output)?;
        }
        Ok(())
    }

    /// Calls `_start`, and prints no results.
    fn start(&mut self) -> anyhow::Result<()> {
        check_start(&self.root)?;
        let start = self.look_up("_start")?;
        self.results(start, &[])?;
        Ok(())
    }

    /// The function that a name means: an export of the root module, or `$module$function`.
    fn look_up(&mut self, name: &str) -> anyhow::Result<Func> {
        let found = self.instance.get_func(&mut self.store, name);
        found.ok_or_else(|| not_found(&self.linker, &self.root, name))
    }

    /// Calls a function, and prints its results on one line.
    fn call(&mut self, func: Func, args: &[String], output: &mut Output) -> anyhow::Result<()> {
        let results = self.results(func, args)?;
        output.line(format_results(&self.store, &results))?;
        output.flush()
    }

    /// The state of all modules now.
    ///
    /// # Errors
    ///
    /// When something of the state is the host's, and no snapshot can hold it.
    pub fn state(&self) -> anyhow::Result<Snapshot> {
        Ok(self.linker.snapshot(&self.store, self.instance)?)
    }

    /// Calls a function that takes no arguments and gives no results.
    ///
    /// # Errors
    ///
    /// When there is no such function, or the guest traps or ends itself.
    pub fn initialise(&mut self, name: &str) -> anyhow::Result<()> {
        let func = self.look_up(name)?.typed::<(), ()>(&self.store);
        let func = func.with_context(|| format!("function {}", Plain(name)))?;
        Ok(func.call(&mut self.store, ())?)
    }

    /// The linker that linked the modules.
    #[must_use]
    pub fn linker(&self) -> &Linker<()> {
        &self.linker
    }

    fn results(&mut self, func: Func, args: &[String]) -> anyhow::Result<Vec<Val>> {
        let ty = func.ty(&self.store);
        let args = parse_args(&mut self.store, &ty, args)?;
        let results = ty.results().iter();
        let mut results: Vec<_> = results.map(|ty| Val::default_of(*ty)).collect();
        func.call(&mut self.store, &args, &mut results)?;
        Ok(results)
    }
}

/// Checks that a root module is a command: that it exports `_start`.
///
/// # Errors
///
/// When it does not; the error names the functions that it exports.
pub fn check_start(root: &Module) -> anyhow::Result<()> {
    if let Some(ExternType::Func(_)) = root.export("_start") {
        return Ok(());
    }
    let names: Vec<_> = functions(root).collect();
    let shown = names.iter().take(MAX_NAMED);
    let shown: Vec<_> = shown.map(|name| Plain(name).to_string()).collect();
    let shown = shown.join(", ");
    let functions = match names.len() {
        0 => "the module exports none".to_owned(),
        1..=MAX_NAMED => shown,
        all => format!("{shown} and {} more", all - MAX_NAMED),
    };
    bail!("lookup function _start failed; name a function with --invoke: {functions}")
}

/// Checks that a root module, or with `$module$function` a module that it needs, exports a function of this
/// name.
///
/// # Errors
///
/// When there is none; the error says which function may have been meant.
pub fn check_function(linker: &Linker<()>, root: &Module, name: &str) -> anyhow::Result<()> {
    let found = root.export(name).or_else(|| {
        let (module, function) = split_qualified(name)?;
        linker.find(module)?.export(function)
    });
    match found {
        Some(ExternType::Func(_)) => Ok(()),
        _ => Err(not_found(linker, root, name)),
    }
}

/// Checks that a module of this name, which `--grant` names, is among the linked ones.
///
/// # Errors
///
/// When there is none; the error says which module may have been meant.
pub fn check_linked(linker: &Linker<()>, name: &str) -> anyhow::Result<()> {
    if linker.find(name).is_some() {
        return Ok(());
    }
    let nearest = match nearest(name, linker.registry().names()) {
        Some(nearest) => format!("; did you mean {nearest:?}?"),
        None => String::new(),
    };
    bail!(
        "--grant: no module {} is among those that run{nearest}",
        Plain(name)
    )
}

/// The error for a name that no function has. It says what may have been meant.
fn not_found(linker: &Linker<()>, root: &Module, name: &str) -> anyhow::Error {
    let hint = if let Some(ty) = root.export(name) {
        format!(": the export is {ty}")
    } else if let Some((module, func)) = split_qualified(name) {
        match linker.find(module) {
            Some(found) => match found.export(func) {
                Some(ty) => format!(": the export is {ty}"),
                None => nearest_function(func, &format!("${module}$"), &found),
            },
            None => not_linked(linker, name, module),
        }
    } else if name.starts_with('$') {
        ": expected $MODULE$FUNCTION, a name before the second $ and one after it".to_owned()
    } else {
        nearest_function(name, "", root)
    };
    anyhow!("lookup function {} failed{hint}", Escaped(name))
}

/// The hint that no module of a name is linked. The name of the module that was meant may have a `$`.
fn not_linked(linker: &Linker<()>, name: &str, module: &str) -> String {
    let is_meant = |known: &&str| {
        let rest = name[1..].strip_prefix(known);
        known.contains('$') && rest.is_some_and(|rest| rest.starts_with('$'))
    };
    let registry = linker.registry();
    let meant = registry.names().find(is_meant);
    let way_out = meant.map_or_else(String::new, |meant| {
        format!(
            "; the name of module {} has a $, and cannot be said here: give the module another name, \
             with --alias for its imports",
            Plain(meant)
        )
    });
    format!(": no module {} is linked{way_out}", Plain(module))
}

fn functions(module: &Module) -> impl Iterator<Item = &str> {
    let exports = module.exports();
    exports.filter_map(|export| matches!(export.ty, ExternType::Func(_)).then_some(export.name))
}

fn nearest_function(name: &str, prefix: &str, module: &Module) -> String {
    match nearest(name, functions(module)) {
        Some(nearest) => format!("; did you mean {}{}?", Escaped(prefix), Escaped(nearest)),
        None => String::new(),
    }
}
