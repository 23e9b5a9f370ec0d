//! The canonical types of the process (WebAssembly 3.0, 3.1.2 "Recursive Types"): two function types
//! are the same type if and only if their numbers are, in whichever modules they were declared.
//!
//! A recursion group is known by its own structure: references to types of the group by their place
//! in the group, and references to earlier types by their numbers. A group stays for as long as a
//! module, a store or another group uses the group. Numbers are never given to another type, so that
//! a number that was kept too long is found out.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::num::NonZeroU64;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, RwLock};

use crate::types::{ExternType, FuncType, HeapType, RefType, ValType};

/// The canonical number of a function type. The number is unique in the process, and no other type
/// ever gets the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct TypeId(NonZeroU64);

/// The numbers below this one stand for types of the group itself, by their places, while a group is
/// not canonical yet.
const FIRST: u64 = 1 << 32;

impl TypeId {
    /// The type at a place of the group that is being declared.
    #[must_use]
    pub fn in_group(place: u32) -> Self {
        Self(NonZeroU64::MIN.saturating_add(place.into()))
    }

    fn place(self) -> Option<u64> {
        let number = self.0.get();
        (number < FIRST).then(|| number - 1)
    }
}

/// A function type as a group declares the type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubType {
    /// The parameters and results.
    pub func: FuncType,
    /// Whether no type may be declared as a subtype of this one.
    pub is_final: bool,
    /// The type whose subtype this one is declared to be. It is declared before this one.
    pub supertype: Option<TypeId>,
}

impl SubType {
    /// A final type without a supertype: all that there was before groups.
    fn plain(func: FuncType) -> Self {
        Self {
            func,
            is_final: true,
            supertype: None,
        }
    }

    /// Whether the type is final and has no supertype.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_final && self.supertype.is_none()
    }

    /// The types that the type refers to.
    fn refers_to(&self) -> impl Iterator<Item = TypeId> {
        let values = self.func.params().iter().chain(self.func.results());
        let concrete = values.filter_map(|ty| match ty {
            ValType::Ref(RefType {
                heap: HeapType::ConcreteFunc(id),
                ..
            }) => Some(*id),
            _ => None,
        });
        concrete.chain(self.supertype)
    }

    /// The type with the numbers of a group's own types for their places; the first type of the
    /// group has the number `first`.
    fn resolved(&self, first: u64, place: u64, alone: bool) -> Self {
        let id = |id: TypeId| id.place().map_or(id, |place| number(first + place));
        let resolve = |ty: &ValType| match *ty {
            ValType::Ref(RefType {
                heap: HeapType::ConcreteFunc(of),
                nullable,
            }) => ValType::Ref(RefType {
                heap: HeapType::ConcreteFunc(id(of)),
                nullable,
            }),
            other => other,
        };
        let params = self.func.params().iter().map(resolve);
        let func = FuncType::new(params, self.func.results().iter().map(resolve));
        let is_plain = alone && self.is_plain();
        Self {
            func: func.declared_as((!is_plain).then(|| number(first + place))),
            is_final: self.is_final,
            supertype: self.supertype.map(id),
        }
    }
}

fn number(number: u64) -> TypeId {
    TypeId(NonZeroU64::new(number).expect("numbers begin at 2^32"))
}

#[derive(Debug)]
struct Types {
    /// The groups by the number of their first type. The other types have the numbers after it.
    groups: BTreeMap<u64, Group>,
    /// The number of the first type of each group, by the group's structure.
    by_structure: HashMap<Arc<[SubType]>, u64>,
    next: u64,
}

#[derive(Debug)]
struct Group {
    /// As declared: the group's own types by their places.
    structure: Arc<[SubType]>,
    /// The types as they are used, all by their numbers.
    types: Arc<[SubType]>,
    /// How many users the group has: [`Uses`], and references of other groups. The number goes up
    /// under the read lock and down under the write lock, so that nobody takes up a group that is
    /// just being removed.
    uses: AtomicUsize,
}

static TYPES: LazyLock<RwLock<Types>> = LazyLock::new(|| {
    RwLock::new(Types {
        groups: BTreeMap::new(),
        by_structure: HashMap::new(),
        next: FIRST,
    })
});

const POISONED: &str = "no holder of the lock can panic";

impl Types {
    /// The group of a type, the number of the group's first type, and the type's place.
    fn find(&self, id: TypeId) -> Option<(&Group, u64, usize)> {
        let (first, group) = self.groups.range(..=id.0.get()).next_back()?;
        let place = usize::try_from(id.0.get() - first).ok()?;
        (place < group.types.len()).then_some((group, *first, place))
    }

