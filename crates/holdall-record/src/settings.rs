//! The engine and the limits that a recording was made with, for its replay.

use std::time::Instant;

use holdall::{Config, Limits, Pool};

use crate::divergence::ReplayError;
use crate::format::{LimitsRecord, Settings};

/// The largest value stack that a recording can ask for, in bytes.
const MAX_STACK_BYTES: u64 = 1 << 30;
/// The largest pool that a recording can ask for, in bytes.
const MAX_POOL_BYTES: u64 = 1 << 32;

/// The configuration of the engine, which meters where the recorded one did, or where that is asked for.
pub(crate) fn config(settings: &Settings, metered: bool) -> Result<Config, ReplayError> {
    let off = settings.off().map_err(|name| {
        ReplayError::Settings(format!(
            "proposal {name:?} is off, which this holdall does not know"
        ))
    })?;
    let stack = size("a stack", settings.stack_bytes, MAX_STACK_BYTES)?;
    let mut config = Config::new()
        .metering(settings.metering || metered)
        .canonical_nans(settings.canonical_nans)
        .stack_size_bytes(stack);
    for proposal in off.iter() {
        config = config.wasm_proposal(proposal, false);
    }
    if let Some(bytes) = settings.pool_bytes {
        let pool = Pool::new(size("a pool", bytes, MAX_POOL_BYTES)?);
        config = config.pool(pool.map_err(ReplayError::Engine)?);
    }
    let limits_of_loading = LimitsRecord {
        fuel: None,
        ..settings.limits.clone()
    };
    Ok(config.limits(limits(&limits_of_loading, None)))
}

fn size(what: &str, bytes: u64, most: u64) -> Result<usize, ReplayError> {
    match usize::try_from(bytes) {
        Ok(size) if bytes <= most => Ok(size),
        _ => Err(ReplayError::Settings(format!(
            "{what} of {bytes} bytes, expected at most {most}"
        ))),
    }
}

/// The limits of a store.
pub(crate) fn limits(record: &LimitsRecord, deadline: Option<Instant>) -> Limits {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut limits = Limits::new()
        .table_elements(number(record.table_elements))
        .table_elements_each(number(record.table_elements_each))
        .instances(number(record.instances))
        .memories(number(record.memories))
        .tables(number(record.tables));
    if let Some(bytes) = record.memory_bytes {
        limits = limits.memory_bytes(number(bytes));
    }
    if let Some(bytes) = record.memory_bytes_each {
        limits = limits.memory_bytes_each(number(bytes));
    }
    if let Some(fuel) = record.fuel {
        limits = limits.fuel(fuel);
    }
    if let Some(deadline) = deadline {
        limits = limits.deadline(deadline);
    }
    limits
}
