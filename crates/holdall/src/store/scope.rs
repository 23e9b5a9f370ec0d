//! The names of one graph's modules, as `$module$function` sees them. `link` makes and fills the
//! scope; every instance of the graph holds it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::store::Instance;

/// The instances of a graph by the names of their modules.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    names: RwLock<HashMap<Arc<str>, Instance>>,
}

impl Scope {
    /// An independent scope with the same names.
    pub(crate) fn copy(&self) -> Self {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        Self {
            names: RwLock::new(names.clone()),
        }
    }

    /// Gives a name to an instance; returns the instance that had the name before.
    pub(crate) fn insert(&self, name: Arc<str>, instance: Instance) -> Option<Instance> {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.insert(name, instance)
    }

    /// The instance of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Instance> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.get(name).copied()
    }

    /// Forgets a name; returns the instance that had it.
    pub(crate) fn remove(&self, name: &str) -> Option<Instance> {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.remove(name)
    }
}

/// The module and the function of `$module$function`, as [`Instance::get_func`] takes it: the text
/// up to the next `$` is the module, all the rest the function, and neither is empty. So a module
/// with a `$` in its name cannot be named, nor a function whose name is empty.
///
/// ```
/// assert_eq!(holdall::split_qualified("$math$a$b"), Some(("math", "a$b")));
/// assert_eq!(holdall::split_qualified("$math$"), None);
/// ```
#[must_use]
pub fn split_qualified(name: &str) -> Option<(&str, &str)> {
    let (module, function) = name.strip_prefix('$')?.split_once('$')?;
    (!module.is_empty() && !function.is_empty()).then_some((module, function))
}

#[cfg(test)]
mod tests {
    use super::split_qualified;

    #[test]
    fn qualified_names() {
        for (name, expected) in [
            ("$math$add", Some(("math", "add"))),
            ("$math$$add", Some(("math", "$add"))),
            ("$math$a$b", Some(("math", "a$b"))),
            ("$é$ü", Some(("é", "ü"))),
            ("$$add", None),
            ("$math$", None),
            ("$math", None),
            ("math$add", None),
            ("$", None),
            ("", None),
        ] {
            assert_eq!(split_qualified(name), expected, "{name:?}");
        }
    }
}
