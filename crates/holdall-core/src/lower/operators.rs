//! Reading the operators of a body that was validated. Knows nothing of what they mean.

use wasmparser::{
    BinaryReader, FrameKind, FrameStack, FunctionBody, Operator, Result, VisitOperator,
    VisitSimdOperator,
};

/// The operators of a body from one operator on. A copy takes the same time however deep blocks are
/// nested. wasmparser's own reader keeps the kinds of all open blocks, and copies them.
#[derive(Clone)]
pub(super) struct Operators<'m>(BinaryReader<'m>);

impl<'m> Operators<'m> {
    /// The operators of a body.
    pub(super) fn of(body: &FunctionBody<'m>) -> Result<Self> {
        Ok(Self(body.get_operators_reader()?.get_binary_reader()))
    }

    /// Whether there are no more operators.
    pub(super) fn eof(&self) -> bool {
        self.0.eof()
    }

    /// Where in the module's bytes the next operator begins.
    pub(super) fn offset(&self) -> u64 {
        self.0.original_position()
    }

    /// The next operator.
    pub(super) fn read(&mut self) -> Result<Operator<'m>> {
        let at = self.0.clone();
        self.0.visit_operator(&mut Validated(at))
    }
}

/// Makes operators, for a body whose blocks are known to be well formed.
/// Reads from the operator that is being made on.
struct Validated<'m>(BinaryReader<'m>);

/// The opcode of `else`.
const ELSE: u8 = 0x05;
/// The opcode of `delegate`.
const DELEGATE: u8 = 0x18;

impl FrameStack for Validated<'_> {
    fn current_frame(&self) -> Option<FrameKind> {
        // wasmparser asks for the kind where only one kind of block may be open, as validation found.
        Some(match self.0.clone().read_u8().ok()? {
            ELSE => FrameKind::If,
            DELEGATE => FrameKind::LegacyTry,
            _ => FrameKind::LegacyCatch,
        })
    }
}

macro_rules! visit {
    ($(@$proposal:ident $operator:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($_:tt)*))*) => {$(
        fn $visit(&mut self $($(, $arg: $ty)*)?) -> Operator<'a> {
            Operator::$operator $({ $($arg),* })?
        }
    )*};
}
impl<'a> VisitOperator<'a> for Validated<'_> {
    type Output = Operator<'a>;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Operator<'a>>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(visit);
}
impl<'a> VisitSimdOperator<'a> for Validated<'_> {
    wasmparser::for_each_visit_simd_operator!(visit);
}
