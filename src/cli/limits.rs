//! What a run may take: the options, and what they set.

use std::time::Duration;

use holdall::{Config, Limits, Pool};

use super::{duration, size};

/// The most of a pool that is taken for the stack, unless its size is given: one part in so many.
const STACK_PART_OF_POOL: usize = 8;

/// What a run may take, of work, time and memory.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// How much the guests may do: units of fuel, about one for each instruction
    #[arg(long, value_name = "UNITS")]
    fuel: Option<u64>,
    /// How long it may take, waiting included: 500ms, 10s, 5m, 1h
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Bytes of the guests' stack: 65536, 64KiB, 10MiB, 1GiB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    stack_size: Option<usize>,
    /// Bytes of all linear memories together at most: 65536, 64KiB, 10MiB, 1GiB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_memory: Option<usize>,
    /// Take memories, tables, stack and code from so many bytes and no more: 10MiB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pool: Option<usize>,
}

impl LimitArgs {
    /// The configuration of an engine for them.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let metering = self.fuel.is_some() || self.timeout.is_some();
        let mut config = Config::new().metering(metering);
        if let Some(size_bytes) = self.pool {
            let stack = config.stack_size_bytes.min(size_bytes / STACK_PART_OF_POOL);
            config = config.pool(Pool::new(size_bytes)?).stack_size_bytes(stack);
        }
        if let Some(size_bytes) = self.stack_size {
            config = config.stack_size_bytes(size_bytes);
        }
        Ok(config)
    }

    /// The limits of a store. A timeout begins now.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::new();
        if let Some(size_bytes) = self.max_memory {
            limits = limits.memory_bytes(size_bytes);
        }
        if let Some(units) = self.fuel {
            limits = limits.fuel(units);
        }
        if let Some(timeout) = self.timeout {
            limits = limits.timeout(timeout);
        }
        limits
    }
}
