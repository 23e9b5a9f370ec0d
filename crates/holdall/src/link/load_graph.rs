//! Loading: the modules that a root needs, from the registry and the reader, and the checks that
//! they fit one another. Nothing here changes a linker or a store; what was found is committed by
//! the linker, or dropped.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use super::buffers::Buffers;
use super::definitions::{Definitions, StoreState};
use super::link_error::LinkError;
use super::reader::{ModuleReader, ReadError};
use super::registry::{Registry, id_of};
use crate::bundle::{
    Graph, GraphError, Guesses, HostDefinition, Missing, NameIndex, Naming, Opened, REACTOR_STARTS,
    Resolution, Source, UNNAMED, is_builtin,
};
use crate::engine::Engine;
use crate::error::Error;
use crate::limits::{Account, Clock, Watch};
use crate::module::{ExportKind, Module, hold_weight};
use crate::store::StoreCore;
use crate::types::ExternType;

/// The walk looks at the clock after this number of imports. An import takes some microseconds at
/// most, where types of 1,000 parameters and results are compared.
const STEPS: usize = 1_000;

/// One attempt to load a graph.
pub(super) struct Loading<'a, T> {
    /// The linker's engine, under the clock that ends the attempt.
    pub(super) engine: Engine,
    pub(super) registry: Arc<Registry>,
    pub(super) reader: Option<&'a Arc<dyn ModuleReader>>,
    pub(super) definitions: &'a Definitions<T>,
    pub(super) naming: &'a Arc<Naming>,
    /// The store that the graph is for.
    core: Option<&'a StoreCore>,
    /// The account that holds new modules: the store's, or the linker's own where there is no
    /// store.
    account: &'a Account,
    /// What the linker knows of the store.
    state: Option<Arc<StoreState>>,
    /// Whether the host may define more under builtin names than it does now.
    pub(super) more_of_host: bool,
    pub(super) stands_in: bool,
    /// Whether every module is to get a new instance, whatever lives already.
    pub(super) anew: bool,
    pub(super) found: Loaded,
    /// How many steps the walk has taken.
    steps: Cell<usize>,
    /// The names that registry and reader know, listed at most once.
    index: OnceCell<NameIndex>,
}

/// What an attempt got from the reader.
#[derive(Default)]
pub(super) struct Loaded {
    /// New modules with the names under which they were asked for, oldest first.
    pub(super) modules: Vec<(Arc<str>, Module)>,
    pub(super) buffers: Buffers,
}

/// A graph that can be brought to life.
pub(super) struct Plan {
    pub(super) graph: Graph<Module>,
    /// Modules to instantiate, dependencies first, and how each of their imports is satisfied.
    pub(super) steps: Vec<(usize, Vec<Resolution>)>,
    /// Imports, as module name and name, that the host satisfies although there is such a module.
    pub(super) shadowed: Vec<(String, String)>,
}

