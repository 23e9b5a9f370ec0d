//! The exceptions of a store: what was thrown and may still be referred to.
//!
//! An `exnref` is a number: which entry, and which of the exceptions that were in that entry. An exception
//! that no handler took a reference to is freed where it is caught. Others are freed when a scan of all
//! places that can hold a reference finds none to them: the value stack, what native functions hold, globals,
//! tables, element segments,
//! what the embedder holds, and the values of exceptions that are found. The scan takes whatever looks like
//! a reference for one. How many exceptions are made between two scans grows with how many lived, and with
//! what was looked at.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::exec::Calls;
use crate::limits::{Account, Full, Held};
use crate::module::ElemItems;
use crate::store::{GlobalData, StoreCore, TagData};
use crate::types::{RefKind, ValType};

/// The exceptions of a store.
pub(crate) struct Exceptions {
    entries: Vec<Entry>,
    /// The generation of new entries.
    generation: u32,
    /// The first free entry; they are a list.
    free: u32,
    /// How many exceptions were added since the last scan.
    added: usize,
    /// How many may be, before the next scan.
    patience: usize,
    live: usize,
    /// The references that the embedder holds, the newest last.
    roots: Mutex<Vec<u64>>,
    /// How many `roots` has: each call of a host function asks.
    rooted: AtomicUsize,
    held: Option<Held>,
}

/// An exception, or room for one.
struct Entry {
    /// None where the entry is free.
    tag: Option<NonNull<TagData>>,
    values: Values,
    /// Counts the exceptions that were in this entry. References have this number, so that one to an
    /// exception that is gone is found out.
    generation: u32,
    /// The next entry in the list of free ones, or of those whose values are still to be looked at.
    next: u32,
    /// Whether a scan has found a reference.
    marked: bool,
    /// Whether anything but the throw ever had a reference.
    shared: bool,
    /// Whether `roots` has a reference.
    rooted: AtomicBool,
    /// The calls through which the exception came before it was thrown last.
    calls: Option<Box<Calls>>,
}

/// The slots of an exception's values.
enum Values {
    Few(u8, [u64; Self::FEW]),
    Many(Box<[u64]>),
}

impl Values {
    const FEW: usize = 2;

    fn as_slice(&self) -> &[u64] {
        match self {
            Self::Few(count, slots) => &slots[..usize::from(*count)],
            Self::Many(slots) => slots,
        }
    }

    /// The bytes that the values take beside their entry.
    fn size_bytes(&self) -> usize {
        match self {
            Self::Few(..) => 0,
            Self::Many(slots) => size_of_val(&**slots),
        }
    }
}

/// The end of a list of entries.
const NOWHERE: u32 = u32::MAX;

/// The first generation. Numbers of guests that look like references are rare for it.
const FIRST_GENERATION: u32 = 0xe000_0000;

/// The fewest exceptions that are made between two scans.
const LEAST_PATIENCE: usize = 1024;

/// How many places a scan may look at for each exception that was made since the last one.
const PLACES_PER_EXCEPTION: usize = 64;

const WHAT: &str = "an exception";

/// Why an exception could not be made, for the detail of a trap.
pub(crate) type NoRoom = Box<str>;

