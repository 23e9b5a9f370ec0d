//! The table of WASI's functions: a row each, with the names and types of its parameters, from
//! which registration, type checks, traces and tests derive.

#[cfg(test)]
mod abi_tests;
mod arg;
mod preview0;
mod preview1;

use wiggle::{GuestPtr, GuestType};

pub(super) use arg::{Arg, Ptr};

use super::context::Context;
use super::fault::{Errno, Fault, Result};
use super::intercept::{Intercept, Intercepted, Verdict};
use super::memory::Memory;
use holdall::Limits;
use holdall::provide::Param;
use holdall::provide::{Account, Meter};
use holdall::{FuncType, ValType};

/// The modules of WASI.
pub(super) const MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// A call of a WASI function.
pub(super) struct Call<'a> {
    pub(super) context: &'a mut Context,
    /// The memory that pointers of the caller mean.
    pub(super) memory: Memory<'a>,
    pub(super) meter: &'a mut Meter,
    pub(super) limits: &'a Limits,
    /// What the store's guests hold.
    pub(super) account: &'a Account,
    /// Descriptors that are open in the store.
    pub(super) open_descriptors: &'a mut usize,
    /// What stands before the function.
    pub(super) intercept: Option<&'a dyn Intercept>,
    /// The most bytes that the call may move between memory and a file or a stream.
    pub(super) most_bytes: usize,
    /// The bytes that it has moved so.
    pub(super) moved_bytes: usize,
}

impl Call<'_> {
    /// Counts the descriptors that the context has opened and closed since the last time.
    fn count_descriptors(&mut self) {
        let open = self.context.descriptors.open();
        let counted = std::mem::replace(&mut self.context.counted, open);
        *self.open_descriptors = *self.open_descriptors + open - counted;
    }

    /// Writes a result to where the caller wants it.
    pub(super) fn put<T: GuestType>(&mut self, at: u32, value: T) -> Result<()> {
        self.memory.write(GuestPtr::new(at), value)
    }
}

/// A function of WASI.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) params: &'static [Param],
    /// Whether it gives an error number; the one that does not never returns.
    pub(super) returns: bool,
    run: fn(&mut Call<'_>, &[u64]) -> Result<()>,
}

impl Function {
    /// The function of a name in one of WASI's modules.
    pub(super) fn find(module: &str, name: &str) -> Option<&'static Self> {
        Self::all(module).find(|function| function.name == name)
    }

    /// The functions of one of WASI's modules; of another module, none.
    pub(super) fn all(module: &str) -> impl Iterator<Item = &'static Self> {
        let (own, shared): (&[Self], _) = match module {
            "wasi_snapshot_preview1" => (preview1::FUNCTIONS, false),
            "wasi_unstable" => (preview0::FUNCTIONS, true),
            _ => (&[], false),
        };
        let shared = preview1::FUNCTIONS
            .iter()
            .filter(move |function| shared && preview0::shares(function.name));
        own.iter().chain(shared)
    }

    /// The type.
    pub(super) fn ty(&self) -> FuncType {
        let params = self.params.iter().map(|param| param.ty);
        FuncType::new(params, self.returns.then_some(ValType::I32))
    }

    /// Calls the function with the arguments in the slots, and leaves the error number there.
    pub(super) fn call(&self, call: &mut Call<'_>, slots: &mut [u64]) -> anyhow::Result<()> {
        call.count_descriptors();
        call.memory.forgive();
        let result = match call.intercept {
            None => (self.run)(call, slots),
            Some(intercept) => self.call_if(intercept, call, slots),
        };
        call.count_descriptors();
        let paid = call.memory.pay(call.meter).map_err(Fault::from);
        let errno = match result {
            Ok(()) => Errno::Success,
            Err(Fault::Errno(errno)) => errno,
            Err(Fault::End(error)) => return Err(error),
        };
        if let Err(Fault::End(error)) = paid {
            return Err(error);
        }
        if self.returns {
            slots[0] = errno as u64;
        }
        Ok(())
    }
}

impl Function {
    /// Calls the function unless what stands before it says otherwise.
    #[cold]
    fn call_if(
        &self,
        intercept: &dyn Intercept,
        call: &mut Call<'_>,
        slots: &mut [u64],
    ) -> Result<()> {
        let args = slots[..self.params.len()].to_vec();
        let is_about_fd = self
            .params
            .first()
            .is_some_and(|param| param.name.ends_with("fd"));
        let intercepted = Intercepted {
            function: self.name,
            args: &args,
            // An `i32` stands in a slot's low half.
            fd: is_about_fd.then(|| args[0] as u32),
        };
        match intercept.before(&intercepted) {
            Verdict::Fail(errno) if self.returns => return Err(errno.into()),
            Verdict::AtMost(bytes) => call.most_bytes = call.most_bytes.min(bytes),
            Verdict::Proceed | Verdict::Fail(_) => {}
        }
        let result = (self.run)(call, slots);
        intercept.after(&intercepted, call.moved_bytes);
        result
    }
}

/// Rows of the table: `name(param: Type, ...) = path::of::function;`. The function gets the call
/// and an argument of each type, which [`Arg`] takes out of a slot.
macro_rules! functions {
    ($($(#[$never:ident])? $name:ident($($param:ident: $ty:ty),*) = $run:path;)*) => {
        &[$($crate::abi::Function {
            name: stringify!($name),
            params: &[$(::holdall::provide::Param {
                name: stringify!($param),
                ty: <$ty as $crate::abi::Arg>::TYPE,
                shown: <$ty as $crate::abi::Arg>::SHOWN,
            }),*],
            returns: true $(&& $crate::abi::$never)?,
            run: |call, slots| {
                #[allow(unused_variables, unused_mut, reason = "some functions take nothing")]
                let mut slots = slots.iter();
                $(let $param = <$ty as $crate::abi::Arg>::of_slot(
                    *slots.next().expect("as many slots as parameters"),
                )?;)*
                $run(call $(, $param)*)
            },
        }),*]
    };
}
use functions;

/// Says of a row that its function does not return.
const NEVER_RETURNS: bool = false;
