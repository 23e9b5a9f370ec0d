//! A case in wasmi: in version 2, and in version 1, which decides where holdall and version 2
//! differ. It has to: version 2.0.0 translates some valid modules wrongly, and panics on others.

/// wasmi 2, the oracle.
pub mod wasmi_2 {
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

    #[path = "../run.rs"]
    mod run;
    pub use run::run;
}

/// wasmi 1, the umpire: its translator shares no registers with that of version 2.
#[allow(clippy::duplicate_mod, reason = "both versions have the same interface")]
pub mod wasmi_1 {
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

    #[path = "../run.rs"]
    mod run;
    pub use run::run;
}
