//! Arguments and environment.

use super::{Call, Ptr, Result};

pub(crate) fn args_get(call: &mut Call<'_>, argv: Ptr, argv_buf: Ptr) -> Result<()> {
    call.context.args.write(&mut call.memory, argv, argv_buf)
}

pub(crate) fn args_sizes_get(call: &mut Call<'_>, argc: Ptr, size: Ptr) -> Result<()> {
    let (count, bytes) = call.context.args.sizes()?;
    call.put(argc.0, count)?;
    call.put(size.0, bytes)
}

pub(crate) fn environ_get(call: &mut Call<'_>, environ: Ptr, buf: Ptr) -> Result<()> {
    call.context.env.write(&mut call.memory, environ, buf)
}

pub(crate) fn environ_sizes_get(call: &mut Call<'_>, count: Ptr, size: Ptr) -> Result<()> {
    let (variables, bytes) = call.context.env.sizes()?;
    call.put(count.0, variables)?;
    call.put(size.0, bytes)
}
