//! Shapes: how the operands of a row of the instruction table are encoded, and in which modes.
//!
//! A mode says where each operand comes from and whether the result goes to a slot. The table of shapes
//! at the end of this file is the only place that lists modes. Opcodes, lengths, the executor's handlers,
//! the spelling in the table of sequences and the disassembly derive from the table of shapes. A mode's
//! number is the place of its operands in the shape's list. Where a result can stay in the accumulator, the
//! lowest bit of a mode says so: an even mode leaves the result in the accumulator of its class alone,
//! the odd mode after it writes the slot `a` as well.

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

/// A part of a mode, as the tables of shapes and of sequences spell parts: an operand, which is a [`Src`]
/// or an [`Addr`], or where the result goes, which is one of the last two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
pub enum Token {
    /// A slot; of an address, a slot and the offset in `c`.
    S,
    /// The accumulator; of an address, with the offset in `c`.
    A,
    /// The second accumulator; of an address, with the offset in `c`.
    B,
    /// See [`Src::I`].
    I,
    /// See [`Src::W`].
    W,
    /// See [`Addr::SW`].
    SW,
    /// See [`Addr::AW`].
    AW,
    /// See [`Addr::BW`].
    BW,
    /// See [`Addr::K`].
    K,
    /// See [`Addr::SS`].
    SS,
    /// See [`Addr::AS`].
    AS,
    /// See [`Addr::BS`].
    BS,
    /// See [`Addr::AB`].
    AB,
    /// See [`Addr::SI`].
    SI,
    /// See [`Addr::AI`].
    AI,
    /// See [`Addr::BI`].
    BI,
    /// The result stays in the accumulator.
    ToAcc,
    /// The result goes to its slot as well.
    ToSlot,
}

impl Token {
    /// Whether the operand takes the word that follows.
    const fn is_wide(self) -> bool {
        matches!(self, Self::W | Self::SW | Self::AW | Self::BW | Self::K)
    }
}

/// A field of an instruction's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "named as the fields are")]
pub enum Field {
    /// The first.
    a,
    /// The second.
    b,
    /// The third.
    c,
    /// The lowest 16 bits of the word that follows.
    w,
}

/// What the table of shapes says of a shape.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Whether each entry of `modes` is two modes: the first leaves the result in the accumulator alone,
    /// the second writes the result to the slot `a` as well.
    pub has_result: bool,
    /// How an instruction is shown: `{0}` and `{1}` stand for operands, `[0]` for an operand that is an
    /// address, `@c` for the target of a branch.
    pub text: &'static str,
    /// The fields that the operands are read from.
    pub fields: &'static [Field],
    /// The operands in each mode.
    pub modes: &'static [&'static [Token]],
}

impl Layout {
    /// The layout of the shapes that have one mode: none of their operands can be chosen.
    const ONE_MODE: Self = Self {
        has_result: false,
        text: "",
        fields: &[],
        modes: &[&[]],
    };

    /// How many opcodes a row of the shape takes.
    #[must_use]
    pub const fn opcodes(&self) -> u16 {
        (self.modes.len() << self.has_result as usize) as u16
    }

    /// The operands in a mode.
    #[must_use]
    pub const fn operands(&self, mode: u16) -> &'static [Token] {
        self.modes[mode as usize >> self.has_result as usize]
    }

    /// Whether a mode leaves the result in the accumulator alone. The next mode writes the result to the
    /// slot `a` as well.
    #[must_use]
    pub const fn is_acc_only(&self, mode: u16) -> bool {
        self.has_result && mode.is_multiple_of(2)
    }

    /// Whether a mode takes a second word for its operands.
    #[must_use]
    pub const fn is_wide(&self, mode: u16) -> bool {
        let operands = self.operands(mode);
        let mut at = 0;
        while at < operands.len() {
            if operands[at].is_wide() || matches!(self.fields[at], Field::w) {
                return true;
            }
            at += 1;
        }
        false
    }

    /// The mode that the table of sequences spells with these tokens: the operands, then where the result
    /// goes if the shape has a result.
    ///
    /// # Panics
    /// If the shape has no mode with this spelling.
    #[must_use]
    pub const fn mode_of(&self, spelled: &[Token]) -> u16 {
        let mut at = 0;
        while !starts_with(spelled, self.modes[at]) {
            at += 1;
        }
        if self.has_result {
            let into = spelled[spelled.len() - 1] as u16;
            2 * at as u16 + (into - Token::ToAcc as u16)
        } else {
            at as u16
        }
    }

    /// How the table of sequences spells a mode: the tokens that [`mode_of`](Self::mode_of) takes.
    pub fn spelling(&self, mode: u16) -> impl Iterator<Item = Token> {
        let into = match (self.has_result, self.is_acc_only(mode)) {
            (false, _) => None,
            (true, true) => Some(Token::ToAcc),
            (true, false) => Some(Token::ToSlot),
        };
        self.operands(mode).iter().copied().chain(into)
    }
}

