//! What a linker learns: modules are loaded, and registered when all of them are there.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::buffers::Buffers;
use super::linker::Linker;
use super::load_graph::{Loaded, Loading, Plan};
use super::registry::Registry;
use crate::error::Result;
use crate::module::Module;
use crate::store::StoreContext;

/// What a linker learns as it loads modules.
#[derive(Clone, Default)]
pub(super) struct Learned {
    pub(super) registry: Arc<Registry>,
    /// Buffers that readers gave out and did not get back yet.
    pub(super) buffers: Buffers,
    pub(super) shadowed: BTreeSet<(String, String)>,
}

impl<T: 'static> Linker<T> {
    /// An attempt to load what a module needs, for a store.
    pub(super) fn loading_for<'a>(
        &'a self,
        context: &StoreContext<'a, T>,
        module: &Module,
    ) -> Result<Loading<'a, T>> {
        self.check_engine(module.engine())?;
        self.check_engine(context.engine())?;
        Ok(self.loading().for_store(context.core()))
    }

    pub(super) fn loading(&self) -> Loading<'_, T> {
        let mut loading = Loading::new(
            self.engine(),
            self.registry(),
            self.reader.as_ref(),
            &self.definitions,
            &self.naming,
            &self.account,
        );
        loading.stands_in = self.stands_in;
        loading
    }

    /// The plan to bring a module and all that it needs to life in a store. Modules that had to be
    /// loaded are registered.
    pub(super) fn plan(&self, context: &StoreContext<'_, T>, module: &Module) -> Result<Plan> {
        self.learn(
            || self.loading_for(context, module),
            |loading| {
                let mut plan = loading.plan(None, module)?;
                let shadowed = std::mem::take(&mut plan.shadowed);
                Ok((plan, shadowed))
            },
        )
    }

    /// Repeats an attempt to load something until what was loaded can be registered.
    pub(super) fn learn<'a, R>(
        &'a self,
        start: impl Fn() -> Result<Loading<'a, T>>,
        load: impl Fn(&mut Loading<'a, T>) -> Result<(R, Vec<(String, String)>)>,
    ) -> Result<R> {
        loop {
            let mut loading = start()?;
            let (found, shadowed) = load(&mut loading)?;
            if self.commit(loading.into_found(), shadowed) {
                return Ok(found);
            }
        }
    }

    /// Registers what was loaded. False, and nothing is registered, where another thread or the
    /// reader has given one of the names to a module since the attempt began.
    fn commit(&self, loaded: Loaded, shadowed: Vec<(String, String)>) -> bool {
        let Loaded {
            modules,
            mut buffers,
        } = loaded;
        let mut learned = self.learned();
        let mut names = modules.iter().map(|(name, _)| name);
        if names.any(|name| learned.registry.find(name).is_some()) {
            // The buffers go back to the reader when this returns. The reader may use the linker
            // then, so the lock is given up before.
            drop(learned);
            return false;
        }
        learned.buffers.append(&mut buffers);
        learned.shadowed.extend(shadowed);
        if !modules.is_empty() {
            let registry = Arc::make_mut(&mut learned.registry);
            for (name, module) in &modules {
                // The reader may have given a module that has another name.
                let named = registry.insert(name, module);
                named.expect("it is free, and the host's are not read");
            }
        }
        drop(learned);
        for (name, module) in modules {
            self.name_living(&name, &module);
        }
        true
    }

    /// Lets `$module$function` find the living instances of a module by a new name.
    pub(super) fn name_living(&self, name: &str, module: &Module) {
        for state in self.definitions.stores() {
            if let Some(instance) = state.instance(module) {
                state.scope.insert(name.into(), instance);
            }
        }
    }
}
