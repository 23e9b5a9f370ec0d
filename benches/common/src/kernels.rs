//! The kernels of `wasm-apps/bench/`, and of `unseen/` and `simd/` there, and the comparison of engines on
//! them. It knows no engine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{
    Expected, Options, Run, Table, by_turns, cell, fails, geometric_mean, milliseconds, report,
    timed,
};

/// The kernels, and the sizes at which they are run. A directory has those of `wasm-apps/bench/`,
/// or those of `wasm-apps/bench/unseen/`, which nothing in holdall was chosen by, or those of
/// `wasm-apps/bench/simd/`, which have vectors.
const KERNELS: [(&str, i32); 30] = [
    ("recursion", 35),
    ("sieve", 8_000_000),
    ("matmul", 300),
    ("sha256", 6_500),
    ("nbody", 300_000),
    ("sort", 1_000_000),
    ("hashmap", 400_000),
    ("strings", 3_000),
    ("switch", 20_000_000),
    ("indirect", 20_000_000),
    ("mandelbrot", 600),
    ("floats", 6_000),
    ("collatz", 500_000),
    ("queens", 12),
    ("crc", 16_384),
    ("lempel", 4_096),
    ("distance", 3_000),
    ("spectral", 500),
    ("rays", 300),
    ("life", 60),
    ("digits", 6_000),
    ("json", 2_000),
    ("trees", 200_000),
    ("stack", 1_000_000),
    ("fourier", 200),
    ("dot", 20_000),
    ("saxpy", 20_000),
    ("utf8", 1_000_000),
    ("blend", 500),
    ("sha256x4", 1_000),
];

/// The options that [`compare`] heeds, all with a value.
pub const OPTIONS: &[&str] = &[DIR, SAVE, AGAINST];
/// Where the kernels are.
const DIR: &str = "--dir";
/// The file that the first engine's times are written to.
const SAVE: &str = "--save";
/// The file of another run's times, which the first engine's are compared with.
const AGAINST: &str = "--against";

/// With more engines than these, their times and their ratios are a table each.
const ENGINES_OF_ONE_TABLE: usize = 3;

/// An engine: its name, and how it makes an instance of a kernel.
pub type Peer = (&'static str, fn(&Path) -> Result<Run>);

/// What became of one kernel.
struct Measured {
    kernel: &'static str,
    n: i32,
    /// The milliseconds of each repetition, or why there are none, for each engine.
    times: Vec<Result<Vec<f64>>>,
}

/// Ratios of the first engine's times to those of another engine or another run, by kernel, under
/// its name.
type Ratios = (String, Vec<Option<f64>>);

/// Milliseconds by kernel, from a file.
type Times = Vec<(String, f64)>;

/// Runs the kernels in all the engines by turns, compares their checksums, and prints the times and
/// the ratios of the first engine's time to each other one's.
///
/// # Errors
/// When a file cannot be read or written, the first engine cannot run a kernel, or two engines do
/// not agree on its checksum. That another engine cannot run a kernel is none.
pub fn compare(options: &Options, peers: &[Peer]) -> Result<()> {
    let names: Vec<&str> = peers.iter().map(|(name, _)| *name).collect();
    let earlier = options.value(AGAINST).map(read_times).transpose()?;
    let dir = options.value(DIR).map_or_else(kernels_dir, PathBuf::from);
    let mut all = Vec::new();
    let path = |name: &str| dir.join(name).with_extension("wasm");
    let there: Vec<_> = KERNELS
        .into_iter()
        .filter(|(name, _)| path(name).is_file())
        .collect();
    ensure!(!there.is_empty(), "{} has no kernel", dir.display());
    for &(kernel, n) in there.iter().filter(|(name, _)| options.wants(name)) {
        eprint!("{kernel} ... ");
        let times = measure(options, peers, &path(kernel), n);
        eprintln!("{}", report(&names, &times));
        all.push(Measured { kernel, n, times });
    }
    ensure!(
        !all.is_empty(),
        "no kernel has a name like that; there are {}",
        there
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    );

    let mut ratios: Vec<Ratios> = (1..peers.len())
        .map(|peer| (names[peer].to_owned(), ratios(options, &all, peer)))
        .collect();
    if let Some((name, times)) = earlier {
        ratios.push((name, ratios_to_earlier(options, &all, &times)));
    }
    print(options, &names, &all, &ratios);
    if let Some(path) = options.value(SAVE) {
        save(options, &all, path)?;
    }
    let failures = all.iter().filter(|measured| fails(&measured.times));
    let failures: Vec<&str> = failures.map(|measured| measured.kernel).collect();
    ensure!(
        failures.is_empty(),
        "no result, or a wrong one, for {}: see above",
        failures.join(", ")
    );
    Ok(())
}

/// `wasm-apps/bench` of the tree that this package lies in.
fn kernels_dir() -> PathBuf {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../wasm-apps/bench"
    ))
    .to_owned()
}

