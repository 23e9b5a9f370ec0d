//! How types are shown: in the text format's words, and a concrete type by what it is.

use std::fmt;

use super::{
    ExternType, FuncType, GlobalType, HeapType, MemoryType, Mutability, RefType, TableType,
    TagType, ValType,
};
use crate::canonical::Known;

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32 => f.write_str("i32"),
            Self::I64 => f.write_str("i64"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::V128 => f.write_str("v128"),
            Self::Ref(ty) => ty.fmt(f),
        }
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shorthand = match self.heap {
            _ if !self.nullable => None,
            HeapType::Func => Some("funcref"),
            HeapType::NoFunc => Some("nullfuncref"),
            HeapType::Extern => Some("externref"),
            HeapType::NoExtern => Some("nullexternref"),
            HeapType::Exn => Some("exnref"),
            HeapType::NoExn => Some("nullexnref"),
            HeapType::ConcreteFunc(_) => None,
        };
        match shorthand {
            Some(shorthand) => f.write_str(shorthand),
            None => {
                f.write_str(if self.nullable { "(ref null " } else { "(ref " })?;
                self.heap.fmt(f)?;
                f.write_str(")")
            }
        }
    }
}

/// A function type is shown with the types that it refers to, and those without what they refer to.
impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Func => "func",
            Self::NoFunc => "nofunc",
            Self::Extern => "extern",
            Self::NoExtern => "noextern",
            Self::Exn => "exn",
            Self::NoExn => "noexn",
            // An alternate text has `..` for what further types refer to.
            Self::ConcreteFunc(_) if f.alternate() => "(func ..)",
            Self::ConcreteFunc(id) => {
                return match Known::of(*id) {
                    Some(known) => write!(f, "{:#}", *known),
                    None => f.write_str("(func of modules that are gone)"),
                };
            }
        })
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(known) = self.declared.and_then(Known::of) else {
            return write_func(f, self);
        };
        let (place, count) = known.place();
        let known = known.declaration();
        if count > 1 {
            write!(f, "(rec {} of {count} ", place + 1)?;
        }
        if !known.is_plain() {
            f.write_str(if known.is_final {
                "(sub final "
            } else {
                "(sub "
            })?;
        }
        if let Some(supertype) = known.supertype {
            match Known::of(supertype) {
                Some(supertype) if !f.alternate() => write!(f, "{:#} ", *supertype)?,
                _ => f.write_str("(func ..) ")?,
            }
        }
        write_func(f, self)?;
        if !known.is_plain() {
            f.write_str(")")?;
        }
        if count > 1 {
            f.write_str(")")?;
        }
        Ok(())
    }
}

fn write_func(f: &mut fmt::Formatter<'_>, ty: &FuncType) -> fmt::Result {
    f.write_str("(func")?;
    write_types(f, "param", &ty.params)?;
    write_types(f, "result", &ty.results)?;
    f.write_str(")")
}

/// Writes ` (KEYWORD TYPE...)`, or nothing where there are no types.
fn write_types(f: &mut fmt::Formatter<'_>, keyword: &str, types: &[ValType]) -> fmt::Result {
    if types.is_empty() {
        return Ok(());
    }
    write!(f, " ({keyword}")?;
    for ty in types {
        f.write_str(" ")?;
        fmt::Display::fmt(ty, f)?;
    }
    f.write_str(")")
}

/// Writes `i64` where `is_64`, `min`, and `max` where there is one, each after a space.
fn write_limits(
    f: &mut fmt::Formatter<'_>,
    is_64: bool,
    min: u64,
    max: Option<u64>,
) -> fmt::Result {
    if is_64 {
        f.write_str(" i64")?;
    }
    write!(f, " {min}")?;
    max.map_or(Ok(()), |max| write!(f, " {max}"))
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(table")?;
        write_limits(f, self.is_64, self.min, self.max)?;
        write!(f, " {})", self.element)
    }
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(memory")?;
        write_limits(f, self.is_64, self.min, self.max)?;
        if self.shared {
            f.write_str(" shared")?;
        }
        if self.page_size_log2 != Self::USUAL_PAGE_SIZE_LOG2 {
            write!(f, " (pagesize {})", self.page_size())?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mutability {
            Mutability::Const => write!(f, "(global {})", self.content),
            Mutability::Var => write!(f, "(global (mut {}))", self.content),
        }
    }
}

impl fmt::Display for TagType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(tag")?;
        write_types(f, "param", self.ty.params())?;
        f.write_str(")")
    }
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Func(ty) => ty.fmt(f),
            Self::Table(ty) => ty.fmt(f),
            Self::Memory(ty) => ty.fmt(f),
            Self::Global(ty) => ty.fmt(f),
            Self::Tag(ty) => ty.fmt(f),
        }
    }
}
