//! Linking by names.

use std::borrow::Cow;
use std::ffi::{CString, c_char, c_void};
use std::ptr::null_mut;
use std::rc::Rc;

use holdall::{Engine, Error, Instance, Linker, ModuleReader, ReadError, Result};
use holdall_wasi::{Grants, Wasi};

use crate::guard::guard;
use crate::standard::failure::fail;
use crate::standard::home::{Finalizer, Home, Info, Kept};
use crate::standard::instance::instance_or_trap;
use crate::standard::object::Object;
use crate::standard::vec::{CVec, dropped, owned, taken};
use crate::text::from_c;

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_linker_new(engine: *const Engine) -> *mut Linker<()> {
    guard(null_mut(), || {
        // SAFETY: C's duty: `engine` is null or exists.
        match unsafe { engine.as_ref() } {
            Some(engine) => owned(Linker::new(engine)),
            None => fail("a linker: expected an engine, found NULL", null_mut()),
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_linker_delete(it: *mut Linker<()>) {
    // SAFETY: C's duty: `it` is null or owned.
    guard((), || unsafe { dropped(it) });
}

/// Changes C's linker; false, and a reason, where that cannot be.
///
/// # Safety
///
/// `it` is null or exists.
unsafe fn change(it: *mut Linker<()>, change: impl FnOnce(&mut Linker<()>) -> Result<()>) -> bool {
    // SAFETY: the caller's duty.
    let Some(it) = (unsafe { it.as_mut() }) else {
        return fail("expected a linker, found NULL", false);
    };
    match change(it) {
        Ok(()) => true,
        Err(error) => fail(error, false),
    }
}

fn text(text: Option<&str>) -> Result<&str> {
    text.ok_or_else(|| Error::usage("expected a name of UTF-8, found NULL or other bytes"))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_linker_wasi(it: *mut Linker<()>, grants: *mut Grants) -> bool {
    guard(false, || {
        // SAFETY: C's duty: they are null or exist, and the grants pass to this function.
        unsafe {
            let grants = taken(grants);
            change(it, |linker| {
                let grants = grants.ok_or_else(|| Error::usage("expected grants, found NULL"))?;
                holdall_wasi::add_to_linker(linker, Wasi::new(grants));
                Ok(())
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_linker_define(
    it: *mut Linker<()>,
    module: *const c_char,
    name: *const c_char,
    object: *const Object,
) -> bool {
    guard(false, || {
        // SAFETY: C's duty: they are null or exist, the strings with a zero byte at their end.
        unsafe {
            change(it, |linker| {
                let (module, name) = (text(from_c(module))?, text(from_c(name))?);
                let object = object.as_ref().and_then(|it| Some((&it.home, it.item()?)));
                let (home, item) = object.ok_or_else(|| {
                    Error::usage("expected something to import, found NULL or another handle")
                })?;
                if !linker.engine().same(home.engine()) {
                    return Err(Error::usage(
                        "expected something of the linker's engine, found one of another",
                    ));
                }
                home.with(|context| linker.define(context, module, name, item).map(drop))?
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_linker_module(
    it: *mut Linker<()>,
    name: *const c_char,
    module: *const Object,
) -> bool {
    guard(false, || {
        // SAFETY: C's duty: they are null or exist, the string with a zero byte at its end.
        unsafe {
            change(it, |linker| {
                let module = module.as_ref().and_then(Object::module);
                let module = module.ok_or_else(|| {
                    Error::usage("expected a module, found NULL or another handle")
                })?;
                linker.register(text(from_c(name))?, module).map(drop)
            })
        }
    })
}

/// `holdall_reader_t`.
type Read = unsafe extern "C" fn(*mut c_void, *const c_char, *mut CVec<u8>) -> bool;

/// A reader of C's.
struct Reader {
    read: Read,
    env: Kept<Info>,
}

impl ModuleReader for Reader {
    fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        // C cannot have a module whose name it cannot be told.
        let Ok(name) = CString::new(name) else {
            return Ok(None);
        };
        let mut bytes = CVec::EMPTY;
        // SAFETY: C's duty: the reader can be called with its environment.
        let found = unsafe { (self.read)(self.env.data, name.as_ptr(), &raw mut bytes) };
        Ok(found.then(|| bytes.as_slice().to_vec().into()))
    }

    fn wants_back(&self, _: &str, _: &[u8]) -> bool {
        false
    }

    fn describe(&self) -> String {
        "the program's reader".to_owned()
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_linker_reader(
    it: *mut Linker<()>,
    read: Option<Read>,
    data: *mut c_void,
    finalizer: Finalizer,
) -> bool {
    guard(false, || {
        let env = Kept(Info { data, finalizer });
        // SAFETY: C's duty: `it` is null or exists.
        unsafe {
            change(it, |linker| {
                let read = read.ok_or_else(|| Error::usage("expected a reader, found NULL"))?;
                linker.set_reader(Reader { read, env });
                Ok(())
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_linker_instantiate(
    it: *const Linker<()>,
    store: *mut Rc<Home>,
    module: *const Object,
    trap: *mut *mut Object,
) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or exist. The handles may be deleted while a start function runs;
        // the linker stays.
        unsafe {
            let it = it.as_ref();
            instance_or_trap(store, module, trap, |_, context, module| {
                let it = it.ok_or_else(|| Error::usage("expected a linker, found NULL"))?;
                it.instantiate(context, module)
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_instance_get(it: *const Object, name: *const c_char) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or exist, the string with a zero byte at its end.
        let (it, name) = unsafe { (it.as_ref(), from_c(name)) };
        let it = it.and_then(|it| Some((&it.home, it.instance()?)));
        let (Some((home, instance)), Some(name)) = (it, name) else {
            return fail(
                "expected an instance and a name, found NULL or another handle",
                null_mut(),
            );
        };
        let find = |instance: Instance| {
            home.with(|context| {
                let item = instance.get_export(&context, name);
                item.or_else(|| Some(instance.get_func(&context, name)?.into()))
            })
        };
        match find(instance) {
            Ok(Some(item)) => Object::of_extern(home, item),
            Ok(None) => fail(format_args!("there is no export {name:?}"), null_mut()),
            Err(error) => fail(error, null_mut()),
        }
    })
}
