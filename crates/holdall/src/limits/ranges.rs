//! Which parts of a pool's buffer are free: offsets and sizes, and where to take the next part.
//! Does not know the buffer.

use std::collections::BTreeMap;

/// The end of the buffer from which room is taken. Linear memories, which grow, take room from the
/// low end, and all else takes it from the high end, so that the room between stays in one piece
/// for as long as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Low,
    High,
}

/// The free parts of a buffer. No two of them touch, and none is empty.
#[derive(Debug)]
pub(super) struct Ranges {
    /// The size of each free part by its offset.
    free: BTreeMap<usize, usize>,
    /// The sum of the sizes.
    left: usize,
}

/// What became of a part that was to grow: its new offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grown {
    /// The part stays and reaches farther up, or it is to slide into a part that overlaps the old
    /// one. Nothing of the old part is to be put back.
    Within(usize),
    /// The part is to be moved to another one; the old one is to be put back afterwards.
    Elsewhere(usize),
}

impl Ranges {
    /// A buffer that is free from offset 0 to `size`.
    pub(super) fn new(size: usize) -> Self {
        let mut ranges = Self {
            free: BTreeMap::new(),
            left: 0,
        };
        ranges.put_back(0, size);
        ranges
    }

    /// How many bytes are free, in all pieces together.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Takes `size` bytes from the free part nearest to `end` that has as many; returns their
    /// offset.
    pub(super) fn take(&mut self, size: usize, end: End) -> Option<usize> {
        if size > self.left {
            return None;
        }
        let fits = |(_, free): &(&usize, &usize)| **free >= size;
        let (at, free) = match end {
            End::Low => self.free.iter().find(fits),
            End::High => self.free.iter().rev().find(fits),
        }
        .map(|(at, free)| (*at, *free))?;
        Some(self.split(at, free, size, end))
    }

    /// Grows the part of `old` bytes at `at` to `new` bytes, which are more: where the part is, if
    /// enough is free behind it; else, if it `may_slide`, across the free parts on both sides of
    /// it; else elsewhere.
    pub(super) fn grow(
        &mut self,
        at: usize,
        old: usize,
        new: usize,
        end: End,
        may_slide: bool,
    ) -> Option<Grown> {
        if new - old > self.left {
            return None;
        }
        let behind = self.free.get(&(at + old)).copied().unwrap_or(0);
        if old + behind >= new {
            self.split(at + old, behind, new - old, End::Low);
            return Some(Grown::Within(at));
        }
        let before = self.free.range(..at).next_back();
        let before = before.filter(|(start, free)| **start + **free == at);
        let before = before.map_or(0, |(_, free)| *free);
        if may_slide && before + old + behind >= new {
            self.put_back(at, old);
            let at = self.split(at - before, before + old + behind, new, end);
            return Some(Grown::Within(at));
        }
        self.take(new, end).map(Grown::Elsewhere)
    }

    /// Frees a part that was taken, and joins it with the free parts on both sides of it.
    pub(super) fn put_back(&mut self, mut at: usize, mut size: usize) {
        if size == 0 {
            return;
        }
        self.left += size;
        if let Some(behind) = self.free.remove(&(at + size)) {
            size += behind;
        }
        if let Some((start, before)) = self.free.range_mut(..at).next_back()
            && *start + *before == at
        {
            at = *start;
            size += *before;
        }
        self.free.insert(at, size);
    }

