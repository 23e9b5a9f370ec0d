//! `holdall test`: runs manifests of tests and test scripts.

use std::io::{self, IsTerminal, Write};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::process::ExitCode;

use holdall_pack::process::{Output, Plain};
use holdall_test::{Format, RunOptions, Suite, schema};

/// Where tests are looked for unless the command line says where.
const DEFAULT_PATH: &str = "tests";

/// Of a wrong command line, of wrong manifests, and where nothing is found.
const WRONG: u8 = 2;

/// Run tests of modules: manifests (*.test.toml) and scripts (*.wast), each case in a store of its own
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  holdall test                                   all tests below tests/
  holdall test --filter help                     those with \"help\" in their names
  holdall test tests/app.test.toml --bless       write the snapshots of a manifest
  holdall test --seeds 100 --filter random       each case under a hundred seeds
  holdall test --format junit > report.xml       for a build server

A case has no clock but a virtual one, no randomness but that of its seed, and no file, variable, argument
or module but what its manifest gives. What it is and how it is written: `holdall test --schema` prints
the JSON schema, docs/testing.md is the guide.

Exit codes: 0 when all tests passed; 1 when one failed; 2 for a wrong command line or a wrong manifest, and
where no test is found.")]
pub(super) struct Args {
    /// Manifests, scripts, and directories that have them; tests/ where none is given
    #[arg(value_name = "PATH", help_heading = "Arguments")]
    paths: Vec<PathBuf>,
    /// Run only tests with this text in their names; may be repeated
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Print the names of the tests, and run none
    #[arg(long)]
    list: bool,
    /// Run so many tests at the same time; as many as there are cores unless this is given
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Stop at the first test that fails
    #[arg(long)]
    fail_fast: bool,
    /// How the tests are told
    #[arg(long, value_name = "human|json|junit|tap", default_value = "human")]
    format: Format,
    /// Write the snapshots of the cases that are run, and tell of those that no case has any more
    #[arg(long)]
    bless: bool,
    /// Run each case under N seeds: its own, and those that follow
    #[arg(long, value_name = "N", default_value = "1")]
    seeds: NonZeroU64,
    /// Begin with this seed in place of that of the case
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Run a case that fails again, and print its calls of the host and of other modules below it
    #[arg(long)]
    trace_failed: bool,
    /// Print the JSON schema of manifests
    #[arg(long, exclusive = true)]
    schema: bool,
}

impl Args {
    fn options(&self) -> RunOptions {
        let mut options = RunOptions::default();
        if let Some(jobs) = self.jobs {
            options.jobs = jobs.get();
        }
        options.seeds = self.seeds.get();
        options.seed = self.seed;
        options.fail_fast = self.fail_fast;
        options.trace_failed = self.trace_failed;
        options.bless = self.bless;
        options
    }
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<ExitCode> {
    if args.schema {
        output.with(|out| out.write_all(schema().as_bytes()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let paths = match args.paths.as_slice() {
        [] => &[DEFAULT_PATH.into()],
        paths => paths,
    };
    let mut suite = match Suite::find(paths) {
        Ok(suite) => suite,
        Err(complaints) => {
            let mut stderr = io::stderr().lock();
            for complaint in complaints {
                // What standard error does not take is lost.
                let _ = writeln!(stderr, "holdall: {complaint}");
            }
            return Ok(ExitCode::from(WRONG));
        }
    };
    suite.filter(&args.filter);
    if suite.tests().is_empty() {
        eprintln!("holdall: {}", nothing_found(args, paths));
        return Ok(ExitCode::from(WRONG));
    }
    if args.list {
        for test in suite.tests() {
            output.line(test.name())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let colours = io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let summary =
        output.with(|out| suite.run(&args.options(), &mut *args.format.report(out, colours)))?;
    if args.bless {
        for path in suite.stale_snapshots() {
            let path = path.to_string_lossy();
            eprintln!(
                "holdall: no case compares with {} any more; it can be removed",
                Plain(&path)
            );
        }
    }
    Ok(match summary.is_success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn nothing_found(args: &Args, paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| Plain(&path.to_string_lossy()).to_string())
        .collect();
    let paths = paths.join(", ");
    if args.filter.is_empty() {
        format!("no test below {paths}: expected manifests (*.test.toml) or scripts (*.wast)")
    } else {
        let texts: Vec<_> = args.filter.iter().map(|text| format!("{text:?}")).collect();
        format!(
            "no test below {paths} has {} in its name; --list shows all names without --filter",
            texts.join(" or ")
        )
    }
}