    fn take_known(&self, structure: &[SubType]) -> Option<u64> {
        let first = *self.by_structure.get(structure)?;
        self.groups[&first].uses.fetch_add(1, Ordering::Relaxed);
        Some(first)
    }

    /// Takes up the types that a group refers to.
    fn take_outside(&self, structure: &[SubType]) {
        for id in structure.iter().flat_map(SubType::refers_to) {
            if let Some((group, ..)) = self.find(id) {
                group.uses.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn add(&mut self, structure: Vec<SubType>) -> u64 {
        let first = self.next;
        // 2^64 types are more than a process can declare.
        self.next += structure.len() as u64;
        self.take_outside(&structure);
        let structure: Arc<[SubType]> = structure.into();
        let is_plain =
            |ty: &SubType| ty.is_plain() && ty.refers_to().all(|id| id.place().is_none());
        let types = match &*structure {
            [only] if is_plain(only) => Arc::clone(&structure),
            all => {
                let alone = all.len() == 1;
                let places = (0..).zip(all);
                places
                    .map(|(place, ty)| ty.resolved(first, place, alone))
                    .collect()
            }
        };
        self.by_structure.insert(Arc::clone(&structure), first);
        let uses = AtomicUsize::new(1);
        let group = Group {
            structure,
            types,
            uses,
        };
        self.groups.insert(first, group);
        first
    }

    /// Ends a use of a group. Groups that nobody uses any more are removed, and what they referred to
    /// loses a user: one group after another, however long the chain of references is.
    fn give_back(&mut self, first: u64) {
        let mut left = vec![first];
        while let Some(first) = left.pop() {
            let group = self
                .groups
                .get_mut(&first)
                .expect("a group in use is there");
            *group.uses.get_mut() -= 1;
            if *group.uses.get_mut() > 0 {
                continue;
            }
            let group = self.groups.remove(&first).expect("found just now");
            self.by_structure.remove(&group.structure);
            if self.by_structure.is_empty() {
                // A process that uses no module any more keeps nothing of them.
                self.by_structure.shrink_to_fit();
            }
            let outside = group.structure.iter().flat_map(SubType::refers_to);
            left.extend(outside.filter_map(|id| Some(self.find(id)?.1)));
        }
    }

    /// Frees memory that was there for many more types.
    fn shrink(&mut self) {
        if self.by_structure.capacity() / 4 > self.by_structure.len() {
            self.by_structure.shrink_to_fit();
        }
    }
}

/// A type that no module or store uses any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected a type that a module or a store has, found a reference to a function type of \
             modules that are gone; keep a module that declares the type for as long as the type is \
             used",
        )
    }
}

impl std::error::Error for Stale {}

/// Groups in use: their types keep their numbers for as long as this lives.
#[derive(Debug, Default)]
pub struct Uses(Vec<u64>);

impl Uses {
    /// Declares a group whose types refer to their own group by [`TypeId::in_group`], and gives the
    /// number of its first type. The numbers of the others follow.
    ///
    /// # Errors
    /// Where a type refers to one that nobody uses any more.
    pub fn declare(&mut self, group: Vec<SubType>) -> Result<TypeId, Stale> {
        // The room comes first: a group that was taken and could not be kept would never be given
        // back.
        self.0.reserve(1);
        let known = TYPES.read().expect(POISONED).take_known(&group);
        let first = match known {
            Some(first) => first,
            None => {
                let mut types = TYPES.write().expect(POISONED);
                // Another thread may have been first.
                match types.take_known(&group) {
                    Some(first) => first,
                    None => {
                        let len = group.len() as u64;
                        let exists = |id: TypeId| match id.place() {
                            Some(place) => place < len,
                            None => types.find(id).is_some(),
                        };
                        if !group.iter().flat_map(SubType::refers_to).all(exists) {
                            return Err(Stale);
                        }
                        types.add(group)
                    }
                }
            }
        };
        self.0.push(first);
        Ok(number(first))
    }

    /// Takes up a function type, which may be one that a module declares, and gives its number.
    ///
    /// # Errors
    /// Where the type is, or refers to, one that nobody uses any more.
    pub fn take(&mut self, ty: &FuncType) -> Result<TypeId, Stale> {
        match ty.declared() {
            Some(id) => self.take_id(id),
            None => self.declare(vec![SubType::plain(ty.clone())]),
        }
    }

