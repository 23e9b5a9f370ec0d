//! Exceptions as the embedder sees them: as the error of a call that nobody in the guest caught, and as the
//! error that a host function throws.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::Escaped;
use crate::exec::{Calls, module_name};
use crate::host::{read_vals, write_vals};
use crate::limits::Watch;
use crate::module::Module;
use crate::store::{AsContext, NoRoom, StoreCore, StoreId, Tag, check_val};
use crate::text::format_detached;
use crate::trap::{Frame, Trap};
use crate::value::Val;

/// An exception: its tag, and the values that go with it.
///
/// Where no handler of a guest catches what was thrown, the call of the guest ends with this as its error
/// ([`ErrorKind::Exception`], [`Error::exception`]). A host function throws by returning this as its error,
/// one of its own or one of a guest that it called; the guest that called the host function can catch it.
///
/// ```
/// use holdall::{Engine, Exception, FuncType, Func, Linker, Module, Store, Tag, TagType, Val, ValType};
///
/// # fn main() -> holdall::Result<()> {
/// let engine = Engine::default();
/// let mut store = Store::new(&engine, ());
/// let tag = Tag::new(&mut store, &TagType::new(FuncType::new([ValType::I32], [])))?;
/// let throws = Func::wrap(&mut store, move |caller: holdall::Caller<'_, ()>, n: i32| -> holdall::Result<()> {
///     Err(Exception::new(&caller, &tag, &[Val::I32(n)])?.into())
/// });
/// let module = Module::new(&engine, r#"(module
///     (import "env" "throws" (func $throws (param i32)))
///     (import "env" "oops" (tag $oops (param i32)))
///     (func (export "catches") (result i32)
///         (block $caught (result i32)
///             (try_table (catch $oops $caught) (call $throws (i32.const 7)))
///             (i32.const 0)))
///     (func (export "throws") (throw $oops (i32.const 8))))"#)?;
/// let mut linker = Linker::new(&engine);
/// linker.define(&mut store, "env", "throws", throws)?.define(&mut store, "env", "oops", tag)?;
/// let instance = linker.instantiate(&mut store, &module)?;
/// let catches = instance.get_typed_func::<(), i32>(&mut store, "catches")?;
/// assert_eq!(catches.call(&mut store, ())?, 7);
/// let throws = instance.get_typed_func::<(), ()>(&mut store, "throws")?;
/// let error = throws.call(&mut store, ()).unwrap_err();
/// let exception = error.exception().expect("nobody caught it");
/// assert!(exception.tag() == tag && exception.values() == [Val::I32(8)]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Exception(Box<Thrown>);

#[derive(Clone)]
struct Thrown {
    tag: Tag,
    /// The module that defines the tag, what the instance is called, and the tag's index; none for a tag of
    /// the host.
    origin: Option<(Module, Option<Arc<str>>, u32)>,
    values: Box<[Val]>,
    calls: Calls,
    frames: OnceLock<Vec<Frame>>,
}

/// How long names and offsets of the frames are looked for.
const LOOKS: Duration = Duration::from_millis(20);

impl Exception {
    /// An exception for a host function to throw. An exception that is thrown in the guest is a new one each
    /// time, also where one value of this type is returned twice.
    ///
    /// # Errors
    ///
    /// When the values are too few or too many, or not of the types of the tag, or references of another store.
    ///
    /// # Panics
    ///
    /// When the tag is of another store.
    pub fn new(context: impl AsContext, tag: &Tag, values: &[Val]) -> Result<Self> {
        let context = context.as_context();
        let core = context.core();
        let ty = tag.ty_in(core);
        let params = ty.ty().params();
        if params.len() != values.len() {
            let (expected, found) = (params.len(), values.len());
            return Err(Error::usage(format!(
                "values of an exception with {ty}: expected {expected}, found {found}"
            )));
        }
        for (index, (value, expected)) in values.iter().zip(params).enumerate() {
            let what = format_args!("value {index} of an exception");
            check_val(core, value, *expected, what)?;
        }
        Ok(Self::of_parts(core, *tag, values.into(), Calls::default()))
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> Tag {
        self.0.tag
    }

    /// The values, one for each parameter of the tag's type.
    #[must_use]
    pub fn values(&self) -> &[Val] {
        &self.0.values
    }

    /// The calls that led to where the exception was thrown, innermost first, at most [`Trap::MAX_FRAMES`]. None
    /// for an exception that a host function made and that no guest has seen. Names and offsets that are not
    /// found within 20 ms are left out.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        let Thrown { calls, frames, .. } = &*self.0;
        frames.get_or_init(|| calls.frames(&mut Watch::until(Some(Instant::now() + LOOKS))))
    }

