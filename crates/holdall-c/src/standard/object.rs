//! Handles: one type for all of C's, so that C's conversions give the same pointer back.

use std::cell::{OnceCell, RefCell};
use std::ffi::c_void;
use std::hash::{Hash, Hasher};
use std::ptr::{null, null_mut};
use std::rc::Rc;

use holdall::{Extern, Func, Instance, Module};

use super::func::Signature;
use super::home::{Finalizer, Home, Info};
use super::trap::Story;
use super::vec::{copied, dropped, owned};
use crate::guard::guard;

/// `wasm_ref_t`, and every other handle.
pub(crate) struct Object {
    pub(crate) home: Rc<Home>,
    pub(crate) thing: Thing,
    /// The type of a function, once somebody has called the function by this handle.
    pub(crate) signature: OnceCell<Rc<Signature>>,
}

/// What a handle is to. Equal things are the same thing.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Thing {
    /// Something in a store that can be imported and exported.
    Extern(Extern),
    /// An instance in a store.
    Instance(Instance),
    /// Something that lives for as long as its handles.
    Own(Own),
}

/// Something that no store has.
#[derive(Clone)]
pub(crate) struct Own(Rc<(What, RefCell<Option<Info>>)>);

pub(crate) enum What {
    Module(Module),
    Trap(Story),
    Foreign,
}

impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Own {}

impl Hash for Own {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

impl Clone for Object {
    fn clone(&self) -> Self {
        Self::new(&self.home, self.thing.clone())
    }
}

impl Object {
    pub(crate) fn new(home: &Rc<Home>, thing: Thing) -> Self {
        Self {
            home: Rc::clone(home),
            thing,
            signature: OnceCell::new(),
        }
    }

    /// A handle to something new that no store has.
    pub(crate) fn own(home: &Rc<Home>, what: What) -> Self {
        Self::new(home, Thing::Own(Own(Rc::new((what, RefCell::default())))))
    }

    /// A handle for C to own, to something of the store.
    pub(crate) fn of_extern(home: &Rc<Home>, it: impl Into<Extern>) -> *mut Self {
        owned(Self::new(home, Thing::Extern(it.into())))
    }

    pub(crate) fn what(&self) -> Option<&What> {
        match &self.thing {
            Thing::Own(own) => Some(&own.0.0),
            _ => None,
        }
    }

