//! Checks against a store's limits, and how a refusal is told: it names the limit, what the limit
//! allows, what was asked for, and the way out.

use super::Limits;
use crate::error::{Error, Result};

/// How to make an engine that can limit the time of executions.
const METERED: &str = "make the engine with `Config::metering(true)`";

impl Limits {
    /// Whether a linear memory of `from` bytes (0 for a new one) may grow to `to` bytes, when all
    /// memories together have `used` bytes.
    pub(crate) fn check_memory(&self, used: usize, from: usize, to: usize) -> Result<()> {
        let more = to.saturating_sub(from);
        if let Some(limit) = self.memory_bytes_each {
            Ask::new("memory_bytes_each", "bytes of one linear memory").check(limit, from, more)?;
        }
        if let Some(limit) = self.memory_bytes {
            Ask::new("memory_bytes", "bytes of linear memory").check(limit, used, more)?;
        }
        Ok(())
    }

    /// Whether a table of `from` elements (0 for a new one) may grow to `to` elements, when all
    /// tables together have `used` elements.
    pub(crate) fn check_table(&self, used: usize, from: usize, to: usize) -> Result<()> {
        let more = to.saturating_sub(from);
        Ask::new("table_elements_each", "elements of one table").check(
            self.table_elements_each,
            from,
            more,
        )?;
        Ask::new("table_elements", "table elements").check(self.table_elements, used, more)
    }

    /// Whether `more` instances may be added to `count`.
    pub(crate) fn check_instances(&self, count: usize, more: usize) -> Result<()> {
        Ask::new("instances", "instances").check(self.instances, count, more)
    }

    /// Whether `more` linear memories may be added to `count`.
    pub(crate) fn check_memories(&self, count: usize, more: usize) -> Result<()> {
        Ask::new("memories", "linear memories").check(self.memories, count, more)
    }

    /// Whether `more` tables may be added to `count`.
    pub(crate) fn check_tables(&self, count: usize, more: usize) -> Result<()> {
        Ask::new("tables", "tables").check(self.tables, count, more)
    }

    /// Whether an engine can hold executions to these limits; `metering` says whether the engine
    /// meters.
    pub(crate) fn check_metering(&self, metering: bool) -> Result<()> {
        if metering {
            return Ok(());
        }
        let limit = match (self.fuel, self.deadline) {
            (Some(_), _) => "fuel",
            (_, Some(_)) => "deadline",
            (None, None) => return Ok(()),
        };
        Err(not_metered(format_args!("limit `{limit}` of the store")))
    }
}

/// The error of `what`, which needs an engine that meters, in an engine that does not.
#[cold]
pub(super) fn not_metered(what: impl std::fmt::Display) -> Error {
    Error::usage(format!("{what}: the engine does not meter; {METERED}"))
}

/// Something that is limited: the name of the limit, and the unit that it counts.
struct Ask {
    limit: &'static str,
    unit: &'static str,
}

impl Ask {
    const fn new(limit: &'static str, unit: &'static str) -> Self {
        Self { limit, unit }
    }

    fn check(&self, limit: usize, used: usize, asked: usize) -> Result<()> {
        let left = limit.saturating_sub(used);
        if asked <= left {
            Ok(())
        } else {
            Err(self.refuse(limit, used, asked, left))
        }
    }

    #[cold]
    fn refuse(&self, limit: usize, used: usize, asked: usize, left: usize) -> Error {
        let Self { limit: name, unit } = self;
        Error::resource(format!(
            "limit `{name}` of the store: {limit} {unit} allowed, {asked} asked for, {used} used, \
             {left} left; raise it with `Limits::{name}`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_let_a_full_32_bit_memory_and_table_pass() {
        let limits = Limits::new();
        limits.check_memory(usize::MAX, 0, usize::MAX).unwrap();
        limits.check_table(0, 0, 10_000_000).unwrap();
        limits.check_table(0, 0, 10_000_001).unwrap_err();
    }

    #[test]
    fn a_refusal_names_limit_asked_used_and_left() {
        let limits = Limits::new().memory_bytes(100);
        let message = limits.check_memory(60, 10, 51).unwrap_err().to_string();
        assert_eq!(
            message,
            "limit `memory_bytes` of the store: 100 bytes of linear memory allowed, 41 asked for, \
             60 used, 40 left; raise it with `Limits::memory_bytes`"
        );
    }

    #[test]
    fn the_last_byte_and_the_last_instance_are_usable() {
        let limits = Limits::new()
            .memory_bytes(100)
            .memory_bytes_each(50)
            .instances(1)
            .memories(2)
            .tables(0);
        limits.check_memory(60, 10, 50).unwrap();
        limits.check_memory(0, 10, 51).unwrap_err();
        limits.check_memory(70, 0, 31).unwrap_err();
        limits.check_instances(0, 1).unwrap();
        limits.check_instances(1, 1).unwrap_err();
        limits.check_memories(1, 1).unwrap();
        limits.check_memories(2, 1).unwrap_err();
        limits.check_tables(0, 0).unwrap();
        limits.check_tables(0, 1).unwrap_err();
    }

    #[test]
    fn a_store_over_its_limit_may_still_ask_for_nothing() {
        let limits = Limits::new().memory_bytes(10).table_elements(10);
        limits.check_memory(20, 20, 20).unwrap();
        limits.check_table(20, 20, 20).unwrap();
        limits.check_memory(20, 20, 21).unwrap_err();
    }

    #[test]
    fn sums_near_the_end_of_usize_do_not_wrap() {
        let limits = Limits::new().memory_bytes(usize::MAX - 1);
        limits.check_memory(usize::MAX, 0, usize::MAX).unwrap_err();
    }

    #[test]
    fn time_is_limited_by_an_engine_that_meters_only() {
        for limits in [
            Limits::new().fuel(1),
            Limits::new().timeout(std::time::Duration::ZERO),
        ] {
            limits.check_metering(true).unwrap();
            let message = limits.check_metering(false).unwrap_err().to_string();
            assert!(message.contains("Config::metering(true)"), "{message}");
        }
        let far = Limits::new().timeout(std::time::Duration::MAX);
        far.check_metering(false).unwrap();
    }
}
