//! How a case of a manifest is run, and what is said of one that fails.

use std::fmt::Write;

use holdall::ValType;

use super::Manifest;
use super::case::{ManifestCase, Runs};
use crate::error::{Error, MissingImports};
use crate::outcome::{End, Outcome};
use crate::report::Verdict;
use crate::snapshot::RunSnapshots;
use crate::suite::RunOptions;

/// How many lines of a stream, and of a trace, are shown below a failure.
const MAX_SHOWN_LINES: usize = 50;

impl ManifestCase {
    /// Runs the case, under each seed that is asked for.
    pub(crate) fn run(&self, manifest: &Manifest, options: &RunOptions) -> Verdict {
        if let Some(why) = &self.skip {
            return Verdict::Skipped(why.clone());
        }
        let failure = self.first_failure(manifest, options);
        match (failure, &self.should_fail) {
            (None, None) => Verdict::Passed,
            (Some(failure), None) => Verdict::Failed(failure),
            (Some(_), Some(_)) => Verdict::Passed,
            (None, Some(why)) => Verdict::Failed(format!(
                "expected the case to fail ({why}), and it passed; take `should-fail` away"
            )),
        }
    }

    /// Why the case fails, under the first seed under which it does.
    fn first_failure(&self, manifest: &Manifest, options: &RunOptions) -> Option<String> {
        let first = options.seed.unwrap_or(self.seed);
        for seed in first..=first.saturating_add(options.seeds.max(1) - 1) {
            // Snapshots are of the case's own seed.
            let bless = options.bless && seed == first;
            let Err(mut failure) = self.run_once(manifest, seed, bless) else {
                continue;
            };
            if options.trace_failed || self.traces {
                failure += &self.traced(seed);
            }
            if options.seeds > 1 {
                let (file, name) = (shell_word(&manifest.file), shell_word(&self.name));
                let _ = write!(
                    failure,
                    "\nseed {seed}: run it again with\n    holdall test {file} --filter {name} --seed {seed}"
                );
            }
            return Some(failure);
        }
        None
    }

    fn run_once(&self, manifest: &Manifest, seed: u64, bless: bool) -> Result<(), String> {
        let outcome = self.runs.run(seed, false);
        let outcome = outcome.map_err(|error| self.not_run(&error, &manifest.file))?;
        let snapshots = RunSnapshots::new(&manifest.snapshots, bless);
        let mismatches = self.expect.check_with(&outcome, &snapshots);
        if mismatches.is_empty() {
            return snapshots.write();
        }
        let mut failure = String::new();
        for mismatch in &mismatches {
            let _ = writeln!(failure, "{mismatch}");
        }
        // A stream that is looked at has been shown.
        let is_about = |what: &str| mismatches.iter().any(|mismatch| mismatch.what() == what);
        if ends_badly(&outcome) && !is_about("stderr") {
            failure += &shown("standard error", &outcome.stderr().to_string());
        }
        for path in snapshots.others() {
            let path = path.display();
            let _ = match bless {
                true => writeln!(
                    failure,
                    "snapshot {path} is not written, since the case fails"
                ),
                false => writeln!(
                    failure,
                    "snapshot {path}: if what was found is right, write it with --bless"
                ),
            };
        }
        Err(failure.trim_end().to_owned())
    }

    /// Why the case could not be run.
    fn not_run(&self, error: &Error, file: &str) -> String {
        let mut text = match error {
            Error::Missing(missing) => return to_paste(missing, file),
            Error::Mock { module, name, .. } => match self.place_of(module, name) {
                Some((line, column)) => format!("{file}:{line}:{column}: {error}"),
                None => error.to_string(),
            },
            error => error.to_string(),
        };
        add_causes(error, &mut text);
        text
    }

    /// The line and the column at which the manifest has a mock.
    fn place_of(&self, module: &str, name: &str) -> Option<(usize, usize)> {
        let Runs::Case(case) = &self.runs else {
            return None;
        };
        let mut mocks = case.mocks.iter().zip(&self.mocks);
        let (_, place) = mocks.find(|(mock, _)| mock.module == module && mock.name == name)?;
        Some(*place)
    }

    /// The last calls that left their modules, in a run with a seed.
    fn traced(&self, seed: u64) -> String {
        match self.runs.run(seed, true) {
            Ok(outcome) if !outcome.trace().is_empty() => {
                format!("\n{}", shown("calls", &outcome.trace().join("\n")))
            }
            _ => String::new(),
        }
    }
}

fn ends_badly(outcome: &Outcome) -> bool {
    !matches!(outcome.end(), End::Returned | End::Exited(0)) && !outcome.stderr().is_empty()
}

/// The last lines of a text, under a title.
fn shown(title: &str, text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let left_out = lines.len().saturating_sub(MAX_SHOWN_LINES);
    let mut shown = format!("{title}:\n");
    if left_out > 0 {
        let _ = writeln!(shown, "    ... {left_out} lines before");
    }
    for line in &lines[left_out..] {
        let _ = writeln!(shown, "    {line}");
    }
    shown
}

/// That functions are defined by nobody, with the lines of a manifest that mock them.
fn to_paste(missing: &MissingImports, file: &str) -> String {
    let imports = missing.imports();
    let (functions, them) = match imports.len() {
        1 => ("a function".to_owned(), "it"),
        count => (format!("{count} functions"), "them"),
    };
    let mut text = format!(
        "the modules import {functions} that no module, no host and no mock defines; to mock {them}, put \
         this at the end of {file}:\n"
    );
    for of_module in imports.chunk_by(|one, other| one.module == other.module) {
        let _ = write!(text, "\n    [mock.{}]", toml_key(&of_module[0].module));
        for import in of_module {
            let results = import.ty.results().iter().map(|ty| match ty {
                ValType::Ref(_) => "\"null\"".to_owned(),
                ValType::V128 => r#""0\\0""#.to_owned(),
                ValType::F32 | ValType::F64 => format!("\"0:{ty}\""),
                ValType::I32 | ValType::I64 => format!("\"0x0:{ty}\""),
            });
            let results: Vec<_> = results.collect();
            let table = match results.len() {
                0 => "{}".to_owned(),
                _ => format!("{{ results = [{}] }}", results.join(", ")),
            };
            let (name, importers) = (toml_key(&import.name), import.importers.join(", "));
            let _ = write!(
                text,
                "\n    {name} = {table}  # {}, for {importers}",
                import.ty
            );
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

/// Adds the causes of an error to its text, each on a line of its own unless the text ends with it.
pub(super) fn add_causes(error: &Error, text: &mut String) {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            let _ = write!(text, "\n  caused by: {said}");
        }
        cause = error.source();
    }
}

/// A key as TOML writes it.
fn toml_key(name: &str) -> String {
    let is_bare = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    if !name.is_empty() && name.chars().all(is_bare) {
        return name.to_owned();
    }
    let mut quoted = String::from("\"");
    for char in name.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted + "\""
}

/// A word as a shell takes it.
fn shell_word(text: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:,+@%".contains(char);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_words_are_quoted_where_they_have_to_be() {
        for (text, key, word) in [
            ("env", "env", "env"),
            ("a b", "\"a b\"", "'a b'"),
            ("", "\"\"", "''"),
            ("it's", "\"it's\"", r"'it'\''s'"),
            ("wasi:io/x@0.2", "\"wasi:io/x@0.2\"", "wasi:io/x@0.2"),
            ("a\"\n", "\"a\\\"\\u000A\"", "'a\"\n'"),
        ] {
            assert_eq!(toml_key(text), key);
            assert_eq!(shell_word(text), word);
        }
    }
}
