//! The options that limit a run, and what they set in a policy.

use std::time::Duration;

use holdall_pack::Policy;

/// Limits of work, time and memory.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// End the run after this many units of fuel, about one for each instruction
    #[arg(long, value_name = "UNITS")]
    fuel: Option<u64>,
    /// End the run after this time, loading and waiting included: 500ms, 10s, 5m, 1h
    #[arg(long, value_name = "DURATION", value_parser = holdall::text::parse_duration)]
    timeout: Option<Duration>,
    /// Size of the guests' stack in bytes: 65536, 64KiB, 10MiB, 1GiB
    #[arg(long, value_name = "SIZE", value_parser = holdall::text::parse_size)]
    stack_size: Option<usize>,
    /// Bytes of all linear memories together at most, and with 1 MiB more of all that the guests make
    /// this process hold: memories, tables, modules, and what WASI keeps: 65536, 64KiB, 10MiB, 1GiB
    #[arg(long, value_name = "SIZE", value_parser = holdall::text::parse_size)]
    max_memory: Option<usize>,
    /// Take memories, tables, stack and code from so many bytes and no more: 10MiB; unless --max-memory
    /// says otherwise, it bounds the rest that the guests make this process hold as well
    #[arg(long, value_name = "SIZE", value_parser = holdall::text::parse_size)]
    pool: Option<usize>,
}

impl LimitArgs {
    /// The timeout that the options set.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Sets the limits in a policy.
    pub(super) fn limit(&self, policy: Policy) -> Policy {
        let bytes = |size: Option<usize>| size.map(|size| size as u64);
        Policy {
            fuel: self.fuel,
            timeout: self.timeout,
            stack_bytes: bytes(self.stack_size),
            memory_bytes: bytes(self.max_memory),
            pool_bytes: bytes(self.pool),
            ..policy
        }
    }
}