/// The times of one kernel in each engine and repetition, in milliseconds.
fn measure(options: &Options, peers: &[Peer], path: &Path, n: i32) -> Vec<Result<Vec<f64>>> {
    let mut expected = Expected::default();
    let mut runs: Vec<Option<Run>> = peers.iter().map(|_| None).collect();
    by_turns(options.reps, peers.len(), |peer| {
        let (name, instantiate) = peers[peer];
        let mut call = |run: &mut Run| {
            let (time, found) = timed(|| run(n));
            expected.check(name, found?)?;
            Ok(milliseconds(time))
        };
        match &mut runs[peer] {
            Some(run) => call(run),
            none => {
                let mut run = instantiate(path)?;
                // The first run warms up.
                call(&mut run)?;
                call(none.insert(run))
            }
        }
    })
}

impl Measured {
    /// The time that stands for one engine's repetitions.
    fn time(&self, options: &Options, peer: usize) -> Option<f64> {
        let times = self.times[peer].as_ref().ok()?;
        Some(options.pick(times))
    }

    /// Its name, its size, and the time of each engine.
    fn cells(&self, options: &Options) -> Vec<String> {
        let mut cells = vec![self.kernel.to_owned(), self.n.to_string()];
        cells.extend((0..self.times.len()).map(|peer| cell(self.time(options, peer), 1)));
        cells
    }
}

/// The ratios of the first engine's times to another one's.
fn ratios(options: &Options, all: &[Measured], peer: usize) -> Vec<Option<f64>> {
    let ratio = |measured: &Measured| {
        let [ours, theirs] = [0, peer].map(|peer| measured.times[peer].as_ref().ok());
        Some(options.ratio(ours?, theirs?))
    };
    all.iter().map(ratio).collect()
}

/// The ratios of the first engine's times to those of an earlier run.
fn ratios_to_earlier(options: &Options, all: &[Measured], earlier: &Times) -> Vec<Option<f64>> {
    let ratio = |measured: &Measured| {
        let (_, time) = earlier.iter().find(|(name, _)| name == measured.kernel)?;
        Some(measured.time(options, 0)? / time)
    };
    all.iter().map(ratio).collect()
}

fn print(options: &Options, names: &[&str], all: &[Measured], ratios: &[Ratios]) {
    if names.len() > ENGINES_OF_ONE_TABLE {
        print_two_tables(options, names, all, ratios);
    } else {
        print_one_table(options, names, all, ratios);
    }
    println!(
        "\n{} of {} repetitions, engines by turns",
        options.statistic(),
        options.reps
    );
    if all
        .iter()
        .any(|measured| measured.times.iter().any(Result::is_err))
    {
        println!("-: the engine does not run the kernel, and its mean is over the others");
    }
}

fn times_header(names: &[&str]) -> Vec<String> {
    let mut header = vec!["kernel".to_owned(), "n".to_owned()];
    header.extend(names.iter().map(|name| format!("{name} ms")));
    header
}

fn print_one_table(options: &Options, names: &[&str], all: &[Measured], ratios: &[Ratios]) {
    let mut header = times_header(names);
    let mut means = vec!["geometric mean".to_owned()];
    means.resize(header.len(), String::new());
    for (name, ratios) in ratios {
        header.push(format!("{} / {name}", names[0]));
        means.push(cell(geometric_mean(ratios), 2));
    }
    let mut table = Table::new(header);
    for (index, measured) in all.iter().enumerate() {
        let mut row = measured.cells(options);
        row.extend(ratios.iter().map(|(_, ratios)| cell(ratios[index], 2)));
        table.row(row);
    }
    table.row(means);
    table.print();
}

fn print_two_tables(options: &Options, names: &[&str], all: &[Measured], ratios: &[Ratios]) {
    let mut times = Table::new(times_header(names));
    let mut header = vec![format!("{} / it", names[0])];
    let mut means = vec!["geometric mean".to_owned()];
    for (name, ratios) in ratios {
        header.push(name.clone());
        means.push(cell(geometric_mean(ratios), 2));
    }
    let mut quotients = Table::new(header);
    for (index, measured) in all.iter().enumerate() {
        times.row(measured.cells(options));
        let mut row = vec![measured.kernel.to_owned()];
        row.extend(ratios.iter().map(|(_, ratios)| cell(ratios[index], 2)));
        quotients.row(row);
    }
    quotients.row(means);
    times.print();
    println!();
    quotients.print();
}

/// Writes the first engine's times, a kernel a line.
fn save(options: &Options, all: &[Measured], path: &str) -> Result<()> {
    let mut lines = String::new();
    for measured in all {
        if let Some(time) = measured.time(options, 0) {
            lines += &format!("{} {time:.3}\n", measured.kernel);
        }
    }
    std::fs::write(path, lines).with_context(|| format!("cannot write {path}"))
}

/// Reads what [`save`] wrote, under the file's name.
fn read_times(path: &str) -> Result<(String, Times)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let parse = |line: &str| {
        let (kernel, time) = line.split_once(' ')?;
        Some((kernel.to_owned(), time.parse().ok()?))
    };
    let mut times = Times::new();
    for line in text.lines() {
        times.push(parse(line).with_context(|| {
            format!("{path}: expected a kernel and milliseconds, as {SAVE} writes, found {line:?}")
        })?);
    }
    let name = Path::new(path).file_name().unwrap_or_default();
    Ok((name.to_string_lossy().into_owned(), times))
}
