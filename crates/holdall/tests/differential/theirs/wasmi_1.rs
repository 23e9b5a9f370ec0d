//! wasmi 1, the umpire: its translator shares no registers with that of version 2.

use ::wasmi_1 as machine;
pub use ::wasmi_1::{Ref as Nullness, Val};

pub fn null_table(ty: machine::TableType) -> Val {
    Val::default(ty.element())
}

pub fn is_null(element: &Val) -> bool {
    match element {
        Val::FuncRef(func) => func.is_null(),
        Val::ExternRef(value) => value.is_null(),
        _ => panic!("a table has references"),
    }
}

#[allow(
    clippy::duplicate_mod,
    reason = "both versions have the same interface"
)]
#[path = "run.rs"]
mod run;
pub use run::run;
