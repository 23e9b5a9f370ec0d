//! A case of a manifest: what it is read from, and how it is run.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use holdall_record::Recording;
use holdall_wasi::{Grants, Input};

use super::expected::Expected;
use super::faults;
use super::layers::Layers;
use super::mocks::{self, Fitting};
use super::read::{Reader, named, read_file};
use super::subjects::Subjects;
use super::syntax::{Entry, Node, Table};
use crate::case::{Case, DEFAULT_TIMEOUT};
use crate::error::Result;
use crate::expect::Expect;
use crate::modules::Modules;
use crate::outcome::Outcome;
use crate::replayed::Replayed;

/// Keys that say what a module is given, which a recording has for itself.
const GIVEN: &[&str] = &[
    "preload",
    "alias",
    "compatible-versions",
    "use-exports",
    "args",
    "argv0",
    "stdin",
    "env",
    "files",
    "dirs",
    "read-only",
    "time",
    "grants",
    "share-wasi",
    "seed",
    "fuel",
    "max-memory",
    "stack-size",
    "mock",
    "faults",
];

/// The most bytes of a directory that a case has a copy of.
const MAX_DIR_BYTES: usize = 64 << 20;

/// A case, as its manifest has it.
#[derive(Clone, Debug)]
pub(crate) struct ManifestCase {
    pub(crate) name: String,
    pub(crate) runs: Runs,
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

/// What is run.
#[derive(Clone, Debug)]
pub(crate) enum Runs {
    Case(Box<Case>),
    Replay(Replayed),
}

impl Runs {
    /// What comes of a run with a seed, which has a trace where that is asked for.
    pub(crate) fn run(&self, seed: u64, trace: bool) -> Result<Outcome> {
        match self {
            Self::Case(case) => Case::clone(case).seed(seed).trace(trace).run(),
            Self::Replay(replayed) => replayed.run(),
        }
    }
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
    pub(super) fn case(mut self, used: &mut BTreeSet<PathBuf>) -> Option<ManifestCase> {
        let layers = self.layers;
        let Expected { expect, snapshots } =
            Expected::read([layers.case, layers.file], self.reader);
        used.extend(snapshots);
        let mut mocks = Vec::new();
        let runs = match layers.get("replay") {
            Some(node) => self.replay(node, &expect),
            None => self.run(&expect, &mut mocks),
        };
        let owned = |key| layers.text(key).map(str::to_owned);
        Some(ManifestCase {
            name: layers.case.get("name").and_then(Node::text)?.to_owned(),
            runs: runs?,
            mocks,
            expect,
            seed: layers.get("seed").and_then(Node::count).unwrap_or_default(),
            traces: layers.flag("trace"),
            skip: owned("skip"),
            should_fail: owned("should-fail"),
        })
    }

    /// What runs in a world of its own. `mocks` gets where the mocks stand.
    fn run(&mut self, expect: &Expect, mocks: &mut Vec<(usize, usize)>) -> Option<Runs> {
        let (layers, reader) = (self.layers, &mut *self.reader);
        let faults = faults::faults(layers, reader);
        let subject = self.subjects.subject(layers, self.at, reader);
        let of_case = mocks::mocks(layers, subject.as_ref(), self.file_mocks, reader);
        // What is wrong with the rest is told too.
        let subject = match subject {
            Some(subject) => subject,
            None => Modules::new().wat("(module)").ok()?,
        };
        let mut case = match layers.text("call") {
            Some(function) => Case::call(&subject, function),
            None => Case::program(&subject),
        };
        for (mock, at) in of_case {
            mocks.push(reader.complaints.position(at));
            case = case.mock(mock);
        }
        case = faults.into_iter().fold(case, Case::fault);
        // Where a case speaks of files, there is a directory for them.
        let keys = ["files", "dirs"];
        if keys.iter().any(|key| layers.get(key).is_some()) || !expect.files.is_empty() {
            case = case.dir("/");
        }
        let case = world(limits(case, layers, reader), layers, reader);
        Some(Runs::Case(Box::new(case)))
    }

    /// What runs with the answers of a recording.
    fn replay(&mut self, node: &Node, expect: &Expect) -> Option<Runs> {
        let (layers, reader) = (self.layers, &mut *self.reader);
        for entry in layers.case.iter() {
            if GIVEN.contains(&entry.key.as_str()) {
                let what = format!(
                    "`{}` has no place beside `replay`: the recording has what the module was given",
                    entry.key
                );
                reader.complaints.add(entry.at, what);
            }
        }
        if !expect.files.is_empty() {
            let what = "`replay`: a recording has no files that `expect.files` could look at";
            reader.complaints.add(node.at, what);
        }
        let bytes = reader.file("replay", node)?;
        let recording = match Recording::from_bytes(bytes) {
            Ok(recording) => recording,
            Err(error) => {
                reader.complaints.add(node.at, format!("`replay`: {error}"));
                return None;
            }
        };
        let module_path = layers.each("module-path").iter();
        Some(Runs::Replay(Replayed {
            recording,
            module: layers.get("module").and_then(|node| reader.path(node)),
            module_path: module_path.filter_map(|node| reader.path(node)).collect(),
            timeout: timeout(layers, reader).unwrap_or(DEFAULT_TIMEOUT),
            function: layers.text("call").map(str::to_owned),
        }))
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
            let flag = |key| table.get(key).and_then(Node::flag).unwrap_or_default();
            if flag("output") {
                case = case.grant_output(key);
            }
            if flag("files") {
                case = case.grant_files(key);
            }
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
    if let Some(timeout) = timeout(layers, reader) {
        case = case.timeout(timeout);
    }
    case
}

fn timeout(layers: Layers<'_>, reader: &mut Reader<'_>) -> Option<Duration> {
    reader.duration("timeout", layers.get("timeout")?)
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
