//! What native code and the executor have agreed on: where native code finds things, how it calls and is
//! called, and the format in which it travels. Knows neither the code generator nor the executor.
//!
//! # How functions are called
//! A native function is a function of the platform's C convention:
//! `fn(instance, [results,] parameters...) -> (status, [result])`. `instance` is the address of the
//! function's own instance. With one result, the result is returned behind the status; with more, they are
//! written to the slots at `results`, one after another as on the value stack. A parameter is an `i32`,
//! `i64`, `f32`, `f64` or a vector; a reference is an `i64`, as a slot holds it.
//!
//! The status ([`status`]) is zero where the function returned. With any other status there is no result, and
//! the caller returns that status at once.
//!
//! The executor calls through the entrance of the function's type: `fn(instance, code, slots) -> status` takes
//! the arguments from the slots and puts the results there.
//!
//! # Who does what
//! A native function that calls others checks the stack when it is entered: the stack pointer must not lie
//! below [`runtime::STACK_LIMIT`]. Whatever a function cannot do by itself it has the executor do, by one of the
//! calls of the [`Runtime`], which all get the instance first. A call that fails gives a trap's number or
//! [`status::PENDING`].
//!
//! Where something ends the execution, the function joins the offset of its instruction with the number
//! ([`status::at`]), calls [`Runtime::Raise`] with that status, its own index and its frame pointer, and
//! returns the status. Every function keeps the chain of frame pointers, so that `Raise` finds the callers. The callers
//! only pass the status on.
//!
//! # Exceptions
//! An exception that is thrown is a status too. A function that has called within a `try` asks the executor,
//! where the status is not zero, which of the function's clauses catches ([`Runtime::Catch`]): the clauses
//! have numbers, in the order in which they are in the body. To enter a `try` takes no instruction.
//!
//! A reference to an exception that a function holds while it calls is written to the function's
//! [`roots`], where the executor looks before it frees exceptions.

mod catches;
mod code;
mod features;

pub use catches::Catches;
pub use code::{Code, Function, Isa, MEANING_OF_NATIVE_CODE, NativeCode, TEXT_ALIGNMENT};
pub use features::{Feature, Processors, host_features};

/// The most stack that the frame of a native function takes, in bytes. A function enters its frame before the
/// function checks the stack, and one that calls no others does not check, so that there must be at least this
/// much below [`runtime::STACK_LIMIT`].
pub const MOST_FRAME_BYTES: u32 = 64 << 10;

/// Offsets in an instance, in bytes.
pub mod instance {
    /// The address of the first [`func`](super::func) of those that the module defines.
    pub const ENTRIES: i32 = 0;
    /// The address of memory 0 ([`memory`](super::memory)); zero where there is none. Never changes.
    pub const FIRST_MEMORY: i32 = 8;
    /// The address of the numbers of the module's types: 64 bits for each, by the index of the type.
    pub const TYPES: i32 = 16;
    /// The address of the [`runtime`](super::runtime).
    pub const RUNTIME: i32 = 24;
    /// The address of the addresses of all functions ([`func`](super::func)), imported ones first.
    pub const FUNCS: i32 = 32;
    /// The address of the addresses of all globals ([`global`](super::global)), imported ones first.
    pub const GLOBALS: i32 = 40;
    /// The address of the addresses of all memories ([`memory`](super::memory)), imported ones first.
    pub const MEMORIES: i32 = 48;
    /// The address of the addresses of all tables ([`table`](super::table)), imported ones first.
    pub const TABLES: i32 = 56;
}

/// Offsets in a function's entry, in bytes. A reference to a function is the address of its entry.
pub mod func {
    /// The address of the instance that the function belongs to; zero for a function of the host.
    pub const INSTANCE: i32 = 8;
    /// The address of the function's native code, if [`INSTANCE`] is not zero; zero where the function has
    /// none. A function without goes through [`Runtime::Call`](super::Runtime::Call).
    pub const NATIVE: i32 = 16;
    /// The number of the function's type, 64 bits.
    pub const TYPE: i32 = 24;
    /// The size of an entry.
    pub const SIZE: i32 = 32;
}

/// Offsets in a linear memory, in bytes. Both change when the memory grows.
pub mod memory {
    /// The address of the first byte.
    pub const BASE: i32 = 0;
    /// The size in bytes.
    pub const LEN: i32 = 8;
}

/// Offsets in a table, in bytes. Both change when the table grows.
pub mod table {
    /// The address of the first element; elements have 64 bits.
    pub const BASE: i32 = 0;
    /// The number of elements.
    pub const LEN: i32 = 8;
}

/// Offsets in a global, in bytes.
pub mod global {
    /// The value, of 64 bits; a vector has 128, aligned.
    pub const VALUE: i32 = 0;
}

/// Offsets in the record that a store keeps for native code, in bytes.
pub mod runtime {
    /// The lowest address that the stack pointer may have when a function is entered.
    pub const STACK_LIMIT: i32 = 0;
    /// The address of the budget of the execution: 64 bits, signed; see [`Runtime::Settle`](super::Runtime).
    pub const BUDGET: i32 = 8;
    /// Where a call of the runtime leaves its result, of 64 bits.
    pub const RESULT: i32 = 16;
    /// The function that a tail call goes to: the address of its entry.
    pub const TAIL_CALLEE: i32 = 24;
    /// The address of the slots for the arguments of a tail call: room for those of any function.
    pub const TAIL_SLOTS: i32 = 32;
    /// The address of the innermost [`roots`](super::roots); zero where there are none.
    pub const ROOTS: i32 = 40;
    /// The addresses of the calls, by the numbers of [`Runtime`](super::Runtime).
    pub const CALLS: i32 = 48;
}

