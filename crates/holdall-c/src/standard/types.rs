//! Types as C sees them. A type of something that can be imported and exported is an [`Externtype`], whichever
//! of its names C uses, so that C's conversions give the same pointer back.

use std::ptr::{null, null_mut};

use holdall::{ExternType, FuncType, GlobalType, MemoryType, Mutability, TableType};
use holdall::{RefKind, TagType, ValType};

use super::vec::{CVec, copied, dropped, emptied, owned, taken};
use crate::guard::guard;

/// `wasm_valkind_t`.
pub(crate) mod kind {
    pub(crate) const I32: u8 = 0;
    pub(crate) const I64: u8 = 1;
    pub(crate) const F32: u8 = 2;
    pub(crate) const F64: u8 = 3;
    pub(crate) const V128: u8 = 4;
    pub(crate) const EXTERNREF: u8 = 128;
    pub(crate) const FUNCREF: u8 = 129;
    pub(crate) const EXNREF: u8 = 130;
}

/// The kind of a type of values.
pub(crate) fn kind_of(ty: ValType) -> u8 {
    match ty {
        ValType::I32 => kind::I32,
        ValType::I64 => kind::I64,
        ValType::F32 => kind::F32,
        ValType::F64 => kind::F64,
        ValType::V128 => kind::V128,
        ValType::Ref(ty) => match ty.heap.kind() {
            RefKind::Extern => kind::EXTERNREF,
            RefKind::Func => kind::FUNCREF,
            RefKind::Exn => kind::EXNREF,
        },
    }
}

/// The type of values of a kind.
fn type_of(kind: u8) -> Option<ValType> {
    Some(match kind {
        kind::I32 => ValType::I32,
        kind::I64 => ValType::I64,
        kind::F32 => ValType::F32,
        kind::F64 => ValType::F64,
        kind::V128 => ValType::V128,
        kind::EXTERNREF => ValType::EXTERNREF,
        kind::FUNCREF => ValType::FUNCREF,
        kind::EXNREF => ValType::EXNREF,
        _ => return None,
    })
}

/// `wasm_valtype_t`.
#[derive(Clone)]
pub(crate) struct Valtype(ValType);

/// `wasm_limits_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    min: u32,
    max: u32,
}

impl Limits {
    fn new(min: u64, max: Option<u64>) -> Self {
        let shown = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
        Self {
            min: shown(min),
            max: max.map_or(u32::MAX, shown),
        }
    }

    /// The maximum, where there is one.
    fn max(self) -> Option<u32> {
        (self.max != u32::MAX).then_some(self.max)
    }
}

/// `wasm_externtype_t`, and the types of each kind.
pub(crate) struct Externtype {
    pub(crate) ty: ExternType,
    parts: Parts,
}

/// What C can be shown of a type.
enum Parts {
    Func([CVec<*mut Valtype>; 2]),
    Global(Valtype),
    Table(Valtype, Limits),
    Memory(Limits),
    Tag(Box<Externtype>),
}

impl From<ExternType> for Externtype {
    fn from(ty: ExternType) -> Self {
        let parts = match &ty {
            ExternType::Func(ty) => Parts::Func([ty.params(), ty.results()].map(|types| {
                let types = types.iter();
                types.map(|ty| owned(Valtype(*ty))).collect()
            })),
            ExternType::Global(ty) => Parts::Global(Valtype(ty.content)),
            ExternType::Table(ty) => Parts::Table(
                Valtype(ValType::Ref(ty.element)),
                Limits::new(ty.min, ty.max),
            ),
            ExternType::Memory(ty) => Parts::Memory(Limits::new(ty.min, ty.max)),
            ExternType::Tag(ty) => Parts::Tag(Box::new(ExternType::Func(ty.ty().clone()).into())),
        };
        Self { ty, parts }
    }
}

impl Clone for Externtype {
    fn clone(&self) -> Self {
        self.ty.clone().into()
    }
}

/// `wasm_externkind_t`.
pub(crate) fn extern_kind(ty: &ExternType) -> u8 {
    match ty {
        ExternType::Func(_) => 0,
        ExternType::Global(_) => 1,
        ExternType::Table(_) => 2,
        ExternType::Memory(_) => 3,
        ExternType::Tag(_) => 4,
    }
}

/// `wasm_importtype_t`.
#[derive(Clone)]
pub(crate) struct Importtype {
    module: CVec<u8>,
    name: CVec<u8>,
    ty: Box<Externtype>,
}

impl Importtype {
    pub(crate) fn new(module: &str, name: &str, ty: ExternType) -> Self {
        Self {
            module: CVec::of(module),
            name: CVec::of(name),
            ty: Box::new(ty.into()),
        }
    }
}