    pub(crate) fn item(&self) -> Option<Extern> {
        match self.thing {
            Thing::Extern(item) => Some(item),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn func(&self) -> Option<Func> {
        match self.thing {
            Thing::Extern(Extern::Func(func)) => Some(func),
            _ => None,
        }
    }

    pub(crate) fn module(&self) -> Option<&Module> {
        match self.what() {
            Some(What::Module(module)) => Some(module),
            _ => None,
        }
    }

    pub(crate) fn story(&self) -> Option<&Story> {
        match self.what() {
            Some(What::Trap(story)) => Some(story),
            _ => None,
        }
    }

    pub(crate) fn instance(&self) -> Option<Instance> {
        match self.thing {
            Thing::Instance(instance) => Some(instance),
            _ => None,
        }
    }

    /// Whether this handle and another are to things of the same store.
    pub(crate) fn is_at(&self, home: &Rc<Home>) -> bool {
        Rc::ptr_eq(&self.home, home)
    }

    fn info(&self) -> *mut c_void {
        match &self.thing {
            Thing::Own(own) => own.0.1.borrow().as_ref().map_or(null_mut(), |it| it.data),
            thing => self.home.info(thing),
        }
    }

    fn set_info(&self, info: Info) {
        match &self.thing {
            Thing::Own(own) => {
                let before = own.0.1.borrow_mut().replace(info);
                // Its finalizer may use the handle.
                drop(before);
            }
            thing => self.home.set_info(thing, info),
        }
    }
}

/// The functions of all handles, by the kind of handle.
macro_rules! handles {
    ($($name:literal)*) => {$(const _: () = {
        #[unsafe(export_name = concat!("wasm_", $name, "_delete"))]
        unsafe extern "C" fn delete(it: *mut Object) {
            // SAFETY: C's duty: `it` is null or owned.
            guard((), || unsafe { dropped(it) });
        }

        #[unsafe(export_name = concat!("wasm_", $name, "_copy"))]
        unsafe extern "C" fn copy(it: *const Object) -> *mut Object {
            // SAFETY: C's duty: `it` is null or exists.
            guard(null_mut(), || unsafe { copied(it) })
        }

        #[unsafe(export_name = concat!("wasm_", $name, "_same"))]
        unsafe extern "C" fn same(it: *const Object, other: *const Object) -> bool {
            guard(false, || {
                // SAFETY: C's duty: they are null or exist.
                match unsafe { (it.as_ref(), other.as_ref()) } {
                    (Some(it), Some(other)) => it.thing == other.thing,
                    (None, None) => true,
                    _ => false,
                }
            })
        }

        #[unsafe(export_name = concat!("wasm_", $name, "_get_host_info"))]
        unsafe extern "C" fn get_host_info(it: *const Object) -> *mut c_void {
            guard(null_mut(), || {
                // SAFETY: C's duty: `it` is null or exists.
                unsafe { it.as_ref() }.map_or(null_mut(), Object::info)
            })
        }

        #[unsafe(export_name = concat!("wasm_", $name, "_set_host_info"))]
        unsafe extern "C" fn set_host_info(it: *mut Object, data: *mut c_void) {
            guard((), || {
                // SAFETY: C's duty: `it` is null or exists.
                if let Some(it) = unsafe { it.as_ref() } {
                    it.set_info(Info { data, finalizer: None });
                }
            });
        }

        #[unsafe(export_name = concat!("wasm_", $name, "_set_host_info_with_finalizer"))]
        unsafe extern "C" fn set_host_info_with_finalizer(
            it: *mut Object,
            data: *mut c_void,
            finalizer: Finalizer,
        ) {
            guard((), || {
                // SAFETY: C's duty: `it` is null or exists.
                if let Some(it) = unsafe { it.as_ref() } {
                    it.set_info(Info { data, finalizer });
                }
            });
        }
    };)*};
}
handles! {
    "ref" "trap" "foreign" "module" "func" "global" "table" "memory" "tag" "extern" "instance"
}

/// The conversions from a wider type of handles to a narrower one, and back.
macro_rules! conversions {
    ($($wide:literal from $name:literal => $thing:pat,)*) => {$(const _: () = {
        #[unsafe(export_name = concat!("wasm_", $name, "_as_", $wide))]
        extern "C" fn up(it: *mut Object) -> *mut Object {
            guard(null_mut(), || it)
        }

        #[unsafe(export_name = concat!("wasm_", $name, "_as_", $wide, "_const"))]
        extern "C" fn up_const(it: *const Object) -> *const Object {
            guard(null(), || it)
        }

        #[unsafe(export_name = concat!("wasm_", $wide, "_as_", $name))]
        unsafe extern "C" fn down(it: *mut Object) -> *mut Object {
            // SAFETY: C's duty: `it` is null or exists.
            guard(null_mut(), || unsafe { down_const(it) }.cast_mut())
        }

        #[unsafe(export_name = concat!("wasm_", $wide, "_as_", $name, "_const"))]
        unsafe extern "C" fn down_const(it: *const Object) -> *const Object {
            guard(null(), || {
                // SAFETY: C's duty: `it` is null or exists.
                match unsafe { it.as_ref() } {
                    Some(object) => match (&object.thing, object.what()) {
                        $thing => it,
                        _ => null(),
                    },
                    None => null(),
                }
            })
        }
    };)*};
}
conversions! {
    "ref" from "trap" => (_, Some(What::Trap(_))),
    "ref" from "foreign" => (_, Some(What::Foreign)),
    "ref" from "module" => (_, Some(What::Module(_))),
    "ref" from "func" => (Thing::Extern(Extern::Func(_)), _),
    "ref" from "global" => (Thing::Extern(Extern::Global(_)), _),
    "ref" from "table" => (Thing::Extern(Extern::Table(_)), _),
    "ref" from "memory" => (Thing::Extern(Extern::Memory(_)), _),
    "ref" from "tag" => (Thing::Extern(Extern::Tag(_)), _),
    "ref" from "extern" => (Thing::Extern(_), _),
    "ref" from "instance" => (Thing::Instance(_), _),
    "extern" from "func" => (Thing::Extern(Extern::Func(_)), _),
    "extern" from "global" => (Thing::Extern(Extern::Global(_)), _),
    "extern" from "table" => (Thing::Extern(Extern::Table(_)), _),
    "extern" from "memory" => (Thing::Extern(Extern::Memory(_)), _),
    "extern" from "tag" => (Thing::Extern(Extern::Tag(_)), _),
}
