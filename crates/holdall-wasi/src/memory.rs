//! The memory of the module that calls, and what a call owes for what it moves there. Every access
//! that a function of WASI makes goes through here, so that none is forgotten.

use std::cell::Cell;

use wiggle::{GuestMemory, GuestPtr, GuestType};

use super::abi::Ptr;
use super::fault::{Errno, Result};
use holdall::Trap;
use holdall::provide::Meter;

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
}

impl<'a> Memory<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self {
            guest: GuestMemory::Unshared(bytes),
            owed: Cell::new(0),
        }
    }

    pub(super) fn read<T: GuestType>(&self, at: GuestPtr<T>) -> Result<T> {
        self.access();
        self.owe_bytes(T::guest_size() as usize);
        Ok(self.guest.read(at)?)
    }

    pub(super) fn write<T: GuestType>(&mut self, at: GuestPtr<T>, value: T) -> Result<()> {
        self.access();
        self.owe_bytes(T::guest_size() as usize);
        Ok(self.guest.write(at, value)?)
    }

    /// Bytes to look at. Whoever moves some of them [owes](Self::owe_bytes) for the bytes moved. A
    /// length of 0 is fine at any address: the address is not looked at.
    pub(super) fn bytes(&self, at: Ptr, len: u32) -> Result<&[u8]> {
        self.access();
        if len == 0 {
            return Ok(&[]);
        }
        let bytes = self.guest.as_slice(GuestPtr::new((at.0, len)))?;
        bytes.ok_or_else(|| Errno::Fault.into())
    }

    /// Bytes to be written. Whoever writes some of them [owes](Self::owe_bytes) for the bytes written.
    /// A length of 0 is fine at any address.
    pub(super) fn bytes_mut(&mut self, at: Ptr, len: u32) -> Result<&mut [u8]> {
        self.access();
        if len == 0 {
            return Ok(&mut []);
        }
        let bytes = self.guest.as_slice_mut(GuestPtr::new((at.0, len)))?;
        bytes.ok_or_else(|| Errno::Fault.into())
    }

    /// Writes these bytes.
    pub(super) fn put_bytes(&mut self, at: Ptr, bytes: &[u8]) -> Result<()> {
        self.owe_bytes(bytes.len());
        let to = self.bytes_mut(at, u32::try_from(bytes.len())?)?;
        to.copy_from_slice(bytes);
        Ok(())
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