/// `wasm_exporttype_t`.
#[derive(Clone)]
pub(crate) struct Exporttype {
    name: CVec<u8>,
    ty: Box<Externtype>,
}

impl Exporttype {
    pub(crate) fn new(name: &str, ty: ExternType) -> Self {
        Self {
            name: CVec::of(name),
            ty: Box::new(ty.into()),
        }
    }
}

/// `_delete` and `_copy` of each type.
macro_rules! types {
    ($($name:literal $ty:ty;)*) => {$(const _: () = {
        #[unsafe(export_name = concat!("wasm_", $name, "_delete"))]
        unsafe extern "C" fn delete(it: *mut $ty) {
            // SAFETY: C's duty: `it` is null or owned.
            guard((), || unsafe { dropped(it) });
        }

        #[unsafe(export_name = concat!("wasm_", $name, "_copy"))]
        unsafe extern "C" fn copy(it: *const $ty) -> *mut $ty {
            // SAFETY: C's duty: `it` is null or exists.
            guard(null_mut(), || unsafe { copied(it) })
        }
    };)*};
}
types! {
    "valtype" Valtype;
    "functype" Externtype;
    "globaltype" Externtype;
    "tabletype" Externtype;
    "memorytype" Externtype;
    "tagtype" Externtype;
    "externtype" Externtype;
    "importtype" Importtype;
    "exporttype" Exporttype;
}

/// The conversions between `wasm_externtype_t` and the types of each kind.
macro_rules! conversions {
    ($($name:literal => $kind:pat,)*) => {$(const _: () = {
        #[unsafe(export_name = concat!("wasm_", $name, "_as_externtype"))]
        extern "C" fn up(it: *mut Externtype) -> *mut Externtype {
            guard(null_mut(), || it)
        }

        #[unsafe(export_name = concat!("wasm_", $name, "_as_externtype_const"))]
        extern "C" fn up_const(it: *const Externtype) -> *const Externtype {
            guard(null(), || it)
        }

        #[unsafe(export_name = concat!("wasm_externtype_as_", $name))]
        unsafe extern "C" fn down(it: *mut Externtype) -> *mut Externtype {
            // SAFETY: C's duty: `it` is null or exists.
            guard(null_mut(), || unsafe { down_const(it) }.cast_mut())
        }

        #[unsafe(export_name = concat!("wasm_externtype_as_", $name, "_const"))]
        unsafe extern "C" fn down_const(it: *const Externtype) -> *const Externtype {
            guard(null(), || {
                // SAFETY: C's duty: `it` is null or exists.
                match unsafe { it.as_ref() }.map(|it| &it.parts) {
                    Some($kind) => it,
                    _ => null(),
                }
            })
        }
    };)*};
}
conversions! {
    "functype" => Parts::Func(_),
    "globaltype" => Parts::Global(_),
    "tabletype" => Parts::Table(..),
    "memorytype" => Parts::Memory(_),
    "tagtype" => Parts::Tag(_),
}

/// Functions that show a part of a type: null where C's pointer is null, or to a type of another kind.
macro_rules! parts {
    ($($name:ident $ty:ty => $part:ty: $pattern:pat => $value:expr;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(it: *const $ty) -> *const $part {
            guard(null(), || {
                // SAFETY: C's duty: `it` is null or exists.
                match unsafe { it.as_ref() } {
                    Some($pattern) => $value,
                    _ => null(),
                }
            })
        }
    )*};
}
parts! {
    wasm_functype_params Externtype => CVec<*mut Valtype>:
        Externtype { parts: Parts::Func([params, _]), .. } => params;
    wasm_functype_results Externtype => CVec<*mut Valtype>:
        Externtype { parts: Parts::Func([_, results]), .. } => results;
    wasm_globaltype_content Externtype => Valtype:
        Externtype { parts: Parts::Global(content), .. } => content;
    wasm_tabletype_element Externtype => Valtype:
        Externtype { parts: Parts::Table(element, _), .. } => element;
    wasm_tabletype_limits Externtype => Limits:
        Externtype { parts: Parts::Table(_, limits), .. } => limits;
    wasm_memorytype_limits Externtype => Limits:
        Externtype { parts: Parts::Memory(limits), .. } => limits;
    wasm_tagtype_functype Externtype => Externtype:
        Externtype { parts: Parts::Tag(func), .. } => &raw const **func;
    wasm_importtype_module Importtype => CVec<u8>: it => &raw const it.module;
    wasm_importtype_name Importtype => CVec<u8>: it => &raw const it.name;
    wasm_importtype_type Importtype => Externtype: it => &raw const *it.ty;
    wasm_exporttype_name Exporttype => CVec<u8>: it => &raw const it.name;
    wasm_exporttype_type Exporttype => Externtype: it => &raw const *it.ty;
}