/// Offsets in a record of references to exceptions that a function holds, in bytes. The record lies in the
/// function's frame.
pub mod roots {
    /// The address of the record of a function further out; zero where there is none.
    pub const OUTER: i32 = 0;
    /// How many references follow, with 64 bits.
    pub const COUNT: i32 = 8;
    /// The first reference; each has 64 bits.
    pub const FIRST: i32 = 16;
}

/// What a native function returns first.
pub mod status {
    use crate::trap::TrapCode;

    /// The function returned.
    pub const RETURNED: u32 = 0;
    /// The executor knows already why the execution ended.
    pub const PENDING: u32 = 0xfe;
    /// The function is to be left for the function at [`runtime::TAIL_CALLEE`](super::runtime). Only what
    /// [`Function::inner`](super::Function::inner) names returns this status.
    pub const TAIL: u32 = 0xff;

    /// The number of a trap.
    #[must_use]
    pub const fn of(code: TrapCode) -> u32 {
        code as u32 + 1
    }

    /// The trap with this number.
    #[must_use]
    pub fn trap(number: u32) -> Option<TrapCode> {
        let number = u8::try_from(number.checked_sub(1)?).ok()?;
        TrapCode::ALL.get(usize::from(number)).copied()
    }

    /// The status of the instruction at `offset`, in bytes from the start of the function's body, with the
    /// number of a trap or [`PENDING`].
    #[must_use]
    pub const fn at(offset: u32, number: u32) -> u32 {
        // A body has less than 2^23 bytes.
        offset << 8 | number
    }

    /// The number in a status, and the offset.
    #[must_use]
    pub const fn parts(status: u32) -> (u32, u32) {
        (status & 0xff, status >> 8)
    }
}

/// The calls of the runtime. All arguments are 64 bits wide, but a status, which has 32, and those of the
/// rounding calls; what is narrower is zero-extended. Each gets the caller's instance first, but for the rounding calls. Where
/// nothing else is said, a call returns a number of 32 bits: zero, the number of a trap, or
/// [`status::PENDING`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Runtime {
    /// `(status, defined function, frame pointer)`: notes why the execution ends, and the calls that led
    /// there; see [`status::at`]. Returns the status. The frame itself is left out where the offset in the
    /// status is zero: a function that has no room on the stack fails at its caller's call, and so does one
    /// whose tail call failed.
    Raise,
    /// `(entry, slots)`: calls any function, with the arguments in the slots, where the results are put.
    Call,
    /// `(slots)`: makes tail calls, after the function's inner code returned [`status::TAIL`], until a
    /// function returns. Its results are put to the slots.
    Tail,
    /// `(tag, slots)`: throws an exception with the values in the slots. Never gives zero.
    Throw,
    /// `(reference)`: throws the exception of a reference. Never gives zero.
    ThrowRef,
    /// `(offset of a try in the body, defined function, frame pointer)`: after a call within the `try` gave a
    /// status other than zero. Gives zero where no clause of the function catches, so that the status is to be
    /// passed on: otherwise one more than the number of the clause. The values of the exception are then
    /// in the slots at [`runtime::TAIL_SLOTS`], and the result is the reference, if the clause has one.
    Catch,
    /// `()`: the budget is below zero.
    Settle,
    /// `(entry, type)`: gives zero where the function is of a subtype of the type with this number, else the
    /// number of [`TrapCode::IndirectCallTypeMismatch`](crate::trap::TrapCode).
    Subtype,
    /// `(memory, pages)`: grows a memory. The result is the old size in pages, or -1 with 64 bits.
    MemoryGrow,
    /// `(memory, at, value, count)`.
    MemoryFill,
    /// `(into, from, at, from where, count)`.
    MemoryCopy,
    /// `(memory, segment, at, from where, count)`.
    MemoryInit,
    /// `(segment)`.
    DataDrop,
    /// `(table, value, count)`: grows a table. The result is the old size, or -1 with 64 bits.
    TableGrow,
    /// `(table, at, value, count)`.
    TableFill,
    /// `(into, from, at, from where, count)`.
    TableCopy,
    /// `(table, segment, at, from where, count)`.
    TableInit,
    /// `(segment)`.
    ElemDrop,
    /// `(memory, found, expected, timeout)`: `memory.atomic.wait32` and `wait64` where the value that was found
    /// at the address is `found`, zero-extended as `expected` is. The result is that of the instruction.
    /// (`memory.atomic.notify` wakes nobody, and needs no call.)
    Wait,
    /// `(f32) -> f32`, without an instance.
    CeilF32,
    /// `(f32) -> f32`, without an instance.
    FloorF32,
    /// `(f32) -> f32`, without an instance.
    TruncF32,
    /// `(f32) -> f32`, without an instance.
    NearestF32,
    /// `(f64) -> f64`, without an instance.
    CeilF64,
    /// `(f64) -> f64`, without an instance.
    FloorF64,
    /// `(f64) -> f64`, without an instance.
    TruncF64,
    /// `(f64) -> f64`, without an instance.
    NearestF64,
}

impl Runtime {
    /// How many calls there are.
    pub const COUNT: usize = Self::NearestF64 as usize + 1;

    /// Where the call's address lies in the [`runtime`], in bytes.
    #[must_use]
    pub const fn offset(self) -> i32 {
        runtime::CALLS + 8 * self as i32
    }
}

/// What native code depends on beside the module and the instruction set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether code charges for the work that it does, with the same counts as lowered code.
    pub metering: bool,
    /// Whether code makes each NaN that it computes the positive canonical one.
    pub canonical_nans: bool,
    /// Whether an address that a processor only guesses is kept inside of the memory (Spectre).
    pub guarded_addresses: bool,
}
