//! Clocks.

use wasi_common::snapshots::preview_1::types::Clockid;

use super::{Call, Ptr, Result};

pub(crate) fn clock_res_get(call: &mut Call<'_>, _: Clockid, out: Ptr) -> Result<()> {
    let nanos = call.context.clocks()?.resolution_nanos();
    call.put(out.0, nanos)
}

/// The precision is what a guest could do with; it gets the best there is.
pub(crate) fn clock_time_get(
    call: &mut Call<'_>,
    id: Clockid,
    _precision: u64,
    out: Ptr,
) -> Result<()> {
    let nanos = call.context.clocks()?.nanos(id)?;
    call.put(out.0, nanos)
}
