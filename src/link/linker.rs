//! The linker: the embedder's runtime object, which owns names, definitions of the host, the reader
//! and the buffers that it gave out.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::buffers::Buffers;
use super::definitions::Definitions;
use super::error::LinkError;
use super::instantiate::instantiate;
use super::load::{Loaded, Loading, Plan};
use super::reader::ModuleReader;
use super::registry::{Registry, RegistryError, id_of};
use super::snapshot::Snapshot;
use crate::bundle::{Naming, Source, Versions};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::limits::Account;
use crate::module::Module;
use crate::store::{AsContext, AsContextMut, Instance, StoreContext};

/// Links modules by name, to the host and to one another.
///
/// An import's module name is first replaced by what it is an alias of ([`Linker::alias_imports`]),
/// where it is one. Then the import is looked for, in this order, among the host's definitions, in the
/// [`Registry`], and in the modules that the [`ModuleReader`] knows, which are loaded and registered
/// under their names, depth first, in the order of the import section. There is one instance for
/// each module in a store, shared by all that import it, under whichever name.
///
/// A module of a name like `mathlib@1.2.3` has a version. An import from `mathlib@1.2`, a name that
/// neither host, registry nor reader has, means the highest version of `mathlib` that satisfies it
/// ([`Linker::versions`]), of those that the registry has and the reader [lists](ModuleReader::names);
/// a pre-release satisfies only what names one of the same version. Different versions are different
/// modules, and can be in one graph. An import without a version means a module without one.
///
/// A linker can be used with several stores: names of modules and host functions are for all of
/// them, instances and [`Linker::define`] for one. Dropping the linker gives the reader its buffers
/// back; instances live on with their store.
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
    pub(super) registry: Registry,
    pub(super) definitions: Definitions<T>,
    pub(super) naming: Arc<Naming>,
    reader: Option<Arc<dyn ModuleReader>>,
    /// What the readers gave out and did not get back yet.
    buffers: Buffers,
    shadowed: BTreeSet<(String, String)>,
    pub(super) allows_shadowing: bool,
    stands_in: bool,
    /// What modules are held in that are loaded for no store.
    account: Account,
}

