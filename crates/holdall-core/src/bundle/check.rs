//! The check of a whole bundle: that its modules are valid, complete and fit one another. Knows
//! bytes, types and names; reading files is the caller's business.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

use super::graph_error::{GraphError, UNNAMED};
use super::host::HostManifest;
use super::index::NameIndex;
use super::interface::Interface;
use super::naming::{Naming, Versions, is_builtin, is_wasi};
use super::source::{HostDefinition, Opened, REACTOR_STARTS, Source};
use super::walk::Graph;
use crate::bounds::Bounds;
use crate::escape::Escaped;
use crate::module::Proposals;
use crate::types::ExternType;

/// A module of a bundle, by the name that imports use.
#[derive(Clone, Debug)]
pub struct BundledFile {
    /// The file's name without `.wasm`.
    pub name: String,
    /// The module.
    pub bytes: Vec<u8>,
}

/// Why a module cannot travel in a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The bytes are not a valid module.
    #[error("{}.wasm: {}", Escaped(.name), Escaped(.message))]
    Module {
        /// The module's name.
        name: String,
        /// What is wrong, and where.
        message: String,
    },
    /// The name stands for the host.
    #[error(
        "{}.wasm: can not register as a built-in module: {name:?} is the host's; rename the file",
        Escaped(.name)
    )]
    Builtin {
        /// The module's name.
        name: String,
    },
    /// Two files have one name.
    #[error("{}.wasm: there are two modules of this name", Escaped(.name))]
    Twice {
        /// The name.
        name: String,
    },
    /// The modules do not fit one another.
    #[error("{}{source}", file_of(.source))]
    Graph {
        /// What does not fit.
        #[from]
        source: GraphError,
    },
}

impl BundleError {
    /// What is wrong, one line for each import or other fault, as a build script prints it after
    /// `cargo::error=`. Each line begins with the file's name. Control characters are escaped.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let Self::Graph { source } = self else {
            return vec![Escaped(&self.to_string()).to_string()];
        };
        let file = file_of(source);
        let faults = source.lines();
        let lines = faults
            .iter()
            .map(|fault| Escaped(&format!("{file}{fault}")).to_string());
        lines.collect()
    }
}

/// The file that a fault is in, with a colon.
fn file_of(fault: &GraphError) -> String {
    let name = match fault {
        GraphError::Cycle { path } => path.first(),
        GraphError::Command { module, .. }
        | GraphError::Imports { module, .. }
        | GraphError::TooMany { module, .. } => Some(module),
    };
    format!("{}.wasm: ", Escaped(name.map_or(UNNAMED, String::as_str)))
}

/// Checks that modules can be linked to one another and to what the host defines, and tells
/// everything that is wrong. For build scripts that embed modules themselves.
///
/// # Errors
/// All faults, in the order of the files and of their imports; never an empty list.
pub fn check_bundle(files: &[BundledFile], host: &HostManifest) -> Result<(), Vec<BundleError>> {
    check_bundle_with(files, host, &Naming::new(), Proposals::AVAILABLE)
}