    /// Takes `size` bytes from an end of the free part of `free` bytes at `at`; returns their
    /// offset.
    fn split(&mut self, at: usize, free: usize, size: usize, end: End) -> usize {
        self.left -= size;
        self.free.remove(&at);
        let (taken, rest) = match end {
            End::Low => (at, at + size),
            End::High => (at + free - size, at),
        };
        if free > size {
            self.free.insert(rest, free - size);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The free parts, each as offset and size.
    fn free(ranges: &Ranges) -> Vec<(usize, usize)> {
        let parts: Vec<_> = ranges.free.iter().map(|(at, size)| (*at, *size)).collect();
        assert_eq!(
            ranges.left(),
            parts.iter().map(|(_, size)| size).sum::<usize>()
        );
        parts
    }

    #[test]
    fn both_ends_are_taken_until_they_meet() {
        let mut ranges = Ranges::new(100);
        assert_eq!(ranges.take(30, End::Low), Some(0));
        assert_eq!(ranges.take(20, End::High), Some(80));
        assert_eq!(ranges.take(51, End::Low), None);
        assert_eq!(ranges.take(50, End::High), Some(30));
        assert_eq!(free(&ranges), []);
        assert_eq!(ranges.take(1, End::Low), None);
    }

    #[test]
    fn what_comes_back_is_joined_on_both_sides() {
        let mut ranges = Ranges::new(40);
        for at in [0, 10, 20, 30] {
            assert_eq!(ranges.take(10, End::Low), Some(at));
        }
        ranges.put_back(0, 10);
        ranges.put_back(20, 10);
        assert_eq!(free(&ranges), [(0, 10), (20, 10)]);
        // In pieces there is as much, but not in one.
        assert_eq!(ranges.take(11, End::Low), None);
        ranges.put_back(10, 10);
        assert_eq!(free(&ranges), [(0, 30)]);
        ranges.put_back(30, 10);
        assert_eq!(free(&ranges), [(0, 40)]);
    }

    #[test]
    fn growing_stays_in_place_where_there_is_room_behind() {
        let mut ranges = Ranges::new(100);
        assert_eq!(ranges.take(10, End::Low), Some(0));
        assert_eq!(ranges.take(10, End::High), Some(90));
        for size in 11..=90 {
            let grown = ranges.grow(0, size - 1, size, End::Low, true);
            assert_eq!(grown, Some(Grown::Within(0)));
        }
        assert_eq!(free(&ranges), []);
        assert_eq!(ranges.grow(0, 90, 91, End::Low, true), None);
        ranges.put_back(90, 10);
        assert_eq!(
            ranges.grow(0, 90, 100, End::Low, true),
            Some(Grown::Within(0)),
            "to the last byte"
        );
    }

    #[test]
    fn growing_slides_to_the_end_that_it_belongs_to() {
        let mut ranges = Ranges::new(100);
        assert_eq!(ranges.take(100, End::Low), Some(0));
        ranges.put_back(10, 20);
        ranges.put_back(50, 5);
        // The part of 20 at 30 has 20 before it and 5 behind it.
        let mut low = Ranges {
            free: ranges.free.clone(),
            left: ranges.left,
        };
        assert_eq!(
            low.grow(30, 20, 40, End::Low, true),
            Some(Grown::Within(10))
        );
        assert_eq!(free(&low), [(50, 5)]);
        assert_eq!(
            ranges.grow(30, 20, 40, End::High, true),
            Some(Grown::Within(15))
        );
        assert_eq!(free(&ranges), [(10, 5)]);
    }

    #[test]
    fn growing_moves_elsewhere_only_when_neighbours_do_not_do() {
        let mut ranges = Ranges::new(100);
        assert_eq!(ranges.take(10, End::Low), Some(0));
        assert_eq!(ranges.take(10, End::Low), Some(10));
        assert_eq!(
            ranges.grow(0, 10, 20, End::Low, true),
            Some(Grown::Elsewhere(20))
        );
        ranges.put_back(0, 10);
        assert_eq!(free(&ranges), [(0, 10), (40, 60)]);
        // 70 are left, and nowhere 65 of them together.
        assert_eq!(ranges.grow(10, 10, 75, End::Low, true), None);
        assert_eq!(free(&ranges), [(0, 10), (40, 60)]);
    }

    /// Takes, grows and puts back at random; the parts that are out never overlap, and with the
    /// free ones they are the whole buffer.
    #[test]
    fn parts_never_overlap_and_none_is_lost() {
        const SIZE: usize = 1_000;
        let mut ranges = Ranges::new(SIZE);
        let mut out: Vec<(usize, usize, End)> = Vec::new();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as usize % below
        };
        let [mut within, mut elsewhere, mut refused] = [0; 3];
        let steps = if cfg!(miri) { 500 } else { 20_000 };
        for _ in 0..steps {
            let end = [End::Low, End::High][random(2)];
            let size = 1 + random(60);
            match random(5) {
                0 | 1 => match ranges.take(size, end) {
                    Some(at) => out.push((at, size, end)),
                    None => refused += 1,
                },
                2 | 3 if !out.is_empty() => {
                    let part = random(out.len());
                    let (at, old, end) = out[part];
                    match ranges.grow(at, old, old + size, end, true) {
                        Some(Grown::Within(to)) => {
                            within += 1;
                            out[part] = (to, old + size, end);
                        }
                        Some(Grown::Elsewhere(to)) => {
                            elsewhere += 1;
                            ranges.put_back(at, old);
                            out[part] = (to, old + size, end);
                        }
                        None => refused += 1,
                    }
                }
                _ if !out.is_empty() => {
                    let (at, size, _) = out.swap_remove(random(out.len()));
                    ranges.put_back(at, size);
                }
                _ => {}
            }
            let mut all = free(&ranges);
            assert!(all.windows(2).all(|two| two[0].0 + two[0].1 < two[1].0));
            all.extend(out.iter().map(|(at, size, _)| (*at, *size)));
            all.sort_unstable();
            let end = all.iter().fold(0, |end, (at, size)| {
                assert_eq!(*at, end, "no gap and no overlap");
                at + size
            });
            assert_eq!(end, SIZE);
        }
        let often = steps / 200;
        assert!(within > often && elsewhere > often && refused > often);
    }

    #[test]
    fn an_empty_buffer_refuses_everything() {
        let mut ranges = Ranges::new(0);
        assert_eq!(ranges.left(), 0);
        assert_eq!(ranges.take(1, End::Low), None);
        assert_eq!(ranges.take(usize::MAX, End::High), None);
    }
}
