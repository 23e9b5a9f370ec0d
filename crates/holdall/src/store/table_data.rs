//! A table's elements: growth, and the instructions on tables with their bounds checks (WebAssembly
//! 2.0, 4.4.6). Both the executor and the embedding API call them.

use std::ops::Range;
use std::ptr::NonNull;

use allocator_api2::vec::Vec;

use crate::limits::{Heap, Held, Work};
use crate::store::TableData;
use crate::trap::TrapCode;
use crate::types::TableType;

/// The size of an element.
const ELEMENT_BYTES: usize = size_of::<u64>();

/// The most elements that a table with 32-bit indices may have.
pub(crate) const MAX_ELEMENTS_32: u64 = u32::MAX as u64;

impl TableData {
    /// A table of `size` elements, each of them `init`; `held` holds its bytes in the account.
    /// `None` where the heap has no room.
    ///
    /// # Errors
    ///
    /// When the work ended before all elements were written.
    pub(crate) fn new(
        ty: TableType,
        size: usize,
        init: u64,
        heap: Heap,
        held: Held,
        work: &mut Work<'_>,
    ) -> Result<Option<Self>, TrapCode> {
        let mut elems = Vec::new_in(heap);
        if elems.try_reserve_exact(size).is_err() {
            return Ok(None);
        }
        let mut table = Self {
            base: std::ptr::null_mut(),
            len: 0,
            elems,
            ty,
            held,
        };
        table.extend(size, init, work)?;
        table.show();
        Ok(Some(table))
    }

    /// Grows the table to `size` elements, the new ones `init`. `None`, and nothing changed, where
    /// the account or the heap has no room.
    ///
    /// # Errors
    ///
    /// When the work ended before the growth was done. The elements are what they were.
    pub(super) fn grow(
        &mut self,
        size: usize,
        init: u64,
        work: &mut Work<'_>,
    ) -> Result<Option<()>, TrapCode> {
        let reserved = self.reserve(size, work);
        self.show();
        if !reserved? {
            return Ok(None);
        }
        let old = self.elems.len();
        let grown = self.extend(size, init, work);
        if grown.is_err() {
            self.elems.truncate(old);
        }
        self.show();
        grown.map(Some)
    }

    /// Tells native code where the elements are now.
    fn show(&mut self) {
        (self.base, self.len) = (self.elems.as_mut_ptr(), self.elems.len());
    }

    /// Adds elements, each of them `init`, up to `size` elements, for which there is room.
    fn extend(&mut self, size: usize, init: u64, work: &mut Work<'_>) -> Result<(), TrapCode> {
        let old = self.elems.len();
        work.in_parts(size - old, ELEMENT_BYTES, |at, count| {
            self.elems.resize(old + at + count, init);
        })
    }

    /// Makes room for `size` elements, and for twice the old room if there is as much, so that the
    /// next growth is cheap. False, and nothing changed, where the account or the heap has no room.
    /// Whenever more room is needed, a move of all elements is paid for.
    fn reserve(&mut self, size: usize, work: &mut Work<'_>) -> Result<bool, TrapCode> {
        let room = self.elems.capacity();
        if size <= room {
            return Ok(true);
        }
        let ample = size.max(room.saturating_mul(2));
        let old_bytes = self.elems.len() * ELEMENT_BYTES;
        // A pool moves elements itself. The host's allocator has the system do that, as a rule.
        if old_bytes > Work::MOST_AT_ONCE_BYTES
            && work.may_end()
            && self.elems.allocator().is_pool()
        {
            return Ok(self.move_to(ample, work)? || self.move_to(size, work)?);
        }
        work.pay(old_bytes)?;
        Ok(self.reserve_at_once(ample) || self.reserve_at_once(size))
    }

    /// Makes room for `room` elements in all, more than there is room for, in one go. False, and
    /// nothing changed, where there is no room.
    fn reserve_at_once(&mut self, room: usize) -> bool {
        let Some(more_bytes) = (room - self.elems.capacity()).checked_mul(ELEMENT_BYTES) else {
            return false;
        };
        if self.held.grow(more_bytes, "a table").is_err() {
            return false;
        }
        let more = room - self.elems.len();
        let reserved = self.elems.try_reserve_exact(more).is_ok();
        if !reserved {
            self.held.shrink(more_bytes);
        }
        reserved
    }

    /// [`Self::reserve_at_once`] in parts, to another place.
    fn move_to(&mut self, room: usize, work: &mut Work<'_>) -> Result<bool, TrapCode> {
        let Some(bytes) = room.checked_mul(ELEMENT_BYTES) else {
            return Ok(false);
        };
        // For a while both places are held.
        if self.held.grow(bytes, "a table").is_err() {
            return Ok(false);
        }
        let mut elems = Vec::new_in(self.elems.allocator().clone());
        if elems.try_reserve_exact(room).is_err() {
            self.held.shrink(bytes);
            return Ok(false);
        }
        let moved = work.in_parts(self.elems.len(), ELEMENT_BYTES, |at, count| {
            elems.extend_from_slice(&self.elems[at..at + count]);
        });
        if let Err(code) = moved {
            self.held.shrink(bytes);
            return Err(code);
        }
        self.held.shrink(self.elems.capacity() * ELEMENT_BYTES);
        self.elems = elems;
        Ok(true)
    }

    /// `table.set`.
    pub(crate) fn set(&mut self, index: u64, value: u64) -> Result<(), TrapCode> {
        let index = range(index, 1, self.elems.len())?.start;
        self.elems[index] = value;
        Ok(())
    }

    /// `table.fill`.
    pub(crate) fn fill(&mut self, dst: u64, value: u64, n: u64) -> Result<(), TrapCode> {
        let dst = range(dst, n, self.elems.len())?;
        self.elems[dst].fill(value);
        Ok(())
    }

