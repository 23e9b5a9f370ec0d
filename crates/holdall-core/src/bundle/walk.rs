//! The walk over a graph of modules: which modules a root needs, in which order they come to life,
//! and what is wrong with them. One walk for the linker and for the build script, which takes this
//! file by its path. Knows types and names; where modules come from is the [`Source`]'s business.
//!
//! The walk goes depth first in the order of the import sections, with a work list: the depth of a
//! graph, which a guest chooses, never becomes depth of the native stack.

use std::collections::HashMap;
use std::sync::Arc;

use super::graph_error::{Found, GraphError, ImportFailure};
use super::naming::{Naming, is_builtin, is_wasi};
use super::nearest::Guesses;
use super::source::{HostDefinition, Missing, Opened, Source};
use crate::types::ExternType;

/// At most this many imports of a module are told that are not satisfied.
const MAX_TOLD: usize = 20;

/// How an import is satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// By the host.
    Host,
    /// By the module with this number in the graph.
    Module(usize),
    /// Not at all: a function that traps stands in.
    StandIn,
}

/// The modules that a walk has met.
#[derive(Debug)]
pub struct Graph<U> {
    naming: Arc<Naming>,
    nodes: Vec<Node<U>>,
    /// The names that were asked for and those of the modules that were found. `None`: there is no
    /// such module.
    by_name: HashMap<Arc<str>, Option<usize>>,
    by_id: HashMap<usize, usize>,
    /// Dependencies before those that need them, in import order; without the settled.
    order: Vec<usize>,
    /// How many modules it may have.
    limit: usize,
    /// Whether code ran before the module comes to life that is resolved next.
    started: bool,
}

#[derive(Debug)]
struct Node<U> {
    /// Its own, with its whole version.
    name: Arc<str>,
    unit: U,
    /// Who asked for it first.
    parent: Option<usize>,
    state: State,
    imported: Imported,
}

/// What a module has imported of what can be larger than it declares, in the order of its index
/// spaces; `None` is something whose type nobody said. Empty before the module is resolved.
#[derive(Debug, Default)]
struct Imported {
    memories: Vec<Option<ExternType>>,
    tables: Vec<Option<ExternType>>,
}

