//! Arguments and environment.

use super::{Call, Ptr, Result};
use crate::memory::Memory;

pub(crate) fn args_get(call: &mut Call<'_>, argv: Ptr, argv_buf: Ptr) -> Result<()> {
    let (args, memory) = (&call.context.args, &mut call.memory);
    args.write(memory, argv, argv_buf, Memory::put_bytes)
}

pub(crate) fn args_sizes_get(call: &mut Call<'_>, argc: Ptr, size: Ptr) -> Result<()> {
    let (count, bytes) = call.context.args.sizes()?;
    call.put(argc.0, count)?;
    call.put(size.0, bytes)
}

pub(crate) fn environ_get(call: &mut Call<'_>, environ: Ptr, buf: Ptr) -> Result<()> {
    let (env, memory) = (&call.context.env, &mut call.memory);
    env.write(memory, environ, buf, Memory::put_environment)
}

pub(crate) fn environ_sizes_get(call: &mut Call<'_>, count: Ptr, size: Ptr) -> Result<()> {
    let (variables, bytes) = call.context.env.sizes()?;
    call.put(count.0, variables)?;
    call.put(size.0, bytes)
}
