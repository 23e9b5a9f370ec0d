//! The heap that the program has in a guest's memory where the guest brings no `malloc` of its own: which parts of
//! it are free is known on this side only, where the guest cannot change it.

use std::collections::BTreeMap;

/// What parts are aligned to.
const ALIGN: u64 = 16;

/// Parts of a stretch of linear memory.
pub(super) struct Heap {
    /// How many bytes the heap may have.
    pub(super) size: u64,
    /// Where the heap begins, once it is there.
    start: Option<u64>,
    /// The parts that are given out: their addresses and sizes.
    taken: BTreeMap<u64, u64>,
}

impl Heap {
    /// A heap that may have this many bytes.
    pub(super) fn new(size: u32) -> Self {
        Self {
            size: u64::from(size).next_multiple_of(ALIGN),
            start: None,
            taken: BTreeMap::new(),
        }
    }

    /// Whether the memory for the heap is there.
    pub(super) fn is_there(&self) -> bool {
        self.start.is_some()
    }

    /// Gives the heap its bytes.
    pub(super) fn begin(&mut self, start: u64) {
        self.start = Some(start);
    }

    /// Takes a part of `size` bytes: the first that fits.
    pub(super) fn take(&mut self, size: u64) -> Option<u64> {
        let start = self.start?;
        let size = size.max(1).checked_next_multiple_of(ALIGN)?;
        let mut at = start;
        for (&taken, &len) in &self.taken {
            if taken - at >= size {
                break;
            }
            at = taken + len;
        }
        (start + self.size - at >= size).then(|| {
            self.taken.insert(at, size);
            at
        })
    }

    /// Takes a part back; false where no part begins there.
    pub(super) fn give_back(&mut self, address: u64) -> bool {
        self.taken.remove(&address).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::Heap;

    #[test]
    fn parts_do_not_overlap_and_come_back() {
        let mut heap = Heap::new(100);
        assert_eq!(heap.take(1), None);
        heap.begin(65_536);
        let parts: Vec<_> = (0..8).map(|_| heap.take(16)).collect();
        let expected = (0..7).map(|n| Some(65_536 + 16 * n)).chain([None]);
        assert!(parts.into_iter().eq(expected));
        assert!(heap.give_back(65_552) && heap.give_back(65_568) && !heap.give_back(65_552));
        assert_eq!(heap.take(33), None);
        assert_eq!(heap.take(32), Some(65_552));
        assert_eq!(heap.take(u64::MAX), None);
        assert!(!heap.give_back(65_537));
    }
}
