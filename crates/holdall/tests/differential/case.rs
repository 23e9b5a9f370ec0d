//! What a machine is asked to do with a module, and what can be seen of it afterwards.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::rng::{INTERESTING, Rng};

/// A module to run, and how.
pub struct Case {
    pub bytes: Vec<u8>,
    /// Determines the arguments.
    pub seed: u64,
    /// The fuel that the global `fuel` holds before each call.
    pub fuel: i32,
    /// How often each exported function is called.
    pub rounds: usize,
}

/// The name of the global that bounds how long a call runs.
pub const FUEL: &str = "fuel";

/// A type, in neither machine's vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ty {
    I32,
    I64,
    F32,
    F64,
    FuncRef,
    ExternRef,
}

/// A value by its bits; of a reference, whether it is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bits {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    FuncRef { null: bool },
    ExternRef { null: bool },
}

impl Bits {
    /// A value for the host to give: one of those that code treats in ways of its own, half of the
    /// time. No NaN, because its bits could differ, and only null references.
    pub fn arbitrary(ty: Ty, rng: &mut Rng) -> Self {
        let bits = if rng.chance(50) {
            rng.next_u64()
        } else {
            *rng.pick(INTERESTING)
        };
        match ty {
            Ty::I32 => Self::I32(bits as u32),
            Ty::I64 => Self::I64(bits),
            Ty::F32 if f32::from_bits(bits as u32).is_nan() => Self::F32(0),
            Ty::F32 => Self::F32(bits as u32),
            Ty::F64 if f64::from_bits(bits).is_nan() => Self::F64(0),
            Ty::F64 => Self::F64(bits),
            Ty::FuncRef => Self::FuncRef { null: true },
            Ty::ExternRef => Self::ExternRef { null: true },
        }
    }
}

/// Why something did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A trap, by its text in the specification.
    Trap(&'static str),
    /// How deep calls nest is each machine's own, so nothing is compared after this.
    Exhausted,
    /// Something else, which no case should meet.
    Other(String),
}

/// Both texts mean `call_indirect` past a table's end in one machine, and `table.get` in the other.
pub const TABLE_BOUNDS: &str = "out of bounds table access";

/// A call of an export.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    pub name: String,
    pub args: Vec<Bits>,
    pub outcome: Result<Vec<Bits>, Stop>,
}

impl Call {
    pub fn instantiation(outcome: Result<Vec<Bits>, Stop>) -> Self {
        Self {
            name: "(instantiation)".to_owned(),
            args: Vec::new(),
            outcome,
        }
    }

    pub fn is_exhausted(&self) -> bool {
        self.outcome == Err(Stop::Exhausted)
    }
}

/// What could be seen of a case.
#[derive(Debug, Default)]
pub struct Seen {
    /// The calls of exports; instantiation comes first, as if it were one.
    pub calls: Vec<Call>,
    /// The calls of host functions.
    pub host: Vec<(usize, Vec<Bits>)>,
    /// Exported memories by a hash of their contents, with their sizes in bytes.
    pub memories: Vec<(String, usize, u64)>,
    pub globals: Vec<(String, Bits)>,
    /// Exported tables: of each element whether it is null.
    pub tables: Vec<(String, Vec<bool>)>,
}

/// Host functions give results that depend on how many calls there were before.
pub fn host_results(types: &[Ty], calls: usize) -> Vec<Bits> {
    let mut rng = Rng::new(calls as u64);
    types
        .iter()
        .map(|ty| Bits::arbitrary(*ty, &mut rng))
        .collect()
}

/// The arguments of a call, the same for either machine.
pub fn arguments(case: &Case, round: usize, func: usize, types: &[Ty]) -> Vec<Bits> {
    let mut rng = Rng::new(case.seed ^ ((round as u64) << 48) ^ ((func as u64) << 32));
    types
        .iter()
        .map(|ty| Bits::arbitrary(*ty, &mut rng))
        .collect()
}

pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// How many calls were compared, or what differs.
pub fn compare(ours: &Seen, theirs: &Seen) -> Result<usize, String> {
    let mut compared = 0;
    for (our, their) in ours.calls.iter().zip(&theirs.calls) {
        if our.is_exhausted() || their.is_exhausted() {
            return Ok(compared);
        }
        if our != their {
            return Err(format!("calls\n  ours:   {our:?}\n  theirs: {their:?}"));
        }
        compared += 1;
    }
    let differs = |what: &str, our: &dyn std::fmt::Debug, their: &dyn std::fmt::Debug| {
        Err(format!("{what}\n  ours:   {our:?}\n  theirs: {their:?}"))
    };
    if ours.calls.len() != theirs.calls.len() {
        return differs("calls", &ours.calls.len(), &theirs.calls.len());
    }
    if ours.host != theirs.host {
        return differs("calls of the host", &ours.host, &theirs.host);
    }
    if ours.memories != theirs.memories {
        return differs("memories", &ours.memories, &theirs.memories);
    }
    if ours.globals != theirs.globals {
        return differs("globals", &ours.globals, &theirs.globals);
    }
    if ours.tables != theirs.tables {
        return differs("tables", &ours.tables, &theirs.tables);
    }
    Ok(compared)
}
