//! Validation of function bodies.

use std::ops::Range;

use wasmparser::{FuncToValidate, FuncValidatorAllocations, FunctionBody, ValidatorResources};

use super::fault::Fault;
use super::parse::in_bytes;
use super::side_by_side::side_by_side;
use crate::compile::{self, Rejection};
use crate::limits::Limits;

/// A body with what validates it.
type Body<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

/// Validates function bodies, and says where in the module they are.
pub(super) fn validate_bodies(
    bodies: Vec<Body<'_>>,
    limits: &Limits,
) -> Result<Vec<Range<usize>>, Fault> {
    let ranges: Vec<_> = bodies
        .iter()
        .map(|(_, body)| in_bytes(body.range()))
        .collect();
    let bytes = ranges.iter().map(Range::len).sum();
    side_by_side(
        bodies,
        bytes,
        |allocs: &mut FuncValidatorAllocations, (func, body)| {
            let index = func.index;
            let validated = compile::validate(func, &body, std::mem::take(allocs), limits);
            *allocs = validated.map_err(|rejection| {
                let fault = match rejection {
                    Rejection::Invalid(error) => Fault::in_body(error, &body),
                    Rejection::Limit(message) => Fault::in_func(index, message),
                };
                (index, fault)
            })?;
            Ok(())
        },
    )?;
    Ok(ranges)
}