    /// Takes up a type by its number.
    ///
    /// # Errors
    /// Where nobody uses the type any more.
    pub fn take_id(&mut self, id: TypeId) -> Result<TypeId, Stale> {
        self.0.reserve(1);
        let types = TYPES.read().expect(POISONED);
        let (group, first, _) = types.find(id).ok_or(Stale)?;
        group.uses.fetch_add(1, Ordering::Relaxed);
        self.0.push(first);
        Ok(id)
    }

    /// Takes up what values of a type refer to.
    ///
    /// # Errors
    /// Where nobody uses that type any more.
    pub fn take_ref(&mut self, ty: RefType) -> Result<(), Stale> {
        match ty.heap {
            HeapType::ConcreteFunc(id) => self.take_id(id).map(drop),
            _ => Ok(()),
        }
    }
}

impl Drop for Uses {
    fn drop(&mut self) {
        if self.0.is_empty() {
            return;
        }
        let mut types = TYPES.write().expect(POISONED);
        for first in self.0.drain(..) {
            types.give_back(first);
        }
        types.shrink();
    }
}

/// Keeps what the types of an error refer to, so that the error can be shown when their modules are
/// gone. Two such guards are equal whatever they keep.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Uses>);

impl Kept {
    /// Keeps what a type refers to, where that is still in use.
    pub fn keep(&mut self, ty: &ExternType) {
        let mut uses = std::mem::take(&mut self.0);
        // Nobody else has the guard while an error is made.
        if let Some(uses) = Arc::get_mut(&mut uses) {
            // A type that is gone is shown as one.
            let _ = match ty {
                ExternType::Func(ty) => uses.take(ty).map(drop),
                ExternType::Tag(ty) => uses.take(ty.ty()).map(drop),
                ExternType::Table(ty) => uses.take_ref(ty.element),
                ExternType::Global(ty) => match ty.content {
                    ValType::Ref(ty) => uses.take_ref(ty),
                    _ => Ok(()),
                },
                ExternType::Memory(_) => Ok(()),
            };
        }
        self.0 = uses;
    }
}

impl PartialEq for Kept {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Kept {}

/// A type of the process, with its group.
#[derive(Clone, Debug)]
pub struct Known {
    types: Arc<[SubType]>,
    place: usize,
}

impl Known {
    /// The type of this number; `None` where nobody uses the type any more.
    #[must_use]
    pub fn of(id: TypeId) -> Option<Self> {
        let types = TYPES.read().expect(POISONED);
        let (group, _, place) = types.find(id)?;
        Some(Self {
            types: Arc::clone(&group.types),
            place,
        })
    }

    /// The type of a number that is in use.
    ///
    /// # Panics
    /// Where nobody uses the type any more.
    #[must_use]
    pub fn in_use(id: TypeId) -> Self {
        Self::of(id).expect("a number in use has a type")
    }

    /// The type with its declaration.
    #[must_use]
    pub fn declaration(&self) -> &SubType {
        &self.types[self.place]
    }

    /// The place of the type in its group, and how many types the group has.
    #[must_use]
    pub fn place(&self) -> (usize, usize) {
        (self.place, self.types.len())
    }
}

impl Deref for Known {
    type Target = FuncType;

    fn deref(&self) -> &FuncType {
        &self.declaration().func
    }
}

/// Whether one type is another, or was declared as its subtype, directly or through others.
#[cold]
#[must_use]
pub fn is_subtype(of: TypeId, expected: TypeId) -> bool {
    if of == expected {
        return true;
    }
    let types = TYPES.read().expect(POISONED);
    // Validation allows a chain of 63 supertypes.
    let mut ty = of;
    while let Some((group, _, place)) = types.find(ty) {
        match group.types[place].supertype {
            Some(id) if id == expected => return true,
            Some(id) => ty = id,
            None => return false,
        }
    }
    false
}

/// The types of a module: their numbers, and the types by their indices.
#[derive(Debug, Default)]
pub struct ModuleTypes {
    uses: Uses,
    ids: Vec<TypeId>,
    funcs: Vec<FuncType>,
}

impl ModuleTypes {
    /// The canonical numbers by type indices.
    #[must_use]
    pub fn ids(&self) -> &[TypeId] {
        &self.ids
    }

