//! The world of a run: files in memory, streams, and what else a case grants.

use std::collections::BTreeMap;

use holdall_wasi::{Capture, Files, Grants, Input, Output, Time, Wasi};

use crate::case::{Case, Entry, Node};
use crate::error::{Error, Result};
use crate::fault::Armed;
use crate::value::Value;

/// What a run can reach.
pub(crate) struct World {
    wasi: Wasi,
    pub(crate) files: Files,
    pub(crate) stdout: Capture,
    pub(crate) stderr: Capture,
}

impl World {
    /// What a case gives.
    pub(crate) fn of(case: &Case, time: &Time, faults: &Armed) -> Result<Self> {
        let (stdout, out) = Output::capture();
        let (stderr, err) = Output::capture();
        let files = files(case)?;
        let root = root(case, &files)?.stdout(out.clone()).stderr(err.clone());
        let mut wasi = Wasi::new(root).deterministic(case.seed).time(time.clone());
        let mut others: BTreeMap<&str, Grants> = BTreeMap::new();
        for (module, grants) in &case.others {
            others.insert(module, grants.clone());
        }
        for module in &case.writers {
            let grants = others.remove(module.as_str()).unwrap_or_default();
            others.insert(module, grants.stdout(out.clone()).stderr(err.clone()));
        }
        for module in &case.filers {
            let grants = others.remove(module.as_str()).unwrap_or_default();
            others.insert(module, grants.files(files.clone(), "/", case.access));
        }
        for (module, grants) in others {
            wasi = wasi.grant(module, grants);
        }
        if case.shares {
            wasi = wasi.share();
        }
        if !faults.is_empty() {
            wasi = wasi.intercept(faults.clone());
        }
        Ok(Self {
            wasi,
            files,
            stdout,
            stderr,
        })
    }

    /// The grants, for a linker.
    pub(crate) fn wasi(&self) -> Wasi {
        self.wasi.clone()
    }
}

/// What is in memory at the start.
fn files(case: &Case) -> Result<Files> {
    let files = Files::new();
    for (path, node) in &case.files {
        let inner = path.trim_matches('/');
        let made = match node {
            Node::File(bytes) => files.write(inner, bytes.clone()),
            Node::Dir if inner.is_empty() => Ok(()),
            Node::Dir => files.make_dir(inner),
            Node::Link(target) => files.link(inner, target),
        };
        made.map_err(|error| Error::usage(error.to_string()))?;
    }
    Ok(files)
}

/// What the subject is granted, but for its outputs.
fn root(case: &Case, files: &Files) -> Result<Grants> {
    let mut grants = case.grants.clone().stdin(Input::bytes(&*case.stdin));
    if case.entry == Entry::Program {
        let argv0 = case.argv0.as_deref();
        grants = grants.arg(argv0.unwrap_or(case.subject.file_name()));
        for arg in &case.args {
            let Value::Text(arg) = arg else {
                return Err(Error::usage(format!(
                    "argument {arg} of the program: expected text, found a value"
                )));
            };
            grants = grants.arg(arg);
        }
    }
    if !case.files.is_empty() {
        grants = grants.files(files.clone(), "/", case.access);
    }
    for (path, guest_name, access) in &case.host_dirs {
        let given = grants.host_dir(path, guest_name, *access);
        grants = given.map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?;
    }
    Ok(grants)
}
