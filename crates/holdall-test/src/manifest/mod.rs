//! Manifests: tests as TOML. A file says what its cases share, and each case what is its own.
//!
//! ```text
//! text ─► syntax ─► check (keys) ─► subjects, cases (read, expected, mocks, faults) ─► Manifest
//!                     └► schema
//! ```
//!
//! Whatever is wrong is found in one go: each step goes on with what is right.

mod case;
mod check;
mod complaint;
mod expected;
mod faults;
mod keys;
mod layers;
mod mocks;
mod read;
mod run;
mod schema;
mod subjects;
mod syntax;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(crate) use case::ManifestCase;
pub use complaint::Complaint;
pub use schema::schema;
pub(crate) use subjects::Subjects;

use complaint::Complaints;
use layers::Layers;
use read::Reader;
use syntax::{Node, Table, Value};

use crate::snapshot::SnapshotDir;

/// A manifest that has been read, with its modules.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// The path, as it was given or found.
    pub(crate) file: String,
    pub(crate) cases: Vec<ManifestCase>,
    pub(crate) snapshots: SnapshotDir,
    /// The snapshots that cases compare with.
    used: BTreeSet<PathBuf>,
}

impl Manifest {
    /// Reads the manifest at a path, and the modules that it names unless `subjects` has them.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub(crate) fn read(path: &Path, subjects: &mut Subjects) -> Result<Self, Vec<Complaint>> {
        let of_file = |reason: String| vec![Complaint::of_file(path, reason)];
        let bytes = read::read_file(path).map_err(of_file)?;
        let text = String::from_utf8(bytes);
        let text =
            text.map_err(|error| of_file(format!("expected UTF-8: {}", error.utf8_error())))?;
        let file = path.display().to_string();
        let dir = path.parent().unwrap_or(Path::new(""));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut reader = Reader {
            dir,
            complaints: Complaints::new(&file, &text),
        };
        let table = match syntax::parse(&text) {
            Ok(table) => table,
            Err(errors) => {
                for error in errors {
                    reader.complaints.add(error.at, error.message);
                }
                return Err(reader.complaints.into_list());
            }
        };
        let root = Node {
            at: 0,
            value: Value::Table(table),
        };
        check::check(keys::FILE, "", &root, &mut reader.complaints);
        let empty = Table::default();
        let table = root.table().unwrap_or(&empty);
        let mut used = BTreeSet::new();
        let cases = read_cases(table, &mut reader, subjects, &mut used);
        if !reader.complaints.is_empty() {
            return Err(reader.complaints.into_list());
        }
        let name = name.strip_suffix(crate::find::MANIFEST).unwrap_or(&name);
        let snapshots = SnapshotDir::new(dir, name);
        Ok(Self {
            file,
            cases,
            snapshots,
            used,
        })
    }

    /// The snapshots that no case compares with any more.
    pub(crate) fn stale_snapshots(&self) -> Vec<PathBuf> {
        self.snapshots.stale(|path| self.used.contains(path))
    }
}

fn read_cases(
    file: &Table,
    reader: &mut Reader<'_>,
    subjects: &mut Subjects,
    used: &mut BTreeSet<PathBuf>,
) -> Vec<ManifestCase> {
    let Some(nodes) = file.get("case").map(Node::each) else {
        let what = "there is no case: a case begins with [[case]], and `name = \"...\"` below it";
        reader.complaints.add(0, what);
        return Vec::new();
    };
    let mut names = BTreeSet::new();
    let mut file_mocks = mocks::Fitting::default();
    let mut cases = Vec::new();
    for node in nodes {
        let Some(case) = node.table() else { continue };
        match case.get("name") {
            Some(name) => {
                let text = name.text().unwrap_or_default();
                if name.text().is_some() && !names.insert(text) {
                    reader
                        .complaints
                        .add(name.at, format!("there is a case `{text}` already"));
                }
            }
            None => reader
                .complaints
                .add(node.at, "the case has no name: say `name = \"...\"`"),
        }
        let layers = Layers { case, file };
        let read = case::Reading {
            layers,
            at: node.at,
            reader,
            subjects,
            file_mocks: &mut file_mocks,
        };
        cases.extend(read.case(used));
    }
    file_mocks.complain(file, reader);
    cases
}
