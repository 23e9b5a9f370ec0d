//! The modules that manifests name: each compiled once, with all that it needs, for all cases of all
//! manifests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use holdall::{Config, Versions};

use super::layers::Layers;
use super::read::Reader;
use super::run::add_causes;
use super::syntax::Node;
use crate::modules::{Modules, Subject};

/// The subjects that there are already; `None` for one that cannot be made, which has been told.
#[derive(Debug, Default)]
pub(crate) struct Subjects(BTreeMap<Source, Option<Subject>>);

/// All that a subject is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Source {
    module: PathBuf,
    module_path: Vec<PathBuf>,
    preload: Vec<(String, PathBuf)>,
    alias: Vec<(String, String)>,
    compatible_versions: bool,
    use_exports: Vec<String>,
    stack_size_bytes: Option<usize>,
}

impl Subjects {
    /// The subject of a case that begins at `at`. `None` where something is wrong, of which there is a
    /// complaint now or was one.
    pub(super) fn subject(
        &mut self,
        layers: Layers<'_>,
        at: usize,
        reader: &mut Reader<'_>,
    ) -> Option<Subject> {
        let Some(module) = layers.get("module") else {
            let what = "the case has no module: say `module = \"app.wasm\"`, here or at the top of the \
                        file for all cases";
            reader.complaints.add(at, what);
            return None;
        };
        let source = Source::read(module, layers, reader)?;
        if let Some(subject) = self.0.get(&source) {
            return subject.clone();
        }
        let subject = source.subject();
        if let Err(error) = &subject {
            let mut what = format!("`module`: {error}");
            add_causes(error, &mut what);
            reader.complaints.add(module.at, what);
        }
        let subject = subject.ok();
        self.0.insert(source, subject.clone());
        subject
    }
}

impl Source {
    fn read(module: &Node, layers: Layers<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let stack_size = layers.get("stack-size");
        let texts = |key| {
            layers
                .each(key)
                .iter()
                .filter_map(Node::text)
                .map(str::to_owned)
        };
        Some(Self {
            module: reader.path(module)?,
            module_path: texts("module-path")
                .map(|path| reader.dir.join(path))
                .collect(),
            preload: layers
                .entries("preload")
                .filter_map(|entry| Some((entry.key.clone(), reader.path(&entry.node)?)))
                .collect(),
            alias: layers
                .entries("alias")
                .filter_map(|entry| Some((entry.key.clone(), entry.node.text()?.to_owned())))
                .collect(),
            compatible_versions: layers.flag("compatible-versions"),
            use_exports: texts("use-exports").collect(),
            stack_size_bytes: stack_size.and_then(|node| reader.size("stack-size", node)),
        })
    }

    fn subject(&self) -> crate::error::Result<Subject> {
        let mut config = Config::new();
        if let Some(size_bytes) = self.stack_size_bytes {
            config = config.stack_size_bytes(size_bytes);
        }
        let mut modules = Modules::new().config(config);
        for path in &self.module_path {
            modules = modules.module_path(path);
        }
        for (name, path) in &self.preload {
            modules = modules.preload_file(name, path);
        }
        for (from, to) in &self.alias {
            modules = modules.alias(from, to);
        }
        if self.compatible_versions {
            modules = modules.versions(Versions::Compatible);
        }
        for name in &self.use_exports {
            modules = modules.use_exports(name);
        }
        modules.file(&self.module)
    }
}