#[unsafe(no_mangle)]
extern "C" fn wasm_valtype_new(kind: u8) -> *mut Valtype {
    guard(null_mut(), || {
        type_of(kind).map_or(null_mut(), |ty| owned(Valtype(ty)))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_valtype_kind(it: *const Valtype) -> u8 {
    // SAFETY: C's duty: `it` is null or exists.
    guard(0, || unsafe { it.as_ref() }.map_or(0, |it| kind_of(it.0)))
}

/// A type for C to own.
fn owned_type(ty: Option<ExternType>) -> *mut Externtype {
    ty.map_or(null_mut(), |ty| owned(ty.into()))
}

/// The types in a vector of C's; `None` where one is null.
fn types_in(vec: &CVec<*mut Valtype>) -> Option<Vec<ValType>> {
    let types = vec.as_slice().iter();
    // SAFETY: a vector owns its elements, which exist so or are null.
    types
        .map(|ty| unsafe { ty.as_ref() }.map(|ty| ty.0))
        .collect()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_functype_new(
    params: *mut CVec<*mut Valtype>,
    results: *mut CVec<*mut Valtype>,
) -> *mut Externtype {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or vectors, which pass to this function.
        let (params, results) = unsafe { (emptied(params), emptied(results)) };
        let both = types_in(&params).zip(types_in(&results));
        owned_type(both.map(|(params, results)| ExternType::Func(FuncType::new(params, results))))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_globaltype_new(content: *mut Valtype, mutability: u8) -> *mut Externtype {
    guard(null_mut(), || {
        let mutability = match mutability {
            0 => Some(Mutability::Const),
            1 => Some(Mutability::Var),
            _ => None,
        };
        // SAFETY: C's duty: `content` is null or owned, and passes to this function.
        let both = unsafe { taken(content) }.zip(mutability);
        owned_type(both.map(|(content, mutability)| {
            ExternType::Global(GlobalType::new(content.0, mutability))
        }))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_globaltype_mutability(it: *const Externtype) -> u8 {
    guard(0, || {
        // SAFETY: C's duty: `it` is null or exists.
        let ty = unsafe { it.as_ref() }.and_then(|it| it.ty.global());
        u8::from(ty.is_some_and(|ty| ty.mutability == Mutability::Var))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_tabletype_new(
    element: *mut Valtype,
    limits: *const Limits,
) -> *mut Externtype {
    guard(null_mut(), || {
        // SAFETY: C's duty: `element` is null or owned, and passes to this function; `limits` is null or can
        // be read.
        let both = unsafe { taken(element).zip(limits.as_ref()) };
        owned_type(both.and_then(|(element, limits)| match element.0 {
            ValType::Ref(element) => Some(ExternType::Table(TableType::new(
                element,
                limits.min,
                limits.max(),
            ))),
            _ => None,
        }))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_memorytype_new(limits: *const Limits) -> *mut Externtype {
    guard(null_mut(), || {
        // SAFETY: C's duty: `limits` is null or can be read.
        let limits = unsafe { limits.as_ref() };
        owned_type(
            limits.map(|limits| ExternType::Memory(MemoryType::new(limits.min, limits.max()))),
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_tagtype_new(func: *mut Externtype) -> *mut Externtype {
    guard(null_mut(), || {
        // SAFETY: C's duty: `func` is null or owned, and passes to this function.
        let func = unsafe { taken(func) };
        owned_type(func.and_then(|func| match &func.ty {
            ExternType::Func(ty) if ty.results().is_empty() => {
                Some(ExternType::Tag(TagType::new(ty.clone())))
            }
            _ => None,
        }))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_externtype_kind(it: *const Externtype) -> u8 {
    guard(0, || {
        // SAFETY: C's duty: `it` is null or exists.
        unsafe { it.as_ref() }.map_or(0, |it| extern_kind(&it.ty))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_importtype_new(
    module: *mut CVec<u8>,
    name: *mut CVec<u8>,
    ty: *mut Externtype,
) -> *mut Importtype {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or owned, and pass to this function.
        let (module, name, ty) = unsafe { (emptied(module), emptied(name), taken(ty)) };
        ty.map_or(null_mut(), |ty| {
            let ty = Box::new(ty);
            owned(Importtype { module, name, ty })
        })
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_exporttype_new(
    name: *mut CVec<u8>,
    ty: *mut Externtype,
) -> *mut Exporttype {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or owned, and pass to this function.
        let (name, ty) = unsafe { (emptied(name), taken(ty)) };
        ty.map_or(null_mut(), |ty| {
            let ty = Box::new(ty);
            owned(Exporttype { name, ty })
        })
    })
}
