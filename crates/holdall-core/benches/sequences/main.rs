//! Chooses the sequences of the instruction table from condensed profiles of programs, and writes
//! `sequences/table.txt`: those that save the most dispatches.
//! Condenses profiles, too. `sequences/README.md` says how all of it goes together.

mod profile;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::fmt::{Display, Write as _};
use std::fs;
use std::path::{Path, PathBuf};

use profile::{Step, read};

const USAGE: &str = "\
usage: cargo bench -p holdall-core --bench sequences -- [OPTION]...
    --check             writes nothing, and fails where the table is another one than would be written
    --count N           how many sequences to choose (default: as many as the table is to have)
    --table FILE        the table to write or check (default: the one of the package)
    --condense DIR      instead puts the condensed profiles of DIR/known and DIR/unseen in the place of
                        those of the package; the script sequences/profile makes them

Says on standard error what the choice is worth to the programs that it was made from, and to those
of sequences/unseen, which it was not made from.";

/// How many sequences the table has.
const COUNT: usize = 4000;

/// How many instructions a sequence has at the most.
const LONGEST: usize = 6;

/// How many sequences are chosen before all is computed anew.
const AT_ONCE: usize = 20;

/// What a sequence counts that only one program of the profiles has use for.
const ALONE: f64 = 0.6;

/// What a profile weighs whose name begins so; all others weigh 1. Kernels are there six times each.
/// Large programs spend their time in much code, and small ones have little to say of that.
const WEIGHTS: [(&str, f64); 6] = [
    ("kernel-", 0.15),
    ("python", 15.0),
    ("quickjs", 6.0),
    ("queries", 6.0),
    ("gcc-cc1", 6.0),
    ("yosys", 6.0),
];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let options = Options::from_command_line()?;
    if let Some(raw) = options.condense {
        return ["known", "unseen"]
            .iter()
            .try_for_each(|dir| condense(&raw.join(dir), &sequences().join(dir)));
    }
    let mut table = Table::default();
    let (known, unseen) = (
        programs("known", &mut table)?,
        programs("unseen", &mut table)?,
    );
    while table.sequences.len() < options.count {
        let best = candidates(&known, &table);
        if best.is_empty() {
            break;
        }
        // Of those that differ only in what they store, one at a time.
        let mut forms = HashSet::new();
        for (prefix, next) in best {
            if forms.len() < AT_ONCE.min(options.count - table.sequences.len())
                && forms.insert(table.form(prefix, next))
            {
                table.add(prefix, next);
            }
        }
    }
    report("chosen from", &known, &table);
    report("not chosen from", &unseen, &table);
    let text = table.text();
    if !options.check {
        fs::write(&options.table, text)?;
    } else if fs::read_to_string(&options.table)? != text {
        return Err(format!(
            "{}: expected the table that the profiles make, found another one; write it with \
             cargo bench -p holdall-core --bench sequences",
            options.table.display()
        )
        .into());
    }
    Ok(())
}

struct Options {
    check: bool,
    count: usize,
    table: PathBuf,
    condense: Option<PathBuf>,
}

impl Options {
    fn from_command_line() -> Result<Self> {
        let mut options = Self {
            check: false,
            count: COUNT,
            table: sequences().join("table.txt"),
            condense: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            match argument.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "--check" => options.check = true,
                "--count" => options.count = value()?.parse()?,
                "--table" => options.table = value()?.into(),
                "--condense" => options.condense = Some(value()?.into()),
                "--help" | "-h" => {
                    println!("{USAGE}");
                    std::process::exit(0);
                }
                _ => return Err(format!("unknown option {argument}\n{USAGE}").into()),
            }
        }
        Ok(options)
    }
}

/// Where profiles and table are.
fn sequences() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sequences")
}

