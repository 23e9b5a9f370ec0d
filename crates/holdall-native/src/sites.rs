//! Instructions that call, or that end the function: what happens at each of them is noted for the tables.
//!
//! Where the function ends under a condition, there is one instruction of Cranelift's that traps, and no block of
//! its own. What such an instruction jumps to becomes a call of the text's end when the code is put together.

use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{
    AbiParam, BlockCall, ExceptionTable, ExceptionTableData, ExceptionTableItem, ExtFuncData,
    ExternalName, FuncRef, Inst, InstBuilder, SigRef, Signature, SourceLoc, TrapCode,
    UserExternalName, Value,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use holdall_core::native::{Place, Runtime};

use crate::function::runtime_function;
use crate::names::Name;

/// The trap that becomes a call of the text's end.
pub(crate) const ENDS: TrapCode = TrapCode::unwrap_user(1);
/// The trap that nothing reaches.
const UNREACHED: TrapCode = TrapCode::unwrap_user(2);

/// An instruction that calls, or ends the function under a condition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) place: Place,
    /// Whether the instruction ends the function under a condition.
    pub(crate) is_check: bool,
}

/// The sites of a function. Cranelift keeps the number of each as the source location of the site's instruction.
#[derive(Debug, Default)]
pub(crate) struct Sites(pub(crate) Vec<Site>);

impl Sites {
    fn at<T>(
        &mut self,
        b: &mut FunctionBuilder<'_>,
        site: Site,
        build: impl FnOnce(&mut FunctionBuilder<'_>) -> T,
    ) -> T {
        // A function has less than 2^23 bytes.
        b.set_srcloc(SourceLoc::new(self.0.len() as u32));
        self.0.push(site);
        let built = build(b);
        b.set_srcloc(SourceLoc::default());
        built
    }

    /// Has `call` make an instruction that calls at a place.
    pub(crate) fn call(
        &mut self,
        b: &mut FunctionBuilder<'_>,
        place: Place,
        call: impl FnOnce(&mut FunctionBuilder<'_>) -> Inst,
    ) -> Inst {
        let is_check = false;
        self.at(b, Site { place, is_check }, call)
    }

    /// Ends the function at a place where a condition is not zero. Gives the instruction.
    pub(crate) fn end_if(
        &mut self,
        b: &mut FunctionBuilder<'_>,
        condition: Value,
        place: Place,
    ) -> Inst {
        let is_check = true;
        self.at(b, Site { place, is_check }, |b| {
            b.ins().trapnz(condition, ENDS)
        })
    }

    /// Ends the function at a place.
    pub(crate) fn end(&mut self, b: &mut FunctionBuilder<'_>, place: Place) {
        let callee = named(b, Name::End, Signature::new(CallConv::SystemV));
        self.call(b, place, |b| b.ins().call(callee, &[]));
        b.ins().trap(UNREACHED);
    }

    /// Ends the function at a place by a call of the runtime; what is thrown there lands where `landing` says.
    pub(crate) fn end_by_runtime(
        &mut self,
        b: &mut FunctionBuilder<'_>,
        instance: Value,
        place: Place,
        landing: Option<BlockCall>,
    ) {
        let end = runtime_function(b, instance, Runtime::End);
        // The convention in which arguments are as in that of the platform, and no register has to be restored where
        // the call lands.
        let mut signature = Signature::new(CallConv::PreserveAll);
        signature.params.push(AbiParam::new(I64));
        let signature = b.import_signature(signature);
        if let Some(landing) = landing {
            let unreached = b.create_block();
            b.set_cold_block(unreached);
            let returned = b.func.dfg.block_call(unreached, &[]);
            let ways = ways(b, signature, returned, landing);
            self.call(b, place, |b| {
                b.ins().try_call_indirect(end, &[instance], ways)
            });
            b.seal_block(unreached);
            b.switch_to_block(unreached);
        } else {
            self.call(b, place, |b| {
                b.ins().call_indirect(signature, end, &[instance])
            });
        }
        b.ins().trap(UNREACHED);
    }

    /// Calls at a place, goes on at `returned` where the call returns, and at `landing` where something is thrown.
    pub(crate) fn try_call(
        &mut self,
        b: &mut FunctionBuilder<'_>,
        place: Place,
        callee: FuncRef,
        args: &[Value],
        returned: BlockCall,
        landing: BlockCall,
    ) {
        let signature = b.func.dfg.ext_funcs[callee].signature;
        let ways = ways(b, signature, returned, landing);
        self.call(b, place, |b| b.ins().try_call(callee, args, ways));
    }
}

/// Where a call of a signature goes on that returns, and one at which something was thrown.
fn ways(
    b: &mut FunctionBuilder<'_>,
    signature: SigRef,
    returned: BlockCall,
    landing: BlockCall,
) -> ExceptionTable {
    let landings = [ExceptionTableItem::Default(landing)];
    let ways = ExceptionTableData::new(signature, returned, landings);
    b.func.dfg.exception_tables.push(ways)
}

/// A function of the same text.
pub(crate) fn named(b: &mut FunctionBuilder<'_>, name: Name, signature: Signature) -> FuncRef {
    let (namespace, index) = name.parts();
    let name = UserExternalName::new(namespace, index);
    let name = b.func.declare_imported_user_function(name);
    let signature = b.import_signature(signature);
    b.import_function(ExtFuncData {
        name: ExternalName::user(name),
        signature,
        colocated: true,
        patchable: false,
    })
}
