//! How the executor goes into native code, and how native functions are left that do not return.
//!
//! Native functions keep to the platform's C convention, and restore the registers that it says. Where they are left,
//! nobody restores these registers for them: so what goes in keeps all of them, and where the stack stood. What is
//! left are frames of native functions alone: code of this crate that native code calls has returned by then.

use super::frames::raise;
use super::{NativeRuntime, Resume};
use crate::module::NativeFunction;
use crate::store::InstanceData;

/// What the executor keeps while it has called native code.
#[repr(C)]
pub(super) struct Entry {
    raise: Raise,
    /// Where the stack stood.
    stack: usize,
    pub(super) runtime: *mut NativeRuntime,
    /// The instance of the function that is called.
    pub(super) instance: *mut InstanceData,
}

/// What the end of a text goes to: with the entry, where the text's end was called from, and the frame there.
type Raise = unsafe extern "C" fn(*const Entry, usize, *const usize) -> !;

#[cfg(target_pointer_width = "64")]
const _: () = {
    use holdall_core::native::entry;
    assert!(std::mem::offset_of!(Entry, raise) == entry::RAISE as usize);
    assert!(std::mem::offset_of!(Entry, stack) == STACK);
    assert!(std::mem::offset_of!(Resume, stack) == 0);
    assert!(std::mem::offset_of!(Resume, frame) == 8);
    assert!(std::mem::offset_of!(Resume, code) == 16);
};

/// Where an entry has the address of the stack.
#[cfg(target_pointer_width = "64")]
const STACK: usize = 8;
/// Where an instance has the address of the runtime.
#[cfg(target_pointer_width = "64")]
const RUNTIME: usize = std::mem::offset_of!(InstanceData, runtime);
/// Where the runtime has the address of the entry.
#[cfg(target_pointer_width = "64")]
const ENTRY: usize = std::mem::offset_of!(NativeRuntime, entry);

impl Entry {
    /// How code goes on that leaves all functions since the entry.
    pub(super) fn resume(&self) -> Resume {
        Resume {
            stack: self.stack,
            frame: 0,
            code: left as *const () as usize,
        }
    }
}

/// Calls a native function of an instance. Gives whether the function returned; it may have left for another one, by
/// a tail call. Otherwise `failure` of the runtime says why not.
///
/// # Safety
/// The function is the instance's, `args` has the arguments, and `results` has room for the results.
pub(super) unsafe fn call(
    runtime: *mut NativeRuntime,
    instance: *mut InstanceData,
    function: NativeFunction,
    args: *const u64,
    results: *mut u64,
) -> bool {
    let mut entry = Entry {
        raise: raise_here,
        stack: 0,
        runtime,
        instance,
    };
    // SAFETY: the caller's duty. The entry lives until the function has ended.
    unsafe {
        let outer = ((*runtime).entry, (*runtime).crossings);
        // What functions have added that are left lies in their frames.
        let roots = (*runtime).roots;
        (*runtime).entry = &raw const entry;
        (*runtime).crossings = std::ptr::null();
        let (entrance, code) = (function.entrance, function.inner);
        let ended = go_in(&raw mut entry, entrance, instance, code, args, results);
        ((*runtime).entry, (*runtime).crossings) = outer;
        (*runtime).roots = roots;
        ended == 0
    }
}

#[cfg(all(target_arch = "x86_64", not(windows)))]
mod code {
    use std::arch::naked_asm;

    use super::{ENTRY, Entry, InstanceData, RUNTIME, STACK, raise};

    /// Restores what `go_in` has kept, and returns.
    macro_rules! go_out {
        () => {
            "add rsp, 8
             pop r15
             pop r14
             pop r13
             pop r12
             pop rbx
             pop rbp
             ret"
        };
    }

    /// Calls an entrance. Gives zero where the entrance returned; otherwise the functions were left.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn go_in(
        entry: *mut Entry,
        entrance: *const u8,
        instance: *mut InstanceData,
        code: *const u8,
        args: *const u64,
        results: *mut u64,
    ) -> usize {
        naked_asm!(
            "push rbp",
            "push rbx",
            "push r12",
            "push r13",
            "push r14",
            "push r15",
            "sub rsp, 8",
            "mov [rdi + {stack}], rsp",
            "lea rbp, [rdi + 1]",
            "mov rax, rsi",
            "mov rdi, rdx",
            "mov rsi, rcx",
            "mov rdx, r8",
            "mov rcx, r9",
            "call rax",
            "xor eax, eax",
            go_out!(),
            stack = const STACK,
        )
    }

    /// Where code goes on that leaves all functions since an entry: the stack is as `go_in` has left it.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn left() -> usize {
        naked_asm!("mov eax, 1", go_out!())
    }

    /// Has `raise` say where code goes on, and goes on there.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn raise_here(_: *const Entry, _: usize, _: *const usize) -> ! {
        naked_asm!(
            "and rsp, -16",
            "call {raise}",
            "mov rsp, [rax]",
            "mov rbp, [rax + 8]",
            "jmp [rax + 16]",
            raise = sym raise,
        )
    }

    /// Ends the native function that calls.
    #[unsafe(naked)]
    pub(crate) unsafe extern "C" fn end(_: *mut InstanceData) -> ! {
        naked_asm!(
            "pop rsi",
            "mov rdx, rbp",
            "mov rdi, [rdi + {runtime}]",
            "mov rdi, [rdi + {entry}]",
            "jmp {raise_here}",
            runtime = const RUNTIME,
            entry = const ENTRY,
            raise_here = sym raise_here,
        )
    }
}

