//! The memory of the module that calls, and what a call owes for what it moves there. Every access
//! that a function of WASI makes goes through here, so that none is forgotten.

use std::cell::{Cell, RefCell};

use wiggle::{GuestMemory, GuestPtr, GuestType};

use super::abi::Ptr;
use super::fault::{Errno, Result};
use holdall::Trap;
use holdall::provide::{Accesses, Meter, Stream};

/// How many bytes are moved for a unit of fuel: as many as bulk instructions move for it.
const UNIT_BYTES: u64 = 64;

/// The memory that the pointers of a call mean.
///
/// Each access costs a unit, however little is moved, and each 64 bytes that are moved cost one
/// more.
pub(super) struct Memory<'a> {
    guest: GuestMemory<'a>,
    /// Units of fuel that the call has not paid yet. Reading costs too.
    owed: Cell<u64>,
    /// Who is told of each access.
    accesses: RefCell<Accesses<'a>>,
}

impl<'a> Memory<'a> {
    pub(super) fn new(bytes: &'a mut [u8], accesses: Accesses<'a>) -> Self {
        Self {
            guest: GuestMemory::Unshared(bytes),
            owed: Cell::new(0),
            accesses: RefCell::new(accesses),
        }
    }

    pub(super) fn read<T: GuestType>(&self, at: GuestPtr<T>) -> Result<T> {
        self.access();
        self.owe_bytes(T::guest_size() as usize);
        let value = self.guest.read(at)?;
        self.tell_of_read(Ptr(at.offset()), T::guest_size());
        Ok(value)
    }

    pub(super) fn write<T: GuestType>(&mut self, at: GuestPtr<T>, value: T) -> Result<()> {
        self.access();
        self.owe_bytes(T::guest_size() as usize);
        self.guest.write(at, value)?;
        self.tell_of_write(Ptr(at.offset()), T::guest_size(), false);
        Ok(())
    }

    /// Bytes to look at. Whoever moves some of them [owes](Self::owe_bytes) for the bytes moved. A
    /// length of 0 is fine at any address: the address is not looked at.
    pub(super) fn bytes(&self, at: Ptr, len: u32) -> Result<&[u8]> {
        self.access();
        if len == 0 {
            return Ok(&[]);
        }
        self.tell_of_read(at, len);
        self.slice(at, len)
    }

    /// Has `fill` write to the first of these bytes, and say to how many. Whoever writes some of them
    /// [owes](Self::owe_bytes) for the bytes written. A length of 0 is fine at any address.
    pub(super) fn fill(
        &mut self,
        at: Ptr,
        len: u32,
        fill: impl FnOnce(&mut [u8]) -> Result<usize>,
    ) -> Result<usize> {
        self.access();
        if len == 0 {
            return fill(&mut []);
        }
        let bytes = self.guest.as_slice_mut(GuestPtr::new((at.0, len)))?;
        let filled = fill(bytes.ok_or(Errno::Fault)?)?;
        self.tell_of_write(at, filled as u32, false);
        Ok(filled)
    }

    /// Writes these bytes.
    pub(super) fn put_bytes(&mut self, at: Ptr, bytes: &[u8]) -> Result<()> {
        self.put(at, bytes, false)
    }

    /// Writes the variables of an environment.
    pub(super) fn put_environment(&mut self, at: Ptr, bytes: &[u8]) -> Result<()> {
        self.put(at, bytes, true)
    }

    fn put(&mut self, at: Ptr, bytes: &[u8], is_environment: bool) -> Result<()> {
        self.owe_bytes(bytes.len());
        self.access();
        let len = u32::try_from(bytes.len())?;
        if len > 0 {
            let to = self.guest.as_slice_mut(GuestPtr::new((at.0, len)))?;
            to.ok_or(Errno::Fault)?.copy_from_slice(bytes);
            self.tell_of_write(at, len, is_environment);
        }
        Ok(())
    }

    /// Tells whoever observes the guest of what went to one of its streams.
    pub(super) fn tell_of_output(&self, stream: Stream, bytes: &[u8]) {
        self.accesses.borrow_mut().output(stream, bytes);
    }

    #[inline]
    fn tell_of_read(&self, at: Ptr, len: u32) {
        let mut accesses = self.accesses.borrow_mut();
        if accesses.are_observed()
            && let Ok(bytes) = self.slice(at, len)
        {
            accesses.read(at.0.into(), bytes);
        }
    }

    #[inline]
    fn tell_of_write(&self, at: Ptr, len: u32, is_environment: bool) {
        let mut accesses = self.accesses.borrow_mut();
        if accesses.are_observed()
            && let Ok(bytes) = self.slice(at, len)
        {
            accesses.written(at.0.into(), bytes, is_environment);
        }
    }

    fn slice(&self, at: Ptr, len: u32) -> Result<&[u8]> {
        let bytes = self.guest.as_slice(GuestPtr::new((at.0, len)))?;
        bytes.ok_or_else(|| Errno::Fault.into())
    }

    /// Notes that bytes are moved.
    pub(super) fn owe_bytes(&self, bytes: usize) {
        self.owe(bytes as u64 / UNIT_BYTES);
    }

    /// Notes work that is more than that of moving bytes.
    pub(super) fn owe(&self, units: u64) {
        self.owed.set(self.owed.get().saturating_add(units));
    }

    /// Forgets what is owed, which was the host's own to look at.
    pub(super) fn forgive(&self) {
        self.owed.set(0);
    }

    /// Pays what is owed. All calls end with this; one that goes on for long pays in between.
    pub(super) fn pay(&self, meter: &mut Meter) -> Result<(), Trap> {
        meter.spend(self.owed.take())
    }

    fn access(&self) {
        self.owe(1);
    }
}
