//! Validation of function bodies, under the watch of their module.

use wasmparser::FuncValidatorAllocations;

use super::fault::Fault;
use super::parse::Body;
use super::side_by_side::side_by_side;
use crate::bounds::Bounds;
use crate::clock::Clock;
use crate::lower::{self, Rejection};

/// Validates function bodies.
pub(super) fn validate_bodies(
    bodies: Vec<Body<'_>>,
    bounds: &Bounds,
    clock: &Clock,
) -> Result<(), Fault> {
    let sizes = bodies.iter().map(|(_, body)| body.as_bytes().len());
    let bytes = sizes.sum();
    side_by_side(
        bodies,
        bytes,
        || (FuncValidatorAllocations::default(), clock.watch()),
        |(allocs, watch), (func, body)| {
            let index = func.index;
            let validated = lower::validate(func, &body, std::mem::take(allocs), bounds, watch);
            *allocs = validated.map_err(|rejection| {
                let fault = match rejection {
                    Rejection::Invalid(error) => Fault::in_body(error, &body),
                    Rejection::Off { message, offset } => Fault::invalid_at(message, offset),
                    Rejection::Limit(message) => Fault::in_func(index, message),
                    Rejection::Ended(code) => Fault::Ended(code),
                };
                (index, fault)
            })?;
            Ok(())
        },
    )
}
