//! Bringing a planned graph to life, dependencies first: instances, start functions, and the start
//! of reactors, or the state that these led to once. Knows which module satisfies which import; does
//! not look for modules.

use std::collections::HashMap;
use std::sync::Arc;

use super::definitions::Definitions;
use super::link_error::LinkError;
use super::load_graph::Plan;
use super::provider::{Importer, Provision};
use super::registry::Registry;
use crate::bundle::{Graph, GraphError, ImportFailure, REACTOR_STARTS, Resolution, UNNAMED};
use crate::error::{ErrorKind, Result};
use crate::host::HostDef;
use crate::module::{Import, ImportKind, Module};
use crate::store::{AsContextMut, Extern, Fitting, Instance, InstanceState, Scope};
use crate::trap::{Trap, TrapCode};
use crate::types::{ExternType, FuncType};

/// Brings the modules of a plan to life and gives the instance of the root, the last of them. With
/// `states`, the instances get these states, and no code of a guest runs.
pub(super) fn instantiate<T: 'static>(
    definitions: &Definitions<T>,
    registry: &Registry,
    plan: &Plan,
    states: Option<Fitting<'_>>,
    mut store: impl AsContextMut<Data = T>,
) -> Result<Instance> {
    let state = definitions.of_store(store.as_context().core());
    let mut birth = Birth {
        scope: Arc::clone(&state.scope),
        born: HashMap::new(),
        replaced: Vec::new(),
        provisions: definitions.providers.iter().map(|it| it.begin()).collect(),
    };
    let mut instances = Vec::with_capacity(plan.steps.len());
    for (at, (node, _)) in plan.steps.iter().enumerate() {
        let is_root = *node == Graph::<Module>::ROOT;
        let then = states.map(|states| states.state(at));
        match birth.step(definitions, registry, plan, at, then, &mut store) {
            Ok(instance) => instances.push(instance),
            Err(error) => {
                birth.undo();
                let misfits = matches!(error.kind(), ErrorKind::Link(LinkError::Graph(_)));
                return Err(if is_root || misfits {
                    error
                } else {
                    let (module, chain) =
                        (plan.graph.name(*node).to_owned(), plan.graph.chain(*node));
                    LinkError::Start {
                        module,
                        chain,
                        source: error,
                    }
                    .into()
                });
            }
        }
    }
    if let Some(states) = states {
        states.restore(store.as_context_mut().core_mut(), &instances);
    }
    let born = birth.born.into_iter();
    state.add(born.map(|(node, instance)| (plan.graph.unit(node), instance)));
    Ok(instances.pop().expect("a walk ends with its root"))
}

/// Instances that come to life together: where one fails, none of them keeps its names.
struct Birth {
    scope: Arc<Scope>,
    /// The new instances by their numbers in the graph.
    born: HashMap<usize, Instance>,
    /// The names that were given, each with the instance that had the name before.
    replaced: Vec<(Arc<str>, Option<Instance>)>,
    /// The functions that each provider has for these instances, in the order of the providers.
    provisions: Vec<Box<dyn Provision>>,
}

