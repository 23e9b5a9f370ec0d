//! Snapshots: a graph's state as data, with marks by which another graph is noticed. What the state
//! of an instance is, `store/state` knows.

#[cfg(feature = "serde")]
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use super::definitions::StoreState;
use super::load_graph::Plan;
use crate::bundle::{Graph, Resolution};
use crate::module::Module;
use crate::store::{
    Extern, Fault, Fitting, Instance, InstanceState, StateBytes, StoreCore, capture,
};
use crate::types::Mutability;

/// The state of all instances of a graph, as [`Linker::snapshot`](super::Linker::snapshot) captured
/// it: memories, tables, mutable globals, and which segments were dropped. It is plain data, of no
/// store and no engine, and
/// [`Linker::instantiate_from`](super::Linker::instantiate_from) brings the same graph to life from
/// it, as often as one likes.
///
/// It holds what modules define and guests can change. It does not hold what the host keeps: files
/// and streams, clocks, fuel, and whatever host functions have of their own.
#[derive(Clone)]
pub struct Snapshot {
    /// The modules, dependencies first.
    modules: Vec<ModuleMark>,
    /// The state of each module's instance.
    states: Vec<InstanceState>,
    /// What is in the memories.
    bytes: StateBytes,
}

/// Marks by which another module is noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct ModuleMark {
    /// Its name in the graph.
    name: Box<str>,
    size_bytes: u64,
}

/// Why a graph's state was not captured, or not brought back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Something of the graph is the host's, and no snapshot can hold it.
    #[error("module {module:?}: {what}; a snapshot cannot hold that")]
    Unstorable {
        /// The module that has it.
        module: String,
        /// What it is, and where.
        what: String,
    },
    /// An instance is not linked as the linker would link it anew.
    #[error("module {module:?}: {what}; instantiate the graph in a store of its own")]
    Linked {
        /// The module that is linked in another way.
        module: String,
        /// What is different.
        what: String,
    },
    /// The snapshot is of other modules than those that are to come to life.
    #[error("the snapshot does not fit: {what}; capture it anew of these modules")]
    Misfit {
        /// What is different, and where.
        what: String,
    },
    /// Bytes are not those of a snapshot.
    #[error("the snapshot is damaged, or of another version of holdall; capture it anew")]
    Damaged,
}

impl ModuleMark {
    fn of(plan: &Plan, node: usize) -> Self {
        Self {
            name: plan.graph.name(node).into(),
            size_bytes: plan.graph.unit(node).0.bytes.len() as u64,
        }
    }
}

impl fmt::Display for ModuleMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "module {:?} of {} bytes", self.name, self.size_bytes)
    }
}

impl Snapshot {
    /// Captures the instances of a plan, which were linked before.
    pub(super) fn capture(
        plan: &Plan,
        state: Option<&StoreState>,
        core: &StoreCore,
        root: Instance,
    ) -> Result<Self, SnapshotError> {
        let instances = living(plan, state, root)?;
        check_links(plan, &instances, core)?;
        let captured = capture(core, &instances);
        let (states, bytes) = captured.map_err(|Fault { instance, what }| {
            let module = name_of(plan, instance);
            SnapshotError::Unstorable { module, what }
        })?;
        let nodes = plan.steps.iter().map(|(node, _)| *node);
        Ok(Self {
            modules: nodes.map(|node| ModuleMark::of(plan, node)).collect(),
            states,
            bytes: StateBytes::Anywhere(bytes.into()),
        })
    }

    /// Checks that the snapshot is of the modules of a plan, as far as marks and states tell.
    pub(super) fn check(&self, plan: &Plan) -> Result<Fitting<'_>, SnapshotError> {
        let misfit = |what| SnapshotError::Misfit { what };
        let (expected, found) = (plan.steps.len(), self.modules.len());
        if expected != found || expected != self.states.len() {
            let what = format!("expected the state of {expected} modules, found that of {found}");
            return Err(misfit(what));
        }
        for ((node, _), found) in plan.steps.iter().zip(&self.modules) {
            let expected = ModuleMark::of(plan, *node);
            if expected != *found {
                return Err(misfit(format!("expected {expected}, found {found}")));
            }
        }
        let nodes = plan.steps.iter().map(|(node, _)| *node);
        let modules: Vec<&Module> = nodes.map(|node| plan.graph.unit(node)).collect();
        let fitting = Fitting::new(&self.states, self.bytes.blocks(), &modules);
        fitting.map_err(|Fault { instance, what }| {
            misfit(format!("module {:?}: {what}", name_of(plan, instance)))
        })
    }
}

#[cfg(feature = "serde")]
impl Snapshot {
    /// The snapshot as bytes: a small header, and the contents of the memories, whose size in bytes
    /// is a multiple of 4,096. The same state always gives the same bytes.
    #[must_use]
    pub fn to_parts(&self) -> (Vec<u8>, &[u8]) {
        let header = postcard::to_allocvec(&(&self.modules, &self.states));
        (header.expect("a vector takes all"), self.bytes.as_slice())
    }

