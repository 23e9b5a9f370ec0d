//! What the benchmark programs share: options, statistics, tables, and the comparison of engines on
//! the kernels. It knows no engine.

#![allow(dead_code, reason = "each program uses a part of it")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// The kernels of `wasm-apps/bench/`, and the sizes at which they are run.
pub(crate) const KERNELS: &[(&str, i32)] = &[
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
];

/// A kernel's `run`, in an instance of one engine.
pub(crate) type Run = Box<dyn FnMut(i32) -> Result<i64>>;

/// An engine: its name, and how it makes an instance of a kernel.
pub(crate) type Peer = (&'static str, fn(&[u8]) -> Result<Run>);

/// What the command line of a benchmark program says.
pub(crate) struct Options {
    /// How often each thing is measured.
    pub(crate) reps: usize,
    /// Whether the fastest repetition counts, and not the median.
    pub(crate) best: bool,
    /// Where the kernels are.
    pub(crate) dir: PathBuf,
    /// The program's own options that were given.
    flags: Vec<String>,
    /// Everything that is not an option.
    pub(crate) words: Vec<String>,
}

impl Options {
    /// Reads the process's command line.
    pub(crate) fn from_command_line(usage: &str) -> Result<Self> {
        Self::with_flags(usage, &[])
    }

    /// Reads the process's command line, of a program that has these options of its own.
    pub(crate) fn with_flags(usage: &str, flags: &[&str]) -> Result<Self> {
        let mut options = Self {
            reps: 5,
            best: false,
            dir: kernels_dir(),
            flags: Vec::new(),
            words: Vec::new(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .with_context(|| format!("{argument} wants a value\n{usage}"))
            };
            match argument.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "--best" => options.best = true,
                "--reps" => options.reps = value()?.parse().context("--reps wants a number")?,
                "--dir" => options.dir = value()?.into(),
                "--help" | "-h" => {
                    println!("{usage}");
                    std::process::exit(0);
                }
                own if flags.contains(&own) => options.flags.push(argument),
                other if other.starts_with('-') => bail!("unknown option {other}\n{usage}"),
                _ => options.words.push(argument),
            }
        }
        ensure!(options.reps > 0, "--reps wants a number above zero");
        Ok(options)
    }

    /// Whether an option of the program's own was given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    /// Whether something of this name was asked for. Without a filter everything is.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }

    /// The number that stands for repeated measurements.
    pub(crate) fn pick(&self, times: &[f64]) -> f64 {
        let mut times = times.to_vec();
        times.sort_by(f64::total_cmp);
        let at = if self.best { 0 } else { times.len() / 2 };
        times[at]
    }

    /// The ratio that stands for repeated measurements of two things by turns: of the fastest ones,
    /// or the median of the ratios of neighbours, which a machine that grows slower for a while
    /// disturbs less than the times themselves.
    pub(crate) fn ratio(&self, ours: &[f64], theirs: &[f64]) -> f64 {
        if self.best {
            return self.pick(ours) / self.pick(theirs);
        }
        let ratios: Vec<f64> = ours
            .iter()
            .zip(theirs)
            .map(|(ours, theirs)| ours / theirs)
            .collect();
        self.pick(&ratios)
    }

    /// The word for what [`Self::pick`] does.
    pub(crate) fn statistic(&self) -> &'static str {
        if self.best { "best" } else { "median" }
    }
}

/// `wasm-apps/bench` of holdall's tree, in which the package that this is compiled for lies.
fn kernels_dir() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut dirs = package.ancestors().map(|dir| dir.join("wasm-apps/bench"));
    dirs.find(|dir| dir.is_dir()).unwrap_or_default()
}

/// The time that `work` takes, and what it returns.
pub(crate) fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(crate) fn geometric_mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()
}