/// Puts the condensed profiles of a directory in the place of those that are in another.
fn condense(raw: &Path, into: &Path) -> Result<()> {
    let mut condensed = Vec::new();
    for path in files(raw)? {
        let at = |error: &dyn Display| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| at(&error))?;
        let text = profile::condensed(&text).map_err(|error| at(&error))?;
        condensed.push((into.join(path.file_name().unwrap_or_default()), text));
    }
    for path in files(into)? {
        fs::remove_file(path)?;
    }
    for (path, text) in condensed {
        fs::write(path, text)?;
    }
    Ok(())
}

/// The files of a directory, in the order of their names.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let at = |error| format!("{}: {error}", dir.display());
    let mut paths = fs::read_dir(dir)
        .map_err(at)?
        .map(|file| Ok(file?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort_unstable();
    Ok(paths)
}

/// The programs of a directory of condensed profiles, by their names.
fn programs(dir: &str, table: &mut Table) -> Result<Vec<Program>> {
    let paths = files(&sequences().join(dir))?;
    paths
        .iter()
        .map(|path| Program::read(path, table))
        .collect()
}

/// An instruction or a sequence: first come the instructions, in the order in which they were met.
type Symbol = u32;

/// The instructions that are known, and the sequences that were chosen.
#[derive(Default)]
struct Table {
    names: HashMap<String, Symbol>,
    instructions: Vec<String>,
    /// The instructions of each sequence. Its symbol is its place, counted down from the largest.
    sequences: Vec<Vec<Symbol>>,
    /// The sequence that an instruction or a sequence and an instruction make.
    longer: HashMap<(Symbol, Symbol), Symbol>,
}

impl Table {
    fn instruction(&mut self, name: &str) -> Symbol {
        if let Some(symbol) = self.names.get(name) {
            return *symbol;
        }
        let symbol = self.instructions.len() as Symbol;
        self.instructions.push(name.to_owned());
        self.names.insert(name.to_owned(), symbol);
        symbol
    }

    /// What a symbol stands for.
    fn expand(&self, symbol: Symbol) -> Vec<Symbol> {
        let sequence = self.sequences.get((Symbol::MAX - symbol) as usize);
        sequence.cloned().unwrap_or_else(|| vec![symbol])
    }

    /// A sequence with all that it could store.
    fn form(&self, prefix: Symbol, next: Symbol) -> Vec<String> {
        let instructions = self.expand(prefix).into_iter().chain([next]);
        let names = instructions.map(|at| &self.instructions[at as usize]);
        names.map(|name| name.replace("ToAcc", "ToSlot")).collect()
    }

    fn add(&mut self, prefix: Symbol, next: Symbol) {
        let mut sequence = self.expand(prefix);
        sequence.push(next);
        let symbol = Symbol::MAX - self.sequences.len() as Symbol;
        self.longer.insert((prefix, next), symbol);
        self.sequences.push(sequence);
    }

    /// The table's text: a tree.
    fn text(&self) -> String {
        let mut rows: Vec<Vec<&str>> = Vec::new();
        for sequence in &self.sequences {
            let names = sequence.iter().map(|at| &*self.instructions[*at as usize]);
            rows.push(names.collect());
        }
        rows.sort_unstable();
        let mut text = String::new();
        let mut first = "";
        for row in &rows {
            if first != row[0] {
                first = row[0];
                let _ = writeln!(text, "{first}");
            }
            let depth = row.len() - 1;
            let _ = writeln!(text, "{:depth$}{}", "", row[depth]);
        }
        text
    }
}

/// An instruction that a program executed.
struct Instr {
    /// The instruction, none where no sequence can hold it; and the one that could stand in its place.
    symbols: [Option<Symbol>; 2],
    executed: f64,
    /// The part of the times that the next one was executed after it; 0 at the end of a run.
    falls: f64,
    /// How often it was reached from elsewhere than the instruction before it.
    entered: f64,
}

/// What a handler costs, and what it costs that an instruction in it stores its result in vain, as the
/// lowering counts.
const HANDLER: u32 = 12;
const STORE: u32 = 1;

/// An instruction or a sequence at a place of a program.
#[derive(Clone, Copy)]
struct Match {
    symbol: Symbol,
    /// The place after it, and how likely that is reached.
    end: usize,
    reached: f64,
    /// How many of its instructions store their result in vain.
    stores: u32,
}

impl Match {
    /// In handlers.
    fn cost(self) -> f64 {
        f64::from(HANDLER + STORE * self.stores) / f64::from(HANDLER)
    }
}

/// A program's profile, of which the executed instructions add up to 1.
struct Program {
    /// The last word of it is the program; what stands before says how it was compiled or run.
    name: String,
    instrs: Vec<Instr>,
}

impl Program {
    fn read(path: &Path, table: &mut Table) -> Result<Self> {
        let at = |error: Box<dyn Error>| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(|error| at(error.into()))?;
        let mut instrs: Vec<Instr> = Vec::new();
        for line in read(&text).map_err(|error| at(error.into()))? {
            let mut carried = 0.0;
            for Step {
                instruction,
                entered,
                left,
            } in line
            {
                let executed = carried + entered;
                carried = (executed - left).max(0.0);
                instrs.push(Instr {
                    symbols: [
                        (instruction != "-").then(|| table.instruction(instruction)),
                        instruction
                            .contains("ToAcc")
                            .then(|| table.instruction(&instruction.replace("ToAcc", "ToSlot"))),
                    ],
                    executed,
                    falls: carried / executed,
                    entered,
                });
            }
            if let Some(last) = instrs.last_mut() {
                last.falls = 0.0;
            }
        }
        let total: f64 = instrs.iter().map(|instr| instr.executed).sum();
        for instr in &mut instrs {
            instr.executed /= total;
            instr.entered /= total;
        }
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self { name, instrs })
    }

    /// What a dispatch that it saves counts.
    fn weight(&self) -> f64 {
        let of_name = WEIGHTS
            .iter()
            .find(|(begins, _)| self.name.starts_with(begins));
        of_name.map_or(1.0, |(_, weight)| *weight)
    }

    /// The program, however it was compiled or run.
    fn itself(&self) -> &str {
        self.name.rsplit('-').next().unwrap_or(&self.name)
    }

    /// What could stand at `at`, shortest first.
    fn matches(&self, table: &Table, at: usize) -> Vec<Match> {
        let mut found = Vec::new();
        let with =
            |before: Option<Match>, symbol: Symbol, upgraded: usize, end: usize, reached: f64| {
                let stores = before.map_or(0, |before| before.stores) + upgraded as u32;
                Match {
                    symbol,
                    end,
                    reached,
                    stores,
                }
            };
        let (mut end, mut reached) = (at, 1.0);
        let mut states: Vec<Match> = Vec::new();
        while let Some(instr) = self.instrs.get(end) {
            let next = (0..)
                .zip(instr.symbols)
                .filter_map(|(n, symbol)| Some((n, symbol?)));
            reached *= instr.falls;
            end += 1;
            states = if end == at + 1 {
                next.map(|(n, symbol)| with(None, symbol, n, end, reached))
                    .collect()
            } else {
                let next: Vec<_> = next.collect();
                let longer = states.iter().flat_map(|state| {
                    next.iter().filter_map(move |(n, next)| {
                        let longer = *table.longer.get(&(state.symbol, *next))?;
                        Some(with(Some(*state), longer, *n, end, reached))
                    })
                });
                longer.collect()
            };
            if states.is_empty() {
                break;
            }
            found.extend(&states);
        }
        found
    }

    /// For each place, what the way from there to the end of its run costs at the least, as the
    /// lowering counts, and the first handler of it.
    fn ways(&self, table: &Table) -> Vec<(u32, Match)> {
        let nothing = Match {
            symbol: 0,
            end: self.instrs.len(),
            reached: 0.0,
            stores: 0,
        };
        let mut ways = vec![(0, nothing); self.instrs.len() + 1];
        for at in (0..self.instrs.len()).rev() {
            let after = |end: usize| {
                if self.instrs[end - 1].falls > 0.0 {
                    ways[end].0
                } else {
                    0
                }
            };
            // An instruction that no sequence can hold is a handler all the same.
            let alone = Match {
                symbol: 0,
                end: at + 1,
                reached: self.instrs[at].falls,
                stores: 0,
            };
            let mut best = (HANDLER + after(at + 1), alone);
            for found in self.matches(table, at) {
                let cost = HANDLER + STORE * found.stores + after(found.end);
                if cost <= best.0 {
                    best = (cost, found);
                }
            }
            ways[at] = best;
        }
        ways
    }

    /// How often a handler begins at each place, and what is expected to be paid from there on.
    fn flow(&self, ways: &[(u32, Match)]) -> (Vec<f64>, Vec<f64>) {
        let mut dispatched: Vec<f64> = self.instrs.iter().map(|instr| instr.entered).collect();
        dispatched.push(0.0);
        let mut expected = vec![0.0; self.instrs.len() + 1];
        for at in 0..self.instrs.len() {
            let way = ways[at].1;
            dispatched[way.end] += dispatched[at] * way.reached;
        }
        for at in (0..self.instrs.len()).rev() {
            let way = ways[at].1;
            expected[at] = way.cost() + way.reached * expected[way.end];
        }
        (dispatched, expected)
    }

    /// Handlers an instruction.
    fn dispatches(&self, table: &Table) -> f64 {
        let (dispatched, _) = self.flow(&self.ways(table));
        dispatched[..self.instrs.len()].iter().sum()
    }
}