/// [`check_bundle`] for a linker with this naming (`Linker::set_naming` of the crate `holdall`), in
/// an engine that takes modules which use `proposals`.
///
/// # Errors
/// All faults, in the order of the files and of their imports; never an empty list.
pub fn check_bundle_with(
    files: &[BundledFile],
    host: &HostManifest,
    naming: &Naming,
    proposals: Proposals,
) -> Result<(), Vec<BundleError>> {
    let mut errors = Vec::new();
    let mut modules: BTreeMap<&str, Option<Interface>> = BTreeMap::new();
    for BundledFile { name, bytes } in files {
        if is_builtin(name) {
            errors.push(BundleError::Builtin { name: name.clone() });
        } else if modules.contains_key(name.as_str()) {
            errors.push(BundleError::Twice { name: name.clone() });
        } else {
            let interface = Interface::read(bytes, proposals).map_err(|message| {
                errors.push(BundleError::Module {
                    name: name.clone(),
                    message,
                });
            });
            modules.insert(name, interface.ok());
        }
    }
    let mut source = BundleSource {
        host,
        modules: &modules,
        index: OnceCell::new(),
        versions: naming.versions,
        faults: Vec::new(),
    };
    let mut graph = Graph::new(Bounds::default().modules, Arc::new(naming.clone()));
    let mut nodes = Vec::new();
    for BundledFile { name, .. } in files {
        if let Some(Some(interface)) = modules.get(name.as_str()) {
            let Ok(node) = graph.visit(&mut source, name, true, interface);
            nodes.push(node);
        }
    }
    // Whichever module is a root, modules that run code at their start may come to life before any
    // other.
    if modules.values().flatten().any(|unit| source.starts(&unit)) {
        graph.expect_starts();
    }
    let mut resolved = HashMap::new();
    for node in graph.order().to_vec() {
        let Ok(resolution) = graph.resolve(&source, node);
        resolved.extend(resolution.err().map(|fault| (node, fault)));
    }
    let unresolved: Vec<_> = nodes
        .iter()
        .filter_map(|node| resolved.remove(node))
        .collect();
    errors.extend(
        source
            .faults
            .into_iter()
            .chain(unresolved)
            .map(BundleError::from),
    );
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// A bundle as a walk sees it.
struct BundleSource<'a> {
    host: &'a HostManifest,
    /// The modules by name; `None` for a module that is not valid.
    modules: &'a BTreeMap<&'a str, Option<Interface>>,
    index: OnceCell<NameIndex>,
    versions: Versions,
    faults: Vec<GraphError>,
}

impl<'a> Source for BundleSource<'a> {
    type Unit = &'a Interface;
    type Error = Infallible;

    fn id(&self, unit: &Self::Unit) -> usize {
        std::ptr::from_ref::<Interface>(unit).addr()
    }

