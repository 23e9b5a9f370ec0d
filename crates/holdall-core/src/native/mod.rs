//! What native code and the executor have agreed on: where native code finds things, how it calls and is
//! called, and the format in which it travels. Knows neither the code generator nor the executor.
//!
//! # How functions are called
//! A native function is a function of the platform's C convention: `fn(instance, [results,] parameters...)
//! -> [result]`. `instance` is the address of the function's own instance. One result is returned; several are
//! written to the slots at `results`, one after another as on the value stack. A parameter is an `i32`, `i64`,
//! `f32`, `f64` or a vector; a reference is an `i64`, as a slot holds it.
//!
//! The executor calls through the entrance of the function's type: `fn(instance, code, arguments, results)` takes
//! the arguments from slots and puts the results to slots. Before, the executor notes in an [`entry`] where the
//! stack stands, and calls with the address of that entry, plus one, as the frame pointer. Every function keeps
//! the chain of frame pointers, so that the chain leads to the entry: that is where an odd frame pointer is.
//!
//! A native function checks the stack when it is entered: the stack pointer must not lie below
//! [`runtime::STACK_LIMIT`]. One does not that calls no others, or only such as call no others or check. Whatever a function cannot do by itself it has the executor do, by one of the
//! calls of the [`Runtime`], which all get the instance first.
//!
//! A function calls only functions of its own instance directly. Where another instance's function is called,
//! a record of that ([`crossing`]) lies in the frame between the two: so it is known of each frame which instance
//! it is of.
//!
//! # How functions end otherwise
//! What returns, returns normally. Where something else ends the execution, the function calls the text's end:
//! a piece of code that finds the entry and goes to [`entry::RAISE`] with the address that it was called from
//! ([`Runtime::End`] is a faster way there). What happened there says a table, by that address: see [`ending`]. The
//! executor then takes the stack back to where the entry stands, or to the landing of a function that may catch:
//! neither the frames between nor the functions that have them hear of that.
//!
//! # Exceptions
//! An exception that is thrown ends functions too, up to one that has called within a `try`: a table has the
//! landing for the address that such a call returns to. At the landing, no register has what it had. There the
//! function asks the executor which of its clauses catches ([`Runtime::Catch`]): the clauses have numbers, in the
//! order in which they are in the body. To enter a `try` takes no instruction.
//!
//! A reference to an exception that a function holds while it calls is written to the function's
//! [`roots`], where the executor looks before it frees exceptions.

mod catches;
mod code;
mod features;

pub use catches::Catches;
pub use code::{
    Code, Function, Inlined, Isa, Landing, MEANING_OF_NATIVE_CODE, NativeCode, Place,
    TEXT_ALIGNMENT,
};
pub use features::{Feature, Processors, host_features};

/// The most stack that the frame of a native function takes, in bytes. A function enters its frame before the
/// function checks the stack, and at most two functions in a row do not check, so that there must be at least twice
/// this much below [`runtime::STACK_LIMIT`].
pub const MOST_FRAME_BYTES: u32 = 64 << 10;