    /// The snapshot whose [parts](Self::to_parts) these are. The header is read now; that it is of a
    /// certain graph, and that there are as many bytes as it says, is checked when the graph is to
    /// come to life. Bytes that are `'static`, such as those of a file's mapping, are not copied.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Damaged`]: the header is no snapshot's.
    pub fn from_parts(
        header: &[u8],
        bytes: impl Into<Cow<'static, [u8]>>,
    ) -> Result<Self, SnapshotError> {
        Self::read(header, StateBytes::Anywhere(bytes.into()))
    }

    /// [`Snapshot::from_parts`], where the contents of memories lie in the executable. On Linux their
    /// pages become pages of the memories, which are copied when they are written to.
    ///
    /// # Errors
    ///
    /// Those of [`Snapshot::from_parts`].
    #[doc(hidden)]
    pub fn from_parts_in_file(
        header: &[u8],
        bytes: crate::internal::FileBytes,
    ) -> Result<Self, SnapshotError> {
        Self::read(header, StateBytes::InFile(bytes))
    }

    fn read(header: &[u8], bytes: StateBytes) -> Result<Self, SnapshotError> {
        match postcard::take_from_bytes(header) {
            Ok(((modules, states), [])) => Ok(Self {
                modules,
                states,
                bytes,
            }),
            _ => Err(SnapshotError::Damaged),
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.modules.iter().map(|module| &*module.name);
        f.debug_struct("Snapshot")
            .field("modules", &names.collect::<Vec<_>>())
            .field("size_bytes", &self.bytes.as_slice().len())
            .finish_non_exhaustive()
    }
}

fn name_of(plan: &Plan, instance: usize) -> String {
    let (node, _) = plan.steps[instance];
    plan.graph.name(node).to_owned()
}

/// The instances of a plan's modules, in its order.
fn living(
    plan: &Plan,
    state: Option<&StoreState>,
    root: Instance,
) -> Result<Vec<Instance>, SnapshotError> {
    let instances = plan.steps.iter().map(|(node, _)| {
        if *node == Graph::<Module>::ROOT {
            return Ok(root);
        }
        let instance = state.and_then(|state| state.instance(plan.graph.unit(*node)));
        instance.ok_or_else(|| SnapshotError::Linked {
            module: plan.graph.name(*node).to_owned(),
            what: "this linker has no instance of it in the store".to_owned(),
        })
    });
    instances.collect()
}

/// Checks that each import is linked as it will be when the graph is brought back, and that none is
/// a thing of the host whose state a snapshot cannot hold.
fn check_links(plan: &Plan, instances: &[Instance], core: &StoreCore) -> Result<(), SnapshotError> {
    let graph: HashSet<Instance> = instances.iter().copied().collect();
    let nodes = plan.steps.iter().map(|(node, _)| *node);
    let by_node: HashMap<usize, Instance> = nodes.zip(instances.iter().copied()).collect();
    for ((node, resolutions), instance) in plan.steps.iter().zip(instances) {
        let imports = plan.graph.unit(*node).0.imports.iter().zip(resolutions);
        for ((import, resolution), item) in imports.zip(instance.imports_in(core)) {
            let fault = |what: &str| {
                let module = plan.graph.name(*node).to_owned();
                let what = format!("import {:?}.{:?} is {what}", import.module, import.name);
                (module, what)
            };
            let exporter = match resolution {
                Resolution::Module(exporter) => Some(&by_node[exporter]),
                Resolution::Host | Resolution::StandIn => None,
            };
            let is_as_planned = match exporter {
                Some(exporter) => exporter.export_in(core, &import.name) == Some(item),
                None => of_instance(item, core).is_none_or(|found| !graph.contains(&found)),
            };
            if !is_as_planned {
                let (module, what) = fault("linked to something else than it would be now");
                return Err(SnapshotError::Linked { module, what });
            }
            if exporter.is_none()
                && let Some(kind) = state_of_host(item, core)
            {
                let (module, what) = fault(&format!("a {kind} of the host"));
                return Err(SnapshotError::Unstorable { module, what });
            }
        }
    }
    Ok(())
}

/// The instance that a function belongs to.
fn of_instance(item: Extern, core: &StoreCore) -> Option<Instance> {
    item.into_func()?.instance_in(core)
}

/// What a message calls a thing whose state guests can change; `None` where guests cannot.
fn state_of_host(item: Extern, core: &StoreCore) -> Option<&'static str> {
    match item {
        Extern::Memory(_) => Some("memory"),
        Extern::Table(_) => Some("table"),
        Extern::Global(global) if global.ty_in(core).mutability == Mutability::Var => {
            Some("mutable global")
        }
        Extern::Global(_) | Extern::Func(_) | Extern::Tag(_) => None,
    }
}
