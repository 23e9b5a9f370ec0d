//! What can be wrong with a graph of modules, and how it is told: one set of types and texts for
//! the linker and for build scripts. Knows types and names only.

use std::fmt;

use crate::canonical::Kept;
use crate::escape::{Escaped, escaped_join};
use crate::types::ExternType;

/// What messages call a module without a name: a root that was neither named nor registered.
pub const UNNAMED: &str = "<root>";

/// A path longer than this is printed without its middle.
const MAX_PRINTED_NAMES: usize = 32;

/// Why a graph of modules cannot be linked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A module needs itself, directly or through others.
    #[error("modules import one another in a circle: {}", path_text(.path))]
    Cycle {
        /// The names around the circle, from a module back to the same one.
        path: Vec<String>,
    },
    /// A command, which is a program by itself, is needed where a library is wanted.
    #[error(
        "a command (with _start function) can not be a sub-module: module {module:?} exports \
         \"_start\" ({}); build it as a reactor or a library, or use its exports, without _start, \
         by --use-exports {module:?} (in a program or a build script, `use_exports`)",
        path_text(.chain)
    )]
    Command {
        /// The command's name.
        module: String,
        /// The names from the root to the command, both included.
        chain: Vec<String>,
    },
    /// Imports of a module cannot be satisfied.
    #[error("{}", imports_text(.module, .chain, .failures, *.more))]
    Imports {
        /// The module that has the imports.
        module: String,
        /// The names from the root to the module, both included.
        chain: Vec<String>,
        /// The first twenty imports that cannot be satisfied, in import order.
        failures: Vec<ImportFailure>,
        /// How many more imports of the module cannot be satisfied.
        more: usize,
    },
    /// The graph has more modules than holdall loads.
    #[error(
        "module {module:?} would be one too many in its graph ({}): limit `modules` of the engine: \
         {limit} modules of a graph allowed; raise it with `Limits::modules` in `Config::limits`",
        path_text(.chain)
    )]
    TooMany {
        /// The module that would have been one too many.
        module: String,
        /// The names from the root to that module.
        chain: Vec<String>,
        /// How many modules a graph may have.
        limit: usize,
    },
}

/// One import that cannot be satisfied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportFailure {
    /// The module name of the import.
    pub module: String,
    /// What the module name is an alias of, where it is one.
    pub alias_of: Option<String>,
    /// The name within that module.
    pub name: String,
    /// What the importing module declares.
    pub expected: ExternType,
    /// What was found instead.
    pub found: Found,
    /// What the types refer to.
    pub(super) kept: Kept,
}

impl ImportFailure {
    /// The failure of an import of this module and name.
    pub(super) fn new(module: &str, name: &str, expected: ExternType, found: Found) -> Self {
        let mut kept = Kept::default();
        kept.keep(&expected);
        if let Found::Other(found) = &found {
            kept.keep(found);
        }
        Self {
            module: module.to_owned(),
            alias_of: None,
            name: name.to_owned(),
            expected,
            found,
            kept,
        }
    }

    /// The failure of an import that found something of another type.
    #[must_use]
    pub fn of_type(
        module: &str,
        alias_of: Option<&str>,
        name: &str,
        expected: ExternType,
        found: ExternType,
    ) -> Self {
        Self {
            alias_of: alias_of.map(str::to_owned),
            ..Self::new(module, name, expected, Found::Other(found))
        }
    }
}

/// What was found where an import looked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// Something of another type.
    Other(ExternType),
    /// The module, without an export of that name.
    NoExport {
        /// The export that may have been meant.
        nearest: Option<String>,
    },
    /// No module of that name, nor of a version that satisfies it.
    NoModule {
        /// Who was asked for it; empty where nobody could be.
        asked: Vec<String>,
        /// Some existing versions of the module, the highest first.
        versions: Vec<String>,
        /// The module that may have been meant, where no version of the module exists.
        nearest: Option<String>,
        /// How many further imports of the same module the importing module has.
        others: usize,
    },
    /// No definition by the host, whose name it is to define.
    NoDefinition {
        /// The definition that may have been meant.
        nearest: Option<String>,
    },
    /// A function of WASI, which the host did not define.
    Wasi,
}

impl GraphError {
    /// The first twenty imports that cannot be satisfied; empty for other errors.
    #[must_use]
    pub fn failures(&self) -> &[ImportFailure] {
        match self {
            Self::Imports { failures, .. } => failures,
            _ => &[],
        }
    }

    /// What is wrong, a line for each import or for the graph.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Imports {
                module,
                chain,
                failures,
                more,
            } => {
                let lines = failures.iter().map(|failure| failure.text(module, chain));
                let more = (*more > 0).then(|| format!("and {more} more imports of {module:?}"));
                lines.chain(more).collect()
            }
            fault => vec![fault.to_string()],
        }
    }
}

