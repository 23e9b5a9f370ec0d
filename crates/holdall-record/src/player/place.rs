//! Where a replay stands in its recording, and how a replay ends early.

use super::{Over, Played, Player, Stop};
use crate::divergence::{Divergence, DivergenceKind, ReplayError};
use crate::format::Record;

impl Player {
    /// Takes the next record.
    pub(super) fn next(&self) -> Played<Record<'_>> {
        let mut state = self.lock();
        if state.stop.is_some() {
            return Err(Over);
        }
        match state.cursor.next(&self.bytes) {
            Some(record) => {
                state.shower.note(&record);
                Ok(record)
            }
            None => {
                state.stop = Some(Stop::Ended);
                Err(Over)
            }
        }
    }

    pub(super) fn peek(&self) -> Option<Record<'_>> {
        self.lock().cursor.peek(&self.bytes)
    }

    /// What the next record says.
    pub(super) fn next_text(&self) -> String {
        let state = self.lock();
        match state.cursor.peek(&self.bytes) {
            None => "the end of the recording".to_owned(),
            Some(record) => state.shower.phrase(&record),
        }
    }

    /// Ends the replay with an error.
    pub(super) fn stop(&self, error: ReplayError) -> Over {
        let mut state = self.lock();
        state.stop.get_or_insert(Stop::Error(Box::new(error)));
        Over
    }

    pub(super) fn malformed(&self) -> Over {
        self.stop(ReplayError::Malformed)
    }

    /// Ends the replay, because the recorded host did something that cannot be done again.
    pub(super) fn cannot(&self, what: &str) -> Over {
        let call = self.lock().shower.calls();
        self.stop(ReplayError::Host {
            call,
            what: what.to_owned(),
        })
    }

    /// Ends the replay, because the guests do something else.
    pub(super) fn diverge(&self, kind: DivergenceKind, recorded: String, found: String) -> Over {
        let state = self.lock();
        let mut rest = state.cursor.clone();
        let mut unused = 0;
        while let Some(record) = rest.next(&self.bytes) {
            unused += u64::from(matches!(record, Record::HostCall { .. }));
        }
        let (call, function) = match (state.shower.current(), kind) {
            (Some((call, function)), DivergenceKind::Data | DivergenceKind::Memory) => {
                (call, Some(function))
            }
            _ => (state.shower.calls() + 1, None),
        };
        let divergence = Divergence {
            kind,
            call,
            function,
            recorded,
            found,
            unused,
            other_module: state.modules.other(),
            is_redacted: state.is_redacted,
        };
        drop(state);
        self.stop(ReplayError::Diverged(Box::new(divergence)))
    }
}
