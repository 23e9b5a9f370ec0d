//! The table of handlers, in the order of the opcodes: derived from the instruction table.

#[cfg(sequences)]
use super::dispatch::Then;
use super::dispatch::{Dispatch, Handler, handle};
use super::memories::{LoadInOp, StoreInOp};
use super::shapes::{
    A, AB, AI, AS, AW, B, BI, BS, BW, Binary, BinaryOp, Branch, Choice, Compare, I, K, Load,
    LoadOp, Outcome, S, SI, SS, SW, Selection, Store, StoreAccOp, StoreOp, ToAcc, ToSlot, Unary,
    UnaryOp, W,
};
use super::vector::Register;
use super::vector_shapes::{
    Lanes, VectorBinary, VectorBinaryOp, VectorExtract, VectorExtractOp, VectorLoad,
    VectorLoadInOp, VectorLoadOp, VectorReplace, VectorReplaceOp, VectorShift, VectorShiftOp,
    VectorShuffleOp, VectorSplat, VectorSplatOp, VectorStore, VectorStoreInOp, VectorStoreOp,
    VectorSwizzleOp, VectorTernary, VectorTernaryOp, VectorUnary, VectorUnaryOp,
};
use super::{atomics, bulk, call, control, exceptions, far, metering, references, vector, wide};
use crate::ir::{OPCODES, for_each_op};
use crate::numeric;
use crate::trap::TrapCode;
use holdall_core::with_shape;

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
    ($name:ident LoadIn($mem:ty, $out:ty)) => {
        operator! { $name Load($mem, $out) }
    };
    ($name:ident StoreIn($mem:ty, $in:ty)) => {
        operator! { $name Store($mem, $in) }
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
    ($name:ident VectorUnary($f:ident)) => {
        pub(super) struct $name;
        impl VectorUnary for $name {
            #[inline(always)]
            fn apply(value: Register) -> Register {
                numeric::$f(Lanes::of(value)).register()
            }
        }
    };
    ($name:ident VectorBinary($f:ident)) => {
        pub(super) struct $name;
        impl VectorBinary for $name {
            #[inline(always)]
            fn apply(lhs: Register, rhs: Register) -> Register {
                numeric::$f(Lanes::of(lhs), Lanes::of(rhs)).register()
            }
        }
    };
    ($name:ident VectorCommuting($f:ident)) => {
        operator! { $name VectorBinary($f) }
    };
    ($name:ident VectorSwizzle($f:ident)) => {
        operator! { $name VectorBinary($f) }
    };
    ($name:ident VectorTernary($f:ident)) => {
        pub(super) struct $name;
        impl VectorTernary for $name {
            #[inline(always)]
            fn apply(one: Register, two: Register, three: Register) -> Register {
                numeric::$f(Lanes::of(one), Lanes::of(two), Lanes::of(three)).register()
            }
        }
    };
    ($name:ident VectorShuffle($f:ident)) => {
        operator! { $name VectorTernary($f) }
    };
    ($name:ident VectorShift($f:ident)) => {
        pub(super) struct $name;
        impl VectorShift for $name {
            #[inline(always)]
            fn apply(value: Register, by: u32) -> Register {
                numeric::$f(Lanes::of(value), by).register()
            }
        }
    };
    ($name:ident VectorTest($f:ident)) => {
        pub(super) struct $name;
        impl VectorExtract for $name {
            type Out = u32;
            #[inline(always)]
            fn apply(value: Register, _number: u8) -> u32 {
                numeric::$f(Lanes::of(value))
            }
        }
    };
    ($name:ident VectorExtract($out:ty, $f:ident)) => {
        pub(super) struct $name;
        impl VectorExtract for $name {
            type Out = $out;
            #[inline(always)]
            fn apply(value: Register, number: u8) -> $out {
                numeric::$f(Lanes::of(value), number)
            }
        }
    };
    ($name:ident VectorReplace($in:ty, $f:ident)) => {
        pub(super) struct $name;
        impl VectorReplace for $name {
            type In = $in;
            #[inline(always)]
            fn apply(value: Register, number: u8, lane: $in) -> Register {
                numeric::$f(Lanes::of(value), number, lane).register()
            }
        }
    };
    ($name:ident VectorSplat($in:ty, $f:ident)) => {
        pub(super) struct $name;
        impl VectorSplat for $name {
            type In = $in;
            #[inline(always)]
            fn apply(lane: $in) -> Register {
                numeric::$f(lane).register()
            }
        }
    };
    ($name:ident VectorLoad($mem:ty, $f:ident)) => {
        pub(super) struct $name;
        impl VectorLoad for $name {
            type Mem = $mem;
            #[inline(always)]
            fn apply(memory: $mem) -> Register {
                numeric::$f(memory).register()
            }
        }
    };
    ($name:ident VectorLoadIn($mem:ty, $f:ident)) => {
        operator! { $name VectorLoad($mem, $f) }
    };
    ($name:ident VectorStore()) => {
        pub(super) struct $name;
        impl VectorStore for $name {}
    };
    ($name:ident VectorStoreIn()) => {
        operator! { $name VectorStore() }
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

/// The type of an instruction in a mode, as the lists of modes and the table of sequences spell it.
macro_rules! instr {
    (Int $row:ident $($mode:ident)*) => { BinaryOp<operators::$row, $($mode),*> };
    (Cmp $row:ident $($mode:ident)*) => { BinaryOp<operators::$row, $($mode),*> };
    (Float $row:ident $($mode:ident)*) => { BinaryOp<operators::$row, $($mode),*> };
    (Unary $row:ident $($mode:ident)*) => { UnaryOp<operators::$row, $($mode),*> };
    (Load $row:ident $($mode:ident)*) => { LoadOp<operators::$row, $($mode),*> };
    (Store $row:ident $($mode:ident)*) => { StoreOp<operators::$row, $($mode),*> };
    (LoadIn $row:ident $($mode:ident)*) => { LoadInOp<operators::$row, $($mode),*> };
    (StoreIn $row:ident $($mode:ident)*) => { StoreInOp<operators::$row, $($mode),*> };
    (StoreAcc $row:ident $($mode:ident)*) => { StoreAccOp<operators::$row, $($mode),*> };
    (BrCmp $row:ident $($mode:ident)*) => { Branch<operators::$row, $($mode),*> };
    (BrFloat $row:ident $($mode:ident)*) => { Branch<operators::$row, $($mode),*> };
    (Select $row:ident $($mode:ident)*) => { Selection<operators::$row, $($mode),*> };
    (VectorUnary $row:ident $($mode:ident)*) => { VectorUnaryOp<operators::$row, $($mode),*> };
    (VectorBinary $row:ident $($mode:ident)*) => { VectorBinaryOp<operators::$row, $($mode),*> };
    (VectorCommuting $row:ident $($mode:ident)*) => { VectorBinaryOp<operators::$row, $($mode),*> };
    (VectorSwizzle $row:ident $($mode:ident)*) => { VectorSwizzleOp<operators::$row, $($mode),*> };
    (VectorTernary $row:ident $($mode:ident)*) => { VectorTernaryOp<operators::$row, $($mode),*> };
    (VectorShuffle $row:ident $($mode:ident)*) => { VectorShuffleOp<operators::$row, $($mode),*> };
    (VectorShift $row:ident $($mode:ident)*) => { VectorShiftOp<operators::$row, $($mode),*> };
    (VectorTest $row:ident $($mode:ident)*) => { VectorExtractOp<operators::$row, $($mode),*> };
    (VectorExtract $row:ident $($mode:ident)*) => { VectorExtractOp<operators::$row, $($mode),*> };
    (VectorReplace $row:ident $($mode:ident)*) => { VectorReplaceOp<operators::$row, $($mode),*> };
    (VectorSplat $row:ident $($mode:ident)*) => { VectorSplatOp<operators::$row, $($mode),*> };
    (VectorLoad $row:ident $($mode:ident)*) => { VectorLoadOp<operators::$row, $($mode),*> };
    (VectorLoadIn $row:ident $($mode:ident)*) => { VectorLoadInOp<operators::$row, $($mode),*> };
    (VectorStore $row:ident $($mode:ident)*) => { VectorStoreOp<operators::$row, $($mode),*> };
    (VectorStoreIn $row:ident $($mode:ident)*) => { VectorStoreInOp<operators::$row, $($mode),*> };
    (Simple $row:ident) => { plain::$row };
}

/// The handlers of a row, one for each mode.
macro_rules! handlers {
    ($row:ident Simple($fields:literal)) => {
        &[handle::<instr!(Simple $row), Dispatch>]
    };
    ($row:ident Plain($fields:literal, $handler:ident)) => {
        &[plain::$handler]
    };
    ($row:ident $shape:ident($($args:tt)*)) => {
        with_shape!($shape handlers_of_modes!($shape $row))
    };
}
macro_rules! handlers_of_modes {
    (($shape:ident $row:ident result $text:literal $fields:tt) { $([$($operand:ident)*])* }) => {
        &[$(
            handle::<instr!($shape $row $($operand)* ToAcc), Dispatch>,
            handle::<instr!($shape $row $($operand)* ToSlot), Dispatch>,
        )*]
    };
    (($shape:ident $row:ident alone $text:literal $fields:tt) { $([$($operand:ident)*])* }) => {
        &[$(handle::<instr!($shape $row $($operand)*), Dispatch>,)*]
    };
}

/// Where the handlers of the plain rows and the types of the simple ones are.
mod plain {
    pub(super) use super::super::native::native;
    pub(super) use super::atomics::*;
    pub(super) use super::bulk::*;
    pub(super) use super::call::*;
    pub(super) use super::control::*;
    pub(super) use super::exceptions::*;
    pub(super) use super::far::*;
    pub(super) use super::metering::*;
    pub(super) use super::references::*;
    pub(super) use super::vector::*;
    pub(super) use super::wide::*;
}

macro_rules! all_handlers {
    ($($name:ident $text:literal $shape:ident($($args:tt)*);)*) => {
        const BY_ROW: &[&[Handler]] = &[$(handlers!($name $shape($($args)*))),*];
    };
}
for_each_op!(all_handlers);

#[cfg(sequences)]
macro_rules! rest {
    () => { Dispatch };
    ($shape:ident($($fields:ident)*) $($more:tt)*) => { Then<instr!($shape $($fields)*), rest!($($more)*)> };
}
macro_rules! sequence_handlers {
    ($([$shape:ident($($fields:ident)*) $($more:ident $more_fields:tt)*])*) => {
        const OF_SEQUENCES: &[Handler] = &[
            $(handle::<instr!($shape $($fields)*), rest!($($more $more_fields)*)>),*
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
