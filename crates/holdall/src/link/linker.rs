//! The linker: the embedder's runtime object, which owns names, definitions of the host, the reader
//! and the buffers that it gave out.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::definitions::Definitions;
use super::instantiate_graph::instantiate;
use super::learn::Learned;
use super::link_error::LinkError;
use super::provider::Provider;
use super::reader::ModuleReader;
use super::registry::{Registry, RegistryError};
use super::snapshot::Snapshot;
use crate::bundle::{Naming, Source, Versions};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::limits::Account;
use crate::module::Module;
use crate::store::{AsContext, AsContextMut, Instance};

/// Links modules by name, to the host and to one another.
///
/// Where an import's module name is an alias ([`Linker::alias_imports`]), the import is taken to
/// say the name that the alias stands for. The import is then looked for, in this order, among the
/// host's definitions, in the [`Registry`], and in the modules that the [`ModuleReader`] knows,
/// which are loaded and registered under their names, depth first, in the order of the import
/// section. There is one instance for each module in a store, shared by all that import it, under
/// whichever name.
///
/// A module of a name like `mathlib@1.2.3` has a version. An import from `mathlib@1.2`, a name that
/// neither host, registry nor reader has, means the highest version of `mathlib` that satisfies it
/// ([`Linker::versions`]), of those that the registry has and the reader [lists](ModuleReader::names);
/// a pre-release satisfies only what names one of the same version. Different versions are different
/// modules, and can be in one graph. An import without a version means a module without one.
///
/// A linker can be used with several stores, and by several threads at the same time: names of
/// modules and host functions are for all stores, instances and what [`Linker::define`] defines for
/// one store. Dropping the linker gives the reader its buffers back; instances live on with their
/// store.
///
/// ```
/// use holdall::{Engine, Linker, MemoryReader, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("env", "ten", || 10_i32)?;
/// linker.set_reader(MemoryReader::new().with(
///     "mA",
///     br#"(module (import "env" "ten" (func $ten (result i32)))
///                 (func (export "A") (result i32) (call $ten)))"#.as_slice(),
/// ));
/// let root = Module::new(&engine, br#"(module
///     (import "mA" "A" (func $A (result i32)))
///     (func (export "call_A") (result i32) (call $A)))"#.as_slice())?;
///
/// let mut store = Store::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &root)?;
/// let call_a = instance.get_typed_func::<(), i32>(&store, "call_A")?;
/// assert_eq!(call_a.call(&mut store, ())?, 10);
/// let a = instance.get_typed_func::<(), i32>(&store, "$mA$A")?;
/// assert_eq!(a.call(&mut store, ())?, 10);
/// # Ok::<(), holdall::Error>(())
/// ```
pub struct Linker<T> {
    engine: Engine,
    pub(super) definitions: Definitions<T>,
    pub(super) naming: Arc<Naming>,
    pub(super) reader: Option<Arc<dyn ModuleReader>>,
    /// The lock is never held while a reader is asked or a guest runs.
    pub(super) learned: Mutex<Learned>,
    pub(super) allows_shadowing: bool,
    pub(super) stands_in: bool,
    /// The account of modules that are loaded for no store.
    pub(super) account: Account,
}

impl<T> Clone for Linker<T> {
    /// An independent linker with the same definitions, names, modules, and instances in each
    /// store. A reader gets its buffers back when no linker holds them any more.
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            definitions: self.definitions.clone(),
            naming: Arc::clone(&self.naming),
            reader: self.reader.clone(),
            learned: Mutex::new(self.learned().clone()),
            allows_shadowing: self.allows_shadowing,
            stands_in: self.stands_in,
            account: self.account.clone(),
        }
    }
}

impl<T> Linker<T> {
    pub(super) fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of modules, as they are now; a module that is registered later is not among them.
    #[must_use]
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.learned().registry)
    }
}