/// `a -> b -> c`.
#[must_use]
pub fn path_text(path: &[String]) -> String {
    if path.len() <= MAX_PRINTED_NAMES {
        return escaped_join(path, " -> ");
    }
    let half = MAX_PRINTED_NAMES / 2;
    format!(
        "{} -> ... {} more ... -> {}",
        escaped_join(&path[..half], " -> "),
        path.len() - 2 * half,
        escaped_join(&path[path.len() - half..], " -> ")
    )
}

/// `; did you mean "x"?`, where there is a nearest name; else empty.
#[must_use]
pub fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}

/// What exists instead of a missing module, for the end of a message: other versions of the module,
/// else a name that is near.
#[must_use]
pub fn instead(versions: &[String], nearest: Option<&str>) -> String {
    if versions.is_empty() {
        return did_you_mean(nearest);
    }
    let versions: Vec<String> = versions.iter().map(|name| format!("{name:?}")).collect();
    format!("; there is {}", versions.join(", "))
}

/// The failures, one in a line, below a heading where there are several.
fn imports_text(module: &str, chain: &[String], failures: &[ImportFailure], more: usize) -> String {
    let lines: Vec<String> = failures
        .iter()
        .map(|failure| failure.text(module, chain))
        .collect();
    match lines.as_slice() {
        [line] if more == 0 => line.clone(),
        lines => format!(
            "module {module:?} has {} imports that cannot be satisfied ({}):\n  {}{}",
            lines.len() + more,
            path_text(chain),
            lines.join("\n  "),
            match more {
                0 => String::new(),
                more => format!("\n  and {more} more"),
            }
        ),
    }
}

impl ImportFailure {
    fn text(&self, importer: &str, chain: &[String]) -> String {
        let Self {
            module,
            alias_of,
            name,
            expected,
            found,
            kept: _,
        } = self;
        let alias = alias_of.as_ref().map(|of| format!(" (alias of {of:?})"));
        let alias = alias.unwrap_or_default();
        let subject = format!("import {module:?}.{name:?}{alias} of module {importer:?}");
        let module = alias_of.as_ref().unwrap_or(module);
        let to_missing = || {
            let mut chain = chain.to_vec();
            chain.push(module.clone());
            path_text(&chain)
        };
        match found {
            Found::NoModule { .. } if (&**module, &**name) == ("wasi", "thread-spawn") => format!(
                "{subject}: holdall runs one thread in a store and spawns none; build the module \
                 without threads, or define the function"
            ),
            Found::NoModule {
                asked,
                versions,
                nearest,
                others,
            } if asked.is_empty() => format!(
                "{subject}: there is no module reader to load {module:?} ({}){}{}",
                to_missing(),
                others_text(*others),
                instead(versions, nearest.as_deref())
            ),
            Found::NoModule {
                asked,
                versions,
                nearest,
                others,
            } => format!(
                "{subject}: expected {expected}, found no module {module:?} ({}), asked {}{}{}",
                to_missing(),
                escaped_join(asked, ", "),
                others_text(*others),
                instead(versions, nearest.as_deref())
            ),
            Found::Wasi => format!(
                "{subject}: expected {expected}, found no definition by the host: a linker has \
                 WASI once `holdall_wasi::add_to_linker` said what it reaches"
            ),
            Found::NoDefinition { nearest: None } if !module.is_empty() => format!(
                "{subject}: expected {expected}, found {found}; a module that has it stands in by an \
                 alias (`--alias {0}=NAME`, `Naming::alias`)",
                Escaped(module)
            ),
            found => format!("{subject}: expected {expected}, found {found}"),
        }
    }
}

