//! What a case expects, from its keys and those of its file.

use std::path::{Component, Path, PathBuf};

use holdall::ValType;
use holdall::text::parse_number;

use super::check::listed;
use super::keys::{EXPECTED, ONLY_EXPECTED};
use super::read::{Reader, named};
use super::syntax::{Entry, Node, Table};
use crate::expect::{Check, Expect, FileCheck};
use crate::value::Value;

/// What a case expects, and the names of the snapshots that it compares with.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) expect: Expect,
    pub(super) snapshots: Vec<PathBuf>,
}

impl Expected {
    /// What tables expect, of which the first that has a key decides: the case, and its file.
    pub(super) fn read(layers: [&Table; 2], reader: &mut Reader<'_>) -> Self {
        let mut expected = Self::default();
        let mut said: Vec<&str> = Vec::new();
        for table in layers {
            let within = table.get("expect").and_then(Node::table);
            let mut of_layer = Vec::new();
            let keys = [EXPECTED, ONLY_EXPECTED].into_iter().flatten();
            for key in keys.map(|key| key.name) {
                let beside = EXPECTED.iter().any(|beside| beside.name == key);
                let beside = table.entry(key).filter(|_| beside);
                let within = within.and_then(|table| table.entry(key));
                if let (Some(beside), Some(within)) = (beside, within) {
                    let at = beside.at.max(within.at);
                    let what = format!("`{key}` is there twice, within `expect` and beside it");
                    reader.complaints.add(at, what);
                }
                let Some(entry) = beside.or(within) else {
                    continue;
                };
                of_layer.push(key);
                if !said.contains(&key) {
                    expected.read_key(entry, reader);
                }
            }
            said.extend(of_layer);
        }
        expected
    }

    fn read_key(&mut self, entry: &Entry, reader: &mut Reader<'_>) {
        let node = &entry.node;
        match entry.key.as_str() {
            "exit" => {
                self.expect.exit = node.count().and_then(|code| {
                    let code = i32::try_from(code).ok();
                    if code.is_none() {
                        reader
                            .complaints
                            .add(node.at, "`exit`: expected at most 2147483647");
                    }
                    code
                });
            }
            "trap" => self.expect.trap = node.text().map(Check::contains),
            "results" => self.expect.results = Some(results(node, reader)),
            "stdout" => self.expect.stdout = self.checks("stdout", node, reader),
            "stderr" => self.expect.stderr = self.checks("stderr", node, reader),
            "fuel-at-most" => self.expect.fuel_at_most = node.count(),
            "files" => {
                for (path, node) in node.table().into_iter().flat_map(named) {
                    let check = match node.flag() {
                        Some(false) => FileCheck::Absent,
                        Some(true) => FileCheck::Holds(Vec::new()),
                        None => FileCheck::Holds(self.checks(path, node, reader)),
                    };
                    self.expect.files.insert(path.to_owned(), check);
                }
            }
            _ => {}
        }
    }

    /// What is expected of bytes: all of them, or what a table says of them.
    fn checks(&mut self, key: &str, node: &Node, reader: &mut Reader<'_>) -> Vec<Check> {
        if let Some(text) = node.text() {
            return vec![Check::equals(text)];
        }
        let Some(table) = node.table() else {
            return Vec::new();
        };
        let mut checks = Vec::new();
        for (name, node) in named(table) {
            match name {
                "contains" => checks.extend(Reader::texts(node).map(Check::contains)),
                "matches" => match node.text().map(Check::matches) {
                    Some(Ok(check)) => checks.push(check),
                    Some(Err(error)) => {
                        reader
                            .complaints
                            .add(node.at, format!("`matches`: {error}"));
                    }
                    None => {}
                },
                "snapshot" => checks.extend(self.snapshot(node, reader)),
                _ => checks.extend(reader.encoded(name, node).map(Check::Equals)),
            }
        }
        if table.iter().next().is_none() {
            let what = format!("`{key}`: expected a text, or a table with what is expected of it");
            reader.complaints.add(node.at, what);
        }
        checks
    }

    fn snapshot(&mut self, node: &Node, reader: &mut Reader<'_>) -> Option<Check> {
        let name = Path::new(node.text()?);
        let is_below = name
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !is_below || name.as_os_str().is_empty() {
            let what = "`snapshot`: expected the name of a file such as \"help.txt\", which will be \
                        below `snapshots/` beside the manifest";
            reader.complaints.add(node.at, what);
            return None;
        }
        self.snapshots.push(name.to_owned());
        Some(Check::snapshot(name))
    }
}

/// The results of a call, each with its type.
fn results(node: &Node, reader: &mut Reader<'_>) -> Vec<Value> {
    let mut results = Vec::new();
    for node in node.each() {
        let Some(value) = Reader::value(node) else {
            continue;
        };
        if let Err(reason) = check_result(&value.to_string()) {
            reader
                .complaints
                .add(node.at, format!("`results`: {reason}"));
        }
        results.push(value);
    }
    results
}

/// Whether a text stands for results: with its type, as `holdall run` prints it.
fn check_result(text: &str) -> Result<(), String> {
    const TYPES: [(&str, ValType); 5] = [
        ("i32", ValType::I32),
        ("i64", ValType::I64),
        ("f32", ValType::F32),
        ("f64", ValType::F64),
        ("v128", ValType::V128),
    ];
    let Some((number, said)) = text.rsplit_once(':') else {
        return match text {
            "_" | "ref.exn" => Ok(()),
            _ => Err(format!(
                "expected a value with its type, found {text:?}; say {}",
                with_type(text)
            )),
        };
    };
    if said.starts_with("ref.") {
        return Ok(());
    }
    let Some((_, ty)) = TYPES.iter().find(|(name, _)| *name == said) else {
        let types = listed(TYPES.iter().map(|(name, _)| *name));
        return Err(format!("expected {text:?} to end in one of {types}"));
    };
    // As vectors are printed.
    if number.starts_with('<') {
        return Ok(());
    }
    match (number, parse_number(*ty, number)) {
        ("_" | "nan:canonical" | "nan:arithmetic", _) | (_, None | Some(Ok(_))) => Ok(()),
        (_, Some(Err(error))) => Err(format!("expected {ty}, found {number:?}: {error}")),
    }
}

/// What a value without a type may have been meant to be.
fn with_type(text: &str) -> String {
    match text.parse::<i64>() {
        Ok(number) => format!("`{number:#x}:i32` or `{number:#x}:i64`"),
        Err(_) => format!("`{text}:f64`"),
    }
}
