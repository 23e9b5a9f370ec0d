//! What a machine is asked to do with a module, and what can be seen of it afterwards, in neither
//! machine's vocabulary.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::rng::{INTERESTING, Rng};

/// How often each exported function is called.
pub const ROUNDS: usize = 2;

/// A type of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty {
    I32,
    I64,
    F32,
    F64,
    V128,
    /// A reference, which the host gives as null.
    Ref(Hierarchy),
    /// A reference that cannot be null, which the host cannot give.
    NonNull,
}

/// What references refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    Func,
    Extern,
    Exn,
}

/// A value by its bits; of a reference, whether it is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    V128(u128),
    Ref { of: Hierarchy, null: bool },
}

impl Ty {
    /// A value for the host to give: one of those that code treats in ways of its own, half of the time.
    /// No NaN, so that every NaN was computed; `None` for a type of which the host has no value.
    pub fn value(self, rng: &mut Rng) -> Option<Bits> {
        let bits = match rng.chance(50) {
            true => rng.next_u64(),
            false => *rng.pick(INTERESTING),
        };
        let f32 = |bits: u32| {
            if f32::from_bits(bits).is_nan() {
                0
            } else {
                bits
            }
        };
        Some(match self {
            Self::I32 => Bits::I32(bits as u32),
            Self::I64 => Bits::I64(bits),
            Self::F32 => Bits::F32(f32(bits as u32)),
            Self::F64 if f64::from_bits(bits).is_nan() => Bits::F64(0),
            Self::F64 => Bits::F64(bits),
            Self::V128 => {
                let lane = |shift: u32| u128::from(f32((bits >> shift) as u32));
                let half = lane(32) << 32 | lane(0);
                Bits::V128(half << 64 | half.rotate_left(7) >> 9)
            }
            Self::Ref(of) => Bits::Ref { of, null: true },
            Self::NonNull => return None,
        })
    }
}

/// Values of these types for the host to give; none where the host has no value of one of them.
pub fn values(types: &[Ty], seed: u64) -> Option<Vec<Bits>> {
    let mut rng = Rng::new(seed);
    types.iter().map(|ty| ty.value(&mut rng)).collect()
}

/// The seed of the arguments of a call.
pub fn of_call(round: usize, func: usize) -> u64 {
    ((round as u64) << 48) ^ ((func as u64) << 32)
}

/// Why something did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A trap, by its text in the specification.
    Trap(&'static str),
    /// An exception that nobody caught, by the values that go with it.
    Exception(Vec<Bits>),
    /// How deep calls nest is each machine's own, and so is how much memory there is: nothing is
    /// compared after this.
    Exhausted,
    /// Something else, which no module should meet.
    Other(String),
}

/// The calls of host functions: the number of the function, and its arguments.
pub type HostCalls = Vec<(usize, Vec<Bits>)>;

/// What could be seen of a module.
#[derive(Debug, Default)]
pub struct Seen {
    /// What came of the instantiation and of each call, with the name of the function.
    pub calls: Vec<(String, Result<Vec<Bits>, Stop>)>,
    pub host: HostCalls,
    /// Exported memories by a hash of their contents, with their sizes in bytes.
    pub memories: Vec<(String, usize, u64)>,
    pub globals: Vec<(String, Bits)>,
    /// Exported tables: of each element whether it is null.
    pub tables: Vec<(String, Vec<bool>)>,
    /// For each of `calls` the text of its error, if there was one, and how much fuel was left. Only holdall has
    /// both.
    pub details: Vec<(Option<String>, Option<u64>)>,
}

pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// How many calls were compared.
///
/// # Errors
/// What differs.
pub fn compare(ours: &Seen, theirs: &Seen) -> Result<usize, String> {
    let mut compared = 0;
    for (our, their) in ours.calls.iter().zip(&theirs.calls) {
        let is_exhausted = |outcome| matches!(outcome, &Err(Stop::Exhausted));
        if is_exhausted(&our.1) || is_exhausted(&their.1) {
            return Ok(compared);
        }
        same("calls", our, their)?;
        compared += 1;
    }
    same("calls", &ours.calls.len(), &theirs.calls.len())?;
    same("calls of the host", &ours.host, &theirs.host)?;
    same("memories", &ours.memories, &theirs.memories)?;
    same("globals", &ours.globals, &theirs.globals)?;
    same("tables", &ours.tables, &theirs.tables)?;
    Ok(compared)
}

/// [`compare`], with the details, for two runs of holdall.
///
/// # Errors
/// What differs.
pub fn compare_details(ours: &Seen, theirs: &Seen) -> Result<usize, String> {
    let compared = compare(ours, theirs)?;
    for (our, their) in ours.details.iter().zip(&theirs.details).take(compared) {
        same("errors and fuel", our, their)?;
    }
    Ok(compared)
}

fn same<T: Debug + PartialEq>(what: &str, ours: &T, theirs: &T) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{what}\n  ours:   {ours:?}\n  theirs: {theirs:?}"))
}