impl<'a, T: 'static> Loading<'a, T> {
    pub(super) fn new(
        engine: &'a Engine,
        registry: Arc<Registry>,
        reader: Option<&'a Arc<dyn ModuleReader>>,
        definitions: &'a Definitions<T>,
        naming: &'a Arc<Naming>,
        account: &'a Account,
    ) -> Self {
        Self {
            engine: engine.under(Clock::new(engine.config().limits.deadline, None)),
            registry,
            reader,
            definitions,
            naming,
            core: None,
            account,
            state: None,
            more_of_host: false,
            stands_in: false,
            anew: false,
            found: Loaded::default(),
            steps: Cell::new(0),
            index: OnceCell::new(),
        }
    }

    /// The module of a name, or of the highest version that satisfies it, from the registry or the
    /// reader; with its own name.
    pub(super) fn root(&mut self, name: &str) -> Result<(Arc<str>, Module), Error> {
        let mut own: Arc<str> = name.into();
        let mut found = None;
        if !is_builtin(name) {
            found = self.open(&own, &|| vec![own.to_string()])?;
        }
        if found.is_none()
            && let Some(version) = self.version(name, self.naming.versions)
        {
            own = version.into();
            found = self.open(&own, &|| vec![own.to_string()])?;
        }
        let Some(opened) = found else {
            let Missing {
                asked,
                versions,
                nearest,
            } = Missing::of(self, name, &mut Guesses::default());
            return Err(LinkError::NotFound {
                name: name.to_owned(),
                asked,
                versions,
                nearest,
            }
            .into());
        };
        Ok((own, opened.unit))
    }

    /// Whether there is a module of a name, or of a version that satisfies it.
    pub(super) fn has(&mut self, name: &str) -> Result<bool, Error> {
        if is_builtin(name) {
            return Ok(false);
        }
        let found = self.open(name, &|| vec![name.to_owned()])?;
        Ok(found.is_some() || self.version(name, self.naming.versions).is_some())
    }

    /// The plan of the graph under a root. `name` is the name by which the root was just loaded, if
    /// it was.
    pub(super) fn plan(&mut self, name: Option<&str>, root: &Module) -> Result<Plan, Error> {
        let mut graph = Graph::new(self.engine.config().limits.modules, Arc::clone(self.naming));
        // An import of the name that the embedder gave the root means the root. The name in the
        // root's name section is for people only.
        let given = name
            .or_else(|| self.registry.name_of(root))
            .or(root.0.name.as_deref());
        let is_taken = |name| {
            self.registry
                .find(name)
                .is_some_and(|found| !found.same(root))
        };
        let owns_name = given.is_some_and(|name| !is_taken(name) && !is_builtin(name));
        let label = given.or(root.name()).unwrap_or(UNNAMED).to_owned();
        graph.visit(self, &label, owns_name, root.clone())?;
        let mut steps = Vec::with_capacity(graph.order().len());
        let mut shadowed = Vec::new();
        for node in graph.order().to_vec() {
            let resolutions = graph.resolve(self, node)?.map_err(LinkError::from)?;
            let imports = graph.unit(node).0.imports.iter();
            for (import, resolution) in imports.zip(&resolutions) {
                let module = graph.stands_for(node, &import.module);
                if *resolution == Resolution::Host && self.has_module(module) {
                    shadowed.push((module.to_owned(), import.name.to_string()));
                }
            }
            steps.push((node, resolutions));
        }
        Ok(Plan {
            graph,
            steps,
            shadowed,
        })
    }

    /// Makes a module of a buffer that the reader gave out. Where the reader wants the buffer back, the
    /// module gets bytes of its own; else it gets the buffer.
    fn make(
        &mut self,
        reader: &Arc<dyn ModuleReader>,
        name: &Arc<str>,
        bytes: Cow<'static, [u8]>,
    ) -> Result<Module, Error> {
        let wanted = reader.wants_back(name, &bytes);
        let copied = match &bytes {
            Cow::Owned(bytes) if wanted => bytes.len(),
            _ => 0,
        };
        let room = hold_weight(reader.weight(name, &bytes), self.account);
        let buffer = self.account.hold(copied, "a buffer of a reader");
        let (room, buffer) = match room.and_then(|room| Ok((room, buffer?))) {
            Ok(held) => held,
            Err(full) => {
                reader.destroy(name, bytes);
                return Err(full.into());
            }
        };
        let own = if wanted {
            let own = bytes.clone();
            self.found.buffers.keep(reader, name, bytes, buffer);
            own
        } else {
            bytes
        };
        let module = reader.module(&self.engine, name, own)?;
        if !module.engine().same(&self.engine) {
            return Err(Error::usage(
                "expected a module of the linker's engine from the reader, found one of another engine",
            ));
        }
        drop(room);
        module.inner().weight.hold_in(self.account)?;
        Ok(module)
    }

    /// Makes this an attempt for a store.
    pub(super) fn for_store(mut self, core: &'a StoreCore) -> Self {
        self.core = Some(core);
        self.account = &core.account;
        self.engine = self.engine.under(core.meter.clock());
        self.state = self.definitions.store(core.id);
        self
    }

    /// What the attempt got from the reader.
    pub(super) fn into_found(self) -> Loaded {
        self.found
    }

    /// A module that was found. Its imports are settled where it has an instance already.
    fn opened(&self, unit: Module) -> Opened<Module> {
        let settled = self
            .store()
            .is_some_and(|store| store.instance(&unit).is_some());
        Opened { unit, settled }
    }

    /// What is known of the store, where instances that live there already count.
    fn store(&self) -> Option<&StoreState> {
        self.state.as_deref().filter(|_| !self.anew)
    }

    /// Whether there is a module of a name, as far as registry and index tell without reading a
    /// module.
    fn has_module(&self, name: &str) -> bool {
        !is_builtin(name)
            && (self.registry.find(name).is_some()
                || self.index().find(name, self.naming.versions).is_some())
    }
}