impl<T: 'static> Linker<T> {
    /// A linker that knows nothing yet.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self {
            engine: engine.clone(),
            definitions: Definitions::default(),
            naming: Arc::default(),
            reader: None,
            learned: Mutex::default(),
            allows_shadowing: false,
            stands_in: false,
            account: engine.account(),
        }
    }

    /// Sets the reader that is asked for modules that are not registered. Buffers of an earlier
    /// reader still go back to that reader.
    pub fn set_reader(&mut self, reader: impl ModuleReader + 'static) -> &mut Self {
        self.reader = Some(Arc::new(reader));
        self
    }

    /// Adds a provider of host functions that each importing module gets for itself: WASI, or an
    /// interface of the embedder's ([`provide`](crate::provide)). What the linker itself defines
    /// comes before what is provided. Where two providers have the same function, the one that was
    /// added last provides it.
    pub fn provide(&mut self, provider: impl Provider + 'static) -> &mut Self {
        self.definitions.providers.push(Arc::new(provider));
        self
    }

    /// Takes every import from the module name `from` as if it said `to`: from the host, where `to`
    /// is a name of the host, else from the module `to`, which may name a version. The alias does
    /// not apply to the imports of the module `to` itself, so that this module can stand in
    /// between: with an alias from `wasi_snapshot_preview1` to `shim`, the module `shim` has the
    /// host's WASI and everybody else has `shim`. `to` is not looked up among the aliases again.
    ///
    /// # Errors
    /// [`AliasError`](crate::AliasError): `from` is an alias of another name already.
    pub fn alias_imports(&mut self, from: &str, to: &str) -> Result<&mut Self> {
        let naming = Arc::make_mut(&mut self.naming);
        naming.alias(from, to).map_err(LinkError::from)?;
        Ok(self)
    }

    /// Sets which versions satisfy an import that names one; [`Versions::Exact`] unless this is set.
    pub fn versions(&mut self, versions: Versions) -> &mut Self {
        Arc::make_mut(&mut self.naming).versions = versions;
        self
    }

    /// Lets a module be used for its exports by others although it is a command, with a function
    /// `_start`; see [`Naming::use_exports`].
    ///
    /// ```
    /// use holdall::{Engine, Linker, MemoryReader, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let tool = r#"(module
    ///     (func (export "_start") unreachable)
    ///     (func (export "answer") (result i32) (i32.const 42)))"#;
    /// let app = Module::new(&engine, r#"(module
    ///     (import "tool" "answer" (func $answer (result i32)))
    ///     (func (export "run") (result i32) (call $answer)))"#)?;
    ///
    /// let mut linker = Linker::new(&engine);
    /// linker.set_reader(MemoryReader::new().with("tool", tool)).use_exports("tool");
    /// let mut store = Store::new(&engine, ());
    /// let app = linker.instantiate(&mut store, &app)?;
    /// let run = app.get_typed_func::<(), i32>(&store, "run")?;
    /// assert_eq!(run.call(&mut store, ())?, 42);
    /// # Ok::<(), holdall::Error>(())
    /// ```
    pub fn use_exports(&mut self, name: &str) -> &mut Self {
        Arc::make_mut(&mut self.naming).use_exports(name);
        self
    }

    /// Sets how the module names of imports are taken: all aliases, which versions satisfy a name,
    /// and which commands are used for their exports.
    pub fn set_naming(&mut self, naming: Naming) -> &mut Self {
        self.naming = Arc::new(naming);
        self
    }

    /// Sets whether definitions may replace earlier ones of the same name. At first they may not.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.allows_shadowing = allow;
        self
    }

    /// Sets whether a function that is found nowhere is replaced by one that traps when it is
    /// called ([`TrapCode::MissingImport`](crate::TrapCode::MissingImport)). For tests; otherwise
    /// such an import is an error when the module is loaded.
    pub fn trap_on_missing_functions(&mut self, trap: bool) -> &mut Self {
        self.stands_in = trap;
        self
    }

    /// Gives a module its name, under which others can import from it and [`Linker::find`] finds
    /// it. A root needs this, since no import names it; a module from a reader has the name that
    /// the reader was asked for.
    ///
    /// # Errors
    /// [`RegistryError`]: a builtin name, a module that has another name, a name that another
    /// module has.
    pub fn register(&mut self, name: &str, module: &Module) -> Result<&mut Self> {
        let registered = self.change_registry(|registry| registry.register(name, module));
        registered.map_err(LinkError::from)?;
        self.name_living(name, module);
        Ok(self)
    }

    /// Gives a registered module another name. Both stand for the same instance.
    ///
    /// # Errors
    /// [`RegistryError`]: no module has the name; the alias is builtin, or another module has it.
    pub fn alias_module(&mut self, name: &str, alias: &str) -> Result<&mut Self> {
        let named = self.change_registry(|registry| registry.alias(name, alias));
        named.map_err(LinkError::from)?;
        if let Some(module) = self.find(alias) {
            self.name_living(alias, &module);
        }
        Ok(self)
    }

    /// Takes a name away from its module, and gives the module; from then on the name is free.
    /// Instances, and those that were linked to them, stay as they are.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`]: no module has the name.
    pub fn unregister(&mut self, name: &str) -> Result<Module> {
        let module = self.change_registry(|registry| registry.unregister(name));
        let module = module.ok_or_else(|| {
            LinkError::from(RegistryError::Unknown {
                name: name.to_owned(),
            })
        })?;
        for state in self.definitions.stores() {
            state.scope.remove(name);
        }
        Ok(module)
    }

    /// Loads a module by its name, and all that it needs, and registers them. A name may ask for a
    /// version, as an import does; no alias applies to it. A module that is registered already is
    /// not read again. What the host has to define is checked when the module is instantiated.
    ///
    /// # Errors
    /// [`LinkError`]: there is no such module, or one that it needs cannot be had, is no module,
    /// does not fit, or needs itself. Then nothing is registered.
    pub fn load(&self, name: &str) -> Result<Module> {
        let loading = || {
            let mut loading = self.loading();
            loading.more_of_host = true;
            Ok(loading)
        };
        self.learn(loading, |loading| {
            let (name, module) = loading.root(name)?;
            let plan = loading.plan(Some(&name), &module)?;
            Ok((module, plan.shadowed))
        })
    }

    /// Loads all that a module needs, registers it, and checks that everything fits, as
    /// [`Linker::instantiate`] does in that store; brings nothing to life.
    ///
    /// # Errors
    /// Those of [`Linker::instantiate`] before anything is instantiated.
    pub fn complete(&self, store: impl AsContext<Data = T>, module: &Module) -> Result<()> {
        self.plan(&store.as_context(), module)?;
        Ok(())
    }

    /// Instantiates a module: loads what it needs, checks that everything fits, and brings it to
    /// life in the store, dependencies first, in import order. The module itself always gets a new
    /// instance; what it needs is shared with what this linker instantiated in this store before.
    ///
    /// Each new instance runs its start function, and then `_initialize` if it has one, else
    /// `__wasm_call_ctors`; a module that is a command (with a function `_start`) runs neither. What
    /// it needs never is a command: one that is [used for its exports](Linker::use_exports) is a
    /// library.
    ///
    /// # Errors
    /// Before anything is instantiated, [`LinkError`]: the first module whose imports cannot be
    /// satisfied, with all of them; a circle; a module that cannot be had. Then registry and store
    /// are as before. Afterwards, what [`Instance::new`] tells: of the module itself as it is, of
    /// a dependency as [`LinkError::Start`]. Then the modules stay registered, and none of the new
    /// instances is known by a name.
    pub fn instantiate(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance> {
        let plan = self.plan(&store.as_context(), module)?;
        let registry = self.registry();
        instantiate(&self.definitions, &registry, &plan, None, &mut store)
    }

    /// Loads all that a module needs, registers it, and checks that everything fits, before there
    /// is a store: what [`InstancePre::instantiate`] then brings to life in as many stores as one
    /// likes. Definitions for a single store are checked then.
    ///
    /// ```
    /// use holdall::{Engine, Linker, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let mut linker = Linker::new(&engine);
    /// linker.func_wrap("host", "ten", || 10)?;
    /// let module = Module::new(&engine, r#"(module
    ///     (import "host" "ten" (func $ten (result i32)))
    ///     (export "ten" (func $ten)))"#)?;
    /// let pre = linker.instantiate_pre(&module)?;
    /// for _ in 0..3 {
    ///     let mut store = Store::new(&engine, ());
    ///     let instance = pre.instantiate(&mut store)?;
    ///     let ten = instance.get_typed_func::<(), i32>(&store, "ten")?;
    ///     assert_eq!(ten.call(&mut store, ())?, 10);
    /// }
    /// # Ok::<(), holdall::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Linker::instantiate`] before anything is instantiated.
    pub fn instantiate_pre(&self, module: &Module) -> Result<InstancePre<T>> {
        self.check_engine(module.engine())?;
        self.learn(
            || Ok(self.loading()),
            |loading| {
                let plan = loading.plan(None, module)?;
                Ok(((), plan.shadowed))
            },
        )?;
        Ok(InstancePre {
            linker: self.clone(),
            module: module.clone(),
        })
    }

    /// Captures the state of an instance that this linker instantiated, and of all that it needs:
    /// what their initialisation left, so that [`Linker::instantiate_from`] can go on from there. A
    /// guest that is running is not part of it.
    ///
    /// Tables and globals may refer to functions of the graph's modules, and to the host's where one
    /// of the modules imports them.
    ///
    /// # Errors
    /// [`SnapshotError`](crate::SnapshotError): something refers to the host or to what is not of
    /// the graph; a module imports a memory, a table or a mutable global of the host; through WASI,
    /// a module has descriptors that are not as they were granted; modules are linked otherwise than
    /// the linker would link them now.
    ///
    /// # Panics
    /// When the instance is of another store.
    pub fn snapshot(
        &self,
        store: impl AsContext<Data = T>,
        instance: Instance,
    ) -> Result<Snapshot> {
        let context = store.as_context();
        let module = instance.module(&context);
        let mut loading = self.loading_for(&context, &module)?;
        loading.anew = true;
        let plan = loading.plan(None, &module)?;
        let core = context.core();
        let state = self.definitions.store(core.id);
        let snapshot = Snapshot::capture(&plan, state.as_deref(), core, instance);
        Ok(snapshot.map_err(LinkError::from)?)
    }

    /// Instantiates a module as [`Linker::instantiate`] does, with the state of a snapshot: no
    /// segment is written and no start function runs, for they did when it was captured. All that
    /// the module needs gets a new instance too, whatever lives in the store already; those who
    /// import from it later get the new one.
    ///
    /// ```
    /// use holdall::{Engine, Linker, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, br#"(module
    ///     (global $n (mut i32) (i32.const 0))
    ///     (func $start (global.set $n (i32.const 42)))
    ///     (start $start)
    ///     (func (export "next") (result i32)
    ///         (global.set $n (i32.add (global.get $n) (i32.const 1)))
    ///         (global.get $n)))"#.as_slice())?;
    ///
    /// let mut linker = Linker::new(&engine);
    /// let mut store = Store::new(&engine, ());
    /// let instance = linker.instantiate(&mut store, &module)?;
    /// let snapshot = linker.snapshot(&store, instance)?;
    /// for _ in 0..3 {
    ///     let mut store = Store::new(&engine, ());
    ///     let instance = linker.instantiate_from(&mut store, &module, &snapshot)?;
    ///     let next = instance.get_typed_func::<(), i32>(&store, "next")?;
    ///     assert_eq!(next.call(&mut store, ())?, 43);
    /// }
    /// # Ok::<(), holdall::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Linker::instantiate`], but for what a guest would have done; and
    /// [`SnapshotError::Misfit`](crate::SnapshotError::Misfit) where the snapshot is not of these
    /// modules, before anything is instantiated. A snapshot that was tampered with is found out as
    /// far as it contradicts the modules; whatever it says, it reaches nothing but the graph's own
    /// memories, tables and globals.
    pub fn instantiate_from(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
        snapshot: &Snapshot,
    ) -> Result<Instance> {
        let context = store.as_context();
        let (plan, states) = self.learn(
            || self.loading_for(&context, module),
            |loading| {
                loading.anew = true;
                let mut plan = loading.plan(None, module)?;
                let states = snapshot.check(&plan).map_err(LinkError::from)?;
                let shadowed = std::mem::take(&mut plan.shadowed);
                Ok(((plan, states), shadowed))
            },
        )?;
        let registry = self.registry();
        instantiate(
            &self.definitions,
            &registry,
            &plan,
            Some(states),
            &mut store,
        )
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The registered module of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Module> {
        self.learned().registry.find(name).cloned()
    }

    /// The imports, as module name and name, that were satisfied by a definition of the host
    /// although there is a module of that name, as far as the registry and the reader's
    /// [`names`](ModuleReader::names) tell. For an alias, the module name is the one that the alias
    /// stands for.
    pub fn shadowed(&self) -> impl Iterator<Item = (String, String)> {
        self.learned().shadowed.clone().into_iter()
    }

    /// The registered module of a name, or of the version that an import of the name would get.
    pub(super) fn find_version(&self, name: &str) -> Option<Module> {
        let loading = self.loading();
        let found = loading.registry.find(name).or_else(|| {
            let own = loading.version(name, self.naming.versions)?;
            loading.registry.find(own)
        });
        found.cloned()
    }

    pub(super) fn check_engine(&self, engine: &Engine) -> Result<()> {
        if engine.same(&self.engine) {
            return Ok(());
        }
        Err(Error::usage(
            "expected a module and a store of the linker's engine, found another engine",
        ))
    }

    fn change_registry<R>(&mut self, change: impl FnOnce(&mut Registry) -> R) -> R {
        change(Arc::make_mut(&mut self.learned().registry))
    }
}

/// A module that a linker has found to fit, with all that it needs; see
/// [`Linker::instantiate_pre`]. Later definitions in the linker have no effect on it.
#[derive(Clone, Debug)]
pub struct InstancePre<T> {
    linker: Linker<T>,
    module: Module,
}

impl<T: 'static> InstancePre<T> {
    /// Brings the module to life in a store, as [`Linker::instantiate`] does.
    ///
    /// # Errors
    /// Those of [`Linker::instantiate`].
    pub fn instantiate(&self, store: impl AsContextMut<Data = T>) -> Result<Instance> {
        self.linker.instantiate(store, &self.module)
    }

    /// The module.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.module
    }
}

impl<T> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linker")
            .field("registry", &self.registry())
            .field(
                "reader",
                &self.reader.as_ref().map(|reader| reader.describe()),
            )
            .finish_non_exhaustive()
    }
}
