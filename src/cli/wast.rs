//! `holdall wast`: runs test scripts.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use holdall_pack::process::{Output, Plain};
use holdall_wast::{Report, Script};

use super::proposals::ProposalArgs;
use super::source;

/// Run WebAssembly test scripts (.wast), each in a store of its own
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every failure is a line, `SCRIPT:LINE:COLUMN: DIRECTIVE: ...`. The exit code is 1 where there is one.")]
pub(super) struct Args {
    /// The scripts; - is standard input
    #[arg(required = true, value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    #[command(flatten)]
    proposals: ProposalArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<()> {
    let config = args.proposals.config();
    let mut total = Report::default();
    for path in &args.scripts {
        let name = path.to_string_lossy();
        let report = Script::run(&name, &text(path)?, &config);
        for line in &report.printed {
            output.line(line)?;
        }
        for failure in &report.failures {
            output.lines(failure)?;
        }
        output.line(format_args!("{}: {}", Plain(&name), counts(&report)))?;
        output.flush()?;
        total.passed += report.passed;
        total.failures.extend(report.failures);
    }
    if let scripts @ 2.. = args.scripts.len() {
        output.line(format_args!("{scripts} scripts: {}", counts(&total)))?;
    }
    match total.failures.len() {
        0 => Ok(()),
        1 => bail!("one directive failed"),
        failed => bail!("{failed} directives failed"),
    }
}

fn counts(report: &Report) -> String {
    let passed = report.passed;
    match report.failures.len() {
        0 => format!("{passed} passed"),
        failed => format!("{passed} passed, {failed} failed"),
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    let bytes = if path.as_os_str() == "-" {
        source::read_all(std::io::stdin(), source::MAX_FILE_BYTES)
            .context("cannot read standard input")?
    } else {
        source::read_or_wait(path, source::MAX_FILE_BYTES)?
    };
    String::from_utf8(bytes)
        .map_err(|error| error.utf8_error())
        .with_context(|| format!("script {}: expected UTF-8", path.display()))
}
