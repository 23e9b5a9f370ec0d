//! The type vocabulary of WebAssembly: value, function, table, memory, global and external types,
//! their text, and import matching. Knows nothing of modules, stores or bytes.

mod shown;

pub use crate::canonical::TypeId;
use crate::canonical::is_subtype;

/// A number, vector or reference type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit IEEE 754 float.
    F32,
    /// 64-bit IEEE 754 float.
    F64,
    /// 128-bit vector.
    V128,
    /// A reference.
    Ref(RefType),
}

/// A reference type: what references refer to, and whether they may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefType {
    /// Whether null is a value of the type.
    pub nullable: bool,
    /// What references of the type refer to.
    pub heap: HeapType,
}

/// What a reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeapType {
    /// Any function.
    Func,
    /// No function: only null is such a reference.
    NoFunc,
    /// Any value of the host.
    Extern,
    /// No value of the host: only null is such a reference.
    NoExtern,
    /// Any exception.
    Exn,
    /// No exception: only null is such a reference.
    NoExn,
    /// A function of this type, or of one declared as its subtype.
    ConcreteFunc(TypeId),
}

/// The kinds of references. References of two kinds have no value in common, and a reference of one
/// kind cannot be made one of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefKind {
    /// References to functions.
    Func,
    /// References to values of the host.
    Extern,
    /// References to exceptions.
    Exn,
}

impl HeapType {
    /// The kind of references to what this type has.
    #[must_use]
    pub const fn kind(self) -> RefKind {
        match self {
            Self::Func | Self::NoFunc | Self::ConcreteFunc(_) => RefKind::Func,
            Self::Extern | Self::NoExtern => RefKind::Extern,
            Self::Exn | Self::NoExn => RefKind::Exn,
        }
    }

    /// Whether whatever this type has may stand where `expected` is wanted.
    #[must_use]
    pub fn matches(self, expected: Self) -> bool {
        match (self, expected) {
            (Self::NoFunc | Self::ConcreteFunc(_), Self::Func)
            | (Self::NoFunc, Self::ConcreteFunc(_))
            | (Self::NoExtern, Self::Extern)
            | (Self::NoExn, Self::Exn) => true,
            (Self::ConcreteFunc(found), Self::ConcreteFunc(expected)) => {
                is_subtype(found, expected)
            }
            (found, expected) => found == expected,
        }
    }
}

impl RefType {
    /// `funcref`, that is `(ref null func)`.
    pub const FUNCREF: Self = Self {
        nullable: true,
        heap: HeapType::Func,
    };
    /// `externref`, that is `(ref null extern)`.
    pub const EXTERNREF: Self = Self {
        nullable: true,
        heap: HeapType::Extern,
    };
    /// `exnref`, that is `(ref null exn)`.
    pub const EXNREF: Self = Self {
        nullable: true,
        heap: HeapType::Exn,
    };

    /// Whether a value of this type may stand where `expected` is wanted.
    #[must_use]
    pub fn matches(self, expected: Self) -> bool {
        self.heap.matches(expected.heap) && (expected.nullable || !self.nullable)
    }
}

impl ValType {
    /// `funcref`.
    pub const FUNCREF: Self = Self::Ref(RefType::FUNCREF);
    /// `externref`.
    pub const EXTERNREF: Self = Self::Ref(RefType::EXTERNREF);
    /// `exnref`.
    pub const EXNREF: Self = Self::Ref(RefType::EXNREF);

    /// Whether a value of this type may stand where `expected` is wanted.
    #[must_use]
    pub fn matches(self, expected: Self) -> bool {
        match (self, expected) {
            (Self::Ref(found), Self::Ref(expected)) => found.matches(expected),
            (found, expected) => found == expected,
        }
    }

    /// Whether values of the type are references to exceptions.
    #[doc(hidden)]
    #[must_use]
    pub const fn is_exception(self) -> bool {
        matches!(self, Self::Ref(ty) if matches!(ty.heap.kind(), RefKind::Exn))
    }

    /// How many 8-byte frame slots a value of this type takes: 1, or 2 for `v128`.
    #[must_use]
    pub const fn slots(self) -> usize {
        match self {
            Self::V128 => 2,
            _ => 1,
        }
    }
}

/// The type of a function: parameters and results, and which declaration of a module the type is of
/// where that tells it from other types with the same parameters and results.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FuncType {
    params: Box<[ValType]>,
    results: Box<[ValType]>,
    /// The number of a type that is one of several in its recursion group, is not final, or has a
    /// supertype. Any other type is known by its parameters and results.
    declared: Option<TypeId>,
}

impl FuncType {
    /// A function type of these parameters and results.
    #[must_use]
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Self {
        Self {
            params: params.into_iter().collect(),
            results: results.into_iter().collect(),
            declared: None,
        }
    }

    /// The type with the number by which it is known.
    pub(crate) fn declared_as(self, declared: Option<TypeId>) -> Self {
        Self { declared, ..self }
    }