#[cfg(all(target_arch = "aarch64", not(windows)))]
mod code {
    use std::arch::naked_asm;

    use super::{ENTRY, Entry, InstanceData, RUNTIME, STACK, raise};

    /// Restores what `go_in` has kept, and returns.
    macro_rules! go_out {
        () => {
            "ldp x19, x20, [sp, #16]
             ldp x21, x22, [sp, #32]
             ldp x23, x24, [sp, #48]
             ldp x25, x26, [sp, #64]
             ldp x27, x28, [sp, #80]
             ldp d8, d9, [sp, #96]
             ldp d10, d11, [sp, #112]
             ldp d12, d13, [sp, #128]
             ldp d14, d15, [sp, #144]
             ldp x29, x30, [sp], #160
             ret"
        };
    }

    /// Calls an entrance. Gives zero where the entrance returned; otherwise the functions were left.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn go_in(
        entry: *mut Entry,
        entrance: *const u8,
        instance: *mut InstanceData,
        code: *const u8,
        args: *const u64,
        results: *mut u64,
    ) -> usize {
        naked_asm!(
            "stp x29, x30, [sp, #-160]!",
            "stp x19, x20, [sp, #16]",
            "stp x21, x22, [sp, #32]",
            "stp x23, x24, [sp, #48]",
            "stp x25, x26, [sp, #64]",
            "stp x27, x28, [sp, #80]",
            "stp d8, d9, [sp, #96]",
            "stp d10, d11, [sp, #112]",
            "stp d12, d13, [sp, #128]",
            "stp d14, d15, [sp, #144]",
            "mov x9, sp",
            "str x9, [x0, #{stack}]",
            "add x29, x0, #1",
            "mov x9, x1",
            "mov x0, x2",
            "mov x1, x3",
            "mov x2, x4",
            "mov x3, x5",
            "blr x9",
            "mov x0, #0",
            go_out!(),
            stack = const STACK,
        )
    }

    /// Where code goes on that leaves all functions since an entry: the stack is as `go_in` has left it.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn left() -> usize {
        naked_asm!("mov x0, #1", go_out!())
    }

    /// Has `raise` say where code goes on, and goes on there.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn raise_here(_: *const Entry, _: usize, _: *const usize) -> ! {
        naked_asm!(
            "bl {raise}",
            "ldp x1, x29, [x0]",
            "ldr x2, [x0, #16]",
            "mov sp, x1",
            "br x2",
            raise = sym raise,
        )
    }

    /// Ends the native function that calls.
    #[unsafe(naked)]
    pub(crate) unsafe extern "C" fn end(_: *mut InstanceData) -> ! {
        naked_asm!(
            "mov x1, x30",
            "mov x2, x29",
            "ldr x0, [x0, #{runtime}]",
            "ldr x0, [x0, #{entry}]",
            "b {raise_here}",
            runtime = const RUNTIME,
            entry = const ENTRY,
            raise_here = sym raise_here,
        )
    }
}

/// Where native code does not run, nothing of this is called.
#[cfg(any(windows, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod code {
    use super::{Entry, InstanceData};

    pub(super) unsafe extern "C" fn go_in(
        _: *mut Entry,
        _: *const u8,
        _: *mut InstanceData,
        _: *const u8,
        _: *const u64,
        _: *mut u64,
    ) -> usize {
        unreachable!("there is no native code")
    }

    pub(super) unsafe extern "C" fn left() -> usize {
        unreachable!("there is no native code")
    }

    pub(crate) unsafe extern "C" fn end(_: *mut InstanceData) -> ! {
        unreachable!("there is no native code")
    }

    pub(super) unsafe extern "C" fn raise_here(
        entry: *const Entry,
        back: usize,
        frame: *const usize,
    ) -> ! {
        // SAFETY: passed on from the caller, and there is none.
        unsafe { super::raise(entry, back, frame) };
        unreachable!("there is no native code")
    }
}

pub(super) use code::end;
use code::{go_in, left, raise_here};
