//! What can stand between a guest and the functions of WASI: tests have calls fail by it.

use super::errno::Errno;

/// Decides what becomes of the calls of WASI's functions; see [`Wasi::intercept`](crate::Wasi::intercept).
/// It may be asked by several threads at once where several stores share it.
pub trait Intercept: Send + Sync {
    /// What becomes of a call that a guest makes.
    fn before(&self, call: &Intercepted<'_>) -> Verdict;

    /// Tells how many bytes a call moved that went on, between the guest's memory and a file or a
    /// stream.
    fn after(&self, call: &Intercepted<'_>, moved_bytes: usize) {
        let _ = (call, moved_bytes);
    }
}

/// A call of one of WASI's functions.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Intercepted<'a> {
    /// The name of the function, as `fd_write`.
    pub function: &'static str,
    /// The arguments, each in a slot: an `i32` in the low half.
    pub args: &'a [u64],
    /// The descriptor that the call is about, where its first argument is one.
    pub fd: Option<u32>,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It goes on.
    Proceed,
    /// The function does nothing, and gives this number. `proc_exit`, which gives none, goes on.
    Fail(Errno),
    /// It goes on, and moves at most so many bytes where it reads or writes a file or a stream.
    AtMost(usize),
}
