//! What a module imports and exports, for C to look at.

use std::ffi::{CString, c_char};

use holdall::{ExternType, Mutability, ValType};

use super::calls::kind;
use super::handles::Handle;
use super::modules::LoadedModule;
use crate::guard::guard;

/// The imports and exports of a module, with their names as C has them. What C gets are addresses in here, which
/// are good until the module is unloaded.
pub(super) struct Described {
    imports: Vec<(CString, CString, Box<ExternType>)>,
    exports: Vec<(CString, Box<ExternType>)>,
}

// SAFETY: it is not changed once it is made, and holds no more than texts and types.
unsafe impl Sync for Described {}

/// The text up to its first zero byte, at which it would end for C.
fn c_string(text: &str) -> CString {
    let text = text.split('\0').next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
}

impl Described {
    fn of(module: &LoadedModule) -> &Self {
        module.described.get_or_init(|| {
            let (imports, exports) = (module.module.imports(), module.module.exports());
            let imports =
                imports.map(|it| (c_string(it.module), c_string(it.name), Box::new(it.ty)));
            let exports = exports.map(|it| (c_string(it.name), Box::new(it.ty)));
            Self {
                imports: imports.collect(),
                exports: exports.collect(),
            }
        })
    }
}

/// `wasm_import_export_kind_t`, to which tags are added at the end.
fn kind_of(ty: &ExternType) -> u32 {
    match ty {
        ExternType::Func(_) => 0,
        ExternType::Table(_) => 1,
        ExternType::Memory(_) => 2,
        ExternType::Global(_) => 3,
        _ => 4,
    }
}

#[repr(C)]
struct Import {
    module_name: *const c_char,
    name: *const c_char,
    kind: u32,
    linked: bool,
    ty: *const ExternType,
}

#[repr(C)]
struct Export {
    name: *const c_char,
    kind: u32,
    ty: *const ExternType,
}

/// How many things a module imports; -1 where there is no such module.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_import_count(module: Handle<LoadedModule>) -> i32 {
    guard(-1, || {
        // SAFETY: the rule of handles.
        let module = unsafe { module.get() };
        module.map_or(-1, |it| it.module.imports().len() as i32)
    })
}

/// How many things a module exports; -1 where there is no such module.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_export_count(module: Handle<LoadedModule>) -> i32 {
    guard(-1, || {
        // SAFETY: the rule of handles.
        let module = unsafe { module.get() };
        module.map_or(-1, |it| it.module.exports().len() as i32)
    })
}

/// Describes an import. Nothing is written where there is no such import.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_import_type(
    module: Handle<LoadedModule>,
    import_index: i32,
    import_type: *mut Import,
) {
    guard((), || {
        // SAFETY: the rule of handles; null, or C's to write to.
        unsafe {
            let found = module.get().map(Described::of);
            let found = found.zip(usize::try_from(import_index).ok());
            if let Some((module_name, name, ty)) =
                found.and_then(|(it, index)| it.imports.get(index))
                && !import_type.is_null()
            {
                import_type.write(Import {
                    module_name: module_name.as_ptr(),
                    name: name.as_ptr(),
                    kind: kind_of(ty),
                    linked: true,
                    ty: &raw const **ty,
                });
            }
        }
    });
}

/// Describes an export. Nothing is written where there is no such export.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_export_type(
    module: Handle<LoadedModule>,
    export_index: i32,
    export_type: *mut Export,
) {
    guard((), || {
        // SAFETY: the rule of handles; null, or C's to write to.
        unsafe {
            let found = module.get().map(Described::of);
            let found = found.zip(usize::try_from(export_index).ok());
            if let Some((name, ty)) = found.and_then(|(it, index)| it.exports.get(index))
                && !export_type.is_null()
            {
                export_type.write(Export {
                    name: name.as_ptr(),
                    kind: kind_of(ty),
                    ty: &raw const **ty,
                });
            }
        }
    });
}

/// `wasm_valkind_t` of no type.
const NO_KIND: u8 = u8::MAX;

/// The function type at an address that `wasm_runtime_get_*_type` gave, by its parameters and results.
///
/// # Safety
///
/// `ty` is null or such an address, and the module is still loaded.
unsafe fn func<'a>(ty: *const ExternType) -> Option<(&'a [ValType], &'a [ValType])> {
    // SAFETY: the caller's duty.
    match unsafe { ty.as_ref() }? {
        ExternType::Func(ty) => Some((ty.params(), ty.results())),
        _ => None,
    }
}

/// How many parameters a function type has.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_type_get_param_count(func_type: *const ExternType) -> u32 {
    guard(0, || {
        // SAFETY: the caller's duty.
        unsafe { func(func_type) }.map_or(0, |(params, _)| params.len() as u32)
    })
}

/// The kind of a parameter; 255 where there is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_type_get_param_valkind(
    func_type: *const ExternType,
    param_index: u32,
) -> u8 {
    guard(NO_KIND, || {
        // SAFETY: the caller's duty.
        let found =
            unsafe { func(func_type) }.and_then(|(params, _)| params.get(param_index as usize));
        found.map_or(NO_KIND, |ty| kind(*ty))
    })
}

/// How many results a function type has.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_type_get_result_count(func_type: *const ExternType) -> u32 {
    guard(0, || {
        // SAFETY: the caller's duty.
        unsafe { func(func_type) }.map_or(0, |(_, results)| results.len() as u32)
    })
}

/// The kind of a result; 255 where there is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_type_get_result_valkind(
    func_type: *const ExternType,
    result_index: u32,
) -> u8 {
    guard(NO_KIND, || {
        // SAFETY: the caller's duty.
        let found =
            unsafe { func(func_type) }.and_then(|(_, results)| results.get(result_index as usize));
        found.map_or(NO_KIND, |ty| kind(*ty))
    })
}

/// Defines functions that look at a type of one kind: what they give for it, and for anything else.
macro_rules! looks {
    ($($(#[$doc:meta])* $name:ident: $kind:ident($ty:ident) -> $result:ty = $otherwise:expr, $value:expr;)*) => {$(
        $(#[$doc])*
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(ty: *const ExternType) -> $result {
            // SAFETY: null, or an address that `wasm_runtime_get_*_type` gave, of a module that is still loaded.
            guard($otherwise, || match unsafe { ty.as_ref() } {
                Some(ExternType::$kind($ty)) => $value,
                _ => $otherwise,
            })
        }
    )*};
}

/// A size for C: the most where it does not fit, as where there is no limit.
fn short(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

looks! {
    /// The kind of a global's value.
    wasm_global_type_get_valkind: Global(it) -> u8 = NO_KIND, kind(it.content);
    /// Whether a global can be changed.
    wasm_global_type_get_mutable: Global(it) -> bool = false, it.mutability == Mutability::Var;
    /// Whether a memory is shared.
    wasm_memory_type_get_shared: Memory(it) -> bool = false, it.shared;
    /// How many pages a memory has at first.
    wasm_memory_type_get_init_page_count: Memory(it) -> u32 = 0, short(it.min);
    /// The most pages of a memory.
    wasm_memory_type_get_max_page_count: Memory(it) -> u32 = 0, short(it.max.unwrap_or(it.most_pages()));
    /// The kind of a table's elements.
    wasm_table_type_get_elem_kind: Table(it) -> u8 = NO_KIND, kind(ValType::Ref(it.element));
    /// How many elements a table has at first.
    wasm_table_type_get_init_size: Table(it) -> u32 = 0, short(it.min);
    /// The most elements of a table.
    wasm_table_type_get_max_size: Table(it) -> u32 = 0, it.max.map_or(u32::MAX, short);
}