    /// The exception that an error of a host function is, whatever text the function put around it.
    pub(crate) fn of(error: &anyhow::Error) -> Option<&Self> {
        error
            .downcast_ref()
            .or_else(|| Self::within(error.downcast_ref()?))
    }

    /// The exception that an error is, or the error of a host function that it has.
    pub(crate) fn within(error: &Error) -> Option<&Self> {
        match error.kind() {
            ErrorKind::Exception(found) => Some(found),
            ErrorKind::Host(inner) => Self::of(inner),
            _ => None,
        }
    }

    /// The exception that a slot refers to, which left the guest through these calls.
    pub(crate) fn thrown(core: &StoreCore, slot: u64, calls: Calls) -> Self {
        let (tag, slots) = core.exceptions.get(slot).expect("what is thrown lives");
        let tag = Tag::from_data(core.id, tag);
        let ty = tag.ty_in(core);
        let types = ty.ty().params();
        let mut values: Box<[Val]> = types.iter().map(|ty| Val::default_of(*ty)).collect();
        core.root_vals(types, slots);
        // SAFETY: an exception's slots hold values of the types of its tag, of the exception's store.
        unsafe { read_vals(core.id, types, slots, &mut values) };
        Self::of_parts(core, tag, values, calls)
    }

    fn of_parts(core: &StoreCore, tag: Tag, values: Box<[Val]>, calls: Calls) -> Self {
        Self(Box::new(Thrown {
            tag,
            origin: tag.origin_in(core),
            values,
            calls,
            frames: OnceLock::new(),
        }))
    }

    /// Adds calls that the exception went through, behind the others.
    pub(crate) fn add_calls(&mut self, calls: Calls) {
        self.0.calls.extend(calls);
        self.0.frames = OnceLock::new();
    }

    pub(crate) fn store(&self) -> StoreId {
        self.0.tag.store()
    }

    /// Makes the exception one of its store again. Gives the slot of a reference.
    ///
    /// # Safety
    ///
    /// As for [`StoreCore::add_exception`].
    pub(crate) unsafe fn revive(
        &self,
        core: &mut StoreCore,
        live_to: *const u64,
    ) -> Result<u64, NoRoom> {
        let Thrown {
            tag, values, calls, ..
        } = &*self.0;
        let ty = tag.ty_in(core);
        let mut slots = vec![0; ty.ty().param_slots()];
        write_vals(values, &mut slots);
        // SAFETY: passed on from the caller.
        let exception = unsafe { core.add_exception(tag.data_in(core), &slots, live_to)? };
        core.exceptions.set_calls(exception, calls.kept());
        Ok(exception)
    }

    /// What messages call the tag.
    fn write_tag(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((module, label, index)) = &self.0.origin else {
            return f.write_str("<tag of the host>");
        };
        let mut watch = Watch::until(Some(Instant::now() + LOOKS));
        let inner = module.inner();
        match module_name(inner, label.as_ref(), &mut watch) {
            Some(name) => write!(f, "{}!", Escaped(&name))?,
            None => f.write_str("<unnamed>!")?,
        }
        let names = inner.names_in_time(&mut watch);
        let of_section = names.and_then(|names| names.tag(&inner.bytes, *index));
        match of_section.or_else(|| inner.name_of_tag(*index)) {
            Some(name) => write!(f, "{}", Escaped(&Frame::name(name))),
            None => write!(f, "<tag {index}>"),
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("uncaught exception ")?;
        self.write_tag(f)?;
        for (at, value) in self.values().iter().enumerate() {
            f.write_str(if at == 0 { " with " } else { ", " })?;
            f.write_str(&format_detached(value))?;
        }
        let frames = self.frames();
        for (depth, frame) in frames.iter().enumerate() {
            write!(f, "\n  {depth}: {frame}")?;
        }
        if frames.len() == Trap::MAX_FRAMES {
            write!(f, "\n  (the innermost {} frames)", Trap::MAX_FRAMES)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exception")
            .field("tag", &self.0.tag)
            .field("values", &self.0.values)
            .field("frames", &self.frames())
            .finish()
    }
}

impl std::error::Error for Exception {}
