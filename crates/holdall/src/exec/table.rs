//! The table of handlers, in the order of the opcodes: derived from the instruction table.

#[cfg(sequences)]
use super::dispatch::Then;
use super::dispatch::{Dispatch, Handler, handle};
use super::shapes::{
    A, AB, AI, AS, AW, B, BI, BS, BW, Binary, BinaryOp, Branch, Choice, Compare, I, K, Load,
    LoadOp, Outcome, S, SI, SS, SW, Selection, Store, StoreAccOp, StoreOp, ToAcc, ToSlot, Unary,
    UnaryOp, W,
};
use super::{bulk, call, control, far, metering};
use crate::ir::{
    OPCODES, cmp_pairs, float_pairs, for_each_op, int_pairs, load_modes, select_pairs, store_modes,
};
use crate::numeric;
use crate::trap::TrapCode;

/// The operator of a row as a type.
macro_rules! operator {
    ($name:ident Int($in:ty, $out:ty, $f:ident)) => {
        operator! { @binary $name, $in, $out, $f }
    };
    ($name:ident Cmp($in:ty, $f:ident)) => {
        operator! { @binary $name, $in, u32, $f }
    };
    ($name:ident Float($in:ty, $out:ty, $f:ident)) => {
        operator! { @binary $name, $in, $out, $f }
    };
    ($name:ident Unary($in:ty, $out:ty, $f:ident)) => {
        pub(super) struct $name;
        impl Unary for $name {
            type In = $in;
            type Out = $out;
            #[inline(always)]
            fn apply(value: $in) -> Result<$out, TrapCode> {
                numeric::$f(value).outcome()
            }
        }
    };
    ($name:ident Load($mem:ty, $out:ty)) => {
        pub(super) struct $name;
        impl Load for $name {
            type Mem = $mem;
            type Out = $out;
            #[inline(always)]
            #[allow(clippy::unnecessary_cast, reason = "some loads do not widen")]
            fn widen(value: $mem) -> $out {
                value as $out
            }
        }
    };
    ($name:ident Store($mem:ty, $in:ty)) => {
        pub(super) struct $name;
        impl Store for $name {
            type In = $in;
            type Mem = $mem;
            #[inline(always)]
            #[allow(clippy::unnecessary_cast, reason = "some stores do not narrow")]
            fn narrow(value: $in) -> $mem {
                value as $mem
            }
        }
    };
    ($name:ident StoreAcc($ty:ty)) => {
        operator! { $name Store($ty, $ty) }
    };
    ($name:ident BrCmp($in:ty, $f:ident)) => {
        pub(super) struct $name;
        impl Compare for $name {
            type In = $in;
            #[inline(always)]
            fn holds(lhs: $in, rhs: $in) -> bool {
                numeric::$f(lhs, rhs) != 0
            }
        }
    };
    ($name:ident BrFloat($in:ty, $f:ident)) => {
        operator! { $name BrCmp($in, $f) }
    };
    ($name:ident Select($by:ty, $ty:ty)) => {
        pub(super) struct $name;
        impl Choice for $name {
            type By = $by;
            type Of = $ty;
        }
    };
    ($name:ident Simple($fields:literal)) => {};
    ($name:ident Plain($fields:literal, $handler:ident)) => {};
    (@binary $name:ident, $in:ty, $out:ty, $f:ident) => {
        pub(super) struct $name;
        impl Binary for $name {
            type In = $in;
            type Out = $out;
            #[inline(always)]
            fn apply(lhs: $in, rhs: $in) -> Result<$out, TrapCode> {
                numeric::$f(lhs, rhs).outcome()
            }
        }
    };
}
macro_rules! operators {
    ($($name:ident $text:literal $shape:ident($($args:tt)*);)*) => {
        mod operators {
            use super::*;
            $(operator! { $name $shape($($args)*) })*
        }
    };
}
for_each_op!(operators);

macro_rules! binary_handlers {
    (($op:ident) $([$l:ident $r:ident])*) => {
        &[$(
            handle::<BinaryOp<operators::$op, $l, $r, ToAcc>, Dispatch>,
            handle::<BinaryOp<operators::$op, $l, $r, ToSlot>, Dispatch>,
        )*]
    };
}
macro_rules! branch_handlers {
    (($op:ident) $([$l:ident $r:ident])*) => {
        &[$(handle::<Branch<operators::$op, $l, $r>, Dispatch>,)*]
    };
}
macro_rules! load_handlers {
    (($op:ident) $([$a:ident])*) => {
        &[$(
            handle::<LoadOp<operators::$op, $a, ToAcc>, Dispatch>,
            handle::<LoadOp<operators::$op, $a, ToSlot>, Dispatch>,
        )*]
    };
}
macro_rules! store_handlers {
    (($op:ident) $([$a:ident $v:ident])*) => {
        &[$(handle::<StoreOp<operators::$op, $a, $v>, Dispatch>,)*]
    };
}
macro_rules! store_acc_handlers {
    (($op:ident) $([$a:ident])*) => {
        &[$(handle::<StoreAccOp<operators::$op, $a>, Dispatch>,)*]
    };
}

macro_rules! select_handlers {
    (($op:ident) $([$l:ident $r:ident])*) => {
        &[$(handle::<Selection<operators::$op, $l, $r>, Dispatch>,)*]
    };
}

