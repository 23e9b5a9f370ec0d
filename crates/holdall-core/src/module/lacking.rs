//! Which proposals a module that was refused would be valid with.

use std::time::Duration;

use wasmparser::{ValidPayload, Validator};

use super::fault::Fault;
use super::parse::parser;
use super::proposals::Proposals;
use super::uses::{Stopped, uses};
use super::validate::validate_bodies;
use crate::bounds::Bounds;
use crate::clock::Clock;

/// The longest time that wasmparser takes to validate a byte of a section.
const TIME_OF_BYTE: Duration = Duration::from_nanos(400);

/// The fault of a module that was refused. Where the module is valid with all known proposals, the
/// fault says which of them are not in `bounds`. Takes about twice the time of a valid module's
/// validation at most, and leaves the fault as it is where there is no time.
pub(super) fn name_proposals(fault: Fault, bytes: &[u8], bounds: &Bounds, clock: &Clock) -> Fault {
    match fault {
        Fault::Malformed { message, offset } | Fault::Invalid { message, offset }
            if let Some(proposals) = find(bytes, bounds, clock) =>
        {
            Fault::Lacking {
                proposals,
                message,
                offset,
            }
        }
        fault => fault,
    }
}

/// The proposals outside of `bounds` that a module uses, which is valid with all known proposals.
fn find(bytes: &[u8], bounds: &Bounds, clock: &Clock) -> Option<Proposals> {
    let used = uses(bytes, &mut clock.watch()).ok()?;
    let lacking = used.difference(bounds.proposals);
    let valid = !lacking.is_empty() && validate(bytes, bounds, clock).is_ok();
    valid.then_some(lacking)
}

/// Validates a module with all known proposals.
fn validate(bytes: &[u8], bounds: &Bounds, clock: &Clock) -> Result<(), Stopped> {
    let features = Proposals::KNOWN.features();
    let mut validator = Validator::new_with_features(features);
    let bounds = &Bounds {
        proposals: Proposals::KNOWN,
        ..bounds.clone()
    };
    let mut bodies = Vec::new();
    // wasmparser validates a section in one go.
    clock.admit(TIME_OF_BYTE.saturating_mul(u32::try_from(bytes.len()).unwrap_or(u32::MAX)))?;
    for payload in parser(features).parse_all(bytes) {
        if let ValidPayload::Func(func, body) = validator.payload(&payload?)? {
            bodies.push((func, body));
        }
    }
    validate_bodies(bodies, bounds, clock).map_err(|_| Stopped)
}