impl<T: 'static> Source for Loading<'_, T> {
    type Unit = Module;
    type Error = Error;

    fn id(&self, unit: &Module) -> usize {
        id_of(unit)
    }

    fn imports<'u>(
        &self,
        unit: &'u Module,
    ) -> impl Iterator<Item = (&'u str, &'u str, ExternType)> {
        unit.imports()
            .map(|import| (import.module, import.name, import.ty))
    }

    fn export(&self, unit: &Module, name: &str) -> Option<ExternType> {
        // Memories and tables of a module that lives already count with their current sizes.
        let living = self.store().and_then(|store| store.instance(unit));
        match (living, self.core) {
            (Some(instance), Some(core)) => Some(instance.export_in(core, name)?.ty_in(core)),
            _ => unit.export(name),
        }
    }

    fn export_index(&self, unit: &Module, name: &str) -> Option<u32> {
        unit.0.export(name).map(ExportKind::index)
    }

    fn starts(&self, unit: &Module) -> bool {
        unit.0.start.is_some()
            || REACTOR_STARTS
                .iter()
                .any(|name| unit.0.export(name).is_some())
    }

    fn export_names<'u>(&self, unit: &'u Module) -> impl Iterator<Item = &'u str> {
        unit.0.exports.iter().map(|(name, _)| &**name)
    }

    fn host(&self, module: &str, name: &str) -> Option<HostDefinition> {
        let later = || (self.more_of_host && is_builtin(module)).then_some(HostDefinition::Untyped);
        self.definitions
            .find(self.core, module, name)
            .or_else(later)
    }

    fn host_names(&self, module: &str) -> Vec<&str> {
        self.definitions.names(module)
    }

    fn open(
        &mut self,
        name: &str,
        chain: &dyn Fn() -> Vec<String>,
    ) -> Result<Option<Opened<Module>>, Error> {
        if let Some(module) = self.registry.find(name) {
            return Ok(Some(self.opened(module.clone())));
        }
        let Some(reader) = self.reader else {
            return Ok(None);
        };
        let left = self.account.left();
        let read = reader.read_within(name, left);
        let read = read.map_err(|source| LinkError::Read {
            module: name.to_owned(),
            chain: chain(),
            source: match source {
                ReadError::TooLarge { limit_bytes, .. } if limit_bytes == left as u64 => {
                    let more = left.saturating_add(1);
                    ReadError::other(self.account.full(more, "the beginning of a module"))
                }
                source => source,
            },
        })?;
        let Some(bytes) = read else {
            return Ok(None);
        };
        let asked_as: Arc<str> = name.into();
        let made = self.make(reader, &asked_as, bytes);
        let module = made.map_err(|source| LinkError::Load {
            module: name.to_owned(),
            chain: chain(),
            source,
        })?;
        self.found.modules.push((asked_as, module.clone()));
        Ok(Some(self.opened(module)))
    }

    fn index(&self) -> &NameIndex {
        self.index.get_or_init(|| {
            let read = self.reader.map_or_else(Vec::new, |reader| reader.names());
            let registered = self.registry.names().map(Arc::<str>::from);
            NameIndex::new(registered.chain(read.into_iter().map(Arc::from)))
        })
    }

    fn has_name(&self, unit: &Module, name: &str) -> bool {
        let found = self.registry.find(name);
        found.is_some_and(|found| found.same(unit))
    }

    fn asked(&self) -> Vec<String> {
        let asked = self.reader.map(|reader| reader.describe());
        asked.into_iter().collect()
    }

    fn fault(&mut self, fault: GraphError) -> Result<(), Error> {
        Err(LinkError::from(fault).into())
    }

    fn step(&self) -> Result<(), Error> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps.is_multiple_of(STEPS) {
            let going_on = self.engine.clock().check();
            going_on.map_err(|code| Watch::trap(code, "linking"))?;
        }
        Ok(())
    }

    fn stands_in(&self) -> bool {
        self.stands_in
    }
}
