//! Shapes: how the operands of a row of the instruction table are encoded, and in which modes.
//!
//! A mode says where each operand comes from and whether the result goes to a slot. The lists of
//! modes below are the only ones: opcodes, handlers, lowering and disassembly derive from them, by
//! position. Where a result can stay in the accumulator, the lowest bit says so: an even mode leaves the result in the accumulator
//! of its class alone, the odd mode after it writes the slot `a` as well.

/// Where an operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Src {
    /// The slot that the operand's field names.
    S,
    /// The accumulator of the operand's class: the last result.
    A,
    /// The second accumulator of the operand's class: the result before that.
    B,
    /// The operand's field itself, sign-extended.
    I,
    /// The 64 bits of the word that follows.
    W,
}

/// How the address of a memory access is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addr {
    /// A slot, plus the offset in `c`.
    S,
    /// The integer accumulator, plus the offset in `c`.
    A,
    /// The second integer accumulator, plus the offset in `c`.
    B,
    /// A slot, plus the offset in the word that follows.
    SW,
    /// The integer accumulator, plus the offset in the word that follows.
    AW,
    /// The second integer accumulator, plus the offset in the word that follows.
    BW,
    /// The word that follows is the address.
    K,
    /// The sum of two slots, the second in the field of the offset. Sums wrap at 32 bits.
    SS,
    /// The sum of the integer accumulator and the slot in the field of the offset.
    AS,
    /// The sum of the second integer accumulator and the slot in the field of the offset.
    BS,
    /// The sum of both integer accumulators.
    AB,
    /// The sum of a slot and the immediate in the field of the offset.
    SI,
    /// The sum of the integer accumulator and the immediate in the field of the offset.
    AI,
    /// The sum of the second integer accumulator and the immediate in the field of the offset.
    BI,
}

/// Operand pairs of an integer operator with a result.
#[macro_export]
#[doc(hidden)]
macro_rules! int_pairs {
    ($then:ident!($($pre:tt)*)) => {
        $then! { ($($pre)*) [S S] [S A] [A S] [A A] [S B] [B S] [A B] [B A] [S I] [A I] [B I]
            [I S] [I A] [I B] [S W] [A W] [B W] }
    };
}
/// Operand pairs of an integer comparison: a constant is always on the right.
#[macro_export]
#[doc(hidden)]
macro_rules! cmp_pairs {
    ($then:ident!($($pre:tt)*)) => {
        $then! { ($($pre)*) [S S] [S A] [A S] [A A] [S B] [B S] [A B] [B A] [S I] [A I] [B I]
            [S W] [A W] [B W] }
    };
}
/// Operand pairs of a float operator or comparison.
#[macro_export]
#[doc(hidden)]
macro_rules! float_pairs {
    ($then:ident!($($pre:tt)*)) => {
        $then! { ($($pre)*) [S S] [S A] [A S] [A A] [S B] [B S] [A B] [B A] [S W] [A W] [B W]
            [W S] [W A] [W B] }
    };
}
/// Addresses of a load.
#[macro_export]
#[doc(hidden)]
macro_rules! load_modes {
    ($then:ident!($($pre:tt)*)) => {
        $then! { ($($pre)*) [S] [A] [B] [SW] [AW] [BW] [K] [SS] [AS] [BS] [AB] [SI] [AI] [BI] }
    };
}
/// Address and value of a store of an integer, or of anything in a slot.
#[macro_export]
#[doc(hidden)]
macro_rules! store_modes {
    ($then:ident!($($pre:tt)*)) => {
        $then! { ($($pre)*)
            [S S] [S A] [S B] [S I] [A S] [A B] [A I] [B S] [B A] [B I]
            [SW S] [SW A] [SW B] [SW I] [AW S] [AW B] [AW I] [BW S] [BW A] [BW I]
            [K S] [K A] [K B] [K I] [SS S] [SS A] [SS B] [SS I] [AS S] [AS B] [AS I] [BS S] [BS A] [BS I]
            [AB S] [AB I] [SI S] [SI A] [SI I] [AI S] [AI B] [AI I] [BI S] [BI A] [BI I] }
    };
}
/// What a selection between integers selects from.
#[macro_export]
#[doc(hidden)]
macro_rules! select_pairs {
    ($then:ident!($($pre:tt)*)) => {
        $then! { ($($pre)*) [S S] [S I] [I S] [I I] [S B] [B S] [B I] [I B] }
    };
}
pub use {cmp_pairs, float_pairs, int_pairs, load_modes, select_pairs, store_modes};