impl<T: 'static> Linker<T> {
    /// A linker that knows nothing yet.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self {
            engine: engine.clone(),
            registry: Registry::new(),
            definitions: Definitions::default(),
            naming: Arc::default(),
            reader: None,
            buffers: Buffers::default(),
            shadowed: BTreeSet::new(),
            allows_shadowing: false,
            stands_in: false,
            account: engine.account(),
        }
    }

    /// Sets who is asked for modules that are not registered. Buffers of a reader that was set
    /// before still go back to it.
    pub fn set_reader(&mut self, reader: impl ModuleReader + 'static) -> &mut Self {
        self.reader = Some(Arc::new(reader));
        self
    }

    /// Sets who has functions that are another's for each module.
    #[cfg(feature = "wasi")]
    pub(crate) fn set_provider(&mut self, provider: impl super::Provider + 'static) {
        self.definitions.provider = Some(Arc::new(provider));
    }

    /// Takes every import from the module name `from` as if it said `to`: of the host, where that is
    /// the host's name, else of the module `to`, which may name a version. It does not apply to the
    /// imports of that very module, which can so stand between: with an alias from
    /// `wasi_snapshot_preview1` to `shim`, the module `shim` has the host's WASI and everybody else
    /// has `shim`. `to` is not looked up among the aliases again.
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

    /// Sets how the module names of imports are taken: all aliases, which versions satisfy one, and
    /// which commands are used for their exports.
    pub fn set_naming(&mut self, naming: Naming) -> &mut Self {
        self.naming = Arc::new(naming);
        self
    }

    /// Whether definitions may replace earlier ones of the same name; they may not unless this is
    /// set.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.allows_shadowing = allow;
        self
    }

    /// Whether an import of a function that is nowhere to be found is left to trap when it is
    /// called ([`TrapCode::MissingImport`](crate::TrapCode::MissingImport)). For tests; without
    /// it, such an import is an error when the module is loaded.
    pub fn trap_on_missing_functions(&mut self, trap: bool) -> &mut Self {
        self.stands_in = trap;
        self
    }

    /// Gives a module its name, under which others can import from it and [`Linker::find`] finds
    /// it. A root needs it, for nobody else names it; what a reader was asked for has its name.
    ///
    /// # Errors
    /// [`RegistryError`]: a builtin name, a module that has another name, a name that another
    /// module has.
    pub fn register(&mut self, name: &str, module: &Module) -> Result<&mut Self> {
        self.registry
            .register(name, module)
            .map_err(LinkError::from)?;
        self.name_living(name);
        Ok(self)
    }

    /// Gives a registered module another name. Both stand for the same instance.
    ///
    /// # Errors
    /// [`RegistryError`]: no module has the name; the alias is builtin, or another module has it.
    pub fn alias_module(&mut self, name: &str, alias: &str) -> Result<&mut Self> {
        self.registry.alias(name, alias).map_err(LinkError::from)?;
        self.name_living(alias);
        Ok(self)
    }

    /// Takes a name away from its module, and gives the module; from then on the name is free.
    /// Instances, and those that were linked to them, stay as they are.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`]: no module has the name.
    pub fn unregister(&mut self, name: &str) -> Result<Module> {
        let module = self.registry.unregister(name).ok_or_else(|| {
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
    /// not read again. What the host has to define is looked at when the
    /// module is instantiated.
    ///
    /// # Errors
    /// [`LinkError`]: there is no such module, or one that it needs cannot be had, is no module,
    /// does not fit, or needs itself. Then nothing is registered.
    pub fn load(&mut self, name: &str) -> Result<Module> {
        let mut loading = self.loading();
        let (name, module) = loading.root(name)?;
        let plan = loading.plan(Some(&name), &module)?;
        let loaded = loading.found;
        self.commit(loaded, plan.shadowed);
        Ok(module)
    }

    /// Loads all that a module needs, registers it, and checks that everything fits, as
    /// [`Linker::instantiate`] does in that store; brings nothing to life.
    ///
    /// # Errors
    /// Those of [`Linker::instantiate`] before anything is instantiated.
    pub fn complete(&mut self, store: impl AsContext<Data = T>, module: &Module) -> Result<()> {
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
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance> {
        let context = store.as_context();
        let plan = self.plan(&context, module)?;
        let (definitions, registry) = (&mut self.definitions, &self.registry);
        instantiate(definitions, registry, &plan, None, &mut store)
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
        let snapshot = Snapshot::capture(&plan, state, core, instance);
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
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
        snapshot: &Snapshot,
    ) -> Result<Instance> {
        let context = store.as_context();
        let mut loading = self.loading_for(&context, module)?;
        loading.anew = true;
        let plan = loading.plan(None, module)?;
        let loaded = loading.found;
        let states = snapshot.check(&plan).map_err(LinkError::from)?;
        let plan = self.commit_plan(loaded, plan);
        let (definitions, registry) = (&mut self.definitions, &self.registry);
        instantiate(definitions, registry, &plan, Some(states), &mut store)
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The registered module of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Module> {
        self.registry.find(name)
    }

    /// The names of modules.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The imports, as module name and name, that were satisfied by a definition of the host
    /// although there is a module of that name, as far as the registry and the reader's
    /// [`names`](ModuleReader::names) tell. Of an alias, the name is that which it stands for.
    pub fn shadowed(&self) -> impl Iterator<Item = (&str, &str)> {
        let shadowed = self.shadowed.iter();
        shadowed.map(|(module, name)| (module.as_str(), name.as_str()))
    }

    /// The registered module of a name, or of the version that an import of the name would get.
    pub(super) fn find_version(&self, name: &str) -> Option<&Module> {
        if let Some(module) = self.registry.find(name) {
            return Some(module);
        }
        let loading = self.loading();
        let own = loading.version(name, self.naming.versions)?;
        self.registry.find(own)
    }

    /// An attempt to load what a module needs, for a store.
    fn loading_for<'a>(
        &'a self,
        context: &StoreContext<'a, T>,
        module: &Module,
    ) -> Result<Loading<'a, T>> {
        for engine in [module.engine(), context.engine()] {
            if !engine.same(&self.engine) {
                return Err(Error::usage(
                    "expected a module and a store of the linker's engine, found another engine",
                ));
            }
        }
        let mut loading = self.loading();
        loading.core = Some(context.core());
        loading.account = &context.core().account;
        Ok(loading)
    }

    fn loading(&self) -> Loading<'_, T> {
        let mut loading = Loading::new(
            &self.engine,
            &self.registry,
            self.reader.as_ref(),
            &self.definitions,
            &self.naming,
            &self.account,
        );
        loading.stands_in = self.stands_in;
        loading
    }

    /// Makes what was loaded the linker's own.
    fn commit(&mut self, loaded: Loaded, shadowed: Vec<(String, String)>) {
        let Loaded {
            modules,
            mut buffers,
        } = loaded;
        self.buffers.append(&mut buffers);
        self.shadowed.extend(shadowed);
        for (name, module) in modules {
            self.registry
                .register(&name, &module)
                .expect("it was read because the name was free, and is not builtin");
        }
    }

    /// How a module and all that it needs are brought to life in a store. What had to be loaded is the
    /// linker's then.
    fn plan(&mut self, context: &StoreContext<'_, T>, module: &Module) -> Result<Plan> {
        let mut loading = self.loading_for(context, module)?;
        let plan = loading.plan(None, module)?;
        let loaded = loading.found;
        Ok(self.commit_plan(loaded, plan))
    }

    fn commit_plan(&mut self, loaded: Loaded, mut plan: Plan) -> Plan {
        self.commit(loaded, std::mem::take(&mut plan.shadowed));
        plan
    }

    /// Lets `$module$function` know a module that lives already by a new name.
    fn name_living(&self, name: &str) {
        let Some(module) = self.registry.find(name) else {
            return;
        };
        for state in self.definitions.stores() {
            if let Some(instance) = state.instances.get(&id_of(module)) {
                state.scope.insert(name.into(), *instance);
            }
        }
    }
}

impl<T> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linker")
            .field("registry", &self.registry)
            .field(
                "reader",
                &self.reader.as_ref().map(|reader| reader.describe()),
            )
            .finish_non_exhaustive()
    }
}
