//! Tests of files as those of `cargo test`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::report::Verdict;
use crate::suite::{RunOptions, Suite};

/// The exit code of wrong manifests, and where there is no test.
const WRONG: u8 = 2;

/// Makes the manifests (`*.test.toml`) and scripts (`*.wast`) of directories the tests of a test target: each
/// case is a test of `cargo test`, with its filters and options. In `Cargo.toml`:
///
/// ```toml
/// [[test]]
/// name = "modules"
/// harness = false
/// ```
///
/// And all of `tests/modules.rs`, where the directories are relative to the package:
///
/// ```
/// holdall_test::main!("tests/modules");
/// ```
///
/// With `HOLDALL_BLESS=1` in the environment, snapshots are written; with `HOLDALL_SEEDS=100`, each case runs
/// under so many seeds.
#[macro_export]
macro_rules! main {
    ($($path:expr),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::__harness(env!("CARGO_MANIFEST_DIR"), &[$($path),+])
        }
    };
}

/// What [`main!`] expands to. `package` is the directory of the package that `paths` are relative to.
#[doc(hidden)]
#[must_use]
pub fn __harness(package: &str, paths: &[&str]) -> ExitCode {
    let arguments = Arguments::from_args();
    // Cargo runs tests where their package is; names of tests are short then.
    let is_here = std::env::current_dir().is_ok_and(|dir| dir == Path::new(package));
    let base = if is_here {
        Path::new("")
    } else {
        Path::new(package)
    };
    let paths: Vec<PathBuf> = paths.iter().map(|path| base.join(path)).collect();
    let suite = match Suite::find(&paths) {
        Ok(suite) => suite,
        Err(complaints) => {
            for complaint in complaints {
                eprintln!("{complaint}");
            }
            return ExitCode::from(WRONG);
        }
    };
    let options = options();
    let trials = suite.tests().iter().map(|test| {
        let (name, skipped) = (test.name(), test.skipped().is_some());
        let (test, options) = (test.clone(), options.clone());
        let run = move || match test.run(&options).verdict {
            Verdict::Failed(why) => Err(Failed::from(why)),
            Verdict::Passed | Verdict::Skipped(_) => Ok(()),
        };
        Trial::test(name, run).with_ignored_flag(skipped)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn options() -> RunOptions {
    let mut options = RunOptions::default();
    let variable = |name| std::env::var(name).unwrap_or_default();
    options.bless = !["", "0"].contains(&&*variable("HOLDALL_BLESS"));
    options.seeds = variable("HOLDALL_SEEDS").parse().unwrap_or(1);
    options.trace_failed = true;
    options
}