macro_rules! pairs_const {
    (($name:ident) $([$l:ident $r:ident])*) => {
        #[doc = "The list of modes of this name."]
        pub const $name: &[(Src, Src)] = &[$((Src::$l, Src::$r)),*];
    };
}
macro_rules! addr_const {
    (($name:ident) $([$a:ident])*) => {
        #[doc = "The list of modes of this name."]
        pub const $name: &[Addr] = &[$(Addr::$a),*];
    };
}
macro_rules! store_const {
    (($name:ident) $([$a:ident $v:ident])*) => {
        #[doc = "The list of modes of this name."]
        pub const $name: &[(Addr, Src)] = &[$((Addr::$a, Src::$v)),*];
    };
}
int_pairs!(pairs_const!(INT_PAIRS));
cmp_pairs!(pairs_const!(CMP_PAIRS));
float_pairs!(pairs_const!(FLOAT_PAIRS));
select_pairs!(pairs_const!(SELECT_PAIRS));
load_modes!(addr_const!(LOAD_MODES));
store_modes!(store_const!(STORE_MODES));

/// Operands of a unary operator.
pub const UNARY_SRCS: &[Src] = &[Src::S, Src::A, Src::B];

/// The shape of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `a` = operator(`b`, `c`) over [`INT_PAIRS`].
    Int,
    /// `a` = comparison(`b`, `c`) over [`CMP_PAIRS`].
    Cmp,
    /// `a` = operator or comparison(`b`, `c`) over [`FLOAT_PAIRS`].
    Float,
    /// `a` = operator(`b`) over [`UNARY_SRCS`].
    Unary,
    /// `a` = memory at `b` over [`LOAD_MODES`].
    Load,
    /// Memory at `a` = `b` over [`STORE_MODES`].
    Store,
    /// Memory at `b` = the float accumulator, over [`LOAD_MODES`].
    StoreAcc,
    /// Branch by `c` words where comparison(`a`, `b`), over [`CMP_PAIRS`].
    BrCmp,
    /// Branch by `c` words where comparison(`a`, `b`), over [`FLOAT_PAIRS`].
    BrFloat,
    /// `a` = `b` where the integer accumulator, as 32 or as 64 bits, is not 0, else `c`, over
    /// [`SELECT_PAIRS`].
    Select,
    /// One mode; the text says what its fields are (see `disasm`).
    Simple(&'static str),
    /// The same, and never in a sequence.
    Plain(&'static str),
}

impl Shape {
    /// Whether the lowest bit of a mode says that the result goes to its slot as well.
    pub const fn has_result(self) -> bool {
        matches!(
            self,
            Self::Int | Self::Cmp | Self::Float | Self::Unary | Self::Load
        )
    }

    /// How many opcodes the row takes.
    pub const fn modes(self) -> u16 {
        let modes = match self {
            Self::Int => 2 * INT_PAIRS.len(),
            Self::Cmp => 2 * CMP_PAIRS.len(),
            Self::Float => 2 * FLOAT_PAIRS.len(),
            Self::Unary => 2 * UNARY_SRCS.len(),
            Self::Load => 2 * LOAD_MODES.len(),
            Self::Store => STORE_MODES.len(),
            Self::StoreAcc => LOAD_MODES.len(),
            Self::BrCmp => CMP_PAIRS.len(),
            Self::BrFloat => FLOAT_PAIRS.len(),
            Self::Select => SELECT_PAIRS.len(),
            Self::Simple(_) | Self::Plain(_) => 1,
        };
        modes as u16
    }
}