/// Offsets in an instance, in bytes.
pub mod instance {
    /// The address of the first [`func`](super::func) of those that the module defines.
    pub const ENTRIES: i32 = 0;
    /// The address of the numbers of the module's types: 64 bits for each, by the index of the type.
    pub const TYPES: i32 = 8;
    /// The address of the [`runtime`](super::runtime).
    pub const RUNTIME: i32 = 16;
    /// What memory 0 has at [`memory::BASE`](super::memory) and [`memory::LEN`](super::memory), from here on; zeros
    /// where there is none.
    pub const FIRST_MEMORY: i32 = 24;
    /// The address of the addresses of all functions ([`func`](super::func)), imported ones first.
    pub const FUNCS: i32 = 40;
    /// The address of the addresses of all globals ([`global`](super::global)), imported ones first.
    pub const GLOBALS: i32 = 48;
    /// The address of the addresses of all memories ([`memory`](super::memory)), imported ones first.
    pub const MEMORIES: i32 = 56;
    /// The address of the addresses of all tables ([`table`](super::table)), imported ones first.
    pub const TABLES: i32 = 64;
    /// The address of global 0 ([`global`](super::global)); zero where there is none.
    pub const FIRST_GLOBAL: i32 = 72;
    /// The address of table 0 ([`table`](super::table)); zero where there is none.
    pub const FIRST_TABLE: i32 = 80;
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
    /// The function that a tail call goes to: the address of its entry. Zero but from where a function's inner code
    /// ([`Function::inner`](super::Function::inner)) notes the callee of a tail call, and returns, to where the
    /// executor takes the callee.
    pub const TAIL_CALLEE: i32 = 24;
    /// The address of the slots for the arguments of a tail call: room for those of any function.
    pub const TAIL_SLOTS: i32 = 32;
    /// The address of the innermost [`roots`](super::roots); zero where there are none.
    pub const ROOTS: i32 = 40;
    /// The address of the innermost [`crossing`](super::crossing) since the executor last called; zero where
    /// there is none.
    pub const CROSSINGS: i32 = 48;
    /// The addresses of the calls, by the numbers of [`Runtime`](super::Runtime).
    pub const CALLS: i32 = 56;
}

/// Offsets in the record that the executor keeps while it has called native code, in bytes. The record lies at an
/// even address.
pub mod entry {
    /// The address of code that ends functions, and gets: the address of the entry, the address that the text's end
    /// was called from, and the frame pointer, each as an argument of the platform's C convention.
    pub const RAISE: i32 = 0;
}

/// Offsets in a record of a call of another instance's function, in bytes. The record lies in the frame of what
/// calls.
pub mod crossing {
    /// The address of the record further out; zero where there is none.
    pub const OUTER: i32 = 0;
    /// The address of the instance of the function that is called.
    pub const INSTANCE: i32 = 8;
    /// The size of the record.
    pub const SIZE: u32 = 16;
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

/// What happened at an instruction: the numbers in a [`Place`].
pub mod ending {
    use crate::trap::TrapCode;

    /// The instruction called, and is still at that.
    pub const CALLS: u8 = 0;
    /// What the executor was called for failed. The executor knows why.
    pub const FAILED: u8 = 0xfe;
    /// What was thrown is not caught by the function, though it came to a landing of the function's.
    pub const PASSES: u8 = 0xff;

    /// The number of a trap.
    #[must_use]
    pub const fn of(code: TrapCode) -> u8 {
        code as u8 + 1
    }

    /// The trap with this number.
    #[must_use]
    pub fn trap(number: u8) -> Option<TrapCode> {
        TrapCode::ALL
            .get(usize::from(number.checked_sub(1)?))
            .copied()
    }
}

/// The calls of the runtime. All arguments are 64 bits wide, but those of the rounding calls; what is narrower is
/// zero-extended. Each gets the caller's instance first, but for the rounding calls. Where nothing else is said,
/// a call returns a number of 32 bits: zero, or another one where it failed, so that the function has to end
/// at once ([`ending::FAILED`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Runtime {
    /// `()`: ends the function, as the text's end does, but in a time that does not depend on how many functions have
    /// called: for whatever may be caught. Does not return.
    End,
    /// `(entry, slots)`: calls any function, with the arguments in the slots, where the results are put.
    Call,
    /// `(slots)`: makes tail calls, after the function's inner code noted one ([`runtime::TAIL_CALLEE`]), until a
    /// function returns. Its results are put to the slots.
    Tail,
    /// `(tag, slots)`: throws an exception with the values in the slots. Never succeeds.
    Throw,
    /// `(reference)`: throws the exception of a reference. Never succeeds.
    ThrowRef,
    /// `(offset of a try in the body, defined function, frame pointer)`: at the landing of the `try`. Gives zero
    /// where no clause of the function catches, so that the function ends ([`ending::PASSES`]): otherwise one
    /// more than the number of the clause. The values of the exception are then in the slots at
    /// [`runtime::TAIL_SLOTS`], and the result is the reference, if the clause has one.
    Catch,
    /// `()`: the budget is below zero.
    Settle,
    /// `(entry, type)`: gives zero where the function is of a subtype of the type with this number, else one. Never
    /// fails.
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