impl Imported {
    fn push(&mut self, expected: &ExternType, found: Option<ExternType>) {
        match expected {
            ExternType::Memory(_) => self.memories.push(found),
            ExternType::Table(_) => self.tables.push(found),
            _ => {}
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Its needs were not looked at yet.
    New,
    /// It stands on the current path, this deep.
    OnPath(usize),
    /// Everything that it needs was met, or it is settled.
    Done,
}

/// A module on the current path.
struct Visit {
    node: usize,
    /// The module names that its imports stand for, in their order, last first.
    needs: Vec<Arc<str>>,
}

impl<U> Graph<U> {
    /// The number of the first root.
    pub const ROOT: usize = 0;

    /// A graph of at most so many modules, whose imports are taken so.
    pub fn new(limit: usize, naming: Arc<Naming>) -> Self {
        Self {
            naming,
            nodes: Vec::new(),
            by_name: HashMap::new(),
            by_id: HashMap::new(),
            order: Vec::new(),
            limit,
            started: false,
        }
    }

    /// Meets a root, and everything that it needs. `owns_name`: whether an import of the module
    /// name `name` means this root. Gives its number.
    ///
    /// # Errors
    /// What the source ends the walk with.
    pub fn visit<S: Source<Unit = U>>(
        &mut self,
        source: &mut S,
        name: &str,
        owns_name: bool,
        root: U,
    ) -> Result<usize, S::Error> {
        let id = source.id(&root);
        if let Some(&known) = self.by_id.get(&id) {
            return Ok(known);
        }
        let name: Arc<str> = name.into();
        let root = self.add(id, Arc::clone(&name), root, None);
        if owns_name {
            self.by_name.insert(name, Some(root));
        }
        let mut path = vec![self.enter(source, root, 0)?];
        while let Some(visit) = path.last_mut() {
            let node = visit.node;
            let Some(name) = visit.needs.pop() else {
                self.nodes[node].state = State::Done;
                self.order.push(node);
                path.pop();
                continue;
            };
            let Some(needed) = self.need(source, node, &name)? else {
                continue;
            };
            match self.nodes[needed].state {
                State::New => path.push(self.enter(source, needed, path.len())?),
                State::Done => {}
                State::OnPath(from) => {
                    let circle = path[from..].iter().map(|visit| visit.node);
                    let circle = circle
                        .chain([needed])
                        .map(|node| self.name(node).to_owned());
                    source.fault(GraphError::Cycle {
                        path: circle.collect(),
                    })?;
                }
            }
        }
        Ok(root)
    }

    /// The modules to bring to life: dependencies first, in import order.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// A module of the graph.
    pub fn unit(&self, node: usize) -> &U {
        &self.nodes[node].unit
    }

    /// The name of a module in the graph.
    pub fn name(&self, node: usize) -> &str {
        &self.nodes[node].name
    }

    /// The module name that an import from `module` by a module of the graph stands for.
    pub fn stands_for<'n>(&'n self, node: usize, module: &'n str) -> &'n str {
        match self.naming.target(module) {
            // The module that an alias names has what it asks for: so it can stand between.
            Some(to) if self.by_name.get(to) != Some(&Some(node)) => to,
            _ => module,
        }
    }

    /// The names from the root to a module, both included.
    pub fn chain(&self, node: usize) -> Vec<String> {
        let up = std::iter::successors(Some(node), |node| self.nodes[*node].parent);
        let mut chain: Vec<String> = up.map(|node| self.name(node).to_owned()).collect();
        chain.reverse();
        chain
    }

    /// Says that code runs before any of the modules comes to life, which may grow what they import.
    pub fn expect_starts(&mut self) {
        self.started = true;
    }

    /// How each import of a module is satisfied, in import order. Modules are resolved in the order in
    /// which they come to life: what one exports again is known from what it has imported.
    ///
    /// # Errors
    /// What the source ends the walk with; within it, [`GraphError::Imports`] with the imports of the
    /// module that are not satisfied.
    pub fn resolve<S: Source<Unit = U>>(
        &mut self,
        source: &S,
        node: usize,
    ) -> Result<Result<Vec<Resolution>, GraphError>, S::Error> {
        let mut resolutions = Vec::new();
        let mut imported = Imported::default();
        let mut failures = Failures::default();
        for (from, name, expected) in source.imports(self.unit(node)) {
            source.step()?;
            let module = self.stands_for(node, from);
            match self.look_up(source, module, name, &expected) {
                Ok((resolution, found)) => {
                    resolutions.push(resolution);
                    imported.push(&expected, found);
                }
                Err(found) => {
                    failures.add(self, source, (from, module), name, &expected, found);
                    imported.push(&expected, Some(expected.clone()));
                }
            }
        }
        let Failures { told, more, .. } = failures;
        self.started |= source.starts(self.unit(node));
        self.nodes[node].imported = imported;
        if told.is_empty() {
            return Ok(Ok(resolutions));
        }
        Ok(Err(GraphError::Imports {
            module: self.name(node).to_owned(),
            chain: self.chain(node),
            failures: told,
            more,
        }))
    }

    /// How one import is satisfied, and by something of which type, where that is known; or what was
    /// found instead, if anything. `module` is what its module name stands for.
    fn look_up<S: Source<Unit = U>>(
        &self,
        source: &S,
        module: &str,
        name: &str,
        expected: &ExternType,
    ) -> Result<(Resolution, Option<ExternType>), Option<ExternType>> {
        let (found, resolution) = match source.host(module, name) {
            Some(HostDefinition::Typed(found)) => (Some(found), Resolution::Host),
            Some(HostDefinition::Untyped) => return Ok((Resolution::Host, None)),
            None => {
                let exporter = self.by_name.get(module).copied().flatten();
                match exporter.and_then(|it| Some((it, self.exported(source, it, name)?))) {
                    Some((exporter, found)) => (found, Resolution::Module(exporter)),
                    None if source.stands_in() && matches!(expected, ExternType::Func(_)) => {
                        return Ok((Resolution::StandIn, None));
                    }
                    None => return Err(None),
                }
            }
        };
        let fits = match &found {
            Some(found) if self.started => grown(found, expected).matches(expected),
            Some(found) => found.matches(expected),
            None => matches!(expected, ExternType::Memory(_) | ExternType::Table(_)),
        };
        if fits {
            Ok((resolution, found))
        } else {
            Err(found)
        }
    }

    /// The type of what a module exports: of what it has imported, if it exports that again, and not
    /// as it declares it. Within it, `None` for a memory or table whose type nobody said.
    fn exported<S: Source<Unit = U>>(
        &self,
        source: &S,
        node: usize,
        name: &str,
    ) -> Option<Option<ExternType>> {
        let Node { unit, imported, .. } = &self.nodes[node];
        let declared = source.export(unit, name)?;
        let there = match declared {
            ExternType::Memory(_) => &imported.memories,
            ExternType::Table(_) => &imported.tables,
            _ => return Some(Some(declared)),
        };
        let index = source.export_index(unit, name)?;
        Some(match there.get(index as usize) {
            Some(Some(found)) => Some(found.clone()),
            Some(None) => None,
            None => Some(declared),
        })
    }

    /// The module that `node` needs under a name, met now where it was not met before; `None` where
    /// there is none or its edge does not count.
    fn need<S: Source<Unit = U>>(
        &mut self,
        source: &mut S,
        node: usize,
        name: &Arc<str>,
    ) -> Result<Option<usize>, S::Error> {
        let needed = self.find(source, node, name)?;
        if let Some(needed) = needed
            && matches!(
                source.export(self.unit(needed), "_start"),
                Some(ExternType::Func(_))
            )
            && ![name, self.name(needed)]
                .iter()
                .any(|name| self.naming.uses_exports(name))
        {
            source.fault(GraphError::Command {
                module: self.name(needed).to_owned(),
                chain: self.chain_to(node, self.name(needed)),
            })?;
        }
        Ok(needed)
    }

    /// The module of a name, else that of the highest version that satisfies the name.
    fn find<S: Source<Unit = U>>(
        &mut self,
        source: &mut S,
        node: usize,
        name: &Arc<str>,
    ) -> Result<Option<usize>, S::Error> {
        if let Some(known) = self.by_name.get(name) {
            return Ok(*known);
        }
        let mut found = self.find_exact(source, node, name)?;
        if found.is_none()
            && let Some(own) = source.version(name, self.naming.versions)
        {
            found = self.find_exact(source, node, &own.into())?;
            self.by_name.insert(Arc::clone(name), found);
        }
        Ok(found)
    }

    /// The module of exactly this name, which the source is asked for once.
    fn find_exact<S: Source<Unit = U>>(
        &mut self,
        source: &mut S,
        node: usize,
        name: &Arc<str>,
    ) -> Result<Option<usize>, S::Error> {
        if let Some(known) = self.by_name.get(name) {
            return Ok(*known);
        }
        let found = match source.open(name, &|| self.chain_to(node, name))? {
            Some(opened) => self.meet(source, node, name, opened)?,
            None => None,
        };
        self.by_name.insert(Arc::clone(name), found);
        Ok(found)
    }

    /// Takes in a module that was found under its own name, because `node` needs it.
    fn meet<S: Source<Unit = U>>(
        &mut self,
        source: &mut S,
        node: usize,
        name: &Arc<str>,
        opened: Opened<U>,
    ) -> Result<Option<usize>, S::Error> {
        let id = source.id(&opened.unit);
        if let Some(known) = self.by_id.get(&id) {
            return Ok(Some(*known));
        }
        if self.nodes.len() >= self.limit {
            source.fault(GraphError::TooMany {
                module: name.to_string(),
                chain: self.chain_to(node, name),
                limit: self.limit,
            })?;
            return Ok(None);
        }
        let added = self.add(id, Arc::clone(name), opened.unit, Some(node));
        if opened.settled {
            self.nodes[added].state = State::Done;
        }
        Ok(Some(added))
    }

    /// The names from the root to a module and to one more that it needs.
    fn chain_to(&self, node: usize, name: &str) -> Vec<String> {
        let mut chain = self.chain(node);
        chain.push(name.to_owned());
        chain
    }

    fn add(&mut self, id: usize, name: Arc<str>, unit: U, parent: Option<usize>) -> usize {
        let node = self.nodes.len();
        self.by_id.insert(id, node);
        self.nodes.push(Node {
            name,
            unit,
            parent,
            state: State::New,
            imported: Imported::default(),
        });
        node
    }

    /// Puts a module on the path, with the names that it needs.
    fn enter<S: Source<Unit = U>>(
        &mut self,
        source: &S,
        node: usize,
        depth: usize,
    ) -> Result<Visit, S::Error> {
        self.learn_aliases(source, node);
        let mut needs: Vec<Arc<str>> = Vec::new();
        let mut last = None;
        for (imported, name, _) in source.imports(self.unit(node)) {
            source.step()?;
            let module = self.stands_for(node, imported);
            // Imports of one module mostly stand together; those that do not are met twice, and
            // the second time the module is known.
            if last == Some(module) || is_builtin(module) {
                continue;
            }
            if source.host(module, name).is_none() {
                needs.push(module.into());
                last = Some(module);
            }
        }
        needs.reverse();
        self.nodes[node].state = State::OnPath(depth);
        Ok(Visit { node, needs })
    }

    /// Learns which aliases of those that a module imports from name that module by another name
    /// than its own, as by a version.
    fn learn_aliases<S: Source<Unit = U>>(&mut self, source: &S, node: usize) {
        let naming = Arc::clone(&self.naming);
        if naming.aliases().next().is_none() {
            return;
        }
        let is_own = |name: &str| {
            self.by_name.get(name) == Some(&Some(node)) || source.has_name(self.unit(node), name)
        };
        let imports = source.imports(self.unit(node));
        let own: Vec<&str> = imports
            .filter_map(|(module, _, _)| naming.target(module))
            .filter(|to| !self.by_name.contains_key(*to))
            .filter(|to| is_own(to) || source.version(to, naming.versions).is_some_and(is_own))
            .collect();
        for to in own {
            self.by_name.insert(to.into(), Some(node));
        }
    }
}

/// What a memory or table may have become that code could grow: as large as is expected, where its
/// maximum allows that. Anything else stays what it is.
fn grown(found: &ExternType, expected: &ExternType) -> ExternType {
    let mut found = found.clone();
    match (&mut found, expected) {
        (ExternType::Memory(found), ExternType::Memory(expected)) => {
            found.min = found
                .min
                .max(expected.min.min(found.max.unwrap_or(u64::MAX)));
        }
        (ExternType::Table(found), ExternType::Table(expected)) => {
            found.min = found
                .min
                .max(expected.min.min(found.max.unwrap_or(u64::MAX)));
        }
        _ => {}
    }
    found
}

/// The imports of a module that are not satisfied: the first are told, and the others counted.
#[derive(Default)]
struct Failures<'n> {
    told: Vec<ImportFailure>,
    more: usize,
    /// Missing modules, and where in `told` their first import stands.
    missing: HashMap<&'n str, usize>,
    guesses: Guesses,
}

impl<'n> Failures<'n> {
    /// Adds an import by its module name as the module says it and as it is taken, its name, and what
    /// was found of another type.
    fn add<S: Source>(
        &mut self,
        graph: &Graph<S::Unit>,
        source: &S,
        (imported, module): (&'n str, &'n str),
        name: &str,
        expected: &ExternType,
        found: Option<ExternType>,
    ) {
        if let Some(&first) = self.missing.get(module)
            && let Found::NoModule { others, .. } = &mut self.told[first].found
        {
            *others += 1;
            return;
        }
        if self.told.len() >= MAX_TOLD {
            self.more += 1;
            return;
        }
        let found = match found {
            Some(found) => Found::Other(found),
            None => self.nothing(graph, source, module, name),
        };
        if matches!(found, Found::NoModule { .. }) {
            self.missing.insert(module, self.told.len());
        }
        self.told.push(ImportFailure {
            module: imported.to_owned(),
            alias_of: (module != imported).then(|| module.to_owned()),
            name: name.to_owned(),
            expected: expected.clone(),
            found,
        });
    }

    /// What is told where nothing was found under a name.
    fn nothing<S: Source>(
        &mut self,
        graph: &Graph<S::Unit>,
        source: &S,
        module: &str,
        name: &str,
    ) -> Found {
        if let Some(exporter) = graph.by_name.get(module).copied().flatten() {
            let exports = source.export_names(graph.unit(exporter));
            let nearest = self.guesses.nearest(name, exports);
            return Found::NoExport {
                nearest: nearest.map(ToOwned::to_owned),
            };
        }
        let of_host = source.host_names(module);
        if is_wasi(module) && of_host.is_empty() {
            return Found::Wasi;
        }
        if !is_builtin(module) && of_host.is_empty() {
            let missing = Missing::of(source, module, &mut self.guesses);
            return Found::NoModule {
                asked: missing.asked,
                versions: missing.versions,
                nearest: missing.nearest,
                others: 0,
            };
        }
        let nearest = self.guesses.nearest(name, of_host);
        let nearest = nearest.map(ToOwned::to_owned);
        if is_builtin(module) {
            Found::NoDefinition { nearest }
        } else {
            Found::NoExport { nearest }
        }
    }
}