impl Birth {
    /// Brings one module of a plan to life: makes the instance, which runs its start function,
    /// gives it its names, and starts it as a reactor. With `state`, neither start happens.
    fn step<T: 'static>(
        &mut self,
        definitions: &Definitions<T>,
        registry: &Registry,
        plan: &Plan,
        at: usize,
        state: Option<&InstanceState>,
        mut store: impl AsContextMut<Data = T>,
    ) -> Result<Instance> {
        let (node, resolutions) = &plan.steps[at];
        let module = plan.graph.unit(*node);
        let name = plan.graph.name(*node);
        let externs = self.externs(definitions, plan, *node, resolutions, &mut store)?;
        let label = (name != UNNAMED).then(|| name.into());
        let scope = Some(Arc::clone(&self.scope));
        let instance = match state {
            None => Instance::instantiate_with(&mut store, module, &externs, label, scope)?,
            Some(state) => {
                Instance::allocate_with(&mut store, module, &externs, label, scope, state)?
            }
        };
        self.born.insert(*node, instance);
        for name in registry.names_of(module) {
            let before = self.scope.insert(Arc::clone(name), instance);
            self.replaced.push((Arc::clone(name), before));
        }
        let is_root = *node == Graph::<Module>::ROOT;
        if state.is_none() && !(is_root && is_action(module, "_start")) {
            start_reactor(instance, module, &mut store)?;
        }
        Ok(instance)
    }

    /// What satisfies the imports of a module, in their order.
    fn externs<T: 'static>(
        &mut self,
        definitions: &Definitions<T>,
        plan: &Plan,
        node: usize,
        resolutions: &[Resolution],
        mut store: impl AsContextMut<Data = T>,
    ) -> Result<Vec<Extern>> {
        let state = definitions.store(store.as_context().core().id);
        let module = plan.graph.unit(node);
        let importer = Importer {
            name: plan.graph.name(node),
            is_root: node == Graph::<Module>::ROOT,
            memory: module
                .memories()
                .get(module.0.main_memory as usize)
                .copied(),
        };
        let mut externs = Vec::with_capacity(resolutions.len());
        for (import, resolution) in module.0.imports.iter().zip(resolutions) {
            let item = match resolution {
                Resolution::Host => {
                    let from = plan.graph.stands_for(node, &import.module);
                    let item = definitions.item(&mut store, from, &import.name);
                    match item {
                        None => self.provided(definitions, importer, from, import, &mut store)?,
                        item => item,
                    }
                }
                Resolution::StandIn => Some(stand_in(module, import, &mut store)),
                Resolution::Module(node) => {
                    let living = || state.as_ref()?.instance(plan.graph.unit(*node));
                    let exporter = self.born.get(node).copied().or_else(living);
                    exporter.and_then(|exporter| {
                        exporter.export_in(store.as_context().core(), &import.name)
                    })
                }
            };
            let item = item.expect("the plan found it, and its module lives before its users");
            let expected = module.0.import_type(import);
            let found = item.ty_in(store.as_context().core());
            // Memories and tables match by their current size, which depends on what start
            // functions did.
            if !found.matches(&expected) {
                let from = plan.graph.stands_for(node, &import.module);
                let alias_of = (*from != *import.module).then_some(from);
                let failure =
                    ImportFailure::of_type(&import.module, alias_of, &import.name, expected, found);
                return Err(LinkError::from(GraphError::Imports {
                    module: importer.name.to_owned(),
                    chain: plan.graph.chain(node),
                    failures: vec![failure],
                    more: 0,
                })
                .into());
            }
            externs.push(item);
        }
        Ok(externs)
    }

    /// The function that a provider has for a module that imports it.
    fn provided<T: 'static>(
        &mut self,
        definitions: &Definitions<T>,
        importer: Importer<'_>,
        from: &str,
        import: &Import,
        store: impl AsContextMut<Data = T>,
    ) -> Result<Option<Extern>> {
        let Some((at, _)) = definitions.provided(from, &import.name) else {
            return Ok(None);
        };
        let func = self.provisions[at].func(importer, from, &import.name)?;
        Ok(Some(func.into_def().instantiate(store).into()))
    }

    /// Takes all names back.
    fn undo(self) {
        for (name, before) in self.replaced.into_iter().rev() {
            match before {
                Some(before) => self.scope.insert(name, before),
                None => self.scope.remove(&name),
            };
        }
    }
}

/// Calls the function that a reactor wants called before any other. Not for a root that is a
/// command: its `_start` does that work.
fn start_reactor(instance: Instance, module: &Module, mut store: impl AsContextMut) -> Result<()> {
    let Some(start) = REACTOR_STARTS
        .into_iter()
        .find(|name| is_action(module, name))
    else {
        return Ok(());
    };
    let func = instance
        .get_func(&store, start)
        .expect("the module exports it");
    func.call(&mut store, &[], &mut [])
}

/// Whether a module exports a function of this name that takes and gives nothing.
fn is_action(module: &Module, name: &str) -> bool {
    match module.export(name) {
        Some(ExternType::Func(ty)) => ty.params().is_empty() && ty.results().is_empty(),
        _ => false,
    }
}

/// A function that traps when it is called, in place of a missing one.
fn stand_in<T: 'static>(
    module: &Module,
    import: &Import,
    store: impl AsContextMut<Data = T>,
) -> Extern {
    let ImportKind::Func(ty) = import.ty else {
        unreachable!("only functions are stood in for");
    };
    let ty = module.0.types[ty as usize].clone();
    missing::<T>(&import.module, &import.name, ty)
        .instantiate(store)
        .into()
}

/// A function that traps when it is called, because nobody defines it.
pub(super) fn missing<T: 'static>(module: &str, name: &str, ty: FuncType) -> HostDef<T> {
    let name = format!("{module:?}.{name:?}");
    let detail = name.clone();
    let traps = HostDef::new(&name, ty, move |_, _, _| {
        let trap = Trap::from(TrapCode::MissingImport).with_detail(detail.as_str());
        Err(trap.into())
    });
    traps.expect("a module declares the type")
}
