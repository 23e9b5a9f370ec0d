//! What happens between guests and their host, as the observer is told.

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::module::Module;
use crate::trace::Signature;
use crate::types::{FuncType, GlobalType, MemoryType, ValType};

/// A standard stream that guests write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Something in a store, by its number: the first of its kind that was put into the store is number 0. The same
/// guests with the same host have the same numbers in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbered {
    /// A function of the host.
    Host(u32),
    /// A function that an instance's module defines.
    Func {
        /// The instance.
        instance: u32,
        /// The index in the module's function index space.
        index: u32,
    },
    /// A linear memory.
    Memory(u32),
    /// A table.
    Table(u32),
    /// A global.
    Global(u32),
    /// A tag.
    Tag(u32),
}

/// Values with their types, in slots as a [`SlotFunc`](crate::provide::SlotFunc) has them. A reference is 0 where
/// it is null and else 1.
#[derive(Clone, Copy, Debug)]
pub struct Slots<'a> {
    pub(super) types: &'a [ValType],
    pub(super) slots: &'a [u64],
}

impl<'a> Slots<'a> {
    /// Each value's type, and its one or two slots.
    pub fn iter(self) -> impl Iterator<Item = (ValType, [u64; 2])> + 'a {
        let mut at = 0;
        self.types.iter().map(move |ty| {
            let mut both = [0; 2];
            both[..ty.slots()].copy_from_slice(&self.slots[at..at + ty.slots()]);
            at += ty.slots();
            if matches!(ty, ValType::Ref(_)) {
                both[0] = u64::from(both[0] != 0);
            }
            (*ty, both)
        })
    }
}

/// Something that happened between guests and their host. `fuel` is what the store has left at that moment, where
/// its fuel is limited.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostEvent<'a> {
    /// A function of the host was put into the store.
    Function {
        /// What traces say of the function.
        signature: &'a Signature,
        /// The function's type.
        ty: &'a FuncType,
    },
    /// The host made a memory.
    Memory(MemoryType),
    /// The host made a global.
    Global(GlobalType, Slots<'a>),
    /// An instance is made of a module. Its start function's calls of the host follow, then
    /// [`HostEvent::Instantiated`].
    Instance {
        /// The module.
        module: &'a Module,
        /// What backtraces call the instance.
        label: Option<&'a str>,
        /// What satisfies the module's imports, in their order.
        imports: &'a [Numbered],
    },
    /// The instance is made, or is not.
    Instantiated {
        /// Why it is not.
        outcome: Result<(), &'a Error>,
        /// The fuel that is left.
        fuel: Option<u64>,
    },
    /// The host calls a function, by itself or within a function of its own.
    Call {
        /// The function.
        func: Numbered,
        /// The name of an export that is the function.
        export: Option<&'a str>,
        /// The arguments.
        args: Slots<'a>,
        /// The fuel that is left.
        fuel: Option<u64>,
    },
    /// The call has ended that the host made last, of those that have not.
    Returned {
        /// The results, or what went wrong.
        outcome: Result<Slots<'a>, &'a Error>,
        /// The fuel that is left.
        fuel: Option<u64>,
    },
    /// A function of the host is called.
    HostCall {
        /// The function's number.
        function: u32,
        /// The instance that calls; `None` where the host itself does.
        caller: Option<u32>,
        /// The arguments.
        args: Slots<'a>,
        /// The fuel that is left.
        fuel: Option<u64>,
    },
    /// The function of the host has ended that was called last, of those that have not.
    HostReturned {
        /// The results, or what went wrong.
        outcome: Result<Slots<'a>, &'a anyhow::Error>,
        /// The fuel that is left.
        fuel: Option<u64>,
    },
    /// A function of the host read a memory, and says so.
    Read {
        /// The memory's number.
        memory: u32,
        /// Where the bytes begin.
        at: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The host wrote to a memory.
    Write {
        /// The memory's number.
        memory: u32,
        /// Where the bytes begin.
        at: u64,
        /// The bytes.
        bytes: &'a [u8],
        /// Whether the bytes are the variables of an environment, `NAME=VALUE`, with a zero behind each.
        is_environment: bool,
    },
    /// A guest's output went to a stream.
    Output {
        /// The stream.
        stream: Stream,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The host grows a memory.
    Grow {
        /// The memory's number.
        memory: u32,
        /// By how many pages.
        pages: u64,
    },
    /// The host set a global.
    SetGlobal(u32, Slots<'a>),
    /// The host set limits, or fuel.
    Limits(&'a Limits),
    /// The host did something that no other event tells, in words that can follow "the host".
    Other(&'static str),
}
