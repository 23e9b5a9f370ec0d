//! The walk over a graph of modules: which modules a root needs, in which order they come to life,
//! and what is wrong with them. One walk for the linker and for the check of a bundle. Knows types
//! and names; where modules come from is the [`Source`]'s business.
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

/// At most this many unsatisfied imports of a module are told.
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
    /// The modules by the names that were asked for, and by their own names. `None` where there is
    /// no such module.
    by_name: HashMap<Arc<str>, Option<usize>>,
    by_id: HashMap<usize, usize>,
    /// The numbers of the modules, dependencies before the modules that need them, in import order.
    /// Settled modules are left out.
    order: Vec<usize>,
    /// How many modules the graph may have.
    limit: usize,
    /// Whether code has run before the module that is resolved next comes to life.
    started: bool,
}

#[derive(Debug)]
struct Node<U> {
    /// The module's own name, with its whole version.
    name: Arc<str>,
    unit: U,
    /// The number of the module that needed this one first.
    parent: Option<usize>,
    state: State,
    imported: Imported,
}

/// The memories and tables that a module imports, which can be larger than the module declares, in
/// the order of its index spaces. `None` is one of an unknown type. Empty before the module is
/// resolved.
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
    /// What the module needs was not looked at yet.
    New,
    /// The module is on the current path, at this depth.
    OnPath(usize),
    /// Everything that the module needs was met, or the module is settled.
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

    /// A graph of at most `limit` modules, whose imports are taken by `naming`.
    #[must_use]
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

    /// Visits a root and everything that it needs; returns the root's number. `owns_name` says
    /// whether an import from the module name `name` means this root.
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
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// A module of the graph.
    #[must_use]
    pub fn unit(&self, node: usize) -> &U {
        &self.nodes[node].unit
    }

    /// The name of a module in the graph.
    #[must_use]
    pub fn name(&self, node: usize) -> &str {
        &self.nodes[node].name
    }

    /// The module name that an import from `module` by the module `node` stands for.
    #[must_use]
    pub fn stands_for<'n>(&'n self, node: usize, module: &'n str) -> &'n str {
        match self.naming.target(module) {
            // The alias does not apply to the module that it names, which can so stand in between.
            Some(to) if self.by_name.get(to) != Some(&Some(node)) => to,
            _ => module,
        }
    }

    /// The names from the root to a module, both included.
    #[must_use]
    pub fn chain(&self, node: usize) -> Vec<String> {
        let up = std::iter::successors(Some(node), |node| self.nodes[*node].parent);
        let mut chain: Vec<String> = up.map(|node| self.name(node).to_owned()).collect();
        chain.reverse();
        chain
    }

    /// Says that code may run before any of the modules comes to life, and may grow what they
    /// import.
    pub(super) fn expect_starts(&mut self) {
        self.started = true;
    }

    /// How each import of a module is satisfied, in import order. Modules have to be resolved in
    /// the order in which they come to life: the types of what a module imports and exports again
    /// are then known.
    ///
    /// # Errors
    /// The outer error is what the source ends the walk with. The inner error is
    /// [`GraphError::Imports`], with the unsatisfied imports of the module.
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

    /// How one import is satisfied, and the type of what satisfies it, where that is known. The
    /// error is the type of what was found instead, if anything was. `module` is what the import's
    /// module name stands for.
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

    /// The type of an export, `None` where there is no such export. For a memory or table that the
    /// module imports and exports again, this is the type of what was imported, not the declared
    /// type; the inner `None` means that this type is unknown.
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

    /// The module that `node` needs under a name, which is added to the graph if it is new. `None`
    /// where there is no such module, or the graph is full.
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

    /// The module of a name, else the module of the highest version that satisfies the name.
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

    /// Adds a module that was found under its own name, because `node` needs it.
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

    /// The names from the root to a module, and the name of one that this module needs.
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
            // Imports from one module mostly stand together. Where they do not, the module is
            // needed twice, and known the second time.
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

    /// Learns which of the aliases that a module imports from name the module itself, by another
    /// name than its own, as by a part of its version.
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

/// The type that a memory or table may have by now, where code could grow it: as large as is
/// expected, if its maximum allows that. Other types stay what they are.
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

/// The unsatisfied imports of a module: the first are told, and the others counted.
#[derive(Default)]
struct Failures<'n> {
    told: Vec<ImportFailure>,
    more: usize,
    /// Missing modules, each with the index in `told` of the first import from it.
    missing: HashMap<&'n str, usize>,
    guesses: Guesses,
}

impl<'n> Failures<'n> {
    /// Adds an import: its module name as the module says it and as it is taken, its name, and what
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
            alias_of: (module != imported).then(|| module.to_owned()),
            ..ImportFailure::new(imported, name, expected.clone(), found)
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
