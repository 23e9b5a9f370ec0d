//! The faults of a case, from `faults`.

use holdall::provide::{Provider, nearest};
use holdall_wasi::{Errno, Wasi};

use super::check::listed;
use super::layers::Layers;
use super::read::Reader;
use super::syntax::{Entry, Node, Table, Value};
use crate::fault::Fault;

/// Keys of which a fault has one: what goes wrong.
const KINDS: &[&str] = &[
    "errno",
    "short",
    "ends-after",
    "jump",
    "jump-back",
    "no-growth",
];

/// Keys of which a fault has at most one: when it goes wrong.
const WHEN: &[&str] = &["nth", "after", "chance"];

/// The module whose functions faults are about.
const PREVIEW1: &str = "wasi_snapshot_preview1";

/// The faults of a case.
pub(super) fn faults(layers: Layers<'_>, reader: &mut Reader<'_>) -> Vec<Fault> {
    let nodes = layers.each("faults").iter();
    nodes
        .filter_map(|node| fault(node, node.table()?, reader))
        .collect()
}

fn fault(node: &Node, table: &Table, reader: &mut Reader<'_>) -> Option<Fault> {
    let of = |keys: &[&str]| -> Vec<&Entry> {
        table
            .iter()
            .filter(|entry| keys.contains(&entry.key.as_str()))
            .collect()
    };
    let kinds = of(KINDS);
    let [kind] = kinds[..] else {
        let found = match kinds.len() {
            0 => "none of them".to_owned(),
            _ => listed(kinds.iter().map(|entry| entry.key.as_str())),
        };
        let kinds = listed(KINDS.iter().copied());
        reader.complaints.add(
            node.at,
            format!("`faults`: expected one of {kinds}, found {found}"),
        );
        return None;
    };
    let mut fault = what(kind, table, reader)?;
    if let Some(fd) = table.get("fd").and_then(Node::count) {
        fault = fault.fd(u32::try_from(fd).unwrap_or(u32::MAX));
    }
    match of(WHEN)[..] {
        [] => Some(fault),
        [entry] => at(fault, entry, reader),
        [_, second, ..] => {
            let words = listed(WHEN.iter().copied());
            reader
                .complaints
                .add(second.at, format!("`faults`: expected only one of {words}"));
            None
        }
    }
}

/// What goes wrong, at every call.
fn what(kind: &Entry, table: &Table, reader: &mut Reader<'_>) -> Option<Fault> {
    let node = &kind.node;
    match kind.key.as_str() {
        "errno" => {
            let function = function(kind, table, reader)?;
            match node.text()?.parse::<Errno>() {
                Ok(errno) => Some(Fault::errno(function, errno)),
                Err(error) => {
                    reader.complaints.add(node.at, format!("`errno`: {error}"));
                    None
                }
            }
        }
        "short" => {
            let function = function(kind, table, reader)?;
            let most_bytes = usize::try_from(node.count()?).unwrap_or(usize::MAX);
            Some(Fault::short(function, most_bytes))
        }
        "ends-after" => {
            let Some(fd) = table.get("fd").and_then(Node::count) else {
                let what =
                    "`ends-after`: expected `fd` beside it: 0 is the standard input, 1 the output";
                reader.complaints.add(kind.at, what);
                return None;
            };
            Some(Fault::ends(
                u32::try_from(fd).unwrap_or(u32::MAX),
                node.count()?,
            ))
        }
        "jump" => reader.duration("jump", node).map(Fault::jump),
        "jump-back" => reader.duration("jump-back", node).map(Fault::jump_back),
        _ => match (node.flag(), node.count()) {
            (Some(true), _) => Some(Fault::no_growth()),
            (_, Some(pages)) => Some(Fault::no_growth_beyond(pages)),
            _ => None,
        },
    }
}

/// The function of WASI that `call` names, which has to be there beside `kind`.
fn function<'a>(kind: &Entry, table: &'a Table, reader: &mut Reader<'_>) -> Option<&'a str> {
    let Some(node) = table.get("call") else {
        let key = &kind.key;
        let what =
            format!("`{key}`: expected `call` beside it, with a function of WASI as `fd_write`");
        reader.complaints.add(kind.at, what);
        return None;
    };
    let name = node.text()?;
    let functions = Wasi::default().names(PREVIEW1);
    if functions.contains(&name) {
        return Some(name);
    }
    let way_out = match nearest(name, functions) {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => String::new(),
    };
    reader.complaints.add(
        node.at,
        format!("`call`: WASI has no function `{name}`{way_out}"),
    );
    None
}

/// The fault, at some calls only.
fn at(fault: Fault, when: &Entry, reader: &mut Reader<'_>) -> Option<Fault> {
    let node = &when.node;
    match (when.key.as_str(), &node.value) {
        ("nth", _) if node.count() == Some(0) => {
            reader
                .complaints
                .add(node.at, "`nth`: expected a number from 1, found 0");
            None
        }
        ("nth", _) => Some(fault.nth(node.count()?)),
        ("after", _) => Some(fault.after(node.count()?)),
        (_, Value::Float(number)) if (0.0..=1.0).contains(number) => Some(fault.chance(*number)),
        (_, Value::Integer(number @ (0 | 1))) => Some(fault.chance(*number as f64)),
        _ => {
            reader
                .complaints
                .add(node.at, "`chance`: expected a number from 0 to 1");
            None
        }
    }
}