const fn starts_with(spelled: &[Token], operands: &[Token]) -> bool {
    let mut at = 0;
    while at < operands.len() {
        if spelled[at] as u8 != operands[at] as u8 {
            return false;
        }
        at += 1;
    }
    true
}

macro_rules! layout {
    ($result:ident $text:literal ($($field:ident)*) { $([$($operand:ident)*])* }) => {
        &Layout {
            has_result: layout!(@$result),
            text: $text,
            fields: &[$(Field::$field),*],
            modes: &[$(&[$(Token::$operand),*]),*],
        }
    };
    (@result) => { true };
    (@alone) => { false };
}

/// A list of modes as a constant, for the lowering.
macro_rules! modes {
    ($(#[$doc:meta])* $name:ident($of:ident) { $([$operand:ident])* }) => {
        $(#[$doc])*
        pub const $name: &[$of] = &[$($of::$operand),*];
    };
    ($(#[$doc:meta])* $name:ident($of:ident $with:ident) { $([$first:ident $second:ident])* }) => {
        $(#[$doc])*
        pub const $name: &[($of, $with)] = &[$(($of::$first, $with::$second)),*];
    };
    (
        $(#[$doc:meta])* $name:ident($of:ident $with:ident $and:ident) {
            $([$first:ident $second:ident $third:ident])*
        }
    ) => {
        $(#[$doc])*
        pub const $name: &[($of, $with, $and)] =
            &[$(($of::$first, $with::$second, $and::$third)),*];
    };
}

/// Makes [`Shape`], the constants that list modes, and the macro `with_shape!` from the table of shapes.
/// The first argument is a dollar sign, which `with_shape!` needs for variables of its own.
macro_rules! shapes {
    ($d:tt $(
        $(#[$list_doc:meta])* $list:ident $kinds:tt $modes:tt {
            $($(#[$doc:meta])* $shape:ident: $result:ident $text:literal $fields:tt;)*
        }
    )*) => {
        $(modes! { $(#[$list_doc])* $list $kinds $modes })*

        /// The shape of a row.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Shape {
            $($(
                $(#[$doc])*
                #[doc = concat!("\n\nThe modes are [`", stringify!($list), "`].")]
                $shape,
            )*)*
            /// A shape with one mode. The text says what the fields are (see `disasm`).
            Simple(&'static str),
            /// As [`Simple`](Self::Simple), but no sequence holds an instruction of this shape.
            Plain(&'static str),
        }

        impl Shape {
            /// What there is to know of the shape.
            #[must_use]
            pub const fn layout(self) -> &'static Layout {
                match self {
                    $($(Self::$shape => layout!($result $text $fields $modes),)*)*
                    Self::Simple(_) | Self::Plain(_) => &Layout::ONE_MODE,
                }
            }
        }

        /// Calls the macro `$then` with a shape: `$then! { ($pre.. RESULT "TEXT" (FIELD..)) { MODES } }`.
        /// The parts are those of the table of shapes.
        #[macro_export]
        #[doc(hidden)]
        macro_rules! with_shape {
            $($(
                ($shape $d then:ident!($d($d pre:tt)*)) => {
                    $d then! { ($d($d pre)* $result $text $fields) $modes }
                };
            )*)*
        }
    };
}

// The table of shapes. A list of modes has an entry in brackets for each choice of operands; what kinds
// of operands they are stands behind its name. In the braces after a list are the shapes that have it:
// `NAME: RESULT "TEXT" (FIELD..);`. Where `RESULT` is `result`, each entry of the list is two modes: the
// result stays in the accumulator in the first, and goes to the slot `a` as well in the second. Where
// `RESULT` is `alone`, each entry is one mode. `TEXT` is `Layout::text`; operands are read from the fields.
shapes! { $
    /// Operand pairs of an integer operator with a result.
    INT_PAIRS(Src Src) {
        [S S] [S A] [A S] [A A] [S B] [B S] [A B] [B A] [S I] [A I] [B I] [I S] [I A] [I B]
        [S W] [A W] [B W]
    } {
        /// `a` = operator(`b`, `c`).
        Int: result "{0}, {1}" (b c);
    }

    /// Operand pairs of an integer comparison: a constant is always on the right.
    CMP_PAIRS(Src Src) {
        [S S] [S A] [A S] [A A] [S B] [B S] [A B] [B A] [S I] [A I] [B I] [S W] [A W] [B W]
    } {
        /// `a` = comparison(`b`, `c`).
        Cmp: result "{0}, {1}" (b c);
        /// Branch by `c` words where comparison(`a`, `b`).
        BrCmp: alone "{0}, {1}, @c" (a b);
    }

    /// Operand pairs of a float operator or comparison.
    FLOAT_PAIRS(Src Src) {
        [S S] [S A] [A S] [A A] [S B] [B S] [A B] [B A] [S W] [A W] [B W] [W S] [W A] [W B]
    } {
        /// `a` = operator or comparison(`b`, `c`).
        Float: result "{0}, {1}" (b c);
        /// Branch by `c` words where comparison(`a`, `b`).
        BrFloat: alone "{0}, {1}, @c" (a b);
    }

    /// Operands of a unary operator.
    UNARY_SRCS(Src) { [S] [A] [B] } {
        /// `a` = operator(`b`).
        Unary: result "{0}" (b);
        /// The lanes of `a` = `b`.
        VectorSplat: result "{0}" (b);
    }

    /// Addresses of a load.
    LOAD_MODES(Addr) {
        [S] [A] [B] [SW] [AW] [BW] [K] [SS] [AS] [BS] [AB] [SI] [AI] [BI]
    } {
        /// `a` = memory at `b`.
        Load: result "[0]" (b);
        /// `a` = a vector made of memory at `b`.
        VectorLoad: result "[0]" (b);
        /// Memory at `b` = the float accumulator.
        StoreAcc: alone "[0] <- acc" (b);
    }

    /// Address and value of a store of an integer, or of anything in a slot.
    STORE_MODES(Addr Src) {
        [S S] [S A] [S B] [S I] [A S] [A B] [A I] [B S] [B A] [B I]
        [SW S] [SW A] [SW B] [SW I] [AW S] [AW B] [AW I] [BW S] [BW A] [BW I]
        [K S] [K A] [K B] [K I] [SS S] [SS A] [SS B] [SS I] [AS S] [AS B] [AS I] [BS S] [BS A] [BS I]
        [AB S] [AB I] [SI S] [SI A] [SI I] [AI S] [AI B] [AI I] [BI S] [BI A] [BI I]
    } {
        /// Memory at `a` = `b`.
        Store: alone "[0] <- {1}" (a b);
    }

    /// Addresses of a load in a memory that the instruction names. They have 64 bits, and so has the
    /// offset, which is in the word that follows; an address of 32 bits is zero-extended.
    LOAD_IN_MODES(Addr) { [SW] [AW] [BW] [K] } {
        /// `a` = memory `c` at `b`.
        LoadIn: result "memory #c [0]" (b);
        /// `a` = a vector made of memory `c` at `b`.
        VectorLoadIn: result "memory #c [0]" (b);
    }

    /// Address and value of a store in a memory that the instruction names.
    STORE_IN_MODES(Addr Src) {
        [SW S] [SW A] [SW B] [SW I] [AW S] [AW B] [AW I] [BW S] [BW A] [BW I] [K S] [K A] [K B] [K I]
    } {
        /// Memory `c` at `a` = `b`.
        StoreIn: alone "memory #c [0] <- {1}" (a b);
    }

    /// The operand of a vector operator.
    VECTOR_SRCS(Src) { [S] [A] } {
        /// `a` = operator(`b`).
        VectorUnary: result "{0}" (b);
        /// `a`, which is no vector, = operator(`b`).
        VectorTest: result "{0}" (b);
        /// `a`, which is no vector, = the lane `c` of `b`.
        VectorExtract: result "{0}, lane #c" (b);
    }

    /// Operand pairs of a vector operator that gives the same when the operands are exchanged.
    VECTOR_COMMUTING(Src Src) { [S S] [S A] [B A] } {
        /// `a` = operator(`b`, `c`).
        VectorCommuting: result "{0}, {1}" (b c);
    }

    /// Operand pairs of a vector operator.
    VECTOR_PAIRS(Src Src) { [S S] [S A] [A S] [B A] } {
        /// `a` = operator(`b`, `c`).
        VectorBinary: result "{0}, {1}" (b c);
        /// `a` = the bytes of `b` with the numbers in `c`.
        VectorSwizzle: result "{0}, {1}" (b c);
        /// `a` = the bytes of `b` and `c` with the numbers in the two words that follow.
        VectorShuffle: result "{0}, {1}, bytes #W #X" (b c);
    }

    /// A vector, and by how much its lanes are shifted.
    VECTOR_SHIFTS(Src Src) { [S S] [A S] [S I] [A I] } {
        /// `a` = operator(`b`, `c`).
        VectorShift: result "{0}, {1}" (b c);
    }

    /// A vector, and the value of one of its lanes.
    VECTOR_LANES(Src Src) { [S S] [A S] [S A] [A A] } {
        /// `a` = `b` but for the lane of a number, which is in the word that follows. The lane = `c`.
        VectorReplace: result "{0}, {1}, lane #w" (b c);
    }

    /// Operands of a ternary vector operator.
    VECTOR_TRIPLES(Src Src Src) { [S S S] [S S A] [A S S] [B A S] } {
        /// `a` = operator(`b`, `c`, `w`).
        VectorTernary: result "{0}, {1}, {2}" (b c w);
    }

    /// Address and vector of a store.
    VECTOR_STORES(Addr Src) {
        [S S] [S A] [A S] [A A] [B S] [B A] [SW S] [SW A] [AW S] [AW A] [BW S] [BW A] [K S] [K A]
        [SS S] [SS A] [AS S] [AS A] [BS S] [BS A] [AB S] [AB A] [SI S] [SI A] [AI S] [AI A] [BI S] [BI A]
    } {
        /// Memory at `a` = `b`.
        VectorStore: alone "[0] <- {1}" (a b);
    }

    /// Address and vector of a store in a memory that the instruction names.
    VECTOR_STORES_IN(Addr Src) { [SW S] [SW A] [AW S] [AW A] [BW S] [BW A] [K S] [K A] } {
        /// Memory `c` at `a` = `b`.
        VectorStoreIn: alone "memory #c [0] <- {1}" (a b);
    }

    /// What a selection between integers selects from.
    SELECT_PAIRS(Src Src) { [S S] [S I] [I S] [I I] [S B] [B S] [B I] [I B] } {
        /// `a` = `b` where the integer accumulator, as 32 or as 64 bits, is not 0, else `c`.
        Select: alone "sa, acc <- acc ? {0} : {1}" (b c);
    }
}

impl Shape {
    /// How an instruction is shown in disassembled code, with placeholders that `disasm` fills in.
    #[must_use]
    pub const fn fields(self) -> &'static str {
        match self {
            Self::Simple(fields) | Self::Plain(fields) => fields,
            _ => self.layout().text,
        }
    }
}
