//! How the module names of imports are taken: built-in names, aliases, which versions satisfy a name,
//! and which names may stand for a command. Knows only strings; the index knows which modules exist.

use std::collections::{BTreeMap, BTreeSet};

/// Names that stand for the host and never for a module of a reader, a registry or a bundle.
const BUILTIN: [&str; 4] = ["env", "wasi_unstable", "wasi_snapshot_preview1", ""];

/// Whether `name` stands for the host, and never for a module.
#[must_use]
pub fn is_builtin(name: &str) -> bool {
    BUILTIN.contains(&name)
}

/// Whether `name` is one of WASI preview 0 or 1.
#[must_use]
pub fn is_wasi(name: &str) -> bool {
    matches!(name, "wasi_unstable" | "wasi_snapshot_preview1")
}

/// Which versions satisfy an import of a module name with a version, as `mathlib@1.2`, where no
/// module has exactly that name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Versions {
    /// Versions that are the same in all components that the import gives: `1.2` is satisfied by
    /// any `1.2.x`, and `1.2.3` by itself.
    #[default]
    Exact,
    /// Versions that are not lower, and compatible by semantic versioning: `1.2` is satisfied by
    /// `1.3.0` and not by `2.0.0`, and `0.2` by `0.2.7` and not by `0.3.0`.
    Compatible,
}

/// How a linker and [`check_bundle_with`](super::check_bundle_with) take the module names of
/// imports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Naming {
    /// Which versions satisfy an import that asks for a version.
    pub versions: Versions,
    /// The names that imports say, each with the name that they are taken to say.
    aliases: BTreeMap<Box<str>, Box<str>>,
    /// Names of commands that are used for their exports.
    used_exports: BTreeSet<Box<str>>,
}

/// A name that is an alias already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{from:?} is an alias of {existing:?} already, and can not be one of {to:?} too; alias each name \
     once"
)]
#[non_exhaustive]
pub struct AliasError {
    /// The name that imports say.
    pub from: String,
    /// What they are taken to say already.
    pub existing: String,
    /// What they were to be taken to say.
    pub to: String,
}

impl Naming {
    /// Names as they are: no aliases, and exact versions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A naming from its parts, as plain data keeps them.
    ///
    /// # Errors
    /// A name is an alias of two others.
    pub fn of<'n>(
        aliases: impl IntoIterator<Item = (&'n str, &'n str)>,
        compatible_versions: bool,
        used_exports: impl IntoIterator<Item = &'n str>,
    ) -> Result<Self, AliasError> {
        let mut naming = Self::new();
        if compatible_versions {
            naming.versions = Versions::Compatible;
        }
        for (from, to) in aliases {
            naming.alias(from, to)?;
        }
        for name in used_exports {
            naming.use_exports(name);
        }
        Ok(naming)
    }

    /// Takes every import from the module name `from` as if it said `to`, but for the imports of
    /// the module `to` itself, so that this module can stand between `from` and everybody else.
    /// `to` is not looked up among the aliases again. To give the same alias again changes nothing.
    ///
    /// # Errors
    /// `from` is an alias of another name already.
    pub fn alias(&mut self, from: &str, to: &str) -> Result<&mut Self, AliasError> {
        match self.target(from) {
            Some(existing) if existing != to => Err(AliasError {
                from: from.to_owned(),
                existing: existing.to_owned(),
                to: to.to_owned(),
            }),
            _ => {
                self.aliases.insert(from.into(), to.into());
                Ok(self)
            }
        }
    }

    /// Lets other modules use the exports of the module `name` although it is a command, a program
    /// with a function `_start`. `name` is the module's own name, or one that imports say, with a
    /// part of its version. To others the module is then a library: its `_start` is not called; its
    /// `_initialize`, else its `__wasm_call_ctors`, is called where it exports one. A module that
    /// needs a command that is not named here is refused.
    pub fn use_exports(&mut self, name: &str) -> &mut Self {
        self.used_exports.insert(name.into());
        self
    }

    /// The names of commands that are used for their exports, in order.
    pub fn used_exports(&self) -> impl Iterator<Item = &str> {
        self.used_exports.iter().map(|name| &**name)
    }

    /// Whether a command of a name may be used for its exports.
    #[must_use]
    pub fn uses_exports(&self, name: &str) -> bool {
        self.used_exports.contains(name)
    }

    /// The name that imports from the module name `from` are taken to say, where `from` is an
    /// alias.
    #[must_use]
    pub fn target(&self, from: &str) -> Option<&str> {
        self.aliases.get(from).map(|to| &**to)
    }

    /// The aliases in the order of their names, each with what it stands for.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.aliases.iter().map(|(from, to)| (&**from, &**to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_alias_of_one_name() {
        let mut naming = Naming::new();
        naming.alias("env", "a").unwrap().alias("a", "b").unwrap();
        naming.alias("env", "a").unwrap();
        assert_eq!(naming.target("env"), Some("a"));
        assert_eq!(naming.target("b"), None);
        let aliases: Vec<_> = naming.aliases().collect();
        assert_eq!(aliases, [("a", "b"), ("env", "a")]);
        assert_eq!(
            naming.alias("env", "c").unwrap_err().to_string(),
            "\"env\" is an alias of \"a\" already, and can not be one of \"c\" too; alias each name \
             once"
        );
    }
}