    /// The number by which the type is known, where parameters and results do not tell it.
    pub(crate) fn declared(&self) -> Option<TypeId> {
        self.declared
    }

    /// Whether a function of this type may stand where one of `expected` is wanted.
    #[must_use]
    pub fn matches(&self, expected: &Self) -> bool {
        match (self.declared, expected.declared) {
            (Some(found), Some(expected)) => is_subtype(found, expected),
            _ => self == expected,
        }
    }

    /// The types of the parameters, in order.
    #[must_use]
    pub fn params(&self) -> &[ValType] {
        &self.params
    }

    /// The types of the results, in order.
    #[must_use]
    pub fn results(&self) -> &[ValType] {
        &self.results
    }

    /// How many frame slots of 8 bytes the parameters take.
    #[must_use]
    pub fn param_slots(&self) -> usize {
        self.params.iter().map(|ty| ty.slots()).sum()
    }

    /// How many frame slots of 8 bytes the results take.
    #[must_use]
    pub fn result_slots(&self) -> usize {
        self.results.iter().map(|ty| ty.slots()).sum()
    }
}

/// Whether a global may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutability {
    /// The global keeps its first value.
    Const,
    /// The global may be written. Import matching needs exactly the same type.
    Var,
}

/// The type of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalType {
    /// The type of its value.
    pub content: ValType,
    /// Whether it may be written.
    pub mutability: Mutability,
}

/// The type of a table. For a table in a store, `min` is the current size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableType {
    /// The type of its elements.
    pub element: RefType,
    /// The least size, in elements.
    pub min: u64,
    /// The greatest size, in elements.
    pub max: Option<u64>,
    /// Whether the table is indexed by `i64`, else by `i32`.
    pub is_64: bool,
}

/// The type of a linear memory. For a memory in a store, `min` is the current size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    /// The least size, in pages.
    pub min: u64,
    /// The greatest size, in pages.
    pub max: Option<u64>,
    /// Whether the memory is addressed by `i64`, else by `i32`.
    pub is_64: bool,
    /// Whether threads may share the memory. There is one thread: shared memories differ from others in
    /// their type, and in what `memory.atomic.wait` does.
    pub shared: bool,
    /// The size of a page, as the power of two that it is: 16 for the usual 65,536 bytes, or 0 for one byte.
    pub page_size_log2: u8,
}

impl GlobalType {
    /// A global of this type, constant or not.
    #[must_use]
    pub const fn new(content: ValType, mutability: Mutability) -> Self {
        Self {
            content,
            mutability,
        }
    }

    /// The type of its value.
    #[must_use]
    pub const fn content(&self) -> ValType {
        self.content
    }

    /// Whether it may be written.
    #[must_use]
    pub const fn mutability(&self) -> Mutability {
        self.mutability
    }
}

impl TableType {
    /// A table of at least `min` elements and at most `max`, indexed by `i32`.
    #[must_use]
    pub fn new(element: RefType, min: u32, max: Option<u32>) -> Self {
        Self {
            element,
            min: min.into(),
            max: max.map(u64::from),
            is_64: false,
        }
    }

    /// A table of at least `min` elements and at most `max`, indexed by `i64`.
    #[must_use]
    pub const fn new64(element: RefType, min: u64, max: Option<u64>) -> Self {
        Self {
            element,
            min,
            max,
            is_64: true,
        }
    }

    /// The type of its elements.
    #[must_use]
    pub const fn element(&self) -> RefType {
        self.element
    }

    /// The least size in elements; for a table in a store, the current size.
    #[must_use]
    pub const fn minimum(&self) -> u64 {
        self.min
    }

    /// The greatest size, in elements.
    #[must_use]
    pub const fn maximum(&self) -> Option<u64> {
        self.max
    }
}

impl MemoryType {
    /// [`page_size_log2`](Self::page_size_log2) of pages of 65,536 bytes.
    pub const USUAL_PAGE_SIZE_LOG2: u8 = 16;

    /// A memory of at least `min` pages of 65,536 bytes and at most `max`, addressed by `i32`.
    #[must_use]
    pub fn new(min: u32, max: Option<u32>) -> Self {
        Self {
            is_64: false,
            ..Self::new64(min.into(), max.map(u64::from))
        }
    }

    /// A memory of at least `min` pages of 65,536 bytes and at most `max`, addressed by `i64`.
    #[must_use]
    pub const fn new64(min: u64, max: Option<u64>) -> Self {
        Self {
            min,
            max,
            is_64: true,
            shared: false,
            page_size_log2: Self::USUAL_PAGE_SIZE_LOG2,
        }
    }

    /// A shared memory of at least `min` pages of 65,536 bytes and at most `max`, addressed by `i32`.
    #[must_use]
    pub fn shared(min: u32, max: u32) -> Self {
        Self {
            shared: true,
            ..Self::new(min, Some(max))
        }
    }