/// The handlers of a row, one for each mode.
macro_rules! handlers {
    ($name:ident Int($($args:tt)*)) => {
        int_pairs!(binary_handlers!($name))
    };
    ($name:ident Cmp($($args:tt)*)) => {
        cmp_pairs!(binary_handlers!($name))
    };
    ($name:ident Float($($args:tt)*)) => {
        float_pairs!(binary_handlers!($name))
    };
    ($name:ident Unary($($args:tt)*)) => {
        &[
            handle::<UnaryOp<operators::$name, S, ToAcc>, Dispatch>,
            handle::<UnaryOp<operators::$name, S, ToSlot>, Dispatch>,
            handle::<UnaryOp<operators::$name, A, ToAcc>, Dispatch>,
            handle::<UnaryOp<operators::$name, A, ToSlot>, Dispatch>,
            handle::<UnaryOp<operators::$name, B, ToAcc>, Dispatch>,
            handle::<UnaryOp<operators::$name, B, ToSlot>, Dispatch>,
        ]
    };
    ($name:ident Load($($args:tt)*)) => {
        load_modes!(load_handlers!($name))
    };
    ($name:ident Store($($args:tt)*)) => {
        store_modes!(store_handlers!($name))
    };
    ($name:ident StoreAcc($($args:tt)*)) => {
        load_modes!(store_acc_handlers!($name))
    };
    ($name:ident BrCmp($($args:tt)*)) => {
        cmp_pairs!(branch_handlers!($name))
    };
    ($name:ident BrFloat($($args:tt)*)) => {
        float_pairs!(branch_handlers!($name))
    };
    ($name:ident Select($by:ty, $ty:ty)) => {
        select_pairs!(select_handlers!($name))
    };
    ($name:ident Simple($fields:literal)) => {
        &[handle::<plain::$name, Dispatch>]
    };
    ($name:ident Plain($fields:literal, $handler:ident)) => {
        &[plain::$handler]
    };
}

/// Where the handlers of the plain rows and the types of the simple ones are.
mod plain {
    pub(super) use super::bulk::*;
    pub(super) use super::call::*;
    pub(super) use super::control::*;
    pub(super) use super::far::*;
    pub(super) use super::metering::*;
}

macro_rules! all_handlers {
    ($($name:ident $text:literal $shape:ident($($args:tt)*);)*) => {
        const BY_ROW: &[&[Handler]] = &[$(handlers!($name $shape($($args)*))),*];
    };
}
for_each_op!(all_handlers);

/// The type of an instruction that the table of sequences spells.
#[cfg(sequences)]
macro_rules! instr {
    (Int($row:ident $l:ident $r:ident $into:ident)) => { BinaryOp<operators::$row, $l, $r, $into> };
    (Cmp($row:ident $l:ident $r:ident $into:ident)) => { BinaryOp<operators::$row, $l, $r, $into> };
    (Float($row:ident $l:ident $r:ident $into:ident)) => { BinaryOp<operators::$row, $l, $r, $into> };
    (Unary($row:ident $src:ident $into:ident)) => { UnaryOp<operators::$row, $src, $into> };
    (Load($row:ident $addr:ident $into:ident)) => { LoadOp<operators::$row, $addr, $into> };
    (Store($row:ident $addr:ident $value:ident)) => { StoreOp<operators::$row, $addr, $value> };
    (StoreAcc($row:ident $addr:ident)) => { StoreAccOp<operators::$row, $addr> };
    (BrCmp($row:ident $l:ident $r:ident)) => { Branch<operators::$row, $l, $r> };
    (BrFloat($row:ident $l:ident $r:ident)) => { Branch<operators::$row, $l, $r> };
    (Select($row:ident $l:ident $r:ident)) => { Selection<operators::$row, $l, $r> };
    (Simple($row:ident)) => { plain::$row };
}
#[cfg(sequences)]
macro_rules! rest {
    () => { Dispatch };
    ($shape:ident $fields:tt $($more:tt)*) => { Then<instr!($shape $fields), rest!($($more)*)> };
}
macro_rules! sequence_handlers {
    ($([$shape:ident $fields:tt $($more:ident $more_fields:tt)*])*) => {
        const OF_SEQUENCES: &[Handler] = &[
            $(handle::<instr!($shape $fields), rest!($($more $more_fields)*)>),*
        ];
    };
}
#[cfg(sequences)]
crate::ir::for_each_sequence!(sequence_handlers);
#[cfg(not(sequences))]
sequence_handlers!();

/// How many opcodes this build's executor has: all, or those of single instructions.
const HANDLED: usize = OPCODES + OF_SEQUENCES.len();

/// The handler of each opcode.
pub(super) static HANDLERS: [Handler; HANDLED] = {
    let mut table = [control::unreachable as Handler; HANDLED];
    let mut op = 0;
    let mut row = 0;
    while row < BY_ROW.len() {
        let mut mode = 0;
        while mode < BY_ROW[row].len() {
            table[op] = BY_ROW[row][mode];
            op += 1;
            mode += 1;
        }
        row += 1;
    }
    let mut sequence = 0;
    while sequence < OF_SEQUENCES.len() {
        table[op] = OF_SEQUENCES[sequence];
        op += 1;
        sequence += 1;
    }
    assert!(op == HANDLED);
    table
};
