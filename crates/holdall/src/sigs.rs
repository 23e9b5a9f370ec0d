//! Canonical function types: within an engine, two function types are equal if and only if their
//! numbers are. A type stays for as long as a module or a store uses it; after that, another type
//! may get the number.

use std::collections::{BTreeSet, HashMap};
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use crate::types::FuncType;

/// The canonical number of a function type within its engine, valid for as long as the [`Sigs`]
/// that hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub(crate) struct SigId(pub(crate) u32);

/// The canonical types of an engine. Cloning gives another handle to the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canonical(Arc<RwLock<Types>>);

#[derive(Debug, Default)]
struct Types {
    ids: HashMap<Arc<FuncType>, SigId>,
    /// By number; `None` where no type has the number.
    types: Vec<Option<Entry>>,
    /// The numbers below the length of `types` that no type has.
    free: BTreeSet<u32>,
}

#[derive(Debug)]
struct Entry {
    ty: Arc<FuncType>,
    /// How often `Sigs` hold the type. The number goes up under the read lock and down under the
    /// write lock, so that nobody takes up a type that is just being removed.
    uses: AtomicUsize,
}

/// The canonical numbers that a module or a store uses.
#[derive(Debug)]
pub(crate) struct Sigs {
    canonical: Canonical,
    ids: Vec<SigId>,
}

const POISONED: &str = "no holder of the lock can panic";

impl Canonical {
    /// The type of a canonical number that somebody uses.
    pub(crate) fn func_type(&self, id: SigId) -> Arc<FuncType> {
        let types = self.0.read().expect(POISONED);
        let entry = types.types[id.0 as usize].as_ref();
        Arc::clone(&entry.expect("a number in use has a type").ty)
    }

    fn take(&self, ty: &FuncType) -> SigId {
        if let Some(id) = self.0.read().expect(POISONED).take_known(ty) {
            return id;
        }
        let mut types = self.0.write().expect(POISONED);
        // Another thread may have been first.
        types.take_known(ty).unwrap_or_else(|| types.add(ty))
    }
}

impl Types {
    fn take_known(&self, ty: &FuncType) -> Option<SigId> {
        let id = *self.ids.get(ty)?;
        let entry = self.types[id.0 as usize].as_ref();
        let entry = entry.expect("a type that is known has its number");
        entry.uses.fetch_add(1, Ordering::Relaxed);
        Some(id)
    }

    fn add(&mut self, ty: &FuncType) -> SigId {
        let number = self.free.pop_first().unwrap_or_else(|| {
            self.types.push(None);
            u32::try_from(self.types.len() - 1).expect("below 2^32 types")
        });
        let ty = Arc::new(ty.clone());
        self.ids.insert(Arc::clone(&ty), SigId(number));
        let uses = AtomicUsize::new(1);
        self.types[number as usize] = Some(Entry { ty, uses });
        SigId(number)
    }

    fn give_back(&mut self, SigId(number): SigId) {
        let slot = &mut self.types[number as usize];
        let entry = slot.as_mut().expect("a number in use has a type");
        *entry.uses.get_mut() -= 1;
        if *entry.uses.get_mut() == 0 {
            self.ids.remove(&entry.ty);
            *slot = None;
            self.free.insert(number);
        }
    }

    /// Frees memory that was there for many more types.
    fn shrink(&mut self) {
        while let Some(None) = self.types.last() {
            self.types.pop();
            self.free.remove(&(self.types.len() as u32));
        }
        if self.ids.capacity() / 4 > self.ids.len() {
            self.ids.shrink_to_fit();
            self.types.shrink_to_fit();
        }
    }
}

impl Sigs {
    /// No numbers yet.
    pub(crate) fn new(canonical: &Canonical) -> Self {
        Self {
            canonical: canonical.clone(),
            ids: Vec::new(),
        }
    }

    /// Adds the number of a type.
    pub(crate) fn add(&mut self, ty: &FuncType) -> SigId {
        // The room comes first: a number that was taken and could not be kept would never be given
        // back.
        self.ids.reserve(1);
        let id = self.canonical.take(ty);
        self.ids.push(id);
        id
    }
}

impl Deref for Sigs {
    type Target = [SigId];

    fn deref(&self) -> &[SigId] {
        &self.ids
    }
}

impl Drop for Sigs {
    fn drop(&mut self) {
        if self.ids.is_empty() {
            return;
        }
        let mut types = self.canonical.0.write().expect(POISONED);
        for id in self.ids.drain(..) {
            types.give_back(id);
        }
        types.shrink();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ValType;

    /// The `n`th of many types.
    fn ty(n: usize) -> FuncType {
        let bits = (0..usize::BITS).map(|bit| match n >> bit & 1 {
            0 => ValType::I32,
            _ => ValType::I64,
        });
        FuncType::new(bits, [])
    }

    #[test]
    fn equal_types_have_one_number_and_different_types_two() {
        let canonical = Canonical::default();
        let (mut one, mut other) = (Sigs::new(&canonical), Sigs::new(&canonical));
        assert_eq!(one.add(&ty(1)), other.add(&ty(1)));
        assert_ne!(one.add(&ty(2)), other.add(&ty(3)));
        drop(one);
        let id = other.add(&ty(1));
        assert_eq!((id, &*canonical.func_type(id)), (other[0], &ty(1)));
    }

    #[test]
    fn types_that_nobody_uses_any_more_take_nothing() {
        let canonical = Canonical::default();
        let mut stays = Sigs::new(&canonical);
        let id = stays.add(&ty(0));
        let mut room = 0;
        for round in 0..3 {
            let mut sigs = Sigs::new(&canonical);
            for n in 0..10_000 {
                sigs.add(&ty(round * 10_000 + n));
            }
            assert_eq!(&*canonical.func_type(sigs[7]), &ty(round * 10_000 + 7));
            room = canonical.0.read().unwrap().ids.capacity();
        }
        let types = canonical.0.read().unwrap();
        assert_eq!(
            (types.ids.len(), types.types.len(), types.free.len()),
            (1, 1, 0)
        );
        assert!(types.ids.capacity() < room / 100);
        drop(types);
        assert_eq!(&*canonical.func_type(id), &ty(0));
    }

    #[test]
    fn threads_take_and_give_back_the_same_types() {
        let canonical = Canonical::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..2_000 {
                        let mut sigs = Sigs::new(&canonical);
                        let id = sigs.add(&ty(n % 3));
                        assert_eq!(&*canonical.func_type(id), &ty(n % 3));
                    }
                });
            }
        });
        assert!(canonical.0.read().unwrap().types.is_empty());
    }
}