/// A table in Markdown, its columns padded so that it reads well on a terminal too. The first
/// column is text, the others are numbers.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let header = header.into_iter().map(Into::into).collect();
        Self { rows: vec![header] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether it has no row besides the header.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    pub(crate) fn print(&self) {
        let columns = self.rows[0].len();
        let cell = |row: &Vec<String>, column: usize| {
            row.get(column).map_or(0, |cell| cell.chars().count())
        };
        let width = |column| {
            self.rows
                .iter()
                .map(|row| cell(row, column))
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                let _ = match column {
                    0 => write!(text, "| {cell:<width$} "),
                    _ => write!(text, "| {cell:>width$} "),
                };
            }
            text.push_str("|\n");
            if index == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let right = if column == 0 { '-' } else { ':' };
                    let _ = write!(text, "|{}{right}", "-".repeat(width + 1));
                }
                text.push_str("|\n");
            }
        }
        print!("{text}");
    }
}

/// Runs the kernels in all the engines by turns, compares their checksums, and prints the times and
/// the ratios of the first engine's time to each other one's.
///
/// # Errors
/// When a kernel cannot be read or run, or two engines do not agree on its checksum.
pub(crate) fn compare(options: &Options, peers: &[Peer]) -> Result<()> {
    let (first, _) = peers[0];
    let mut header = vec!["kernel".to_owned(), "n".to_owned()];
    header.extend(peers.iter().map(|(name, _)| format!("{name} ms")));
    header.extend(
        peers[1..]
            .iter()
            .map(|(name, _)| format!("{first} / {name}")),
    );
    let mut table = Table::new(header);
    let mut ratios = vec![Vec::new(); peers.len() - 1];
    let mut failures = Vec::new();

    for &(kernel, n) in KERNELS.iter().filter(|(name, _)| options.wants(name)) {
        eprint!("{kernel} ... ");
        let path = options.dir.join(kernel).with_extension("wasm");
        let wasm =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let times = match measure(options, peers, &wasm, n) {
            Ok(times) => times,
            Err(error) => {
                eprintln!("{error:#}");
                failures.push(kernel);
                continue;
            }
        };
        eprintln!("done");
        let mut row = vec![kernel.to_owned(), n.to_string()];
        row.extend(
            times
                .iter()
                .map(|times| format!("{:.1}", options.pick(times))),
        );
        for (peer, theirs) in times[1..].iter().enumerate() {
            let ratio = options.ratio(&times[0], theirs);
            ratios[peer].push(ratio);
            row.push(format!("{ratio:.2}"));
        }
        table.row(row);
    }
    let measured = ratios.first().map_or(1, Vec::len);
    ensure!(
        measured > 0 || !failures.is_empty(),
        "no kernel has a name like that"
    );

    let mut row = vec!["geometric mean".to_owned(), String::new()];
    row.resize(2 + peers.len(), String::new());
    row.extend(
        ratios
            .iter()
            .map(|ratios| format!("{:.2}", geometric_mean(ratios))),
    );
    table.row(row);
    table.print();
    println!(
        "\n{} of {} repetitions, engines by turns",
        options.statistic(),
        options.reps
    );
    ensure!(failures.is_empty(), "no result for {}", failures.join(", "));
    Ok(())
}

/// The times of one kernel in each engine and repetition, in milliseconds.
fn measure(options: &Options, peers: &[Peer], wasm: &[u8], n: i32) -> Result<Vec<Vec<f64>>> {
    let mut runs = Vec::new();
    for (name, instantiate) in peers {
        runs.push(instantiate(wasm).with_context(|| format!("{name} does not take the kernel"))?);
    }
    // The first runs warm up, and say which result is expected.
    let mut expected = None;
    for (run, (name, _)) in runs.iter_mut().zip(peers) {
        let found = run(n).with_context(|| format!("{name} does not run the kernel"))?;
        let expected = *expected.get_or_insert(found);
        ensure!(
            found == expected,
            "{name} computes {found:#x}, {} computes {expected:#x}",
            peers[0].0
        );
    }
    let mut times = vec![Vec::new(); peers.len()];
    for rep in 0..options.reps {
        for turn in 0..peers.len() {
            // Nobody is always the first one after another's work.
            let peer = (rep + turn) % peers.len();
            let (time, found) = timed(|| runs[peer](n));
            ensure!(
                Some(found?) == expected,
                "{} computes something else now",
                peers[peer].0
            );
            times[peer].push(milliseconds(time));
        }
    }
    Ok(times)
}
