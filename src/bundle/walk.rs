//! The walk over a graph of modules: which modules a root needs, in which order they come to life,
//! and what is wrong with them. One walk for the linker and for the build script, which takes this
//! file by its path. Knows types and names; where modules come from is the [`Source`]'s business.
//!
//! The walk goes depth first in the order of the import sections, with a work list: the depth of a
//! graph, which a guest chooses, never becomes depth of the native stack.

use std::collections::HashMap;
use std::sync::Arc;

use super::fault::{Found, GraphError, ImportFailure};
use super::names;
use super::naming::Naming;
use super::source::{HostDefinition, Missing, Opened, Source};
use crate::types::ExternType;

/// How an import is satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// By the host.
    Host,
    /// By the module with this number in the graph.
    Module(usize),
    /// Not at all: a function that traps stands in.
    StandIn,
}

/// The modules that a walk has met.
pub(crate) struct Graph<U> {
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
}

struct Node<U> {
    /// Its own, with its whole version.
    name: Arc<str>,
    unit: U,
    /// Who asked for it first.
    parent: Option<usize>,
    state: State,
}

#[derive(Clone, Copy)]
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
    pub(crate) const ROOT: usize = 0;

    /// A graph of at most so many modules, whose imports are taken so.
    pub(crate) fn new(limit: usize, naming: Arc<Naming>) -> Self {
        Self {
            naming,
            nodes: Vec::new(),
            by_name: HashMap::new(),
            by_id: HashMap::new(),
            order: Vec::new(),
            limit,
        }
    }

    /// Meets a root, and everything that it needs. `owns_name`: whether an import of the module
    /// name `name` means this root. Gives its number.
    ///
    /// # Errors
    /// What the source ends the walk with.
    pub(crate) fn visit<S: Source<Unit = U>>(
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
        let mut path = vec![self.enter(source, root, 0)];
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
                State::New => path.push(self.enter(source, needed, path.len())),
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
    pub(crate) fn order(&self) -> &[usize] {
        &self.order
    }

    pub(crate) fn unit(&self, node: usize) -> &U {
        &self.nodes[node].unit
    }

    pub(crate) fn name(&self, node: usize) -> &str {
        &self.nodes[node].name
    }

    /// The module name that an import from `module` by a module of the graph stands for.
    pub(crate) fn stands_for<'n>(&'n self, node: usize, module: &'n str) -> &'n str {
        match self.naming.target(module) {
            // The module that an alias names has what it asks for: so it can stand between.
            Some(to) if self.by_name.get(to) != Some(&Some(node)) => to,
            _ => module,
        }
    }

    /// The names from the root to a module, both included.
    pub(crate) fn chain(&self, node: usize) -> Vec<String> {
        let up = std::iter::successors(Some(node), |node| self.nodes[*node].parent);
        let mut chain: Vec<String> = up.map(|node| self.name(node).to_owned()).collect();
        chain.reverse();
        chain
    }

    /// How each import of a module is satisfied, in import order.
    ///
    /// # Errors
    /// [`GraphError::Imports`] with all imports of the module that are not.
    pub(crate) fn resolve<S: Source<Unit = U>>(
        &self,
        source: &S,
        node: usize,
    ) -> Result<Vec<Resolution>, GraphError> {
        let mut resolutions = Vec::new();
        let mut failures: Vec<ImportFailure> = Vec::new();
        // Missing modules, and where in `failures` their first import stands.
        let mut missing: HashMap<&str, usize> = HashMap::new();
        for (imported, name, expected) in source.imports(self.unit(node)) {
            let module = self.stands_for(node, imported);
            let found = match self.look_up(source, module, name, &expected) {
                Ok(resolution) => {
                    resolutions.push(resolution);
                    continue;
                }
                Err(found) => found,
            };
            if matches!(found, Found::NoModule { .. }) {
                if let Some(&first) = missing.get(module) {
                    if let Found::NoModule { others, .. } = &mut failures[first].found {
                        *others += 1;
                    }
                    continue;
                }
                missing.insert(module, failures.len());
            }
            failures.push(ImportFailure {
                module: imported.to_owned(),
                alias_of: (module != imported).then(|| module.to_owned()),
                name: name.to_owned(),
                expected,
                found,
            });
        }
        if failures.is_empty() {
            return Ok(resolutions);
        }
        Err(GraphError::Imports {
            module: self.name(node).to_owned(),
            chain: self.chain(node),
            failures,
        })
    }

    /// How one import is satisfied, or what was found instead; `module` is what it stands for.
    fn look_up<S: Source<Unit = U>>(
        &self,
        source: &S,
        module: &str,
        name: &str,
        expected: &ExternType,
    ) -> Result<Resolution, Found> {
        let fits = |found: ExternType, resolution| {
            if found.matches(expected) {
                Ok(resolution)
            } else {
                Err(Found::Other(found))
            }
        };
        match source.host(module, name) {
            Some(HostDefinition::Typed(found)) => return fits(found, Resolution::Host),
            Some(HostDefinition::Untyped) => return Ok(Resolution::Host),
            None => {}
        }
        let exporter = self.by_name.get(module).copied().flatten();
        if let Some(exporter) = exporter
            && let Some(found) = source.export(self.unit(exporter), name)
        {
            return fits(found, Resolution::Module(exporter));
        }
        if source.stands_in() && matches!(expected, ExternType::Func(_)) {
            return Ok(Resolution::StandIn);
        }
        let of_host = source.host_names(module);
        let nearest_of_host =
            || names::nearest(name, of_host.iter().copied()).map(ToOwned::to_owned);
        Err(if let Some(exporter) = exporter {
            let exports = source.export_names(self.unit(exporter));
            Found::NoExport {
                nearest: names::nearest(name, exports).map(ToOwned::to_owned),
            }
        } else if names::is_wasi(module) && of_host.is_empty() {
            Found::Wasi
        } else if names::is_builtin(module) {
            Found::NoDefinition {
                nearest: nearest_of_host(),
            }
        } else if !of_host.is_empty() {
            Found::NoExport {
                nearest: nearest_of_host(),
            }
        } else {
            let Missing {
                asked,
                versions,
                nearest,
            } = Missing::of(source, module);
            Found::NoModule {
                asked,
                versions,
                nearest,
                others: 0,
            }
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
        });
        node
    }

    /// Puts a module on the path, with the names that it needs.
    fn enter<S: Source<Unit = U>>(&mut self, source: &S, node: usize, depth: usize) -> Visit {
        self.learn_aliases(source, node);
        let mut needs: Vec<Arc<str>> = Vec::new();
        let mut last = None;
        for (imported, name, _) in source.imports(self.unit(node)) {
            let module = self.stands_for(node, imported);
            // Imports of one module mostly stand together; those that do not are met twice, and
            // the second time the module is known.
            if last == Some(module) || names::is_builtin(module) {
                continue;
            }
            if source.host(module, name).is_none() {
                needs.push(module.into());
                last = Some(module);
            }
        }
        needs.reverse();
        self.nodes[node].state = State::OnPath(depth);
        Visit { node, needs }
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
