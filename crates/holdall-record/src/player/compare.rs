//! What guests ask for is compared with what is recorded.

use super::{Context, Over, Played, Player, Stop};
use crate::divergence::DivergenceKind;
use crate::format::{Record, Seen, Value};
use crate::show::seen;

impl Player {
    /// Takes the next record, which is to be this call.
    pub(super) fn expect_call(
        &self,
        function: u32,
        caller: Option<u32>,
        args: &[Value],
    ) -> Played<()> {
        let is_it = match self.peek() {
            None => {
                self.lock().stop = Some(Stop::Ended);
                return Err(Over);
            }
            Some(Record::Other(what)) => return Err(self.cannot(&what)),
            Some(Record::HostCall {
                function: it,
                caller: by,
                args: with,
            }) => it == function && by == caller && with == args,
            Some(_) => false,
        };
        if is_it {
            return self.next().map(drop);
        }
        let found = self.lock().shower.host_call(function, caller, args);
        Err(self.diverge(DivergenceKind::Call, self.next_text(), found))
    }

    /// Notes that a call of a function of the host has ended.
    pub(super) fn finish_call(&self) -> Played<()> {
        let mut state = self.lock();
        let ended = state.shower.ended();
        if ended.is_some() && ended == state.until {
            state.stop = Some(Stop::Until);
            return Err(Over);
        }
        Ok(())
    }

    pub(super) fn read(
        &self,
        context: &Context<'_>,
        memory: u32,
        at: u64,
        expected: &Seen<'_>,
    ) -> Played<()> {
        let memory = self.memory(context, memory)?;
        let bytes = usize::try_from(at).ok().and_then(|at| {
            let len = usize::try_from(expected.len()).ok()?;
            memory.data(context).get(at..)?.get(..len)
        });
        let found = Seen::of(bytes.unwrap_or_default());
        if bytes.is_some() && found == *expected {
            return Ok(());
        }
        let text = |bytes: &Seen<'_>| format!("{} bytes at {at:#x}: {}", bytes.len(), seen(bytes));
        Err(self.diverge(DivergenceKind::Data, text(expected), text(&found)))
    }
}
