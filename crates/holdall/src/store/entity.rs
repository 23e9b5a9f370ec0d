//! What a module can import and an instance can export.

use crate::canonical::Known;
use crate::store::{AsContext, Func, Global, Memory, StoreCore, StoreId, Table, Tag};
use crate::types::ExternType;

/// Something that can be imported and exported.
///
/// Equal values are handles to the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A linear memory.
    Memory(Memory),
    /// A global.
    Global(Global),
    /// A tag.
    Tag(Tag),
}

impl Extern {
    /// The type; of a memory or table, with the current size as its minimum.
    ///
    /// # Panics
    ///
    /// When it is of another store.
    pub fn ty(&self, context: impl AsContext) -> ExternType {
        self.ty_in(context.as_context().core())
    }

    pub(crate) fn ty_in(&self, core: &StoreCore) -> ExternType {
        match self {
            Self::Func(func) => ExternType::Func((*Known::in_use(func.sig(core))).clone()),
            Self::Table(table) => ExternType::Table(table.ty_in(core)),
            Self::Memory(memory) => ExternType::Memory(memory.ty_in(core)),
            Self::Global(global) => ExternType::Global(global.ty_in(core)),
            Self::Tag(tag) => ExternType::Tag(tag.ty_in(core)),
        }
    }

    /// The store that it belongs to.
    pub(crate) fn store(&self) -> StoreId {
        match self {
            Self::Func(func) => func.store(),
            Self::Table(table) => table.store(),
            Self::Memory(memory) => memory.store(),
            Self::Global(global) => global.store(),
            Self::Tag(tag) => tag.store(),
        }
    }
}

/// An export of an instance: what it is, and under which name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Export<'a> {
    name: &'a str,
    item: Extern,
}

impl<'a> Export<'a> {
    pub(crate) fn new(name: &'a str, item: Extern) -> Self {
        Self { name, item }
    }

    /// Its name, distinct from those of the instance's other exports.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The type; of a memory or table, with the current size as its minimum.
    ///
    /// # Panics
    ///
    /// When it is of another store.
    pub fn ty(&self, context: impl AsContext) -> ExternType {
        self.item.ty(context)
    }

    /// What is exported.
    #[must_use]
    pub fn into_extern(self) -> Extern {
        self.item
    }
}

macro_rules! extern_kinds {
    ($($kind:ident $into:ident $what:literal;)*) => {$(
        impl Extern {
            #[doc = concat!("The ", $what, ", where it is one.")]
            #[must_use]
            pub fn $into(self) -> Option<$kind> {
                match self {
                    Self::$kind(it) => Some(it),
                    _ => None,
                }
            }
        }

        impl Export<'_> {
            #[doc = concat!("The ", $what, ", where it is one.")]
            #[must_use]
            pub fn $into(self) -> Option<$kind> {
                self.item.$into()
            }
        }

        impl From<$kind> for Extern {
            fn from(it: $kind) -> Self {
                Self::$kind(it)
            }
        }
    )*};
}
extern_kinds! {
    Func into_func "function";
    Table into_table "table";
    Memory into_memory "memory";
    Global into_global "global";
    Tag into_tag "tag";
}
