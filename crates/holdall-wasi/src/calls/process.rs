//! The process, the scheduler and randomness.

use super::{Call, Errno, Fault, Ptr, Result};
use holdall::I32Exit;

/// How many random bytes are made before somebody looks whether the guest is to end.
const RANDOM_CHUNK_BYTES: u32 = 1 << 16;

/// Ends the guest with an exit code.
pub(crate) fn proc_exit(_: &mut Call<'_>, code: u32) -> Result<()> {
    Err(Fault::End(I32Exit(code.cast_signed()).into()))
}

/// There are no signals.
pub(crate) fn proc_raise(_: &mut Call<'_>, _signal: u32) -> Result<()> {
    Err(Errno::Notsup.into())
}

pub(crate) fn sched_yield(call: &mut Call<'_>) -> Result<()> {
    if !call.context.is_virtual() {
        std::thread::yield_now();
    }
    Ok(())
}

pub(crate) fn random_get(call: &mut Call<'_>, buf: Ptr, len: u32) -> Result<()> {
    let random = call.context.random.as_mut().ok_or(Errno::Notcapable)?;
    // All of them are there, or nothing is written.
    call.memory.fill(buf, len, |_| Ok(0))?;
    for at in (0..len).step_by(RANDOM_CHUNK_BYTES as usize) {
        let size = RANDOM_CHUNK_BYTES.min(len - at);
        call.memory.owe_bytes(size as usize);
        call.memory.pay(call.meter)?;
        call.meter.check()?;
        call.memory.fill(Ptr(buf.0 + at), size, |chunk| {
            random.try_fill_bytes(chunk).map_err(|_| Errno::Io)?;
            Ok(chunk.len())
        })?;
    }
    Ok(())
}
