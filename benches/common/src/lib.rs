//! What the benchmark programs share: options, engines by turns, statistics and tables. Only `engines`
//! knows an engine.

pub mod calling;
pub mod calls;
#[cfg(feature = "holdall")]
pub mod engines;
pub mod kernels;

use std::fmt::{self, Debug, Display, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

/// What is timed, in an instance of one engine: an exported function.
pub type Run = Box<dyn FnMut(i32) -> Result<i64>>;

/// What the command line of a benchmark program may say, besides what all of them take.
#[derive(Debug, Default)]
pub struct Syntax<'a> {
    /// What `--help` prints.
    pub usage: &'a str,
    /// The program's own options without a value.
    pub flags: &'a [&'a str],
    /// The program's own options with one.
    pub values: &'a [&'a str],
    /// Whether the words are another program and its arguments: then options end where they begin.
    pub command: bool,
}

/// What the command line of a benchmark program says.
#[derive(Debug)]
pub struct Options {
    /// How often each thing is measured.
    pub reps: usize,
    /// Whether the fastest repetition counts, and not the median.
    pub best: bool,
    /// The program's own options that were given, without and with a value.
    flags: Vec<String>,
    values: Vec<(String, String)>,
    /// Everything that is not an option.
    pub words: Vec<String>,
}

impl Options {
    /// Reads the process's command line, of a program without options of its own.
    pub fn from_command_line(usage: &str) -> Result<Self> {
        Self::read(&Syntax {
            usage,
            ..Syntax::default()
        })
    }

    /// Reads the process's command line.
    pub fn read(syntax: &Syntax<'_>) -> Result<Self> {
        let usage = syntax.usage;
        let mut options = Self {
            reps: 5,
            best: false,
            flags: Vec::new(),
            values: Vec::new(),
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
                "--help" | "-h" => {
                    println!("{usage}");
                    std::process::exit(0);
                }
                own if syntax.flags.contains(&own) => options.flags.push(argument),
                own if syntax.values.contains(&own) => {
                    let value = value()?;
                    options.values.push((argument, value));
                }
                other if other.starts_with('-') => bail!("unknown option {other}\n{usage}"),
                _ => {
                    options.words.push(argument);
                    if syntax.command {
                        options.words.extend(arguments.by_ref());
                    }
                }
            }
        }
        ensure!(options.reps > 0, "--reps wants a number above zero");
        Ok(options)
    }

    /// Whether an option of the program's own was given.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    /// The values of an option of the program's own, in the order in which they were given.
    pub fn values(&self, option: &'static str) -> impl Iterator<Item = &str> {
        let given = self.values.iter().filter(move |(name, _)| name == option);
        given.map(|(_, value)| value.as_str())
    }

    /// The value of an option of the program's own; the last, where there are several.
    pub fn value(&self, option: &'static str) -> Option<&str> {
        self.values(option).last()
    }

    /// Whether something of this name was asked for. Without a filter everything is.
    pub fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }

    /// The number that stands for repeated measurements.
    pub fn pick(&self, times: &[f64]) -> f64 {
        let mut times = times.to_vec();
        times.sort_by(f64::total_cmp);
        let at = if self.best { 0 } else { times.len() / 2 };
        times[at]
    }

    /// The ratio that stands for repeated measurements of two things by turns: of the fastest ones,
    /// or the median of the ratios of neighbours, which a machine that grows slower for a while
    /// disturbs less than the times themselves.
    pub fn ratio(&self, ours: &[f64], theirs: &[f64]) -> f64 {
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
    pub fn statistic(&self) -> &'static str {
        if self.best { "best" } else { "median" }
    }
}

/// Has every engine do its work `reps` times, by turns, and returns what each one's repetitions
/// brought, or why it cannot do the work; such an engine has no further turn, and may have panicked.
pub fn by_turns<T>(
    reps: usize,
    engines: usize,
    mut work: impl FnMut(usize) -> Result<T>,
) -> Vec<Result<Vec<T>>> {
    let mut done: Vec<Result<Vec<T>>> = (0..engines).map(|_| Ok(Vec::new())).collect();
    for rep in 0..reps {
        for turn in 0..engines {
            // Nobody is always the first one after another's work.
            let engine = (rep + turn) % engines;
            let Ok(results) = &mut done[engine] else {
                continue;
            };
            match catch_unwind(AssertUnwindSafe(|| work(engine))) {
                Ok(Ok(result)) => results.push(result),
                Ok(Err(error)) => done[engine] = Err(error),
                Err(_) => done[engine] = Err(anyhow!("it panics, as said above")),
            }
        }
    }
    done
}

/// What the first engine computed, and all the others must.
#[derive(Debug)]
pub struct Expected<V>(Option<(&'static str, V)>);

impl<V> Default for Expected<V> {
    /// Nothing is computed yet.
    fn default() -> Self {
        Self(None)
    }
}

impl<V: Debug + PartialEq> Expected<V> {
    /// Compares what an engine computed.
    ///
    /// # Errors
    /// A [`Disagreement`].
    pub fn check(&mut self, engine: &'static str, found: V) -> Result<()> {
        let Some((first, expected)) = &self.0 else {
            self.0 = Some((engine, found));
            return Ok(());
        };
        if found == *expected {
            return Ok(());
        }
        Err(Disagreement(format!(
            "expected {} as in {first}, found {}",
            clipped(&format!("{expected:?}"), 200),
            clipped(&format!("{found:?}"), 200)
        ))
        .into())
    }
}

/// Two engines do not compute the same, which is more than that one cannot do its work.
#[derive(Debug)]
pub struct Disagreement(String);

impl Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Disagreement {}

/// Whether the engines' work makes the benchmark fail in the end: because the first one, which the
/// others are compared with, could not do it, or because another one did something else.
pub fn fails<T>(done: &[Result<T>]) -> bool {
    let disagrees = |result: &Result<T>| {
        result
            .as_ref()
            .is_err_and(|error| error.is::<Disagreement>())
    };
    done[0].is_err() || done.iter().any(disagrees)
}

/// What there is to say of the engines' work while it goes on: nearly always, that it is done.
pub fn report<T>(names: &[&str], done: &[Result<T>]) -> String {
    let mut report = Vec::new();
    for (name, result) in names.iter().zip(done) {
        if let Err(error) = result {
            report.push(format!("{name}: {error:#}"));
        }
    }
    match report.as_slice() {
        [] => "done".to_owned(),
        report => report.join("; "),
    }
}

/// A text's beginning, where all of it is too long.
pub fn clipped(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The time that `work` takes, and what it returns.
pub fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

/// A time in milliseconds.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The geometric mean of those that there are.
pub fn geometric_mean(ratios: &[Option<f64>]) -> Option<f64> {
    let logarithms: Vec<f64> = ratios.iter().flatten().map(|ratio| ratio.ln()).collect();
    let mean = logarithms.iter().sum::<f64>() / logarithms.len() as f64;
    (!logarithms.is_empty()).then(|| mean.exp())
}

/// A number for a table, or what stands for none.
pub fn cell(number: Option<f64>, decimals: usize) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.decimals$}"))
}

/// A table in Markdown, its columns padded so that it reads well on a terminal too. The first
/// column is text, the others are numbers.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of this header, without rows.
    pub fn new(header: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let header = header.into_iter().map(Into::into).collect();
        Self { rows: vec![header] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether it has no row besides the header.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// Prints the table.
    pub fn print(&self) {
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
