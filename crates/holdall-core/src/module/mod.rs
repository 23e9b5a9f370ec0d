//! Modules without code: sections, constant expressions, segments, names; decoding and validation by
//! wasmparser; and the format in which lowered code travels beside a module.

mod const_expr;
mod fault;
pub(crate) mod from_wasmparser;
mod image;
mod lacking;
mod name_section;
mod outline;
mod parse;
mod precompiled;
mod proposals;
mod sections;
mod segments;
mod side_by_side;
mod uses;
mod validate;
mod weight;

pub use const_expr::ConstExpr;
pub use fault::Fault;
pub use image::{BLOCK_BYTES, Blocks, MemoryImage};
pub use name_section::NameSection;
pub use outline::Outline;
pub use precompiled::{
    Header, MEANING_OF_CODE, Unfit, checksum, read as read_code, write as write_code,
};
pub use proposals::{Proposal, Proposals};
pub use sections::{ExportKind, Import, ImportKind, Sections, import_indices};
pub use segments::{DataMode, DataSegment, ElemItems, ElemMode, ElemSegment};
pub use side_by_side::side_by_side;
pub use weight::reckon;