/// Says that other imports wait for the same module.
fn others_text(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => ", for one other import too".to_owned(),
        others => format!(", for {others} other imports too"),
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(ty) => ty.fmt(f),
            Self::NoExport { nearest } => {
                write!(f, "no such export{}", did_you_mean(nearest.as_deref()))
            }
            Self::NoModule {
                versions, nearest, ..
            } => {
                let instead = instead(versions, nearest.as_deref());
                write!(f, "no such module{instead}")
            }
            Self::NoDefinition { nearest } => write!(
                f,
                "no definition by the host, whose name it is to define{}",
                did_you_mean(nearest.as_deref())
            ),
            Self::Wasi => f.write_str("no definition by the host, which has no WASI"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{FuncType, MemoryType, ValType};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn failure(module: &str, name: &str, found: Found) -> ImportFailure {
        let expected = ExternType::Func(FuncType::new([ValType::I32], []));
        ImportFailure::new(module, name, expected, found)
    }

    #[test]
    fn a_module_that_would_spawn_threads_is_told_that_there_is_one() {
        let expected = ExternType::Func(FuncType::new([ValType::I32], [ValType::I32]));
        let found = Found::NoModule {
            asked: vec!["the bundle".to_owned()],
            versions: vec![],
            nearest: None,
            others: 0,
        };
        let failure = ImportFailure::new("wasi", "thread-spawn", expected, found);
        assert_eq!(
            failure.text("app", &["app".to_owned()]),
            "import \"wasi\".\"thread-spawn\" of module \"app\": holdall runs one thread in a store \
             and spawns none; build the module without threads, or define the function"
        );
    }

    #[test]
    fn every_text_names_subject_expectation_finding_and_way_out() {
        let memory = ExternType::Memory(MemoryType::new(1, None));
        let nearest = Some("mA".to_owned());
        for (found, expected) in [
            (
                Found::Other(memory),
                "expected (func (param i32)), found (memory 1)",
            ),
            (
                Found::NoExport {
                    nearest: nearest.clone(),
                },
                "expected (func (param i32)), found no such export; did you mean \"mA\"?",
            ),
            (
                Found::NoModule {
                    asked: vec![],
                    versions: vec![],
                    nearest: None,
                    others: 2,
                },
                "there is no module reader to load \"env\" (r -> app -> env), for 2 other imports too",
            ),
            (
                Found::NoModule {
                    asked: names(&["the bundle", "mods"]),
                    versions: vec![],
                    nearest,
                    others: 0,
                },
                "expected (func (param i32)), found no module \"env\" (r -> app -> env), \
                 asked the bundle, mods; did you mean \"mA\"?",
            ),
            (
                Found::NoModule {
                    asked: names(&["the bundle"]),
                    versions: names(&["env@2.0.0", "env@1.0.0"]),
                    nearest: None,
                    others: 1,
                },
                "expected (func (param i32)), found no module \"env\" (r -> app -> env), \
                 asked the bundle, for one other import too; there is \"env@2.0.0\", \"env@1.0.0\"",
            ),
            (
                Found::NoDefinition { nearest: None },
                "expected (func (param i32)), found no definition by the host, whose name it is to \
                 define; a module that has it stands in by an alias (`--alias env=NAME`, \
                 `Naming::alias`)",
            ),
            (
                Found::Wasi,
                "expected (func (param i32)), found no definition by the host: a linker has WASI once \
                 `holdall_wasi::add_to_linker` said what it reaches",
            ),
        ] {
            let error = GraphError::Imports {
                module: "app".to_owned(),
                chain: names(&["r", "app"]),
                failures: vec![failure("env", "log", found)],
                more: 0,
            };
            assert_eq!(
                error.to_string(),
                format!("import \"env\".\"log\" of module \"app\": {expected}")
            );
        }
    }

    #[test]
    fn an_alias_is_told_with_what_it_stands_for() {
        let missing = Found::NoModule {
            asked: names(&["mods"]),
            versions: vec![],
            nearest: None,
            others: 0,
        };
        for (found, expected) in [
            (
                missing,
                "expected (func (param i32)), found no module \"mylib\" (app -> mylib), asked mods",
            ),
            (
                Found::NoExport { nearest: None },
                "expected (func (param i32)), found no such export",
            ),
        ] {
            let failure = ImportFailure {
                alias_of: Some("mylib".to_owned()),
                ..failure("env", "log", found)
            };
            assert_eq!(
                failure.text("app", &names(&["app"])),
                format!(
                    "import \"env\".\"log\" (alias of \"mylib\") of module \"app\": {expected}"
                )
            );
        }
    }

    #[test]
    fn several_failures_stand_under_one_heading() {
        let none = || Found::NoExport { nearest: None };
        let error = GraphError::Imports {
            module: "app".to_owned(),
            chain: names(&["app"]),
            failures: vec![failure("m", "a", none()), failure("m", "b", none())],
            more: 0,
        };
        assert_eq!(
            error.to_string(),
            "module \"app\" has 2 imports that cannot be satisfied (app):\n  \
             import \"m\".\"a\" of module \"app\": expected (func (param i32)), found no such export\n  \
             import \"m\".\"b\" of module \"app\": expected (func (param i32)), found no such export"
        );
    }

    #[test]
    fn a_long_path_loses_its_middle() {
        let path: Vec<String> = (0..10_001).map(|at| format!("m{at}")).collect();
        let text = path_text(&path);
        assert!(text.starts_with("m0 -> m1 -> "), "{text}");
        assert!(text.contains("... 9969 more ..."), "{text}");
        assert!(text.ends_with(" -> m9999 -> m10000"), "{text}");
    }
}
