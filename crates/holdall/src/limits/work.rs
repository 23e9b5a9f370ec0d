//! Work on many bytes that a guest asked for. The work goes in parts. Each part is paid for before
//! it is done, where somebody pays, and the work ends between two parts when its time or its fuel
//! is up.

use super::Meter;
use super::meter::PART_BYTES;
use crate::trap::TrapCode;

/// Who pays for work, and what ends it.
pub(crate) struct Work<'a>(Who<'a>);

enum Who<'a> {
    /// Nobody: the embedder's own work.
    Nobody,
    /// Nobody pays, but the work ends when executions do. With the bytes since the last look at the
    /// clock.
    Watched(&'a Meter, u64),
    /// An execution, from its budget.
    Paid(&'a mut Meter, &'a mut i64),
}

impl Work<'static> {
    /// More bytes than this are moved in one go only where nothing may end the work.
    pub(crate) const MOST_AT_ONCE_BYTES: usize = 16 << 20;

    /// Work that is not paid for, and that nothing ends.
    pub(crate) fn free() -> Self {
        Self(Who::Nobody)
    }
}

impl<'a> Work<'a> {
    /// Work that ends when the store's executions do, and is not paid for.
    pub(crate) fn watched(meter: &'a Meter) -> Self {
        Self(Who::Watched(meter, 0))
    }

    /// Work of an execution.
    pub(crate) fn paid(meter: &'a mut Meter, budget: &'a mut i64) -> Self {
        Self(Who::Paid(meter, budget))
    }

    /// Whether something may end the work.
    pub(crate) fn may_end(&self) -> bool {
        match &self.0 {
            Who::Nobody => false,
            Who::Watched(meter, _) => meter.counts(),
            Who::Paid(..) => true,
        }
    }

    /// Pays for `bytes` bytes that are about to be written or moved, and checks that the work may
    /// go on.
    pub(crate) fn pay(&mut self, bytes: usize) -> Result<(), TrapCode> {
        let bytes = bytes as u64;
        match &mut self.0 {
            Who::Nobody => Ok(()),
            Who::Paid(meter, budget) => meter.pay_bytes(budget, bytes),
            Who::Watched(meter, since) => {
                *since += bytes;
                if *since < PART_BYTES {
                    return Ok(());
                }
                *since = 0;
                meter.check_code()
            }
        }
    }

    /// Does work over `n` items of `item_bytes` each, in parts that are paid for one by one:
    /// `part(at, count)` does `count` items from index `at` on.
    pub(crate) fn in_parts(
        &mut self,
        n: usize,
        item_bytes: usize,
        mut part: impl FnMut(usize, usize),
    ) -> Result<(), TrapCode> {
        let most = PART_BYTES as usize / item_bytes;
        let mut done = 0;
        while done < n {
            let count = most.min(n - done);
            self.pay(count * item_bytes)?;
            part(done, count);
            done += count;
        }
        Ok(())
    }

    /// Writes `bytes` zeros to `to`.
    ///
    /// # Safety
    ///
    /// `to` has `bytes` bytes, which nobody else uses.
    pub(crate) unsafe fn zero(&mut self, to: *mut u8, bytes: usize) -> Result<(), TrapCode> {
        self.in_parts(bytes, 1, |at, count| {
            // SAFETY: within the bytes that the caller has.
            unsafe { to.add(at).write_bytes(0, count) };
        })
    }

    /// Copies `bytes` bytes.
    ///
    /// # Safety
    ///
    /// `from` and `to` have `bytes` bytes each, which nobody else uses and which do not overlap.
    pub(crate) unsafe fn copy(
        &mut self,
        from: *const u8,
        to: *mut u8,
        bytes: usize,
    ) -> Result<(), TrapCode> {
        self.in_parts(bytes, 1, |at, count| {
            // SAFETY: within the bytes that the caller has at `from` and at `to`.
            unsafe { std::ptr::copy_nonoverlapping(from.add(at), to.add(at), count) };
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    const PART: usize = PART_BYTES as usize;

    #[test]
    fn work_of_an_execution_ends_at_the_part_that_there_is_no_fuel_for() {
        let mut meter = Meter::new(&Limits::new().fuel(2 * PART_BYTES / 64), true);
        let (mut budget, mut done) = (0, 0);
        let mut work = Work::paid(&mut meter, &mut budget);
        let result = work.in_parts(3 * PART, 1, |at, count| {
            assert_eq!(at, done);
            done += count;
        });
        assert_eq!((result, done), (Err(TrapCode::OutOfFuel), 2 * PART));
    }

    #[test]
    fn watched_work_ends_when_executions_do_but_only_where_there_is_much_of_it() {
        let meter = Meter::new(&Limits::new().timeout(std::time::Duration::ZERO), true);
        let mut work = Work::watched(&meter);
        assert_eq!(work.pay(PART - 1), Ok(()));
        assert_eq!(work.pay(1), Err(TrapCode::DeadlineExceeded));
        assert_eq!(work.pay(PART - 1), Ok(()));
        assert!(work.may_end() && !Work::free().may_end());
    }

    #[test]
    fn bytes_are_zeroed_and_copied_to_the_last() {
        let from: Vec<u8> = (0..PART + 7).map(|at| at as u8 | 1).collect();
        let mut to = vec![0xff_u8; PART + 8];
        // SAFETY: there are as many bytes at both.
        unsafe {
            let mut work = Work::free();
            work.copy(from.as_ptr(), to.as_mut_ptr(), PART + 7).unwrap();
            assert!(to[..PART + 7] == from && to[PART + 7] == 0xff);
            work.zero(to.as_mut_ptr(), PART + 7).unwrap();
        }
        assert!(to[..PART + 7].iter().all(|byte| *byte == 0) && to[PART + 7] == 0xff);
    }
}