    /// Adds the types of a group.
    ///
    /// # Errors
    /// Where the group refers to types that nobody uses any more.
    pub fn declare(&mut self, group: Vec<SubType>) -> Result<(), Stale> {
        let first = self.uses.declare(group)?;
        let known = Known::of(first).ok_or(Stale)?;
        let numbers = first.0.get()..;
        self.ids.extend(numbers.take(known.types.len()).map(number));
        self.funcs
            .extend(known.types.iter().map(|ty| ty.func.clone()));
        Ok(())
    }
}

impl Deref for ModuleTypes {
    type Target = [FuncType];

    fn deref(&self) -> &[FuncType] {
        &self.funcs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `n`th of many types, which no other test declares.
    fn ty(n: usize) -> FuncType {
        let bits = (0..usize::BITS).map(|bit| match n >> bit & 1 {
            0 => ValType::F32,
            _ => ValType::F64,
        });
        FuncType::new(bits, [])
    }

    fn reference(id: TypeId) -> ValType {
        ValType::Ref(RefType {
            nullable: true,
            heap: HeapType::ConcreteFunc(id),
        })
    }

    fn open(func: FuncType, supertype: Option<TypeId>) -> SubType {
        SubType {
            func,
            is_final: false,
            supertype,
        }
    }

    #[test]
    fn equal_types_have_one_number_and_different_types_two() {
        let (mut one, mut other) = (Uses::default(), Uses::default());
        let id = one.take(&ty(1)).unwrap();
        assert_eq!(Ok(id), other.take(&ty(1)));
        assert_ne!(one.take(&ty(2)), other.take(&ty(3)));
        drop(one);
        assert_eq!(Ok(id), other.take(&ty(1)));
        assert_eq!(*Known::in_use(id), ty(1));
    }

    #[test]
    fn groups_are_equal_by_their_structure_and_a_member_is_another_type_than_its_lone_twin() {
        let mut uses = Uses::default();
        let group = |n| {
            let first = FuncType::new([reference(TypeId::in_group(1))], []);
            vec![SubType::plain(first), SubType::plain(ty(n))]
        };
        let id = uses.declare(group(10)).unwrap();
        assert_eq!(uses.declare(group(10)), Ok(id));
        assert_ne!(uses.declare(group(11)), Ok(id));
        let second = number(id.0.get() + 1);
        assert_ne!(uses.take(&ty(10)), Ok(second));
        let known = Known::in_use(second);
        assert_ne!(*known, ty(10));
        assert_eq!(uses.take(&known), Ok(second));
        assert_eq!(Known::in_use(id).params(), &[reference(second)]);
    }

    #[test]
    fn a_subtype_is_of_its_supertypes_and_of_no_other_type() {
        let mut uses = Uses::default();
        let top = uses.declare(vec![open(ty(20), None)]).unwrap();
        let middle = uses.declare(vec![open(ty(20), Some(top))]).unwrap();
        let low = uses.declare(vec![open(ty(20), Some(middle))]).unwrap();
        let plain = uses.take(&ty(20)).unwrap();
        assert!(is_subtype(low, top) && is_subtype(low, low) && !is_subtype(top, low));
        assert!(!is_subtype(low, plain) && !is_subtype(plain, top));
    }

    #[test]
    fn types_that_nobody_uses_any_more_are_gone_and_their_numbers_are_refused() {
        let mut uses = Uses::default();
        let id = uses.take(&ty(30)).unwrap();
        let mut user = Uses::default();
        let of_id = FuncType::new([reference(id)], []);
        let referring = user.take(&of_id).unwrap();
        drop(uses);
        assert!(Known::of(id).is_some(), "a type that is referred to stays");
        drop(user);
        assert!(Known::of(id).is_none() && Known::of(referring).is_none());
        let mut uses = Uses::default();
        assert_eq!(uses.take(&of_id), Err(Stale));
        assert_eq!(uses.take_id(id), Err(Stale));
        assert_ne!(uses.take(&ty(30)), Ok(id), "no number is given twice");
    }

    #[test]
    fn a_chain_of_references_is_dropped_without_recursion() {
        let mut uses = Uses::default();
        let mut last = uses.take(&ty(40)).unwrap();
        for _ in 0..200_000 {
            let mut next = Uses::default();
            last = next.take(&FuncType::new([reference(last)], [])).unwrap();
            uses = next;
        }
        drop(uses);
        assert!(Known::of(last).is_none());
    }

    #[test]
    fn threads_take_and_give_back_the_same_types() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..2_000 {
                        let mut uses = Uses::default();
                        let id = uses.take(&ty(50 + n % 3)).unwrap();
                        assert_eq!(*Known::in_use(id), ty(50 + n % 3));
                    }
                });
            }
        });
    }
}