    /// The type with pages of 2 to the power of `log2` bytes. WebAssembly has pages of 65,536 bytes (16) and
    /// of one byte (0).
    #[must_use]
    pub const fn with_page_size_log2(self, log2: u8) -> Self {
        Self {
            page_size_log2: log2,
            ..self
        }
    }

    /// The least size in pages; for a memory in a store, the current size.
    #[must_use]
    pub const fn minimum(&self) -> u64 {
        self.min
    }

    /// The greatest size, in pages.
    #[must_use]
    pub const fn maximum(&self) -> Option<u64> {
        self.max
    }

    /// Whether the memory is addressed by `i64`, else by `i32`.
    #[must_use]
    pub const fn is_64(&self) -> bool {
        self.is_64
    }

    /// Whether threads may share the memory.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    /// The size of a page in bytes: 65,536, or what the type says, 2^63 at most.
    #[must_use]
    pub const fn page_size(&self) -> u64 {
        match 1_u64.checked_shl(self.page_size_log2 as u32) {
            Some(size) => size,
            None => 1 << 63,
        }
    }

    /// The size of a page in bytes, as the power of two that it is.
    #[must_use]
    pub const fn page_size_log2(&self) -> u8 {
        self.page_size_log2
    }

    /// The most pages that addresses of the type reach, and that the type's numbers can count.
    #[must_use]
    pub const fn most_pages(&self) -> u64 {
        let (address_bits, counted) = match self.is_64 {
            true => (64, u64::MAX),
            false => (32, u32::MAX as u64),
        };
        match u32::saturating_sub(address_bits, self.page_size_log2 as u32) {
            64 => counted,
            bits if 1 << bits > counted => counted,
            bits => 1 << bits,
        }
    }
}

/// The type of a tag: the parameters of a function type are the values that an exception with the
/// tag carries. A tag's function type has no results.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TagType {
    ty: FuncType,
}

impl TagType {
    /// The type of tags of exceptions that carry the parameters of a function type.
    #[must_use]
    pub const fn new(ty: FuncType) -> Self {
        Self { ty }
    }

    /// The function type.
    #[must_use]
    pub const fn ty(&self) -> &FuncType {
        &self.ty
    }
}

/// The type of an import or an export.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A linear memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag.
    Tag(TagType),
}

/// Whether limits of (`min`, `max`) may be imported where (`want_min`, `want_max`) is declared.
fn limits_match(min: u64, max: Option<u64>, want_min: u64, want_max: Option<u64>) -> bool {
    min >= want_min && want_max.is_none_or(|want| max.is_some_and(|max| max <= want))
}

impl ExternType {
    /// Whether something of this type may be imported as `expected`
    /// (WebAssembly 3.0, 3.3.5 "External Types").
    #[must_use]
    pub fn matches(&self, expected: &Self) -> bool {
        match (self, expected) {
            (Self::Func(found), Self::Func(expected)) => found.matches(expected),
            (Self::Table(found), Self::Table(expected)) => {
                found.element == expected.element
                    && found.is_64 == expected.is_64
                    && limits_match(found.min, found.max, expected.min, expected.max)
            }
            (Self::Memory(found), Self::Memory(expected)) => {
                found.is_64 == expected.is_64
                    && found.shared == expected.shared
                    && found.page_size_log2 == expected.page_size_log2
                    && limits_match(found.min, found.max, expected.min, expected.max)
            }
            (Self::Global(found), Self::Global(expected)) => {
                found.mutability == expected.mutability
                    && match found.mutability {
                        Mutability::Const => found.content.matches(expected.content),
                        Mutability::Var => found.content == expected.content,
                    }
            }
            (Self::Tag(found), Self::Tag(expected)) => found == expected,
            _ => false,
        }
    }

    /// The type of the function, where it is one.
    #[must_use]
    pub const fn func(&self) -> Option<&FuncType> {
        match self {
            Self::Func(ty) => Some(ty),
            _ => None,
        }
    }

    /// The type of the table, where it is one.
    #[must_use]
    pub const fn table(&self) -> Option<&TableType> {
        match self {
            Self::Table(ty) => Some(ty),
            _ => None,
        }
    }

    /// The type of the memory, where it is one.
    #[must_use]
    pub const fn memory(&self) -> Option<&MemoryType> {
        match self {
            Self::Memory(ty) => Some(ty),
            _ => None,
        }
    }

    /// The type of the global, where it is one.
    #[must_use]
    pub const fn global(&self) -> Option<&GlobalType> {
        match self {
            Self::Global(ty) => Some(ty),
            _ => None,
        }
    }

    /// The type of the tag, where it is one.
    #[must_use]
    pub const fn tag(&self) -> Option<&TagType> {
        match self {
            Self::Tag(ty) => Some(ty),
            _ => None,
        }
    }

    /// `func`, `table`, `memory`, `global` or `tag`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Func(_) => "func",
            Self::Table(_) => "table",
            Self::Memory(_) => "memory",
            Self::Global(_) => "global",
            Self::Tag(_) => "tag",
        }
    }
}