    fn imports<'u>(
        &self,
        unit: &'u Self::Unit,
    ) -> impl Iterator<Item = (&'u str, &'u str, ExternType)> {
        let imports = unit.imports.iter();
        imports.map(|(module, name, ty)| (module.as_str(), name.as_str(), ty.clone()))
    }

    fn export(&self, unit: &Self::Unit, name: &str) -> Option<ExternType> {
        unit.exports.get(name).map(|(ty, _)| ty.clone())
    }

    fn export_index(&self, unit: &Self::Unit, name: &str) -> Option<u32> {
        unit.exports.get(name).map(|(_, index)| *index)
    }

    fn starts(&self, unit: &Self::Unit) -> bool {
        let exports = |name: &&str| unit.exports.contains_key(*name);
        unit.has_start || REACTOR_STARTS.iter().any(exports)
    }

    fn export_names<'u>(&self, unit: &'u Self::Unit) -> impl Iterator<Item = &'u str> {
        unit.exports.keys().map(String::as_str)
    }

    fn host(&self, module: &str, name: &str) -> Option<HostDefinition> {
        let version = || self.modules.get(self.version(module, self.versions)?);
        if let Some(None) = self.modules.get(module).or_else(version) {
            // An error tells that the module is not valid already. What it might have exported is
            // no fault of the modules that import it.
            return Some(HostDefinition::Untyped);
        }
        if is_wasi(module) {
            // Which functions WASI has, and of which types, is checked when the module is loaded.
            return Some(HostDefinition::Untyped);
        }
        self.host.definition(module, name)
    }

    fn host_names(&self, module: &str) -> Vec<&str> {
        self.host.names(module)
    }

    fn open(
        &mut self,
        name: &str,
        _chain: &dyn Fn() -> Vec<String>,
    ) -> Result<Option<Opened<Self::Unit>>, Infallible> {
        let unit = self.modules.get(name).and_then(Option::as_ref);
        Ok(unit.map(|unit| Opened {
            unit,
            settled: false,
        }))
    }

    fn index(&self) -> &NameIndex {
        self.index
            .get_or_init(|| NameIndex::new(self.modules.keys().copied()))
    }

    fn has_name(&self, unit: &Self::Unit, name: &str) -> bool {
        let found = self.modules.get(name).and_then(Option::as_ref);
        found.is_some_and(|found| std::ptr::eq(found, *unit))
    }

    fn asked(&self) -> Vec<String> {
        vec!["the bundle".to_owned()]
    }

    fn fault(&mut self, fault: GraphError) -> Result<(), Infallible> {
        self.faults.push(fault);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of what is wrong with modules given as name and text.
    fn faults(modules: &[(&str, &str)], host: &str) -> Vec<String> {
        faults_with(modules, host, &Naming::new())
    }

    fn faults_with(modules: &[(&str, &str)], host: &str, naming: &Naming) -> Vec<String> {
        let files: Vec<BundledFile> = modules
            .iter()
            .map(|(name, text)| BundledFile {
                name: (*name).to_owned(),
                bytes: wat::parse_str(text).unwrap(),
            })
            .collect();
        let host = HostManifest::parse(host).unwrap();
        let errors = check_bundle_with(&files, &host, naming, Proposals::AVAILABLE)
            .err()
            .unwrap_or_default();
        errors.iter().map(ToString::to_string).collect()
    }

    const A: &str = r#"(module (func (export "A") (result i32) (i32.const 10)))"#;
    const B: &str = r#"(module
        (import "mA" "A" (func (result i32)))
        (import "env" "log" (func (param i32)))
        (func (export "B")))"#;

    #[test]
    fn a_complete_bundle_passes() {
        for host in [
            "\"env\"",
            "\"env\".\"log\"",
            "\"env\".\"log\" (func (param i32))",
        ] {
            assert_eq!(faults(&[("mB", B), ("mA", A)], host), [""; 0]);
        }
        assert_eq!(faults(&[], ""), [""; 0]);
    }

    #[test]
    fn each_fault_names_file_and_import() {
        let start = r#"(module (func (export "_start")))"#;
        let uses = |module: &str, name: &str, what: &str| {
            format!(r#"(module (import "{module}" "{name}" ({what})))"#)
        };
        // The modules with their texts, the host's manifest, what each fault names.
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            (
                &[("mA", A), ("mB", B)],
                "",
                &[
                    "mB.wasm: import \"env\".\"log\" of module \"mB\": expected (func (param i32)), \
                   found no definition by the host, whose name it is to define; a module that has it \
                   stands in by an alias (`--alias env=NAME`, `Naming::alias`)",
                ],
            ),
            (
                &[("mA", A), ("mB", B)],
                "\"env\".\"log\" (func)",
                &[
                    "mB.wasm: import \"env\".\"log\" of module \"mB\": expected (func (param i32)), \
                   found (func)",
                ],
            ),
            (
                &[("ma", A), ("mB", B)],
                "\"env\"",
                &[
                    "mB.wasm: import \"mA\".\"A\" of module \"mB\": expected (func (result i32)), \
                   found no module \"mA\" (mB -> mA), asked the bundle; did you mean \"ma\"?",
                ],
            ),
            (
                &[("mA", A), ("x", &uses("mA", "a", "memory 1"))],
                "",
                &[
                    "x.wasm: import \"mA\".\"a\" of module \"x\": expected (memory 1), \
                   found no such export; did you mean \"A\"?",
                ],
            ),
            (
                &[("mA", A), ("x", &uses("mA", "A", "func (param i64)"))],
                "",
                &[
                    "x.wasm: import \"mA\".\"A\" of module \"x\": expected (func (param i64)), \
                   found (func (result i32))",
                ],
            ),
            (
                &[("x", &uses("wasi_snapshot_preview1", "fd_write", "func"))],
                "",
                &[],
            ),
            (
                &[("env", A)],
                "",
                &[
                    "env.wasm: can not register as a built-in module: \"env\" is the host's; rename \
                   the file",
                ],
            ),
            (
                &[("mA", A), ("mA", A)],
                "",
                &["mA.wasm: there are two modules of this name"],
            ),
            (
                &[("cmd", start), ("x", &uses("cmd", "_start", "func"))],
                "",
                &[
                    "cmd.wasm: a command (with _start function) can not be a sub-module: module \
                   \"cmd\" exports \"_start\" (x -> cmd); build it as a reactor or a library, or use its \
                   exports, without _start, by --use-exports \"cmd\" (in a program or a build script, \
                   `use_exports`)",
                ],
            ),
            (
                &[
                    ("a", &uses("b", "f", "func")),
                    (
                        "b",
                        r#"(module (import "a" "g" (func)) (func (export "f")))"#,
                    ),
                ],
                "",
                &[
                    "a.wasm: modules import one another in a circle: a -> b -> a",
                    "b.wasm: import \"a\".\"g\" of module \"b\": expected (func), found no such \
                     export",
                ],
            ),
        ];
        for (modules, host, expected) in cases {
            assert_eq!(faults(modules, host), *expected);
        }
    }

    #[test]
    fn versions_satisfy_at_build_time_what_they_satisfy_when_modules_are_linked() {
        let uses =
            |module: &str| format!(r#"(module (import "{module}" "A" (func (result i32))))"#);
        let (exact, lower) = (uses("mA@1.2"), uses("mA@1.1"));
        let modules = [("x", &*exact), ("y", &lower), ("mA@1.2.3", A), ("mA", A)];
        assert_eq!(
            faults(&modules, ""),
            [
                "y.wasm: import \"mA@1.1\".\"A\" of module \"y\": expected (func (result i32)), found \
                 no module \"mA@1.1\" (y -> mA@1.1), asked the bundle; there is \"mA@1.2.3\", \"mA\""
            ]
        );
        let mut naming = Naming::new();
        naming.versions = Versions::Compatible;
        assert_eq!(faults_with(&modules, "", &naming), [""; 0]);
        // What is wrong with a version is told of its file, and of what it is, once.
        let circle = [
            ("a@1.0.0", &*uses("b@1")),
            ("b@1.0.0", &*uses("a@1")),
            ("x", &uses("a@1.0")),
        ];
        let faults = faults(&circle, "");
        let circle =
            "a@1.0.0.wasm: modules import one another in a circle: a@1.0.0 -> b@1.0.0 -> a@1.0.0";
        assert_eq!(faults[0], circle);
        assert_eq!(faults.len(), 4, "{faults:?}");
    }

    #[test]
    fn aliases_hold_at_build_time_but_for_the_module_that_they_name() {
        let uses_log = |name: &str| {
            format!(
                r#"(module (import "env" "log" (func $log (param i32)))
                    (export "{name}" (func $log)))"#
            )
        };
        let (shim, other) = (uses_log("log"), uses_log("other"));
        let host = "\"env\".\"log\" (func (param i32))";
        for to in ["shim@1.2.3", "shim@1"] {
            let mut naming = Naming::new();
            naming.alias("env", to).unwrap();
            // Whichever is met first.
            for modules in [
                [("x", &*other), ("shim@1.2.3", &*shim)],
                [("shim@1.2.3", &*shim), ("x", &*other)],
            ] {
                assert_eq!(faults_with(&modules, host, &naming), [""; 0]);
            }
            let modules = [("x", &*shim), ("shim@1.2.3", &*other)];
            assert_eq!(
                faults_with(&modules, host, &naming),
                [format!(
                    "x.wasm: import \"env\".\"log\" (alias of \"{to}\") of module \"x\": expected (func \
                     (param i32)), found no such export"
                )]
            );
        }
        let mut naming = Naming::new();
        naming.alias("gone", "env").unwrap();
        let gone = uses_log("log").replace("env", "gone");
        assert_eq!(faults_with(&[("x", &gone)], host, &naming), [""; 0]);
        assert_eq!(faults(&[("x", &gone)], host).len(), 1);
    }

    #[test]
    fn all_faults_of_all_files_are_told_and_a_broken_file_only_for_itself() {
        let file = |name: &str, bytes: &[u8]| BundledFile {
            name: name.to_owned(),
            bytes: bytes.to_vec(),
        };
        let bytes = wat::parse_str(
            r#"(module (import "broken" "f" (func)) (import "p" "f" (func)) (import "q" "f" (func))
                (import "old@1" "f" (func)))"#,
        )
        .unwrap();
        let files = [
            file("broken", b"\0asm"),
            file("old@1.2.3", b"\0asm"),
            file("x", &bytes),
            file("y", &bytes),
        ];
        let errors = check_bundle(&files, &HostManifest::default()).unwrap_err();
        assert_eq!(errors.len(), 4, "{errors:?}");
        for (error, name) in errors.iter().zip(["broken", "old@1.2.3"]) {
            let text = error.to_string();
            let expected = format!("{name}.wasm: unexpected end");
            assert!(text.starts_with(&expected), "{text}");
        }
        for error in &errors[2..] {
            let BundleError::Graph { source } = error else {
                panic!("{error}")
            };
            assert_eq!(source.failures().len(), 2, "{error}");
        }
    }
}
