//! The account of a store: one number for all bytes of the host that the store's guests hold.
//! Whoever makes something for a guest asks the account first, and keeps the [`Held`] that it gives
//! beside what was made: dropping the `Held` gives the bytes back.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Limits, Pool};
use crate::error::Error;

/// How many bytes a store's guests make the host hold, and how many they may
/// ([`Limits::memory_bytes`](Limits#structfield.memory_bytes)). Cloning gives another handle to the
/// same account.
#[derive(Clone, Debug)]
pub struct Account(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    /// `Limits::memory_bytes`; `usize::MAX` where there is no limit.
    limit: AtomicUsize,
    held: AtomicUsize,
}

/// Bytes that are held in an account. Dropping this gives them back.
#[derive(Debug)]
#[must_use = "dropping it gives the bytes back to the account"]
pub struct Held {
    account: Account,
    bytes: AtomicUsize,
}

/// Why an account refused bytes: they would exceed its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    what: &'static str,
    limit: usize,
    asked: usize,
    held: usize,
}

impl Account {
    /// An account that holds nothing. Its limit is
    /// [`memory_bytes`](Limits#structfield.memory_bytes) of the limits, or the size of the pool where
    /// only a pool is set. Every store has an account; another one is for tests.
    #[must_use]
    pub fn new(limits: &Limits, pool: Option<&Pool>) -> Self {
        let account = Self(Arc::new(Counts {
            limit: AtomicUsize::new(usize::MAX),
            held: AtomicUsize::new(0),
        }));
        account.set(limits, pool);
        account
    }

    /// Sets the limit. What is held stays held.
    pub(crate) fn set(&self, limits: &Limits, pool: Option<&Pool>) {
        let limit = limits.memory_bytes.or(pool.map(Pool::size_bytes));
        let limit = limit.unwrap_or(usize::MAX);
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// Counts bytes that are about to be made for a guest. `what` says what the bytes are, in words
    /// that can follow "asked for".
    ///
    /// # Errors
    ///
    /// [`Full`] when the account would hold more than the limit allows. Nothing is counted then.
    pub fn hold(&self, bytes: usize, what: &'static str) -> Result<Held, Full> {
        self.take(bytes, what)?;
        Ok(Held {
            account: self.clone(),
            bytes: AtomicUsize::new(bytes),
        })
    }

    /// How many bytes may still be held; `usize::MAX` where there is no limit.
    pub(crate) fn left(&self) -> usize {
        let most = most(self.0.limit.load(Ordering::Relaxed));
        most.saturating_sub(self.held())
    }

    /// How many bytes are held now.
    pub(crate) fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// The refusal of `asked` bytes.
    pub(crate) fn full(&self, asked: usize, what: &'static str) -> Full {
        Full {
            what,
            limit: self.0.limit.load(Ordering::Relaxed),
            asked,
            held: self.held(),
        }
    }

    fn take(&self, bytes: usize, what: &'static str) -> Result<(), Full> {
        let limit = self.0.limit.load(Ordering::Relaxed);
        let fits = |held: usize| {
            // A store over its limit may still ask for nothing.
            let sum = held.checked_add(bytes)?;
            (bytes == 0 || sum <= most(limit)).then_some(sum)
        };
        let order = Ordering::Relaxed;
        let taken = self.0.held.fetch_update(order, order, fits);
        taken.map(drop).map_err(|_| self.full(bytes, what))
    }

    fn give_back(&self, bytes: usize) {
        self.0.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The most bytes that may be held under a limit.
fn most(limit: usize) -> usize {
    limit.saturating_add(Limits::BESIDE_BYTES)
}

impl Held {
    /// Holds `more` bytes in addition.
    ///
    /// # Errors
    ///
    /// [`Full`] when the account would hold more than the limit allows. Nothing has changed then.
    pub fn grow(&self, more: usize, what: &'static str) -> Result<(), Full> {
        self.account.take(more, what)?;
        self.bytes.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }

    /// Gives `less` of the bytes back; at least as many are held.
    pub fn shrink(&self, less: usize) {
        let before = self.bytes.fetch_sub(less, Ordering::Relaxed);
        debug_assert!(before >= less, "only what is held is given back");
        self.account.give_back(less);
    }

    /// How many bytes these are.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.account.give_back(*self.bytes.get_mut());
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            limit,
            asked,
            held,
        } = self;
        write!(
            f,
            "limit `memory_bytes` of the store: {limit} bytes and {} beside them allowed for all \
             that guests hold, {asked} asked for {what}, {held} held; raise it with \
             `Limits::memory_bytes`",
            Limits::BESIDE_BYTES
        )
    }
}

impl std::error::Error for Full {}

impl From<Full> for Error {
    fn from(full: Full) -> Self {
        Self::resource(full.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BESIDE: usize = Limits::BESIDE_BYTES;

    #[test]
    fn what_is_held_is_counted_once_and_given_back_when_it_is_dropped() {
        let account = Account::new(&Limits::new().memory_bytes(100), None);
        let one = account.hold(BESIDE, "one").unwrap();
        let two = account.clone().hold(60, "two").unwrap();
        two.grow(40, "two").unwrap();
        assert_eq!((account.held(), account.left()), (BESIDE + 100, 0));
        assert_eq!(
            two.grow(1, "more of two").unwrap_err().to_string(),
            format!(
                "limit `memory_bytes` of the store: 100 bytes and {BESIDE} beside them allowed for \
                 all that guests hold, 1 asked for more of two, {} held; raise it with \
                 `Limits::memory_bytes`",
                BESIDE + 100
            )
        );
        two.shrink(10);
        assert_eq!((two.bytes(), account.left()), (90, 10));
        drop(one);
        assert_eq!(account.held(), 90);
        drop(two);
        assert_eq!(account.held(), 0);
    }

    #[test]
    fn an_account_over_its_limit_gives_nothing_and_may_be_asked_for_nothing() {
        let account = Account::new(&Limits::new(), None);
        let held = account.hold(BESIDE + 2, "all").unwrap();
        account.set(&Limits::new().memory_bytes(1), None);
        assert_eq!(account.left(), 0);
        account.hold(0, "nothing").map(drop).unwrap();
        account.hold(1, "a byte").unwrap_err();
        drop(held);
        account.hold(1, "a byte").map(drop).unwrap();
    }

    #[test]
    fn sums_near_the_end_of_usize_do_not_wrap() {
        let account = Account::new(&Limits::new(), None);
        let held = account.hold(usize::MAX, "all").unwrap();
        held.grow(1, "more").unwrap_err();
        drop(held);
        assert_eq!(account.held(), 0);
    }
}
