//! Which imports mocks are for, and which nobody defines.

use std::collections::BTreeMap;

use holdall::provide::{did_you_mean, nearest};
use holdall::{ExternType, FuncType, ImportSource};

use super::Mock;
use crate::error::{MissingImport, MissingImports, Result};
use crate::modules::Subject;

/// The type of the function that each mock is for. All functions that nobody defines are mocked.
pub(crate) fn types_of_mocks(subject: &Subject, mocks: &[Mock]) -> Result<Vec<FuncType>> {
    let funcs = || {
        let imports = subject.imports().iter();
        imports.filter_map(|import| match &import.ty {
            ExternType::Func(ty) => Some((import, ty)),
            _ => None,
        })
    };
    let mut types = Vec::with_capacity(mocks.len());
    for (at, mock) in mocks.iter().enumerate() {
        if mocks[..at]
            .iter()
            .any(|it| (&it.module, &it.name) == (&mock.module, &mock.name))
        {
            return Err(mock.wrong("the case has two mocks of it"));
        }
        let mut of_mock =
            funcs().filter(|(it, _)| it.module == mock.module && it.name == mock.name);
        let Some((first, ty)) = of_mock.next() else {
            let names: Vec<_> = funcs()
                .map(|(it, _)| format!("{}.{}", it.module, it.name))
                .collect();
            let asked = format!("{}.{}", mock.module, mock.name);
            let nearest = nearest(&asked, names.iter().map(|name| &**name));
            return Err(mock.wrong(format!(
                "no module of {:?} imports such a function{}",
                subject.name(),
                did_you_mean(nearest)
            )));
        };
        if let Some((other, found)) = of_mock.find(|(_, found)| *found != ty) {
            return Err(mock.wrong(format!(
                "module {:?} imports it as {ty}, and module {:?} as {found}",
                first.importer, other.importer
            )));
        }
        types.push(ty.clone());
    }
    let mut missing = BTreeMap::<(&str, &str), MissingImport>::new();
    for (import, ty) in funcs().filter(|(import, _)| import.source == ImportSource::Nothing) {
        let is_mocked = |it: &Mock| it.module == import.module && it.name == import.name;
        if mocks.iter().any(is_mocked) {
            continue;
        }
        let known = missing.entry((&import.module, &import.name));
        let entry = known.or_insert_with(|| MissingImport {
            importers: Vec::new(),
            module: import.module.clone(),
            name: import.name.clone(),
            ty: ty.clone(),
        });
        if entry.importers.last() != Some(&import.importer) {
            entry.importers.push(import.importer.clone());
        }
    }
    if missing.is_empty() {
        return Ok(types);
    }
    let imports = missing.into_values().collect();
    Err(MissingImports { imports }.into())
}
