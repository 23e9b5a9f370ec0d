//! The mocks of a case, from `[mock.MODULE]` of the case and of its file.

use std::collections::BTreeSet;

use holdall::GraphImport;
use holdall::provide::nearest;

use super::check::listed;
use super::layers::{Layers, merged};
use super::read::Reader;
use super::syntax::{Entry, Node, Table};
use crate::mock::Mock;
use crate::modules::Subject;

/// How many imports are listed where a mock is for none of them.
const MAX_LISTED: usize = 20;

/// Keys of which a mock has at most one: what its calls do.
const ANSWERS: &[&str] = &["results", "each", "trap", "wat", "module"];

/// The mocks of a file for all its cases, and those of them that some case has a use for.
#[derive(Debug, Default)]
pub(super) struct Fitting<'a> {
    used: BTreeSet<(&'a str, &'a str)>,
    /// Whether modules of a case are not known, so that nothing can be said of what fits.
    unknown: bool,
    /// What the modules of the cases import.
    imports: Vec<(String, String)>,
}

/// The mocks of a case. One of the case replaces one of the file for the same function; one of the file that
/// fits no import of the case's modules is for other cases. With each is where it stands.
pub(super) fn mocks<'a>(
    layers: Layers<'a>,
    subject: Option<&Subject>,
    fitting: &mut Fitting<'a>,
    reader: &mut Reader<'_>,
) -> Vec<(Mock, usize)> {
    fitting.unknown |= subject.is_none();
    let imports = subject.map_or(&[][..], Subject::imports);
    let modules = |table: &'a Table| table.get("mock").and_then(Node::table);
    let (below, above) = (modules(layers.file), modules(layers.case));
    let mut mocks = Vec::new();
    for Entry { key: module, .. } in merged(below, above) {
        let of = |modules: Option<&'a Table>| modules.and_then(|it| it.get(module)?.table());
        let (below, above) = (of(below), of(above));
        for function in merged(below, above) {
            let Some(table) = function.node.table() else {
                continue;
            };
            let mock = mock(module, function, table, reader);
            let name = &function.key;
            let fits = |import: &GraphImport| import.module == *module && import.name == *name;
            if subject.is_none() || imports.iter().any(fits) {
                fitting.used.insert((module, name));
                mocks.push((mock, function.at));
            } else if above.is_some_and(|above| above.get(name).is_some()) {
                let imports = imports
                    .iter()
                    .map(|it| (it.module.as_str(), it.name.as_str()));
                reader
                    .complaints
                    .add(function.at, fits_nothing(module, name, imports));
            }
        }
    }
    for import in imports {
        fitting
            .imports
            .push((import.module.clone(), import.name.clone()));
    }
    mocks
}

impl Fitting<'_> {
    /// Complains of the mocks of the file that no case has a use for.
    pub(super) fn complain(&self, file: &Table, reader: &mut Reader<'_>) {
        if self.unknown {
            return;
        }
        for module in file
            .get("mock")
            .and_then(Node::table)
            .into_iter()
            .flat_map(Table::iter)
        {
            for function in module.node.table().into_iter().flat_map(Table::iter) {
                let (module, name) = (module.key.as_str(), function.key.as_str());
                if !self.used.contains(&(module, name)) {
                    let imports = self
                        .imports
                        .iter()
                        .map(|(module, name)| (&**module, &**name));
                    reader
                        .complaints
                        .add(function.at, fits_nothing(module, name, imports));
                }
            }
        }
    }
}

/// That a mock is for no function that modules import.
fn fits_nothing<'a>(
    module: &str,
    name: &str,
    imports: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> String {
    let whole: BTreeSet<_> = imports
        .map(|(module, name)| format!("{module}.{name}"))
        .collect();
    let wanted = format!("{module}.{name}");
    let way_out = match nearest(&wanted, whole.iter().map(String::as_str)) {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if whole.is_empty() => "; there are none".to_owned(),
        None => {
            let first = whole.iter().take(MAX_LISTED).map(String::as_str);
            let more = if whole.len() > MAX_LISTED {
                " and others"
            } else {
                ""
            };
            format!("; they import {}{more}", listed(first))
        }
    };
    format!("the mock `{wanted}` fits no import of the modules{way_out}")
}

fn mock(module: &str, function: &Entry, table: &Table, reader: &mut Reader<'_>) -> Mock {
    let name = &function.key;
    let answers: Vec<_> = table
        .iter()
        .filter(|it| ANSWERS.contains(&it.key.as_str()))
        .collect();
    if let [first, second, ..] = answers[..] {
        let what = format!(
            "mock {module}.{name}: expected one of {}, found `{}` and `{}`",
            listed(ANSWERS.iter().copied()),
            first.key,
            second.key
        );
        reader.complaints.add(second.at, what);
    }
    let mut mock = Mock::func(module, name);
    let count = |key| table.get(key).and_then(Node::count);
    if answers.is_empty() && [count("times"), count("at-most")].contains(&Some(0)) {
        mock = mock.traps(format!("the mock {module}.{name} is not to be called"));
    }
    for Entry { key, node, at } in table.iter() {
        mock = match key.as_str() {
            "results" => mock.returns(values(node)),
            "each" => mock.returns_each(node.each().iter().map(values)),
            "trap" => mock.traps(node.text().unwrap_or_default()),
            "wat" | "module" => {
                let function = table.get("func").and_then(Node::text).unwrap_or(name);
                match reader.file(key, node) {
                    Some(bytes) => mock.module(bytes, function),
                    None => mock,
                }
            }
            "func" => {
                if table.get("wat").or(table.get("module")).is_none() {
                    let what = "`func`: expected `wat` or `module` beside it, with the path of the \
                                module that has the function";
                    reader.complaints.add(*at, what);
                }
                mock
            }
            "writes" => node
                .each()
                .iter()
                .fold(mock, |mock, node| write(mock, node, reader)),
            "args" => mock.expect_args(values(node)),
            "times" => mock.times(node.count().unwrap_or_default()),
            "at-least" => mock.at_least(node.count().unwrap_or_default()),
            "at-most" => mock.at_most(node.count().unwrap_or_default()),
            _ => mock,
        };
    }
    mock
}

fn values(node: &Node) -> Vec<crate::value::Value> {
    node.each().iter().filter_map(Reader::value).collect()
}

/// The mock, which also puts bytes into its caller's memory.
fn write(mock: Mock, node: &Node, reader: &mut Reader<'_>) -> Mock {
    let Some(table) = node.table() else {
        return mock;
    };
    let arg = table
        .get("arg")
        .and_then(Node::count)
        .and_then(|arg| usize::try_from(arg).ok());
    let mut all = Vec::new();
    for Entry { key, node, .. } in table.iter().filter(|entry| entry.key != "arg") {
        all.extend(match key.as_str() {
            "text" => node.text().map(|text| text.as_bytes().to_vec()),
            key => reader.encoded(key, node),
        });
    }
    match (arg, &all[..]) {
        (Some(arg), [bytes]) => mock.writes(arg, bytes.clone()),
        _ => {
            let what = "`writes`: expected `arg` with the number of the argument that is the address, \
                        and one of `text`, `hex`, `base64` and `file`";
            reader.complaints.add(node.at, what);
            mock
        }
    }
}
