//! What a module takes of the host's memory, in the account of the store that holds it.

#![allow(
    clippy::ptr_arg,
    reason = "bytes that are a part of the program are not weighed"
)]

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use holdall_core::module::reckon;

use crate::engine::Engine;
use crate::limits::Account;
use crate::limits::{Full, Held};

/// The weight of a module. It is in the account of whoever held the module first; before that it is in
/// nobody's.
#[derive(Debug)]
pub(crate) struct Weight {
    bytes: AtomicUsize,
    held: OnceLock<Held>,
}

impl Weight {
    /// The weight of a module of these bytes, reckoned before anything is made of them.
    ///
    /// # Errors
    ///
    /// When the module alone weighs more than the engine's limits allow.
    pub(super) fn of(bytes: &Cow<'static, [u8]>, engine: &Engine) -> Result<Self, Full> {
        Self::known(reckon(bytes) as u64, engine)
    }

    /// [`Weight::of`] a module whose weight was reckoned before, in bytes.
    pub(super) fn known(bytes: u64, engine: &Engine) -> Result<Self, Full> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        engine.account().hold(bytes, WHAT).map(drop)?;
        Ok(Self {
            bytes: AtomicUsize::new(bytes),
            held: OnceLock::new(),
        })
    }

    /// Puts the weight into this account, if it is in none yet.
    pub(crate) fn hold_in(&self, account: &Account) -> Result<(), Full> {
        if self.held.get().is_none() {
            let held = account.hold(self.bytes.load(Ordering::Relaxed), WHAT)?;
            // Where another thread was first, `held` is given back.
            let _ = self.held.set(held);
        }
        Ok(())
    }

    /// Adds the bytes of what was made of the module later.
    pub(super) fn grow(&self, more: usize, what: &'static str) -> Result<(), Full> {
        match self.held.get() {
            Some(held) => held.grow(more, what),
            None => {
                self.bytes.fetch_add(more, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}

/// Holds the weight of a module, in bytes, while the module is being made.
pub(crate) fn hold(bytes: usize, account: &Account) -> Result<Held, Full> {
    account.hold(bytes, WHAT)
}

const WHAT: &str = "a module";
