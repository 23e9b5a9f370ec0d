//! The store that C's handles are to, and who may use it now.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::rc::Rc;

use holdall::{AsContextMut, Caller, Engine, Error, ExternRef, Result, Store, StoreContextMut};

use super::object::Thing;

/// A store, and what C keeps with the things in it. Every handle to something of the store holds its home, so
/// that the home outlives the store where C deletes the store first.
///
/// A store is for one thread at a time, and so is its home, with all handles to what is in it: that is C's
/// duty.
pub(crate) struct Home {
    engine: Engine,
    /// `None` once the store was deleted.
    store: UnsafeCell<Option<Store<()>>>,
    access: Cell<Access>,
    /// Whether C has deleted the store while something used it.
    ended: Cell<bool>,
    infos: RefCell<HashMap<Thing, Info>>,
    /// The references to things that guests got as an `externref`.
    externs: RefCell<HashMap<Thing, ExternRef>>,
}

/// Through what the store can be used now.
#[derive(Clone, Copy)]
enum Access {
    /// Through `store`: nothing else uses it.
    Free,
    /// Not at all: the engine uses it, and no host function of C's runs.
    Busy,
    /// Through the caller of the innermost host function that runs.
    Host(NonNull<Caller<'static, ()>>),
}

impl Home {
    /// An empty store.
    ///
    /// # Errors
    ///
    /// Those of [`Store::try_new`].
    pub(crate) fn new(engine: &Engine) -> Result<Rc<Self>> {
        Ok(Rc::new(Self {
            engine: engine.clone(),
            store: UnsafeCell::new(Some(Store::try_new(engine, ())?)),
            access: Cell::new(Access::Free),
            ended: Cell::new(false),
            infos: RefCell::default(),
            externs: RefCell::default(),
        }))
    }

    /// The home of what has no store.
    pub(crate) fn nowhere() -> Rc<Self> {
        Rc::new(Self {
            engine: Engine::default(),
            store: UnsafeCell::new(None),
            access: Cell::new(Access::Free),
            ended: Cell::new(false),
            infos: RefCell::default(),
            externs: RefCell::default(),
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Has `with` use the store. It may call the guest, and so C's host functions, which can use the store too.
    ///
    /// # Errors
    ///
    /// When the store was deleted, or the engine uses it.
    #[inline]
    pub(crate) fn with<R>(&self, with: impl FnOnce(StoreContextMut<'_, ()>) -> R) -> Result<R> {
        let before = self.access.get();
        // SAFETY: nobody else refers to the contents of `store`, or to the caller: `access` says so, is `Busy`
        // for as long as this borrow lasts, and is `Host` only while a host function waits for C, which uses
        // its caller in no other way.
        let context = unsafe {
            match before {
                Access::Free => (*self.store.get())
                    .as_mut()
                    .map(AsContextMut::as_context_mut),
                Access::Busy => None,
                Access::Host(mut caller) => Some(caller.as_mut().as_context_mut()),
            }
        };
        let Some(context) = context else {
            return Err(self.unusable(before));
        };
        let _back = self.enter(Access::Busy);
        Ok(with(context))
    }

    /// Has C's host function `with` use the store through its caller.
    #[inline]
    pub(crate) fn lend<R>(&self, caller: &mut Caller<'_, ()>, with: impl FnOnce() -> R) -> R {
        let _back = self.enter(Access::Host(NonNull::from(caller).cast()));
        with()
    }

    #[inline]
    fn enter(&self, access: Access) -> Back<'_> {
        Back {
            home: self,
            before: self.access.replace(access),
        }
    }

    #[cold]
    fn unusable(&self, access: Access) -> Error {
        Error::usage(match access {
            Access::Busy => "the store is in use: only its host functions can use it while it runs",
            _ => "the store was deleted",
        })
    }

    /// Ends the store, and everything in it: now, or when nothing uses the store any longer.
    pub(crate) fn end(&self) {
        if !matches!(self.access.get(), Access::Free) {
            self.ended.set(true);
            return;
        }
        // SAFETY: nobody uses the store.
        let store = unsafe { (*self.store.get()).take() };
        // These run finalizers of C's, which find that the store was deleted.
        drop(store);
        drop(self.externs.take());
        drop(self.infos.take());
    }

    /// What C keeps with a thing.
    pub(crate) fn info(&self, thing: &Thing) -> *mut c_void {
        let infos = self.infos.borrow();
        infos.get(thing).map_or(std::ptr::null_mut(), |it| it.data)
    }

    /// Keeps something with a thing.
    pub(crate) fn set_info(&self, thing: &Thing, info: Info) {
        let alive = !self.is_deleted();
        let before = alive.then(|| self.infos.borrow_mut().insert(thing.clone(), info));
        // Its finalizer may use the infos.
        drop(before);
    }

    /// Whether C has deleted the store.
    pub(crate) fn is_deleted(&self) -> bool {
        // SAFETY: whether there is a store changes in `end` only.
        matches!(self.access.get(), Access::Free) && unsafe { (*self.store.get()).is_none() }
    }

    /// The reference that guests know a thing by.
    pub(crate) fn extern_ref(
        &self,
        context: impl AsContextMut,
        thing: &Thing,
        make: impl FnOnce() -> Kept,
    ) -> ExternRef {
        let mut externs = self.externs.borrow_mut();
        *externs
            .entry(thing.clone())
            .or_insert_with(|| ExternRef::new(context, make()))
    }
}

/// Makes the access to a store what it was before.
struct Back<'a> {
    home: &'a Home,
    before: Access,
}

impl Drop for Back<'_> {
    #[inline]
    fn drop(&mut self) {
        self.home.access.set(self.before);
        if self.home.ended.get() {
            self.home.end();
        }
    }
}

/// A finalizer of C's, which may be null.
pub(crate) type Finalizer = Option<unsafe extern "C" fn(*mut c_void)>;

/// What C keeps with a thing, and who is told of the end.
pub(crate) struct Info {
    pub(crate) data: *mut c_void,
    pub(crate) finalizer: Finalizer,
}

impl Drop for Info {
    fn drop(&mut self) {
        if let Some(finalizer) = self.finalizer {
            // SAFETY: C's duty: the finalizer takes the data.
            unsafe { finalizer(self.data) };
        }
    }
}

/// Something of C's that the engine keeps.
pub(crate) struct Kept<T = super::object::Object>(pub(crate) T);

// SAFETY: what the engine keeps is in a store, and a store with all of its handles is for one thread at a
// time; that is C's duty.
unsafe impl<T> Send for Kept<T> {}
// SAFETY: as for `Send`.
unsafe impl<T> Sync for Kept<T> {}