/// The longer sequences, by what each of them would save by itself, the best first.
fn candidates(programs: &[Program], table: &Table) -> Vec<(Symbol, Symbol)> {
    // What is saved in all, and the most that is in one program.
    let mut gains: HashMap<(Symbol, Symbol), (f64, f64)> = HashMap::new();
    let mut of_programs: BTreeMap<&str, HashMap<(Symbol, Symbol), f64>> = BTreeMap::new();
    for program in programs {
        let (dispatched, expected) = program.flow(&program.ways(table));
        let of_program = of_programs.entry(program.itself()).or_default();
        for at in 0..program.instrs.len() {
            if dispatched[at] == 0.0 {
                continue;
            }
            for found in program.matches(table, at) {
                let Some(next) = program.instrs.get(found.end) else {
                    continue;
                };
                if found.reached == 0.0 || found.end - at >= LONGEST {
                    continue;
                }
                let after = found.reached * next.falls * expected[found.end + 1];
                for (upgraded, symbol) in (0..).zip(next.symbols) {
                    let longer = Match {
                        stores: found.stores + upgraded,
                        ..found
                    };
                    let gain = expected[at] - longer.cost() - after;
                    if let Some(symbol) = symbol
                        && gain > 0.0
                        && !table.longer.contains_key(&(found.symbol, symbol))
                    {
                        *of_program.entry((found.symbol, symbol)).or_default() +=
                            program.weight() * dispatched[at] * gain;
                    }
                }
            }
        }
    }
    for (candidate, gain) in of_programs.into_values().flatten() {
        let (sum, most) = gains.entry(candidate).or_default();
        *sum += gain;
        *most = most.max(gain);
    }
    // What one program alone has to gain counts for less: it says little of others.
    let mut scores: Vec<_> = gains
        .into_iter()
        .map(|(candidate, (sum, most))| {
            (candidate, sum - most + most * ALONE.max((sum - most) / sum))
        })
        .collect();
    scores.sort_by(|(one, by), (other, than)| than.total_cmp(by).then(one.cmp(other)));
    scores.into_iter().map(|(candidate, _)| candidate).collect()
}

fn report(what: &str, programs: &[Program], table: &Table) {
    if programs.is_empty() {
        return;
    }
    eprintln!(
        "{what} {} programs: handlers for each instruction",
        programs.len()
    );
    let mut logs = 0.0;
    for program in programs {
        let dispatches = program.dispatches(table);
        logs += dispatches.ln();
        eprintln!("  {dispatches:.3} {}", program.name);
    }
    eprintln!(
        "  {:.3} in the geometric mean",
        (logs / programs.len() as f64).exp()
    );
}