    /// `table.init`, with an element segment, which is empty once it was dropped.
    pub(crate) fn init(
        &mut self,
        segment: &[u64],
        dst: u64,
        src: u64,
        n: u64,
    ) -> Result<(), TrapCode> {
        let src = range(src, n, segment.len())?;
        let dst = range(dst, n, self.elems.len())?;
        self.elems[dst].copy_from_slice(&segment[src]);
        Ok(())
    }

    /// `table.copy`, within one table or from one to another.
    ///
    /// # Safety
    ///
    /// Both are tables of a live store that nobody else uses during the call.
    pub(crate) unsafe fn copy(
        to: NonNull<Self>,
        dst: u64,
        from: NonNull<Self>,
        src: u64,
        n: u64,
    ) -> Result<(), TrapCode> {
        // SAFETY: both are alive and nobody else uses them: the caller's duty. Where both are one
        // table, only one reference to it is made; else the references are to different tables.
        unsafe {
            let src = range(src, n, from.as_ref().elems.len())?;
            let dst = range(dst, n, to.as_ref().elems.len())?;
            if to == from {
                (*to.as_ptr()).elems.copy_within(src, dst.start);
            } else {
                (&mut (*to.as_ptr()).elems)[dst].copy_from_slice(&(&(*from.as_ptr()).elems)[src]);
            }
        }
        Ok(())
    }

    /// `table.get`.
    pub(crate) fn get(&self, index: u64) -> Result<u64, TrapCode> {
        let index = range(index, 1, self.elems.len())?.start;
        Ok(self.elems[index])
    }

    /// `table.size`.
    pub(crate) fn size(&self) -> u64 {
        self.elems.len() as u64
    }
}

/// The most elements that a table of this type may ever have.
pub(super) fn max_size(ty: &TableType) -> u64 {
    let most = if ty.is_64 { u64::MAX } else { MAX_ELEMENTS_32 };
    ty.max.map_or(most, |max| max.min(most))
}

/// `at..at + n`, where it lies within `len`.
fn range(at: u64, n: u64, len: usize) -> Result<Range<usize>, TrapCode> {
    match at.checked_add(n) {
        Some(end) if end <= len as u64 => Ok(at as usize..end as usize),
        _ => Err(TrapCode::OutOfBoundsTableAccess),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::types::RefType;

    const OUT: TrapCode = TrapCode::OutOfBoundsTableAccess;

    fn table(size: usize) -> TableData {
        let ty = TableType {
            element: RefType::EXTERNREF,
            min: 0,
            max: None,
            is_64: false,
        };
        let held = Engine::default()
            .account()
            .hold(8 * size, "a table")
            .unwrap();
        let table = TableData::new(ty, size, 0, Heap::default(), held, &mut Work::free());
        table.unwrap().unwrap()
    }

    #[test]
    fn get_and_set_check_the_index() {
        let mut table = table(2);
        assert_eq!(table.set(1, 5), Ok(()));
        assert_eq!(table.get(1), Ok(5));
        for index in [2, 1 << 32, u64::MAX] {
            assert_eq!(table.set(index, 5), Err(OUT));
            assert_eq!(table.get(index), Err(OUT));
        }
    }

    #[test]
    fn fill_and_init_stay_within_bounds() {
        let mut table = table(4);
        assert_eq!(table.fill(1, 9, 2), Ok(()));
        assert_eq!(table.init(&[1, 2], 3, 1, 1), Ok(()));
        assert_eq!(table.elems, [0, 9, 9, 2]);
        assert_eq!(table.fill(4, 9, 0), Ok(()));
        assert_eq!(table.fill(5, 9, 0), Err(OUT));
        assert_eq!(table.fill(3, 9, 2), Err(OUT));
        assert_eq!(table.init(&[1, 2], 0, 1, 2), Err(OUT));
        assert_eq!(table.init(&[1, 2], 3, 0, 2), Err(OUT));
        assert_eq!(table.init(&[], 0, 0, 0), Ok(()));
        assert_eq!(table.init(&[], 0, 1, 0), Err(OUT));
        assert_eq!(table.init(&[1], u64::MAX, 0, 1), Err(OUT));
        assert_eq!(table.elems, [0, 9, 9, 2]);
    }

    #[test]
    fn copies_overlap_and_cross() {
        let (mut one, mut other) = (table(4), table(2));
        one.init(&[1, 2, 3, 4], 0, 0, 4).unwrap();
        let (one_at, other_at) = (NonNull::from(&mut one), NonNull::from(&mut other));
        // SAFETY: both tables are borrowed here alone.
        unsafe {
            assert_eq!(TableData::copy(one_at, 1, one_at, 0, 3), Ok(()));
            assert_eq!(TableData::copy(other_at, 0, one_at, 2, 2), Ok(()));
            assert_eq!(TableData::copy(other_at, 0, one_at, 0, 3), Err(OUT));
            assert_eq!(TableData::copy(one_at, 0, other_at, 0, 3), Err(OUT));
            assert_eq!(TableData::copy(one_at, u64::MAX, other_at, 0, 1), Err(OUT));
            assert_eq!(TableData::copy(one_at, 4, other_at, 2, 0), Ok(()));
        }
        assert_eq!(one.elems, [1, 1, 2, 3]);
        assert_eq!(other.elems, [2, 3]);
    }

    #[test]
    fn a_size_that_no_host_has_is_refused() {
        let mut table = table(1);
        assert_eq!(table.grow(usize::MAX, 0, &mut Work::free()), Ok(None));
        assert_eq!(table.size(), 1);
    }
}
