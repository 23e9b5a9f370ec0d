//! wasmi 2, the oracle.

use wasmi as machine;
pub use wasmi::{Nullable as Nullness, Ref};

pub fn null_table(ty: wasmi::TableType) -> Ref {
    match ty.element() {
        wasmi::RefType::Func => Ref::Func(Nullness::Null),
        wasmi::RefType::Extern => Ref::Extern(Nullness::Null),
    }
}

pub fn is_null(element: &Ref) -> bool {
    match element {
        Ref::Func(func) => func.is_null(),
        Ref::Extern(value) => value.is_null(),
    }
}

#[path = "run.rs"]
mod run;
pub use run::run;
