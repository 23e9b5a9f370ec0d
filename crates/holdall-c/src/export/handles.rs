//! Handles: what C holds of modules, instances and the like. A handle is a number that looks like a pointer, so
//! that one of something that is gone, or of something of another kind, is found out and never followed.

use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// A kind of thing that C has handles to.
pub(super) trait Kind: Sized + 'static {
    /// The lowest bits of all handles to it; never 0.
    const TAG: usize;
    /// All living things of this kind.
    fn table() -> &'static Table<Self>;
}

/// A handle to a `T`, or null, or whatever C may have passed in its place.
#[repr(transparent)]
pub(super) struct Handle<T>(*mut (), PhantomData<*const T>);

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Handle<T> {}

impl<T> PartialEq for Handle<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

// SAFETY: a handle is a number.
unsafe impl<T> Send for Handle<T> {}

const TAG_BITS: u32 = 3;
/// How many bits of a handle say which slot of the table; the rest above says the how manieth thing in the slot.
const INDEX_BITS: u32 = 20;
/// Slots come in pieces of this many, which never move.
const PIECE: usize = 1 << 10;
const PIECES: usize = (1 << INDEX_BITS) / PIECE;

/// The living things of one kind.
pub(super) struct Table<T> {
    pieces: [OnceLock<Box<[Slot<T>]>>; PIECES],
    free: Mutex<Free>,
}

struct Slot<T> {
    /// Counts the things that were here. A handle has the count at its thing's time.
    count: AtomicUsize,
    /// Null where nothing is.
    value: AtomicPtr<T>,
}

struct Free {
    slots: Vec<usize>,
    /// The first slot that was never used.
    next: usize,
}

impl<T: Kind> Handle<T> {
    pub(super) const NULL: Self = Self(ptr::null_mut(), PhantomData);

    fn new(count: usize, index: usize) -> Self {
        let number = (count << INDEX_BITS | index) << TAG_BITS | T::TAG;
        Self(ptr::without_provenance_mut(number), PhantomData)
    }

    fn parts(self) -> Option<(usize, usize)> {
        let number = self.0.addr();
        let rest = number >> TAG_BITS;
        let is_one = number % (1 << TAG_BITS) == T::TAG;
        is_one.then_some((rest >> INDEX_BITS, rest % (1 << INDEX_BITS)))
    }

    /// The handle, for a function of C's.
    pub(super) fn address(self) -> *mut () {
        self.0
    }

    /// The thing, where the handle is one to a living `T`.
    #[inline]
    pub(super) fn find(self) -> Option<NonNull<T>> {
        let (count, index) = self.parts()?;
        let piece = T::table().pieces[index / PIECE].get()?;
        let slot = &piece[index % PIECE];
        if slot.count.load(Ordering::Acquire) & (usize::MAX >> (TAG_BITS + INDEX_BITS)) != count {
            return None;
        }
        NonNull::new(slot.value.load(Ordering::Acquire))
    }

    /// The thing, where the handle is one to a living `T`.
    ///
    /// # Safety
    ///
    /// The thing is not dropped while the reference is used. Its owner takes the handle out of the table before,
    /// so that this is so for whatever the same thread does not destroy in between; that no other thread destroys
    /// what is in use is the C program's duty, and the headers say so.
    #[inline]
    pub(super) unsafe fn get<'a>(self) -> Option<&'a T> {
        // SAFETY: what is in the table is alive; the rest is the caller's duty.
        self.find().map(|found| unsafe { &*found.as_ptr() })
    }

    /// Puts a thing into the table; null where there are a million of its kind already. The thing stays the
    /// caller's, who takes it out with [`Handle::remove`] before it is dropped.
    pub(super) fn insert(value: NonNull<T>) -> Self {
        let table = T::table();
        let mut free = table.free.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match free.slots.pop() {
            Some(index) => index,
            None if free.next < PIECE * PIECES => {
                free.next += 1;
                free.next - 1
            }
            None => return Self::NULL,
        };
        let piece = table.pieces[index / PIECE].get_or_init(|| {
            let slot = || Slot {
                count: AtomicUsize::new(0),
                value: AtomicPtr::new(ptr::null_mut()),
            };
            (0..PIECE).map(|_| slot()).collect()
        });
        let slot = &piece[index % PIECE];
        slot.value.store(value.as_ptr(), Ordering::Release);
        Self::new(slot.count.load(Ordering::Acquire), index)
    }

    /// Takes a thing out of the table: from now on the handle is one to nothing. `None` where it was before.
    pub(super) fn remove(self) -> Option<NonNull<T>> {
        let found = self.find()?;
        let (_, index) = self.parts()?;
        let table = T::table();
        let slot = &table.pieces[index / PIECE].get()?[index % PIECE];
        slot.count.fetch_add(1, Ordering::AcqRel);
        slot.value.store(ptr::null_mut(), Ordering::Release);
        let mut free = table.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.slots.push(index);
        Some(found)
    }
}

impl<T> Table<T> {
    pub(super) const fn new() -> Self {
        Self {
            pieces: [const { OnceLock::new() }; PIECES],
            free: Mutex::new(Free {
                slots: Vec::new(),
                next: 0,
            }),
        }
    }

    /// All things that are alive now.
    pub(super) fn living(&self) -> Vec<NonNull<T>> {
        let slots = self.pieces.iter().filter_map(OnceLock::get).flatten();
        slots
            .filter_map(|slot| NonNull::new(slot.value.load(Ordering::Acquire)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Apple;
    struct Pear;

    macro_rules! fruit {
        ($fruit:ident, $tag:literal) => {
            impl Kind for $fruit {
                const TAG: usize = $tag;
                fn table() -> &'static Table<Self> {
                    static TABLE: Table<$fruit> = Table::new();
                    &TABLE
                }
            }
        };
    }
    fruit!(Apple, 6);
    fruit!(Pear, 7);

    #[test]
    fn a_handle_is_to_one_thing_of_one_kind_for_as_long_as_it_lives() {
        let things: Vec<_> = (0..3_000).map(|_| NonNull::<Apple>::dangling()).collect();
        let handles: Vec<_> = things.iter().map(|thing| Handle::insert(*thing)).collect();
        assert_eq!(Apple::table().living().len(), 3_000);
        for handle in &handles {
            assert!(handle.find().is_some());
            assert!(Handle::<Pear>(handle.0, PhantomData).find().is_none());
            assert!(handle.remove().is_some());
            assert!(handle.find().is_none() && handle.remove().is_none());
        }
        let again = Handle::insert(things[0]);
        assert!(
            handles
                .iter()
                .all(|old| *old != again && old.find().is_none())
        );
        again.remove();
        assert!(Apple::table().living().is_empty());
        assert!(Handle::<Apple>::NULL.find().is_none());
        for number in [1, 2, 6, 14, 0x7fff_ffff, usize::MAX, usize::MAX - 1] {
            let handle = Handle::<Apple>(ptr::without_provenance_mut(number), PhantomData);
            assert!(handle.find().is_none(), "{number:#x}");
        }
    }
}
