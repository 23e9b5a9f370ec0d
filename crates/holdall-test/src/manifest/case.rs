//! A case of a manifest: what it is read from, and how it is run.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use holdall_wasi::{Grants, Input};

use super::expected::Expected;
use super::faults;
use super::layers::Layers;
use super::mocks::{self, Fitting};
use super::read::{Reader, named, read_file};
use super::subjects::Subjects;
use super::syntax::{Entry, Node, Table};
use crate::case::Case;
use crate::expect::Expect;
use crate::modules::Modules;

/// The most bytes of a directory that a case has a copy of.
const MAX_DIR_BYTES: usize = 64 << 20;

/// A case, as its manifest has it.
#[derive(Clone, Debug)]
pub(crate) struct ManifestCase {
    pub(crate) name: String,
    pub(crate) case: Case,
    /// The lines and columns at which the manifest has the mocks of the case.
    pub(crate) mocks: Vec<(usize, usize)>,
    pub(crate) expect: Expect,
    pub(crate) seed: u64,
    /// Whether a failure is told with the trace of its calls.
    pub(crate) traces: bool,
    /// Why the case is not run.
    pub(crate) skip: Option<String>,
    /// Why the case is known to fail.
    pub(crate) should_fail: Option<String>,
}

/// What a case is read with.
pub(super) struct Reading<'a, 'b, 'c> {
    pub(super) layers: Layers<'a>,
    /// Where the case begins.
    pub(super) at: usize,
    pub(super) reader: &'b mut Reader<'c>,
    pub(super) subjects: &'b mut Subjects,
    pub(super) file_mocks: &'b mut Fitting<'a>,
}

impl Reading<'_, '_, '_> {
    /// The case, unless something is wrong with it. `used` gets the snapshots that it compares with.
    pub(super) fn case(self, used: &mut BTreeSet<PathBuf>) -> Option<ManifestCase> {
        let Self {
            layers,
            at,
            reader,
            subjects,
            file_mocks,
        } = self;
        let Expected { expect, snapshots } = Expected::read([layers.case, layers.file], reader);
        used.extend(snapshots);
        let faults = faults::faults(layers, reader);
        let subject = subjects.subject(layers, at, reader);
        let mocks = mocks::mocks(layers, subject.as_ref(), file_mocks, reader);
        // What is wrong with the rest is told too.
        let subject = match subject {
            Some(subject) => subject,
            None => Modules::new().wat("(module)").ok()?,
        };
        let case = match layers.text("call") {
            Some(function) => Case::call(&subject, function),
            None => Case::program(&subject),
        };
        let mut places = Vec::new();
        let case = mocks.into_iter().fold(case, |case, (mock, at)| {
            places.push(reader.complaints.position(at));
            case.mock(mock)
        });
        let case = faults.into_iter().fold(case, Case::fault);
        // Where a case speaks of files, there is a directory for them.
        let keys = ["files", "dirs"];
        let speaks = keys.iter().any(|key| layers.get(key).is_some()) || !expect.files.is_empty();
        let case = if speaks { case.dir("/") } else { case };
        let case = world(limits(case, layers, reader), layers, reader);
        let owned = |key| layers.text(key).map(str::to_owned);
        Some(ManifestCase {
            name: layers.case.get("name").and_then(Node::text)?.to_owned(),
            case,
            mocks: places,
            expect,
            seed: layers.get("seed").and_then(Node::count).unwrap_or_default(),
            traces: layers.flag("trace"),
            skip: owned("skip"),
            should_fail: owned("should-fail"),
        })
    }
}

