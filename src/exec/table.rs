//! The table of handlers, in the order of the opcodes: derived from the instruction table.

use super::dispatch::Handler;
use super::shapes::{
    A, AI, AS, AW, Binary, Compare, I, K, Load, Outcome, S, SI, SS, SW, Store, ToAcc, ToSlot,
    Unary, W, binary, branch, load, select, store, store_acc, unary,
};
use super::{bulk, call, control, metering};
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
    ($name:ident Select($by:ty, $ty:ty)) => {};
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
            binary::<operators::$op, $l, $r, ToAcc>,
            binary::<operators::$op, $l, $r, ToSlot>,
        )*]
    };
}
macro_rules! branch_handlers {
    (($op:ident) $([$l:ident $r:ident])*) => {
        &[$(branch::<operators::$op, $l, $r>,)*]
    };
}
macro_rules! load_handlers {
    (($op:ident) $([$a:ident])*) => {
        &[$(load::<operators::$op, $a, ToAcc>, load::<operators::$op, $a, ToSlot>,)*]
    };
}
macro_rules! store_handlers {
    (($op:ident) $([$a:ident $v:ident])*) => {
        &[$(store::<operators::$op, $a, $v>,)*]
    };
}
macro_rules! store_acc_handlers {
    (($op:ident) $([$a:ident])*) => {
        &[$(store_acc::<operators::$op, $a>,)*]
    };
}

macro_rules! select_handlers {
    (($by:ty, $ty:ty) $([$l:ident $r:ident])*) => {
        &[$(select::<$by, $ty, $l, $r>,)*]
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
            unary::<operators::$name, S, ToAcc>,
            unary::<operators::$name, S, ToSlot>,
            unary::<operators::$name, A, ToAcc>,
            unary::<operators::$name, A, ToSlot>,
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
        select_pairs!(select_handlers!($by, $ty))
    };
    ($name:ident Plain($fields:literal, $handler:ident)) => {
        &[plain::$handler]
    };
}

/// Where the handlers of the plain rows are.
mod plain {
    pub(super) use super::bulk::*;
    pub(super) use super::call::*;
    pub(super) use super::control::*;
    pub(super) use super::metering::*;
}

macro_rules! all_handlers {
    ($($name:ident $text:literal $shape:ident($($args:tt)*);)*) => {
        const BY_ROW: &[&[Handler]] = &[$(handlers!($name $shape($($args)*))),*];
    };
}
for_each_op!(all_handlers);

/// The handler of each opcode.
pub(super) static HANDLERS: [Handler; OPCODES] = {
    let mut table = [control::unreachable as Handler; OPCODES];
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
    assert!(op == OPCODES);
    table
};
