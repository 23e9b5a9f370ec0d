//! A listing of a directory that is going on: where its entries come from, and the piece of them
//! that was read last.

use super::fault::Result;
use super::fs::{Dir, Entries, LISTING, Listed, Work};
use holdall::provide::{Account, Held};

/// A directory that a guest lists. Of its entries only one piece is kept: a guest goes on behind an
/// entry that it got, which mostly is one of the last.
pub(super) struct Listing {
    entries: Box<dyn Entries>,
    /// Where the piece begins.
    start: u64,
    piece: Vec<Listed>,
    /// What counts for the piece.
    kept: Held,
}

impl Listing {
    pub(super) fn of(dir: &dyn Dir, account: &Account) -> Result<Self> {
        Ok(Self {
            kept: account.hold(0, LISTING)?,
            entries: dir.entries()?,
            start: 0,
            piece: Vec::new(),
        })
    }

    /// The entries from a place on, as many as are at hand; none at the end. From the beginning
    /// means from what is there now.
    pub(super) fn from(&mut self, at: u64, work: &mut Work<'_>) -> Result<&[Listed]> {
        let first = match at {
            0 => None,
            at if at == self.start => Some(0),
            at => {
                let before = self.piece.iter().position(|entry| entry.next == at);
                before.map(|before| before + 1)
            }
        };
        if let Some(first) = first.filter(|first| *first < self.piece.len()) {
            return Ok(&self.piece[first..]);
        }
        self.piece = Vec::new();
        self.kept = work.account.hold(0, LISTING)?;
        let piece = self.entries.read(at, work)?;
        // What is read costs, whether the guest gets it or not.
        work.pay(piece.len() as u64)?;
        self.kept
            .grow(piece.iter().map(Listed::bytes).sum(), LISTING)?;
        self.piece = piece;
        self.start = at;
        Ok(&self.piece)
    }
}