impl Exceptions {
    /// No exceptions.
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            generation: FIRST_GENERATION,
            free: NOWHERE,
            added: 0,
            patience: LEAST_PATIENCE,
            live: 0,
            roots: Mutex::default(),
            rooted: AtomicUsize::new(0),
            held: None,
        }
    }

    /// The tag and the slots of the values of the exception that a slot refers to; `None` where there is no
    /// such exception.
    pub(crate) fn get(&self, slot: u64) -> Option<(NonNull<TagData>, &[u64])> {
        let entry = &self.entries[self.index(slot)?];
        Some((entry.tag?, entry.values.as_slice()))
    }

    /// Notes that others than the throw refer to an exception.
    pub(crate) fn share(&mut self, slot: u64) {
        if let Some(index) = self.index(slot) {
            self.entries[index].shared = true;
        }
    }

    /// The calls through which an exception came before. They are no longer kept.
    pub(crate) fn take_calls(&mut self, slot: u64) -> Option<Box<Calls>> {
        let index = self.index(slot)?;
        self.entries[index].calls.take()
    }

    /// Keeps the calls through which an exception came.
    pub(crate) fn set_calls(&mut self, slot: u64, calls: Option<Box<Calls>>) {
        if let Some(index) = self.index(slot) {
            self.entries[index].calls = calls;
        }
    }

    /// Frees an exception that was caught, unless others than the throw had a reference.
    pub(crate) fn caught(&mut self, slot: u64) {
        if let Some(index) = self.index(slot)
            && !self.entries[index].shared
        {
            self.remove(index);
        }
    }

    /// Keeps an exception alive until [`Exceptions::unroot`] goes back to before this call.
    pub(crate) fn root(&self, slot: u64) {
        let Some(index) = self.index(slot) else {
            return;
        };
        if !self.entries[index].rooted.swap(true, Ordering::Relaxed) {
            self.roots().push(slot);
            self.rooted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many exceptions the embedder keeps alive.
    #[inline]
    pub(crate) fn rooted(&mut self) -> usize {
        *self.rooted.get_mut()
    }

    /// Keeps only the first `count` of the exceptions that the embedder kept alive.
    #[inline]
    pub(crate) fn unroot(&mut self, count: usize) {
        if *self.rooted.get_mut() > count {
            self.unroot_some(count);
        }
    }

    #[cold]
    fn unroot_some(&mut self, count: usize) {
        let ended = self.roots_mut().split_off(count);
        *self.rooted.get_mut() = count;
        for slot in ended {
            if let Some(index) = self.index(slot) {
                *self.entries[index].rooted.get_mut() = false;
            }
        }
    }

    fn roots(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn roots_mut(&mut self) -> &mut Vec<u64> {
        self.roots.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry of the exception that a slot refers to.
    fn index(&self, slot: u64) -> Option<usize> {
        let index = (slot as u32).checked_sub(1)? as usize;
        let entry = self.entries.get(index)?;
        (entry.generation == (slot >> 32) as u32 && entry.tag.is_some()).then_some(index)
    }

    fn add(
        &mut self,
        account: &Account,
        tag: NonNull<TagData>,
        slots: &[u64],
    ) -> Result<u64, NoRoom> {
        let held = match &self.held {
            Some(held) => held,
            None => {
                let held = account.hold(0, WHAT).map_err(told)?;
                self.held.insert(held)
            }
        };
        let values = match slots.len() {
            count @ ..=Values::FEW => {
                let mut few = [0; Values::FEW];
                few[..count].copy_from_slice(slots);
                Values::Few(count as u8, few)
            }
            count => {
                held.grow(size_of_val(slots), WHAT).map_err(told)?;
                let mut many = Vec::new();
                if many.try_reserve_exact(count).is_err() {
                    held.shrink(size_of_val(slots));
                    return Err(no_memory());
                }
                many.extend_from_slice(slots);
                Values::Many(many.into())
            }
        };
        if self.free == NOWHERE
            && let Err(no_room) =
                Self::add_room(&mut self.entries, &mut self.free, held, self.generation)
        {
            held.shrink(values.size_bytes());
            return Err(no_room);
        }
        let index = self.free;
        let entry = &mut self.entries[index as usize];
        self.free = entry.next;
        entry.tag = Some(tag);
        entry.values = values;
        entry.shared = false;
        self.live += 1;
        self.added += 1;
        Ok(u64::from(entry.generation) << 32 | u64::from(index + 1))
    }

    /// Adds free entries: as many as there are.
    fn add_room(
        entries: &mut Vec<Entry>,
        free: &mut u32,
        held: &Held,
        generation: u32,
    ) -> Result<(), NoRoom> {
        let more = entries.len().clamp(16, 1 << 20);
        if entries.len() + more >= NOWHERE as usize {
            return Err("as many exceptions as a store can have".into());
        }
        let bytes = more * size_of::<Entry>();
        held.grow(bytes, WHAT).map_err(told)?;
        if entries.try_reserve_exact(more).is_err() {
            held.shrink(bytes);
            return Err(no_memory());
        }
        for _ in 0..more {
            let next = std::mem::replace(free, entries.len() as u32);
            entries.push(Entry {
                tag: None,
                values: Values::Few(0, [0; Values::FEW]),
                generation,
                next,
                marked: false,
                shared: false,
                rooted: AtomicBool::new(false),
                calls: None,
            });
        }
        Ok(())
    }

    fn remove(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        entry.tag = None;
        entry.calls = None;
        *entry.rooted.get_mut() = false;
        let values = std::mem::replace(&mut entry.values, Values::Few(0, [0; Values::FEW]));
        if let (Some(held), size @ 1..) = (&self.held, values.size_bytes()) {
            held.shrink(size);
        }
        self.live -= 1;
        // An entry that was used as often as generations can count is not used again.
        if let Some(generation) = entry.generation.checked_add(1) {
            entry.generation = generation;
            entry.next = std::mem::replace(&mut self.free, index as u32);
        }
    }

    /// Marks the exception that a slot refers to, if it refers to one, and puts it on the list of those
    /// whose values are still to be looked at.
    fn mark(&mut self, slot: u64, list: &mut u32) {
        if let Some(index) = self.index(slot) {
            let entry = &mut self.entries[index];
            if !std::mem::replace(&mut entry.marked, true) {
                entry.next = std::mem::replace(list, index as u32);
            }
        }
    }

    /// Marks what the values of the exceptions on the list refer to, then frees what is not marked. `places`
    /// says how many places were looked at before.
    fn sweep(&mut self, mut list: u32, mut places: usize) {
        while list != NOWHERE {
            let at = list as usize;
            list = self.entries[at].next;
            let count = self.entries[at].values.as_slice().len();
            for value in 0..count {
                let slot = self.entries[at].values.as_slice()[value];
                self.mark(slot, &mut list);
            }
            places += count;
        }
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            if !std::mem::take(&mut entry.marked) && entry.tag.is_some() {
                self.remove(index);
            }
        }
        places += self.entries.len();
        self.give_up_room();
        self.added = 0;
        self.patience = LEAST_PATIENCE
            .max(self.live)
            .max(places / PLACES_PER_EXCEPTION);
    }

    /// Gives the room for many exceptions up, where there is none of them any more. References to those that
    /// were there stay found out: entries that are made later begin with a generation of their own.
    fn give_up_room(&mut self) {
        let used = self.entries.iter().map(|entry| entry.generation).max();
        if self.live == 0
            && self.entries.len() > LEAST_PATIENCE
            && let Some(next) = used.and_then(|used| used.checked_add(1))
            && let Some(held) = &self.held
        {
            held.shrink(size_of::<Entry>() * self.entries.len());
            self.generation = next;
            self.entries = Vec::new();
            self.free = NOWHERE;
        }
    }
}

impl StoreCore {
    /// Makes an exception. The slots of its values lie in the value stack, or elsewhere; what the value stack
    /// holds from `live_to` on, nothing needs any more.
    ///
    /// # Errors
    ///
    /// Where the account is full, or the host has no memory, also after a scan.
    ///
    /// # Safety
    ///
    /// `live_to` points into the value stack or to its end.
    pub(crate) unsafe fn add_exception(
        &mut self,
        tag: NonNull<TagData>,
        slots: &[u64],
        live_to: *const u64,
    ) -> Result<u64, NoRoom> {
        if self.exceptions.added >= self.exceptions.patience {
            // SAFETY: passed on from the caller.
            unsafe { self.free_exceptions(slots, live_to) };
        }
        self.exceptions.add(&self.account, tag, slots).or_else(|_| {
            // SAFETY: passed on from the caller.
            unsafe { self.free_exceptions(slots, live_to) };
            self.exceptions.add(&self.account, tag, slots)
        })
    }

    /// Frees the exceptions that nothing refers to; what `kept` refers to, something does.
    ///
    /// # Safety
    ///
    /// As for [`StoreCore::add_exception`].
    #[cold]
    unsafe fn free_exceptions(&mut self, kept: &[u64], live_to: *const u64) {
        let (exceptions, mut list, mut places) = (&mut self.exceptions, NOWHERE, 0);
        let mut look = |exceptions: &mut Exceptions, slots: &[u64]| {
            places += slots.len().max(1);
            for slot in slots {
                exceptions.mark(*slot, &mut list);
            }
        };
        let roots = std::mem::take(exceptions.roots_mut());
        look(exceptions, &roots);
        *exceptions.roots_mut() = roots;
        look(exceptions, kept);
        // SAFETY: everything in the store lives as long as the store, which is borrowed here alone. The value
        // stack up to `live_to` is the caller's duty.
        unsafe {
            look(exceptions, self.stack.used(live_to));
            self.native.look_at_roots(|slots| look(exceptions, slots));
            for global in &self.globals {
                let GlobalData { value, ty } = global.as_ref();
                look(exceptions, &value[..usize::from(ty.content.is_exception())]);
            }
            for table in &self.tables {
                let table = table.as_ref();
                if table.ty.element.heap.kind() == RefKind::Exn {
                    look(exceptions, &table.elems);
                }
            }
            for instance in &self.instances {
                let instance = instance.as_ref();
                let segments = instance.elems.iter().zip(&instance.module.inner().elems);
                for (elems, segment) in segments {
                    if let (Some(elems), ElemItems::Exprs(_)) = (elems, &segment.items) {
                        look(exceptions, elems);
                    }
                }
            }
        }
        exceptions.sweep(list, places);
    }

    /// Keeps the exceptions alive that values in slots refer to: the embedder gets the values.
    #[inline]
    pub(crate) fn root_vals(&self, types: &[ValType], slots: &[u64]) {
        let mut at = 0;
        for ty in types {
            if ty.is_exception() {
                self.exceptions.root(slots[at]);
            }
            at += ty.slots();
        }
    }
}

fn told(full: Full) -> NoRoom {
    full.to_string().into()
}

#[cold]
fn no_memory() -> NoRoom {
    "the host has no memory for an exception".into()
}
