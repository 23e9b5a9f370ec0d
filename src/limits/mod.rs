//! How much a module or a store may take: the limits of loading, which are constants, and the
//! limits of a store, which the embedder sets; and the pool, which is all that an engine has. Knows
//! numbers, names and bytes only, nothing of modules.

mod heap;
mod load;
mod pool;
mod ranges;

pub use pool::Pool;

pub(crate) use heap::Heap;
pub(crate) use load::{MAX_CONST_EXPR_OPS, MAX_MODULE_BYTES};
pub(crate) use pool::Refusal;
pub(crate) use ranges::End;

use crate::error::{Error, Result};

/// What the guests of one store may take together.
///
/// A limit that is reached makes an instantiation return an error, `memory.grow` and `table.grow`
/// give -1 (WebAssembly 2.0, 4.4.7 and 4.4.6), and the embedder's own calls return an error that
/// names the limit.
///
/// ```
/// let limits = holdall::Limits::new()
///     .memory_bytes(64 << 20)
///     .instances(16);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of all linear memories together; `None`, the default, sets no limit.
    pub memory_bytes: Option<usize>,
    /// Bytes of each linear memory; `None`, the default, leaves it at the 4 GiB that 32-bit
    /// addresses reach.
    pub memory_bytes_each: Option<usize>,
    /// Elements of all tables together, of 8 bytes each; 50,000,000 by default.
    pub table_elements: usize,
    /// Elements of each table, of 8 bytes each; 10,000,000 by default.
    pub table_elements_each: usize,
    /// Instances of modules, including those whose instantiation trapped; 100,000 by default.
    pub instances: usize,
    /// Linear memories; 100,000 by default.
    pub memories: usize,
    /// Tables; 100,000 by default.
    pub tables: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: None,
            memory_bytes_each: None,
            table_elements: 50_000_000,
            table_elements_each: 10_000_000,
            instances: 100_000,
            memories: 100_000,
            tables: 100_000,
        }
    }
}

impl Limits {
    /// The default limits, which suit a guest that is trusted not to waste; see each field.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the bytes of all linear memories together.
    #[must_use]
    pub fn memory_bytes(mut self, size_bytes: usize) -> Self {
        self.memory_bytes = Some(size_bytes);
        self
    }

    /// Limits the bytes of each linear memory.
    #[must_use]
    pub fn memory_bytes_each(mut self, size_bytes: usize) -> Self {
        self.memory_bytes_each = Some(size_bytes);
        self
    }

    /// Limits the elements of all tables together, of 8 bytes each.
    #[must_use]
    pub fn table_elements(mut self, elements: usize) -> Self {
        self.table_elements = elements;
        self
    }

    /// Limits the elements of each table, of 8 bytes each.
    #[must_use]
    pub fn table_elements_each(mut self, elements: usize) -> Self {
        self.table_elements_each = elements;
        self
    }

    /// Limits how many instances there are.
    #[must_use]
    pub fn instances(mut self, count: usize) -> Self {
        self.instances = count;
        self
    }

    /// Limits how many linear memories there are.
    #[must_use]
    pub fn memories(mut self, count: usize) -> Self {
        self.memories = count;
        self
    }

    /// Limits how many tables there are.
    #[must_use]
    pub fn tables(mut self, count: usize) -> Self {
        self.tables = count;
        self
    }

    /// Whether a linear memory of `from` bytes (0 for a new one) may come to have `to`, when all
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

    /// Whether a table of `from` elements (0 for a new one) may come to have `to`, when all tables
    /// together have `used` elements.
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
}

/// Something that is asked of a store: the limit on it, and what is counted.
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
}
