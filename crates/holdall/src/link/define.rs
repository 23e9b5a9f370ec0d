//! What a linker lets the host define, and what an import would get: the half of [`Linker`] that
//! deals in host functions and things of a store rather than in modules.

use std::sync::Arc;

use super::instantiate_graph::missing;
use super::link_error::LinkError;
use super::linker::Linker;
use crate::bundle::nearest;
use crate::error::{Error, Result};
use crate::host::{Caller, HostDef, IntoFunc};
use crate::module::Module;
use crate::store::{AsContext, AsContextMut, Extern, Func, Instance, StoreId};
use crate::types::{ExternType, FuncType};
use crate::value::Val;

impl<T: 'static> Linker<T> {
    /// Defines a closure as a host function.
    ///
    /// # Errors
    /// When the name is defined already and shadowing is not allowed.
    pub fn func_wrap<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Result<&mut Self> {
        self.check_undefined(None, module, name)?;
        let definition = HostDef::wrap(&qualified(module, name), func);
        self.definitions.define_host(module, name, definition);
        Ok(self)
    }

    /// Defines a host function whose type is only known at run time.
    ///
    /// # Errors
    /// When the name is defined already and shadowing is not allowed, or the type has more than 1,000
    /// parameters or more than 1,000 results, which no module can declare.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        self.check_undefined(None, module, name)?;
        let definition = HostDef::new(&qualified(module, name), ty, func)?;
        self.definitions.define_host(module, name, definition);
        Ok(self)
    }

    /// Defines a host function that works on slots; see [`Func::new_unchecked`].
    ///
    /// # Errors
    /// Those of [`Linker::func_new`].
    ///
    /// # Safety
    /// As for [`Func::new_unchecked`].
    pub unsafe fn func_new_unchecked(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &mut [u64]) -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        self.check_undefined(None, module, name)?;
        // SAFETY: the caller's duty.
        let definition = unsafe { HostDef::new_unchecked(&qualified(module, name), ty, func) }?;
        self.definitions.define_host(module, name, definition);
        Ok(self)
    }

    /// Defines something of a store, for modules that are instantiated in that store.
    ///
    /// # Errors
    /// When the name is defined already and shadowing is not allowed.
    ///
    /// # Panics
    /// When `item` is of another store.
    pub fn define(
        &mut self,
        store: impl AsContext<Data = T>,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Self> {
        let item = item.into();
        let core = store.as_context().core();
        core.assert_owns("definition", item.store());
        self.check_undefined(Some(core.id), module, name)?;
        self.definitions.define(core, module, name, item);
        Ok(self)
    }

    /// Defines all exports of an instance under a module's name, which `$module$function` knows
    /// from then on too.
    ///
    /// # Errors
    /// When a name is defined already and shadowing is not allowed; then nothing is defined.
    pub fn instance(
        &mut self,
        store: impl AsContextMut<Data = T>,
        name: &str,
        instance: Instance,
    ) -> Result<&mut Self> {
        let context = store.as_context();
        let core = context.core();
        let module = instance.module(&context);
        for (export, _) in &module.0.exports {
            self.check_undefined(Some(core.id), name, export)?;
        }
        for (export, _) in &module.0.exports {
            let item = instance
                .export_in(core, export)
                .expect("the module exports it");
            self.definitions.define(core, name, export, item);
        }
        let state = self.definitions.of_store(core);
        state.scope.insert(name.into(), instance);
        Ok(self)
    }

    /// Takes back what [`Linker::define`] and [`Linker::instance`] defined in a store under a
    /// module's name. What was linked to these definitions stays linked.
    pub fn undefine(&mut self, store: impl AsContext<Data = T>, name: &str) -> &mut Self {
        let id = store.as_context().core().id;
        self.definitions.undefine(id, name);
        if let Some(state) = self.definitions.store(id) {
            state.scope.remove(name);
        }
        self
    }

    /// Gives a definition of the host a second name.
    ///
    /// # Errors
    /// When the host defines nothing under the first name, or something under the second while
    /// shadowing is not allowed.
    pub fn alias(
        &mut self,
        module: &str,
        name: &str,
        as_module: &str,
        as_name: &str,
    ) -> Result<&mut Self> {
        let (from, to) = ((module, name), (as_module, as_name));
        if !self.allows_shadowing && self.definitions.alias_shadows(from, to) {
            return Err(defined(as_module, as_name));
        }
        if self.definitions.alias(from, to) {
            return Ok(self);
        }
        let nearest = nearest(name, self.definitions.names(module));
        Err(LinkError::Undefined {
            module: module.to_owned(),
            name: name.to_owned(),
            nearest: nearest.map(ToOwned::to_owned),
        }
        .into())
    }

    /// What an import of this module and name would get in a store: a definition by the host, else
    /// an export of a registered module that was instantiated there. An alias or a version counts as
    /// it does for an import by a module that no alias names.
    pub fn get(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        name: &str,
    ) -> Option<Extern> {
        let naming = Arc::clone(&self.naming);
        let module = naming.target(module).unwrap_or(module);
        if let Some(item) = self.definitions.item(&mut store, module, name) {
            return Some(item);
        }
        let module = self.find_version(module)?;
        let context = store.as_context();
        let state = self.definitions.store(context.core().id)?;
        let instance = state.instance(&module)?;
        instance.export_in(context.core(), name)
    }

    /// All that is defined for a store: module name, name, and what an import of them would get there.
    /// The functions of [providers](Linker::provide) are not among them, for each module has its own;
    /// nor is what modules export.
    pub fn iter(
        &self,
        mut store: impl AsContextMut<Data = T>,
    ) -> std::vec::IntoIter<(&str, &str, Extern)> {
        let names = self.definitions.all(store.as_context().core().id);
        let items = names.into_iter().map(|(module, name)| {
            let item = self.definitions.item(&mut store, module, name);
            (module, name, item.expect("it is defined"))
        });
        items.collect::<Vec<_>>().into_iter()
    }

    /// Instantiates a module as [`Linker::instantiate`] does, and defines all its exports under a name
    /// in that store, as [`Linker::instance`] does. A command is not started.
    ///
    /// # Errors
    /// Those of [`Linker::instantiate`]; when a name is defined already and shadowing is not allowed,
    /// and then nothing is instantiated.
    pub fn module(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        name: &str,
        module: &Module,
    ) -> Result<&mut Self> {
        let id = store.as_context().core().id;
        for (export, _) in &module.0.exports {
            self.check_undefined(Some(id), name, export)?;
        }
        let instance = self.instantiate(&mut store, module)?;
        self.instance(store, name, instance)
    }

    /// The default function of a module, as an import of that module would find it in a store: the
    /// function that the module exports under the empty name, else `_start`.
    ///
    /// ```
    /// use holdall::{Engine, Linker, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let mut linker = Linker::new(&engine);
    /// let mut store = Store::new(&engine, ());
    /// let program = Module::new(&engine, r#"(module (func (export "_start")))"#)?;
    /// linker.module(&mut store, "", &program)?;
    /// let start = linker.get_default(&mut store, "")?;
    /// start.typed::<(), ()>(&store)?.call(&mut store, ())?;
    /// # Ok::<(), holdall::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such function.
    pub fn get_default(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
    ) -> Result<Func> {
        let mut found = ["", "_start"]
            .into_iter()
            .filter_map(|name| self.get(&mut store, module, name)?.into_func());
        found.next().ok_or_else(|| {
            Error::usage(format!(
                "module {module:?}: expected a function \"\" or \"_start\", found neither"
            ))
        })
    }

    /// Defines each function that a module imports, and that neither the host nor another module has,
    /// as one that traps when it is called
    /// ([`TrapCode::MissingImport`](crate::TrapCode::MissingImport)).
    /// [`Linker::trap_on_missing_functions`] does so for all modules.
    ///
    /// # Errors
    /// [`LinkError`]: a module that may be there cannot be had.
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<()> {
        let mut unknown = Vec::new();
        let mut loading = self.loading();
        for import in module.imports() {
            let ExternType::Func(ty) = import.ty else {
                continue;
            };
            let from = self.naming.target(import.module).unwrap_or(import.module);
            let is_known =
                self.definitions.find(None, from, import.name).is_some() || loading.has(from)?;
            if !is_known {
                unknown.push((from, import.name, ty));
            }
        }
        drop(loading);
        for (module, name, ty) in unknown {
            let definition = missing(module, name, ty);
            self.definitions.define_host(module, name, definition);
        }
        Ok(())
    }

    fn check_undefined(&self, store: Option<StoreId>, module: &str, name: &str) -> Result<()> {
        if !self.allows_shadowing && self.definitions.is_defined(store, module, name) {
            return Err(defined(module, name));
        }
        Ok(())
    }
}

/// What backtraces call a host function.
fn qualified(module: &str, name: &str) -> String {
    format!("{module}.{name}")
}

#[cold]
fn defined(module: &str, name: &str) -> Error {
    LinkError::Defined {
        module: module.to_owned(),
        name: name.to_owned(),
    }
    .into()
}