/// The case with what it is given: arguments, variables, streams, files, grants, time.
fn world(mut case: Case, layers: Layers<'_>, reader: &mut Reader<'_>) -> Case {
    for arg in layers.each("args").iter().filter_map(Reader::value) {
        case = case.arg(arg);
    }
    if let Some(name) = layers.text("argv0") {
        case = case.argv0(name);
    }
    for entry in layers.entries("env") {
        case = case.env(&entry.key, entry.node.text().unwrap_or_default());
    }
    if let Some(bytes) = layers
        .get("stdin")
        .and_then(|node| reader.bytes("stdin", node))
    {
        case = case.stdin(bytes);
    }
    for Entry { key, node, .. } in layers.entries("dirs") {
        case = copied(case, key, node, reader);
    }
    for Entry { key, node, .. } in layers.entries("files") {
        if let Some(bytes) = reader.bytes(key, node) {
            case = case.file(key, bytes);
        }
    }
    if layers.flag("read-only") {
        case = case.read_only();
    }
    for Entry { key, node, .. } in layers.entries("grants") {
        if let Some(table) = node.table() {
            case = case.grant(key, grants(table, reader));
        }
    }
    if layers.flag("share-wasi") {
        case = case.share_wasi();
    }
    if let Some(seconds) = layers.get("time").and_then(Node::count) {
        match UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
            Some(time) => case = case.time(time),
            None => {
                let at = layers.get("time").map_or(0, |node| node.at);
                reader.complaints.add(
                    at,
                    "`time`: expected seconds since 1970 that a clock can tell",
                );
            }
        }
    }
    case
}

fn limits(mut case: Case, layers: Layers<'_>, reader: &mut Reader<'_>) -> Case {
    if let Some(units) = layers.get("fuel").and_then(Node::count) {
        case = case.fuel(units);
    }
    if let Some(node) = layers.get("max-memory")
        && let Some(size_bytes) = reader.size("max-memory", node)
    {
        case = case.max_memory(size_bytes);
    }
    if let Some(node) = layers.get("timeout")
        && let Some(timeout) = reader.duration("timeout", node)
    {
        case = case.timeout(timeout);
    }
    case
}

/// What another module of the graph is granted.
fn grants(table: &Table, reader: &mut Reader<'_>) -> Grants {
    let mut grants = Grants::new();
    let flag = |key| table.get(key).and_then(Node::flag).unwrap_or_default();
    if let Some(node) = table.get("args") {
        grants = grants.args(Reader::texts(node));
    }
    for (name, node) in table
        .get("env")
        .and_then(Node::table)
        .into_iter()
        .flat_map(named)
    {
        grants = grants.env(name, node.text().unwrap_or_default());
    }
    if let Some(bytes) = table
        .get("stdin")
        .and_then(|node| reader.bytes("stdin", node))
    {
        grants = grants.stdin(Input::bytes(bytes));
    }
    if flag("clocks") {
        grants = grants.clocks();
    }
    if flag("random") {
        grants = grants.random();
    }
    grants
}

/// The case with a copy of a directory, in memory.
fn copied(mut case: Case, guest: &str, node: &Node, reader: &mut Reader<'_>) -> Case {
    let Some(root) = reader.path(node) else {
        return case;
    };
    let mut left_bytes = MAX_DIR_BYTES;
    case = case.dir(guest);
    let mut dirs = vec![(root, guest.trim_end_matches('/').to_owned())];
    while let Some((dir, guest)) = dirs.pop() {
        let entries = fs::read_dir(&dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                let dir = dir.display();
                reader
                    .complaints
                    .add(node.at, format!("`dirs`: {dir}: {error}"));
                return case;
            }
        };
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            let guest = format!("{guest}/{}", name.to_string_lossy());
            // Links are not followed: what they lead to is not in the directory.
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                case = case.dir(&guest);
                dirs.push((path, guest));
            } else if kind.is_file() {
                let bytes = read_file(&path).and_then(|bytes| {
                    let left = left_bytes.checked_sub(bytes.len());
                    left_bytes = left.ok_or_else(|| {
                        format!(
                            "expected at most {MAX_DIR_BYTES} bytes in the directory, found more"
                        )
                    })?;
                    Ok(bytes)
                });
                match bytes {
                    Ok(bytes) => case = case.file(&guest, bytes),
                    Err(reason) => {
                        let path = path.display();
                        reader
                            .complaints
                            .add(node.at, format!("`dirs`: {path}: {reason}"));
                        return case;
                    }
                }
            }
        }
    }
    case
}
